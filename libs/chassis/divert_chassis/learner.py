"""Reads configuration topics whole, without a group, before any work; then follows them."""

# aiokafka types its collections only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from divert_chassis.clock import LogClock
from divert_chassis.consumer import Record
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.health import Health
from divert_chassis.logs import logger
from divert_contracts.envelope import UnknownType, decode
from divert_contracts.facts.base import Fact
from divert_contracts.step import Rejected
from divert_contracts.topics import POLICIES, Topic

log = logger(__name__)


class Learner:
    """Folds every fact of some topics, in order, into what its owner knows."""

    def __init__(
        self, bootstrap: str, *, topics: Sequence[Topic], learn: Callable[[Fact], None], health: Health
    ) -> None:
        """Name the topics and who learns."""
        self._bootstrap = bootstrap
        self._topics = topics
        self._learn = learn
        self._health = health
        self._read: dict[TopicPartition, int] = {}
        self._log_clock = LogClock()
        self.learnt = asyncio.Event()
        """Set once every topic was read to the end that it had when reading began."""

    async def run(self) -> None:
        """Read until cancelled; an outage is waited out."""
        waits = backoff(first=0.2)
        while True:
            try:
                await self._follow()
            except TRANSIENT as why:
                log.warning("learning-interrupted", error=type(why).__name__)
                self._health.beat("learner")
                await asyncio.sleep(next(waits))

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            partitions = [TopicPartition(one.name, number) for one in self._topics for number in range(one.partitions)]
            consumer.assign(partitions)
            begins: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
            for partition, begin in begins.items():
                self._read[partition] = max(self._read.get(partition, 0), begin)
                consumer.seek(partition, self._read[partition])
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
            while True:
                batches: dict[TopicPartition, list[Record]] = await consumer.getmany(timeout_ms=500)
                for partition, records in batches.items():
                    for record in records:
                        self._take(record)
                        self._read[partition] = record.offset + 1
                self._health.beat("learner")
                if not self.learnt.is_set() and all(self._read[one] >= end for one, end in ends.items()):
                    self.learnt.set()
                    log.info("learnt", topics=len(self._topics))
        finally:
            await consumer.stop()

    def _take(self, record: Record) -> None:
        try:
            fact = decode(record.value, record.headers).fact
            if record.topic == POLICIES.name:
                fact = self._log_clock.read(fact, record.timestamp / 1000)
            self._learn(fact)
        except UnknownType:
            log.warning("unknown-type", topic=record.topic, offset=record.offset)
        except Rejected as why:
            # A document that does not fit is refused; what was in force stays in force.
            log.error("not-learnt", topic=record.topic, offset=record.offset, reason=str(why))
