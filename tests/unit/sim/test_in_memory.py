"""The sample evening in memory: every call ends, in every way there is, whatever the order of delivery."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from divert_cli.demo import EVENING, SEED, hurried
from divert_cli.prepare import agency_fact, seed_policies, seed_policy
from divert_contracts.facts.calls import PictureFact
from divert_contracts.facts.routing import CallConcluded, CaseOffered
from divert_contracts.vocabulary import PolicyKind
from divert_sim import evening
from divert_sim.evening import Ending
from divert_sim.in_memory import MemoryEvening

START = datetime(2026, 11, 15, 2, tzinfo=UTC)
Evening = tuple[MemoryEvening, Mapping[UUID, Ending]]


def played(*, order: int = 0, lag: float = 0) -> Evening:
    policies = [*seed_policies(), hurried(seed_policy(PolicyKind.ROUTING), START), agency_fact()]
    play = MemoryEvening(policies, START, seed=SEED, order=order, most_lag=timedelta(seconds=lag))
    return play, play.play(evening.load(EVENING))


@pytest.fixture(scope="module")
def once() -> Evening:
    return played()


def test_every_call_has_exactly_one_ending(once: Evening) -> None:
    play, endings = once
    facts = [one.fact for _, one in play.world.log]
    accepted = {fact.call_id for fact in facts if isinstance(fact, PictureFact)}
    concluded = Counter(fact.call_id for fact in facts if isinstance(fact, CallConcluded))
    assert set(concluded.values()) == {1}
    assert concluded.keys() == accepted == endings.keys()
    assert len(accepted) > 120
    assert not play.world.dead
    assert not play.refused


def test_every_kind_of_ending_and_every_division_occurs(once: Evening) -> None:
    play, endings = once
    assert {one.outcome for one in endings.values()} == {
        "served",
        "withdrawn",
        "eligible_not_served",
        "ineligible",
        "not_triaged",
    }
    assert {
        "closed",
        "handed_back_after_contact",
        "recalled",
        "recalled_after_contact",
        "handed_back",
        "cancelled",
        "duplicate",
        "declined_by_all",
        "timed_out",
        "no_provider_in_area",
        "not_routable",
        "not_referred",
        "hard_exclusion",
        "reviewed",
        "review_expired",
    } <= {one.reason for one in endings.values()}
    assert {one.provider for one in endings.values()} == {
        None,
        "exodus",
        "alcott",
        "penny-lane",
        "circle",
        "crisis-line",
    }
    divisions = {one.fact.division for _, one in play.world.log if isinstance(one.fact, CallConcluded)}
    assert divisions == {None, *range(1, 22)}
    facts = {type(one.fact).__name__ for _, one in play.world.log}
    assert {"CallReopened", "CaseUpdated", "BackupRequested", "SafetyCheckAnswered", "EmergencyRaised"} <= facts


def test_it_is_over_within_fifty_minutes(once: Evening) -> None:
    play, _ = once
    last = max(one.fact.occurred_at for _, one in play.world.log if isinstance(one.fact, CallConcluded))
    assert last - START < timedelta(minutes=50)


def test_nothing_is_offered_that_was_excluded(once: Evening) -> None:
    play, _ = once
    for _, one in play.world.log:
        if isinstance(one.fact, CaseOffered):
            assert one.fact.decision.eligibility != "ineligible"
            assert one.fact.occurred_at < one.fact.answer_by


@pytest.mark.parametrize("order", range(1, 4))
def test_the_order_of_partitions_changes_nothing(once: Evening, order: int) -> None:
    assert played(order=order)[1] == once[1]


@pytest.mark.parametrize("lag", [1, 5])
def test_a_few_seconds_of_transport_change_nothing(once: Evening, lag: int) -> None:
    assert played(order=lag, lag=lag)[1] == once[1]
