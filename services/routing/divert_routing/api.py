"""The desk's and CAD's way in: status, open calls, directory, orders, and the call as an EIDO.

Private words leave here with the EIDO alone.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import ConfigDict, Field

from divert_chassis.access import guarded, own_agency, requires, said_by, sees, shows
from divert_chassis.problems import Problem, refused
from divert_chassis.run import Runtime
from divert_contracts.access import Scope
from divert_contracts.facts.base import Deadlines
from divert_contracts.model import Instant, Model
from divert_contracts.step import Command
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Direction,
    DirectionReason,
    Eligibility,
    Hazard,
    Programme,
    Question,
    ReviewReason,
    Stage,
)
from divert_eido.components import Eido
from divert_eido.document import MEDIA_TYPE, written
from divert_routing.domain import desk, eido
from divert_routing.domain.call import Call
from divert_routing.domain.directory import Directory
from divert_routing.domain.erasing import Erase, Erased
from divert_routing.domain.given import Given
from divert_routing.domain.rereviews import DecideAgain
from divert_routing.domain.standing import CallAtDesk, CallStatus, at_desk, standing
from divert_routing.pages import add_pages
from divert_routing.settings import Settings

Person = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.@:+-]+$")]
"""Who orders it: an id, never a name."""
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Repeats with the same key do nothing."),
]
Strict = Annotated[
    str | None,
    Query(description="`?strict`: only what is valid by the standard with its registries, nothing that came besides."),
]
IDS = r"^[A-Za-z0-9._-]*$"
"""What the ids of agencies and providers are made of."""
NOT_STRICT = frozenset({"0", "false", "no"})
EIDO_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "NENA's Emergency Incident Data Object (NENA-STA-021.1)",
        "content": {MEDIA_TYPE: {"schema": {"type": "object", "required": [*sorted(Eido.NEEDS)]}}},
    }
}


class EidoResponse(Response):
    """An EIDO."""

    media_type = MEDIA_TYPE


class Order(Model):
    """The body of an order. A field that is not known is refused: it may have been meant to matter."""

    model_config = ConfigDict(extra="forbid")

    by: Person | None = None
    """Needed where nobody signs in; else the token says who it is, whatever stands here."""


class ReviewOrder(Order):
    """A reviewer's decision."""

    revision: str = Field(min_length=1, max_length=128)
    """Digest of the revision that the person saw, as the call's status gives it."""
    eligibility: Eligibility
    """``eligible`` or ``ineligible``."""
    reason: ReviewReason


class DirectOrder(Order):
    """An order about who is to have the call, and when."""

    direction: Direction
    reason: DirectionReason
    provider: str | None = Field(default=None, max_length=64)
    """Reassign: to whom; absent means the next in turn."""
    programme: Programme | None = None
    """Other programme: which."""
    until: Instant | None = None
    """Hold: until when, at most ``decide_by``. Extend: the new end of the limit that runs."""


class ClearDangerOrder(Order):
    """A person's word that danger is over."""

    unit: str = Field(min_length=1, max_length=32)
    """The unit that made the scene safe."""
    hazards: tuple[Hazard, ...] = Field(default=(), max_length=32)
    """Which; none named means all that are known."""


class AnswerOrder(Order):
    """An answer to a question of the team."""

    question: Question
    answer: Answer


class ClaimOrder(Order):
    """Somebody looks after a call."""


class HandOverOrder(Order):
    """Somebody else looks after a call from now on; said by whoever gives it, or takes it."""

    holder: Person
    to: Person


class AgainOrder(Order):
    """What a person would have decided who does not know what the rules did."""

    revision: str = Field(min_length=1, max_length=128)
    eligibility: Eligibility
    """``needs_review`` when the person would have asked somebody."""
    reason: ReviewReason


class EraseOrder(Order):
    """Somebody asks that a call's private words are forgotten now."""


