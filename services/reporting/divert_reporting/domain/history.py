"""The facts of a call in order, and what several tables read from them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from divert_contracts.facts.base import CaseFact, Fact
from divert_contracts.facts.cases import CaseAcknowledged, PersonContacted, TeamEnRoute, TeamOnScene
from divert_contracts.facts.routing import CaseOffered, CaseRecalled, ResponderRecorded
from divert_contracts.vocabulary import Answer, Contact, RecallReason, Responder

F = TypeVar("F", bound=Fact)

NEVER_HAD = frozenset({RecallReason.ANSWER_OVERDUE, RecallReason.ARRIVAL_TOO_LATE})
"""Recalls of an offer whose answer came or promised too late: its provider never had the call."""
CLOSENESS = {Contact.NONE: 0, Contact.UNKNOWN: 1, Contact.PHONE: 2, Contact.IN_PERSON: 3}


class Facts:
    """The facts of a call in order, and by their kind."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        """Sort facts that are in order by their kind."""
        self.all = list(facts)
        self._by_kind: dict[type[Fact], list[Any]] = {}
        for fact in self.all:
            self._by_kind.setdefault(type(fact), []).append(fact)

    def each(self, kind: type[F]) -> list[F]:
        """Return the facts of a kind, in order."""
        return self._by_kind.get(kind, [])

    def first(self, kind: type[F]) -> F | None:
        """Return the first fact of a kind."""
        found = self.each(kind)
        return found[0] if found else None

    def last(self, kind: type[F]) -> F | None:
        """Return the last fact of a kind."""
        found = self.each(kind)
        return found[-1] if found else None


def offers_of(facts: Facts) -> list[CaseOffered]:
    """Return a call's offers, one a case, in order."""
    return list({one.case_id: one for one in facts.each(CaseOffered)}.values())


def taken_cases(facts: Facts) -> dict[UUID, datetime]:
    """Return the cases that a provider took in time, each with when it did."""
    answer_by = {offer.case_id: offer.answer_by for offer in facts.each(CaseOffered)}
    recalls: dict[UUID, datetime] = {}
    void: set[UUID] = set()
    for recall in facts.each(CaseRecalled):
        recalls.setdefault(recall.case_id, recall.occurred_at)
        if recall.reason in NEVER_HAD:
            void.add(recall.case_id)
    taken: dict[UUID, datetime] = {}
    for one in facts.all:
        if isinstance(one, CaseAcknowledged | TeamEnRoute | TeamOnScene | PersonContacted) and one.case_id not in void:
            until = min(filter(None, (answer_by.get(one.case_id), recalls.get(one.case_id))), default=None)
            if until is None or one.occurred_at <= until:
                taken.setdefault(one.case_id, one.occurred_at)
    return taken


def who_went(told: Sequence[ResponderRecorded]) -> Responder | None:
    """Return who responded, the last that was named; unknown where CAD only says that somebody went."""
    named = [one.responder for one in told if one.responder is not Responder.UNKNOWN]
    return named[-1] if named else Responder.UNKNOWN if told else None


def reported(answers: Iterable[Answer]) -> Answer:
    """Return what was reported in all: a yes stays, else the last that says something."""
    said = [answer for answer in answers if answer is not Answer.NOT_ASKED]
    if Answer.YES in said:
        return Answer.YES
    return said[-1] if said else Answer.NOT_ASKED


def told_at(fact: CaseFact | None) -> datetime | None:
    """Return when something happened by the team's own device, where that is known and can be true."""
    if fact is None:
        return None
    return utc(fact.occurred_at if fact.said_at is None else min(fact.said_at, fact.occurred_at))


def latest(times: Iterable[datetime | None]) -> datetime | None:
    """Return the time that was told last."""
    told = [time for time in times if time is not None]
    return utc(told[-1]) if told else None


def utc(time: datetime | None) -> datetime | None:
    """Return the same time in UTC."""
    return None if time is None else time.astimezone(UTC)
