"""The gateway's HTTP interface: one verb a thing that a provider can say of a case."""

import hashlib
import json
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from divert_chassis.access import Guarded, guarded, requires, seconds_left, showing, shows
from divert_chassis.core import Reply
from divert_chassis.http import NEVER_REFUSED
from divert_chassis.problems import Problem, refused
from divert_chassis.run import Runtime
from divert_contracts.access import Scope
from divert_contracts.ids import foreign_id
from divert_contracts.model import Instant, Model
from divert_contracts.step import Refusal
from divert_contracts.vocabulary import Acuity
from divert_provider_gateway.adapters import Casebook, Outward, Watch, digest_of, open_cases
from divert_provider_gateway.domain.books import Entry, Expiry, ExpiryCause
from divert_provider_gateway.domain.case import HELD, Case, CaseStage, Roster, Rules
from divert_provider_gateway.domain.said import (
    MOST_TEAMS,
    NO_EPOCH,
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    Ask,
    AssignTeam,
    CaseStatus,
    ChangeShift,
    Close,
    Code,
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
    SignOff,
    SignOn,
    Tell,
    WriteNote,
)
from divert_provider_gateway.domain.told import UNKNOWN_CASE
from divert_provider_gateway.domain.webhook import (
    BAD_URL,
    LONGEST_URL,
    NO_ENDPOINT,
    OVERLAP,
    Deliveries,
    Delivery,
    Endpoint,
    EndpointStatus,
    RegisterEndpoint,
    RemoveEndpoint,
    Result,
    RotateSecret,
    addressable,
    status,
    trial,
)
from divert_provider_gateway.settings import Settings

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
LEDGER = timedelta(days=30)
"""How far back expiries are listed unless it is said otherwise."""
LONGEST_WAIT = 30.0
LONGEST_STREAM = 900.0
"""Real seconds for which a client may wait for news, and for which a stream lasts."""
NOT_KEPT = {"cache-control": "no-store"}
Most = Annotated[int, Query(ge=1, le=MOST_LISTED, description="At most so many.")]
UNTOLD_CALL = Refusal("unknown-call", "CAD was to be told nothing of such a call.", 404)
NO_RELIEF = Refusal("no-relief", "This team holds a case. Name the team that goes on with it.", 422)


class Cases(Model):
    """The open cases: live ones, and recalls that wait to be confirmed. What is due soonest comes first."""

    cases: tuple[Case, ...]
    seen: str
    """Stands for just these as they are now: with it, and `wait`, a request is answered when something has changed."""


class GoingOff(Model):
    """A team goes off duty."""

    team: Code
    relief: Code | None = None
    """The team on duty that goes on in its place; needed while the team holds a case."""


class Shift(Model):
    """Who is on duty from now on."""

    teams: tuple[OnShift, ...] = Field(max_length=MOST_TEAMS)
    """Empty: nobody is."""


class FollowUps(Model):
    """The worklist: whom to ring again, those due first before the others."""

    follow_ups: tuple[Entry, ...]


class SafetyEvents(Model):
    """The register: cases on which something went wrong, newest first."""

    cases: tuple[Entry, ...]


class Expiries(Model):
    """The ledger: offers that expired, newest first, and why."""

    expiries: tuple[Expiry, ...]
    causes: dict[ExpiryCause, int]
    """How many of these for which cause."""


class WantedWebhook(Model):
    """Where webhooks are to be sent."""

    url: str = Field(max_length=LONGEST_URL)
    """https, with a host; http only to networks that this gateway's configuration names."""


class Rotation(Model):
    """How a secret is replaced."""

    overlap_seconds: float = Field(default=OVERLAP.total_seconds(), ge=0, le=OVERLAP.total_seconds() * 30)
    """For so long the old secret signs beside the new one."""


class WebhookWithSecret(EndpointStatus):
    """An endpoint, and its newest secret: it is shown this once."""

    secret: str


class Webhooks(Model):
    """Where webhooks are sent: one endpoint, or none."""

    webhooks: tuple[EndpointStatus, ...]


class Tested(Model):
    """What came of a test."""

    result: Result
    status: int | None
    """The HTTP status, where there was one."""
    seconds: float


class DeliveryLog(Model):
    """What became of the messages about one case; what waits comes first."""

    case_id: UUID
    waiting: tuple[UUID, ...]
    """Their ids."""
    ended: tuple[Delivery, ...]


