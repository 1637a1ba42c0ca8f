"""Danger is sticky: what any version, team or person said counts until a named person clears it."""

from collections.abc import Callable

import pytest

from divert_contracts.facts import cases
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
    DangerCleared,
    QuestionAnswered,
)
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Certainty,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    Question,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from divert_routing.domain import desk
from unit.routing.lives import (
    CALL,
    NOON,
    Life,
    accepted,
    acknowledged,
    by_provider,
    clear,
    closed,
    closed_by_cad,
    contacted,
    dangerous,
    declined,
    going,
    handed_back,
    in_review,
    observed,
    offered,
    received,
    review,
    seconds,
    take_back,
    taken,
    there,
    triaged,
)

DANGERS = [hazard for hazard in Hazard if hazard not in (Hazard.MEDICAL, Hazard.OVERDOSE)]
Story = Callable[[], Life]


@pytest.mark.parametrize("hazard", DANGERS)
def test_every_hazard_but_the_medical_ones_takes_a_team_back(hazard: Hazard) -> None:
    life = going().hear(dangerous(hazard=hazard))
    assert (life.recall.reason, life.recall.hazards) == (RecallReason.DANGER, (hazard,))
    assert life.recall.urgent
    assert life.recall.confirm_by == life.now + seconds(30)
    assert (life.hand_off.reason, life.hand_off.urgent) == (HandOffReason.DANGER, True)
    assert life.stage is Stage.CONCLUDED


@pytest.mark.parametrize(
    ("story", "position", "withdraw"),
    [
        (taken, TeamPosition.PREPARING, False),
        (going, TeamPosition.EN_ROUTE, False),
        (there, TeamPosition.ON_SCENE, True),
    ],
)
def test_the_brief_says_where_the_team_is_and_on_scene_it_withdraws_if_that_is_safe(
    story: Story,
    position: TeamPosition,
    withdraw: bool,  # noqa: FBT001
) -> None:
    life = story().hear(dangerous())
    assert life.recall.withdraw_if_safe is withdraw
    assert life.hand_off.brief.team_position is position
    assert life.hand_off.brief.hazards == (Hazard.WEAPON,)


def test_an_offer_that_nobody_took_is_recalled_without_a_confirmation() -> None:
    life = offered().hear(dangerous())
    assert (life.recall.urgent, life.recall.confirm_by) == (True, None)
    assert not life.call.recalls
    assert life.ending == ("ineligible", "hard_exclusion")


@pytest.mark.parametrize("certainty", [Certainty.PRESENT, Certainty.UNKNOWN])
def test_a_sign_counts_when_it_is_sure_or_said_in_a_way_we_do_not_know(certainty: Certainty) -> None:
    life = going().hear(triaged(hazards=[Hazard.FIRE], certainty=certainty))
    assert life.recall.reason is RecallReason.DANGER


@pytest.mark.parametrize("certainty", [Certainty.POSSIBLE, Certainty.DENIED])
def test_what_is_only_possible_reaches_the_team_and_ends_nothing(certainty: Certainty) -> None:
    life = going().after(5)
    life.hear(received(2, at=life.now))
    life.hear(
        triaged(2, at=life.now, eligibility=Eligibility.NEEDS_REVIEW, hazards=[Hazard.WEAPON], certainty=certainty)
    )
    assert life.stage is Stage.EN_ROUTE
    assert life.only(CaseUpdated).signals[0].hazard is Hazard.WEAPON


def test_a_hard_exclusion_without_any_sign_is_a_danger_without_a_name() -> None:
    life = going().hear(triaged(eligibility=Eligibility.INELIGIBLE, hard=True))
    assert life.recall.hazards == (Hazard.UNKNOWN,)


def test_an_older_triage_never_offers_but_its_danger_counts() -> None:
    life = Life().hear(received(), received(2, at=NOON + seconds(1)), triaged(1))
    assert not life.said(CaseOffered)
    life.hear(dangerous(1))
    assert life.ending == ("ineligible", "hard_exclusion")
    team = going().after(5)
    team.hear(received(2, at=team.now), triaged(2, at=team.now), dangerous(1))
    assert team.recall.reason is RecallReason.DANGER


