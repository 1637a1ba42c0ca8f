"""What the command does with Kafka directly: make topics, publish a few facts, read topics whole. Blocking calls."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from divert_cli.errors import StackError
from divert_contracts import envelope
from divert_contracts.envelope import Envelope

ANSWERS_WITHIN = 30.0
"""Seconds that the broker gets for an answer."""
LONGEST_SEGMENT = timedelta(days=1)
_BATCH = 5000
_NO_LEADER_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_ASKED_AGAIN_AFTER = 0.1


class BrokerError(StackError):
    """Kafka does not answer, or says no; the message says to what."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it is to be on the broker."""

    name: str
    partitions: int
    kept: timedelta | None
    """None keeps every record."""
    stamped_by: Literal["CreateTime", "LogAppendTime"] = "CreateTime"
    """Whose clock a record's time is by: its writer's, or the broker's."""

    @property
    def retention_ms(self) -> str:
        """``retention.ms`` as Kafka takes it."""
        return "-1" if self.kept is None else str(int(self.kept.total_seconds() * 1000))

    @property
    def config(self) -> dict[str, str]:
        """What decides how long a record stays and what its time is, as Kafka takes it.

        Kafka forgets whole segments, so that the oldest record of one stays as long as its newest: segments are short.
        """
        config = {"retention.ms": self.retention_ms, "message.timestamp.type": self.stamped_by}
        if self.kept is None:
            return config
        return {**config, "segment.ms": str(int(min(self.kept / 12, LONGEST_SEGMENT).total_seconds() * 1000))}


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands on a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    """Of a repeated header the last."""
    written_at: float
    """When it was written, by the clock of writer or broker: seconds since 1970."""


class _Admin(Protocol):
    """What we use of the client's admin, with the types that it leaves out."""

    def list_topics(self, *, timeout: float) -> ClusterMetadata: ...

    def create_topics(self, new_topics: list[NewTopic], **kwargs: float) -> dict[str, Future[None]]: ...

    def describe_configs(
        self, resources: list[ConfigResource]
    ) -> dict[ConfigResource, Future[dict[str, ConfigEntry]]]: ...

    def incremental_alter_configs(self, resources: list[ConfigResource]) -> dict[ConfigResource, Future[None]]: ...


def _admin(kafka: str) -> _Admin:
    client = AdminClient({"bootstrap.servers": kafka, "socket.timeout.ms": int(ANSWERS_WITHIN * 1000), "log_level": 0})
    return cast("_Admin", client)


def _cluster(kafka: str, admin: _Admin) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=ANSWERS_WITHIN)
    except KafkaException as error:
        raise BrokerError(f"Kafka at {kafka} does not answer: {_reason(error)}") from error


def topics(kafka: str) -> dict[str, int]:
    """Return the topics of the broker with their partition counts, Kafka's own left out.

    Raises:
        BrokerError: no answer.
    """
    found = _cluster(kafka, _admin(kafka)).topics
    return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}


def ensure_topics(kafka: str, wanted: Sequence[TopicSpec]) -> list[str]:
    """Make the topics that are missing, set retention and time of the others, and return the names of the new ones.

    Three replicas, two of them in sync, where there are three brokers; fewer where there are fewer. Returns when every
    partition has a leader.

    Raises:
        BrokerError: no answer, a refusal, or a topic that has another number of partitions.
    """
    admin = _admin(kafka)
    cluster = _cluster(kafka, admin)
    replicas = min(3, len(cluster.brokers))
    there = {name: len(topic.partitions) for name, topic in cluster.topics.items()}
    for spec in wanted:
        if there.get(spec.name, spec.partitions) != spec.partitions:
            raise BrokerError(
                f"topic {spec.name} has {there[spec.name]} partitions instead of {spec.partitions}; "
                "the number never changes within a topic's version, because keys would move"
            )
    missing = [spec for spec in wanted if spec.name not in there]
    _create(admin, missing, replicas)
    _retain(admin, [spec for spec in wanted if spec.name in there])
    _await_leaders(admin, {spec.name: spec.partitions for spec in missing})
    return [spec.name for spec in missing]


def _create(admin: _Admin, specs: Sequence[TopicSpec], replicas: int) -> None:
    if not specs:
        return
    answers = admin.create_topics(
        [
            NewTopic(
                spec.name,
                num_partitions=spec.partitions,
                replication_factor=replicas,
                config={
                    **spec.config,
                    "cleanup.policy": "delete",
                    "min.insync.replicas": str(max(1, replicas - 1)),
                },
            )
            for spec in specs
        ],
        operation_timeout=ANSWERS_WITHIN,
        request_timeout=ANSWERS_WITHIN,
    )
    for name, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            if _code(error) != KafkaError.TOPIC_ALREADY_EXISTS:  # another `prepare` was faster
                raise BrokerError(f"topic {name} cannot be made: {_reason(error)}") from error


def _retain(admin: _Admin, specs: Sequence[TopicSpec]) -> None:
    if not specs:
        return
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            spec.name,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in spec.config.items()
            ],
        )
        for spec in specs
    ]
    for resource, answer in admin.incremental_alter_configs(resources).items():
        try:
            answer.result()
        except KafkaException as error:
            raise BrokerError(f"topic {resource.name} cannot be set as wanted: {_reason(error)}") from error


