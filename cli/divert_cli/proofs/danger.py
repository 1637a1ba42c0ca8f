"""How fast danger reaches those whom it concerns: a team on its way is recalled, and the dispatcher has the call back.

Danger is posted as CAD posts it; what counts is when the recall is on the provider's topic and the hand-off on the
agency's. Two workers of routing share the partitions, so that danger next door mostly crosses from one to the other.
"""

# aiokafka types its records only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from divert_cli.errors import StackError
from divert_cli.stack import LocalStack
from divert_contracts import ids
from divert_contracts.envelope import decode
from divert_contracts.facts.routing import CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.topics import ASSIGNMENTS, HANDOFFS
from divert_contracts.vocabulary import HandOffReason, Question, RecallReason

Say = Callable[[str], None]

AGENCY = "lapd"
PROVIDERS = ("exodus", "alcott", "penny-lane")
DISTRICTS = ("1822", "0742", "1744")
EXPECTED = 1.0
"""Seconds in which 99 of 100 teams are to be recalled and handed off."""
SET_OUT_WITHIN = 120.0
HEARD_WITHIN = 60.0
_AT_ONCE = 16
_NOT_FOUND = 404
_ROW = 40
_APART = 0.007
"""Degrees between calls that must not hear of each other: more than 600 m."""
_CLOSE_BY = 0.001
"""Degrees north: about 110 m."""
_NARRATIVE = "Man on the bench weeping."
_CALM = {one.value: "no" for one in Question if one is not Question.UNKNOWN}


class Where(StrEnum):
    """What tells of the danger."""

    OWN = "a revision of the call itself"
    NARRATIVE = "a revision's narrative alone"
    SAME_ADDRESS = "another call from the same address"
    CLOSE_BY = "another call 110 m away"


class ProofError(StackError):
    """A proof cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long it took, in milliseconds from the beginning of the request."""

    what: str
    calls: int
    p50: float
    p99: float
    longest: float


@dataclass(slots=True)
class Result:
    """What was seen."""

    calls: int = 0
    waits: list[Waits] = field(default_factory=list[Waits])
    not_heard: list[str] = field(default_factory=list[str])
    """Ids of calls whose team was not recalled, or whose dispatcher did not get them back."""

    @property
    def clean(self) -> bool:
        """Say whether everybody heard in time."""
        return self.calls > 0 and not self.not_heard and all(one.p99 < EXPECTED * 1000 for one in self.waits)


@dataclass(slots=True)
class _Seen:
    offered: dict[UUID, CaseOffered] = field(default_factory=dict[UUID, CaseOffered])
    recalled: dict[UUID, float] = field(default_factory=dict[UUID, float])
    handed_off: dict[UUID, float] = field(default_factory=dict[UUID, float])


async def prove(data: Path, *, calls: int, rate: float, say: Say) -> Result:
    """Run the proof on a fresh stack in a data folder.

    Args:
        data: where the stack keeps everything.
        calls: how many teams are on their way for each kind of danger.
        rate: posts of danger in a second.
        say: is told what is going on.

    Raises:
        StackError: the stack does not start, or teams could not set out.
    """
    total = calls * len(Where)
    async with LocalStack(data, preferred_ports=False, environment={}) as stack, AsyncExitStack() as exit_:
        await stack.add("routing", "routing-2")
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, enable_auto_commit=False, fetch_max_wait_ms=100)
        await consumer.start()
        exit_.push_async_callback(consumer.stop)
        topics = [ASSIGNMENTS.name_of(provider) for provider in PROVIDERS] + [HANDOFFS.name_of(AGENCY)]
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(ASSIGNMENTS.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        seen = _Seen()
        watching = asyncio.create_task(_watch(consumer, seen))
        exit_.callback(watching.cancel)
        client = await exit_.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False))
        desk = _Desk(client, stack.urls)
        say(f"{total} calls; every team sets out")
        names = {ids.call_id(AGENCY, f"danger-{number}"): number for number in range(total)}
        await _at_once(desk.post(_call(number)) for number in range(total))
        await _until(lambda: seen.offered.keys() >= names.keys(), SET_OUT_WITHIN, "every call to be offered")
        await _at_once(desk.set_out(seen.offered[call]) for call in names)
        say(f"danger, {rate:g} times a second")
        began: dict[UUID, float] = {}

        async def danger(call: UUID, number: int) -> None:
            began[call] = time.perf_counter()
            await desk.post(telling(number, _where(number)))

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for turn, (call, number) in enumerate(names.items()):
                await asyncio.sleep(max(0.0, start + turn / rate - time.perf_counter()))
                group.create_task(danger(call, number))
        heard = (seen.recalled, seen.handed_off)
        try:
            await _until(lambda: all(one.keys() >= names.keys() for one in heard), HEARD_WITHIN, "all to be recalled")
        except ProofError as why:
            say(str(why))
    missing = [str(call) for call in names if any(call not in one for one in heard)]
    return Result(calls=total, waits=_waits(names, began, seen), not_heard=missing)


