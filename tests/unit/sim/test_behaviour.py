"""The simulated people are the same in every run, and keep clear of deadlines."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from divert_contracts import ids
from divert_contracts.call import Decision, Picture
from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.vocabulary import Acuity, Eligibility, Feed, Programme, RecallReason, Stage
from divert_provider_gateway.domain.said import Acknowledge, AnswerSafetyCheck, Arrive, ConfirmRecall, GoEnRoute, Said
from divert_sim import behaviour
from divert_sim.behaviour import CLEAR_OF_DEADLINES, ProviderSays
from divert_sim.people import People

AT = datetime(2026, 11, 14, 19, tzinfo=UTC)
LIMITS = {Acuity.EMERGENT: (60, 300, 1200), Acuity.URGENT: (90, 900, 2700), Acuity.ROUTINE: (120, 3600, 5400)}


def offer(
    number: int, *, acuity: Acuity = Acuity.URGENT, window: float | None = None, programme: Programme = Programme.UMCR
) -> CaseOffered:
    call = ids.call_id("lapd", f"test-{number}")
    answer, en_route, on_scene = LIMITS[acuity]
    return CaseOffered(
        occurred_at=AT,
        call_id=call,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=1,
        case_id=ids.case_id(call, 1),
        provider="exodus",
        attempt=1,
        incident_number=f"test-{number}",
        programme=programme,
        acuity=acuity,
        division=18,
        picture=Picture(feed=Feed.DIVERTED),
        decision=Decision(eligibility=Eligibility.ELIGIBLE, programme=programme, acuity=acuity, policy="1"),
        answer_by=AT + timedelta(seconds=answer if window is None else window),
        en_route_within=en_route,
        on_scene_within=on_scene,
    )


def said_at(plan: "list[behaviour.Planned]", kind: type[Said]) -> datetime | None:
    return next(
        (one.at for one in plan if isinstance(one.action, ProviderSays) and isinstance(one.action.said, kind)), None
    )


def test_the_same_seed_and_call_give_the_same_plan_and_another_seed_another() -> None:
    plans = [behaviour.offered(seed, offer(3)) for seed in (1, 1, 2, 3, 4, 5)]
    assert plans[0] == plans[1]
    assert any(plan != plans[0] for plan in plans[2:])


@pytest.mark.parametrize("acuity", LIMITS)
def test_nobody_acts_within_thirty_seconds_of_a_deadline(acuity: Acuity) -> None:
    answer_within, en_route_within, on_scene_within = LIMITS[acuity]
    for number in range(500):
        plan = list(behaviour.offered(7, offer(number, acuity=acuity)))
        if not plan:
            continue
        first = plan[0].at
        assert first <= AT + timedelta(seconds=answer_within) - CLEAR_OF_DEADLINES
        leaves, arrives = said_at(plan, GoEnRoute), said_at(plan, Arrive)
        if leaves is not None:
            assert leaves <= first + timedelta(seconds=en_route_within) - CLEAR_OF_DEADLINES
        if arrives is not None:
            assert arrives <= first + timedelta(seconds=on_scene_within) - CLEAR_OF_DEADLINES
            acknowledged = next(
                one.action.said
                for one in plan
                if isinstance(one.action, ProviderSays) and isinstance(one.action.said, Acknowledge)
            )
            promised = first + timedelta(seconds=acknowledged.arrive_in_seconds or 0)
            assert arrives <= promised - CLEAR_OF_DEADLINES
            assert promised <= first + timedelta(seconds=on_scene_within)
            check_due = arrives + timedelta(minutes=10)
            checked = said_at(plan, AnswerSafetyCheck)
            for one in plan:
                assert abs(one.at - check_due) >= CLEAR_OF_DEADLINES
            if plan[-1].at > check_due:
                assert checked is not None
                assert checked < check_due


def test_an_offer_with_too_little_time_is_not_answered_at_all() -> None:
    assert all(not behaviour.offered(7, offer(number, window=35)) for number in range(200))


def test_every_way_of_dealing_with_an_offer_occurs() -> None:
    plans = [behaviour.offered(7, offer(number, acuity=Acuity.EMERGENT)) for number in range(500)]
    said = {type(one.action.said).__name__ for plan in plans for one in plan if isinstance(one.action, ProviderSays)}
    assert said == {
        "Acknowledge",
        "AnswerSafetyCheck",
        "Arrive",
        "AssignTeam",
        "Close",
        "Decline",
        "GoEnRoute",
        "HandBack",
        "MakeContact",
        "RaiseEmergency",
        "ReportBackup",
        "RequestBackup",
    }
    assert any(not plan for plan in plans)


def test_the_crisis_line_never_sends_anybody() -> None:
    for number in range(100):
        plan = list(behaviour.offered(7, offer(number, programme=Programme.PHONE)))
        assert said_at(plan, GoEnRoute) is None


def test_after_a_recall_only_the_recall_is_confirmed() -> None:
    people = People(seed=7)
    given = next(one for one in map(offer, range(100)) if len(behaviour.offered(7, one)) > 3)
    plan = people.see("assignments.exodus.v1", Envelope(UUID(int=1), "/divert/routing", given))
    assert all(people.still_want(one.action) for one in plan)
    recall = CaseRecalled(
        occurred_at=AT + timedelta(seconds=40),
        call_id=given.call_id,
        agency="lapd",
        stage=Stage.CONCLUDED,
        epoch=2,
        case_id=given.case_id,
        provider="exodus",
        reason=RecallReason.DANGER,
        confirm_by=AT + timedelta(seconds=70),
    )
    (confirmation,) = people.see("assignments.exodus.v1", Envelope(UUID(int=2), "/divert/routing", recall))
    assert isinstance(confirmation.action, ProviderSays)
    assert isinstance(confirmation.action.said, ConfirmRecall)
    assert people.still_want(confirmation.action)
    assert not any(people.still_want(one.action) for one in plan)


def test_the_same_fact_seen_again_is_no_news() -> None:
    people = People(seed=7)
    given = next(one for one in map(offer, range(100)) if behaviour.offered(7, one))
    envelope = Envelope(uuid5(ids.NAMESPACE, "x"), "/divert/routing", given)
    assert people.see("assignments.exodus.v1", envelope)
    assert not people.see("assignments.exodus.v1", envelope)
    assert not people.see("routing.v1", envelope)