class OpenCall(Model):
    """A line of the list of open calls: where it stands, and nothing of what was said."""

    call_id: UUID
    agency: str
    incident_number: str
    stage: Stage
    holder: str
    provider: str | None
    division: int | None
    acuity: Acuity
    programme: Programme
    accepted_at: datetime | None
    next_update_by: datetime | None
    deadlines: Deadlines
    waiting: int
    """Hand-offs and calls for assistance that nobody has accepted."""
    unconfirmed: int
    """Recalls that no provider has confirmed."""


class OpenCalls(Model):
    """Calls in routing's hands, those due first before the others."""

    calls: tuple[OpenCall, ...]


class Orders:
    """Passes orders on to the state machine and turns its answers into HTTP."""

    def __init__(self, runtime: Runtime[Given]) -> None:
        """Work for a running service."""
        self._runtime = runtime

    async def do(self, kind: Callable[..., Command], call_id: UUID, order: Order, key: str | None) -> CallAtDesk:
        """Do what is ordered and return where the call stands after it.

        Raises:
            Problem: it was refused.
            Unavailable: it may or may not have been done; the same key asks again.
        """
        command = kind(call_id=call_id, **{**dict(order), "by": said_by(order.by)})
        reply = await self._runtime.send(command, key)
        if reply.refusal is not None or reply.answer is None:
            raise refused(reply.refusal) if reply.refusal is not None else _not_found()
        return CallAtDesk.model_validate_json(reply.answer)


def routes(runtime: Runtime[Given], settings: Settings) -> APIRouter:
    """Return routing's routes and pages."""
    router = guarded()
    router.include_router(_interface(runtime))
    add_pages(router, runtime, settings)
    return router


def _interface(runtime: Runtime[Given]) -> APIRouter:
    router = guarded(prefix="/v1")

    async def known(call_id: UUID) -> Call:
        call = await runtime.get(Call, str(call_id))
        if call is None or call.revision is None or not sees(call.agency):
            raise _not_found()
        return call

    @router.get("/calls/{call_id}/status", tags=["calls"])
    @requires(Scope.READ_STATUS)
    async def status(call_id: UUID) -> CallStatus:
        """Who has the call, and until when that is to be believed."""
        return standing(await known(call_id))

    @router.get("/calls/{call_id}", tags=["desk"])
    @requires(Scope.READ_AT_DESK)
    async def call_at_desk(call_id: UUID) -> CallAtDesk:
        """Where a call stands, with the dangers known of it and the questions of its team."""
        return at_desk(await known(call_id))

    @router.get("/calls/{call_id}/eido", tags=["calls"], response_class=EidoResponse, responses=EIDO_RESPONSES)
    @requires(Scope.EXPORT_EIDO)
    async def call_as_eido(call_id: UUID, strict: Strict = None) -> Response:
        """Return the call as an EIDO, with its private words until they are forgotten: for the call's own agency alone.

        A call that was posted as an EIDO comes back as that, with every member and value, and with who took it, how it
        goes and how it ended.
        """
        call = await known(call_id)
        export = eido.exported if strict is None or strict.lower() in NOT_STRICT else eido.exported_strictly
        return EidoResponse(written(export(call, runtime.clock.now())))

    @router.get("/calls", tags=["calls"])
    @requires(Scope.LIST_CALLS)
    async def calls(
        stage: Annotated[Stage | None, Query(description="``concluded`` lists calls with open promises.")] = None,
        agency: Annotated[str | None, Query(max_length=64, pattern=IDS)] = None,
        provider: Annotated[str | None, Query(max_length=64, pattern=IDS)] = None,
        acuity: Acuity | None = None,
        limit: Annotated[int, Query(ge=1, le=2_000)] = 500,
    ) -> OpenCalls:
        """List open calls, and concluded ones with a hand-off, call for assistance or recall still open."""
        asked = {"stage": stage, "agency": own_agency(agency), "provider": provider, "acuity": acuity}
        columns = {name: str(value) for name, value in asked.items() if value is not None}
        found = await runtime.listed(Call, limit=limit, **columns)
        shows(call.call_id for _, call in found)
        return OpenCalls(calls=tuple(_line(call) for _, call in found))

    @router.get("/directory", tags=["directory"])
    @requires(Scope.READ_DIRECTORY)
    async def directory() -> Directory:
        """Return providers, divisions, agreements and limits in force now."""
        return runtime.given.directories.at(runtime.clock.now()).value

    router.include_router(_orders(runtime))
    return router


