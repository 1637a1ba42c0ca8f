"""Runs a stateless service: facts in, facts out, the send awaited before the offsets are acknowledged.

No inbox and no outbox: ids follow from the cause, so that what is published twice is the same fact.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

from aiokafka import TopicPartition
from typing_extensions import TypeVar

from divert_chassis import core, metrics
from divert_chassis.consumer import Record
from divert_chassis.engine import dead_letter
from divert_chassis.logs import logger
from divert_chassis.publisher import Outgoing, Publisher
from divert_chassis.service import Stage
from divert_contracts.envelope import UnknownType, decode, encode
from divert_contracts.step import Rejected, Unavailable

log = logger(__name__)

G = TypeVar("G", default=Any)

PART = 250
"""Records whose facts are sent together: the broker works on one part of a batch while the next is decided."""


class StageHandler(Generic[G]):
    """Gives batches to the steps of a stage."""

    def __init__(self, stage: Stage[G], *, publisher: Publisher, given: Callable[[], G]) -> None:
        """Bring together the wiring table, the way out and what is known now."""
        self._stage = stage
        self._publisher = publisher
        self._given = given
        self._carried = stage.carried

    async def of_cluster(self, cluster: str) -> bool:
        """Take any Kafka cluster: a stage remembers nothing of an earlier one."""
        del cluster
        return True

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Leave the offsets to Kafka: a stage has no others."""
        del partitions
        return {}

    async def handle(self, records: Sequence[Record]) -> int:
        """Publish what follows from a batch; return how many records became dead letters."""
        started = time.perf_counter()
        given = self._given()
        handled: dict[str, int] = {}
        dead = 0
        sends: list[asyncio.Task[None]] = []
        try:
            for first in range(0, len(records), PART):
                outgoing, buried = self._part(records[first : first + PART], given, handled)
                dead += buried
                sends.append(asyncio.create_task(self._publisher.publish(outgoing)))
                await asyncio.sleep(0)  # what is ready goes out while the next part is worked on
        finally:
            results = await asyncio.gather(*sends, return_exceptions=True)
        for error in results:
            if error is not None:
                raise error
        for name, count in handled.items():
            metrics.FACTS_HANDLED.labels(self._stage.name, name).inc(count)
        metrics.BATCH_SECONDS.labels(self._stage.name).observe(time.perf_counter() - started)
        return dead

    def _part(self, records: Sequence[Record], given: G, handled: dict[str, int]) -> tuple[list[Outgoing], int]:
        """Return what follows from some records, and how many of them became dead letters."""
        outgoing: list[Outgoing] = []
        dead = 0
        for record in records:
            try:
                outgoing += self._follow(record, given, handled)
            except UnknownType:
                metrics.UNKNOWN_TYPES.labels(self._stage.name).inc()
            except Unavailable:
                raise
            except Rejected as why:
                outgoing.append(self._bury(record, str(why)))
                dead += 1
            except Exception as bug:
                log.error(
                    "step-failed", topic=record.topic, offset=record.offset, error=type(bug).__name__, exc_info=bug
                )
                outgoing.append(self._bury(record, f"bug:{type(bug).__name__}"))
                dead += 1
        return outgoing, dead

    def _follow(self, record: Record, given: G, handled: dict[str, int]) -> list[Outgoing]:
        envelope = decode(record.value, record.headers)
        if type(envelope.fact) not in self._carried[record.topic]:
            raise Rejected("topic:type")
        step = self._stage.steps.get(type(envelope.fact))
        if step is None:
            return []
        facts = core.staged(self._stage, envelope, step(envelope.fact, given))
        name = type(envelope.fact).__name__
        handled[name] = handled.get(name, 0) + 1
        return [Outgoing(topic, *encode(one)) for fact in facts for topic, one in core.variants(self._stage, fact)]

    def _bury(self, record: Record, reason: str) -> Outgoing:
        log.error("dead-letter", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)
        metrics.DEAD_LETTERS.labels(self._stage.name, record.topic).inc()
        return dead_letter(self._stage.name, record, reason)
