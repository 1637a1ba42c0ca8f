"""Today beside the same weekday of the week before, up to the same time of day."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from divert_contracts.vocabulary import Outcome
from divert_reporting.domain.cells import Cell, Cells

WEEK = timedelta(days=7)
HOURS = 24


@dataclass(frozen=True, slots=True)
class Spans:
    """What is compared."""

    since: datetime
    """When today began."""
    now: datetime
    before_since: datetime
    before_until: datetime
    before_end: datetime
    hour: int
    """Of the day that runs."""


@dataclass(frozen=True, slots=True)
class Day:
    """How one day went, up to a time of day, in calls that the dispatcher diverted."""

    received: int
    offered: int
    taken: int
    reached: int
    """With the person, in person or by phone."""
    served: int
    not_served: int
    """Eligible, and no team came."""
    on_scene: Cell
    """From acceptance by divert until a team was there."""

    @property
    def share(self) -> float | None:
        """Served of those that could have been, 0 to 1; null without any."""
        of = self.served + self.not_served
        return self.served / of if of else None


@dataclass(frozen=True, slots=True)
class Today:
    """Today and the day that it is compared with."""

    today: Day
    before: Day
    weekday: str
    hours: tuple[int, ...]
    """Received today by the hour of the day, as far as it has come."""
    before_hours: tuple[int, ...]
    """The same of the whole day that it is compared with."""
    handed_back: int
    """Calls that went back to the dispatcher today."""


def spans(now: datetime, zone: ZoneInfo) -> Spans:
    """Return what is compared at a time."""
    local = now.astimezone(zone)
    since = datetime.combine(local.date(), time(), zone)
    # Wall clocks are compared, also over a change of the hour.
    return Spans(since, now, since - WEEK, local - WEEK, since - WEEK + timedelta(days=1), local.hour)


def day(funnel: Cells, outcomes: Cells, response: Cells) -> Day:
    """Return a day from its figures."""
    return Day(
        received=funnel.n("received"),
        offered=funnel.n("offered"),
        taken=funnel.n("acknowledged"),
        reached=funnel.n("on_scene"),
        served=outcomes.total("all", Outcome.SERVED.value),
        not_served=outcomes.total("all", Outcome.ELIGIBLE_NOT_SERVED.value),
        on_scene=response.cell("accepted_to_on_scene"),
    )


def by_hour(funnel: Cells, until: int = HOURS) -> tuple[int, ...]:
    """Return the calls received by the hour of the day, for so many hours."""
    return tuple(funnel.n("received", f"{hour:02d}", "hour") for hour in range(until))