def test_danger_of_an_earlier_version_keeps_a_later_clean_one_from_being_offered() -> None:
    life = observed().hear(dangerous(feed=Feed.OBSERVED)).after(30)
    life.hear(received(2, at=life.now), triaged(2, at=life.now))
    assert life.ending == ("ineligible", "hard_exclusion")
    assert life.only(CallConcluded).rule == "exclude-weapon"
    assert not life.said(CaseOffered)


def test_after_clearing_only_a_review_can_offer_the_call() -> None:
    life = observed().hear(dangerous(feed=Feed.OBSERVED)).after(30)
    life.order(clear())
    cleared = life.only(DangerCleared)
    assert (cleared.by, cleared.unit, cleared.hazards) == ("sergeant-2", "18L20", (Hazard.WEAPON,))
    life.after(30).hear(received(2, at=life.now), triaged(2, at=life.now))
    assert life.stage is Stage.IN_REVIEW
    life.order(review(2))
    assert life.stage is Stage.OFFERED


def test_danger_in_a_later_revision_counts_anew_after_clearing() -> None:
    life = observed().hear(dangerous(feed=Feed.OBSERVED)).after(30)
    life.order(clear()).after(1)
    life.hear(received(2, at=life.now), dangerous(2, at=life.now))
    assert life.ending == ("ineligible", "hard_exclusion")


def test_an_exclusion_by_cleared_signs_alone_is_for_a_reviewer() -> None:
    life = observed().hear(dangerous(feed=Feed.OBSERVED)).after(30)
    life.order(clear()).after(1)
    said_before = NOON + seconds(29)
    life.hear(received(2, at=said_before), dangerous(2, at=said_before))
    assert life.stage is Stage.IN_REVIEW
    life.order(review(2))
    assert life.stage is Stage.OFFERED


def test_clearing_names_what_it_clears_and_leaves_the_rest() -> None:
    life = observed().hear(triaged(hazards=[Hazard.WEAPON, Hazard.FIRE], hard=True, feed=Feed.OBSERVED))
    life.order(clear(Hazard.FIRE))
    assert life.call.dangers == (Hazard.WEAPON,)
    assert life.refusal(clear(Hazard.TRAFFIC)).code == "no-danger"
    life.order(clear())
    assert life.refusal(clear()).code == "no-danger"


def test_medical_brings_an_ambulance_and_the_team_keeps_the_case() -> None:
    life = going().hear(dangerous(hazard=Hazard.MEDICAL))
    asked = life.only(AssistanceRequested)
    assert (asked.assistance, asked.recommend, asked.urgent) == (Assistance.MEDICAL, Responder.LAFD, True)
    assert asked.brief.team_position is TeamPosition.EN_ROUTE
    assert asked.brief.injuries is Answer.YES
    assert (life.stage, life.call.holder) == (Stage.EN_ROUTE, "exodus")
    assert not life.said(CaseRecalled)
    life.hear(dangerous(2, at=NOON + seconds(70), hazard=Hazard.MEDICAL))
    assert len(life.said(AssistanceRequested)) == 1


def test_medical_before_anybody_took_the_call_goes_to_the_fire_department_at_once() -> None:
    life = offered().hear(dangerous(hazard=Hazard.OVERDOSE))
    assert (life.hand_off.reason, life.hand_off.recommend) == (HandOffReason.MEDICAL, Responder.LAFD)
    assert life.hand_off.urgent
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE


def test_the_brief_never_says_overdose() -> None:
    life = going().hear(dangerous(hazard=Hazard.OVERDOSE))
    assert life.help.brief.hazards == (Hazard.MEDICAL,)


def test_danger_with_an_injury_recommends_the_fire_department() -> None:
    life = Life().hear(
        received(),
        triaged(eligibility=Eligibility.INELIGIBLE, hazards=[Hazard.WEAPON, Hazard.MEDICAL], hard=True),
    )
    assert (life.hand_off.reason, life.hand_off.recommend) == (HandOffReason.DANGER, Responder.LAFD)
    assert life.hand_off.brief.hazards == (Hazard.WEAPON, Hazard.MEDICAL)


