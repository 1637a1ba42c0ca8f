"""The board under load, in a real browser: many calls in flight, and an hour of what happens to them at speed."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from divert_chassis.clock import DomainClock
from divert_chassis.publisher import Outgoing, Publisher
from divert_cli.checkout import ROOT
from divert_cli.demo import SEED
from divert_cli.errors import StackError
from divert_cli.prepare import prepare
from divert_cli.proofs.lives import LASTS, in_time, lives
from divert_cli.proofs.rebuild import Say, write
from divert_cli.proofs.tempo import Tempo
from divert_cli.stack import LocalStack

AGENCY = "lapd"
EYE = ROOT / "tools" / "look_at_board.py"
"""Drives the browser; it needs what tests need."""
PAINTED_WITHIN = 1_000.0
"""Milliseconds until something is seen, on loopback."""
SCRIPT_BYTES = 150 * 1024
HEAP_GROWTH = 0.25
"""The part by which the page's memory may be greater at the end than after its first minute; it was collected then."""
SERVICE_GROWTH = 0.5
"""The part by which reporting's memory may be greater after the hour than before it; what it keeps at hand fills up."""
BEHIND = 2.0
"""Real seconds by which a fact may be published late: more, and it was not the hour at that speed."""
SPARE = 1.25
"""So many times the calls asked for are begun: lives are shorter or longer than the mean, and drills do not count."""
CAUGHT_UP_WITHIN = 120.0
_TICK = 0.1
_BATCH = 1_000
_SEEN = TypeAdapter(dict[str, Any])


class BoardError(StackError):
    """The board cannot be looked at; the message says why."""


@dataclass(slots=True)
class Result:
    """What was seen."""

    calls_asked: int
    """In flight, at the least."""
    calls_in_flight: int
    """When the hour began."""
    minutes: float
    """Fictional."""
    speed: float
    facts: int
    """Published during the hour."""
    in_flight_after: int
    behind: float
    """Real seconds by which facts were published late, at the most."""
    service_mib: tuple[float, float]
    """Resident memory of reporting, before and after."""
    seen: dict[str, Any]
    """By the browser."""

    @property
    def faults(self) -> dict[str, bool]:
        """Return each promise and whether it was broken."""
        seen = self.seen
        before, after = self.service_mib
        return {
            "too few in flight": min(self.calls_in_flight, self.in_flight_after) < self.calls_asked,
            "facts late": self.behind > BEHIND,
            "service grows": after > before * (1 + SERVICE_GROWTH),
            "first paint": max(seen["first_paint_ms"]) > PAINTED_WITHIN,
            "script": seen["script_bytes"] > SCRIPT_BYTES,
            "layout jump": seen["layout_shift"] > 0,
            "focus lost": not seen["focus_kept"],
            "scroll lost": not seen["scroll_kept"],
            "memory grows": seen["heap_mib"][-1] > seen["heap_mib"][1] * (1 + HEAP_GROWTH),
            "elements grow": seen["nodes"][-1] > seen["nodes"][1] * (1 + HEAP_GROWTH),
            "axe complains": bool(seen["axe"]),
            "errors": bool(seen["errors"]),
            "no news": seen["news"] == 0,
        }

    @property
    def clean(self) -> bool:
        """Say whether every promise was kept."""
        return not any(self.faults.values())


async def prove(data: Path, *, calls: int, minutes: float, speed: float, say: Say) -> Result:
    """Run reporting on a stack of its own, play so many fictional minutes, and look.

    Raises:
        StackError: something does not start, or the browser does not get through.
    """
    async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
        await prepare(stack.kafka, stack.postgres)
        tempo = Tempo(stack.kafka)
        start = await tempo.set(speed)
        every, warm = timedelta(seconds=LASTS / (calls * SPARE)), 2 * timedelta(seconds=LASTS)
        # What starts up and what is written first takes some time, and the hour begins after it.
        ahead = timedelta(seconds=speed * 2 * CAUGHT_UP_WITHIN) + timedelta(minutes=minutes)
        made = lives(int((warm + ahead) / every), start - warm, every=every, agency=AGENCY, seed=SEED)
        url = await stack.add("reporting", "reporting-board")
        async with _playing(stack.kafka, _Play(in_time(list(made)), tempo.clock, speed)) as play:
            say("the past is written")
            await _until(lambda: _in_flight(url), calls)
            play.published, play.behind = 0, 0.0
            before, memory = await _in_flight(url), await _memory(url)
            say(f"{before} calls in flight; {minutes:.0f} minutes in {minutes * 60 / speed:.0f} s")
            seen = await _look(url, minutes * 60 / speed)
            return Result(
                calls_asked=calls,
                calls_in_flight=before,
                minutes=minutes,
                speed=speed,
                facts=play.published,
                in_flight_after=await _in_flight(url),
                behind=round(play.behind, 2),
                service_mib=(memory, await _memory(url)),
                seen=seen,
            )


class _Play:
    """Publishes facts when their time has come."""

    def __init__(self, records: Iterator[tuple[datetime, Outgoing]], clock: DomainClock, speed: float) -> None:
        self._records = records
        self._clock = clock
        self._speed = speed
        self._next = next(records)
        self.published = 0
        self.behind = 0.0

    def due(self) -> list[Outgoing]:
        now, due = self._clock.now(), list[Outgoing]()
        self.behind = max(self.behind, (now - self._next[0]).total_seconds() / self._speed)
        while self._next[0] <= now:
            due.append(self._next[1])
            self._next = next(self._records)
        return due

    async def run(self, publisher: Publisher) -> None:
        while True:
            due = self.due()
            for first in range(0, len(due), _BATCH):
                await publisher.publish(due[first : first + _BATCH])
            self.published += len(due)
            await asyncio.sleep(_TICK)


@asynccontextmanager
async def _playing(kafka: str, play: _Play) -> AsyncGenerator[_Play]:
    publisher = Publisher(kafka, service="proof")
    running = asyncio.create_task(publisher.run())
    try:
        await write(kafka, play.due())
        playing = asyncio.create_task(play.run(publisher))
        try:
            yield play
        finally:
            playing.cancel()
            await asyncio.wait([playing])
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _look(url: str, seconds: float) -> dict[str, Any]:
    looking = await asyncio.create_subprocess_exec(
        sys.executable, str(EYE), url, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    seen, _ = await looking.communicate()
    if looking.returncode:
        raise BoardError("the browser did not get through")
    return _SEEN.validate_json(seen)


async def _until(asked: Callable[[], Awaitable[int]], least: float) -> None:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + CAUGHT_UP_WITHIN
    while await asked() < least:
        if loop.time() > give_up:
            raise BoardError("reporting does not catch up with the past")
        await asyncio.sleep(1.0)


async def _in_flight(url: str) -> int:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        funnel = (await client.get(f"{url}/v1/funnel", params={"agency": AGENCY})).json()
    return sum(funnel["in_flight"].values())


async def _memory(url: str) -> float:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        metrics = (await client.get(f"{url}/metrics")).text
    line = next(one for one in metrics.splitlines() if one.startswith("process_resident_memory_bytes"))
    return round(float(line.split()[1]) / 2**20, 1)