class CallDeliveryLog(Model):
    """What became of the messages to CAD about one call; what waits comes first."""

    call_id: UUID
    waiting: tuple[UUID, ...]
    """Their ids."""
    ended: tuple[Delivery, ...]


def _listed(cases: tuple[Case, ...]) -> Cases:
    shows(case.case_id for case in cases)
    return Cases(cases=cases, seen=digest_of(cases))


class Forgiving(Guarded):
    """A route for reports that are never refused: a body that cannot be read counts as an empty one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (FastAPI's own)
        """Make a route that says so of itself."""
        super().__init__(*arguments, **{**named, "openapi_extra": {NEVER_REFUSED: True}})

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
    router = guarded()
    _add_reading(router, runtime)
    _add_answers(router, runtime)
    _add_reports(router, runtime)
    safety = guarded(route_class=Forgiving)
    _add_safety(safety, runtime)
    router.include_router(safety)
    _add_shift(router, runtime, provider)
    _add_books(router, runtime)
    return router


def answered(reply: Reply) -> Response:
    """Return a command's answer.

    Raises:
        Problem: the command was refused.
    """
    if reply.refusal is not None:
        raise refused(reply.refusal)
    return Response(reply.answer, media_type="application/json")


async def tell(runtime: Runtime[Rules], case_id: UUID, said: Said, key: str | None) -> Reply:
    """Say something of a case. For what is never refused a key stands for the very words that it came with."""
    command = Tell(case_id=case_id, said=said)
    if isinstance(said, SafetyReport):
        key = None if not key else f"{key}:{hashlib.sha256(command.model_dump_json().encode()).hexdigest()}"
    return await runtime.send(command, key)


async def sign_off(runtime: Runtime[Rules], off: SignOff, key: str | None) -> Reply:
    """Take a team off duty; the team that relieves it takes over the cases that it holds."""
    found = await open_cases(runtime)
    held = [case for case in found if case.stage in HELD and case.team == off.team]
    if held and off.relief is None:
        return Reply(refusal=NO_RELIEF)
    reply = await runtime.send(off, key)
    if reply.refusal is None and off.relief is not None:
        for case in held:
            epoch = NO_EPOCH if case.identity is None else case.identity.epoch
            # A case that has ended meanwhile needs no team any more: its refusal changes nothing.
            await tell(runtime, case.case_id, AssignTeam(epoch=epoch, team=off.relief), None)
    return reply


def _add_reading(router: APIRouter, runtime: Runtime[Rules]) -> None:
    watch = Watch(runtime)

    @router.get("/v1/cases", tags=["cases"])
    @requires(Scope.LIST_CASES)
    async def list_cases(
        stage: Annotated[CaseStage | None, Query(description="Only cases in this stage.")] = None,
        acuity: Annotated[Acuity | None, Query(description="Only cases of this acuity.")] = None,
        limit: Most = 100,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for news at most.")] = 0,
        seen: Annotated[str, Query(max_length=64, description="Of the last answer: news is what differs.")] = "",
    ) -> Cases:
        """List the open cases: those that go on, then recalls to confirm, what is due soonest first.

        With `wait` as soon as they are others than those `seen`.
        """
        wanted = {"stage": stage, "acuity": acuity}
        columns = {name: word.value for name, word in wanted.items() if word is not None}
        if wait:
            return _listed(await watch.changed(columns, seen, wait, limit))
        return _listed((await open_cases(runtime, limit, **columns))[:limit])

    @router.get(
        "/v1/events",
        tags=["cases"],
        response_class=StreamingResponse,
        responses={200: {"description": "Server-sent events", "content": {"text/event-stream": {}}}},
    )
    @requires(Scope.STREAM_CASES)
    async def stream_events(
        seconds: Annotated[float, Query(gt=0, le=LONGEST_STREAM, description="When it ends; connect again then.")] = 60,
    ) -> StreamingResponse:
        """Tell of every open case, and of each change, as server-sent events: `case`, whole, and `ended`.

        A connection begins with all that is open, so nothing is missed between two.
        """
        await watch.now()  # what cannot be read now is refused, and not a stream without an end
        news = watch.news(min(seconds, seconds_left()), showing())
        return StreamingResponse(news, media_type="text/event-stream", headers=NOT_KEPT)

    @router.get("/v1/cases/{case_id}", tags=["cases"])
    @requires(Scope.READ_CASE)
    async def read_case(case_id: UUID) -> Case:
        """Read one case: what was offered, what is known, where it stands."""
        case = await runtime.get(Case, str(case_id))
        if case is None or case.identity is None:
            raise refused(UNKNOWN_CASE)
        return case


def _add_answers(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/acknowledge", response_model=CaseStatus, tags=["answers"])
    @requires(Scope.ACKNOWLEDGE)
    async def acknowledge(case_id: UUID, said: Acknowledge, key: Key = None) -> Response:
        """Take the case and promise an arrival time. Refused after the offer's `answer_by`."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/decline", response_model=CaseStatus, tags=["answers"])
    @requires(Scope.DECLINE)
    async def decline(case_id: UUID, said: Decline, key: Key = None) -> Response:
        """Do not take the case; it goes to the next provider, or back to the dispatcher."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/team-assigned", response_model=CaseStatus, tags=["answers"])
    @requires(Scope.ASSIGN_TEAM)
    async def assign_team(case_id: UUID, said: AssignTeam, key: Key = None) -> Response:
        """Say which team has it."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/en-route", response_model=CaseStatus, tags=["answers"])
    @requires(Scope.GO_EN_ROUTE)
    async def go_en_route(case_id: UUID, said: GoEnRoute, key: Key = None) -> Response:
        """Say that the team is on its way. Takes the case where that was not said before."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/close", response_model=CaseStatus, tags=["answers"])
    @requires(Scope.CLOSE_CASE)
    async def close(case_id: UUID, said: Close, key: Key = None) -> Response:
        """Finish the case."""
        return answered(await tell(runtime, case_id, said, key))


def _add_reports(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/contacted", response_model=CaseStatus, tags=["reports"])
    @requires(Scope.MAKE_CONTACT)
    async def make_contact(case_id: UUID, said: MakeContact, key: Key = None) -> Response:
        """Say that the team spoke with the person."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/question", response_model=CaseStatus, tags=["reports"])
    @requires(Scope.ASK)
    async def ask(case_id: UUID, said: Ask, key: Key = None) -> Response:
        """Ask the dispatcher one of the script's questions."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/follow-up", response_model=CaseStatus, tags=["reports"])
    @requires(Scope.FOLLOW_UP)
    async def report_follow_up(case_id: UUID, said: ReportFollowUp, key: Key = None) -> Response:
        """Say how the follow-up ended."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/note", response_model=CaseStatus, tags=["reports"])
    @requires(Scope.WRITE_NOTE)
    async def write_note(case_id: UUID, said: WriteNote, key: Key = None) -> Response:
        """Keep words for your own record until the case's private words go. They are never published."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/safety-event", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.REPORT_SAFETY_EVENT, safety=True)
    async def report_safety_event(case_id: UUID, said: ReportSafetyEvent, key: SafetyKey = None) -> Response:
        """Enter something that went wrong in the register, at any time."""
        return answered(await tell(runtime, case_id, said, key))


def _add_safety(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.post("/v1/cases/{case_id}/on-scene", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.ARRIVE, safety=True)
    async def arrive(case_id: UUID, said: Arrive, key: SafetyKey = None) -> Response:
        """Say that the team is there. Taken whoever has the case."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/safety-check", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.ANSWER_SAFETY_CHECK, safety=True)
    async def answer_safety_check(case_id: UUID, said: AnswerSafetyCheck, key: SafetyKey = None) -> Response:
        """Say that the team is well."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/backup", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.REQUEST_BACKUP, safety=True)
    async def request_backup(case_id: UUID, said: RequestBackup, key: SafetyKey = None) -> Response:
        """Ask for police or medical help; the team keeps the case. Taken whoever has the case."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/emergency", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.RAISE_EMERGENCY, safety=True)
    async def raise_emergency(case_id: UUID, said: RaiseEmergency, key: SafetyKey = None) -> Response:
        """Say that the team is in danger. Taken whoever has the case."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/backup-arrived", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.REPORT_BACKUP, safety=True)
    async def report_backup(case_id: UUID, said: ReportBackup, key: SafetyKey = None) -> Response:
        """Say that help has come."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/confirm-recall", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.CONFIRM_RECALL, safety=True)
    async def confirm_recall(case_id: UUID, said: ConfirmRecall, key: SafetyKey = None) -> Response:
        """Say that the team has withdrawn, or stays away."""
        return answered(await tell(runtime, case_id, said, key))

    @router.post("/v1/cases/{case_id}/hand-back", response_model=CaseStatus, tags=["safety"])
    @requires(Scope.HAND_BACK, safety=True)
    async def hand_back(case_id: UUID, said: HandBack, key: SafetyKey = None) -> Response:
        """Give the case back to the dispatcher. With danger in it, or no reason, it is taken whoever has it."""
        return answered(await tell(runtime, case_id, said, key))


