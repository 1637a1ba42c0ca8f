"""The domain clock: an input like any other. Stamps and deadlines follow it; sockets and back-off use real time."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from divert_contracts.facts.base import Fact
from divert_contracts.facts.policies import ClockSet
from divert_contracts.policy import as_written


class Clock(Protocol):
    """Tells the domain time."""

    def now(self) -> datetime:
        """Return the domain time, aware and in UTC."""
        ...

    def real_seconds_until(self, domain: datetime) -> float:
        """Return how many real seconds remain until a domain time; 0 when it has come."""
        ...


def real_now() -> datetime:
    """Return the machine's time in UTC."""
    return datetime.now(UTC)


def domain_time(records: tuple[ClockSet, ...], real: datetime) -> datetime:
    """Return the domain time at a real time.

    Args:
        records: ordered by ``real_from``. The last whose moment has come is in force; before the first, domain time is
            real time.
        real: aware.
    """
    record = _in_force(records, real)
    if record is None:
        return real
    return (record.domain_from + (real - record.real_from) * record.rate).astimezone(UTC)


def real_time(records: tuple[ClockSet, ...], domain: datetime, not_before: datetime) -> datetime:
    """Return the first real time, from ``not_before`` on, at which the domain time has come.

    Args:
        records: as in ``domain_time``; those of the future take effect at their moment.
        domain: the domain time that is waited for; aware.
        not_before: the real time from which on it is waited for; aware.
    """
    first = bisect_right(records, not_before, key=_moment)
    moment, record = not_before, records[first - 1] if first else None
    for following in (*records[first:], None):
        if record is None:
            reached = max(moment, domain)
        else:
            reached = max(moment, record.real_from + (domain - record.domain_from) / record.rate)
        if following is None or reached < following.real_from:
            return reached
        moment, record = following.real_from, following
    raise AssertionError("the last segment has no end")


class DomainClock:
    """The clock of a process: real time through the ``ClockSet`` facts that it has read."""

    def __init__(self, real: Callable[[], datetime] = real_now) -> None:
        """Start as real time; ``real`` returns it, aware."""
        self._real = real
        self._records: tuple[ClockSet, ...] = ()

    def learn(self, fact: ClockSet) -> None:
        """Fold a fact in. Of two with the same moment the one that is learnt last counts."""
        others = (record for record in self._records if record.real_from != fact.real_from)
        self._records = tuple(sorted((*others, fact), key=_moment))

    def now(self) -> datetime:
        """Return the domain time, aware and in UTC."""
        return self.at(self._real())

    def at(self, real: datetime) -> datetime:
        """Return the domain time at a real time, aware and in UTC."""
        return domain_time(self._records, real)

    def real_seconds_until(self, domain: datetime) -> float:
        """Return how many real seconds remain until a domain time; 0 when it has come."""
        real = self._real()
        return max(timedelta(), real_time(self._records, domain, real) - real).total_seconds()


class LogClock:
    """Reads the topic of policies from its beginning on: each fact happened when the broker wrote it down.

    Whoever reads it, and whenever, knows the same clock at the same record, and so comes to the same facts.
    """

    def __init__(self) -> None:
        """Begin before the first record."""
        self._clock = DomainClock()

    def read(self, fact: Fact, written: float) -> Fact:
        """Return the next fact as it counts; ``written`` is the record's own time, in seconds since 1970."""
        counts = as_written(fact, self._clock.at(datetime.fromtimestamp(written, UTC)))
        if isinstance(fact, ClockSet):
            self._clock.learn(fact)
        return counts


def _moment(record: ClockSet) -> datetime:
    return record.real_from


def _in_force(records: tuple[ClockSet, ...], real: datetime) -> ClockSet | None:
    following = bisect_right(records, real, key=_moment)
    return records[following - 1] if following else None
