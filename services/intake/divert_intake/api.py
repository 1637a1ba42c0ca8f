"""Intake's interface. Bodies are read by the domain, not by models: nearly everything is accepted, and named."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import JsonValue

from divert_chassis.access import guarded, own_agency, requires
from divert_chassis.metrics import INTAKE_ACCEPTED, INTAKE_REFUSED, INTAKE_WARNED
from divert_chassis.problems import Problem
from divert_chassis.run import Runtime
from divert_chassis.telemetry import current_traceparent
from divert_contracts.access import Scope
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import CallFact
from divert_contracts.facts.calls import CallReopened, PictureFact
from divert_contracts.vocabulary import Feed
from divert_eido.components import Eido
from divert_eido.document import MEDIA_TYPE
from divert_intake.adapters import Answers, ValkeyAnswers
from divert_intake.domain import calls
from divert_intake.domain.calls import Accepted, Intake
from divert_intake.domain.given import Given
from divert_intake.domain.posts import (
    Acknowledged,
    BatchTaken,
    CallAcknowledged,
    NotUnderstood,
    Post,
    PostedAcceptance,
    PostedCall,
    PostedCancellation,
    PostedClosure,
    PostedResponder,
)
from divert_intake.domain.reading import LONGEST_INCIDENT_NUMBER, MOST_BYTES, Refused, Warned
from divert_intake.settings import Settings

SOURCE = "/divert/intake"
MOST_LINES = 1000
MOST_WARNINGS = 100
"""Warnings in one answer; the rest is counted."""
LINES_AT_A_TIME = 50
"""Lines of a batch that are read before other requests have their turn."""
TITLES = {
    "unreadable": "Unreadable body",
    "too-large": "Content too large",
    "too-many-lines": "Content too large",
    "agency-not-registered": "Forbidden",
    "other-agency": "Forbidden",
    "incident-number-missing": "No incident number",
    "handoff-id-missing": "No hand-off id",
    "not-an-eido": "Not an EIDO",
}

EXAMPLE: dict[str, JsonValue] = {
    "agency": "lapd",
    "incident_number": "261123004512",
    "feed": "diverted",
    "origin": "911",
    "revision": 1,
    "call_type": "918",
    "priority": "3",
    "reporting_district": "0723",
    "area": "Wilshire",
    "place_kind": "street",
    "answers": {
        "weapon": {"answer": "no", "at": "2026-11-23T19:04:05-08:00"},
        "violence": "no",
        "medical_emergency": "no",
        "overdose": "no",
        "suicidal": "no",
        "crime_in_progress": "no",
        "domestic_violence": "no",
        "hostage": "no",
        "in_traffic": "no",
        "at_height": "no",
        "in_vehicle": "no",
        "fire": "no",
    },
    "caller_relation": "bystander",
    "age_band": "adult",
    "language": "es",
    "stamps": {"answered_at": "2026-11-23T19:03:10-08:00", "created_at": "2026-11-23T19:03:55-08:00"},
    "address": {"text": "1200 S Vermont Ave", "cross_street": "W 12th St", "latitude": 34.0489, "longitude": -118.2916},
    "caller": {"number": "+1 213 555 0142", "ringing_is_safe": "yes"},
    "narrative": "Man on the bench weeping, says that he has not slept for days.",
}
NEEDED = ("incident_number", "handoff_id")
"""The fields without which a post is refused."""
EXACT = ("agency", *NEEDED)
"""The fields that are refused when they are anything else; the agency may be left out where the token says it."""
ANYTHING_ELSE: dict[str, JsonValue] = {
    "description": "Anything else is accepted, kept as unknown and named in `warnings`."
}

NOT_UNDERSTOOD: dict[str, JsonValue] = {
    "agency": "lapd",
    "incident_number": "261123004513",
    "feed": "diverted",
    "call_type": "918",
    "answers": {"weapon": "perhaps"},
    "color": "blue",
}

EIDO_EXAMPLE: dict[str, JsonValue] = {
    "$id": "urn:emergency:uid:incidentid:7f3c1a09:cad.police.example.gov",
    "lastUpdateTimeStamp": "2026-11-23T19:04:05-08:00",
    "updatedByAgencyReference": {"$ref": "police.example.gov"},
    "eidoVersion": "1.0",
    "issuingElementIdentification": "cad.police.example.gov",
    "incidentComponent": {
        "$id": "incident",
        "lastUpdateTimeStamp": "2026-11-23T19:04:05-08:00",
        "updatedByAgencyReference": {"$ref": "police.example.gov"},
        "incidentTypeCommonRegistryText": "MNTL",
        "incidentTypeInternalCode": "918",
        "internalIncidentId": "261123004514",
        "beatOrDispatchGroupText": "0723",
        "notesReference": [{"$ref": "note"}],
    },
    "notesComponent": [
        {
            "$id": "note",
            "lastUpdateTimeStamp": "2026-11-23T19:04:05-08:00",
            "updatedByAgencyReference": {"$ref": "police.example.gov"},
            "notesActionComments": "<p>Man on the bench weeping.</p>",
        }
    ],
    "agencyComponent": [
        {
            "$id": "police.example.gov",
            "lastUpdateTimeStamp": "2026-11-23T19:04:05-08:00",
            "updatedByAgencyReference": {"$ref": "police.example.gov"},
            "agencyRoleDescriptionRegistryText": ["CallReceiving"],
            "agencyType": ["police"],
        }
    ],
}
EIDO_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "description": "NENA's Emergency Incident Data Object (NENA-STA-021.1). Without these members it is none, and"
    " refused; whatever else is odd is kept, named in `warnings`, and given back on export.",
    "required": [*sorted(Eido.NEEDS)],
    "properties": {
        "$id": {
            "type": "string",
            "pattern": r"\S",
            "maxLength": LONGEST_INCIDENT_NUMBER,
            "description": "What makes it the same call.",
        },
        "lastUpdateTimeStamp": {"type": "string"},
        "updatedByAgencyReference": {
            "type": "object",
            "required": ["$ref"],
            "properties": {"$ref": {"type": "string"}},
        },
        "eidoVersion": {"type": "string"},
        "issuingElementIdentification": {"type": "string"},
        "agencyComponent": {"type": "array"},
    },
}
EIDO_BODY: dict[str, JsonValue] = {
    MEDIA_TYPE: {"schema": EIDO_SCHEMA, "examples": {"a crisis": {"value": EIDO_EXAMPLE}}}
}
PLAIN_IN_FRAGMENTS = "/~$@!&'()*+,;=:?-._"
"""Besides letters and digits, what stands in a fragment as it is."""
FeedOfEido = Annotated[
    str | None,
    Query(description="The feed of a call that comes as an EIDO, which has no member for it; `diverted` if absent."),
]


class Door:
    """Publishes what was accepted, and answers."""

    def __init__(self, runtime: Runtime[Given], settings: Settings, answers: Answers) -> None:
        """Bring together the running service and its memory of answers."""
        self._runtime = runtime
        self._key = settings.key
        self._eido_agency = settings.eido_agency
        self._status_url = settings.status_url
        self._answers = answers

    def intake(self) -> Intake:
        """Return all that is known besides a request, now."""
        now = self._runtime.clock.now()
        return Intake(self._runtime.given, self._key, now, self._eido_agency, sender=own_agency(None))

    async def answer(self, outcome: Accepted[CallFact] | Refused) -> Response:
        """Answer a request after the broker has acknowledged its fact.

        Raises:
            Problem: it is refused.
            Unavailable: the broker did not acknowledge in time; the fact may or may not be on its topic.
        """
        if isinstance(outcome, Refused):
            raise _refused(outcome)
        answers = await self.published([outcome, *outcome.further])
        return Response(answers[outcome.id], 202, media_type="application/json")

    async def published(self, accepted: Iterable[Accepted[CallFact]]) -> dict[UUID, bytes]:
        """Publish facts that were not answered before, in one round trip; return the answer of each.

        Raises:
            Unavailable: the broker did not acknowledge in time.
        """
        by_id = {one.id: one for one in accepted}
        answers = dict(await self._answers.known(by_id))
        fresh = [one for id_, one in by_id.items() if id_ not in answers]
        traceparent = current_traceparent()
        await self._runtime.publish(
            [Envelope(id=one.id, source=SOURCE, fact=one.fact, traceparent=traceparent) for one in fresh]
        )
        new = {one.id: self._acknowledged(one).model_dump_json().encode() for one in fresh}
        await self._answers.keep(new)
        for one in fresh:
            INTAKE_ACCEPTED.labels(type(one.fact).__name__).inc()
            for warned in one.warned:
                INTAKE_WARNED.labels(warned.code).inc()
        return answers | new

    def _acknowledged(self, accepted: Accepted[CallFact]) -> Acknowledged:
        fact = accepted.fact
        status = self._status_url.replace("{call_id}", str(fact.call_id))
        named = tuple(_named(one) for one in accepted.warned[:MOST_WARNINGS])
        left_off = max(0, len(accepted.warned) - MOST_WARNINGS)
        if not isinstance(fact, PictureFact):
            return Acknowledged(
                call_id=fact.call_id,
                fact_id=accepted.id,
                accepted_at=fact.occurred_at,
                status=status,
                warnings=named,
                warnings_left_off=left_off,
            )
        waits = fact.picture.feed is not Feed.OBSERVED and not fact.picture.recorded_late
        return CallAcknowledged(
            call_id=fact.call_id,
            fact_id=accepted.id,
            accepted_at=fact.occurred_at,
            status=status,
            warnings=named,
            warnings_left_off=left_off,
            revision=fact.revision,
            decide_by=fact.decide_by,
            next_update_by=self._runtime.given.next_update_by(fact.occurred_at) if waits else None,
            reopens=fact.reopens if isinstance(fact, CallReopened) else None,
        )


def routes(runtime: Runtime[Given], settings: Settings) -> APIRouter:
    """Return the API of the running service."""
    router = guarded(tags=["calls"])
    door = Door(runtime, settings, ValkeyAnswers(runtime.valkey, kept=settings.answers_kept))
    _add_calls(router, door)
    _add_words(router, door)
    _add_batch(router, door)
    return router


def _add_calls(router: APIRouter, door: Door) -> None:
    @router.post(
        "/v1/calls",
        status_code=202,
        response_model=CallAcknowledged,
        openapi_extra=_body(PostedCall, {"a call": EXAMPLE, "accepted with warnings": NOT_UNDERSTOOD}, EIDO_BODY),
    )
    @requires(Scope.POST_CALL)
    async def post_call(request: Request, feed: FeedOfEido = None) -> Response:
        """Post a call. Only what cannot be read, or has no incident number, is refused; a repeat is harmless.

        503, 504 or no answer mean *unknown*: repeat the request, or keep the call and cancel it.
        """
        return await door.answer(calls.received(await request.body(), door.intake(), _form(request, feed)))

    @router.put(
        "/v1/calls/{call_id}",
        status_code=202,
        response_model=CallAcknowledged,
        openapi_extra=_body(PostedCall, {"a newer picture": {**EXAMPLE, "revision": 2}}, EIDO_BODY),
    )
    @requires(Scope.UPDATE_CALL)
    async def put_call(call_id: UUID, request: Request, feed: FeedOfEido = None) -> Response:
        """Send the whole call as it is now. Danger once told stays, whatever a later picture says."""
        return await door.answer(calls.updated(call_id, await request.body(), door.intake(), _form(request, feed)))

    @router.post(
        "/v1/calls/{call_id}/reopen",
        status_code=202,
        response_model=CallAcknowledged,
        openapi_extra=_body(PostedCall, {"a call again": {**EXAMPLE, "revision": 7}}, EIDO_BODY),
    )
    @requires(Scope.REOPEN_CALL)
    async def reopen_call(call_id: UUID, request: Request, feed: FeedOfEido = None) -> Response:
        """Reopen a concluded call, whole. It is a new call: use the id that is answered from now on."""
        return await door.answer(calls.reopened(call_id, await request.body(), door.intake(), _form(request, feed)))


def _add_words(router: APIRouter, door: Door) -> None:
    @router.post(
        "/v1/calls/{call_id}/cancel",
        status_code=202,
        response_model=Acknowledged,
        openapi_extra=_body(
            PostedCancellation,
            {
                "by the caller": {"agency": "lapd", "reason": "caller"},
                "a duplicate": {"agency": "lapd", "reason": "duplicate", "duplicate_of": "261123004498"},
            },
        ),
    )
    @requires(Scope.CANCEL_CALL)
    async def cancel_call(call_id: UUID, request: Request) -> Response:
        """Cancel a call, also one whose posting was never answered."""
        return await door.answer(calls.cancelled(call_id, await request.body(), door.intake()))

    @router.post(
        "/v1/calls/{call_id}/close",
        status_code=202,
        response_model=Acknowledged,
        openapi_extra=_body(PostedClosure, {"closed": {"agency": "lapd", "disposition_code": "CODE4"}}),
    )
    @requires(Scope.CLOSE_CALL)
    async def close_call(call_id: UUID, request: Request) -> Response:
        """Say that CAD closed the call."""
        return await door.answer(calls.closed(call_id, await request.body(), door.intake()))

    @router.post(
        "/v1/calls/{call_id}/handoff-accepted",
        status_code=202,
        response_model=Acknowledged,
        openapi_extra=_body(
            PostedAcceptance,
            {
                "accepted": {
                    "agency": "lapd",
                    "handoff_id": "0b5b0f3e-6d1c-5b7e-8f0a-2f9d1c7e4a11",
                    "by": "dispatcher-12",
                    "unit": "7A15",
                }
            },
        ),
    )
    @requires(Scope.ACCEPT_HANDOFF)
    async def accept_handoff(call_id: UUID, request: Request) -> Response:
        """Accept a hand-off or a call for assistance; until then it is repeated and alarmed."""
        return await door.answer(calls.handoff_accepted(call_id, await request.body(), door.intake()))

    @router.post(
        "/v1/calls/{call_id}/responder",
        status_code=202,
        response_model=Acknowledged,
        openapi_extra=_body(
            PostedResponder,
            {"patrol went": {"agency": "lapd", "responder": "patrol", "unit": "7A15", "arrest": "no", "force": "no"}},
        ),
    )
    @requires(Scope.REPORT_RESPONDER)
    async def report_responder(call_id: UUID, request: Request) -> Response:
        """Say who went instead, or came to help, and how it went."""
        return await door.answer(calls.responder_reported(call_id, await request.body(), door.intake()))


def _add_batch(router: APIRouter, door: Door) -> None:
    lines = "\n".join(orjson.dumps(one).decode() for one in (EXAMPLE, NOT_UNDERSTOOD))
    described = {
        "schema": {"description": "One call a line, as `POST /v1/calls` takes it; each is answered for itself."}
    }

    @router.post(
        "/v1/calls:batch",
        response_model=BatchTaken,
        openapi_extra={
            "requestBody": {"required": False, "content": {"application/x-ndjson": {**described, "example": lines}}}
        },
    )
    @requires(Scope.POST_BATCH)
    async def post_batch(request: Request) -> Response:
        """Post up to 1,000 calls, one a line; each is taken or refused by itself, and answered in order."""
        numbered = [
            (number, line)
            for number, line in enumerate((await request.body()).split(b"\n"), 1)
            if line.strip(b" \t\r\xef\xbb\xbf")
        ]
        if len(numbered) > MOST_LINES:
            raise _refused(Refused(413, "too-many-lines", f"A batch may have {MOST_LINES} calls."))
        intake = door.intake()
        outcomes: list[tuple[int, Accepted[CallFact] | Refused]] = []
        for count, (number, line) in enumerate(numbered):
            if count % LINES_AT_A_TIME == LINES_AT_A_TIME - 1:
                await asyncio.sleep(0)
            outcomes.append((number, calls.received(line, intake)))
        answers = await door.published(one for _, one in outcomes if not isinstance(one, Refused))
        results = [_line(number, one, answers) for number, one in outcomes]
        refused = sum(isinstance(one, Refused) for _, one in outcomes)
        document = {"accepted": len(outcomes) - refused, "refused": refused, "results": results}
        return Response(orjson.dumps(document), media_type="application/json")


def _line(number: int, outcome: Accepted[CallFact] | Refused, answers: dict[UUID, bytes]) -> dict[str, object]:
    if isinstance(outcome, Refused):
        INTAKE_REFUSED.labels(outcome.code).inc()
        return {"line": number, "status": outcome.status, "code": outcome.code, "detail": outcome.detail}
    return {"line": number, "status": 202, "call": orjson.Fragment(answers[outcome.id])}


def _named(warned: Warned) -> NotUnderstood:
    return NotUnderstood(code=warned.code, pointer=warned.pointer)


def _refused(refused: Refused) -> Problem:
    INTAKE_REFUSED.labels(refused.code).inc()
    title = TITLES[refused.code]
    if refused.pointer is None:
        return Problem(refused.status, refused.code, title, refused.detail)
    pointers = (refused.pointer, *refused.further)
    errors: list[JsonValue] = [{"pointer": _fragment(pointer), "detail": refused.detail} for pointer in pointers]
    return Problem(refused.status, refused.code, title, refused.detail, errors=errors)


def _fragment(pointer: str) -> str:
    """Return a JSON Pointer as a URI fragment (RFC 6901, section 6)."""
    return f"#{quote(pointer, safe=PLAIN_IN_FRAGMENTS)}"


def _form(request: Request, feed: str | None) -> calls.Form:
    """Return how a body is to be read, by its media type; divert's own form unless it says that it is an EIDO."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return partial(calls.as_eido, feed=feed) if media_type == MEDIA_TYPE else calls.as_json