def _add_shift(router: APIRouter, runtime: Runtime[Rules], provider: str) -> None:
    @router.get("/v1/shift", tags=["shift"])
    @requires(Scope.READ_SHIFT)
    async def read_shift() -> Roster:
        """Read who is on duty."""
        return await runtime.get(Roster, provider) or Roster(provider=provider)

    @router.put("/v1/shift", response_model=Roster, tags=["shift"])
    @requires(Scope.CHANGE_SHIFT)
    async def change_shift(shift: Shift, key: Key = None) -> Response:
        """Say who is on duty from now on: the whole list."""
        return answered(await runtime.send(ChangeShift(provider=provider, teams=shift.teams), key))

    @router.post("/v1/shift/on", response_model=Roster, tags=["shift"])
    @requires(Scope.SIGN_ON)
    async def go_on(team: OnShift, key: Key = None) -> Response:
        """Say that a team comes on duty, or what it can do now."""
        return answered(await runtime.send(SignOn(provider=provider, team=team), key))

    @router.post("/v1/shift/off", response_model=Roster, tags=["shift"])
    @requires(Scope.SIGN_OFF)
    async def go_off(off: GoingOff, key: Key = None) -> Response:
        """Say that a team goes off duty; the team that relieves it takes over its open cases."""
        command = SignOff(provider=provider, team=off.team, relief=off.relief)
        return answered(await sign_off(runtime, command, key))


