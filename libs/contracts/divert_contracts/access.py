"""Who may do what: one scope a verb, and the scopes of each role. A token names a role, and may narrow it."""

from collections.abc import Mapping
from enum import StrEnum, unique


@unique
class Role(StrEnum):
    """What somebody is to divert; a token names one."""

    CAD = "cad"
    """A dispatch system: its own agency's calls and the webhooks about them, no clinical facts."""
    DESK = "desk"
    """A dispatcher at the desk."""
    PROVIDER_DESK = "provider-desk"
    """The desk or the software of one provider: its own cases."""
    PROVIDER_TEAM = "provider-team"
    """A team of one provider."""
    OPERATIONS = "operations"
    """Whoever runs the system: where calls stand, no private words."""
    ANALYST = "analyst"
    """Whoever accounts for calls: rows and counts, no names."""
    ADMIN = "admin"
    """Whoever runs the system, accounts for it, and has private words erased; sees none, and no provider's cases."""


PROVIDERS = frozenset({Role.PROVIDER_DESK, Role.PROVIDER_TEAM})
"""A provider's own people."""


@unique
class Scope(StrEnum):
    """What may be done; each verb of an API is one."""

    POST_CALL = "calls.post"
    POST_BATCH = "calls.post-batch"
    UPDATE_CALL = "calls.update"
    REOPEN_CALL = "calls.reopen"
    CANCEL_CALL = "calls.cancel"
    CLOSE_CALL = "calls.close"
    ACCEPT_HANDOFF = "calls.accept-handoff"
    REPORT_RESPONDER = "calls.report-responder"

    READ_STATUS = "calls.read-status"
    EXPORT_EIDO = "calls.export-eido"
    LIST_CALLS = "calls.list"
    ERASE_CALL = "calls.erase"
    READ_DIRECTORY = "directory.read"

    READ_AT_DESK = "desk.read"
    REVIEW = "desk.review"
    DIRECT = "desk.direct"
    CLEAR_DANGER = "desk.clear-danger"
    ANSWER_QUESTION = "desk.answer-question"
    CLAIM = "desk.claim"
    HAND_OVER = "desk.hand-over"
    DECIDE_AGAIN = "desk.decide-again"
    USE_DESK = "desk.use"

    DECIDE = "triage.decide"
    EXPLAIN = "triage.explain"
    READ_SCRIPT = "triage.read-script"
    READ_POLICIES = "triage.read-policies"

    LIST_CASES = "cases.list"
    READ_CASE = "cases.read"
    STREAM_CASES = "cases.stream"
    LIST_FOLLOW_UPS = "cases.list-follow-ups"
    LIST_SAFETY_EVENTS = "cases.list-safety-events"
    LIST_EXPIRIES = "cases.list-expiries"
    ACKNOWLEDGE = "cases.acknowledge"
    DECLINE = "cases.decline"
    ASSIGN_TEAM = "cases.assign-team"
    GO_EN_ROUTE = "cases.en-route"
    CLOSE_CASE = "cases.close"
    MAKE_CONTACT = "cases.contacted"
    ASK = "cases.ask"
    FOLLOW_UP = "cases.follow-up"
    WRITE_NOTE = "cases.note"
    REPORT_SAFETY_EVENT = "cases.safety-event"
    ARRIVE = "cases.on-scene"
    ANSWER_SAFETY_CHECK = "cases.safety-check"
    REQUEST_BACKUP = "cases.backup"
    RAISE_EMERGENCY = "cases.emergency"
    REPORT_BACKUP = "cases.backup-arrived"
    CONFIRM_RECALL = "cases.confirm-recall"
    HAND_BACK = "cases.hand-back"
    READ_SHIFT = "shift.read"
    CHANGE_SHIFT = "shift.change"
    SIGN_ON = "shift.sign-on"
    SIGN_OFF = "shift.sign-off"
    READ_WEBHOOKS = "webhooks.read"
    REGISTER_WEBHOOK = "webhooks.register"
    ROTATE_WEBHOOK = "webhooks.rotate"
    REMOVE_WEBHOOK = "webhooks.remove"
    TRY_WEBHOOK = "webhooks.try"
    READ_DELIVERIES = "webhooks.read-deliveries"
    USE_PORTAL = "portal.use"

    LIST_OUTCOMES = "outcomes.list"
    READ_STORY = "outcomes.read-story"
    READ_COUNTS = "outcomes.count"
    READ_FIGURES = "figures.read"
    OPEN_FIGURE = "figures.open"
    USE_REPORTING = "reporting.use"
    ACKNOWLEDGE_ALARM = "reporting.acknowledge-alarm"


PRIVATE = frozenset(
    {
        Scope.EXPORT_EIDO,
        Scope.LIST_CASES,
        Scope.READ_CASE,
        Scope.STREAM_CASES,
        Scope.READ_AT_DESK,
        Scope.USE_DESK,
        Scope.USE_PORTAL,
    }
)
"""What shows private words, or might: reading with these is written into the audit too."""

_WEBHOOKS = frozenset(scope for scope in Scope if scope.startswith("webhooks."))
_CAD = frozenset(
    {
        *_WEBHOOKS,
        Scope.POST_CALL,
        Scope.POST_BATCH,
        Scope.UPDATE_CALL,
        Scope.REOPEN_CALL,
        Scope.CANCEL_CALL,
        Scope.CLOSE_CALL,
        Scope.ACCEPT_HANDOFF,
        Scope.REPORT_RESPONDER,
        Scope.READ_STATUS,
        Scope.EXPORT_EIDO,
        Scope.LIST_CALLS,
        Scope.READ_DIRECTORY,
    }
)
_TEAM = frozenset(
    {scope for scope in Scope if scope.startswith("cases.")}
    | {Scope.READ_SHIFT, Scope.SIGN_ON, Scope.SIGN_OFF, Scope.USE_PORTAL, Scope.READ_DIRECTORY}
)
_PROVIDER = _TEAM | _WEBHOOKS | {scope for scope in Scope if scope.startswith("shift.")}
_ANALYST = frozenset(
    {
        Scope.LIST_OUTCOMES,
        Scope.READ_STORY,
        Scope.READ_COUNTS,
        Scope.READ_FIGURES,
        Scope.OPEN_FIGURE,
        Scope.USE_REPORTING,
        Scope.READ_DIRECTORY,
        Scope.DECIDE,
        Scope.EXPLAIN,
        Scope.READ_SCRIPT,
        Scope.READ_POLICIES,
    }
)
_OPERATIONS = frozenset({*_ANALYST, Scope.READ_STATUS, Scope.LIST_CALLS, Scope.ACKNOWLEDGE_ALARM})
_DESK = frozenset(
    {
        *_OPERATIONS,
        Scope.POST_CALL,
        Scope.ACCEPT_HANDOFF,
        Scope.REPORT_RESPONDER,
        *(scope for scope in Scope if scope.startswith("desk.")),
    }
)

MAY: Mapping[Role, frozenset[Scope]] = {
    Role.CAD: _CAD,
    Role.DESK: _DESK,
    Role.PROVIDER_DESK: _PROVIDER,
    Role.PROVIDER_TEAM: _TEAM,
    Role.OPERATIONS: _OPERATIONS,
    Role.ANALYST: _ANALYST,
    Role.ADMIN: _OPERATIONS | {Scope.ERASE_CALL},
}
"""What each role may do at the most."""
