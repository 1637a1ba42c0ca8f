"""Fits the capacity model to a record: what providers, desk and teams did, and how long each part took."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.cases import (
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    PersonContacted,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import CallReviewed, CaseOffered, CaseRecalled
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Contact,
    DeclineReason,
    Eligibility,
    Feed,
    HandBackReason,
    Programme,
    RecallReason,
)
from divert_sim.whatif.capacity import STEPS, Capacity, End, Extra, Reviews, Span

SQUARE_KM: Mapping[int, float] = {
    1: 12.6,
    2: 14.3,
    3: 31.7,
    4: 40.0,
    5: 82.3,
    6: 34.4,
    7: 30.3,
    8: 166.9,
    9: 45.4,
    10: 86.7,
    11: 75.6,
    12: 29.2,
    13: 25.2,
    14: 66.3,
    15: 58.8,
    16: 120.3,
    17: 124.9,
    18: 24.0,
    19: 64.9,
    20: 16.1,
    21: 84.2,
}
"""Of each LAPD division, from simplified boundaries (datadesk/boundaries.latimes.com), at 34 degrees north."""
NO_TIME = Span(n=0, seconds=(0.0,) * (STEPS + 1))
NOTHING = Extra(text="Nothing: the record has it already.", low=0, value=0, high=0)
FULL = frozenset({DeclineReason.AT_CAPACITY, DeclineReason.NO_TEAM})
LONGEST = 4 * 3600.0
"""Stamps that are further apart are taken for mistakes, as are those in the wrong order."""
T = TypeVar("T")
PLACES = 3
"""Decimals that shares and seconds are kept with."""


@dataclass(slots=True)
class _Case:
    """What is recorded of a case."""

    offer: CaseOffered
    taken_at: datetime | None = None
    declined: DeclineReason | None = None
    answered_at: datetime | None = None
    en_route_at: datetime | None = None
    there_at: datetime | None = None
    contact_at: datetime | None = None
    closed: CaseClosed | None = None
    back: CaseHandedBack | None = None
    recalled: CaseRecalled | None = None
    called_for: set[End] = field(default_factory=set[End])

    @property
    def over_at(self) -> datetime | None:
        ends = [one.occurred_at for one in (self.closed, self.back, self.recalled) if one is not None]
        return min(ends, default=None)

    @property
    def end(self) -> End | None:  # noqa: PLR0911  # one line an end
        """How it went by the team's own doing; None where somebody else ended it, or nobody has."""
        if self.back is not None:
            if End.EMERGENCY in self.called_for:
                return End.EMERGENCY
            return End.BACK_BEFORE if self.there_at is None else End.BACK_AFTER
        if self.closed is not None:
            if self.there_at is None:
                return End.UNSEEN
            if self.contact_at is None and self.closed.contact is Contact.NONE:
                return End.NOT_FOUND
            return End.BACKUP if End.BACKUP in self.called_for else End.CLOSED
        if self.recalled is not None and self.recalled.reason is RecallReason.MISSED_EN_ROUTE:
            return End.NEVER_LEAVES
        return None


def fitted(log: Iterable[Envelope], *, version: str, source: str, command: str) -> Capacity:
    """Return the capacity model of a record.

    Declines for want of a team are the model's own doing, and are counted only where a team was free by the record.

    Args:
        log: the facts of triage.v1, routing.v1, cases.v1 and shifts.v1, in order of time.
        version: names it.
        source: what the record is.
        command: what was typed.
    """
    log = tuple(log)
    cases = _cases(log)
    offered = list(cases.values())
    answered = [one for one in offered if one.answered_at is not None]
    shifts = [one.fact for one in log if isinstance(one.fact, ShiftChanged)]
    at_once = _most_at_once(offered, shifts)
    free = [one for one in offered if not (one.declined in FULL and _load(one, offered, shifts) >= at_once)]
    declines = Counter(one.declined for one in free if one.declined is not None)
    silent = sum(1 for one in free if one.recalled is not None and one.recalled.reason is RecallReason.ANSWER_OVERDUE)
    # Whoever was interrupted before answering says nothing of how offers are answered.
    decided = max(1, silent + sum(1 for one in free if one.answered_at is not None))
    taken = [one for one in offered if one.taken_at is not None]
    visits = [one for one in taken if one.offer.programme is not Programme.PHONE]
    ends = Counter(one.end for one in visits if one.end is not None)
    backs = [one.back for one in visits if one.back is not None and one.end is not End.EMERGENCY]
    before = Counter(one.reason for one in backs if cases[one.case_id].there_at is None)
    after = Counter(one.reason for one in backs if cases[one.case_id].there_at is not None)
    return Capacity(
        version=version,
        source=(source,),
        command=command,
        cases_a_team=at_once,
        silent=_rounded(silent / decided),
        declines={reason: _rounded(n / decided) for reason, n in sorted(declines.items())},
        answer_after=span((one.offer.occurred_at, one.answered_at) for one in answered),
        leaves_after=span((one.taken_at, one.en_route_at) for one in visits),
        travel=span((one.en_route_at, one.there_at) for one in visits),
        contact_after=span((one.there_at, one.contact_at) for one in visits),
        visit=span((one.contact_at, one.closed.occurred_at) for one in visits if one.closed is not None),
        visit_adds=NOTHING,
        phone=span(
            (one.taken_at, one.closed.occurred_at)
            for one in taken
            if one.closed is not None and one.offer.programme is Programme.PHONE
        ),
        clear_after=NOTHING,
        ends=_shares({end: ends[end] for end in End if ends[end]}, End.CLOSED),
        back_before=_shares(dict(sorted(before.items())), HandBackReason.NO_LONGER_ABLE),
        back_after=_shares(dict(sorted(after.items())), HandBackReason.POLICE_NEEDED),
        reviews=_reviews(log),
        square_km=dict(SQUARE_KM),
    )