def _orders(runtime: Runtime[Given]) -> APIRouter:
    router = guarded()
    orders = Orders(runtime)

    @router.post("/calls/{call_id}/review", tags=["desk"])
    @requires(Scope.REVIEW)
    async def review(call_id: UUID, order: ReviewOrder, key: Key = None) -> CallAtDesk:
        """Decide a call that the rules would not."""
        return await orders.do(desk.Review, call_id, order, key)

    @router.post("/calls/{call_id}/direct", tags=["desk"])
    @requires(Scope.DIRECT)
    async def direct(call_id: UUID, order: DirectOrder, key: Key = None) -> CallAtDesk:
        """Take a call back, hold, reassign or extend it, or choose another programme."""
        return await orders.do(desk.Direct, call_id, order, key)

    @router.post("/calls/{call_id}/clear-danger", tags=["desk"])
    @requires(Scope.CLEAR_DANGER)
    async def clear_danger(call_id: UUID, order: ClearDangerOrder, key: Key = None) -> CallAtDesk:
        """Say that danger is over, and which unit made the scene safe."""
        return await orders.do(desk.ClearDanger, call_id, order, key)

    @router.post("/calls/{call_id}/answer-question", tags=["desk"])
    @requires(Scope.ANSWER_QUESTION)
    async def answer_question(call_id: UUID, order: AnswerOrder, key: Key = None) -> CallAtDesk:
        """Answer a question of the team."""
        return await orders.do(desk.AnswerQuestion, call_id, order, key)

    @router.post("/calls/{call_id}/claim", tags=["desk"])
    @requires(Scope.CLAIM)
    async def claim(call_id: UUID, order: ClaimOrder, key: Key = None) -> CallAtDesk:
        """Look after a call; for a while nobody else may review it."""
        return await orders.do(desk.ClaimCall, call_id, order, key)

    @router.post("/calls/{call_id}/hand-over", tags=["desk"])
    @requires(Scope.HAND_OVER)
    async def hand_over(call_id: UUID, order: HandOverOrder, key: Key = None) -> CallAtDesk:
        """Let somebody else look after a call."""
        return await orders.do(desk.HandOver, call_id, order, key)

    @router.post("/calls/{call_id}/decide-again", tags=["desk"])
    @requires(Scope.DECIDE_AGAIN)
    async def decide_again(call_id: UUID, order: AgainOrder, key: Key = None) -> CallAtDesk:
        """Decide again, for the figure alone, what the rules had decided by themselves."""
        return await orders.do(DecideAgain, call_id, order, key)

    @router.post("/calls/{call_id}/erase", tags=["privacy"])
    @requires(Scope.ERASE_CALL)
    async def erase(call_id: UUID, order: EraseOrder, key: Key = None) -> Erased:
        """Erase the private words of a call that is over, here and with every provider that was offered it.

        Topics forget by themselves; outcome and figures stay.
        """
        reply = await runtime.send(Erase(call_id=call_id, by=said_by(order.by)), key)
        if reply.refusal is not None or reply.answer is None:
            raise refused(reply.refusal) if reply.refusal is not None else _not_found()
        return Erased.model_validate_json(reply.answer)

    return router


def _line(call: Call) -> OpenCall:
    return OpenCall(
        call_id=call.call_id,
        agency=call.agency,
        incident_number=call.incident_number,
        stage=call.stage,
        holder=call.holder,
        provider=call.provider if call.case is None else call.case.provider,
        division=call.division,
        acuity=call.acuity,
        programme=call.meant_for,
        accepted_at=call.accepted_at,
        next_update_by=call.next_update_by,
        deadlines=call.deadlines(),
        waiting=len(call.hand_offs) + len(call.helps),
        unconfirmed=len(call.recalls),
    )


def _not_found() -> Problem:
    return Problem(404, "unknown-call", "Not found", "No picture of such a call has come yet.")
