"""The board: what it shows of a picture, and what has changed since it was shown last, sent as it changes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Cookie, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from divert_chassis.access import OwnPage, principal, requires, said_by, seconds_left, showing, shows
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem
from divert_chassis.words import titled
from divert_contracts.access import Scope
from divert_contracts.model import Instant
from divert_contracts.step import Unavailable
from divert_contracts.vocabulary import Acuity
from divert_reporting.adapters.alarms import Note
from divert_reporting.domain import board
from divert_reporting.domain.board import Wanted
from divert_reporting.domain.city import NAMES, SHORTS, TILES
from divert_reporting.domain.strips import LANES, AlarmKind, Lane, Strip
from divert_reporting.pages import strips as words
from divert_reporting.pages.live import Live, Picture
from divert_reporting.settings import Settings

TICK = 0.5
"""Real seconds between two looks at the picture."""
BEATS = 4
"""After so many looks without news an open board hears that all is as it was."""
HISTORY = 200
"""Alarms on a page of those that have been."""
HISTORY_BACK = timedelta(days=31)
"""From when on they are shown, where nobody asks for another period."""
COOKIE = "divert_person"
"""The same as at the desk: who works at this browser."""
PERSON = re.compile(r"[\w.@:+-]{1,64}")
SHIFT = 12 * 3600
MOST_FRAMES = 32
WORST = 8
"""Strips that the wall has room for."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A board at a moment."""

    parts: Mapping[str, str]
    """The HTML of each part that is swapped as a whole, by its id."""
    cards: Mapping[str, str]
    """The HTML of each strip that is shown, by its call."""
    lanes: Mapping[str, Sequence[str]]
    """The calls of each lane, in their order."""
    calls: frozenset[UUID] = frozenset()
    """All that it shows: strips, the worst of those that are left out, and alarms."""


@dataclass(slots=True)
class Sent:
    """What an open board has been sent."""

    parts: dict[str, str] = field(default_factory=dict[str, str])
    cards: dict[str, str] = field(default_factory=dict[str, str])
    lanes: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def news(self, frame: Frame) -> dict[str, object]:
        """Return what is new in a frame, and take it for sent."""
        parts = {name: html for name, html in frame.parts.items() if self.parts.get(name) != html}
        cards = {call: html for call, html in frame.cards.items() if self.cards.get(call) != html}
        lanes = {lane: calls for lane, calls in frame.lanes.items() if self.lanes.get(lane) != calls}
        self.parts, self.cards, self.lanes = dict(frame.parts), dict(frame.cards), dict(frame.lanes)
        return {name: new for name, new in (("parts", parts), ("cards", cards), ("lanes", lanes)) if new}


def wanted(  # noqa: PLR0917 (one query parameter each)
    stage: Annotated[str, Query(max_length=32)] = "",
    division: Annotated[str, Query(max_length=2)] = "",
    provider: Annotated[str, Query(max_length=64)] = "",
    acuity: Annotated[str, Query(max_length=32)] = "",
    agency: Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9-]*$")] = "",
    late: Annotated[str, Query(max_length=3)] = "",
) -> Wanted:
    """Read the filter; what is empty or no word of it does not narrow."""
    return Wanted(
        lane=Lane(stage) if stage in LANES else None,
        division=int(division) if division.isdecimal() else None,
        provider=provider or None,
        acuity=Acuity(acuity) if acuity in words.ACUITIES else None,
        agency=agency or None,
        late=late == "yes",
    )


Filtered = Annotated[Wanted, Depends(wanted)]


def query(one: Wanted) -> str:
    """Return a filter as it stands in the address."""
    said = {
        "stage": one.lane,
        "division": one.division,
        "provider": one.provider,
        "acuity": one.acuity,
        "agency": one.agency,
        "late": "yes" if one.late else None,
    }
    return urlencode({name: value for name, value in said.items() if value is not None})


