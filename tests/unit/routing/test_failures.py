"""A fact that could not be read is not silence."""

import pytest

from divert_contracts.facts.calls import CallUpdated
from divert_contracts.facts.cases import BackupRequested, CaseAcknowledged, EmergencyRaised
from divert_contracts.facts.routing import CallConcluded, CallHandedOff, CallOpened, CallStatusChanged
from divert_contracts.vocabulary import (
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from divert_routing.domain.given import Given
from unit.routing.lives import (
    NOON,
    Life,
    accepted,
    directory,
    knowing,
    observed,
    offered,
    received,
    taken,
    there,
    triaged,
)

FOR_HELP = [BackupRequested.type_name(), EmergencyRaised.type_name()]


def of_agencies(*agencies: str) -> Given:
    known = knowing(directory())
    return Given(known.directories, agencies=frozenset(agencies))


def is_urgent(handed: CallHandedOff) -> bool:
    told = (handed.reason, handed.recommend, handed.brief.hazards, handed.brief.team_position)
    return handed.urgent and told == (
        HandOffReason.DANGER,
        Responder.PATROL,
        (Hazard.UNKNOWN,),
        TeamPosition.UNKNOWN,
    )


def test_a_call_of_which_nothing_was_understood_goes_to_the_only_agency_there_is() -> None:
    life = Life().fail()
    assert life.ending == ("not_triaged", "not_understood")
    handed = life.only(CallHandedOff)
    assert (handed.agency, handed.incident_number, handed.picture) == ("lapd", "", None)
    assert (handed.reason, handed.recommend) == (HandOffReason.NOT_UNDERSTOOD, Responder.HOLD)
    assert life.only(CallConcluded).feed is Feed.UNKNOWN


def test_the_agency_that_could_still_be_read_is_told() -> None:
    life = Life(given_=of_agencies("lapd", "culver-city")).fail(agency="culver-city")
    assert life.only(CallHandedOff).agency == "culver-city"


def test_without_any_agency_the_hand_off_is_made_as_soon_as_one_is_known() -> None:
    life = Life(given_=of_agencies("lapd", "culver-city")).fail()
    assert not life.said(CallHandedOff)
    life.hear(received())
    handed = life.only(CallHandedOff)
    assert (handed.agency, handed.incident_number) == ("lapd", "2611200001")
    assert life.only(CallOpened).stage is Stage.CONCLUDED
    assert life.only(CallStatusChanged).stage is Stage.CONCLUDED
    assert len(life.said(CallConcluded)) == 1


def test_a_team_is_recalled_from_a_call_that_was_not_understood() -> None:
    life = taken().fail(CallUpdated.type_name())
    assert life.recall.reason is RecallReason.NOT_UNDERSTOOD
    assert life.recall.confirm_by is not None
    assert life.ending == ("eligible_not_served", "not_understood_after_triage")


def test_an_offer_whose_answer_was_not_understood_goes_back_to_the_dispatcher() -> None:
    life = offered().fail(CaseAcknowledged.type_name())
    assert life.ending == ("eligible_not_served", "not_understood_after_triage")


def test_an_ineligible_call_stays_ineligible_when_its_own_words_are_not_understood() -> None:
    life = Life().hear(triaged(eligibility=Eligibility.INELIGIBLE)).fail()
    assert life.ending == ("ineligible", "rule")


def test_an_observed_call_is_left_alone() -> None:
    life = observed().forget_facts().fail()
    assert not life.facts
    assert life.stage is Stage.OBSERVED


@pytest.mark.parametrize("fact_type", FOR_HELP)
def test_a_call_for_help_that_was_not_understood_is_urgent_with_what_keeps_people_safe(fact_type: str) -> None:
    life = there().forget_facts().fail(fact_type)
    handed = life.only(CallHandedOff)
    assert (handed.reason, handed.recommend, handed.urgent) == (HandOffReason.DANGER, Responder.PATROL, True)
    assert (handed.brief.hazards, handed.brief.team_position) == ((Hazard.UNKNOWN,), TeamPosition.ON_SCENE)
    assert (life.recall.reason, life.recall.withdraw_if_safe) == (RecallReason.DANGER, True)
    assert life.ending == ("eligible_not_served", "not_understood_after_triage")


@pytest.mark.parametrize("fact_type", FOR_HELP)
def test_a_call_for_help_of_which_nothing_else_is_known_is_urgent_too(fact_type: str) -> None:
    life = Life().fail(fact_type)
    assert is_urgent(life.only(CallHandedOff))
    assert life.ending == ("not_triaged", "not_understood")


def test_a_call_for_help_that_waited_for_its_agency_is_urgent_when_it_is_known() -> None:
    life = Life(given_=of_agencies("lapd", "culver-city")).fail(EmergencyRaised.type_name())
    assert not life.said(CallHandedOff)
    life.hear(received())
    assert is_urgent(life.only(CallHandedOff))


def test_a_call_for_help_from_an_observed_call_is_handed_off_and_leaves_it_observed() -> None:
    life = observed().forget_facts().fail(EmergencyRaised.type_name())
    assert is_urgent(life.only(CallHandedOff))
    assert not life.said(CallConcluded)


def test_what_may_have_been_a_call_for_help_is_urgent_while_a_team_has_the_call() -> None:
    assert not offered().forget_facts().fail().hand_off.urgent
    handed = taken().forget_facts().fail().hand_off
    assert (handed.reason, handed.urgent) == (HandOffReason.NOT_UNDERSTOOD, True)


def test_after_the_outcome_what_may_be_a_call_for_help_is_handed_off_again() -> None:
    life = offered().after(91)
    life.hear(accepted(life.hand_off.handoff_id)).forget_facts()
    life.fail().fail()
    handed = life.only(CallHandedOff)
    assert (handed.reason, handed.urgent) == (HandOffReason.NOT_UNDERSTOOD, True)
    assert not life.said(CallConcluded)


@pytest.mark.parametrize("fact_type", FOR_HELP)
def test_after_the_outcome_a_call_for_help_is_handed_off_once_as_danger(fact_type: str) -> None:
    life = offered().after(91)
    life.hear(accepted(life.hand_off.handoff_id)).forget_facts()
    life.fail(fact_type).fail(fact_type)
    assert is_urgent(life.only(CallHandedOff))
    assert not life.said(CallConcluded)


def test_a_hand_off_that_waits_unhurried_is_repeated_as_urgent_by_a_call_for_help() -> None:
    life = offered().fail(CaseAcknowledged.type_name()).forget_facts().fail(EmergencyRaised.type_name())
    repeated, fresh = life.said(CallHandedOff)
    assert (repeated.reason, repeated.repeat, repeated.urgent) == (HandOffReason.NOT_UNDERSTOOD, 1, True)
    assert is_urgent(fresh)


def test_after_the_outcome_an_unreadable_revision_changes_nothing() -> None:
    life = offered().after(91).forget_facts()
    life.fail(CallUpdated.type_name())
    assert not life.facts


def test_a_bug_in_a_timer_hands_the_call_off_too() -> None:
    life = Life().hear(received()).fail("timer")
    assert life.ending == ("not_triaged", "not_understood")
    assert life.now == NOON
