"""What the desk may order, and why not."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from divert_contracts.call import Answered
from divert_contracts.facts import cases
from divert_contracts.facts.routing import (
    CallDirected,
    CallReviewed,
    CaseOffered,
    CaseRecalled,
    DangerCleared,
    QuestionAnswered,
)
from divert_contracts.vocabulary import (
    Answer,
    Certainty,
    Direction,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    Programme,
    Question,
    RecallReason,
    Responder,
    Stage,
)
from divert_routing.domain import desk
from divert_routing.domain.call import Reviewed
from divert_routing.domain.given import Given
from divert_routing.domain.standing import at_desk, standing
from unit.routing.lives import (
    CALL,
    NOON,
    Life,
    acknowledged,
    by_provider,
    changed,
    clear,
    closed,
    contacted,
    dangerous,
    direct,
    given,
    going,
    helped_by,
    in_review,
    knowing,
    observed,
    offered,
    received,
    review,
    seconds,
    take_back,
    taken,
    there,
    triaged,
    unclear,
    with_shift,
)


def test_a_review_offers_the_call_and_is_recorded_with_the_revision_that_was_seen() -> None:
    life = in_review().order(review())
    recorded = life.only(CallReviewed)
    assert (recorded.by, recorded.revision.digest, recorded.eligibility) == ("reviewer-1", "digest-1", "eligible")
    assert recorded.stage is Stage.OFFERED
    assert life.offer.provider == "exodus"


def test_a_review_of_another_revision_than_the_newest_is_refused() -> None:
    life = in_review().after(10)
    life.hear(received(2, at=life.now))
    assert life.refusal(review(1)).code == "revision-changed"
    assert life.refusal(review(2)).code == "not-judged-yet"
    life.hear(unclear(2, at=life.now)).order(review(2))
    assert life.stage is Stage.OFFERED


def test_a_review_that_comes_too_late_or_decides_nothing_is_refused() -> None:
    life = in_review()
    assert life.refusal(review(eligibility=Eligibility.NEEDS_REVIEW)).status == 422
    life.now = NOON + seconds(120)
    assert life.refusal(review()).code == "too-late"
    assert offered().refusal(review()).code == "not-in-review"
    assert Life().refusal(review()).status == 404


def test_a_review_stands_while_no_safety_answer_changes() -> None:
    life = in_review().order(review()).after(10)
    life.hear(received(2, at=life.now, call_type="918B"), unclear(2, at=life.now))
    assert life.stage is Stage.OFFERED


def test_a_review_of_a_denied_weapon_does_not_stand_over_a_later_doubt() -> None:
    """The text said "no weapons seen" and then "unk if he has a gun now"."""
    denied = triaged(
        1, eligibility=Eligibility.NEEDS_REVIEW, hazards=(Hazard.WEAPON,), certainty=Certainty.DENIED, rule="juvenile"
    )
    life = Life().hear(received(), denied).order(review()).after(10)
    assert life.stage is Stage.OFFERED
    life.hear(received(2, at=life.now), unclear(2, at=life.now))
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE
    assert life.stage is Stage.IN_REVIEW


def test_a_review_of_a_doubt_stands_over_the_same_doubt_alone() -> None:
    life = in_review().order(review()).after(10)
    life.hear(received(2, at=life.now), unclear(2, at=life.now))
    assert life.stage is Stage.OFFERED
    other = unclear(3, at=life.now)
    signals = tuple(one.model_copy(update={"code": "knife"}) for one in other.signals)
    life.hear(received(3, at=life.now), other.model_copy(update={"signals": signals}))
    assert life.stage is Stage.IN_REVIEW


def test_a_review_from_before_signs_were_kept_lapses_at_any_sign() -> None:
    life = in_review().order(review()).after(10)
    assert life.call.reviewed is not None
    life.call.reviewed = Reviewed(answers=life.call.reviewed.answers, hazards=life.call.reviewed.hazards)
    life.hear(received(2, at=life.now), unclear(2, at=life.now))
    assert life.stage is Stage.IN_REVIEW


def test_a_held_call_whose_caller_then_spoke_of_a_weapon_cannot_be_moved() -> None:
    life = offered(reporting_district="0814").after(10)
    life.order(direct(Direction.HOLD, until=life.now + seconds(100)))
    armed = {Question.WEAPON: Answered(answer=Answer.YES)}
    life.hear(
        received(2, at=life.now, answers=armed, reporting_district="0814"),
        triaged(2, at=life.now, reporting_district="0814"),
    )
    assert life.refusal(direct(Direction.REASSIGN)).code == "danger-known"


def test_a_review_lapses_when_a_later_revision_changes_a_safety_answer() -> None:
    changed = {"answers": {Question.WEAPON: {"answer": Answer.UNKNOWN}}}
    life = in_review().order(review()).after(10)
    later = unclear(2, at=life.now)
    revised = received(2, at=life.now, **changed)  # pyright: ignore[reportArgumentType]
    life.hear(revised, later.model_copy(update={"picture": revised.picture}))
    assert life.stage is Stage.IN_REVIEW
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE


def test_taking_back_always_wins_until_the_outcome() -> None:
    stories: list[Callable[[], Life]] = [in_review, offered, taken, going, there, lambda: Life().hear(received())]
    for story in stories:
        life = story().order(take_back())
        assert life.stage is Stage.CONCLUDED
        assert life.hand_off.reason is HandOffReason.TAKEN_BACK
        assert life.only(CallDirected).direction is Direction.TAKE_BACK
        assert life.refusal(take_back()).code == "concluded"
    late = there().after(3600)
    assert late.order(take_back()).stage is Stage.CONCLUDED


def test_taking_back_a_call_that_nobody_has_is_refused() -> None:
    assert observed().refusal(take_back()).code == "not-diverted"
    assert Life().refusal(take_back()).code == "unknown-call"


def test_a_hold_takes_the_offer_back_and_can_be_moved() -> None:
    life = offered().order(direct(Direction.HOLD, until=NOON + seconds(30)))
    assert (life.stage, life.recall.reason) == (Stage.HELD, RecallReason.HELD)
    life.order(direct(Direction.HOLD, until=NOON + seconds(100))).after(60)
    assert life.stage is Stage.HELD
    assert life.last(CallDirected).until == NOON + seconds(100)
    assert len(life.said(CaseRecalled)) == 1


def test_a_hold_never_outlasts_decide_by_and_ends_in_the_future() -> None:
    life = offered().order(direct(Direction.HOLD, until=NOON + seconds(9999)))
    assert life.call.held_until == NOON + seconds(300)
    assert offered().refusal(direct(Direction.HOLD, until=NOON)).status == 422
    assert taken().refusal(direct(Direction.HOLD)).code == "not-now"
    assert in_review().refusal(direct(Direction.HOLD)).code == "not-now"


def test_a_held_call_that_is_in_doubt_goes_to_review() -> None:
    life = offered().order(direct(Direction.HOLD)).after(10)
    life.hear(received(2, at=life.now), unclear(2, at=life.now))
    assert (life.stage, life.call.held_until) == (Stage.IN_REVIEW, None)


def test_a_held_call_that_stays_eligible_stays_held() -> None:
    life = offered().order(direct(Direction.HOLD)).after(10)
    life.hear(received(2, at=life.now), triaged(2, at=life.now))
    assert life.stage is Stage.HELD


def test_reassigning_goes_to_the_next_or_to_whom_the_desk_names() -> None:
    life = offered(reporting_district="0822").order(direct(Direction.REASSIGN))
    assert (life.recall.reason, life.recall.confirm_by) == (RecallReason.REASSIGNED, None)
    assert (life.offer.provider, life.offer.mutual_aid) == ("alcott", True)
    assert life.only(CallDirected).provider == "alcott"
    assert life.refusal(direct(Direction.REASSIGN)).code == "no-other-provider"
    life.order(direct(Direction.REASSIGN, provider="penny-lane"))
    assert (life.offer.provider, life.offer.attempt) == ("penny-lane", 3)


def test_reassigning_an_acknowledged_case_must_be_confirmed_and_leaves_one_accountable() -> None:
    life = taken().order(direct(Direction.REASSIGN, provider="alcott"))
    assert life.recall.confirm_by is not None
    assert life.call.holder == "psap"
    life.hear(acknowledged(life))
    assert life.call.holder == "alcott"
    life.hear(closed(life, attempt=1))
    assert life.call.holder == "alcott"


def test_a_call_that_a_team_has_reached_is_not_moved() -> None:
    arrived = taken()
    arrived.hear(by_provider(arrived, cases.TeamOnScene))
    assert arrived.refusal(direct(Direction.REASSIGN, provider="alcott")).code == "not-now"
    life = taken()
    life.hear(contacted(life, "phone"))  # pyright: ignore[reportArgumentType]
    assert life.refusal(direct(Direction.REASSIGN, provider="alcott")).code == "contact-made"


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        ("nobody", "unknown-provider"),
        ("exodus", "same-provider"),
        ("circle", "not-their-programme"),
    ],
)
def test_reassigning_to_the_wrong_provider_is_refused(provider: str, code: str) -> None:
    assert offered().refusal(direct(Direction.REASSIGN, provider=provider)).code == code


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (with_shift(given(), "alcott"), "no-team-on-shift"),
        (knowing(changed(outages=[{"provider": "alcott", "reason": "weather"}])), "outage"),
    ],
)
def test_reassigning_to_a_provider_that_can_send_nobody_is_refused(known: Given, code: str) -> None:
    life = Life(given_=known).hear(received(), triaged())
    assert life.refusal(direct(Direction.REASSIGN, provider="alcott")).code == code
    assert life.offer.provider == "exodus"


def test_a_provider_that_the_desk_names_helps_by_agreement_only_where_there_is_one() -> None:
    for known, by_agreement in ((given(), False), (helped_by("alcott", "exodus", 18), True)):
        life = Life(given_=known).hear(received(), triaged())
        life.order(direct(Direction.REASSIGN, provider="alcott"))
        assert (life.offer.provider, life.offer.mutual_aid) == ("alcott", by_agreement)


def test_a_case_whose_call_may_not_be_offered_now_is_not_moved() -> None:
    reported = taken()
    reported.hear(by_provider(reported, cases.EmergencyRaised))
    assert reported.refusal(direct(Direction.REASSIGN, provider="alcott")).code == "danger-known"
    unjudged = taken().hear(received(2, at=NOON + seconds(5)))
    assert unjudged.refusal(direct(Direction.REASSIGN, provider="alcott")).code == "not-judged-yet"
    doubtful = unjudged.hear(unclear(2, at=NOON + seconds(5)))
    assert doubtful.refusal(direct(Direction.REASSIGN, provider="alcott")).code == "not-eligible"


@pytest.mark.parametrize("direction", [Direction.HOLD, Direction.REASSIGN, Direction.OTHER_PROGRAMME])
def test_hold_reassign_and_other_programme_act_until_decide_by_only(direction: Direction) -> None:
    life = going().until(NOON + seconds(300))
    assert life.refusal(direct(direction, provider="alcott", programme=Programme.PHONE)).code == "too-late"


def test_extending_moves_the_limits_after_acknowledgement() -> None:
    life = taken()
    assert life.call.case is not None
    before = life.call.case
    life.order(direct(Direction.EXTEND, until=NOON + seconds(10 + 900 + 600)))
    after = life.call.case
    assert after is not None
    for name in ("en_route_by", "on_scene_by", "close_by"):
        assert getattr(after, name) - getattr(before, name) == timedelta(seconds=600)
    assert life.status.next_update_by == NOON + seconds(10 + 900 + 600 + 5)
    life.after(1400)
    assert life.stage is Stage.ACKNOWLEDGED


def test_extending_is_refused_before_acknowledgement_backwards_and_beyond_all_measure() -> None:
    assert offered().refusal(direct(Direction.EXTEND, until=NOON + seconds(600))).code == "not-acknowledged"
    assert taken().refusal(direct(Direction.EXTEND, until=NOON + seconds(60))).code == "not-later"
    assert taken().refusal(direct(Direction.EXTEND)).code == "not-later"
    assert taken().refusal(direct(Direction.EXTEND, until=NOON + timedelta(days=2))).code == "too-long"


@pytest.mark.parametrize(
    ("programme", "recommend"), [(Programme.SMART, Responder.MEU), (Programme.FIRE_EMS, Responder.LAFD)]
)
def test_another_programme_without_gateway_is_a_hand_off(programme: Programme, recommend: Responder) -> None:
    life = offered().order(direct(Direction.OTHER_PROGRAMME, programme=programme))
    assert life.ending == ("eligible_not_served", "other_programme")
    assert life.hand_off.recommend is recommend
    assert life.said(CaseRecalled)


def test_another_programme_with_a_gateway_is_offered_there() -> None:
    life = taken().order(direct(Direction.OTHER_PROGRAMME, programme=Programme.PHONE))
    assert (life.offer.provider, life.offer.programme) == ("crisis-line", Programme.PHONE)
    assert life.recall.confirm_by is not None


def test_another_programme_must_be_another_one() -> None:
    for programme in (None, Programme.UMCR, Programme.UNKNOWN):
        assert offered().refusal(direct(Direction.OTHER_PROGRAMME, programme=programme)).code == "no-programme"


def test_an_unknown_direction_is_refused() -> None:
    assert offered().refusal(direct(Direction.UNKNOWN)).code == "unknown-direction"


def test_a_question_is_answered_once_and_only_if_it_was_asked() -> None:
    def answer(question: Question = Question.SUICIDAL) -> desk.AnswerQuestion:
        return desk.AnswerQuestion(call_id=CALL, by="desk-1", question=question, answer=Answer.YES)

    life = going()
    assert life.refusal(answer()).code == "not-asked"
    life.hear(by_provider(life, cases.QuestionAsked, question=Question.SUICIDAL))
    assert at_desk(life.call).questions == (Question.SUICIDAL,)
    assert "suicidal" not in standing(life.call).model_dump_json()
    life.order(answer())
    told = life.only(QuestionAnswered)
    assert (told.provider, told.question, told.answer) == ("exodus", Question.SUICIDAL, Answer.YES)
    assert life.stage is Stage.EN_ROUTE
    assert life.refusal(answer()).code == "not-asked"


def test_danger_can_be_cleared_after_the_outcome_for_the_record() -> None:
    life = Life().hear(received(), dangerous()).order(clear())
    assert life.only(DangerCleared).stage is Stage.CONCLUDED
    assert not life.said(CaseOffered)
    assert Life().refusal(clear()).status == 404


def test_an_order_is_answered_with_where_the_call_stands() -> None:
    life = offered()
    before = standing(life.call)
    assert (before.stage, before.provider, before.holder) == (Stage.OFFERED, "exodus", "psap")
    assert (before.revision, before.judged, before.feed) == ("digest-1", True, Feed.DIVERTED)
    life.order(take_back())
    after = standing(life.call)
    assert (after.stage, after.outcome, after.reason) == (Stage.CONCLUDED, "eligible_not_served", "taken_back")
    assert [one.reason for one in after.waiting] == [HandOffReason.TAKEN_BACK]
    assert "shouting" not in after.model_dump_json()