class Board:
    """Renders pictures; what is the same for many is rendered once."""

    def __init__(self, pages: Pages, live: Live, zone: ZoneInfo) -> None:
        """Bring together what shows and what is shown."""
        self._pages = pages
        self.live = live
        self._zone = zone
        self._cards: dict[UUID, tuple[Strip, bool, bool, str]] = {}
        self._frames: dict[Wanted, tuple[int, datetime, Frame]] = {}

    async def frame(self, one: Wanted) -> Frame:
        """Return the board as it is now.

        Raises:
            Unavailable: the tables cannot be read.
        """
        picture, at = await self.live.picture(), self.live.now
        known = self._frames.get(one)
        if known is not None and known[0] == picture.number and (at - known[1]).total_seconds() < TICK:
            return known[2]
        made = self._frame(picture, one, at)
        if len(self._frames) >= MOST_FRAMES:
            self._frames.clear()
        self._frames[one] = (picture.number, at, made)
        return made

    def providers(self, picture: Picture) -> Sequence[str]:
        """Return every provider that is known of."""
        gateways = {one.provider for one in picture.services if one.provider is not None}
        having = {one.provider for one in picture.strips.values() if one.provider is not None}
        return sorted({*having, *gateways, *picture.teams, *picture.offers})

    def _frame(self, picture: Picture, one: Wanted, at: datetime) -> Frame:
        every = list(picture.strips.values())
        views = board.lanes(every, one, at)
        shown = [strip for view in views for strip in view.strips]
        cards = {str(strip.call_id): self._card(strip, at) for strip in shown}
        self._cards = {strip.call_id: self._cards[strip.call_id] for strip in every if strip.call_id in self._cards}
        raised = board.standing(every, picture.pipeline, at)
        bells = [
            words.bell(alarm, None if alarm.call_id is None else picture.strips.get(alarm.call_id), seen)
            for alarm in raised
            for seen in (picture.acknowledged.get(alarm.id),)
        ]
        pressed = [strip for strip in every if strip.is_late(at) or strip.emergency]
        worst = sorted(pressed, key=lambda strip: board.pressing(strip, at))
        held = board.by_provider(every, at)
        values: dict[str, object] = {
            "wanted": one,
            "query": query(one),
            "top": board.top(every, one, at),
            "bells": bells,
            "unseen": sum(bell.seen is None for bell in bells),
            "worst": [words.card(strip, at, self._zone) for strip in worst[:WORST]],
            "picture": picture,
            "tiles": TILES,
            "outlines": self.live.outlines,
            "names": NAMES,
            "shorts": SHORTS,
            "places": board.by_division(every, at),
            "held": held,
            "providers": self.providers(picture),
            "down": {alarm.about for alarm in picture.pipeline if alarm.kind is AlarmKind.PROVIDER_DOWN},
            "quiet": not every,
        }
        parts = {
            name: self._pages.rendered(f"_{name}.html", **values)
            for name in ("top", "alarms", "map", "providers", "pipeline", "today", "worst")
        }
        for view in views:
            parts[f"head-{view.lane}"] = self._pages.rendered("_head.html", view=view, wanted=one)
            parts[f"more-{view.lane}"] = self._pages.rendered("_more.html", view=view, wanted=one, query=query(one))
        calls = {*(strip.call_id for strip in (*shown, *worst[:WORST])), *(alarm.call_id for alarm in raised)}
        lanes = {view.lane.value: [str(s.call_id) for s in view.strips] for view in views}
        return Frame(parts, cards, lanes, frozenset(one for one in calls if one is not None))

    def _card(self, strip: Strip, at: datetime) -> str:
        late = strip.is_late(at)
        endangered = any(alarm.stands(at) for alarm in strip.alarms)
        known = self._cards.get(strip.call_id)
        if known is not None and known[0] is strip and known[1:3] == (late, endangered):
            return known[3]
        html = self._pages.rendered("_card.html", card=words.card(strip, at, self._zone))
        self._cards[strip.call_id] = (strip, late, endangered, html)
        return html

    async def news(self, one: Wanted, seconds: float, named: Callable[[Iterable[object]], None]) -> AsyncIterator[str]:
        """Yield what changes, as server-sent events: everything first. What cannot be read is not told as if it were.

        An open board that hears nothing for some seconds says so itself.

        Args:
            one: what is wanted of it.
            seconds: real ones after which it ends: whoever looks by then connects again, and shows who they are.
            named: is told the ids of the calls that are shown.
        """
        sent, shown, silent = Sent(), frozenset[UUID](), BEATS
        passed = asyncio.get_running_loop().time
        until = passed() + seconds
        while not self.live.ending and passed() < until:
            try:
                frame = await self.frame(one)
            except Unavailable:
                await asyncio.sleep(TICK)
                continue
            named(frame.calls - shown)
            shown = frame.calls
            news = sent.news(frame)
            silent += 1
            if news or silent >= BEATS:
                now, rate = self._pages.times()
                yield f"data: {json.dumps({'now': now.isoformat(), 'rate': rate, **news}, separators=(',', ':'))}\n\n"
                silent = 0
            await asyncio.sleep(TICK)


