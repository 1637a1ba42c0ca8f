"""One provider misbehaves, in every way that there is; the others must not feel it.

By webhook divert depends on its machine; by Kafka it writes what it likes. What only a server can do, errors and
silence, is done by webhook alone. Every misbehaviour is measured in pairs of rounds on the same stack, one with
everybody well and one with it, in turn: what else the machine does falls on both. In a round each provider gets the
same calls.
"""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from math import inf
from pathlib import Path
from uuid import UUID

import httpx

from divert_cli import kafka_admin
from divert_cli.bearers import Bearers
from divert_cli.errors import StackError
from divert_cli.proofs.ways import WAYS, World, hurry
from divert_cli.simulated import simulated
from divert_cli.stack import LocalStack
from divert_contracts.envelope import decode
from divert_contracts.facts.cases import CaseAcknowledged
from divert_contracts.facts.routing import CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.topics import CASES, ROUTING
from divert_contracts.vocabulary import RecallReason

Say = Callable[[str], None]

ANYWHERE = (
    "slow",
    "never-answers",
    "flaps",
    "answers-twice",
    "closes-before-acknowledging",
    "sends-rubbish",
    "help-after-recall",
)
MISBEHAVIOURS = (
    *(("webhook", behaviour) for behaviour in (*ANYWHERE, "500s", "hangs")),
    *(("kafka", behaviour) for behaviour in ANYWHERE),
)
"""Each with the way of the provider that does so."""
EXPIRES = frozenset({"never-answers", "500s", "hangs", "help-after-recall"})
"""With these its offers expire: what follows must have been seen."""
ANSWER_WITHIN = 5.0
"""Seconds for which an offer is open here."""
MOVED_ON_WITHIN = 2.0
"""Seconds after its deadline in which an expired offer must have gone on."""
SLOWER_AT_MOST = 1.25
"""The p50 of the others' offer → acknowledge with the misbehaviour, as a multiple of that without."""
_CLOCK = 0.1
"""Seconds by which Kafka's stamp may be before a deadline that it follows: it counts whole milliseconds."""
_BETWEEN = 0.1
"""Seconds between one call and the next."""
_WITHIN = 90.0
_LOOKS_EVERY = 0.3


@dataclass(frozen=True, slots=True)
class Round:
    """What one misbehaviour did."""

    way: str
    """Of the provider that misbehaved."""
    behaviour: str
    healthy_expired: int
    """Offers to the others that expired; none may."""
    p50_without: float
    """Seconds from offer to acknowledge of the others: the median of the rounds' medians."""
    p50_with: float
    expired: int
    """Offers to the provider itself that expired."""
    moved_on_after: float | None
    """Seconds after its deadline at which what follows an expired offer stood on its topic, the next offer or the
    hand-off, at the most; null where none expired."""

    @property
    def clean(self) -> bool:
        """Say whether the others did not feel it, and what expired went on in time."""
        expired = self.behaviour not in EXPIRES or self.expired > 0
        in_time = expired and (self.moved_on_after is None or self.moved_on_after <= MOVED_ON_WITHIN)
        return not self.healthy_expired and in_time and self.p50_with <= self.p50_without * SLOWER_AT_MOST


@dataclass(slots=True)
class Result:
    """What was seen."""

    pairs: int = 0
    calls: int = 0
    """For each provider in a round."""
    rounds: list[Round] = field(default_factory=list[Round])

    @property
    def clean(self) -> bool:
        """Say whether every misbehaviour was borne."""
        return bool(self.rounds) and all(one.clean for one in self.rounds)


@dataclass(slots=True)
class _Seen:
    """What is on the topics of some calls' offers."""

    offered: dict[str, CaseOffered] = field(default_factory=dict[str, CaseOffered])
    acknowledged: dict[str, datetime] = field(default_factory=dict[str, datetime])
    expired: dict[str, CaseRecalled] = field(default_factory=dict[str, CaseRecalled])
    moved_on: dict[UUID, list[float]] = field(default_factory=lambda: defaultdict[UUID, list[float]](list))
    """By call: the real times at which its offers and hand-offs were written."""

    def waits(self, providers: Sequence[str]) -> list[float]:
        """Return the seconds from offer to acknowledge with some providers."""
        return [
            (self.acknowledged[case] - offer.occurred_at).total_seconds()
            for case, offer in self.offered.items()
            if offer.provider in providers and case in self.acknowledged
        ]

    def late(self, providers: Sequence[str]) -> list[float]:
        """Return the seconds after the deadline at which expired offers of some providers had gone on."""
        found: list[float] = []
        for case, recall in self.expired.items():
            offer = self.offered.get(case)
            if offer is not None and offer.provider in providers:
                deadline = offer.answer_by.timestamp()
                after = [at for at in self.moved_on[recall.call_id] if at > deadline - _CLOCK]
                found.append(min(after, default=inf) - deadline)
        return found