def _add_books(router: APIRouter, runtime: Runtime[Rules]) -> None:
    @router.get("/v1/follow-ups", tags=["books"])
    @requires(Scope.LIST_FOLLOW_UPS)
    async def list_follow_ups(
        made: Annotated[bool, Query(description="Those that were made instead, newest first.")] = False,  # noqa: FBT002
        limit: Most = 100,
    ) -> FollowUps:
        """List the follow-ups that are owed; `POST /v1/cases/{case_id}/follow-up` says what came of one."""
        book = Casebook(runtime)
        found = await (book.made(limit) if made else book.owed(limit))
        shows(one.case_id for one in found)
        return FollowUps(follow_ups=found)

    @router.get("/v1/safety-events", tags=["books"])
    @requires(Scope.LIST_SAFETY_EVENTS)
    async def list_safety_events(limit: Most = 100) -> SafetyEvents:
        """List what went wrong; `POST /v1/cases/{case_id}/safety-event` enters something, at any time."""
        found = await Casebook(runtime).events(limit)
        shows(one.case_id for one in found)
        return SafetyEvents(cases=found)

    @router.get("/v1/expiries", tags=["books"])
    @requires(Scope.LIST_EXPIRIES)
    async def list_expiries(
        since: Annotated[Instant | None, Query(description="Expired from then on; else 30 days ago.")] = None,
        until: Annotated[Instant | None, Query(description="Expired before; else now.")] = None,
        limit: Most = 100,
    ) -> Expiries:
        """List the offers that expired, each with its cause: who could not have answered is told so."""
        now = runtime.clock.now()
        found = await Casebook(runtime).expiries(since or now - LEDGER, until or now, limit)
        shows(one.case_id for one in found)
        return Expiries(expiries=found, causes=Counter(one.cause for one in found))


def add_webhooks(router: APIRouter, runtime: Runtime[Rules], settings: Settings) -> None:
    """Add the routes by which a provider's webhooks are managed."""
    _add_endpoint(router, runtime, settings)

    @router.get("/v1/webhooks/deliveries/{case_id}", tags=["webhooks"])
    @requires(Scope.READ_DELIVERIES)
    async def read_deliveries(case_id: UUID) -> DeliveryLog:
        """Say what became of the messages about one case, attempt by attempt."""
        found = await runtime.get(Deliveries, str(case_id))
        if found is None:
            raise refused(UNKNOWN_CASE)
        return DeliveryLog(case_id=case_id, waiting=tuple(one.id for one in found.waiting), ended=found.log)


