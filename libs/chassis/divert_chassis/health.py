"""Whether a process works (liveness) and whether it can be used (readiness), said truthfully.

Liveness looks at the process alone: its tasks run and get on. Readiness is liveness, plus nothing holds the process
back (it has learnt its policies, was not stopped by dead letters), plus what it depends on answers.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from divert_chassis.metrics import HELD

OK = "ok"

Check = Callable[[], Awaitable[object]]
"""Asks a dependency; any exception or a time-out means that it is not there."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: each check's name, and ``ok`` or a coded word for what is wrong."""

    checks: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Say whether all is well."""
        return all(found == OK for found in self.checks.values())


@dataclass(slots=True)
class _Watched:
    task: asyncio.Task[Any] | None
    within: float | None
    beaten_at: float


@dataclass(slots=True)
class _Dependency:
    check: Check
    timeout: float
    found: str
    asked_at: float
    lock: asyncio.Lock


class Health:
    """What a process knows of itself. One event loop uses it."""

    def __init__(self, *, fresh_for: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Know of nothing yet.

        Args:
            fresh_for: seconds for which a dependency's answer is used again.
            monotonic: seconds of a clock that never goes back.
        """
        self._fresh_for = fresh_for
        self._monotonic = monotonic
        self._watched: dict[str, _Watched] = {}
        self._holds: set[str] = set()
        self._dependencies: dict[str, _Dependency] = {}

    def watch(self, name: str, task: asyncio.Task[Any] | None = None, *, within: float | None = None) -> None:
        """Count a long task: the process is dead when it ends, or has not called ``beat`` within so many seconds."""
        self._watched[name] = _Watched(task, within, self._monotonic())

    def unwatch(self, name: str) -> None:
        """Count a task no longer: it is about to be stopped on purpose."""
        self._watched.pop(name, None)

    def beat(self, name: str) -> None:
        """Say that a watched task gets on: it made progress, or has nothing to do."""
        watched = self._watched.get(name)
        if watched is not None:
            watched.beaten_at = self._monotonic()

    def hold(self, reason: str) -> None:
        """Be not ready until ``release``: ``learning`` at the start, ``dead-letters`` when there were too many."""
        self._holds.add(reason)
        HELD.labels(reason).set(1)

    def release(self, reason: str) -> None:
        """Take back a ``hold``."""
        self._holds.discard(reason)
        HELD.labels(reason).set(0)

    def held(self, reason: str) -> bool:
        """Say whether something holds the process back for this reason."""
        return reason in self._holds

    def depends(self, name: str, check: Check, *, timeout: float = 0.5) -> None:
        """Ask this dependency for readiness, waiting for it at most so many seconds."""
        self._dependencies[name] = _Dependency(check, timeout, "not_asked", float("-inf"), asyncio.Lock())

    def live(self) -> Report:
        """Look at the process's own tasks; asks nobody."""
        return Report({name: self._task(watched) for name, watched in sorted(self._watched.items())})

    async def ready(self) -> Report:
        """Look at everything; dependencies are asked side by side, and at most once in ``fresh_for`` seconds."""
        asked = dict(self._dependencies)
        found = await asyncio.gather(*map(self._ask, asked.values()))
        dependencies = dict(zip(asked, found, strict=True))
        return Report({**self.live().checks, **dict.fromkeys(sorted(self._holds), "held"), **dependencies})

    def _task(self, watched: _Watched) -> str:
        if watched.task is not None and watched.task.done():
            return "ended"
        if watched.within is not None and self._monotonic() - watched.beaten_at > watched.within:
            return "stuck"
        return OK

    async def _ask(self, dependency: _Dependency) -> str:
        async with dependency.lock:
            if self._monotonic() - dependency.asked_at >= self._fresh_for:
                try:
                    async with asyncio.timeout(dependency.timeout):
                        await dependency.check()
                except TimeoutError:
                    dependency.found = "timeout"
                except Exception as error:  # noqa: BLE001 (whatever a driver raises, the dependency is not there)
                    dependency.found = type(error).__name__
                else:
                    dependency.found = OK
                dependency.asked_at = self._monotonic()
            return dependency.found
