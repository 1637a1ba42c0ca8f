"""What the tests of intake share: what was learnt, and how a call is posted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from divert_contracts.facts.calls import CallReceived
from divert_contracts.policy import Versions
from divert_intake.domain import calls
from divert_intake.domain.calls import Accepted, Intake
from divert_intake.domain.given import Given, Limits
from divert_intake.domain.reading import Refused

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
LIMITS = Limits(
    decide_within=timedelta(seconds=300), triage_within=timedelta(seconds=15), status_margin=timedelta(seconds=5)
)
GIVEN = Given(frozenset({"lapd"}), Versions[Limits]().with_version("routing-1", AT - timedelta(days=1), LIMITS))
INTAKE = Intake(GIVEN, b"k" * 32, AT)
IDENTITY: Mapping[str, JsonValue] = {"agency": "lapd", "incident_number": "261123000007"}


def body(**fields: JsonValue) -> bytes:
    """Return a post of a diverted call with some fields."""
    return json.dumps({**IDENTITY, "feed": "diverted", **fields}).encode()


def taken(post: bytes, intake: Intake = INTAKE) -> Accepted[CallReceived]:
    """Return what became of a post that must be accepted."""
    outcome = calls.received(post, intake)
    assert not isinstance(outcome, Refused), outcome
    return outcome


def warned(accepted: Accepted[CallReceived]) -> list[tuple[str, str]]:
    """Return the warnings as the caller gets them: codes and pointers."""
    return [(one.code, one.pointer) for one in accepted.warned]
