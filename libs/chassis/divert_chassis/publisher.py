"""The one way onto Kafka: records grouped by partition, sent as batches, acknowledged by all replicas.

Concurrent callers share a round trip. A producer that failed is thrown away: an idempotent producer does not recover
from a gap in its sequence, and its ``stop`` can hang.
"""

# aiokafka types its collections only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTopicError, KafkaError, UnknownTopicOrPartitionError

from divert_chassis.logs import logger
from divert_chassis.metrics import PRODUCERS_REPLACED
from divert_contracts.envelope import Headers
from divert_contracts.step import Unavailable

log = logger(__name__)

ACKNOWLEDGED_WITHIN = 10.0
"""Seconds until an unacknowledged send counts as unknown."""
TOPIC_KNOWN_WITHIN = 3.0
"""Seconds that the brokers get to tell of a topic before they are asked whether there is one."""
BATCH_BYTES = 512 * 1024
STOPPED_WITHIN = 3.0


class NoSuchTopic(Exception):
    """The brokers know no such topic. Nothing of the round is acknowledged."""

    def __init__(self, topic: str) -> None:
        """Name the topic."""
        super().__init__(topic)
        self.topic = topic


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way to a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


_Taken = tuple[Sequence[Outgoing], "asyncio.Future[None]"]


class Publisher:
    """Publishes records in the order given, for each key."""

    def __init__(self, bootstrap: str, *, service: str) -> None:
        """Name the brokers, ``host:port`` separated by commas, and whose metrics to count in."""
        self._service = service
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._waiting: list[tuple[Sequence[Outgoing], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return when all replicas have acknowledged every record.

        Raises:
            Unavailable: not acknowledged in time; the records may or may not be on their topics.
            NoSuchTopic: there is none for one of the records.
        """
        if not records:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Send what callers bring, one round after another, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                taken, self._waiting = self._waiting, []
                if taken:
                    await self._round(taken)
        finally:
            for _, done in self._waiting:
                if not done.done():
                    done.set_exception(Unavailable("kafka"))
            await self._discard()

    async def reachable(self) -> bool:
        """Say whether a broker answers now."""
        try:
            producer = await self._started()
            await asyncio.wait_for(producer.client.fetch_all_metadata(), 2.0)
        except (TimeoutError, KafkaError, OSError):
            return False
        return True

    async def _round(self, taken: Sequence[_Taken]) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN):
                producer = await self._started()
                await self._send(producer, [record for records, _ in taken for record in records])
        except NoSuchTopic as why:
            _fail(taken, why)
        except (TimeoutError, KafkaError, OSError) as why:
            log.warning("publish-failed", error=type(why).__name__, records=sum(len(some) for some, _ in taken))
            await self._discard()
            _fail(taken, Unavailable("kafka"))
        except asyncio.CancelledError:
            _fail(taken, Unavailable("stopping"))
            raise
        else:
            for _, done in taken:
                if not done.done():
                    done.set_result(None)

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        grouped: dict[tuple[str, int], list[Outgoing]] = {}
        counts: dict[str, int] = {}
        for record in records:
            count = counts.get(record.topic)
            if count is None:
                count = counts[record.topic] = await self._partitions(producer, record.topic)
            # CRC-32 as librdkafka's "consistent" partitioner has it: in C, where murmur2 costs 25 µs of Python a key.
            partition = zlib.crc32(record.key or b"") % count
            grouped.setdefault((record.topic, partition), []).append(record)
        acknowledged: list[asyncio.Future[Any]] = []
        for (topic, partition), some in grouped.items():
            batch = producer.create_batch()
            for record in some:
                headers = list(record.headers)
                if batch.append(key=record.key, value=record.value, timestamp=None, headers=headers) is None:
                    acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    if batch.append(key=record.key, value=record.value, timestamp=None, headers=headers) is None:
                        # A record larger than a batch goes alone; the broker's own limit then decides.
                        acknowledged.append(
                            await producer.send(
                                topic, record.value, key=record.key, partition=partition, headers=headers
                            )
                        )
            if batch.record_count():
                acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acknowledged)

    async def _partitions(self, producer: AIOKafkaProducer, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises:
            NoSuchTopic: the brokers answer, and know no such topic.
        """
        try:
            async with asyncio.timeout(TOPIC_KNOWN_WITHIN):
                return len(await producer.partitions_for(topic))
        except (UnknownTopicOrPartitionError, InvalidTopicError, TimeoutError):
            cluster = await producer.client.fetch_all_metadata()
            if topic not in cluster.topics():
                raise NoSuchTopic(topic) from None
            raise

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                enable_idempotence=True,
                max_batch_size=BATCH_BYTES,
                max_request_size=4 * BATCH_BYTES,
                linger_ms=0,
                compression_type="zstd",
                request_timeout_ms=8_000,
                metadata_max_age_ms=60_000,
            )
            try:
                await producer.start()
            except BaseException:
                await _stop(producer)
                raise
            self._producer = producer
        return self._producer

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            PRODUCERS_REPLACED.labels(self._service).inc()
            await _stop(producer)


def _fail(taken: Sequence[_Taken], why: Exception) -> None:
    for _, done in taken:
        if not done.done():
            done.set_exception(why)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), STOPPED_WITHIN)
    except (TimeoutError, KafkaError, OSError) as why:
        log.warning("producer-stop-failed", error=type(why).__name__)