def add_board(router: APIRouter, pages: Pages, live: Live, settings: Settings) -> None:
    """Add the board to the routes."""
    made = Board(pages, live, settings.zone)

    @router.get("/", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_board(
        one: Filtered,
        wall: str | None = None,
        call: UUID | None = None,
        divert_person: Annotated[str | None, Cookie()] = None,
    ) -> HTMLResponse:
        frame, who = await made.frame(one), principal()
        shows(frame.calls)
        return pages.shown(
            "board.html",
            frame=frame,
            wanted=one,
            query=query(one),
            wall=wall is not None,
            call=call,
            person=(divert_person or "") if who is None else who.person,
            known=who is not None,
            lanes=words.LANES,
            empty=words.EMPTY,
            acuities=words.ACUITIES,
            divisions=NAMES,
            notes=words.NOTES,
            providers=[(name, titled(name)) for name in made.providers(await live.picture())],
        )

    @router.get("/board/live", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_news(one: Filtered) -> StreamingResponse:
        news = made.news(one, seconds_left(), showing())
        return StreamingResponse(news, media_type="text/event-stream")

    @router.get("/board/alarms", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_alarms(since: Instant | None = None, until: Instant | None = None) -> HTMLResponse:
        end = live.now if until is None else until
        begin = end - HISTORY_BACK if since is None else since
        past = await live.alarms.history(begin, end, limit=HISTORY)
        shows(alarm.call_id for alarm in past if alarm.call_id is not None)
        return pages.shown(
            "alarms.html",
            past=past,
            since=begin,
            until=end,
            older=urlencode({"since": begin, "until": past[-1].raised_at}) if len(past) == HISTORY else None,
            kinds=words.ALARMS,
            notes=words.NOTES,
        )

    @router.post("/board/alarms", include_in_schema=False, dependencies=[OwnPage])
    @requires(Scope.ACKNOWLEDGE_ALARM)
    async def acknowledge(request: Request) -> Response:
        try:
            said = dict(parse_qsl((await request.body()).decode(), max_num_fields=8))
        except ValueError:
            raise Problem(422, "invalid", "Invalid request") from None
        by, note = said_by(said.get("by", "").strip() or None), said.get("note", "")
        picture = await live.picture()
        raised = board.standing(picture.strips.values(), picture.pipeline, live.now)
        alarm = next((one for one in raised if one.id == said.get("alarm")), None)
        if alarm is None:
            raise Problem(409, "alarm-over", "Conflict", "This alarm is over.")
        if PERSON.fullmatch(by) is None or note not in words.NOTES:
            raise Problem(422, "invalid", "Invalid request", "Say who you are, and what you do about it.")
        seen = await live.alarms.acknowledge(alarm, by=by, note=Note(note), at=live.now)
        await live.acknowledged()
        answer: Response = Response(f"{seen.by} sees to it.", media_type="text/plain")
        if request.headers.get("hx-request") != "true":
            answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, by, max_age=SHIFT, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer
