"""The one way out of services that remember: only the relay publishes what their transactions left in the outbox.

Each bucket of the outbox has one publisher at a time, by a lease that a stopped process loses: an advisory lock would
stay with it as long as its connection does. After a change of hands a record may be on its topic twice; receivers know
its id.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import asyncpg

from divert_chassis import metrics
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.health import Health
from divert_chassis.logs import logger
from divert_chassis.publisher import NoSuchTopic, Publisher
from divert_chassis.store import Store

log = logger(__name__)

MOST_ROWS = 2_000
LEASE_SECONDS = 6.0
RENEWED_EVERY = 1.5
LOOKS_EVERY = 0.2
"""Seconds between looks at the outbox when nobody in this process has committed anything."""


class Relay:
    """Publishes the outbox."""

    def __init__(
        self, name: str, *, pool: asyncpg.Pool[asyncpg.Record], store: Store, publisher: Publisher, health: Health
    ) -> None:
        """Name the service for its metrics, and bring together what the relay needs."""
        self._name = name
        self._pool = pool
        self._store = store
        self._publisher = publisher
        self._health = health
        self._owner = uuid4()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at the outbox now: something was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled; an outage is waited out. Gives its buckets up at the end."""
        waits = backoff()
        taken_up = False
        try:
            while True:
                try:
                    if not taken_up:
                        async with self._pool.acquire() as connection:
                            await self._store.take_up(connection)
                        taken_up = True
                    await self._publish_until_lease_ends()
                except TRANSIENT as why:
                    log.warning("relay-postponed", error=type(why).__name__)
                    self._health.beat("relay")
                    await asyncio.sleep(next(waits))
                else:
                    waits = backoff()
        finally:
            await asyncio.shield(self._give_up())

    async def _publish_until_lease_ends(self) -> None:
        """Take what buckets are free, publish from them for a while, then come back to renew."""
        async with self._pool.acquire() as connection:
            buckets = await self._store.lease(connection, self._owner, LEASE_SECONDS)
            metrics.OUTBOX_WAITING.labels(self._name).set(await connection.fetchval("SELECT count(*) FROM outbox"))
        self._health.beat("relay")
        renew_at = time.monotonic() + RENEWED_EVERY
        while time.monotonic() < renew_at:
            self._wake.clear()
            if buckets and await self._publish_some(buckets):
                continue
            try:
                async with asyncio.timeout(LOOKS_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _publish_some(self, buckets: list[int]) -> bool:
        """Publish the oldest rows; return whether there were any."""
        async with self._pool.acquire() as connection:
            rows = await self._store.waiting(connection, buckets, MOST_ROWS)
        if not rows:
            return False
        try:
            await self._publisher.publish([row.record for row in rows])
        except NoSuchTopic as why:
            # One agency's or provider's missing topic must not silence all others; `verify` and the metric tell of it.
            log.error("no-such-topic", topic=why.topic)
            async with self._pool.acquire() as connection:
                await self._store.set_aside(connection, why.topic)
            return True
        async with self._pool.acquire() as connection:
            await self._store.sent(connection, rows)
        counts: dict[str, int] = {}
        for row in rows:
            counts[row.record.topic] = counts.get(row.record.topic, 0) + 1
        for topic, count in counts.items():
            metrics.FACTS_PUBLISHED.labels(self._name, topic).inc(count)
        return True

    async def _give_up(self) -> None:
        try:
            async with asyncio.timeout(2.0), self._pool.acquire() as connection:
                await self._store.release(connection, self._owner)
        except TRANSIENT as why:
            log.warning("relay-lease-left", error=type(why).__name__)
