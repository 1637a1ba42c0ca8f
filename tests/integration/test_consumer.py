"""The consumer's word for itself, and what it does when it does not know where it stands."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from divert_chassis.clock import DomainClock
from divert_chassis.consumer import Consumer, Record, cluster_of
from divert_chassis.engine import Engine
from divert_chassis.errors import Zombie
from divert_chassis.health import Health
from divert_chassis.publisher import Outgoing, Publisher
from divert_chassis.store import Store
from divert_cli import kafka_admin
from divert_contracts.envelope import Envelope, Headers, encode
from integration import toys
from integration.toys import Count
from stack import Addresses
from waiting import eventually

STUCK_AFTER = 3.0


class Hanging:
    """A handler that never comes back until it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.handled = 0

    async def handle(self, records: Sequence[Record]) -> int:
        await self.let_go.wait()
        self.handled += len(records)
        return 0

    async def of_cluster(self, cluster: str) -> bool:
        return bool(cluster)

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        del partitions
        return {}


async def test_a_consumer_that_gets_nowhere_while_records_wait_is_not_alive(stack: Addresses) -> None:
    topic = f"hanging-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, [kafka_admin.TopicSpec(topic, 1, None)])
    publisher = Publisher(stack.kafka, service="test")
    publishing = asyncio.create_task(publisher.run())
    handler, health = Hanging(), Health()
    consumer = Consumer(stack.kafka, group=topic, topics=[topic], handler=handler, health=health)
    await consumer.start()
    watching = asyncio.create_task(consumer.watch())
    health.watch("consumer", watching, within=STUCK_AFTER)

    async def says(word: str) -> bool:
        return health.live().checks["consumer"] == word

    # More than one batch, so that some of it waits while the first is in hand.
    for _ in range(2):
        await publisher.publish([Outgoing(topic, b"k", bytes([number % 256]), ()) for number in range(1_500)])
    await eventually(lambda: says("stuck"), "liveness to say that it is stuck", within=180)
    handler.let_go.set()
    await eventually(lambda: says("ok"), "liveness to say that it gets on again", within=180)

    async def all_handled() -> bool:
        return handler.handled == 3_000

    await eventually(all_handled, "everything to be handled", within=180)
    for task in (watching, publishing):
        task.cancel()
    await asyncio.wait([watching, publishing])
    await consumer.stop()


class Ahead(Hanging):
    """A handler that has read more than Kafka has; as an engine, it handles nothing before it knows where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.stands = False

    async def handle(self, records: Sequence[Record]) -> int:
        if not self.stands:
            raise Zombie
        return await super().handle(records)

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.stands = True
        return dict.fromkeys(partitions, 7)


async def test_a_log_that_is_shorter_than_what_was_read_stops_the_consumer_and_is_told(stack: Addresses) -> None:
    topic = f"short-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, [kafka_admin.TopicSpec(topic, 1, None)])
    publisher = Publisher(stack.kafka, service="test")
    publishing = asyncio.create_task(publisher.run())
    handler, health = Ahead(), Health()
    handler.let_go.set()
    consumer = Consumer(stack.kafka, group=topic, topics=[topic], handler=handler, health=health)
    await publisher.publish([Outgoing(topic, b"k", b"new", ())])
    await consumer.start()

    async def held() -> bool:
        return health.held("log-shorter-than-read")

    await eventually(held, "readiness to say that the log is shorter than what was read", within=60)
    assert consumer.stopped
    await publisher.publish([Outgoing(topic, b"k", b"newer", ())])
    await asyncio.sleep(1)
    assert handler.handled == 0
    await consumer.stop()
    publishing.cancel()
    await asyncio.wait([publishing])


async def test_another_kafka_stops_the_consumer_however_much_it_holds(stack: Addresses, database: str) -> None:
    topic = f"another-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, [kafka_admin.TopicSpec(topic, 1, None)])
    store = Store(toys.toy_routing())
    pool = await store.connect(database)
    async with pool.acquire() as connection:
        await store.lay_out(connection)
    health = Health()
    engine = Engine(
        toys.toy_routing(),
        pool=pool,
        store=store,
        given=lambda: None,
        clock=DomainClock(),
        health=health,
        committed=lambda: None,
    )

    async def joined(group: str) -> Consumer:
        consumer = Consumer(stack.kafka, group=group, topics=[topic], handler=engine, health=health)
        await consumer.start()
        return consumer

    async def positions() -> bool:
        return await pool.fetchval("SELECT count(*) FROM position WHERE topic = $1", topic) == 1

    async def held() -> bool:
        return health.held("log-of-another-cluster")

    first = await joined(f"{topic}-first")
    await eventually(positions, "the first start to know where it stands", within=60)
    assert await pool.fetchval("SELECT cluster FROM kafka") == await cluster_of(stack.kafka)
    assert not await held()
    await first.stop()
    await pool.execute("UPDATE kafka SET cluster = 'the one before'")
    second = await joined(f"{topic}-second")
    await eventually(held, "readiness to say that Kafka is another one", within=60)
    assert second.stopped
    await second.stop()
    await pool.close()


async def test_a_partition_whose_position_was_never_read_is_read_before_anything_of_it_is_handled(
    database: str,
) -> None:
    service = toys.toy_routing()
    store = Store(service)
    pool = await store.connect(database)
    async with pool.acquire() as connection:
        await store.lay_out(connection)
    engine = Engine(
        service,
        pool=pool,
        store=store,
        given=lambda: None,
        clock=DomainClock(),
        health=Health(),
        committed=lambda: None,
    )
    call = toys.received(toys.now())
    records = [of_kafka(encode(Envelope(id=uuid4(), source="/divert/intake", fact=call)))]
    try:
        with pytest.raises(Zombie):
            await engine.handle(records)
        assert await engine.get(Count, str(call.call_id)) is None
        assert await engine.assigned([TopicPartition("calls.v1", 0)]) == {TopicPartition("calls.v1", 0): 0}
        assert await engine.handle(records) == 0
        count = await engine.get(Count, str(call.call_id))
    finally:
        await pool.close()
    assert count is not None
    assert count.seen == 1


def of_kafka(encoded: tuple[bytes, bytes, Headers]) -> Record:
    """Return the first record of a partition as a consumer gives it."""
    key, value, headers = encoded
    return ConsumerRecord(
        "calls.v1", 0, 0, 0, 0, key, value, None, len(key), len(value), [(name, said or b"") for name, said in headers]
    )
