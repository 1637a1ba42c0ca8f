"""What a provider writes on Kafka before its offer has come to the gateway."""

from datetime import timedelta

import pytest

from divert_contracts.facts.cases import CaseAcknowledged, EmergencyRaised, RecallConfirmed
from divert_contracts.facts.routing import CaseRecalled
from divert_contracts.facts.statuses import CaseStatusSaid, StatementAnswered
from divert_contracts.step import Next
from divert_provider_gateway.domain import happened, stated
from divert_provider_gateway.domain.case import Case, CaseStage, OfferMissing
from unit.provider_gateway.test_case import BLANK, CASE, EPOCH, NOON, RULES, SOON, a_recall, an_offer

OFFERED = stated.made_known("exodus", happened.offered)
RECALLED = stated.made_known("exodus", happened.recalled)


def a_statement(name: str, verb: str, **said: object) -> CaseStatusSaid:
    return CaseStatusSaid.model_validate({"case_id": CASE, "verb": verb, "statement": name, "said": said})


TAKE = a_statement("take", "acknowledge", epoch=EPOCH, arrive_in_seconds=600)
HELP = a_statement("help", "emergency")
STOPPED = a_statement("stopped", "confirm-recall")


def said_before_the_offer(*statements: CaseStatusSaid) -> Case:
    case = BLANK
    for one in statements:
        step = stated.case_status_said("exodus", case, one, RULES, NOON)
        assert [answer.code for answer in answers(step)] == ["early"]
        case = step.state
    return case


def answers(step: Next[Case]) -> list[StatementAnswered]:
    return [fact for fact in step.facts if isinstance(fact, StatementAnswered)]


def test_what_was_written_before_the_offer_came_is_done_when_it_comes_in_the_order_in_which_it_was_written() -> None:
    step = OFFERED(said_before_the_offer(TAKE, HELP), an_offer(), RULES, SOON)
    assert step.state.stage is CaseStage.ACKNOWLEDGED
    assert step.state.emergency_at == SOON
    assert step.state.early == ()
    assert [type(fact) for fact in step.facts if not isinstance(fact, StatementAnswered)] == [
        CaseAcknowledged,
        EmergencyRaised,
    ]
    assert [(one.statement, one.taken) for one in answers(step)] == [("take", True), ("help", True)]
    again = OFFERED(step.state, an_offer(), RULES, SOON)
    assert (again.state, again.facts) == (step.state, ())


@pytest.mark.parametrize(
    "rubbish", [{"said": None}, {"said": []}, {"said": "help"}, {"statement": 5}, {"statement": "x" * 200}]
)
def test_whatever_is_written_beside_it_a_call_for_help_is_taken(rubbish: dict[str, object]) -> None:
    written = CaseStatusSaid.model_validate({"case_id": CASE, "verb": "emergency", **rubbish})
    step = OFFERED(said_before_the_offer(written), an_offer(), RULES, SOON)
    assert step.state.emergency_at == SOON


def test_a_call_for_help_is_taken_also_when_the_case_becomes_known_by_its_recall() -> None:
    recall: CaseRecalled = a_recall()
    step = RECALLED(said_before_the_offer(TAKE, HELP), recall, RULES, SOON)
    assert step.state.stage is CaseStage.RECALLED
    assert [(one.statement, one.code) for one in answers(step)] == [("take", "recalled"), ("help", None)]


def test_a_recall_may_be_confirmed_before_the_gateway_has_heard_of_it() -> None:
    taken = OFFERED(said_before_the_offer(TAKE), an_offer(), RULES, SOON).state
    early = stated.case_status_said("exodus", taken, STOPPED, RULES, SOON)
    assert [one.code for one in answers(early)] == ["early"]
    step = RECALLED(early.state, a_recall(), RULES, SOON)
    assert not step.state.must_confirm
    assert [type(fact) for fact in step.facts] == [RecallConfirmed, StatementAnswered]
    assert [one.taken for one in answers(step)] == [True]


def test_a_recall_that_never_comes_is_not_waited_for_for_ever() -> None:
    taken = OFFERED(BLANK, an_offer(), RULES, SOON).state
    early = stated.case_status_said("exodus", taken, STOPPED, RULES, SOON).state
    step = stated.offer_missing("exodus", early, OfferMissing(), RULES, SOON + stated.EARLY_FOR)
    assert [one.code for one in answers(step)] == ["not-recalled"]
    assert step.state.early == ()


def test_an_offer_that_never_comes_is_not_waited_for_for_ever() -> None:
    case = said_before_the_offer(TAKE, HELP)
    (due,) = case.due()
    assert due.at == NOON + timedelta(minutes=2)
    assert isinstance(due.timer, OfferMissing)
    step = stated.offer_missing("exodus", case, due.timer, RULES, due.at)
    assert [(one.statement, one.code) for one in answers(step)] == [("take", "unknown-case"), ("help", "unknown-case")]
    assert step.state.due() == ()


@pytest.mark.parametrize("more", [1, 5])
def test_only_so_much_is_kept_for_a_case_that_nobody_knows(more: int) -> None:
    case = said_before_the_offer(*[HELP] * stated.MOST_EARLY)
    for _ in range(more):
        step = stated.case_status_said("exodus", case, HELP, RULES, NOON)
        assert [answer.code for answer in answers(step)] == ["unknown-case"]
        assert step.state == case
