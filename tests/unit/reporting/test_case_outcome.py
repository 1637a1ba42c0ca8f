"""The row of an offer, and what a call's row says of danger, help and lateness."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import (
    BackupRequested,
    CaseAcknowledged,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    RecallConfirmed,
    TeamOnScene,
)
from divert_contracts.facts.routing import ResponderRecorded
from divert_contracts.vocabulary import (
    Answer,
    DeclineReason,
    Disposition,
    HandBackReason,
    Hazard,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    RecallReason,
    Responder,
    TeamPosition,
)
from divert_reporting.domain.case_outcome import CaseOutcome, case_outcomes
from divert_reporting.domain.outcome import CallOutcome, outcome

from .stories import (
    NOBODY_ANSWERED,
    SERVED,
    after,
    concluded,
    enveloped,
    of_case,
    of_routing,
    offered,
    opened,
    recalled,
    record,
    triaged,
)


def cases(*facts: Fact) -> list[CaseOutcome]:
    return case_outcomes(record(enveloped(facts)))


def row(*facts: Fact) -> CallOutcome:
    told = outcome(record(enveloped(facts)))
    assert told is not None
    return told


@pytest.mark.parametrize("story", [SERVED, NOBODY_ANSWERED], ids=["served", "nobody answered"])
@given(data=st.data())
def test_any_order_gives_the_same_offers(story: tuple[Fact, ...], data: st.DataObject) -> None:
    envelopes = enveloped(story)
    assert case_outcomes(record(data.draw(st.permutations(envelopes)))) == case_outcomes(record(envelopes))


def test_each_offer_has_its_own_row() -> None:
    first, second = cases(
        triaged(),
        offered(1),
        of_case(CaseDeclined, 5, reason=DeclineReason.AT_CAPACITY),
        recalled(1, RecallReason.REASSIGNED, at=6),
        offered(2, "alcott", at=7),
        of_case(CaseAcknowledged, 9, 2, "alcott", arrive_by=after(900)),
    )
    assert (first.provider, first.declined, first.acknowledged_at) == ("exodus", DeclineReason.AT_CAPACITY, None)
    assert (second.provider, second.declined, second.acknowledged_at) == ("alcott", None, after(9))
    assert second.arrive_by == after(900)


def test_what_comes_after_the_recall_of_an_offer_is_not_its_provider_having_it() -> None:
    late = cases(
        offered(1), recalled(1, RecallReason.ANSWER_OVERDUE, at=95), of_case(CaseAcknowledged, 96, arrive_by=after(900))
    )
    assert late[0].timed_out
    assert late[0].acknowledged_at is None
    assert late[0].ended_at is None


def test_a_served_case_says_how_it_was_closed() -> None:
    (one,) = [case for case in cases(*SERVED) if case.closed_at is not None]
    assert isinstance(one.disposition, Disposition)
    assert one.ended_at is not None


TAKEN = (
    triaged(),
    opened(),
    offered(1),
    of_case(CaseAcknowledged, 10, arrive_by=after(900)),
    of_case(TeamOnScene, 300),
)


def test_danger_is_known_from_the_first_word_of_it_until_the_team_is_out() -> None:
    told = row(
        *TAKEN,
        of_case(EmergencyRaised, 400, hazards=(Hazard.WEAPON,)),
        of_case(RecallConfirmed, 410, position=TeamPosition.ON_SCENE),
        of_case(RecallConfirmed, 460, position=TeamPosition.WITHDRAWN),
    )
    assert (told.danger_known_at, told.withdrawn_at) == (after(400), after(460))


def test_a_call_for_medical_help_is_no_danger_and_no_part_of_the_police() -> None:
    told = row(
        *TAKEN,
        of_case(BackupRequested, 400, medical=Answer.YES),
        concluded(500, Outcome.SERVED, OutcomeReason.CLOSED, police=PoliceInvolvement.BACKUP_ARRIVED),
    )
    assert told.danger_known_at is None
    assert told.medical_requests == 1
    assert told.police is PoliceInvolvement.NONE


def test_a_hand_back_for_a_weapon_is_danger_known_and_left_at_once() -> None:
    told = row(*TAKEN, of_case(CaseHandedBack, 350, reason=HandBackReason.WEAPON))
    assert told.danger_known_at == told.withdrawn_at == after(350)
    assert told.hand_backs == 1


def test_a_step_that_was_queued_on_a_device_is_counted() -> None:
    told = row(*TAKEN[:-1], of_case(TeamOnScene, 300, said_at=after(200)))
    assert told.queued_taps == 1
    assert told.on_scene_at == after(200)


def test_what_had_happened_before_the_conclusion_and_comes_after_it_is_a_correction() -> None:
    envelopes = enveloped((*TAKEN, concluded(500, Outcome.SERVED, OutcomeReason.CLOSED)))
    in_order = record(envelopes)
    end, *others = reversed(envelopes)
    assert in_order.late == 0
    assert record([end, *others]).late == len(others)
    later = replace(others[0], fact=others[0].fact.model_copy(update={"occurred_at": after(600)}))
    assert record([end, later]).late == 0


def test_a_second_report_of_who_responded_that_says_otherwise_is_a_correction() -> None:
    patrol = of_routing(ResponderRecorded, 700, responder=Responder.PATROL, arrest=Answer.NO)

    def late(*said: Fact) -> int:
        return record(enveloped((patrol, *said))).late

    assert late() == 0
    assert late(of_routing(ResponderRecorded, 900, responder=Responder.PATROL, cleared_at=after(890))) == 0
    assert late(of_routing(ResponderRecorded, 900, responder=Responder.UNKNOWN)) == 0
    assert late(of_routing(ResponderRecorded, 900, responder=Responder.MEU)) == 1
    assert late(of_routing(ResponderRecorded, 900, responder=Responder.PATROL, arrest=Answer.YES)) == 1
    assert late(of_routing(ResponderRecorded, 900, responder=Responder.PATROL, force=Answer.UNKNOWN)) == 1
