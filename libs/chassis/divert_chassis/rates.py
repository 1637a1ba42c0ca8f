"""How much one client may ask for: counted in Valkey by the minute, and never a reason to be silent.

Without Valkey nobody is limited. A dispatch system beyond it is let through and counted: it brings calls for help.
"""

import asyncio
import time
from collections.abc import Callable
from math import ceil

import redis.asyncio
from redis.exceptions import RedisError

from divert_chassis.metrics import RATE_EXCEEDED
from divert_chassis.problems import Problem
from divert_contracts.access import Role

WINDOW = 60
"""Real seconds."""
WITHIN = 0.02
"""Real seconds that a request waits for Valkey."""
PAUSE = 1.0
"""Real seconds for which Valkey is left alone after it failed."""
NEVER_REFUSED = frozenset({Role.CAD})


class Rates:
    """Counts what clients ask of a service."""

    def __init__(
        self,
        valkey: redis.asyncio.Redis,
        *,
        service: str,
        most: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Let each client ask ``most`` times a minute; ``now`` returns seconds of the epoch, in real time."""
        self._valkey = valkey
        self._service = service
        self._most = most
        self._now = now
        self._paused_until = 0.0

    async def take(self, client: str, role: Role | None) -> None:
        """Count a request.

        Args:
            client: whose: a token's subject, or the address of somebody who proves nothing.
            role: of the token.

        Raises:
            Problem: it is beyond the limit, and may be repeated later.
        """
        now = self._now()
        if now < self._paused_until:
            return
        window, into = divmod(now, WINDOW)
        key = f"divert:rate:{self._service}:{client}:{int(window)}"
        try:
            async with asyncio.timeout(WITHIN), self._valkey.pipeline(transaction=False) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, 2 * WINDOW)
                count, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            self._paused_until = now + PAUSE
            return
        if int(count) <= self._most:
            return
        refused = role not in NEVER_REFUSED
        result = "refused" if refused else "let-through"
        RATE_EXCEEDED.labels(self._service, "nobody" if role is None else role.value, result).inc()
        if refused:
            raise Problem(
                429,
                "too-many-requests",
                "Too many requests",
                f"At most {self._most} in a minute.",
                headers={"retry-after": str(ceil(WINDOW - into))},
            )
