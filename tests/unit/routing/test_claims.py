"""Who looks after a call at the desk, and that two people never decide the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.facts import cases
from divert_contracts.facts.routing import CallClaimed, CallReviewed
from divert_contracts.vocabulary import Answer, Assistance, Direction, Question
from divert_routing.domain import desk
from divert_routing.domain.attention import AT_ONCE, Kind, needs, promises
from unit.routing.lives import (
    CALL,
    NOON,
    Life,
    by_provider,
    direct,
    going,
    in_review,
    offered,
    review,
    seconds,
    take_back,
    taken,
    there,
)


def claim(by: str) -> desk.ClaimCall:
    return desk.ClaimCall(call_id=CALL, by=by)


def hand_over(holder: str, to: str, by: str | None = None) -> desk.HandOver:
    return desk.HandOver(call_id=CALL, by=by or holder, holder=holder, to=to)


def test_a_claim_keeps_a_review_from_others_until_it_lapses() -> None:
    life = in_review().order(claim("desk-1"))
    assert life.refusal(review()).code == "claimed"
    assert life.refusal(claim("desk-2")).code == "claimed"
    life.after(89)
    assert life.refusal(review()).code == "claimed"
    assert life.after(1).order(review()).only(CallReviewed).by == "reviewer-1"


def test_whoever_claimed_it_reviews_it_and_then_nobody_has_it() -> None:
    life = in_review().order(claim("reviewer-1")).order(review())
    assert life.call.claim is None


def test_a_claim_that_is_renewed_runs_on_and_is_said_once() -> None:
    life = in_review().order(claim("desk-1")).after(60).order(claim("desk-1")).after(29)
    assert life.refusal(review()).code == "claimed"
    assert life.only(CallClaimed).by == "desk-1"


def test_a_claim_never_keeps_a_call_from_being_taken_back() -> None:
    life = in_review().order(claim("desk-2")).order(take_back())
    assert life.ending == ("not_triaged", "unfinished")
    assert [one.by for one in life.said(CallClaimed)] == ["desk-2", "desk-1"]


def test_whoever_orders_something_looks_after_it_and_keeps_it_from_nobody() -> None:
    life = offered().order(direct(Direction.HOLD, until=NOON + seconds(60)))
    assert life.call.claim is not None
    assert life.call.claim.by == "desk-1"
    assert life.order(claim("desk-2")).call.claim is not None


def test_a_hand_over_records_who_gives_and_who_takes() -> None:
    life = in_review().order(claim("desk-1")).after(100).forget_facts().order(hand_over("desk-1", "desk-2"))
    said = life.only(CallClaimed)
    assert (said.previous, said.by, said.said_by) == ("desk-1", "desk-2", "desk-1")
    life.forget_facts().order(hand_over("desk-2", "desk-3", by="desk-3"))
    assert life.only(CallClaimed).said_by == "desk-3"


@pytest.mark.parametrize(
    ("holder", "to", "by", "code"),
    [("desk-9", "desk-2", "desk-9", "not-theirs"), ("desk-1", "desk-2", "desk-3", "not-yours")],
)
def test_nobody_hands_over_what_is_neither_theirs_nor_for_them(holder: str, to: str, by: str, code: str) -> None:
    assert in_review().order(claim("desk-1")).refusal(hand_over(holder, to, by)).code == code


def test_a_call_that_nobody_knows_is_not_claimed() -> None:
    assert Life().refusal(claim("desk-1")).code == "unknown-call"
    assert Life().refusal(hand_over("desk-1", "desk-2")).code == "unknown-call"


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 40)), max_size=12))
def test_a_running_claim_has_one_owner(orders: list[tuple[str, int]]) -> None:
    life = in_review()
    for person, wait in orders:
        if life.call.review_by is None or life.now + seconds(wait) >= life.call.review_by:
            return
        life.after(wait)
        before = life.call.claim
        ours = before is None or before.by == person or life.now >= before.until
        if ours:
            life.order(claim(person))
            assert life.call.claim is not None
            assert life.call.claim.by == person
        else:
            assert life.refusal(claim(person)).code == "claimed"


# What waits for somebody.


def kinds(life: Life) -> list[str]:
    return [one.kind.value for one in needs(life.call, life.now)]


def test_a_review_waits_for_somebody_and_says_until_when() -> None:
    life = in_review()
    (need,) = needs(life.call, life.now)
    assert (need.kind, need.due) == (Kind.REVIEW, NOON + seconds(120))
    assert kinds(life.order(review())) == []


def test_a_hand_off_waits_until_it_is_accepted_and_counts_its_repeats() -> None:
    life = offered().order(take_back())
    assert kinds(life) == ["hand_off"]
    (need,) = needs(life.after(31).call, life.now)
    assert need.repeat == 1
    assert need.since == NOON


def test_a_team_out_there_that_did_not_confirm_comes_before_all_else() -> None:
    life = going().order(take_back())
    found = needs(life.call, life.now)
    assert [(one.kind, one.urgency) for one in found] == [(Kind.RECALL, AT_ONCE), (Kind.HAND_OFF, 2)]


def test_a_question_waits_from_the_first_one_on_until_all_are_answered() -> None:
    life = there()
    asked = life.now
    life.hear(by_provider(life, cases.QuestionAsked, question=Question.WEAPON)).after(20)
    life.hear(by_provider(life, cases.QuestionAsked, question=Question.FIRE))
    (need,) = needs(life.call, life.now)
    assert (need.kind, need.since, need.questions) == (Kind.QUESTION, asked, (Question.WEAPON, Question.FIRE))
    for question in (Question.WEAPON, Question.FIRE):
        life.order(desk.AnswerQuestion(call_id=CALL, by="desk-1", question=question, answer=Answer.NO))
    assert kinds(life) == []
    assert life.call.case is not None
    assert life.call.case.asked_at is None


def test_a_missed_check_is_rung_and_then_the_psap_is_asked() -> None:
    life = there().after(600 + 119)
    assert kinds(life) == []
    assert kinds(life.after(2)) == ["check"]
    (need,) = needs(life.after(180).call, life.now)
    assert need.assistance is Assistance.CHECK_ON_TEAM


def test_a_call_for_backup_waits_at_once() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested))
    (need,) = needs(life.call, life.now)
    assert (need.kind, need.urgency, need.assistance) == (Kind.ASSISTANCE, AT_ONCE, Assistance.BACKUP)


def test_holds_and_moved_limits_are_promises_but_need_nobody_now() -> None:
    held = offered().order(direct(Direction.HOLD, until=NOON + seconds(60)))
    assert (kinds(held), [one.kind for one in promises(held.call, held.now)]) == ([], [Kind.HOLD])
    life = taken()
    assert life.call.case is not None
    assert life.call.case.en_route_by is not None
    until = life.call.case.en_route_by + seconds(300)
    life.order(direct(Direction.EXTEND, until=until))
    (promise,) = promises(life.call, life.now)
    assert (promise.kind, promise.due) == (Kind.EXTENSION, until)
