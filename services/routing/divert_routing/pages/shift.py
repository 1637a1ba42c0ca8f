"""Who is at the desk, what one shift hands over to the next, and the blind re-review."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from divert_chassis.access import OwnPage, requires, shows
from divert_contracts.access import Scope
from divert_contracts.model import Model
from divert_contracts.vocabulary import Eligibility, Question, ReviewReason
from divert_routing.domain import desk
from divert_routing.domain.attention import Need, order, promises
from divert_routing.domain.call import Call
from divert_routing.domain.rereviews import DecideAgain
from divert_routing.pages import words
from divert_routing.pages.desk import DeskPages, moved
from divert_routing.pages.person import PERSON, NotUnderstood, Somebody, form, remember

MOST_PROMISES = 500
DECISIONS = {
    Eligibility.ELIGIBLE: ("e", "Eligible", "An unarmed team may take it"),
    Eligibility.INELIGIBLE: ("i", "Not eligible", "It is for somebody else"),
    Eligibility.NEEDS_REVIEW: ("s", "Somebody must ask", "The record does not say enough"),
}


class PersonForm(Model):
    """Who works here now."""

    person: str = Field(pattern=f"^{PERSON.pattern}$")
    to: str = Field(default="/desk", pattern=r"^(/desk[\w/?=&%.:-]*)?$", max_length=300)


class HandOverForm(Model):
    """Who hands everything over, and to whom."""

    holder: str = Field(pattern=f"^{PERSON.pattern}$")
    to: str = Field(pattern=f"^{PERSON.pattern}$")


class AgainForm(Model):
    """What a person would have decided."""

    revision: str = Field(max_length=128)
    eligibility: Eligibility
    reason: ReviewReason


def routes(pages: DeskPages) -> APIRouter:
    """Return the routes of a shift."""
    router = pages.router()
    _add_person(router, pages)
    _add_hand_over(router, pages)
    _add_blind(router, pages)
    return router


def _add_person(router: APIRouter, pages: DeskPages) -> None:
    @router.get("/desk/person")
    @requires(Scope.USE_DESK)
    async def read_person(to: Annotated[str, Query(max_length=300)] = "") -> HTMLResponse:
        return pages.shown("person.html", to=to, wrong=False)

    @router.post("/desk/person", dependencies=[OwnPage])
    @requires(Scope.USE_DESK)
    async def write_person(request: Request) -> Response:
        try:
            said = await form(request, PersonForm)
        except NotUnderstood:
            return pages.shown("person.html", 422, to="", wrong=True)
        response = moved(request, said.to or "/desk")
        remember(response, said.person, secure=request.url.scheme == "https")
        return response


def _add_hand_over(router: APIRouter, pages: DeskPages) -> None:
    @router.get("/desk/hand-over")
    @requires(Scope.USE_DESK)
    async def read_hand_over(person: Somebody) -> HTMLResponse:
        calls = await pages.calls.now()
        by_id = {call.call_id: call for call in calls}
        found = _promises(pages, calls)
        shows(one.call_id for one in found)
        holders = sorted({claim.by for one in found if (claim := by_id[one.call_id].claim) is not None})
        return pages.shown(
            "hand_over.html",
            person=person,
            page="hand-over",
            rows=[
                {"row": row, "call": by_id[row.call_id], "custody": pages.views(person).custody(by_id[row.call_id])}
                for row in pages.views(person).rows(calls, found)
            ],
            holders=holders,
            rereviews=await pages.desk.rereviews(),
        )

    @router.post("/desk/hand-over", dependencies=[OwnPage])
    @requires(Scope.HAND_OVER)
    async def hand_over(request: Request, person: Somebody) -> HTMLResponse:
        wanted = await form(request, HandOverForm)
        pages.calls.stale()
        calls = await pages.calls.now()
        held = {call.call_id for call in calls if call.claim is not None and call.claim.by == wanted.holder}
        theirs = dict.fromkeys(one.call_id for one in _promises(pages, calls) if one.call_id in held)
        moved_over = 0
        refused = ""
        for call_id in theirs:
            command = desk.HandOver(call_id=call_id, by=person, holder=wanted.holder, to=wanted.to)
            refusal = await pages.order(command)
            moved_over += refusal is None
            refused = refused if refusal is None else refusal.detail
        calls_word = "call" if moved_over == 1 else "calls"
        done = f"{moved_over} {calls_word} handed over from {wanted.holder} to {wanted.to}. {refused}".strip()
        return pages.not_done(done) if refused and not moved_over else pages.said(done)


def _add_blind(router: APIRouter, pages: DeskPages) -> None:
    @router.get("/desk/blind")
    @requires(Scope.USE_DESK)
    async def read_blind(person: Somebody) -> HTMLResponse:
        waiting = await pages.desk.next_rereview()
        call = None if waiting is None else await pages.call(UUID(waiting))
        views = pages.views(person)
        picture = None if call is None else call.picture
        answers = {} if picture is None else picture.answers
        return pages.shown(
            "blind.html",
            person=person,
            page="blind",
            rereviews=await pages.desk.rereviews(),
            call=call,
            place="" if call is None else views.place(call),
            asked=[(words.QUESTIONS[one], words.ANSWERS[answers[one].answer]) for one in Question if one in answers],
            unasked=[] if call is None else views.answers(call).unasked,
            hazards=[] if picture is None else [words.HAZARDS[one] for one in picture.premise_hazards],
            decisions=[(one.value, *said) for one, said in DECISIONS.items()],
        )

    @router.get("/desk/blind/{call_id}/act/{eligibility}")
    @requires(Scope.USE_DESK)
    async def read_act(person: Somebody, call_id: UUID, eligibility: Eligibility) -> HTMLResponse:
        del person
        call = await pages.call(call_id)
        if call is None or call.rereview is None or not call.rereview.waiting or eligibility not in DECISIONS:
            return pages.shown("act_gone.html")
        _, word, about = DECISIONS[eligibility]
        return pages.shown(
            "blind_act.html",
            call=call,
            eligibility=eligibility,
            word=word,
            about=about,
            reasons=words.REVIEW_REASONS.items(),
        )

    @router.post("/desk/blind/{call_id}", dependencies=[OwnPage])
    @requires(Scope.DECIDE_AGAIN)
    async def decide_again(request: Request, person: Somebody, call_id: UUID) -> Response:
        decided = await form(request, AgainForm)
        refusal = await pages.order(DecideAgain(call_id=call_id, by=person, **dict(decided)))
        return moved(request, "/desk/blind") if refusal is None else pages.not_done(refusal.detail, refusal.status)


def _promises(pages: DeskPages, calls: Sequence[Call]) -> list[Need]:
    now = pages.now
    return sorted((one for call in calls for one in promises(call, now)), key=order)[:MOST_PROMISES]
