"""The one consumer: FastStream batches, acknowledged only after they were handled, with back-off and a drain.

FastStream's own acknowledgement modes other than NACK_ON_ERROR lose the messages of a handler that raises.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Protocol, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from divert_chassis.errors import TRANSIENT, Zombie, backoff
from divert_chassis.health import Health
from divert_chassis.logs import logger
from divert_chassis.metrics import CONSUMER_LAG

log = logger(__name__)

Record = ConsumerRecord[bytes, bytes]

MOST_RECORDS = 1_000
WAITED_FOR_MS = 250
"""How long the consumer waits for records before it looks whether it is to stop."""
DRAIN_SECONDS = 20.0
"""How long a rebalance waits for the batch in hand; below the group's rebalance time-out."""
MOST_DEAD_LETTERS = 200
DEAD_LETTER_WINDOW = 60.0
"""More dead letters than that within so many seconds stop the consumer: something is wrong that is not one message."""

_ASKED_WITHIN = 3.0


async def cluster_of(bootstrap: str) -> str:
    """Return the id that a Kafka cluster was given when it was made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(_ASKED_WITHIN):
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


class Handler(Protocol):
    """What is done with a batch."""

    async def handle(self, records: Sequence[Record]) -> int:
        """Handle the records, in order; return how many of them were dead letters.

        Raises:
            Unavailable: nothing was handled; the same records come again after a while.
            Zombie: nothing was handled; the partitions are read again from where they stand.
        """
        ...

    async def of_cluster(self, cluster: str) -> bool:
        """Say whether what was read before was of this Kafka cluster; the first one is remembered."""
        ...

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the offsets from which the partitions are to be read; none for those that Kafka knows."""
        ...


