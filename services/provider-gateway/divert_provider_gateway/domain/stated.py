"""What becomes of what a provider says over Kafka: the same as over HTTP, and the answer goes onto its own topic.

Nobody says it again after a refusal, as over HTTP. So what is said of an offer or a recall that has not come here yet
is kept, and done when it comes: what the provider reads and what it writes are on different topics.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.facts.statuses import CaseStatusSaid, ShiftSaid, Statement, StatementAnswered
from divert_contracts.step import Next, Refusal
from divert_provider_gateway.domain.case import Case, OfferMissing, Roster, Rules
from divert_provider_gateway.domain.said import VERBS, ChangeShift, ConfirmRecall, Said, Tell
from divert_provider_gateway.domain.told import NOT_RECALLED, UNKNOWN_CASE, shift_changed, told

UNKNOWN_VERB = Refusal("unknown-verb", "This is nothing that can be said of a case.", 422)
UNREADABLE = Refusal("unreadable", "The statement cannot be read: see the description of the HTTP route.", 422)
EARLY = Refusal(
    "early",
    "What this is about is not here yet. It is done as soon as that comes. If somebody is in danger, ring 911 now.",
    404,
)
EARLY_FOR = timedelta(minutes=2)
"""How long an offer is waited for of which something was said."""
MOST_EARLY = 20
"""Statements about one case that are kept."""

F = TypeVar("F", CaseOffered, CaseRecalled)


def case_status_said(provider: str, case: Case, fact: CaseStatusSaid, rules: Rules, at: datetime) -> Next[Case]:
    """Take or refuse what a provider says of a case, and answer."""
    said = _read(fact)
    if isinstance(said, Refusal):
        return Next(case, (_answer(provider, fact, case, said, at),))
    if _not_come(case, said) is not None and len(case.early) < MOST_EARLY:
        until = case.early_until or at + EARLY_FOR
        case = case.model_copy(update={"early": (*case.early, fact), "early_until": until})
        return Next(case, (_answer(provider, fact, case, EARLY, at),))
    step = told(case, Tell(case_id=fact.case_id, said=said), rules, at)
    return Next(step.state, (*step.facts, _answer(provider, fact, step.state, step.refused, at)))


def made_known(
    provider: str, step: Callable[[Case, F, Rules, datetime], Next[Case]]
) -> Callable[[Case, F, Rules, datetime], Next[Case]]:
    """Return the step for a fact that makes a case known, with what was said of the case before, in turn."""

    def step_with_early(case: Case, fact: F, rules: Rules, at: datetime) -> Next[Case]:
        first = step(case, fact, rules, at)
        state, facts = first.state.model_copy(update={"early": (), "early_until": None}), first.facts
        for said in case.early:
            after = case_status_said(provider, state, said, rules, at)
            state, facts = after.state, (*facts, *after.facts)
        return Next(state, facts)

    return step_with_early


def offer_missing(provider: str, case: Case, _timer: OfferMissing, _rules: Rules, at: datetime) -> Next[Case]:
    """Give up on what was said of an offer or a recall that nobody here has heard of."""
    answers = tuple(
        _answer(provider, fact, case, _not_come(case, said), at)
        for fact in case.early
        if not isinstance(said := _read(fact), Refusal)
    )
    return Next(case.model_copy(update={"early": (), "early_until": None}), answers)


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


def _not_come(case: Case, said: Said) -> Refusal | None:
    """Return what would have to be answered because what is spoken of has not come here, or None when it has."""
    if case.identity is None:
        return UNKNOWN_CASE
    return NOT_RECALLED if isinstance(said, ConfirmRecall) and case.recall is None else None


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