def add_agency_webhooks(router: APIRouter, runtime: Runtime[Rules], settings: Settings) -> None:
    """Add the routes by which the webhooks to an agency's CAD are managed."""
    _add_endpoint(router, runtime, settings)

    @router.get("/v1/webhooks/deliveries/{call_id}", tags=["webhooks"])
    @requires(Scope.READ_DELIVERIES)
    async def read_deliveries(call_id: UUID) -> CallDeliveryLog:
        """Say what became of the messages about one call, attempt by attempt."""
        found = await runtime.get(Deliveries, str(call_id))
        if found is None:
            raise refused(UNTOLD_CALL)
        return CallDeliveryLog(call_id=call_id, waiting=tuple(one.id for one in found.waiting), ended=found.log)


def _add_endpoint(router: APIRouter, runtime: Runtime[Rules], settings: Settings) -> None:
    member = settings.member

    async def change(command: RegisterEndpoint | RotateSecret) -> WebhookWithSecret:
        done = answered(await runtime.send(command))
        return WebhookWithSecret(
            **EndpointStatus.model_validate_json(bytes(done.body)).model_dump(), secret=command.secret
        )

    @router.post("/v1/webhooks", status_code=201, tags=["webhooks"])
    @requires(Scope.REGISTER_WEBHOOK)
    async def register_webhook(wanted: WantedWebhook) -> WebhookWithSecret:
        """Send webhooks to this address from now on, with a new secret; there is one address at a time.

        It is asked first: `OPTIONS` with `WebHook-Request-Origin`, to be answered with `WebHook-Allowed-Origin`.
        """
        if not addressable(wanted.url):
            raise refused(BAD_URL)
        async with Outward(settings) as outward:
            why = await outward.asked(wanted.url)
        if why is not None:
            raise Problem(422, "webhook-refused", "The address does not take our webhooks.", result=why.value)
        return await change(RegisterEndpoint(provider=member, url=wanted.url, secret=_new_secret()))

    @router.post("/v1/webhooks/rotate", tags=["webhooks"])
    @requires(Scope.ROTATE_WEBHOOK)
    async def rotate_secret(rotation: Rotation) -> WebhookWithSecret:
        """Sign with a new secret; the one before signs beside it for a while."""
        overlap = timedelta(seconds=rotation.overlap_seconds)
        return await change(RotateSecret(provider=member, secret=_new_secret(), overlap=overlap))

    @router.delete("/v1/webhooks", status_code=204, tags=["webhooks"])
    @requires(Scope.REMOVE_WEBHOOK)
    async def remove_webhook() -> None:
        """Send no more webhooks."""
        answered(await runtime.send(RemoveEndpoint(provider=member)))

    _add_state(router, runtime, settings)


def _add_state(router: APIRouter, runtime: Runtime[Rules], settings: Settings) -> None:
    member = settings.member

    @router.get("/v1/webhooks", tags=["webhooks"])
    @requires(Scope.READ_WEBHOOKS)
    async def list_webhooks() -> Webhooks:
        """Say where webhooks are sent, and how that goes."""
        found = await runtime.get(Endpoint, member)
        known = None if found is None else status(found, runtime.clock.now())
        return Webhooks(webhooks=() if known is None else (known,))

    @router.post("/v1/webhooks/test", tags=["webhooks"])
    @requires(Scope.TRY_WEBHOOK)
    async def try_webhook() -> Tested:
        """Send one signed message that says nothing, once, and say what came of it."""
        endpoint = await runtime.get(Endpoint, member)
        if endpoint is None or endpoint.url is None:
            raise refused(NO_ENDPOINT)
        now = runtime.clock.now()
        name = foreign_id(runtime.wired.source, now.isoformat())
        body = trial(runtime.wired.source, name, now)
        async with Outward(settings) as outward:
            outcome = await outward.post(endpoint.url, endpoint.signing(now), message=name, body=body)
        return Tested(result=outcome.result, status=outcome.status, seconds=outcome.seconds)


def _new_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