def test_a_revision_without_danger_never_ends_an_acknowledged_case() -> None:
    life = taken().after(5)
    life.hear(
        received(2, at=life.now, reporting_district="0701"),
        triaged(2, at=life.now, eligibility=Eligibility.INELIGIBLE, reporting_district="0701"),
    )
    assert life.stage is Stage.ACKNOWLEDGED
    assert len(life.said(CaseUpdated)) == 1


def test_a_teams_own_report_of_danger_sends_help_and_leaves_it_its_case() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested, hazards=[Hazard.VIOLENCE]))
    assert (life.help.assistance, life.help.recommend) == (Assistance.BACKUP, Responder.PATROL)
    assert life.help.brief.hazards == (Hazard.VIOLENCE,)
    assert life.stage is Stage.ON_SCENE
    life.hear(handed_back(life))
    assert Hazard.VIOLENCE in life.hand_off.brief.hazards


def test_what_an_earlier_team_reports_takes_back_the_one_that_has_the_call_now() -> None:
    life = offered(reporting_district="0822").after(91)
    life.hear(acknowledged(life)).forget_facts()
    life.hear(by_provider(life, cases.EmergencyRaised, attempt=1, provider="exodus", position=TeamPosition.ON_SCENE))
    assert (life.help.assistance, life.help.provider) == (Assistance.EMERGENCY, "exodus")
    assert (life.recall.provider, life.recall.reason) == ("alcott", RecallReason.DANGER)
    assert life.ending == ("eligible_not_served", "recalled")


def test_danger_that_a_declining_team_met_is_told_and_stops_the_next_offer() -> None:
    life = offered(reporting_district="0822").after(20)
    life.hear(handed_back(life, hazards=[Hazard.WEAPON]))
    assert len(life.said(CaseOffered)) == 1
    assert life.hand_off.brief.hazards == (Hazard.WEAPON,)


def test_the_desk_saying_yes_to_a_question_is_a_report_of_danger() -> None:
    life = going()
    life.hear(by_provider(life, cases.QuestionAsked, question=Question.WEAPON))
    life.order(desk.AnswerQuestion(call_id=CALL, by="desk-1", question=Question.WEAPON, answer=Answer.YES))
    assert life.only(QuestionAnswered).answer is Answer.YES
    assert life.recall.reason is RecallReason.DANGER


def test_danger_after_the_conclusion_repeats_what_is_still_open_at_once() -> None:
    life = going().order(take_back()).forget_facts()
    life.hear(received(2, at=life.now), dangerous(2, at=life.now))
    assert (life.only(CaseRecalled).repeat, life.only(CaseRecalled).hazards) == (1, (Hazard.WEAPON,))
    assert (life.only(CallHandedOff).repeat, life.only(CallHandedOff).urgent) == (1, True)
    life.hear(dangerous(3, at=life.now))
    assert len(life.said(CaseRecalled)) == 1


def test_danger_in_a_call_that_is_over_ends_it_as_what_it_was_and_hands_nothing_off() -> None:
    life = Life().hear(received(), closed_by_cad(), dangerous())
    assert life.ending == ("ineligible", "hard_exclusion")
    assert not life.said(CallHandedOff)


def test_danger_during_a_review_hands_the_call_off() -> None:
    life = in_review().hear(dangerous(1))
    assert life.ending == ("ineligible", "hard_exclusion")


def test_a_triage_with_danger_waits_for_the_calls_own_words_but_not_for_long() -> None:
    life = Life().hear(dangerous())
    assert not life.facts
    life.hear(received())
    assert life.hand_off.private is not None
    alone = Life().hear(dangerous()).after(15)
    assert alone.ending == ("ineligible", "hard_exclusion")


def test_a_clean_close_is_not_disturbed_by_what_was_cleared() -> None:
    life = going()
    life.hear(by_provider(life, cases.EmergencyRaised))
    life.order(clear())
    life.hear(accepted(life.help.handoff_id), contacted(life), closed(life))
    assert life.ending == ("served", "closed")


def test_a_declined_offer_with_danger_known_is_not_passed_on() -> None:
    life = offered(reporting_district="0822").hear(dangerous(reporting_district="0822"))
    life.hear(declined(life))
    assert len(life.said(CaseOffered)) == 1