def _waits(names: Mapping[UUID, int], began: Mapping[UUID, float], seen: _Seen) -> list[Waits]:
    found: list[Waits] = []
    for where in Where:
        calls = [call for call, number in names.items() if _where(number) is where]
        for what, heard in (("recall with the provider", seen.recalled), ("hand-off with the agency", seen.handed_off)):
            took = sorted((heard[call] - began[call]) * 1000 for call in calls if call in heard)
            if len(took) > 1:
                cuts = quantiles(took, n=100)
                found.append(Waits(f"{where.value}: {what}", len(took), cuts[49], cuts[98], took[-1]))
    return found


class _Desk:
    """Posts as CAD does, and answers as providers do."""

    def __init__(self, client: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    async def post(self, call: Mapping[str, object]) -> None:
        answer = await self._client.post(f"{self._urls['intake']}/v1/calls", json=call)
        if not answer.is_success:
            raise ProofError(f"intake answered a call with {answer.status_code}")

    async def set_out(self, offer: CaseOffered) -> None:
        case = f"{self._urls[f'provider-gateway-{offer.provider}']}/v1/cases/{offer.case_id}"
        for path, body in (
            ("acknowledge", {"epoch": offer.epoch, "arrive_in_seconds": 1200}),
            ("en-route", {"epoch": offer.epoch}),
        ):
            until = time.perf_counter() + SET_OUT_WITHIN
            # The gateway may not have read the offer yet.
            while not (answer := await self._client.post(f"{case}/{path}", json=body)).is_success:
                if answer.status_code != _NOT_FOUND or time.perf_counter() > until:
                    raise ProofError(f"a gateway answered {path} with {answer.status_code}")
                await asyncio.sleep(0.05)


def _where(number: int) -> Where:
    return tuple(Where)[number % len(Where)]


def _call(number: int) -> dict[str, object]:
    return {
        "agency": AGENCY,
        "incident_number": f"danger-{number}",
        "revision": 1,
        "feed": "diverted",
        "origin": "911",
        "call_type": "918",
        "reporting_district": DISTRICTS[number % len(DISTRICTS)],
        "answers": _CALM,
        "address": _address(number),
        "narrative": _NARRATIVE,
    }


def telling(number: int, where: Where) -> dict[str, object]:
    """Return the post that tells of a weapon: of the call itself, or of another one, which was only observed.

    By narrative alone every question is still answered "no", as where remarks are typed and boxes are not.
    """
    if where is Where.OWN:
        return {**_call(number), "revision": 2, "answers": {**_CALM, "weapon": "yes"}}
    if where is Where.NARRATIVE:
        return {**_call(number), "revision": 2, "narrative": f"{_NARRATIVE} NOW HAS A KNIFE"}
    address = _address(number)
    if where is Where.CLOSE_BY:
        latitude = float(str(address["latitude"])) + _CLOSE_BY
        address = {**address, "text": f"{number} Other Street", "latitude": latitude}
    return {
        **_call(number),
        "incident_number": f"next-door-{number}",
        "feed": "observed",
        "answers": {"weapon": "yes"},
        "address": address,
        "stamps": {"created_at": datetime.now(UTC).isoformat()},
    }


def _address(number: int) -> dict[str, object]:
    row, column = divmod(number, _ROW)
    return {
        "text": f"{number} Quiet Street",
        "latitude": round(33.80 + row * _APART, 6),
        "longitude": round(-118.60 + column * _APART, 6),
    }


async def _watch(consumer: AIOKafkaConsumer, seen: _Seen) -> None:
    async for record in consumer:
        at = time.perf_counter()
        fact = decode(record.value, record.headers).fact
        match fact:
            case CaseOffered():
                seen.offered[fact.call_id] = fact
            case CaseRecalled() if fact.reason is RecallReason.DANGER:
                seen.recalled.setdefault(fact.call_id, at)
            case CallHandedOff() if fact.reason is HandOffReason.DANGER:
                seen.handed_off.setdefault(fact.call_id, at)
            case _:
                pass


async def _at_once(work: Iterable[Coroutine[None, None, None]]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(what: Coroutine[None, None, None]) -> None:
        async with gate:
            await what

    async with asyncio.TaskGroup() as group:
        for what in work:
            group.create_task(one(what))


async def _until(done: Callable[[], bool], within: float, what: str) -> None:
    until = time.perf_counter() + within
    while not done():
        if time.perf_counter() > until:
            raise ProofError(f"waited {within:.0f} s for {what}")
        await asyncio.sleep(0.05)