def span(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> Span:
    """Return the deciles of the time between stamps; a pair that lacks one, or cannot be true, is left out."""
    return deciles([(last - first).total_seconds() for first, last in pairs if first is not None and last is not None])


def deciles(given: Sequence[float]) -> Span:
    """Return the deciles of lengths of time in seconds."""
    kept = sorted(one for one in given if 0 <= one <= LONGEST)
    if not kept:
        return NO_TIME
    last = len(kept) - 1
    found: list[float] = []
    for step in range(STEPS + 1):
        place = step * last / STEPS
        below, above = kept[math.floor(place)], kept[math.ceil(place)]
        found.append(_rounded(below + (above - below) * (place - math.floor(place))))
    return Span(n=len(kept), seconds=tuple(found))


def of_city(files: Sequence[Path]) -> tuple[Span, Span]:
    """Return travel and time on scene in a city's export with dispatch, arrival and closing (New Orleans' columns).

    Raises:
        OSError: a file cannot be read.
        KeyError: it has other columns.
    """
    travel: list[float] = []
    stay: list[float] = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                stamps = [row[name] for name in ("timedispatch", "timearrive", "timeclosed")]
                if all(stamps) and row["selfinitiated"] != "Y":
                    sent, there, closed = (datetime.fromisoformat(one) for one in stamps)
                    if timedelta() <= there - sent and timedelta() <= closed - there:
                        travel.append((there - sent).total_seconds())
                        stay.append((closed - there).total_seconds())
    return deciles(travel), deciles(stay)


def _cases(log: Sequence[Envelope]) -> Mapping[UUID, _Case]:  # noqa: C901, PLR0912  # one arm a fact
    cases: dict[UUID, _Case] = {}
    for envelope in log:
        fact = envelope.fact
        if isinstance(fact, CaseOffered):
            cases.setdefault(fact.case_id, _Case(fact))
            continue
        case = cases.get(getattr(fact, "case_id", None) or UUID(int=0))
        if case is None:
            continue
        at = fact.occurred_at
        match fact:
            case CaseAcknowledged():
                case.taken_at = case.taken_at or at
                case.answered_at = case.answered_at or at
            case CaseDeclined():
                case.declined = fact.reason
                case.answered_at = case.answered_at or at
            case TeamEnRoute():
                case.en_route_at = case.en_route_at or at
            case TeamOnScene():
                case.there_at = case.there_at or at
            case PersonContacted():
                case.contact_at = case.contact_at or at
            case CaseClosed():
                case.closed = fact
            case CaseHandedBack():
                case.back = fact
            case CaseRecalled():
                case.recalled = case.recalled or fact
            case BackupRequested():
                case.called_for.add(End.BACKUP)
            case EmergencyRaised():
                case.called_for.add(End.EMERGENCY)
            case _:
                pass  # says nothing of what is fitted
    return cases


def _most_at_once(cases: Sequence[_Case], shifts: Sequence[ShiftChanged]) -> float:
    """Return the most cases that a provider had for each of its teams, at least 1: a record shows it to be possible."""
    visits = [one for one in cases if one.taken_at is not None]
    # A tenth up, so that rounding down never takes away a case that was seen.
    return max([1.0, *(math.ceil(10 * (_load(one, cases, shifts) + 1 / _teams(one, shifts))) / 10 for one in visits)])


def _load(one: _Case, cases: Sequence[_Case], shifts: Sequence[ShiftChanged]) -> float:
    """Return how many other cases each team of the provider had when it was offered."""
    at, provider = one.offer.occurred_at, one.offer.provider
    busy = sum(
        1
        for other in cases
        if other is not one
        and other.offer.provider == provider
        and other.taken_at is not None
        and other.offer.occurred_at <= at
        and (other.over_at is None or other.over_at > at)
    )
    return busy / _teams(one, shifts)


def _teams(one: _Case, shifts: Sequence[ShiftChanged]) -> int:
    """Return how many teams the provider had on shift, 1 where that is not known."""
    at, provider = one.offer.occurred_at, one.offer.provider
    mine = [len(fact.teams) for fact in shifts if fact.provider == provider and fact.occurred_at <= at]
    return max(1, mine[-1]) if mine else 1


def _reviews(log: Sequence[Envelope]) -> Reviews:
    asked: dict[UUID, datetime] = {}
    decided: Counter[Eligibility] = Counter()
    took: list[tuple[datetime | None, datetime | None]] = []
    for envelope in log:
        match envelope.fact:
            case CallTriaged() as one:
                if one.picture.feed is Feed.DIVERTED and one.decision.eligibility is Eligibility.NEEDS_REVIEW:
                    asked.setdefault(one.call_id, one.occurred_at)
            case CallReviewed() as one:
                decided[one.eligibility] += 1
                took.append((asked.get(one.call_id), one.occurred_at))
            case _:
                pass  # no review
    of = max(1, len(asked), decided.total())
    return Reviews(decides={what: _rounded(n / of) for what, n in sorted(decided.items())}, after=span(took))


def _shares(counts: Mapping[T, int], otherwise: T) -> dict[T, float]:
    """Return shares that add up to 1; all of it for one thing where nothing was counted."""
    total = sum(counts.values())
    return {what: _rounded(n / total) for what, n in counts.items()} if total else {otherwise: 1.0}


def _rounded(number: float) -> float:
    return round(number, PLACES)