async def prove(
    data: Path, *, pairs: int, calls: int, say: Say, misbehaviours: Sequence[tuple[str, str]] = MISBEHAVIOURS
) -> Result:
    """Measure every misbehaviour on a fresh stack that asks everybody who they are.

    Args:
        data: where the stack keeps everything.
        pairs: rounds without and with each.
        calls: for each provider in a round.
        say: is told what is going on.
        misbehaviours: which.

    Raises:
        StackError: the stack does not start, or calls do not come to their end.
    """
    result = Result(pairs, calls)
    async with (
        LocalStack(data, preferred_ports=False, environment={}, secured=True) as stack,
        httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(stack)) as http,
    ):
        await hurry(stack.kafka, answer_within=ANSWER_WITHIN)
        world = World(stack.urls, http)
        numbers = count(1)
        for way, behaviour in misbehaviours:
            without: list[_Seen] = []
            with_it: list[_Seen] = []
            for _ in range(pairs):
                without.append(await _round(stack, world, {}, calls, numbers))
                with_it.append(await _round(stack, world, {way: behaviour}, calls, numbers))
            result.rounds.append(_weighed(way, behaviour, without, with_it))
            say(f"{way}, {behaviour}: {'borne' if result.rounds[-1].clean else 'felt'}")
    return result


def _weighed(way: str, behaviour: str, without: Sequence[_Seen], with_it: Sequence[_Seen]) -> Round:
    itself = [WAYS[way][0]]
    others = [provider for provider, _ in WAYS.values() if provider not in itself]
    late = [seconds for seen in with_it for seconds in seen.late(itself)]
    return Round(
        way=way,
        behaviour=behaviour,
        healthy_expired=sum(len(seen.late(others)) for seen in with_it),
        p50_without=statistics.median(statistics.median(seen.waits(others)) for seen in without),
        p50_with=statistics.median(statistics.median(seen.waits(others)) for seen in with_it),
        expired=len(late),
        moved_on_after=max(late, default=None),
    )


async def _round(
    stack: LocalStack, world: World, behaving: Mapping[str, str], calls: int, numbers: "count[int]"
) -> _Seen:
    """Give every provider its calls and return what was seen once all are concluded.

    Args:
        stack: where.
        world: who posts the calls.
        behaving: by way how its provider behaves, where that is not well.
        calls: for each provider.
        numbers: of incidents that were not used yet.
    """
    names = [CASES.name, ROUTING.name]
    marks = await asyncio.to_thread(kafka_admin.ends, stack.kafka, names)
    async with AsyncExitStack() as running:
        for way, (provider, _) in WAYS.items():
            words = ("--team", f"{provider}-1", "--behaviour", behaving.get(way, "prompt"))
            await running.enter_async_context(simulated(stack, way, provider, *words))
        posted: list[str] = []
        for _ in range(calls):
            for _, district in WAYS.values():
                posted.append(await world.post(f"M{next(numbers):06d}", district))
                await asyncio.sleep(_BETWEEN)
        await _concluded(world, posted)
    return await asyncio.to_thread(_read, stack.kafka, names, {place: end for place, (_, end) in marks.items()})


async def _concluded(world: World, calls: Sequence[str]) -> None:
    left = set(calls)
    give_up = asyncio.get_running_loop().time() + _WITHIN
    while left:
        if asyncio.get_running_loop().time() > give_up:
            raise StackError(f"{len(left)} calls are still open, such as {min(left)}")
        for call in sorted(left):
            if (await world.status(call)).get("stage") == "concluded":
                left.discard(call)
        await asyncio.sleep(_LOOKS_EVERY)


def _read(kafka: str, names: Sequence[str], since: Mapping[tuple[str, int], int]) -> _Seen:
    seen = _Seen()
    marks = {
        place: (since.get(place, start), end) for place, (start, end) in kafka_admin.ends(kafka, list(names)).items()
    }
    for record in kafka_admin.read(kafka, marks):
        match decode(record.value, record.headers.items()).fact:
            case CaseOffered() as fact:
                seen.offered[str(fact.case_id)] = fact
                seen.moved_on[fact.call_id].append(record.written_at)
            case CallHandedOff() as fact:
                seen.moved_on[fact.call_id].append(record.written_at)
            case CaseAcknowledged() as fact:
                seen.acknowledged.setdefault(str(fact.case_id), fact.occurred_at)
            case CaseRecalled() as fact if fact.reason is RecallReason.ANSWER_OVERDUE:
                seen.expired.setdefault(str(fact.case_id), fact)
            case _:
                continue
    return seen
