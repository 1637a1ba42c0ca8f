"""A call as a strip: where it lies, what runs, what rings."""

from datetime import datetime
from uuid import UUID

from divert_contracts import ids
from divert_contracts.call import Picture
from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import (
    CaseAcknowledged,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    RecallConfirmed,
    SafetyCheckAnswered,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import CaseRecalled, HandoffConfirmed, SafetyCheckMissed
from divert_contracts.vocabulary import (
    Acuity,
    DeclineReason,
    Feed,
    HandBackReason,
    Outcome,
    OutcomeReason,
    RecallReason,
    Stage,
    TeamPosition,
)
from divert_reporting.domain.record import Noted
from divert_reporting.domain.strips import Alarm, AlarmKind, Lane, Strip, at_hand
from unit.reporting.stories import (
    CALL,
    PICTURE,
    after,
    concluded,
    handed_off,
    of_case,
    of_routing,
    offered,
    opened,
    recalled,
    triaged,
)

OVER = (Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.TIMED_OUT)


def board(*facts: Fact) -> tuple[Strip | None, list[Alarm]]:
    ordered = sorted(facts, key=lambda one: one.occurred_at)
    return at_hand(CALL, [Noted(UUID(int=n), "/divert/routing", n, None, fact) for n, fact in enumerate(ordered)])


def strip(*facts: Fact) -> Strip:
    found, _ = board(*facts)
    assert found is not None
    return found


def accepted(at: float) -> HandoffConfirmed:
    return of_routing(HandoffConfirmed, at, handoff_id=ids.handoff_id(CALL, 1), by="desk-1")


def standing(found: Strip | None, at: datetime) -> list[AlarmKind]:
    return [] if found is None else [one.kind for one in found.alarms if one.stands(at)]


OFFERED = (triaged(), opened(), offered())
TAKEN = (*OFFERED, of_case(CaseAcknowledged, 30, arrive_by=after(900)))


def test_a_call_that_waits_for_a_decision_lies_among_the_triaged() -> None:
    found = strip(triaged(), opened())
    assert (found.lane, found.due, found.division, found.acuity) == (Lane.TRIAGED, after(300), 7, Acuity.URGENT)


def test_an_offer_runs_until_it_must_be_answered() -> None:
    found = strip(*OFFERED)
    assert (found.lane, found.provider, found.due) == (Lane.OFFERED, "exodus", after(90.2))
    assert standing(found, after(80)) == []
    assert standing(found, after(91)) == [AlarmKind.UNANSWERED_OFFER]
    assert not found.is_late(after(90))
    assert found.is_late(after(91))


def test_what_was_taken_in_time_was_never_an_alarm() -> None:
    found, raised = board(*TAKEN)
    assert raised == []
    assert standing(found, after(4000)) == []


def test_a_team_has_its_limits_from_the_offer_and_its_own_promise_beside() -> None:
    found = strip(*TAKEN)
    assert (found.stage, found.lane, found.due, found.arrive_by) == (
        Stage.ACKNOWLEDGED,
        Lane.ON_THE_WAY,
        after(930),
        after(900),
    )
    found = strip(*TAKEN, of_case(TeamEnRoute, 60))
    assert (found.stage, found.due, found.since) == (Stage.EN_ROUTE, after(2730), after(60))


def test_a_safety_check_runs_from_arrival_and_anew_from_each_answer() -> None:
    offer = offered().model_copy(update={"check_after": 600.0, "check_every": 900.0})
    there = (triaged(), opened(), offer, of_case(CaseAcknowledged, 30, arrive_by=after(900)), of_case(TeamOnScene, 100))
    assert strip(*there).due == after(700)
    assert strip(*there, of_case(SafetyCheckAnswered, 650)).due == after(1550)


def test_a_missed_check_rings_until_the_team_answers() -> None:
    there = (*TAKEN, of_case(TeamOnScene, 100))
    missed = of_routing(
        SafetyCheckMissed, 820, Stage.ON_SCENE, case_id=ids.case_id(CALL, 1), provider="exodus", due_at=after(700)
    )
    found, raised = board(*there, missed)
    assert standing(found, after(830)) == [AlarmKind.MISSED_SAFETY_CHECK]
    assert [one.kind for one in raised] == [AlarmKind.MISSED_SAFETY_CHECK]
    found, raised = board(*there, missed, of_case(SafetyCheckAnswered, 900))
    assert standing(found, after(910)) == []
    assert [one.ended_at for one in raised] == [after(900)]


def test_an_offer_that_nobody_answered_rings_until_somebody_has_the_call() -> None:
    overdue = recalled(1, RecallReason.ANSWER_OVERDUE, at=91.2)
    second = offered(2, "alcott", at=91.3)
    found, raised = board(*OFFERED, overdue, second)
    assert standing(found, after(95)) == [AlarmKind.UNANSWERED_OFFER]
    assert [one.about for one in raised] == ["exodus"]
    found, raised = board(*OFFERED, overdue, second, of_case(CaseAcknowledged, 120, 2, "alcott", arrive_by=after(900)))
    assert standing(found, after(121)) == []
    assert [one.ended_at for one in raised] == [after(120)]


def test_a_declined_offer_is_no_alarm() -> None:
    declined = of_case(CaseDeclined, 20, reason=DeclineReason.AT_CAPACITY)
    found, raised = board(*OFFERED, declined, offered(2, "alcott", at=20.1))
    assert raised == []
    assert standing(found, after(100)) == []


def test_a_call_stays_on_the_board_until_a_dispatcher_has_accepted_it() -> None:
    ended = (*OFFERED, recalled(1, RecallReason.ANSWER_OVERDUE, at=91.2), handed_off(91.3), concluded(91.4, *OVER))
    found = strip(*ended)
    assert (found.lane, found.due) == (Lane.HANDING_BACK, after(121.3))
    assert standing(found, after(130)) == [AlarmKind.UNACCEPTED_HAND_OFF]
    found, raised = board(*ended, accepted(110))
    assert found is None
    assert [one.kind for one in raised] == [AlarmKind.UNANSWERED_OFFER]
    found, raised = board(*ended, handed_off(121.3, repeat=1), accepted(150))
    assert found is None
    assert [(one.kind, one.raised_at, one.ended_at) for one in raised][1:] == [
        (AlarmKind.UNACCEPTED_HAND_OFF, after(121.3), after(150))
    ]


def test_a_team_in_danger_is_shown_until_it_confirms_that_it_is_out() -> None:
    recall = of_routing(
        CaseRecalled,
        205,
        case_id=ids.case_id(CALL, 1),
        provider="exodus",
        reason=RecallReason.DANGER,
        confirm_by=after(235),
    )
    there = (*TAKEN, of_case(TeamOnScene, 100), of_case(EmergencyRaised, 200), recall, concluded(206, *OVER))
    found = strip(*there)
    assert found.emergency
    assert standing(found, after(240)) == [AlarmKind.UNCONFIRMED_RECALL]
    found, raised = board(*there, of_case(RecallConfirmed, 260))
    assert found is None
    assert [one.kind for one in raised] == [AlarmKind.UNCONFIRMED_RECALL]


def checked(at: float, attempt: int = 1, provider: str = "exodus") -> SafetyCheckMissed:
    return of_routing(
        SafetyCheckMissed,
        at,
        Stage.ON_SCENE,
        case_id=ids.case_id(CALL, attempt),
        provider=provider,
        due_at=after(at - 20),
    )


def called_back(at: float, attempt: int = 1, stage: Stage = Stage.ON_SCENE) -> CaseRecalled:
    return of_routing(
        CaseRecalled,
        at,
        stage,
        case_id=ids.case_id(CALL, attempt),
        provider="exodus",
        reason=RecallReason.LATE_ANSWER,
        confirm_by=after(at + 30),
    )


SECOND_THERE = (
    *OFFERED,
    recalled(1, RecallReason.ANSWER_OVERDUE, at=91.2),
    offered(2, "alcott", at=91.3),
    of_case(CaseAcknowledged, 120, 2, "alcott", arrive_by=after(900)),
    of_case(TeamOnScene, 200, 2, "alcott"),
)


def test_what_another_case_says_ends_no_alarm_of_the_team_on_scene() -> None:
    missed = checked(820, 2, "alcott")
    emergency = of_case(EmergencyRaised, 825, 2, "alcott")
    late = (called_back(830), of_case(RecallConfirmed, 840))
    found = strip(*SECOND_THERE, missed, emergency, *late)
    assert standing(found, after(850)) == [AlarmKind.MISSED_SAFETY_CHECK]
    assert found.emergency
    found = strip(*SECOND_THERE, missed, emergency, *late, of_case(CaseHandedBack, 850, reason=HandBackReason.OTHER))
    assert standing(found, after(860)) == [AlarmKind.MISSED_SAFETY_CHECK]
    assert found.emergency


def test_a_missed_check_rings_on_after_the_recall_until_the_team_says_where_it_is() -> None:
    there = (*TAKEN, of_case(TeamOnScene, 100), checked(820), called_back(830, stage=Stage.CONCLUDED))
    ended = (*there, concluded(830.1, *OVER))
    found = strip(*ended)
    assert standing(found, after(835)) == [AlarmKind.MISSED_SAFETY_CHECK]
    assert found.is_late(after(835))
    assert standing(found, after(861)) == [AlarmKind.MISSED_SAFETY_CHECK, AlarmKind.UNCONFIRMED_RECALL]
    found = strip(*ended, of_case(RecallConfirmed, 870, position=TeamPosition.ON_SCENE))
    assert standing(found, after(880)) == [AlarmKind.MISSED_SAFETY_CHECK]
    found, raised = board(*ended, of_case(RecallConfirmed, 870))
    assert found is None
    assert {one.ended_at for one in raised} == {after(870)}


def test_a_team_that_has_heard_the_recall_and_is_still_there_is_still_in_danger() -> None:
    there = (*TAKEN, of_case(TeamOnScene, 100), of_case(EmergencyRaised, 200))
    ended = (*there, called_back(205, stage=Stage.CONCLUDED), concluded(206, *OVER))
    stays = of_case(RecallConfirmed, 220, position=TeamPosition.ON_SCENE)
    found = strip(*ended, stays)
    assert (found.emergency, found.provider, found.due) == (True, "exodus", None)
    assert standing(found, after(300)) == []
    found, _ = board(*ended, stays, of_case(RecallConfirmed, 400))
    assert found is None


def test_a_team_that_is_called_back_once_more_must_confirm_once_more() -> None:
    twice = (called_back(205, stage=Stage.CONCLUDED), of_case(RecallConfirmed, 220), concluded(206, *OVER))
    found = strip(*TAKEN, *twice, called_back(300, stage=Stage.CONCLUDED))
    assert standing(found, after(340)) == [AlarmKind.UNCONFIRMED_RECALL]
    found, raised = board(*TAKEN, *twice, called_back(300, stage=Stage.CONCLUDED), of_case(RecallConfirmed, 350))
    assert found is None
    assert [(one.raised_at, one.ended_at) for one in raised] == [(after(330), after(350))]


def test_observed_calls_are_not_on_the_board() -> None:
    observed = Picture(feed=Feed.OBSERVED)
    found, raised = board(triaged(picture=observed), opened(picture=observed, stage=Stage.OBSERVED))
    assert found is None
    assert raised == []


def test_a_call_is_a_drill_only_while_all_its_pictures_say_so() -> None:
    drill = PICTURE.model_copy(update={"exercise": True})
    assert not strip(triaged(), opened(), triaged(2, picture=drill, at=5)).drill
    assert strip(triaged(picture=drill), opened(picture=drill)).drill
    assert not strip(triaged(picture=drill), opened(picture=drill), triaged(2, at=5)).drill


def test_nothing_is_shown_of_a_call_that_nobody_has_described() -> None:
    found, raised = board(of_case(CaseAcknowledged, 30, arrive_by=after(900)))
    assert found is None
    assert raised == []