def _body(
    post: type[Post], examples: Mapping[str, JsonValue], others: Mapping[str, JsonValue] | None = None
) -> dict[str, Any]:
    """Return the description of a body: what is understood of each field, and that anything else is taken too."""
    schema = post.model_json_schema()
    named: dict[str, JsonValue] = schema.pop("$defs", {})
    fields: dict[str, dict[str, JsonValue]] = schema["properties"]
    properties: dict[str, JsonValue] = {}
    for name, field in fields.items():
        description = field.pop("description", "")
        understood = _without_references(field, named)
        if name == "incident_number":
            understood |= {"type": ["string", "integer"], "pattern": r"\S"}
        taken: Mapping[str, JsonValue] = understood if name in EXACT else {"anyOf": [understood, ANYTHING_ELSE]}
        properties[name] = {"description": description, **taken}
    schema |= {"properties": properties, "required": [name for name in NEEDED if name in properties]}
    described = {name: {"value": value} for name, value in examples.items()}
    return {
        "requestBody": {
            "required": True,
            "description": f"At most {MOST_BYTES} bytes.",
            "content": {"application/json": {"schema": schema, "examples": described}, **(others or {})},
        }
    }


def _without_references(schema: Mapping[str, JsonValue], named: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a schema in which each reference is what it refers to, so that it can be put anywhere."""
    plain: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            target = named[value.rpartition("/")[2]]
            plain |= _without_references(target, named) if isinstance(target, dict) else {}
        elif isinstance(value, dict):
            plain[key] = _without_references(value, named)
        elif isinstance(value, list):
            plain[key] = [_without_references(one, named) if isinstance(one, dict) else one for one in value]
        else:
            plain[key] = value
    return plain
