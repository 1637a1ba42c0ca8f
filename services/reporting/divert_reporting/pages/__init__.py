"""Reporting's pages: the board, today in figures, and the time-line of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from divert_chassis.access import requires, shows
from divert_chassis.pages import Pages
from divert_chassis.run import Runtime
from divert_chassis.sessions import add_sign_in
from divert_chassis.words import clock, lasted, plain, titled
from divert_contracts.access import Scope
from divert_reporting.domain.given import Given
from divert_reporting.domain.outcome import outcome
from divert_reporting.domain.record import Noted, Record, in_order
from divert_reporting.pages.board import add_board
from divert_reporting.pages.figures import add_figures
from divert_reporting.pages.live import Live
from divert_reporting.pages.strips import LANES, alarm_id, padded, service
from divert_reporting.pages.words import sentence
from divert_reporting.settings import Settings

HERE = Path(__file__).parent


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
        "padded": padded,
    }
    pages.knows(zone=zone)
    shown = pages.shown

    add_board(router, pages, live, settings)

    add_figures(router, pages, runtime, settings)

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
        shows((call_id,))
        return shown(name, call=row, timeline=_timeline(in_order(record.facts), zone))


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
