"""Danger that somebody told us of counts, whatever has become of the rules that should have spoken of it."""

import pytest

from divert_contracts.call import Answered, Signal
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.vocabulary import (
    Answer,
    Certainty,
    DeclineReason,
    Direction,
    Eligibility,
    Feed,
    HandBackReason,
    Hazard,
    Question,
    RecallReason,
    SignalSource,
    Stage,
)
from unit.routing.lives import (
    Life,
    acknowledged,
    declined,
    direct,
    going,
    handed_back,
    offered,
    received,
    there,
    triaged,
)

ARMED = {Question.WEAPON: Answered(answer=Answer.YES)}


def test_a_weapon_in_a_later_revision_recalls_the_team_without_waiting_for_triage() -> None:
    life = going()
    life.hear(received(2, at=life.now, answers=ARMED))
    assert life.said(CaseRecalled)[-1].reason is RecallReason.DANGER
    assert life.said(CallHandedOff)[-1].urgent
    assert Hazard.WEAPON in life.said(CallHandedOff)[-1].brief.hazards


def test_a_weapon_in_a_later_revision_withdraws_an_open_offer_without_triage() -> None:
    life = offered()
    life.hear(received(2, at=life.now, answers=ARMED))
    assert life.said(CaseRecalled)
    assert life.call.case is None


def test_a_weapon_of_an_earlier_revision_that_was_never_judged_is_not_forgotten() -> None:
    life = Life().hear(received(1, answers=ARMED), received(2), triaged(2))
    assert not life.said(CaseOffered)
    assert life.ending == ("ineligible", "hard_exclusion")


def test_a_premise_hazard_counts_like_an_answer() -> None:
    life = going()
    life.hear(received(2, at=life.now, premise_hazards=(Hazard.WEAPON,)))
    assert life.said(CaseRecalled)[-1].reason is RecallReason.DANGER


@pytest.mark.parametrize(
    ("certainty", "stage"), [(Certainty.POSSIBLE, Stage.IN_REVIEW), (Certainty.PRESENT, Stage.CONCLUDED)]
)
def test_what_becomes_of_a_place_known_for_fire_the_policy_says(certainty: Certainty, stage: Stage) -> None:
    known = Signal(hazard=Hazard.FIRE, source=SignalSource.PREMISE, certainty=certainty, code="fire")
    judged = triaged(1, eligibility=Eligibility.NEEDS_REVIEW, premise_hazards=(Hazard.FIRE,))
    life = Life().hear(received(1, premise_hazards=(Hazard.FIRE,)), judged.model_copy(update={"signals": (known,)}))
    assert life.stage is stage
    assert not life.said(CaseOffered)


def test_a_call_that_is_no_longer_diverted_is_not_offered_on_unscreened_rules() -> None:
    life = Life().hear(received(1), received(2, feed=Feed.OBSERVED), triaged(2, feed=Feed.OBSERVED, unscreened=True))
    assert not life.said(CaseOffered)


def test_a_hand_back_for_a_weapon_says_so_in_the_brief_whatever_else_was_said() -> None:
    life = there()
    life.hear(handed_back(life, HandBackReason.WEAPON))
    assert life.hand_off.brief.hazards == (Hazard.WEAPON,)


def test_a_hand_back_for_a_weapon_recalls_the_team_that_has_the_call_now() -> None:
    life = going(reporting_district="0814")
    life.order(direct(Direction.REASSIGN))
    life.hear(acknowledged(life, attempt=2))
    life.hear(handed_back(life, HandBackReason.WEAPON, attempt=1))
    assert life.call.case is None
    assert life.said(CaseRecalled)[-1].provider == "alcott"


def test_an_unsafe_decline_goes_back_to_the_dispatcher_and_to_no_other_provider() -> None:
    for reason in (DeclineReason.NOT_SAFE, DeclineReason.UNKNOWN):
        life = offered(reporting_district="0814")
        life.hear(declined(life, reason))
        assert len(life.said(CaseOffered)) == 1
        assert life.ending == ("eligible_not_served", "declined_by_all")
        assert life.hand_off


def test_a_team_that_has_not_confirmed_its_recall_hears_of_later_danger_at_once() -> None:
    life = going(reporting_district="0814")
    life.order(direct(Direction.REASSIGN))
    life.hear(acknowledged(life, attempt=2))
    before = len([one for one in life.said(CaseRecalled) if one.provider == "exodus"])
    life.hear(received(2, at=life.now, answers=ARMED))
    told = [one for one in life.said(CaseRecalled) if one.provider == "exodus"]
    assert len(told) == before + 1
    assert Hazard.WEAPON in told[-1].hazards


def test_a_medical_hazard_learnt_before_the_acknowledgement_brings_an_ambulance_to_it() -> None:
    life = offered()
    life.call.hazards = (Hazard.MEDICAL,)
    life.hear(acknowledged(life))
    assert life.said(AssistanceRequested)
