"""Everything is killed in turn while calls come in; afterwards every call that was accepted has exactly one outcome.

What counts as accepted is what the sender of the calls was answered 202 for; it repeats a request until it is. What
became of the calls is read from Kafka and Postgres by ``verify``'s own eyes, not from the services.
"""

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
from redis.asyncio import Redis

from divert_cli import kafka_admin, verify
from divert_cli.errors import StackError
from divert_cli.proofs.tempo import Tempo
from divert_cli.stack import LocalStack
from divert_contracts.topics import ASSIGNMENTS, CALLS, CASES, ROUTING, SHIFTS, TRIAGE
from divert_sim.live import LiveEvening, Progress
from divert_sim.load import Load

Say = Callable[[str], None]

GATEWAY = "provider-gateway-exodus"
STOPPED = "routing-2"
"""The worker that is stopped and resumed."""
STOPPED_FOR = 9.0
"""Real seconds: one and a half sessions of a consumer."""
RECOVERED_WITHIN = 400.0
DRAINED_WITHIN = 180.0
PATIENCE = 600.0
"""Real seconds for which CAD and providers repeat a request; an outage is shorter."""
WARM_UP = 5.0
_LOOKS_EVERY = 0.25
_LONGEST = 3600.0
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ProofError(StackError):
    """A proof cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long a fault was felt."""

    fault: str
    ready_after: float | None
    """Seconds from the fault until every process said that it is ready; null where one was left stopped."""
    caught_up_after: float
    """Seconds from the fault until all that had come in meanwhile was triaged, routed, taken by the gateways and
    reported."""
    open: int
    """Calls in flight when it struck."""


@dataclass(slots=True)
class Result:
    """What was seen."""

    load_seconds: float = 0.0
    posted: int = 0
    """New calls that CAD began to post."""
    accepted: int = 0
    """Calls that were answered with 202."""
    requests_repeated: int = 0
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests answered with 4xx, by service, what was asked, status and code: people were too late."""
    recoveries: list[Recovery] = field(default_factory=list[Recovery])
    drained_after: float | None = None
    """Seconds from the end of the load until every call was concluded; null: it did not come to that."""
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    restarts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often the supervisor started each process again; only those that were killed should be here."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What ``verify`` found, and what the sender of the calls misses; nothing when all is well."""

    @property
    def clean(self) -> bool:
        """Say whether nothing is off."""
        return self.drained_after is not None and not any(self.faults.values())


async def prove(
    data: Path, *, seconds: float, rate: float, speed: float, seed: int, say: Say, drain: float = DRAINED_WITHIN
) -> Result:
    """Run the proof on a fresh stack in a data folder.

    Args:
        data: where the stack keeps everything.
        seconds: real seconds of load at the least; it goes on until the last fault is over.
        rate: new calls in a real second.
        speed: domain seconds in a real one.
        seed: of the load and the people.
        say: is told what is going on.
        drain: real seconds in which every call must be concluded after the load.

    Raises:
        StackError: the stack does not start, a process does not come back, or somebody's patience ended.
    """
    async with LocalStack(data, preferred_ports=False, environment={}) as stack:
        await asyncio.gather(stack.add("triage", "triage-2"), stack.add("routing", STOPPED))
        tempo = Tempo(stack.kafka)
        start = await tempo.set(speed)
        load = Load(seed, timedelta(seconds=speed / rate))
        evening = LiveEvening(stack.kafka, stack.urls, tempo.clock, seed=seed, patience=PATIENCE)
        result = Result()
        say(f"{rate:.0f} calls/s, domain time at {speed:.0f} times its speed")
        try:
            async with asyncio.TaskGroup() as tasks:
                began = time.monotonic()
                playing = tasks.create_task(evening.play(load, start, within=_LONGEST))
                result.recoveries = await _Breaker(stack, evening.progress, say).everything()
                await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
                load.end()
                result.load_seconds = time.monotonic() - began
                say(f"{load.begun} calls were begun in {result.load_seconds:.0f} s; waiting for the last one to end")
                result.drained_after = await _drained(playing, drain)
        except ExceptionGroup as failed:
            raise ProofError(str(failed.exceptions[0])) from failed
        await tempo.set(1)
        say("reading Kafka and Postgres")
        await _account(stack, result, load, evening.progress)
        return result


async def _drained(playing: "asyncio.Task[object]", within: float) -> float | None:
    began = time.monotonic()
    await asyncio.wait({playing}, timeout=within)
    if playing.done():
        return time.monotonic() - began
    playing.cancel()
    return None


# ---------------------------------------------------------------------------------------------------------- the faults