def forgets_after(kafka: str, names: Sequence[str]) -> dict[str, timedelta | None]:
    """Return how long a record may stay on topics by what the broker itself says: None where it stays for ever.

    That is the topic's retention, and the age to which a segment may grow: Kafka forgets whole segments. Topics that
    the broker does not have are left out.

    Raises:
        BrokerError: no answer.
    """
    admin = _admin(kafka)
    there = _cluster(kafka, admin).topics
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names if name in there]
    found: dict[str, timedelta | None] = {}
    for resource, answer in (admin.describe_configs(resources) if resources else {}).items():
        try:
            config = answer.result(timeout=ANSWERS_WITHIN)
        except KafkaException as error:
            raise BrokerError(f"topic {resource.name} cannot be described: {_reason(error)}") from error
        kept, grows = (int(str(config[name].value)) for name in ("retention.ms", "segment.ms"))
        found[str(resource.name)] = None if kept < 0 else timedelta(milliseconds=kept + grows)
    return found


def _await_leaders(admin: _Admin, wanted: Mapping[str, int]) -> None:
    until = time.monotonic() + ANSWERS_WITHIN
    while True:
        there = admin.list_topics(timeout=ANSWERS_WITHIN).topics
        behind = [
            name
            for name, partitions in wanted.items()
            if name not in there
            or len(there[name].partitions) != partitions
            or any(partition.leader < 0 for partition in there[name].partitions.values())
        ]
        if not behind:
            return
        if time.monotonic() > until:
            raise BrokerError(f"topics without a leader: {', '.join(behind)}")
        time.sleep(0.05)


def publish(kafka: str, topic: str, envelopes: Sequence[Envelope]) -> None:
    """Publish facts on a topic in this order; returns when every replica in sync has them.

    Raises:
        BrokerError: not acknowledged in time.
    """
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "enable.idempotence": True,
            "linger.ms": 0,
            "delivery.timeout.ms": int(ANSWERS_WITHIN * 1000),
            "partitioner": "consistent_random",
            "log_level": 0,
        }
    )
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for one in envelopes:
        key, value, headers = envelope.encode(one)
        producer.produce(topic, key=key, value=value, headers=list(headers), on_delivery=delivered)
    left = producer.flush(ANSWERS_WITHIN + 5)
    if left or failures:
        raise BrokerError(f"topic {topic}: {failures[0].str() if failures else 'no acknowledgement in time'}")


def ends(kafka: str, names: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return first and end offset of every partition of the topics.

    Raises:
        BrokerError: no answer.
    """
    consumer = _consumer(kafka)
    try:
        cluster = consumer.list_topics(timeout=ANSWERS_WITHIN).topics
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for name in names:
            for partition in cluster[name].partitions if name in cluster else ():
                marks = _marks(consumer, TopicPartition(name, partition))
                if marks is None:
                    raise BrokerError(f"Kafka at {kafka} does not tell the offsets of {name}")
                found[name, partition] = marks
    except KafkaException as error:
        raise BrokerError(f"Kafka at {kafka} does not answer: {_reason(error)}") from error
    finally:
        consumer.close()
    return found


def _marks(consumer: Consumer, place: TopicPartition) -> tuple[int, int] | None:
    """Return first and end offset. A leader that was chosen a moment ago may not know it yet, and is asked again."""
    give_up = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            return cast("tuple[int, int] | None", consumer.get_watermark_offsets(place, timeout=ANSWERS_WITHIN))
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > give_up:
                raise
            time.sleep(_ASKED_AGAIN_AFTER)


def read(
    kafka: str,
    offsets: Mapping[tuple[str, int], tuple[int, int]],
    progress: Callable[[int], None] | None = None,
) -> Iterator[Record]:
    """Read partitions from their first offset to the end offset that was taken before, without a group.

    Args:
        kafka: host:port.
        offsets: (topic, partition) to (first, end), as from ``ends``.
        progress: is told how many records came at a time.

    Raises:
        BrokerError: an error, or silence for longer than the broker gets for an answer.
    """
    left = {place: end for place, (first, end) in offsets.items() if end > first}
    if not left:
        return
    consumer = _consumer(kafka)
    try:
        consumer.assign([TopicPartition(topic, partition, offsets[topic, partition][0]) for topic, partition in left])
        heard = time.monotonic()
        while left:
            messages = consumer.consume(_BATCH, 0.5)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > ANSWERS_WITHIN:
                raise BrokerError(f"silence on {', '.join(sorted({topic for topic, _ in left}))}")
            yield from _wanted(messages, left)
            if progress is not None and messages:
                progress(len(messages))
    finally:
        consumer.close()


def _wanted(messages: Sequence[Message], left: dict[tuple[str, int], int]) -> Iterator[Record]:
    for message in messages:
        error = message.error()
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is None or partition is None or offset is None:
            raise BrokerError("a record without a place" if error is None else error.str())
        place = topic, partition
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # its only name
                raise BrokerError(f"topic {topic}: {error.str()}")
            left.pop(place, None)
            continue
        if place not in left:
            continue
        if offset < left[place]:
            yield Record(
                topic=topic,
                partition=partition,
                offset=offset,
                key=_bytes(message.key()),
                value=_bytes(message.value()),
                headers=_headers(message),
                written_at=message.timestamp()[1] / 1000,
            )
        if offset + 1 >= left[place]:
            del left[place]


def _headers(message: Message) -> dict[str, bytes]:
    given = cast("list[tuple[str, bytes | str | None]] | None", message.headers())
    return {name: value.encode() if isinstance(value, str) else value or b"" for name, value in given or ()}


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _consumer(kafka: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "divert-reader",  # the client insists; nothing is subscribed or committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # else the end marks of transactions would be waited for
            "log_level": 0,
        }
    )


def _code(error: KafkaException) -> int | None:
    first = cast("object", error.args[0]) if error.args else None
    return first.code() if isinstance(first, KafkaError) else None


def _reason(error: KafkaException) -> str:
    first = cast("object", error.args[0]) if error.args else None
    return first.str() if isinstance(first, KafkaError) else str(error)
