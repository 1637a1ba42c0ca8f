"""Reporting's pages: the board, today in figures, and the time-line of a call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from divert_chassis.access import requires
from divert_chassis.pages import Pages
from divert_chassis.run import Runtime
from divert_chassis.sessions import add_sign_in
from divert_chassis.words import UNSAID, clock, lasted, plain, titled
from divert_contracts.access import Scope
from divert_contracts.vocabulary import Feed, Stage
from divert_reporting.adapters.outcomes import Filter, Outcomes
from divert_reporting.adapters.tables import STEPS
from divert_reporting.domain.figures import agreement
from divert_reporting.domain.given import Given
from divert_reporting.domain.outcome import CallOutcome, outcome
from divert_reporting.domain.record import Noted, Record, in_order
from divert_reporting.pages.board import add_board
from divert_reporting.pages.live import Live
from divert_reporting.pages.strips import LANES, alarm_id, service
from divert_reporting.pages.words import sentence
from divert_reporting.settings import Settings

HERE = Path(__file__).parent
SHOWN = 50
"""Calls in a list of the first page."""
FEEDS = (Feed.DIVERTED, Feed.OBSERVED)
STAGES = (
    Stage.AWAITING_TRIAGE,
    Stage.IN_REVIEW,
    Stage.HELD,
    Stage.OFFERED,
    Stage.ACKNOWLEDGED,
    Stage.EN_ROUTE,
    Stage.ON_SCENE,
    Stage.OBSERVED,
)
STEP_WORDS = {"on_scene": "with the person"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A step of the funnel as it is drawn."""

    name: str
    diverted: int
    observed: int
    most: int
    """The longest bar, in calls."""


@dataclass(frozen=True, slots=True)
class EndingLine:
    """How many calls ended so today."""

    outcome: str
    reason: str
    diverted: int
    observed: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A fact of a call as it is shown."""

    number: int
    at: datetime
    since: str
    """How long after the first fact."""
    says: str
    who: str
    type: str
    follows: int | None
    """The number of the fact that it follows from, where that is shown."""


def add_pages(router: APIRouter, runtime: Runtime[Given], live: Live, settings: Settings) -> None:
    """Add the pages to the routes."""
    zone = settings.zone
    pages = Pages(HERE, runtime.clock)
    pages.add_assets(router)
    add_sign_in(router, pages)

    def told(time: datetime | None) -> str:
        return clock(time, zone)

    def day_of(time: datetime) -> str:
        return f"{time.astimezone(zone):%-d %b}"

    pages.env.filters |= {
        "plain": plain,
        "titled": titled,
        "clock": told,
        "day": day_of,
        "lane": LANES.__getitem__,
        "service": service,
        "alarm_id": alarm_id,
    }
    pages.knows(zone=zone)
    shown = pages.shown

    add_board(router, pages, live, settings)

    @router.get("/today", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_today(
        agency: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9-]+$")] = None,
    ) -> HTMLResponse:
        now = runtime.clock.now()
        day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        outcomes = Outcomes(runtime.pool)
        today = Filter(agency=agency, since=day, until=day + timedelta(days=1))
        in_flight = await outcomes.in_flight(Filter(agency=agency))
        calls = await outcomes.oldest(Filter(agency=agency, in_flight=True, feed=Feed.DIVERTED), limit=SHOWN)
        outside = await outcomes.denominators(replace(today, denominator=None))
        outside.pop("in", None)
        return shown(
            "today.html",
            agency=agency,
            bars=await _bars(outcomes, today),
            endings=await _endings(outcomes, today),
            stages=[(stage, in_flight.get(stage, 0)) for stage in dict.fromkeys((*STAGES, *in_flight))],
            in_flight=sum(in_flight.values()),
            calls=calls,
            ages={call.call_id: _age(call, now) for call in calls},
            outside=outside,
            shadowed=await outcomes.shadowed(today),
            agreement=agreement(await outcomes.rereviews(Filter(agency=agency))),
        )

    @router.get("/calls/{call_id}", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_call(call_id: UUID) -> HTMLResponse:
        return await call_page(call_id, "call.html", "unknown.html")

    @router.get("/board/calls/{call_id}", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_sheet(call_id: UUID) -> HTMLResponse:
        return await call_page(call_id, "_call.html", "_unknown.html")

    async def call_page(call_id: UUID, name: str, unknown: str) -> HTMLResponse:
        record = await runtime.get(Record, str(call_id))
        row = None if record is None else outcome(record)
        if record is None or row is None:
            return shown(unknown, 404, call_id=call_id)
        return shown(name, call=row, timeline=_timeline(in_order(record.facts), zone))


async def _bars(outcomes: Outcomes, today: Filter) -> list[Bar]:
    diverted, observed = [await outcomes.funnel(replace(today, feed=feed)) for feed in FEEDS]
    most = max(1, *(counts.get(step, 0) for counts in (diverted, observed) for step in STEPS))
    return [Bar(STEP_WORDS.get(step, step), diverted.get(step, 0), observed.get(step, 0), most) for step in STEPS]


async def _endings(outcomes: Outcomes, today: Filter) -> list[EndingLine]:
    counts: dict[tuple[str, str], dict[Feed, int]] = {}
    for feed in FEEDS:
        for ended, reason, calls in await outcomes.endings(replace(today, feed=feed)):
            counts.setdefault((ended, reason), {})[feed] = calls
    lines = [
        EndingLine(ended, reason, by_feed.get(Feed.DIVERTED, 0), by_feed.get(Feed.OBSERVED, 0))
        for (ended, reason), by_feed in counts.items()
    ]
    return sorted(lines, key=lambda line: (-line.diverted, -line.observed, line.outcome, line.reason))


def _age(call: CallOutcome, now: datetime) -> str:
    return UNSAID if call.accepted_at is None else lasted(now - call.accepted_at)


def _timeline(history: Sequence[Noted], zone: ZoneInfo) -> list[TimelineEntry]:
    numbers = {one.id: number for number, one in enumerate(history, 1)}
    first = history[0].fact.occurred_at
    return [
        TimelineEntry(
            number=number,
            at=one.fact.occurred_at,
            since=lasted(one.fact.occurred_at - first),
            says=sentence(one.fact, zone),
            who=titled(one.source.rpartition("/")[2]),
            type=type(one.fact).__name__,
            follows=None if one.cause is None else numbers.get(one.cause),
        )
        for number, one in enumerate(history, 1)
    ]