class Consumer:
    """Reads topics with a group and gives their records to a handler, batch by batch."""

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        health: Health,
        cluster_of: Callable[[str], Awaitable[str]] = cluster_of,
    ) -> None:
        """Describe the consumer; ``start`` joins the group."""
        self._cluster_of = cluster_of
        self._handler = handler
        self._health = health
        self._busy = asyncio.Lock()
        self._failures = backoff()
        self._dead: deque[float] = deque()
        self._stopped = False
        self._batches = self._batches_seen = 0
        self._bootstrap = bootstrap
        self._group = group
        self._broker = KafkaBroker(
            bootstrap, consumer_only=True, allow_auto_create_topics=False, apply_types=False, logger=None
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            batch=True,
            group_id=group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_500,
            rebalance_timeout_ms=30_000,
            no_reply=True,
            listener=_Rebalance(self),
            parser=self._parse,
            decoder=_records,
        )
        self._subscriber(self._handle)
        # FastStream's own sleeps as long again as it has waited for records: short waits would keep an idle process
        # busy, and long ones would keep records waiting.
        self._subscriber.get_msg = _batch

    async def start(self) -> None:
        """Join the group and begin; returns once the brokers were reached."""
        waits = backoff(first=0.2)
        while True:
            try:
                await self._broker.start()
            except TRANSIENT as why:
                log.warning("consumer-start-failed", error=type(why).__name__)
                await self._broker.stop()
                await asyncio.sleep(next(waits))
            else:
                return

    async def watch(self) -> None:
        """Tell health how the consumer is, until it ends; a consumer that ends by itself is an error."""
        while True:
            tasks = self._subscriber.tasks
            if not tasks or any(task.done() for task in tasks):
                raise RuntimeError("the consumer ended")
            if await self._gets_on():
                self._health.beat("consumer")
            await asyncio.sleep(1.0)

    async def stop(self) -> None:
        """Leave the group after the batch in hand."""
        await self._broker.stop()

    @property
    def stopped(self) -> bool:
        """Whether too many dead letters have stopped it."""
        return self._stopped

    async def rewind(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read partitions from other offsets on."""
        consumer = self._subscriber.consumer
        if consumer is not None:
            held = consumer.assignment()
            for partition, offset in positions.items():
                if partition in held:
                    consumer.seek(partition, offset)

    async def revoked(self) -> None:
        """Wait for the batch in hand before partitions go to somebody else."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async with self._busy:
                    return
        except TimeoutError:
            log.warning("rebalance-did-not-drain")

    async def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Go to where the handler stands in partitions that have become ours."""
        if not partitions:
            return
        waits = backoff()
        while True:
            try:
                if await self._of_another_cluster():
                    return
                positions = await self._handler.assigned(partitions)
                if await self._beyond_the_log(positions):
                    return
            except TRANSIENT as why:
                log.warning("positions-unknown", error=type(why).__name__)
                await asyncio.sleep(next(waits))
            else:
                await self.rewind(positions)
                return

    async def _of_another_cluster(self) -> bool:
        """Stop where Kafka is not the one that was read from: its offsets mean other records, however many it has."""
        if await self._handler.of_cluster(await self._cluster_of(self._bootstrap)):
            return False
        log.error("log-of-another-cluster")
        self._stopped = True
        self._health.hold("log-of-another-cluster")
        return True

    async def _beyond_the_log(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Stop where Kafka has less than was already read: it lost its end, or is another one.

        What it is given anew would have offsets that count as read, and be skipped in silence.
        """
        consumer = self._subscriber.consumer
        if consumer is None or not positions:
            return False
        ends = cast("Mapping[TopicPartition, int]", await consumer.end_offsets(list(positions)))
        short = {partition: offset for partition, offset in positions.items() if offset > ends[partition]}
        for partition, offset in short.items():
            log.error(
                "log-shorter-than-read",
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                records=ends[partition] - offset,
            )
        if short:
            self._stopped = True
            self._health.hold("log-shorter-than-read")
        return bool(short)

    async def _gets_on(self) -> bool:
        """Say whether batches come, or none can: nothing waits, the consumer was stopped, or Kafka is away."""
        batches, seen = self._batches, self._batches_seen
        self._batches_seen = batches
        try:
            async with asyncio.timeout(_ASKED_WITHIN):
                behind = await self._measure_lag()
                if batches != seen or behind == 0 or self._stopped:
                    return True
                consumer = self._subscriber.consumer
                if consumer is not None:
                    await consumer.end_offsets(list(consumer.assignment()))
        except TimeoutError:
            return await self._away()
        except TRANSIENT:
            return True
        return False

    async def _away(self) -> bool:
        """Say whether Kafka does not answer, asked by a connection of its own."""
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap)
        try:
            async with asyncio.timeout(_ASKED_WITHIN):
                await client.bootstrap()
        except TRANSIENT:
            return True
        finally:
            await client.close()
        return False

    async def _measure_lag(self) -> int:
        """Return how many records wait in the partitions that are ours."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return 0
        behind: dict[TopicPartition, int] = {}
        for partition in consumer.assignment():
            end = consumer.highwater(partition)
            if end is not None:
                behind[partition] = end - await consumer.position(partition)
        CONSUMER_LAG.clear()  # partitions that are somebody else's now
        for partition, records in behind.items():
            CONSUMER_LAG.labels(self._group, partition.topic, str(partition.partition)).set(records)
        return sum(behind.values())

    async def _handle(self, records: Sequence[Record]) -> None:
        self._batches += 1
        if self._stopped:
            await asyncio.sleep(1.0)
            raise NackMessage
        async with self._busy:
            try:
                try:
                    dead = await self._handler.handle(records)
                except Zombie:
                    # Somebody else moved on. What is theirs is dropped; what is ours is read from where they stopped.
                    partitions = sorted({TopicPartition(one.topic, one.partition) for one in records})
                    log.warning("zombie", count=len(partitions))
                    await self.assigned(partitions)
                    return
            except TRANSIENT as why:
                wait = next(self._failures)
                log.warning("batch-postponed", error=type(why).__name__, records=len(records), seconds=round(wait, 2))
            except Exception as bug:
                # What isolation could not bury either: the records stay, and are not asked for in a hot loop.
                wait = next(self._failures)
                log.error("batch-failed", error=type(bug).__name__, records=len(records), exc_info=bug)
            else:
                self._failures = backoff()
                self._count_dead(dead)
                return
        await asyncio.sleep(wait)
        raise NackMessage

    def _count_dead(self, dead: int) -> None:
        now = time.monotonic()
        self._dead.extend([now] * dead)
        while self._dead and self._dead[0] < now - DEAD_LETTER_WINDOW:
            self._dead.popleft()
        if len(self._dead) > MOST_DEAD_LETTERS:
            self._stopped = True
            self._health.hold("dead-letters")
            log.error("consumer-stopped", dead_letters=len(self._dead), seconds=DEAD_LETTER_WINDOW)

    async def _parse(self, records: tuple[Record, ...]) -> KafkaAckableMessage:
        # FastStream's parser decodes every header as UTF-8 and so fails on foreign ones before any handler sees them.
        consumer = self._subscriber.consumer
        if consumer is None:
            raise NackMessage
        return KafkaAckableMessage(raw_message=records, body=b"", consumer=consumer)


class _Rebalance(ConsumerRebalanceListener):
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    # aiokafka declares these without async and awaits what they return.
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        del revoked
        await self._consumer.revoked()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Sequence[TopicPartition]
    ) -> None:
        await self._consumer.assigned(list(assigned))


async def _batch(consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
    """Return the next records as soon as there are some; none after a while without."""
    found = cast(
        "Mapping[TopicPartition, list[Record]]",
        await consumer.getmany(timeout_ms=WAITED_FOR_MS, max_records=MOST_RECORDS),
    )
    return tuple(chain.from_iterable(found.values()))


async def _records(message: KafkaAckableMessage) -> Sequence[Record]:
    return cast("tuple[Record, ...]", message.raw_message)
