"""Two small services over divert's own facts, for tests of what carries them: a stage, and one that remembers."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter

from divert_chassis.run import Runtime, serve
from divert_chassis.service import Service, Stage, Wired
from divert_chassis.settings import ChassisSettings
from divert_contracts.call import Decision, Picture, Private, Revision
from divert_contracts.facts.calls import CallCancelled, CallReceived
from divert_contracts.facts.routing import CallReviewed
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Command, Due, Failure, Next, Refusal, Rejected, State, Timer
from divert_contracts.vocabulary import (
    Acuity,
    CancelReason,
    Eligibility,
    Feed,
    Programme,
    ReviewReason,
)
from divert_contracts.vocabulary import (
    Stage as CallStage,
)
from stack import Addresses
from waiting import eventually

AGENCY = "toys"
POISON = "poison"
BUG = "bug"


class Bell(Timer):
    """Rings once."""


class Touch(Command):
    """Counts once more, unless it is told to refuse."""

    call_id: UUID
    refuse: bool = False

    @property
    def key(self) -> str:
        return str(self.call_id)


class Count(State):
    """What is remembered of a call: how often it was seen."""

    call_id: UUID
    seen: int = 0
    failures: tuple[str, ...] = ()
    bell_at: datetime | None = None
    rung: int = 0

    def due(self) -> tuple[Due, ...]:
        return () if self.bell_at is None else (Due(self.bell_at, Bell()),)

    def listing(self) -> dict[str, str | datetime | None]:
        return {"stage": "seen" if self.seen else None}


def received(at: datetime, *, incident: str = "1", call_type: str = "918") -> CallReceived:
    """Return a call as intake would publish it."""
    return CallReceived(
        occurred_at=at,
        call_id=uuid4(),
        agency=AGENCY,
        incident_number=incident,
        revision=Revision(number=1, digest="0" * 64),
        decide_by=at + timedelta(seconds=300),
        picture=Picture(feed=Feed.DIVERTED, call_type=call_type),
        private=Private(narrative="words"),
    )


def triaged(fact: CallReceived, given: None) -> Sequence[CallTriaged]:
    """Pass a call on."""
    del given
    if fact.picture.call_type == POISON:
        raise Rejected("poison")
    return [
        CallTriaged(
            occurred_at=fact.occurred_at,
            call_id=fact.call_id,
            agency=fact.agency,
            incident_number=fact.incident_number,
            revision=fact.revision,
            picture=fact.picture,
            decide_by=fact.decide_by,
            decision=Decision(
                eligibility=Eligibility.ELIGIBLE, programme=Programme.UMCR, acuity=Acuity.ROUTINE, policy="toy"
            ),
        )
    ]


def counted(count: Count, fact: CallReceived | CallTriaged, given: None, at: datetime) -> Next[Count]:
    """Count, and say so."""
    del given
    if fact.picture.call_type == POISON:
        raise Rejected("poison")
    if fact.picture.call_type == BUG:
        return Next(count, facts=(_said(fact.call_id, at),) * (1 // count.seen))
    return Next(
        count.model_copy(update={"seen": count.seen + 1, "bell_at": at + timedelta(seconds=0.3)}),
        facts=(_said(fact.call_id, at),),
    )


def cancelled(count: Count, fact: CallCancelled, given: None, at: datetime) -> Next[Count]:
    """Count a cancellation."""
    del given
    return Next(count.model_copy(update={"seen": count.seen + 1}), facts=(_said(fact.call_id, at),))


def touched(count: Count, command: Touch, given: None, at: datetime) -> Next[Count]:
    """Count a command."""
    del given
    if command.refuse:
        return Next(count, refused=Refusal("told-to", "It was told to refuse."))
    return Next(
        count.model_copy(update={"seen": count.seen + 1}),
        facts=(_said(command.call_id, at),),
        answer=Revision(number=count.seen + 1, digest=""),
    )


def rung(count: Count, timer: Bell, given: None, at: datetime) -> Next[Count]:
    """Ring."""
    del timer, given, at
    return Next(count.model_copy(update={"bell_at": None, "rung": count.rung + 1}))


def failed(count: Count, failure: Failure, given: None, at: datetime) -> Next[Count]:
    """Remember why something could not be handled."""
    del given, at
    return Next(count.model_copy(update={"failures": (*count.failures, failure.reason)}))


def _said(call_id: UUID, at: datetime) -> CallReviewed:
    return CallReviewed(
        occurred_at=at,
        call_id=call_id,
        agency=AGENCY,
        stage=CallStage.IN_REVIEW,
        epoch=0,
        revision=Revision(digest=""),
        eligibility=Eligibility.ELIGIBLE,
        reason=ReviewReason.OTHER,
        by="toy",
    )


def cancellation(call_id: UUID, at: datetime) -> CallCancelled:
    """Return a cancellation as intake would publish it."""
    return CallCancelled(occurred_at=at, call_id=call_id, agency=AGENCY, reason=CancelReason.CALLER)


def toy_triage() -> Stage[None]:
    """Return the stage, under the name that may write triage.v1."""
    stage = Stage("triage", given=None)
    stage.on(CallReceived, triaged)
    return stage


def toy_routing() -> Service[None]:
    """Return the service that remembers, under the name that may write routing.v1."""
    service = Service("routing", given=None)
    counts = service.remembers(Count, blank=lambda key: Count(call_id=UUID(key)), lists=("stage",))
    counts.on(CallReceived, counted)
    counts.on(CallTriaged, counted)
    counts.on(CallCancelled, cancelled)
    counts.on(Touch, touched)
    counts.on(Bell, rung)
    counts.when_failed(failed)
    return service


def settings(addresses: Addresses, database: str) -> ChassisSettings:
    """Return settings for a service in the test's own process."""
    return ChassisSettings(
        host="127.0.0.1", port=0, kafka=addresses.kafka, postgres=database, valkey=addresses.valkey, log_level="error"
    )


@asynccontextmanager
async def running(wired: Wired[Any], given: ChassisSettings) -> AsyncGenerator[Runtime[Any]]:
    """Run a service in this loop; afterwards it is stopped as SIGTERM would."""
    stopping = asyncio.Event()
    runtime: Runtime[Any] = Runtime(wired, given)
    task = asyncio.create_task(serve(runtime, stopping, routes=lambda _: APIRouter(), title=wired.name))
    try:
        await eventually(lambda: _ready(runtime), f"{wired.name} to be ready", within=180)
        yield runtime
    finally:
        stopping.set()
        assert await task, "a part of the service ended by itself"


async def _ready(runtime: Runtime[Any]) -> bool:
    return (await runtime.health.ready()).ok


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
