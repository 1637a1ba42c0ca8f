"""Facts and codes in plain words."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from divert_chassis.words import clock, plain, titled
from divert_contracts.facts.base import CaseFact, Fact
from divert_contracts.facts.cases import (
    BackupArrived,
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    FollowUpDone,
    PersonContacted,
    QuestionAsked,
    RecallConfirmed,
    SafetyCheckAnswered,
    SafetyEventReported,
    TeamAssigned,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallClaimed,
    CallConcluded,
    CallDirected,
    CallHandedOff,
    CallOpened,
    CallReviewed,
    CaseErased,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
    DangerCleared,
    DangerNearby,
    DecisionRereviewed,
    HandoffConfirmed,
    PrivateErased,
    QuestionAnswered,
    ResponderRecorded,
    SafetyCheckMissed,
)
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered
from divert_contracts.topics import CASES, ROUTING, TRIAGE


def _listed(words: Iterable[str | StrEnum]) -> str:
    return ", ".join(map(plain, words)) or "none named"


def _who(fact: CaseFact) -> str:
    return titled(fact.provider)


def _offered(fact: CaseOffered, zone: ZoneInfo) -> str:
    aid = ", by mutual aid" if fact.mutual_aid else ""
    return f"{titled(fact.provider)} is offered the call{aid}; answer by {clock(fact.answer_by, zone)}."


def _triaged(fact: CallTriaged, _zone: ZoneInfo) -> str:
    decision = fact.decision
    rules = ", ".join(fired.rule for fired in decision.rules) or "none"
    return (
        f"The rules say {plain(decision.eligibility)}, {plain(decision.acuity)}, for {plain(decision.programme)}."
        f" Rules: {rules}; policy {decision.policy}."
    )


def _opened(fact: CallOpened, _zone: ZoneInfo) -> str:
    where = "no usable area" if fact.division is None else f"division {fact.division}"
    return f"The call is known to routing: {plain(fact.picture.feed)}, {where}."


def _concluded(fact: CallConcluded, _zone: ZoneInfo) -> str:
    rule = f" (rule {fact.rule})" if fact.rule is not None else ""
    return f"Concluded: {plain(fact.outcome)}, {plain(fact.reason)}{rule}."


def _recalled(fact: CaseRecalled, zone: ZoneInfo) -> str:
    again = f" Repeat {fact.repeat}." if fact.repeat else ""
    confirm = "" if fact.confirm_by is None else f" To be confirmed by {clock(fact.confirm_by, zone)}."
    return f"Taken from {titled(fact.provider)}: {plain(fact.reason)}.{confirm}{again}"


def _handed_off(fact: CallHandedOff, zone: ZoneInfo) -> str:
    again = f" Repeat {fact.repeat}." if fact.repeat else ""
    return (
        f"Back to the dispatcher: {plain(fact.reason)}; {plain(fact.recommend)} recommended."
        f" To be accepted by {clock(fact.accept_by, zone)}.{again}"
    )


def _assistance(fact: AssistanceRequested, zone: ZoneInfo) -> str:
    again = f" Repeat {fact.repeat}." if fact.repeat else ""
    return (
        f"The dispatcher is asked for help ({plain(fact.assistance)}); {plain(fact.recommend)} recommended."
        f" To be accepted by {clock(fact.accept_by, zone)}.{again}"
    )


def _shadow(fact: ShadowDiffered, _zone: ZoneInfo) -> str:
    return (
        f"The policy tried beside ({fact.shadow.policy}) says {plain(fact.shadow.eligibility)},"
        f" not {plain(fact.in_force.eligibility)}: {plain(fact.change)}."
    )


def _from(fact: CallClaimed) -> str:
    if fact.previous is None:
        return ""
    return (
        f", handed over by {fact.previous}" if fact.said_by == fact.previous else f", taken over from {fact.previous}"
    )


def _responder(fact: ResponderRecorded, _zone: ZoneInfo) -> str:
    return f"CAD says who went: {plain(fact.responder)}."


SENTENCES: Mapping[type[Fact], Callable[[Any, ZoneInfo], str]] = {
    CallTriaged: _triaged,
    ShadowDiffered: _shadow,
    CallOpened: _opened,
    CallReviewed: lambda fact, _: f"Reviewed: {plain(fact.eligibility)}, because {plain(fact.reason)}.",
    CallDirected: lambda fact, _: f"The desk orders: {plain(fact.direction)}, because {plain(fact.reason)}.",
    CallClaimed: lambda fact, _: f"{fact.by} looks after it at the desk{_from(fact)}.",
    DecisionRereviewed: lambda fact, _: (
        f"Decided again, blind: {plain(fact.eligibility)}, because {plain(fact.reason)};"
        f" the rules had said {plain(fact.automatic)}."
    ),
    CaseOffered: _offered,
    CaseUpdated: lambda fact, _: f"{titled(fact.provider)} is told of a change to the call.",
    CaseRecalled: _recalled,
    CallHandedOff: _handed_off,
    HandoffConfirmed: lambda _fact, _: "A dispatcher has accepted it.",
    AssistanceRequested: _assistance,
    BackupArrived: lambda _fact, _: "Help has come.",
    ResponderRecorded: _responder,
    DangerNearby: lambda fact, _: f"Danger in another call close by: {_listed(fact.hazards)}.",
    DangerCleared: lambda fact, _: f"Unit {fact.unit} has made the scene safe: {_listed(fact.hazards)}.",
    QuestionAnswered: lambda fact, _: f"The desk answers: {plain(fact.question)}? {plain(fact.answer)}.",
    SafetyCheckMissed: lambda fact, _: (
        f"{titled(fact.provider)}'s team did not answer its safety check;"
        f" {'the dispatcher checks on it' if fact.told_psap else 'the desk rings it'}."
    ),
    CallConcluded: _concluded,
    CaseErased: lambda fact, _: f"{titled(fact.provider)} is told to erase them too.",
    PrivateErased: lambda fact, _: f"{fact.by} had its private words erased; what was decided and counted stays.",
    CaseAcknowledged: lambda fact, zone: f"{_who(fact)} has it, arriving {clock(fact.arrive_by, zone)}.",
    CaseDeclined: lambda fact, _: f"{_who(fact)} cannot take it: {plain(fact.reason)}.",
    TeamAssigned: lambda fact, _: f"{_who(fact)} has given it to a team.",
    TeamEnRoute: lambda fact, _: f"{_who(fact)}'s team is on its way.",
    TeamOnScene: lambda fact, _: f"{_who(fact)}'s team is there.",
    PersonContacted: lambda fact, _: f"{_who(fact)}'s team has spoken with the person ({plain(fact.contact)}).",
    SafetyCheckAnswered: lambda fact, _: f"{_who(fact)}'s team is well.",
    QuestionAsked: lambda fact, _: f"{_who(fact)}'s team asks the desk: {plain(fact.question)}?",
    BackupRequested: lambda fact, _: f"{_who(fact)}'s team asks for backup: {_listed(fact.hazards)}.",
    EmergencyRaised: lambda fact, _: f"{_who(fact)}'s team is in danger: {_listed(fact.hazards)}.",
    RecallConfirmed: lambda fact, _: f"{_who(fact)}'s team confirms the recall ({plain(fact.position)}).",
    CaseHandedBack: lambda fact, _: f"{_who(fact)} gives it back: {plain(fact.reason)}.",
    CaseClosed: lambda fact, _: f"{_who(fact)} has finished: {plain(fact.disposition)}, contact {plain(fact.contact)}.",
    FollowUpDone: lambda fact, _: f"{_who(fact)} followed up: {plain(fact.result)}.",
    SafetyEventReported: lambda fact, _: f"{_who(fact)} enters in the safety register: {plain(fact.event)}.",
}
"""What each kind of fact says, given the zone of its times."""

if missing := {*TRIAGE.carries, *ROUTING.carries, *CASES.carries} - SENTENCES.keys():
    raise TypeError(f"no sentence for {', '.join(sorted(one.__name__ for one in missing))}")


def sentence(fact: Fact, zone: ZoneInfo) -> str:
    """Return what a fact says, in one or two sentences."""
    return SENTENCES[type(fact)](fact, zone)
