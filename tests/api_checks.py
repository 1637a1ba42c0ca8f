"""What Schemathesis is told of divert, loaded by its command line: further checks, and data that requests can meet.

``API_CALLS`` and ``API_CASES`` in the environment name calls and cases that exist, with commas between; ``API_TOKENS``
is an object with the token to show for each scope.
"""

import json
import os
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import jsonschema
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, GenerationMode, HookContext, Response, SerializationContext

from divert_chassis.problems import MEDIA_TYPE, SCHEMA

KNOWN: dict[str, list[str]] = {
    name: os.environ[variable].split(",")
    for name, variable in (("call_id", "API_CALLS"), ("case_id", "API_CASES"))
    if os.environ.get(variable)
}
TOKENS: dict[str, str] = json.loads(os.environ.get("API_TOKENS", "{}"))
KEY = "Idempotency-Key"
STREAM = "/v1/events"
BY_MEANING = {
    "arrival-time",
    "follow-up-time",
    "no-arrival-time",
    "no-contact",
    "no-policy",
    "no-programme",
    "no-relief",
    "not-in-future",
    "not-later",
    "own-relief",
    "relief-not-on-shift",
    "team-twice",
    "too-long",
    "too-many-teams",
    "undecided",
    "unknown-direction",
    "unknown-provider",
    "webhook-refused",
    "webhook-url",
}
"""Refused with 422 because of what a request means; its form alone does not tell."""
BRIEF = 0.2
"""Seconds for which what is to wait for news does."""
_REQUESTS = count()


@schemathesis.check
def every_error_is_a_problem(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """An answer of 400 and above is a problem document of the published schema."""
    del ctx, case
    if response.status_code < 400:
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind == MEDIA_TYPE, f"{response.status_code} with {kind or 'no content type'}"
    problem = json.loads(response.content)
    jsonschema.validate(problem, SCHEMA)
    assert problem["status"] == response.status_code


@schemathesis.check
def what_the_document_allows_is_refused_for_its_meaning_alone(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    """What has the documented form is never refused for its form."""
    del ctx
    if response.status_code != 422 or case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    code = json.loads(response.content).get("code")
    assert code in BY_MEANING, f"refused as {code}"


@schemathesis.hook
def before_call(ctx: HookContext, case: Case[Any], kwargs: dict[str, object]) -> None:
    """Let well-formed requests meet calls and cases that exist, each under a key of its own."""
    del ctx, kwargs
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    for name, known in KNOWN.items():
        given = (case.path_parameters or {}).get(name)
        if given is not None and UUID(str(given)).int % 4 != 0:
            case.path_parameters[name] = known[UUID(str(given)).int % len(known)]
    for name in ("wait", "seconds"):
        asked = (case.query or {}).get(name)
        if isinstance(asked, int | float) and asked > BRIEF:
            case.query[name] = BRIEF
    if case.path == STREAM:
        case.query = {**(case.query or {}), "seconds": BRIEF}
    if KEY in (case.headers or {}):
        # Another request under a key that was used is refused, and rightly.
        case.headers[KEY] = str(uuid5(NAMESPACE_URL, f"{os.getpid()}/{next(_REQUESTS)}"))


@schemathesis.auth(refresh_interval=None, retry_on=[])
class SignedIn:
    """Shows the token of somebody who may do what is asked."""

    def get(self, case: Case[Any], ctx: AuthContext) -> str:
        """Return the token for the scope that the document gives a verb."""
        del ctx
        ((scope,),) = (one["bearer"] for one in case.operation.definition.raw["security"])
        return TOKENS[scope]

    def set(self, case: Case[Any], data: str, ctx: AuthContext) -> None:
        """Show it."""
        del ctx
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: SerializationContext, value: object) -> bytes:
    """Send text as it is, and anything else as a line of JSON."""
    del ctx
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
