"""Hand-offs, calls for assistance and recalls are repeated until somebody accepts or confirms."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from divert_contracts import ids
from divert_contracts.facts import cases
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CallStatusChanged,
    CaseRecalled,
    HandoffConfirmed,
    ResponderRecorded,
)
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Contact,
    Hazard,
    PoliceInvolvement,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from unit.routing.lives import (
    CALL,
    NOON,
    PRIVATE,
    Life,
    accepted,
    acknowledged,
    by_provider,
    closed,
    contacted,
    dangerous,
    going,
    handed_back,
    offered,
    received,
    responder,
    seconds,
    take_back,
    taken,
    there,
    triaged,
)


def distances(times: list[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(times)]


BACKING_OFF = [seconds(one) for one in (30, 30, 60, 120, 240, 300, 300, 300)]


def test_a_hand_off_carries_the_calls_own_record_and_the_safety_brief() -> None:
    life = going().hear(dangerous())
    handed = life.only(CallHandedOff)
    assert handed.handoff_id == ids.handoff_id(CALL, 1)
    assert handed.private == PRIVATE
    assert handed.picture is not None
    assert handed.decision is not None
    assert handed.accept_by == life.now + seconds(30)
    assert handed.deadlines.accept_by == handed.accept_by
    assert handed.stage is Stage.CONCLUDED
    assert handed.without_private().private is None


def test_an_unaccepted_hand_off_is_repeated_ever_more_slowly_and_never_stops() -> None:
    life = Life().hear(received(), triaged(acuity="immediate"))  # pyright: ignore[reportArgumentType]
    life.after(24 * 3600)
    said = life.said(CallHandedOff)
    assert len({one.handoff_id for one in said}) == 1
    assert [one.repeat for one in said] == list(range(len(said)))
    assert distances([one.occurred_at for one in said])[:8] == BACKING_OFF
    assert distances([one.occurred_at for one in said])[-1] == seconds(300)
    assert said[-1].accept_by > life.now


def test_accepting_ends_the_repeats_and_is_published_once() -> None:
    life = going().hear(dangerous())
    handed = life.hand_off
    life.after(70).hear(accepted(handed.handoff_id, at=life.now), accepted(handed.handoff_id, at=life.now))
    confirmed = life.only(HandoffConfirmed)
    assert (confirmed.handoff_id, confirmed.by, confirmed.unit) == (handed.handoff_id, "dispatcher-7", "12A45")
    count = len(life.said(CallHandedOff))
    life.after(3600)
    assert len(life.said(CallHandedOff)) == count


def test_accepting_something_else_ends_nothing() -> None:
    life = going().hear(dangerous())
    life.hear(accepted(ids.handoff_id(CALL, 9))).after(31)
    assert not life.said(HandoffConfirmed)
    assert life.hand_off.repeat == 1


def test_a_recall_of_an_acknowledged_case_is_repeated_as_urgent_and_alarms_the_psap_once() -> None:
    life = taken().order(take_back())
    first = life.only(CaseRecalled)
    assert (first.urgent, first.repeat, first.confirm_by) == (False, 0, life.now + seconds(30))
    life.hear(accepted(life.hand_off.handoff_id)).after(30)
    assert (life.recall.urgent, life.recall.repeat) == (True, 1)
    asked = life.only(AssistanceRequested)
    assert (asked.assistance, asked.recommend) == (Assistance.RECALL_UNCONFIRMED, Responder.PATROL)
    assert asked.brief.team_position is TeamPosition.PREPARING
    life.hear(accepted(asked.handoff_id)).after(1200)
    assert len(life.said(AssistanceRequested)) == 1
    assert distances([one.occurred_at for one in life.said(CaseRecalled)])[:6] == BACKING_OFF[:6]


def test_a_confirmed_recall_is_silent() -> None:
    life = going().hear(dangerous())
    life.hear(accepted(life.hand_off.handoff_id), by_provider(life, cases.RecallConfirmed)).after(3600)
    assert len(life.said(CaseRecalled)) == 1
    assert not life.call.promises


@pytest.mark.parametrize("said", [closed, handed_back], ids=["closed", "handed back"])
def test_a_team_that_has_ended_its_case_need_not_confirm_the_recall(said: Callable[..., cases.CaseClosed]) -> None:
    life = going().order(take_back())
    life.hear(said(life))
    assert not life.call.recalls


def test_obligations_outlive_the_outcome() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested), closed(life, Contact.IN_PERSON))
    assert life.ending == ("served", "closed")
    life.forget_facts().after(40)
    again = life.only(AssistanceRequested)
    assert (again.repeat, again.assistance, again.stage) == (1, Assistance.BACKUP, Stage.CONCLUDED)


def test_an_emergency_goes_out_at_once_each_time_and_its_alarm_keeps_its_time() -> None:
    life = there()
    life.hear(by_provider(life, cases.EmergencyRaised, hazards=[Hazard.VIOLENCE]))
    first = life.only(AssistanceRequested)
    assert (first.assistance, first.recommend, first.urgent) == (Assistance.EMERGENCY, Responder.PATROL, True)
    assert first.brief.hazards == (Hazard.VIOLENCE,)
    for _ in range(5):
        life.after(4).hear(by_provider(life, cases.EmergencyRaised))
    said = life.said(AssistanceRequested)
    assert len(said) == 6
    assert {(one.handoff_id, one.accept_by) for one in said} == {(first.handoff_id, first.accept_by)}
    life.until(first.accept_by)
    assert len(life.said(AssistanceRequested)) == 7
    assert life.stage is Stage.ON_SCENE


def test_an_emergency_after_an_accepted_one_is_a_new_one() -> None:
    life = there()
    life.hear(by_provider(life, cases.EmergencyRaised))
    life.hear(accepted(life.help.handoff_id), by_provider(life, cases.EmergencyRaised))
    assert len({one.handoff_id for one in life.said(AssistanceRequested)}) == 2


def test_a_request_for_medical_help_recommends_the_fire_department() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested, medical=Answer.YES))
    asked = life.only(AssistanceRequested)
    assert (asked.assistance, asked.recommend) == (Assistance.MEDICAL, Responder.LAFD)
    both = there()
    both.hear(by_provider(both, cases.BackupRequested, medical=Answer.YES, hazards=[Hazard.VIOLENCE]))
    assert [one.assistance for one in both.said(AssistanceRequested)] == [Assistance.MEDICAL, Assistance.BACKUP]


STRAYS: list[Callable[[Life], Life]] = [
    lambda life: life.hear(by_provider(life, cases.EmergencyRaised, attempt=1)),
    lambda life: life.hear(by_provider(life, cases.BackupRequested, attempt=1)),
    lambda life: life.hear(by_provider(life, cases.TeamOnScene, attempt=1)),
    lambda life: life.hear(contacted(life, attempt=1)),
    lambda life: life.hear(handed_back(life, hazards=[Hazard.WEAPON], attempt=1)),
]
STRAY_NAMES = ["emergency", "backup", "arrival", "contact", "hand-back with hazards"]


@pytest.mark.parametrize("stray", STRAYS, ids=STRAY_NAMES)
def test_help_and_arrivals_are_heard_from_a_closed_case(stray: Callable[[Life], Life]) -> None:
    life = there()
    life.hear(closed(life)).after(5).forget_facts()
    stray(life)
    assert life.said(AssistanceRequested)
    assert life.stage is Stage.CONCLUDED
    assert not life.said(CallConcluded)


@pytest.mark.parametrize("stray", STRAYS, ids=STRAY_NAMES)
def test_help_and_arrivals_are_heard_from_an_expired_offer(stray: Callable[[Life], Life]) -> None:
    life = offered().after(91).forget_facts()
    stray(life)
    assert life.said(AssistanceRequested)


@pytest.mark.parametrize("stray", STRAYS, ids=STRAY_NAMES)
def test_help_and_arrivals_are_heard_before_anything_else_is_known_of_the_call(stray: Callable[[Life], Life]) -> None:
    life = stray(Life())
    asked = life.help
    assert (asked.agency, asked.incident_number, asked.provider) == ("lapd", "", "exodus")


def test_a_team_that_arrives_under_an_old_epoch_is_recalled_and_the_psap_knows_that_it_is_there() -> None:
    life = offered(reporting_district="0822").after(91)
    life.hear(acknowledged(life)).after(20)
    life.hear(by_provider(life, cases.TeamOnScene, attempt=1, provider="exodus"))
    assert (life.recall.provider, life.recall.reason, life.recall.epoch) == ("exodus", RecallReason.LATE_ANSWER, 1)
    assert (life.recall.urgent, life.recall.withdraw_if_safe) == (True, True)
    assert (life.help.assistance, life.help.provider) == (Assistance.TEAM_PRESENT, "exodus")
    assert life.help.brief.team_position is TeamPosition.ON_SCENE
    assert (life.stage, life.call.holder) == (Stage.ACKNOWLEDGED, "alcott")


def test_a_late_arrival_at_an_offer_that_nobody_took_up_is_recalled_too() -> None:
    life = offered(reporting_district="0822")
    late = by_provider(life, cases.TeamOnScene).model_copy(update={"occurred_at": NOON + seconds(95)})
    life.hear(late)
    assert [one.reason for one in life.said(CaseRecalled)] == [RecallReason.LATE_ANSWER]
    assert life.recall.withdraw_if_safe
    assert life.help.assistance is Assistance.TEAM_PRESENT
    assert life.offer.provider == "alcott"


def test_a_team_that_goes_on_answering_cannot_put_off_its_alarm() -> None:
    life = offered().after(91)
    life.hear(acknowledged(life, attempt=1))
    due = life.recall.confirm_by
    life.after(20).hear(by_provider(life, cases.TeamEnRoute, attempt=1))
    assert (life.recall.repeat, life.recall.confirm_by) == (1, due)
    life.after(10)
    assert life.help.assistance is Assistance.RECALL_UNCONFIRMED


def test_an_acknowledgement_before_anything_else_is_recalled() -> None:
    life = Life()
    life.hear(by_provider(life, cases.CaseAcknowledged, attempt=3, arrive_by=NOON))
    assert (life.recall.epoch, life.recall.provider) == (3, "exodus")
    life.hear(by_provider(life, cases.RecallConfirmed, attempt=3), received(), triaged())
    assert life.stage is Stage.OFFERED


def test_a_responder_is_recorded_also_after_the_outcome() -> None:
    life = offered().after(91)
    life.hear(responder(arrived_at=life.now))
    recorded = life.only(ResponderRecorded)
    assert (recorded.responder, recorded.unit, recorded.stage) == (Responder.PATROL, "12A45", Stage.CONCLUDED)
    early = Life().hear(responder())
    assert early.only(ResponderRecorded).agency == "lapd"


def test_help_that_cad_says_has_come_is_told_once() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested), responder(), responder(arrived_at=life.now))
    life.hear(responder(arrived_at=life.now))
    arrived = life.only(cases.BackupArrived)
    assert (arrived.unit, arrived.provider, arrived.epoch) == ("12A45", "exodus", 1)
    assert life.call.police is PoliceInvolvement.BACKUP_ARRIVED
    nobody = there()
    nobody.hear(by_provider(nobody, cases.BackupRequested), responder(Responder.NOBODY, arrived_at=nobody.now))
    assert not nobody.said(cases.BackupArrived)


def test_an_accepted_hand_off_changes_no_status() -> None:
    life = going().hear(dangerous())
    count = len(life.said(CallStatusChanged))
    life.hear(accepted(life.hand_off.handoff_id))
    assert len(life.said(CallStatusChanged)) == count
