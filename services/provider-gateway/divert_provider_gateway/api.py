"""The gateway's HTTP interface: one verb a thing that a provider can say of a case."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import Field

from divert_chassis.problems import refused
from divert_chassis.run import Runtime
from divert_contracts.model import Model
from divert_contracts.step import Command
from divert_contracts.vocabulary import Acuity
from divert_provider_gateway.domain.case import Case, CaseStage, Roster, Rules
from divert_provider_gateway.domain.said import (
    MOST_TEAMS,
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    Ask,
    AssignTeam,
    CaseStatus,
    ChangeShift,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    OnShift,
    RaiseEmergency,
    ReportBackup,
    ReportFollowUp,
    ReportSafetyEvent,
    RequestBackup,
    SafetyReport,
    Said,
    Tell,
)
from divert_provider_gateway.domain.told import UNKNOWN_CASE

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The sender's own id of this request: a repeat has the same answer and no further effect.",
        min_length=1,
        max_length=128,
    ),
]
SafetyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The sender's own id of this request: a repeat has the same answer. Any text will do, and a report "
        "that says something else under a key that was used is another report.",
    ),
]
MOST_LISTED = 500


class Cases(Model):
    """The open cases: live ones, and recalls that wait to be confirmed. What is due soonest comes first."""

    cases: tuple[Case, ...]


class Shift(Model):
    """Who is on duty from now on."""

    teams: tuple[OnShift, ...] = Field(max_length=MOST_TEAMS)
    """Empty: nobody is."""


class Forgiving(APIRoute):
    """A route for reports that are never refused: a body that cannot be read counts as an empty one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind a look at the body."""
        handle = super().get_route_handler()

        async def forgiving(request: Request) -> Response:
            body = _object_or_empty(await request.body())
            headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
            headers.append((b"content-type", b"application/json"))

            async def replay() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request({**request.scope, "headers": headers}, replay))

        return forgiving


def _object_or_empty(body: bytes) -> bytes:
    try:
        readable = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        readable = False
    return body if readable else b"{}"


def routes(runtime: Runtime[Rules], provider: str) -> APIRouter:
    """Return the routes of one provider's gateway."""
    router = APIRouter()
    _add_reading(router, runtime)
    _add_answers(router, runtime)
    _add_reports(router, runtime)
    safety = APIRouter(route_class=Forgiving)
    _add_safety(safety, runtime)
    router.include_router(safety)
    _add_shift(router, runtime, provider)
    return router


async def _send(runtime: Runtime[Rules], command: Command, key: str | None) -> Response:
    reply = await runtime.send(command, key)
    if reply.refusal is not None:
        raise refused(reply.refusal)
    return Response(reply.answer, media_type="application/json")


async def _tell(runtime: Runtime[Rules], case_id: UUID, said: Said, key: str | None) -> Response:
    return await _send(runtime, Tell(case_id=case_id, said=said), key)


async def _report(runtime: Runtime[Rules], case_id: UUID, said: SafetyReport, key: str | None) -> Response:
    """Tell what is never refused: a key stands for the very words that it came with."""
    words = None if not key else f"{key}:{hashlib.sha256(said.model_dump_json().encode()).hexdigest()}"
    return await _tell(runtime, case_id, said, words)


