"""The domain clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_chassis.clock import DomainClock, domain_time, real_time
from divert_contracts.facts.policies import ClockSet

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PRECISION = timedelta(milliseconds=1)
"""Datetimes round to the microsecond, on both sides of a rate."""


def clock_set(real: datetime, domain: datetime, rate: float) -> ClockSet:
    return ClockSet(occurred_at=domain, real_from=real, domain_from=domain, rate=rate)


@st.composite
def well_formed(draw: st.DrawFn) -> tuple[ClockSet, ...]:
    """Records each of which goes on where the one before has come to, or jumps ahead."""
    records: list[ClockSet] = []
    real = START
    for _ in range(draw(st.integers(0, 4))):
        real += draw(st.integers(1, 3_600)) * SECOND
        jump = draw(st.sampled_from((0, 1, 86_400))) * SECOND
        rate = draw(st.sampled_from((0.5, 1.0, 2.0, 30.0)))
        records.append(clock_set(real, domain_time(tuple(records), real) + jump, rate))
    return tuple(records)


moments = st.integers(-3_600, 20_000).map(lambda seconds: START + seconds * SECOND)


def test_without_a_record_domain_time_is_real_time() -> None:
    clock = DomainClock(lambda: START)
    assert clock.now() == START
    assert clock.real_seconds_until(START + 5 * SECOND) == 5
    assert clock.real_seconds_until(START - SECOND) == 0


def test_thirty_times_as_fast_then_real_speed_from_where_it_has_come_to() -> None:
    real = [START]
    clock = DomainClock(lambda: real[0])
    clock.learn(clock_set(START, START, 30))
    real[0] += 10 * SECOND
    assert clock.now() == START + 300 * SECOND
    assert clock.real_seconds_until(START + 600 * SECOND) == 10
    clock.learn(clock_set(real[0], clock.now(), 1))
    real[0] += SECOND
    assert clock.now() == START + 301 * SECOND


def test_a_record_of_the_future_takes_effect_at_its_moment() -> None:
    real = [START]
    clock = DomainClock(lambda: real[0])
    clock.learn(clock_set(START + 10 * SECOND, START + 10 * SECOND, 60))
    assert clock.now() == START
    assert clock.real_seconds_until(START + 70 * SECOND) == 11
    real[0] += 11 * SECOND
    assert clock.now() == START + 70 * SECOND


def test_a_time_that_a_jump_leaps_over_has_come_at_the_jump() -> None:
    clock = DomainClock(lambda: START)
    clock.learn(clock_set(START + 10 * SECOND, START + 3_600 * SECOND, 1))
    assert clock.real_seconds_until(START + 1_800 * SECOND) == 10


def test_of_two_records_of_one_moment_the_later_counts() -> None:
    clock = DomainClock(lambda: START + SECOND)
    clock.learn(clock_set(START, START, 30))
    clock.learn(clock_set(START, START, 2))
    assert clock.now() == START + 2 * SECOND


@given(st.permutations([10, 20, 30]))
def test_the_order_of_reading_does_not_matter(order: list[int]) -> None:
    clock = DomainClock(lambda: START + 25 * SECOND)
    for seconds in order:
        clock.learn(clock_set(START + seconds * SECOND, START + seconds * 100 * SECOND, 1))
    assert clock.now() == START + 2_005 * SECOND


@given(well_formed(), st.lists(moments, min_size=2))
def test_domain_time_never_goes_back(records: tuple[ClockSet, ...], times: list[datetime]) -> None:
    domain = [domain_time(records, real) for real in sorted(times)]
    assert all(earlier <= later for earlier, later in pairwise(domain))
    assert all(time.tzinfo is UTC for time in domain)


@given(well_formed(), moments, moments)
def test_after_the_wait_the_time_has_come_and_not_before(
    records: tuple[ClockSet, ...], now: datetime, domain: datetime
) -> None:
    reached = real_time(records, domain, now)
    assert reached >= now
    assert domain_time(records, reached) >= domain - PRECISION
    if reached > now:
        assert domain_time(records, reached - PRECISION) <= domain + PRECISION


@pytest.mark.parametrize("zone_hours", [-8, 0, 2])
def test_any_time_zone_is_understood_and_utc_is_given(zone_hours: int) -> None:
    from datetime import timezone  # noqa: PLC0415

    zone = timezone(timedelta(hours=zone_hours))
    clock = DomainClock(lambda: START + SECOND)
    clock.learn(clock_set(START.astimezone(zone), START.astimezone(zone), 3))
    assert clock.now() == START + 3 * SECOND
    assert clock.now().tzinfo is UTC
