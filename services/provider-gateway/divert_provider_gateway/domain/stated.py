"""What becomes of what a provider says over Kafka: the same as over HTTP, and the answer goes onto its own topic."""

from datetime import datetime

from pydantic import ValidationError

from divert_contracts.facts.statuses import CaseStatusSaid, ShiftSaid, Statement, StatementAnswered
from divert_contracts.step import Next, Refusal
from divert_provider_gateway.domain.case import Case, Roster, Rules
from divert_provider_gateway.domain.said import VERBS, ChangeShift, Said, Tell
from divert_provider_gateway.domain.told import shift_changed, told

UNKNOWN_VERB = Refusal("unknown-verb", "This is nothing that can be said of a case.", 422)
UNREADABLE = Refusal("unreadable", "The statement cannot be read: see the description of the HTTP route.", 422)


def case_status_said(provider: str, case: Case, fact: CaseStatusSaid, rules: Rules, at: datetime) -> Next[Case]:
    """Take or refuse what a provider says of a case, and answer."""
    said = _read(fact)
    if isinstance(said, Refusal):
        return Next(case, (_answer(provider, fact, case, said, at),))
    step = told(case, Tell(case_id=fact.case_id, said=said), rules, at)
    return Next(step.state, (*step.facts, _answer(provider, fact, step.state, step.refused, at)))


def shift_said(provider: str, roster: Roster, fact: ShiftSaid, rules: Rules, at: datetime) -> Next[Roster]:
    """Publish who is on duty, and answer."""
    try:
        command = ChangeShift.model_validate({**fact.said, "provider": provider})
    except ValidationError:
        return Next(roster, (_answer(provider, fact, None, UNREADABLE, at),))
    step = shift_changed(roster, command, rules, at)
    return Next(step.state, (*step.facts, _answer(provider, fact, None, step.refused, at)))


def _read(fact: CaseStatusSaid) -> Said | Refusal:
    kind = VERBS.get(fact.verb)
    if kind is None:
        return UNKNOWN_VERB
    try:
        return kind.model_validate(fact.said)
    except ValidationError:
        return UNREADABLE


def _answer(
    provider: str, fact: Statement, case: Case | None, refused: Refusal | None, at: datetime
) -> StatementAnswered:
    known = None if case is None or case.identity is None else case
    return StatementAnswered(
        occurred_at=at,
        provider=provider,
        statement=fact.statement,
        case_id=fact.case_id if isinstance(fact, CaseStatusSaid) else None,
        taken=refused is None,
        code=None if refused is None else refused.code,
        detail=None if refused is None else refused.detail,
        stage=None if known is None else known.stage.value,
        epoch=None if known is None or known.identity is None else known.identity.epoch,
    )
