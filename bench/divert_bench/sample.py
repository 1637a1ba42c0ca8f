"""Calls to measure with: one in ten diverted with every question answered, the others observed."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import JsonValue

from divert_contracts import ids
from divert_contracts.call import Address, Answered, Person, Picture, Private, Revision, Stamps
from divert_contracts.envelope import Envelope
from divert_contracts.facts.calls import CallReceived
from divert_contracts.vocabulary import Answer, CallerRelation, Feed, Origin, Question

AGENCY = "lapd"
DIVERTED_OF = 10
"""One call in so many is diverted: more than any city has diverted so far."""
SERVED = (7, 8, 10, 17, 18, 20)
"""Divisions that a provider serves."""
_OBSERVED_TYPES = ("415M", "507P", "906B1", "459X", "242SN", "904A", "620D", "WELCK", "484SN", "006")
_NARRATIVE = "Man on the bench weeping, says that he has not slept for days, wants to talk with somebody."
_QUESTIONS = tuple(question for question in Question if question is not Question.UNKNOWN)


def received(number: int, run: str, at: datetime, *, decide_within: timedelta = timedelta(seconds=300)) -> Envelope:
    """Return the nth call of a run as intake would publish it when accepted at a time."""
    diverted = number % DIVERTED_OF == 0
    division = SERVED[number // DIVERTED_OF % len(SERVED)] if diverted else number % 21 + 1
    incident = f"{run}-{number:07d}"
    picture = Picture(
        feed=Feed.DIVERTED if diverted else Feed.OBSERVED,
        origin=Origin.NINE_ONE_ONE,
        call_type="918M" if diverted else _OBSERVED_TYPES[number % len(_OBSERVED_TYPES)],
        priority="3",
        reporting_district=f"{division:02}{number % 99 + 1:02}",
        area=str(division),
        answers={question: Answered(answer=Answer.NO, at=at) for question in _QUESTIONS} if diverted else {},
        cell=f"{25_000 + number // 1000 * 3}:{number % 1000 * 3 - 77_000}",
        place=hashlib.sha256(f"place:{number}".encode()).hexdigest(),
        line=hashlib.sha256(f"line:{number}".encode()).hexdigest(),
        caller_relation=CallerRelation.FAMILY,
        language="en",
        stamps=Stamps(answered_at=at - timedelta(seconds=60), created_at=at - timedelta(seconds=5)),
    )
    private = Private(
        narrative=_NARRATIVE,
        address=Address(text=f"{number} Alder Vale Ave", latitude=34.05, longitude=-118.25),
        caller=Person(name="Ilse Hollowell", number=_number(number), ringing_is_safe=Answer.YES),
    )
    digest = hashlib.sha256(incident.encode()).hexdigest()
    fact = CallReceived(
        occurred_at=at,
        call_id=ids.call_id(AGENCY, incident),
        agency=AGENCY,
        incident_number=incident,
        revision=Revision(number=1, digest=digest),
        picture=picture,
        private=private,
        decide_by=at + decide_within,
    )
    return Envelope(id=UUID(bytes=bytes.fromhex(digest[:32])), source="/divert/intake", fact=fact)


def _number(number: int) -> str:
    """Return a telephone number of the nth caller's own: danger at one line must not meet every other call."""
    return f"+1{200 + number // 10_000:03}555{number % 10_000:04}"


def posted(number: int, run: str, at: datetime, *, diverted: bool) -> dict[str, JsonValue]:
    """Return the nth call of a run as CAD would post it."""
    division = SERVED[number % len(SERVED)] if diverted else number % 21 + 1
    call: dict[str, JsonValue] = {
        "agency": AGENCY,
        "incident_number": f"{run}-{number:07d}",
        "feed": "diverted" if diverted else "observed",
        "origin": "911",
        "call_type": "918M" if diverted else _OBSERVED_TYPES[number % len(_OBSERVED_TYPES)],
        "priority": "3",
        "reporting_district": f"{division:02}{number % 99 + 1:02}",
        "area": str(division),
        "caller_relation": "family",
        "language": "en",
        "stamps": {"created_at": (at - timedelta(seconds=5)).isoformat()},
        "narrative": _NARRATIVE,
        "address": {"text": f"{number} {run} Alder Vale Ave"},
        "caller": {"name": "Ilse Hollowell", "number": _number(number), "ringing_is_safe": "yes"},
    }
    if diverted:
        call["answers"] = {question.value: "no" for question in _QUESTIONS}
    return call
