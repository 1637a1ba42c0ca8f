"""What is ordered from the desk: each with the person, and a coded reason where it matters."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import HTMLResponse

from divert_chassis.access import OwnPage, requires
from divert_contracts.access import Scope
from divert_contracts.model import Model
from divert_contracts.step import Command
from divert_contracts.vocabulary import (
    Answer,
    Direction,
    DirectionReason,
    Eligibility,
    Programme,
    Question,
    ReviewReason,
)
from divert_routing.adapters import Refused
from divert_routing.domain import desk
from divert_routing.pages.desk import DeskPages
from divert_routing.pages.person import NotUnderstood, Somebody, form

DONE = {
    Direction.TAKE_BACK: "Taken back: the police dispatcher has it.",
    Direction.HOLD: "Held at the desk.",
    Direction.REASSIGN: "Offered to the other provider.",
    Direction.EXTEND: "The team has more time.",
    Direction.OTHER_PROGRAMME: "Sent to the other programme.",
    Direction.UNKNOWN: "Done.",
}


class ReviewForm(Model):
    """A reviewer's decision."""

    revision: str = Field(max_length=128)
    eligibility: Eligibility
    reason: ReviewReason


class DirectForm(Model):
    """An order about who has the call, and when."""

    reason: DirectionReason
    provider: str | None = Field(default=None, max_length=64)
    programme: Programme | None = None
    minutes: int | None = Field(default=None, ge=1, le=720)


class ClearForm(Model):
    """Whose word it is that danger is over."""

    unit: str = Field(min_length=1, max_length=32)


class AnswerForm(Model):
    """An answer to a team."""

    question: Question
    answer: Answer


class AcceptForm(Model):
    """A dispatcher's acceptance."""

    handoff_id: UUID
    unit: str | None = Field(default=None, max_length=32)


def routes(pages: DeskPages) -> APIRouter:
    """Return the routes of orders."""
    router = pages.router()
    _add_answers(router, pages)
    _add_decisions(router, pages)
    return router


def _add_decisions(router: APIRouter, pages: DeskPages) -> None:
    @router.post("/desk/calls/{call_id}/review", dependencies=[OwnPage])
    @requires(Scope.REVIEW)
    async def review(request: Request, person: Somebody, call_id: UUID) -> HTMLResponse:
        decided = await form(request, ReviewForm)
        command = desk.Review(call_id=call_id, by=person, **dict(decided))
        may = decided.eligibility is Eligibility.ELIGIBLE
        done = "Decided: an unarmed team may have it." if may else "Decided: the dispatcher has it."
        return await _ordered(pages, command, done)

    @router.post("/desk/calls/{call_id}/direct/{direction}", dependencies=[OwnPage])
    @requires(Scope.DIRECT)
    async def direct(request: Request, person: Somebody, call_id: UUID, direction: Direction) -> HTMLResponse:
        wanted = await form(request, DirectForm)
        call = await pages.call(call_id)
        if call is None:
            raise NotUnderstood
        until = None if wanted.minutes is None else pages.now + timedelta(minutes=wanted.minutes)
        if direction is Direction.EXTEND and wanted.minutes is not None and call.case is not None:
            running = call.case.en_route_by or call.case.on_scene_by or call.case.close_by
            until = None if running is None else running + timedelta(minutes=wanted.minutes)
        command = desk.Direct(
            call_id=call_id,
            by=person,
            direction=direction,
            reason=wanted.reason,
            provider=wanted.provider,
            programme=wanted.programme,
            until=until,
        )
        return await _ordered(pages, command, DONE[direction])

    @router.post("/desk/calls/{call_id}/clear", dependencies=[OwnPage])
    @requires(Scope.CLEAR_DANGER)
    async def clear(request: Request, person: Somebody, call_id: UUID) -> HTMLResponse:
        cleared = await form(request, ClearForm)
        command = desk.ClearDanger(call_id=call_id, by=person, unit=cleared.unit)
        return await _ordered(pages, command, f"Danger cleared by {cleared.unit}; only a review can offer it now.")


def _add_answers(router: APIRouter, pages: DeskPages) -> None:
    @router.post("/desk/calls/{call_id}/claim", dependencies=[OwnPage])
    @requires(Scope.CLAIM)
    async def claim(person: Somebody, call_id: UUID) -> HTMLResponse:
        return await _ordered(pages, desk.ClaimCall(call_id=call_id, by=person), "You have claimed it.")

    @router.post("/desk/calls/{call_id}/answer", dependencies=[OwnPage])
    @requires(Scope.ANSWER_QUESTION)
    async def answer(request: Request, person: Somebody, call_id: UUID) -> HTMLResponse:
        given = await form(request, AnswerForm)
        return await _ordered(
            pages, desk.AnswerQuestion(call_id=call_id, by=person, **dict(given)), "The team has the answer."
        )

    @router.post("/desk/calls/{call_id}/accept", dependencies=[OwnPage])
    @requires(Scope.ACCEPT_HANDOFF)
    async def accept(request: Request, person: Somebody, call_id: UUID) -> HTMLResponse:
        accepted = await form(request, AcceptForm)
        call = await pages.call(call_id)
        if call is None:
            raise NotUnderstood
        try:
            await pages.intake.accept(call, accepted.handoff_id, person, accepted.unit)
        except Refused:
            return pages.not_done("Intake did not take it: accept it in CAD.")
        pages.calls.stale()
        return pages.said("Accepted: the dispatcher has it from now on.")


async def _ordered(pages: DeskPages, command: Command, done: str) -> HTMLResponse:
    refusal = await pages.order(command)
    return pages.said(done) if refusal is None else pages.not_done(refusal.detail, refusal.status)
