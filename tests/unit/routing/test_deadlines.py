"""Every limit: what happens at it, and that nothing happens before."""

from datetime import datetime

import pytest

from divert_contracts.facts import cases
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallStatusChanged,
    CaseOffered,
    CaseUpdated,
    SafetyCheckMissed,
)
from divert_contracts.vocabulary import (
    Acuity,
    Assistance,
    Contact,
    Direction,
    Programme,
    RecallReason,
    Responder,
    Stage,
)
from unit.routing.lives import (
    NOON,
    PRIVATE,
    Life,
    accepted,
    acknowledged,
    by_provider,
    closed,
    contacted,
    direct,
    going,
    in_review,
    observed,
    offered,
    received,
    seconds,
    taken,
    there,
    triaged,
    unclear,
)


def test_triage_is_waited_for_fifteen_seconds() -> None:
    life = Life().hear(received()).after(14.9)
    assert life.stage is Stage.AWAITING_TRIAGE
    life.after(0.1)
    assert life.ending == ("not_triaged", "triage_overdue")
    assert life.hand_off.recommend is Responder.HOLD


def test_further_revisions_do_not_prolong_the_wait_for_triage() -> None:
    life = Life().hear(received()).after(10)
    life.hear(received(2, at=life.now)).after(5)
    assert life.ending == ("not_triaged", "triage_overdue")


def test_each_revision_of_a_judged_call_has_its_own_fifteen_seconds() -> None:
    life = in_review().after(60)
    life.hear(received(2, at=life.now)).after(14)
    assert life.stage is Stage.IN_REVIEW
    life.after(1)
    assert life.ending == ("not_triaged", "triage_overdue")


def test_a_triage_that_waits_in_vain_for_the_calls_own_words_is_handed_off() -> None:
    life = Life().hear(triaged()).after(15)
    assert life.ending == ("eligible_not_served", "not_understood_after_triage")
    assert life.hand_off.private is None
    assert life.said(CallConcluded)[0].provider is None


def test_a_review_is_waited_for_two_minutes_and_never_beyond_decide_by() -> None:
    life = in_review()
    assert life.call.review_by == NOON + seconds(120)
    assert life.after(119).stage is Stage.IN_REVIEW
    assert life.after(1).ending == ("not_triaged", "review_expired")
    late = Life(at=NOON + seconds(250)).hear(received(), unclear())
    assert late.call.review_by == NOON + seconds(300)
    too_late = Life(at=NOON + seconds(300)).hear(received(), unclear())
    assert too_late.ending == ("not_triaged", "review_expired")


def test_every_wait_before_acknowledgement_ends_at_decide_by() -> None:
    short = NOON + seconds(8)
    assert Life().hear(received(decide_by=short)).call.triage_by == short
    assert Life().hear(received(decide_by=short), unclear()).call.review_by == short
    assert Life().hear(received(decide_by=short), triaged()).offer.answer_by == short
    held = Life().hear(received(decide_by=short), triaged())
    held.order(direct(Direction.HOLD))
    assert held.call.held_until == short


def test_a_hold_ends_in_a_new_offer_to_the_same_provider() -> None:
    life = offered().after(5)
    life.order(direct(Direction.HOLD, until=NOON + seconds(60)))
    assert (life.stage, life.recall.reason) == (Stage.HELD, RecallReason.HELD)
    life.until(NOON + seconds(60))
    assert [one.provider for one in life.said(CaseOffered)] == ["exodus", "exodus"]
    assert life.stage is Stage.OFFERED


def test_a_hold_until_decide_by_ends_too_late() -> None:
    life = offered()
    life.order(direct(Direction.HOLD)).after(300)
    assert life.ending == ("eligible_not_served", "decided_too_late")


@pytest.mark.parametrize(("acuity", "limit"), [(Acuity.EMERGENT, 300), (Acuity.URGENT, 900), (Acuity.ROUTINE, 3600)])
def test_nobody_setting_out_in_time_recalls_the_case(acuity: Acuity, limit: float) -> None:
    life = Life().hear(received(), triaged(acuity=acuity)).after(10)
    life.hear(acknowledged(life)).until(NOON + seconds(9 + limit))
    assert life.stage is Stage.ACKNOWLEDGED
    life.after(1)
    assert (life.recall.reason, life.ending[1]) == (RecallReason.MISSED_EN_ROUTE, "missed_en_route")


