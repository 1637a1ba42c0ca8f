"""The desk itself: what needs somebody, the call, and what can be done with it now."""

import re
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from divert_chassis.access import requires, shows
from divert_contracts.access import Scope
from divert_contracts.vocabulary import (
    Programme,
)
from divert_routing.adapters import OPEN
from divert_routing.domain.attention import Kind, Need, needs, order
from divert_routing.domain.call import Call
from divert_routing.pages import words
from divert_routing.pages.desk import DeskPages, moved
from divert_routing.pages.person import Somebody
from divert_routing.pages.views import is_drill

MOST_ROWS = 200
ROW = re.compile(r"[a-z_]{1,16}-[0-9a-f-]{36}")
"""What a line of the list is called."""
MINUTES = (5, 10, 15, 30)
"""By how much the desk moves a limit or holds a call, in minutes."""
HOLDS = (1, 2, 3)


def routes(pages: DeskPages) -> APIRouter:
    """Return the routes of the desk."""
    router = pages.router()
    _add_looking(router, pages)
    _add_asking(router, pages)
    return router


def _add_looking(router: APIRouter, pages: DeskPages) -> None:
    @router.get("/")
    @requires(Scope.USE_DESK)
    async def read_front(request: Request) -> Response:
        return moved(request, "/desk")

    @router.get("/desk")
    @requires(Scope.USE_DESK)
    async def read_desk(person: Somebody, call: UUID | None = None) -> HTMLResponse:
        calls = await pages.calls.now()
        found = open_needs(pages, calls)
        shows(need.call_id for need in found)
        chosen = call if call is not None else found[0].call_id if found else None
        shown = None if chosen is None else await pages.call(chosen)
        return pages.shown(
            "desk.html",
            person=person,
            page="desk",
            rows=pages.views(person).rows(calls, found),
            chosen=None if chosen is None else str(chosen),
            rereviews=await pages.desk.rereviews(),
            call=shown,
            it=None if shown is None else pages.views(person).whole(shown),
            in_hand=_in_hand(calls),
        )

    @router.get("/desk/queue")
    @requires(Scope.USE_DESK)
    async def read_queue(
        person: Somebody,
        keep: Annotated[str, Query(max_length=20_000)] = "",
        chosen: Annotated[str, Query(max_length=36)] = "",
    ) -> HTMLResponse:
        calls = await pages.calls.now()
        found = open_needs(pages, calls)
        shows(need.call_id for need in found)
        kept = [one for one in keep.split(",") if ROW.fullmatch(one)][:MOST_ROWS]
        rows = pages.views(person).rows(calls, found, kept)
        return pages.shown("queue.html", rows=rows, chosen=chosen)

    @router.get("/desk/idle")
    @requires(Scope.USE_DESK)
    async def read_idle(person: Somebody) -> HTMLResponse:
        del person
        return pages.shown("call.html", chosen=None, call=None, it=None, in_hand=_in_hand(await pages.calls.now()))

    @router.get("/desk/calls/{call_id}")
    @requires(Scope.USE_DESK)
    async def read_call(request: Request, person: Somebody, call_id: UUID) -> Response:
        if request.headers.get("hx-request") != "true":
            return await read_desk(person, call_id)
        call = await pages.call(call_id)
        it = None if call is None else pages.views(person).whole(call)
        return pages.shown("call.html", chosen=str(call_id), call=call, it=it, in_hand=0)

    @router.get("/desk/calls/{call_id}/timeline")
    @requires(Scope.USE_DESK)
    async def read_timeline(person: Somebody, call_id: UUID) -> HTMLResponse:
        del person
        return pages.shown("timeline.html", story=await pages.reporting.story(call_id))

    @router.get("/desk/calls/{call_id}/reasons")
    @requires(Scope.USE_DESK)
    async def read_reasons(person: Somebody, call_id: UUID) -> HTMLResponse:
        del person
        call = await pages.call(call_id)
        explained = None if call is None else await pages.triage.explain(call)
        rules = () if call is None or call.decision is None else call.decision.rules
        return pages.shown("reasons.html", explained=explained, rules=rules)

    @router.get("/desk/all")
    @requires(Scope.USE_DESK)
    async def read_all(
        person: Somebody,
        stage: Annotated[str, Query(max_length=64)] = "",
        provider: Annotated[str, Query(max_length=64)] = "",
        division: Annotated[str, Query(max_length=2)] = "",
    ) -> HTMLResponse:
        views = pages.views(person)
        calls = [
            call
            for call in await pages.calls.now()
            if stage in ("", call.stage)
            and provider in ("", call.provider if call.case is None else call.case.provider)
            and division in ("", str(call.division))
        ]
        shows(call.call_id for call in calls)
        lines = [
            {"call": call, "custody": views.custody(call), "place": views.place(call), "drill": is_drill(call)}
            for call in sorted(calls, key=lambda one: (OPEN.index(one.stage), one.accepted_at or pages.now))
        ]
        return pages.shown(
            "all.html",
            person=person,
            page="all",
            lines=lines,
            directory=pages.directory,
            stages=[(one, words.STAGES[one]) for one in OPEN],
            acuities=words.ACUITIES,
            wanted={"stage": stage, "provider": provider, "division": division},
            rereviews=await pages.desk.rereviews(),
        )


def _add_asking(router: APIRouter, pages: DeskPages) -> None:
    @router.get("/desk/calls/{call_id}/act/{name}")
    @requires(Scope.USE_DESK)
    async def read_act(person: Somebody, call_id: UUID, name: Annotated[str, Field(max_length=32)]) -> HTMLResponse:
        call = await pages.call(call_id)
        possible = [] if call is None else pages.views(person).orders(call)
        wanted = next((one for one in possible if one.name == name), None)
        if call is None or wanted is None:
            return pages.shown("act_gone.html")
        directory = pages.directory
        case = call.case
        return pages.shown(
            "act.html",
            call=call,
            order=wanted,
            incident=call.incident_number,
            reasons=_reasons(name),
            providers=[
                one
                for one in directory.providers
                if call.meant_for in one.programmes and (case is None or one.id != case.provider)
            ],
            served=call.division,
            programmes=[
                (one, text)
                for one, text in words.PROGRAMMES.items()
                if one not in (Programme.NONE, Programme.UNKNOWN, call.meant_for)
            ],
            minutes=HOLDS if name == "hold" else MINUTES,
            hazards=[words.HAZARDS[one] for one in call.dangers],
            question=None if case is None else next(iter(case.questions), None),
            questions=words.QUESTIONS,
            waiting=[one for one in needs(call, pages.now) if one.kind in (Kind.HAND_OFF, Kind.ASSISTANCE)],
            rows={row.id: row for row in pages.views(person).rows([call], needs(call, pages.now))},
        )


def open_needs(pages: DeskPages, calls: Sequence[Call]) -> list[Need]:
    """Return what needs somebody now, the most acute and oldest first."""
    now = pages.now
    return sorted((need for call in calls for need in needs(call, now)), key=order)[:MOST_ROWS]


def _in_hand(calls: Sequence[Call]) -> int:
    return sum(not call.concluded for call in calls)


def _reasons(name: str) -> list[tuple[str, str]]:
    match name:
        case "eligible":
            return [(one.value, words.REVIEW_REASONS[one]) for one in words.FOR]
        case "ineligible":
            return [(one.value, words.REVIEW_REASONS[one]) for one in words.AGAINST]
        case "answer" | "accept" | "clear":
            return []
        case _:
            return [(one.value, text) for one, text in words.DIRECTION_REASONS.items()]
