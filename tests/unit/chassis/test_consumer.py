"""Which Kafka a consumer reads from is looked at before anything of it is."""

from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition

from divert_chassis.consumer import Consumer, Record
from divert_chassis.health import Health

ASSIGNED = [TopicPartition("calls.v1", 0)]


class Remembering:
    """A handler that remembers one cluster."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.asked = 0

    async def of_cluster(self, cluster: str) -> bool:
        return cluster == self.cluster

    async def handle(self, records: Sequence[Record]) -> int:
        return len(records)

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.asked += 1
        return dict.fromkeys(partitions, 0)


async def this(bootstrap: str) -> str:
    return f"cluster at {bootstrap}"


def reading(handler: Remembering, health: Health) -> Consumer:
    return Consumer("here", group="g", topics=["calls.v1"], handler=handler, health=health, cluster_of=this)


async def test_the_kafka_that_was_read_from_before_is_read_on() -> None:
    handler, health = Remembering("cluster at here"), Health()
    consumer = reading(handler, health)
    await consumer.assigned(ASSIGNED)
    assert (consumer.stopped, health.held("log-of-another-cluster"), handler.asked) == (False, False, 1)


async def test_another_kafka_is_not_read_and_is_told() -> None:
    handler, health = Remembering("another"), Health()
    consumer = reading(handler, health)
    await consumer.assigned(ASSIGNED)
    assert (consumer.stopped, health.held("log-of-another-cluster"), handler.asked) == (True, True, 0)