@pytest.mark.parametrize(("acuity", "limit"), [(Acuity.EMERGENT, 1200), (Acuity.URGENT, 2700), (Acuity.ROUTINE, 5400)])
def test_nobody_arriving_in_time_recalls_the_case(acuity: Acuity, limit: float) -> None:
    life = Life().hear(received(), triaged(acuity=acuity)).after(10)
    life.hear(acknowledged(life), by_provider(life, cases.TeamEnRoute)).until(NOON + seconds(9 + limit))
    assert life.stage is Stage.EN_ROUTE
    life.after(1)
    assert (life.recall.reason, life.ending[1]) == (RecallReason.MISSED_ARRIVAL, "missed_arrival")


def test_a_contact_by_telephone_lifts_the_limit_of_setting_out_but_not_of_arriving() -> None:
    life = taken()
    life.hear(contacted(life, Contact.PHONE)).after(1000)
    assert life.stage is Stage.ACKNOWLEDGED
    life.after(2000)
    assert life.ending == ("served", "recalled_after_contact")
    assert life.hand_off.reason == "missed_arrival"


def arrival() -> datetime:
    return NOON + seconds(300)


def test_on_scene_the_first_safety_check_is_after_ten_minutes_and_then_every_fifteen() -> None:
    life = there()
    assert life.status.stage is Stage.ON_SCENE
    assert life.call.deadlines().check_by == arrival() + seconds(600)
    life.until(arrival() + seconds(610)).hear(by_provider(life, cases.SafetyCheckAnswered))
    assert life.call.deadlines().check_by == arrival() + seconds(610 + 900)
    assert not life.said(SafetyCheckMissed)


def test_a_missed_check_rings_the_team_at_two_minutes_and_sends_the_psap_at_five() -> None:
    life = there().until(arrival() + seconds(600 + 119))
    assert not life.said(SafetyCheckMissed)
    life.after(1)
    missed = life.only(SafetyCheckMissed)
    assert (missed.told_psap, missed.due_at) == (False, arrival() + seconds(600))
    life.until(arrival() + seconds(600 + 299))
    assert not life.said(AssistanceRequested)
    life.after(1)
    assert life.last(SafetyCheckMissed).told_psap
    assert (life.help.assistance, life.help.recommend) == (Assistance.CHECK_ON_TEAM, Responder.PATROL)
    assert life.stage is Stage.ON_SCENE


def test_a_check_answered_after_the_desk_rang_needs_no_psap() -> None:
    life = there().until(arrival() + seconds(600 + 180))
    life.hear(by_provider(life, cases.SafetyCheckAnswered)).until(arrival() + seconds(600 + 600))
    assert not life.said(AssistanceRequested)


def test_checks_go_on_while_a_team_does_not_answer() -> None:
    life = there().until(arrival() + seconds(900))
    life.hear(accepted(life.help.handoff_id, at=life.now)).until(arrival() + seconds(1800))
    assert [one.told_psap for one in life.said(SafetyCheckMissed)] == [False, True, False, True]
    assert len({one.handoff_id for one in life.said(AssistanceRequested)}) == 2


def test_after_a_long_silence_of_ours_the_checks_do_not_pile_up() -> None:
    life = there()
    life.now = arrival() + seconds(4 * 3600)
    life.until(life.now)
    assert len(life.said(SafetyCheckMissed)) == 2


@pytest.mark.parametrize("life", [there, lambda: (one := there()).hear(contacted(one))], ids=["there", "met"])
def test_a_case_that_is_not_closed_in_twelve_hours_is_ended(life: object) -> None:
    assert callable(life)
    one = life()
    assert isinstance(one, Life)
    one.until(NOON + seconds(10 + 12 * 3600 - 1))
    assert one.stage is Stage.ON_SCENE
    one.after(1)
    assert one.recall.reason is RecallReason.NOT_CLOSED
    assert one.recall.withdraw_if_safe
    assert one.hand_off.reason == "not_closed"


def test_an_observed_call_is_concluded_after_a_day() -> None:
    life = observed().hear(triaged(feed="observed")).until(NOON + seconds(86_399))
    assert life.stage is Stage.OBSERVED
    assert life.after(1).ending == ("eligible_not_served", "not_referred")