def _add_reading(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.get("/v1/cases", tags=["cases"])
    async def list_cases(
        stage: Annotated[CaseStage | None, Query(description="Only cases in this stage.")] = None,
        acuity: Annotated[Acuity | None, Query(description="Only cases of this acuity.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="At most so many.")] = 100,
    ) -> Cases:
        """List the open cases, what is due soonest first."""
        wanted = {"stage": stage, "acuity": acuity}
        columns = {name: word.value for name, word in wanted.items() if word is not None}
        found = await runtime.listed(Case, limit=limit, **columns)
        return Cases(cases=tuple(case for _, case in found))

    @router.get("/v1/cases/{case_id}", tags=["cases"])
    async def read_case(case_id: UUID) -> Case:
        """Read one case: what was offered, what is known, where it stands."""
        case = await runtime.get(Case, str(case_id))
        if case is None or case.identity is None:
            raise refused(UNKNOWN_CASE)
        return case


def _add_answers(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/acknowledge", response_model=CaseStatus, tags=["answers"])
    async def acknowledge(case_id: UUID, said: Acknowledge, key: Key = None) -> Response:
        """Take the case and promise an arrival time. Refused after the offer's `answer_by`."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/decline", response_model=CaseStatus, tags=["answers"])
    async def decline(case_id: UUID, said: Decline, key: Key = None) -> Response:
        """Do not take the case; it goes to the next provider, or back to the dispatcher."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/team-assigned", response_model=CaseStatus, tags=["answers"])
    async def assign_team(case_id: UUID, said: AssignTeam, key: Key = None) -> Response:
        """Say which team has it."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/en-route", response_model=CaseStatus, tags=["answers"])
    async def go_en_route(case_id: UUID, said: GoEnRoute, key: Key = None) -> Response:
        """Say that the team is on its way. Takes the case where that was not said before."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/close", response_model=CaseStatus, tags=["answers"])
    async def close(case_id: UUID, said: Close, key: Key = None) -> Response:
        """Finish the case."""
        return await _tell(runtime, case_id, said, key)


def _add_reports(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/contacted", response_model=CaseStatus, tags=["reports"])
    async def make_contact(case_id: UUID, said: MakeContact, key: Key = None) -> Response:
        """Say that the team spoke with the person."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/question", response_model=CaseStatus, tags=["reports"])
    async def ask(case_id: UUID, said: Ask, key: Key = None) -> Response:
        """Ask the dispatcher one of the script's questions."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/follow-up", response_model=CaseStatus, tags=["reports"])
    async def report_follow_up(case_id: UUID, said: ReportFollowUp, key: Key = None) -> Response:
        """Say how the follow-up ended."""
        return await _tell(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/safety-event", response_model=CaseStatus, tags=["safety"])
    async def report_safety_event(case_id: UUID, said: ReportSafetyEvent, key: SafetyKey = None) -> Response:
        """Enter something that went wrong in the register, at any time."""
        return await _report(runtime, case_id, said, key)


def _add_safety(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/on-scene", response_model=CaseStatus, tags=["safety"])
    async def arrive(case_id: UUID, said: Arrive, key: SafetyKey = None) -> Response:
        """Say that the team is there. Taken whoever has the case."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/safety-check", response_model=CaseStatus, tags=["safety"])
    async def answer_safety_check(case_id: UUID, said: AnswerSafetyCheck, key: SafetyKey = None) -> Response:
        """Say that the team is well."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/backup", response_model=CaseStatus, tags=["safety"])
    async def request_backup(case_id: UUID, said: RequestBackup, key: SafetyKey = None) -> Response:
        """Ask for police or medical help; the team keeps the case. Taken whoever has the case."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/emergency", response_model=CaseStatus, tags=["safety"])
    async def raise_emergency(case_id: UUID, said: RaiseEmergency, key: SafetyKey = None) -> Response:
        """Say that the team is in danger. Taken whoever has the case."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/backup-arrived", response_model=CaseStatus, tags=["safety"])
    async def report_backup(case_id: UUID, said: ReportBackup, key: SafetyKey = None) -> Response:
        """Say that help has come."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/confirm-recall", response_model=CaseStatus, tags=["safety"])
    async def confirm_recall(case_id: UUID, said: ConfirmRecall, key: SafetyKey = None) -> Response:
        """Say that the team has withdrawn, or stays away."""
        return await _report(runtime, case_id, said, key)

    @router.post("/v1/cases/{case_id}/hand-back", response_model=CaseStatus, tags=["safety"])
    async def hand_back(case_id: UUID, said: HandBack, key: SafetyKey = None) -> Response:
        """Give the case back to the dispatcher. With danger in it, or no reason, it is taken whoever has it."""
        return await _report(runtime, case_id, said, key)


def _add_shift(router: APIRouter, runtime: Runtime[Rules], provider: str) -> None:
    @router.get("/v1/shift", tags=["shift"])
    async def read_shift() -> Roster:
        """Read who is on duty."""
        return await runtime.get(Roster, provider) or Roster(provider=provider)

    @router.put("/v1/shift", response_model=Roster, tags=["shift"])
    async def change_shift(shift: Shift, key: Key = None) -> Response:
        """Say who is on duty from now on: the whole list."""
        return await _send(runtime, ChangeShift(provider=provider, teams=shift.teams), key)
