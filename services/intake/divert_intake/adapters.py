"""Answers that were given, in Valkey: a repeated request gets the same one. Never needed; nothing is lost with it."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

import redis.asyncio
from redis.exceptions import RedisError

WITHIN = 0.02
"""Real seconds that a request waits for the cache."""
PAUSE = 1.0
"""Real seconds for which a cache that failed is left alone, so that its outage costs one request in a while."""


class Answers(Protocol):
    """Remembers answers for a while, if it can."""

    async def known(self, facts: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """Return the answers that were given when these facts were published."""
        ...

    async def keep(self, answers: Mapping[UUID, bytes]) -> None:
        """Remember answers."""
        ...


class ValkeyAnswers:
    """Answers in Valkey."""

    def __init__(self, valkey: redis.asyncio.Redis, *, kept: float) -> None:
        """Keep answers for so many real seconds."""
        self._valkey = valkey
        self._milliseconds = int(kept * 1000)
        self._paused_until = 0.0

    async def known(self, facts: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """Return the answers that were given when these facts were published; none while Valkey does not answer."""
        wanted = list(facts)
        if not wanted or self._paused():
            return {}
        try:
            async with asyncio.timeout(WITHIN):
                found = await self._valkey.mget([_key(fact) for fact in wanted])
        except (RedisError, OSError, TimeoutError):
            self._pause()
            return {}
        return {fact: answer for fact, answer in zip(wanted, found, strict=True) if isinstance(answer, bytes)}

    async def keep(self, answers: Mapping[UUID, bytes]) -> None:
        """Remember answers; not while Valkey does not answer."""
        if not answers or self._paused():
            return
        try:
            async with asyncio.timeout(WITHIN), self._valkey.pipeline(transaction=False) as pipeline:
                for fact, answer in answers.items():
                    pipeline.set(_key(fact), answer, px=self._milliseconds)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            self._pause()

    def _paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _pause(self) -> None:
        self._paused_until = time.monotonic() + PAUSE


def _key(fact: UUID) -> str:
    return f"divert:intake:answer:{fact}"