def test_a_live_revision_that_nobody_judges_reaches_the_team_after_fifteen_seconds() -> None:
    life = taken().after(50)
    life.hear(received(2, at=life.now)).after(14)
    assert not life.said(CaseUpdated)
    life.after(1)
    updated = life.only(CaseUpdated)
    assert (updated.private, updated.signals, life.stage) == (PRIVATE, (), Stage.ACKNOWLEDGED)
    life.hear(triaged(2, at=NOON + seconds(60)))
    assert len(life.said(CaseUpdated)) == 1


def test_an_untriaged_revision_keeps_the_call_from_the_next_provider() -> None:
    life = offered(reporting_district="0822").after(85)
    life.hear(received(2, at=life.now, reporting_district="0822")).after(6)
    assert life.stage is Stage.AWAITING_TRIAGE
    assert len(life.said(CaseOffered)) == 1
    life.hear(triaged(2, at=NOON + seconds(85), reporting_district="0822"))
    assert life.offer.provider == "alcott"


def test_an_untriaged_revision_that_outlives_its_offer_ends_the_call() -> None:
    life = offered().after(10)
    life.hear(received(2, at=life.now)).after(90)
    assert life.ending == ("not_triaged", "triage_overdue")


def test_the_private_part_is_forgotten_thirty_days_after_the_conclusion() -> None:
    life = there().hear()
    life.hear(closed(life))
    concluded = life.now
    life.until(concluded + seconds(30 * 86_400 - 1))
    assert life.call.private == PRIVATE
    life.after(1)
    assert life.call.private is None
    assert not life.call.due()
    life.hear(received(2, at=life.now))
    assert life.call.private is None
    assert not life.call.due()


def test_the_private_part_goes_after_its_time_also_when_nobody_accepts_the_hand_off() -> None:
    life = Life().hear(received(reporting_district=None), triaged(reporting_district=None))
    assert life.hand_off.private == PRIVATE
    life.call = life.call.model_copy(update={"forget_at": NOON + seconds(100)})
    life.after(400)
    assert life.call.private is None
    assert life.hand_off.repeat
    assert life.hand_off.private is None


def test_a_late_timer_does_what_it_would_have_done_in_time() -> None:
    life = offered()
    life.now = NOON + seconds(500)
    life.until(life.now)
    assert life.ending == ("eligible_not_served", "timed_out")
    assert len(life.said(CaseOffered)) == 1


def test_a_telephone_case_is_closed_by_its_provider_or_by_time() -> None:
    life = Life().hear(received(), triaged(programme=Programme.PHONE))
    life.hear(acknowledged(life), contacted(life, Contact.PHONE)).after(12 * 3600)
    assert life.ending == ("served", "not_closed_after_contact")


def test_cad_is_told_until_when_each_stage_is_to_be_believed() -> None:
    margin = seconds(5)
    life = Life().hear(received())
    assert life.status.next_update_by == NOON + seconds(15) + margin
    life.hear(triaged())
    assert life.status.next_update_by == NOON + seconds(91) + margin
    life.hear(acknowledged(life))
    assert life.status.next_update_by == NOON + seconds(900) + margin
    life.hear(by_provider(life, cases.TeamEnRoute))
    assert life.status.next_update_by == NOON + seconds(2700) + margin
    life.hear(by_provider(life, cases.TeamOnScene))
    assert life.status.next_update_by == NOON + seconds(600 + 300) + margin
    life.after(600).hear(by_provider(life, cases.SafetyCheckAnswered))
    assert life.status.next_update_by == NOON + seconds(600 + 900 + 300) + margin
    life.hear(closed(life))
    assert life.status.next_update_by is None


def test_while_a_call_lives_its_last_status_is_always_still_to_be_believed() -> None:
    life = there()
    for _ in range(40):
        life.after(600)
        if life.stage is Stage.CONCLUDED:
            break
        assert life.status.next_update_by is not None
        assert life.status.next_update_by > life.now


def test_statuses_count_up_and_the_psap_holds_until_somebody_acknowledged() -> None:
    life = going()
    life.hear(closed(life))
    statuses = life.said(CallStatusChanged)
    assert [one.status_number for one in statuses] == list(range(1, len(statuses) + 1))
    assert [one.holder for one in statuses] == ["psap", "psap", "exodus", "exodus", "psap"]
    assert [one.provider for one in statuses] == [None, "exodus", "exodus", "exodus", "exodus"]
