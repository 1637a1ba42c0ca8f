"""A share of the rules' own decisions is decided again, blind; it never changes a call."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_chassis.core import document
from divert_contracts.facts.routing import CaseOffered, DecisionRereviewed
from divert_contracts.vocabulary import Answer, Eligibility, Question, ReviewReason
from divert_routing.domain.directory import Desk
from divert_routing.domain.rereviews import DecideAgain, in_share
from divert_routing.domain.screening import next_question
from unit.routing.lives import (
    CALL,
    Life,
    accepted,
    changed,
    dangerous,
    knowing,
    observed,
    received,
    take_back,
    triaged,
    unclear,
)

ALL = knowing(changed(desk={"rereview_share": 1}))
NONE = knowing(changed(desk={"rereview_share": 0}))


def again(eligibility: Eligibility = Eligibility.ELIGIBLE, number: int = 1) -> DecideAgain:
    return DecideAgain(
        call_id=CALL,
        by="reviewer-2",
        revision=f"digest-{number}",
        eligibility=eligibility,
        reason=ReviewReason.RECORD_IS_CLEAR,
    )


@pytest.mark.parametrize(
    ("eligibility", "agreed"),
    [(Eligibility.ELIGIBLE, True), (Eligibility.INELIGIBLE, False), (Eligibility.NEEDS_REVIEW, False)],
)
def test_deciding_again_is_recorded_and_changes_nothing_else(eligibility: Eligibility, *, agreed: bool) -> None:
    life = Life(given_=ALL).hear(received(), triaged())
    before = life.call
    life.forget_facts().order(again(eligibility))
    said = life.only(DecisionRereviewed)
    assert (said.automatic, said.eligibility, said.agreed) == ("eligible", eligibility, agreed)
    assert life.facts == [said]
    assert document(life.call.model_copy(update={"rereview": None})) == document(
        before.model_copy(update={"rereview": None})
    )
    assert life.refusal(again()).code == "not-waiting"


def test_what_the_rules_excluded_comes_back_too() -> None:
    life = Life(given_=ALL).hear(received(), dangerous()).order(again(Eligibility.INELIGIBLE))
    assert life.only(DecisionRereviewed).agreed


@pytest.mark.parametrize(
    "life",
    [
        Life(given_=NONE).hear(received(), triaged()),
        Life(given_=ALL).hear(received(), unclear()),
        Life(given_=ALL).hear(received(exercise=True), triaged(exercise=True)),
        observed().hear(triaged(feed="observed")),
    ],
    ids=["not in the share", "a person decides it anyway", "a drill", "only observed"],
)
def test_what_is_not_chosen_cannot_be_decided_again(life: Life) -> None:
    assert life.refusal(again()).code == "not-waiting"


def test_a_newer_revision_takes_the_older_ones_place() -> None:
    life = Life(given_=ALL).hear(received(), triaged(), received(2))
    assert life.refusal(again()).code == "not-waiting"
    life.hear(triaged(2))
    assert life.refusal(again()).code == "revision-changed"
    life.order(again(number=2))


def test_it_stays_open_after_the_end_until_the_words_are_forgotten() -> None:
    life = Life(given_=ALL).hear(received(), triaged())
    life.order(take_back())
    life.hear(accepted(life.hand_off.handoff_id)).until(life.now + timedelta(days=30, seconds=1))
    assert life.call.private is None
    assert life.refusal(again()).code == "not-waiting"


def test_being_chosen_changes_no_offer() -> None:
    chosen, other = (Life(given_=known).hear(received(), triaged()) for known in (ALL, NONE))
    assert chosen.facts == other.facts
    assert chosen.only(CaseOffered)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_greater_share_has_all_of_a_smaller_one(name: str, one: float, other: float) -> None:
    if in_share(name, min(one, other)):
        assert in_share(name, max(one, other))
    assert in_share(name, 1)
    assert not in_share(name, 0)


def test_the_seed_share_is_about_one_in_fifty() -> None:
    share = Desk().rereview_share
    chosen = sum(in_share(f"{CALL}:{number}", share) for number in range(20_000))
    assert 320 <= chosen <= 480


# The screening script.

SCRIPT = (Question.WEAPON, Question.VIOLENCE, Question.FIRE)


def test_the_script_asks_in_order_and_nothing_twice() -> None:
    review = Eligibility.NEEDS_REVIEW
    assert next_question(review, SCRIPT, {}) is Question.WEAPON
    assert next_question(review, SCRIPT, {Question.WEAPON: Answer.UNKNOWN}) is Question.VIOLENCE
    assert next_question(review, SCRIPT, dict.fromkeys(SCRIPT, Answer.UNKNOWN)) is None


@given(st.dictionaries(st.sampled_from(SCRIPT), st.sampled_from([Answer.YES, Answer.NO, Answer.UNKNOWN])))
def test_the_script_stops_as_soon_as_no_answer_can_change_it(answers: dict[Question, Answer]) -> None:
    assert next_question(Eligibility.INELIGIBLE, SCRIPT, answers) is None
