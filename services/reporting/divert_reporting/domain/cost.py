"""What the service cost, as far as hours and calls can tell: amounts exist only together with their assumptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field

from divert_contracts.model import Model
from divert_reporting.domain.outcome import ShiftChange

HOUR = 3600.0


class Assumption(Model):
    """A number that the records do not have."""

    text: str
    unit: str
    low: float
    value: float
    high: float
    source: str
    provisional: bool = False


class Assumptions(Model):
    """The file of assumptions."""

    version: str
    assumptions: dict[str, Assumption] = Field(min_length=1)

    def __getitem__(self, name: str) -> Assumption:
        """Return an assumption by its name."""
        return self.assumptions[name]


@dataclass(frozen=True, slots=True)
class Range:
    """An amount from low to high, with the one in between that the central assumptions give."""

    low: float
    value: float
    high: float

    def over(self, count: float) -> "Range":
        """Return it divided by a number."""
        return Range(self.low / count, self.value / count, self.high / count)


@dataclass(frozen=True, slots=True)
class Hours:
    """A provider's hours in a period."""

    provider: str
    shift: float | None
    """Team-hours on shift, as its changes of shift tell; null where only one agency's calls are asked for: a team on
    shift stands ready for everybody's."""
    busy: float
    """Team-hours with a case of a call in the figures, from acknowledgement until it was closed, handed back or
    recalled."""

    @property
    def idle_share(self) -> float | None:
        """The share of shift hours without a case; null without any shift."""
        return max(0.0, 1 - self.busy / self.shift) if self.shift else None


@dataclass(frozen=True, slots=True)
class Line:
    """One amount, with how it was made."""

    what: str
    amount: Range
    made_of: str
    """From which numbers, in words."""
    uses: tuple[str, ...]
    """Names of the assumptions."""


def team_hours(changes: Iterable[ShiftChange], since: datetime, until: datetime) -> Mapping[str, float]:
    """Return each provider's team-hours on shift in a period; a change holds until the next one."""
    # Two times of one zone are subtracted by the clock on the wall, which a change of the hour puts wrong.
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    ordered = sorted(changes, key=lambda one: (one.provider, one.changed_at, str(one.fact_id)))
    hours: dict[str, float] = {}
    for number, change in enumerate(ordered):
        follower = ordered[number + 1] if number + 1 < len(ordered) else None
        ends = follower.changed_at if follower is not None and follower.provider == change.provider else until
        seconds = (min(ends, until) - max(change.changed_at, since)).total_seconds()
        hours[change.provider] = hours.get(change.provider, 0.0) + change.teams * max(0.0, seconds) / HOUR
    return hours


def lines(hours: Sequence[Hours], *, responses: int, served: int, assumed: Assumptions) -> list[Line]:
    """Return the amounts of a period.

    Args:
        hours: of every provider; without hours on shift no amount that is made of them is given.
        responses: calls that a provider took.
        served: calls that were served.
        assumed: the assumptions.
    """
    rate, crew, overhead = assumed["team_rate"], assumed["crew_size"], assumed["overhead"]
    shift = sum(one.shift or 0.0 for one in hours)
    # A provider that told of no shift paid its teams all the same.
    busy = sum(one.busy for one in hours if one.shift == 0)
    paid = _and(Range(shift, shift, shift), _with_idle(busy, assumed["idle_share"]))
    idle = ("idle_share",) if busy else ()
    parts = [f"{shift:,.1f} team-hours on shift"] if shift else []
    if busy:
        whose = " of providers that told of no shift" if shift else ""
        parts.append(f"{busy:,.1f} team-hours with a case{whose}, and idle time")
    said = "; ".join(parts)
    an_hour = Range(
        rate.low * crew.low * overhead.low,
        rate.value * crew.value * overhead.value,
        rate.high * crew.high * overhead.high,
    )
    team_hour = Range(rate.low * overhead.low, rate.value * overhead.value, rate.high * overhead.high)
    found = [
        Line(
            "An hour of a team on shift, if the rate is a worker's",
            an_hour,
            "rate, crew and overhead",
            ("team_rate", "crew_size", "overhead"),
        ),
        Line(
            "An hour of a team on shift, if the rate is a whole team's",
            team_hour,
            "rate and overhead",
            ("team_rate", "overhead"),
        ),
    ]
    if served and paid.high:
        found += [
            Line(
                "A served call, if the rate is a worker's",
                _times(an_hour, paid).over(served),
                f"{said}, {served} served",
                ("team_rate", "crew_size", "overhead", *idle),
            ),
            Line(
                "A served call, if the rate is a whole team's",
                _times(team_hour, paid).over(served),
                f"{said}, {served} served",
                ("team_rate", "overhead", *idle),
            ),
        ]
    if served and responses:
        by_response = Range(rate.low, rate.value, rate.high)
        found.append(
            Line(
                "A served call, if the rate is for a response",
                _times(by_response, Range(responses, responses, responses)).over(served),
                f"{responses} calls taken, {served} served",
                ("team_rate",),
            ),
        )
    police, officers, minutes = assumed["police_rate"], assumed["police_crew"], assumed["police_minutes"]
    found += [
        Line(
            "A call answered by the police, if the rate is an officer's hour",
            Range(
                police.low * officers.low * minutes.low / 60,
                police.value * officers.value * minutes.value / 60,
                police.high * officers.high * minutes.high / 60,
            ),
            "rate, officers and minutes",
            ("police_rate", "police_crew", "police_minutes"),
        ),
        Line(
            "A call answered by the police, if the rate is for a response",
            Range(police.low, police.value, police.high),
            "the rate alone",
            ("police_rate",),
        ),
    ]
    return found


def _with_idle(busy: float, idle: Assumption) -> Range:
    return Range(busy / (1 - idle.low), busy / (1 - idle.value), busy / (1 - idle.high))


def _and(one: Range, other: Range) -> Range:
    return Range(one.low + other.low, one.value + other.value, one.high + other.high)


def _times(one: Range, other: Range) -> Range:
    return Range(one.low * other.low, one.value * other.value, one.high * other.high)