class _Breaker:
    """Breaks one thing after the other, each when everything has recovered from the one before."""

    def __init__(self, stack: LocalStack, progress: Progress, say: Say) -> None:
        self._stack = stack
        self._progress = progress
        self._say = say

    async def everything(self) -> list[Recovery]:
        await self._until(self._opened, "the first calls to be opened", RECOVERED_WITHIN)
        await asyncio.sleep(WARM_UP)
        killed = ("intake", "triage", "routing", GATEWAY, "reporting", "kafka", "postgres")
        recoveries = [await self._recovered(f"{name}: kill -9", self._kill(name)) for name in killed]
        recoveries.append(await self._recovered("valkey: kill -9 and flushed", self._flush_valkey()))
        return [*recoveries, *await self._stop_and_resume()]

    async def _recovered(self, fault: str, strike: Awaitable[None], *, ready: bool = True) -> Recovery:
        open_ = len(self._progress.open)
        began = time.monotonic()
        await strike
        ready_after: float | None = None
        if ready:
            await self._until(self._all_ready, f"every process to be ready after {fault}", RECOVERED_WITHIN)
            ready_after = time.monotonic() - began
        await self._caught_up(fault)
        recovery = Recovery(fault, ready_after, time.monotonic() - began, open_)
        self._say(f"{fault}: caught up after {recovery.caught_up_after:.1f} s")
        return recovery

    async def _kill(self, name: str) -> None:
        await self._stack.kill(name)
        await self._stack.wait_ready(name, RECOVERED_WITHIN)

    async def _flush_valkey(self) -> None:
        await self._kill("valkey")
        async with Redis.from_url(self._stack.valkey) as valkey:
            await valkey.flushall()

    async def _stop_and_resume(self) -> list[Recovery]:
        pid = self._stack.pid(STOPPED)
        stopped_at = time.monotonic()
        try:
            taken_over = await self._recovered(f"{STOPPED}: SIGSTOP", _signal(pid, signal.SIGSTOP), ready=False)
            await asyncio.sleep(max(0.0, STOPPED_FOR - (time.monotonic() - stopped_at)))
        finally:
            await _signal(pid, signal.SIGCONT)
        slept = time.monotonic() - stopped_at
        resumed = await self._recovered(f"{STOPPED}: SIGCONT after {slept:.0f} s", asyncio.sleep(0))
        return [taken_over, resumed]

    async def _opened(self) -> bool:
        return bool(self._progress.triaged)

    async def _all_ready(self) -> bool:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            try:
                answers = await asyncio.gather(*(http.get(f"{url}/readyz") for url in self._stack.urls.values()))
            except httpx.TransportError:
                return False
        return all(answer.is_success for answer in answers)

    async def _caught_up(self, fault: str) -> None:
        """Wait until a call that was accepted from now on, and all before it, is through everything."""
        known = len(self._progress.accepted)

        async def one_more() -> bool:
            return len(self._progress.accepted) > known

        await self._until(one_more, f"a call to be accepted after {fault}", RECOVERED_WITHIN)
        accepted = set(self._progress.accepted)

        async def triaged() -> bool:
            return accepted <= self._progress.triaged

        await self._until(triaged, f"every accepted call to be triaged after {fault}", RECOVERED_WITHIN)
        names = [one.name for one in (CALLS, TRIAGE, ROUTING, CASES, SHIFTS)]
        providers = [
            name.removeprefix("provider-gateway-") for name in self._stack.urls if name.startswith("provider-gateway-")
        ]
        names += [ASSIGNMENTS.name_of(provider) for provider in providers]
        marks = await asyncio.to_thread(kafka_admin.ends, self._stack.kafka, names)
        ends = {place: end for place, (_, end) in marks.items()}

        async def handled() -> bool:
            positions = await _positions(self._stack.postgres)
            return all(position >= ends.get(place, 0) for place, position in positions)

        await self._until(handled, f"every service to handle what had come in after {fault}", RECOVERED_WITHIN)

    async def _until(self, come: Callable[[], Awaitable[bool]], what: str, within: float) -> None:
        give_up = time.monotonic() + within
        while not await come():
            if time.monotonic() > give_up:
                raise ProofError(f"waited {within:.0f} s for {what}")
            await asyncio.sleep(_LOOKS_EVERY)


async def _signal(pid: int, what: signal.Signals) -> None:
    os.kill(pid, what)


async def _positions(dsn: str) -> list[tuple[tuple[str, int], int]]:
    """Return how far every service has handled each partition: (topic, partition), next offset."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        schemas = await connection.fetch("SELECT schemaname FROM pg_tables WHERE tablename = 'position'")
        found: list[tuple[tuple[str, int], int]] = []
        for schema in schemas:
            rows = await connection.fetch(f'SELECT topic, partition, next FROM "{schema[0]}".position')  # noqa: S608  # from the catalogue
            found += [((row["topic"], row["partition"]), row["next"]) for row in rows]
        return found
    finally:
        await connection.close()


# -------------------------------------------------------------------------------------------------------- the account


async def _account(stack: LocalStack, result: Result, load: Load, progress: Progress) -> None:
    """Let ``verify`` look, and compare what it read with what the sender of the calls knows."""
    found = await verify.findings(stack.kafka, stack.postgres, grace=0, settle=60)
    reader = verify.Reader(stack.kafka)
    await asyncio.to_thread(reader.catch_up)
    tables = await verify.stored(stack.postgres)
    accepted = {str(call) for call in progress.accepted}
    concluded = {call: known[0] for call, known in reader.log.concluded.items() if known}
    rows = {call: known[0] for call, known in tables.outcomes.items() if len(known) == 1}
    result.posted = load.begun
    result.accepted = len(accepted)
    result.requests_repeated = progress.repeated
    result.refused = dict(Counter(map(_kind, progress.refused)).most_common())
    result.outcomes = dict(Counter(f"{one.outcome}: {one.reason}" for one in concluded.values()).most_common())
    result.restarts = {one.name: one.restarts for one in stack.run.processes if one.restarts}
    result.counts = found.counts
    result.faults = {
        **found.faults,
        "open": sorted(call for call in reader.log.accepted if call not in concluded),
        "accepted, but on no topic": sorted(accepted - reader.log.accepted.keys()),
        "accepted, but not concluded": sorted(accepted - concluded.keys()),
        "without one row of the same outcome in reporting": sorted(
            call
            for call in accepted & concluded.keys()
            if rows.get(call) != (concluded[call].outcome, concluded[call].reason)
        ),
        "never accepted": [] if result.accepted == load.begun else [f"{load.begun - result.accepted} calls"],
    }


def _kind(refused: str) -> str:
    """Return what kind of request was refused, without ids."""
    return _ID.sub("…", refused)
