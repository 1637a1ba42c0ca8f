"""What the board shows, from strips and the time. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from divert_contracts.vocabulary import Acuity
from divert_reporting.domain.strips import LANES, PERSON_IN_DANGER, Alarm, AlarmKind, Lane, Strip

MOST_IN_LANE = 40
"""Strips of a lane beside the others; the less pressing ones are counted."""
MOST_ALONE = 200
"""Strips of a lane that is looked at alone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which strips are asked for; what is null does not narrow."""

    lane: Lane | None = None
    division: int | None = None
    provider: str | None = None
    acuity: Acuity | None = None
    agency: str | None = None
    late: bool = False

    def fits(self, strip: Strip, at: datetime) -> bool:
        """Say whether a strip is asked for."""
        return (
            (self.lane is None or strip.lane is self.lane)
            and (self.division is None or strip.division == self.division)
            and (self.provider is None or strip.provider == self.provider)
            and (self.acuity is None or strip.acuity is self.acuity)
            and (self.agency is None or strip.agency == self.agency)
            and (not self.late or strip.is_late(at))
        )


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane as it is shown."""

    lane: Lane
    strips: tuple[Strip, ...]
    """Teams in danger first, then the late ones, late longest before the others; then whose limit comes first."""
    late: int
    calls: int

    @property
    def more(self) -> int:
        """Strips that are not shown."""
        return self.calls - len(self.strips)


@dataclass(frozen=True, slots=True)
class Top:
    """The first line. Drills are not counted."""

    in_flight: int
    waiting: int
    """Calls that no provider has yet."""
    late: int
    oldest_unanswered: datetime | None
    """Since when the call waits that has waited longest for a provider; null when none does."""
    drills: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a provider has now, in calls."""

    open: int = 0
    offered: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """What is in a division now, in calls."""

    calls: int = 0
    late: int = 0


def pressing(strip: Strip, at: datetime) -> tuple[bool, bool, bool, datetime, UUID]:
    """Return the key by which strips are sorted: teams in danger, broken limits, then the nearest, then the oldest."""
    return not strip.emergency, not strip.is_late(at), strip.due is None, strip.due or strip.accepted_at, strip.call_id


def lanes(strips: Iterable[Strip], wanted: Wanted, at: datetime) -> tuple[LaneView, ...]:
    """Return the lanes from left to right; one lane alone where it is asked for."""
    by_lane: dict[Lane, list[Strip]] = {lane: [] for lane in LANES}
    for one in strips:
        if wanted.fits(one, at):
            by_lane[one.lane].append(one)
    shown = LANES if wanted.lane is None else (wanted.lane,)
    most = MOST_IN_LANE if wanted.lane is None else MOST_ALONE
    views: list[LaneView] = []
    for lane in shown:
        inside = sorted(by_lane[lane], key=lambda one: pressing(one, at))
        late = sum(one.is_late(at) for one in inside)
        views.append(LaneView(lane, tuple(inside[:most]), late, len(inside)))
    return tuple(views)


def top(strips: Iterable[Strip], wanted: Wanted, at: datetime) -> Top:
    """Return the first line over the strips that are asked for."""
    found = [one for one in strips if wanted.fits(one, at)]
    real = [one for one in found if not one.drill]
    waiting = [one for one in real if one.lane in (Lane.TRIAGED, Lane.OFFERED)]
    return Top(
        in_flight=len(real),
        waiting=len(waiting),
        late=sum(one.is_late(at) for one in real),
        oldest_unanswered=min((one.accepted_at for one in waiting), default=None),
        drills=len(found) - len(real),
    )


def standing(strips: Iterable[Strip], others: Iterable[Alarm], at: datetime) -> list[Alarm]:
    """Return the alarms that stand now: those about a team out there first, then the oldest."""
    found = [alarm for strip in strips for alarm in strip.alarms if alarm.stands(at)]
    found += [one for one in others if one.stands(at)]
    return sorted(found, key=lambda one: (one.kind not in PERSON_IN_DANGER, one.raised_at, one.id))


def by_division(strips: Iterable[Strip], at: datetime) -> Mapping[int, Place]:
    """Return what is in each division that has something."""
    calls: Counter[int] = Counter()
    late: Counter[int] = Counter()
    for one in strips:
        if one.division is not None and not one.drill:
            calls[one.division] += 1
            late[one.division] += one.is_late(at)
    return {division: Place(number, late[division]) for division, number in calls.items()}


def by_provider(strips: Iterable[Strip], at: datetime) -> Mapping[str, Held]:
    """Return what each provider that has something has."""
    held: dict[str, Held] = {}
    for one in strips:
        if one.provider is None or one.drill or one.lane in (Lane.TRIAGED, Lane.HANDING_BACK):
            continue
        now = held.get(one.provider, Held())
        offered = one.lane is Lane.OFFERED
        held[one.provider] = Held(now.open + (not offered), now.offered + offered, now.late + one.is_late(at))
    return held


SILENT_AFTER = 3
"""So many offers in a row that nobody answered: the provider is down, whatever its machines say."""


def silent(answers: Mapping[str, Sequence[bool]]) -> Mapping[str, tuple[AlarmKind, str]]:
    """Return the providers whose latest offers nobody answered, as troubles.

    Args:
        answers: for each provider, newest first, whether its latest offers were answered.
    """
    return {
        f"silent-{provider}": (AlarmKind.PROVIDER_DOWN, provider)
        for provider, latest in answers.items()
        if len(latest) >= SILENT_AFTER and not any(latest[:SILENT_AFTER])
    }
