"""Kafka, Postgres and Valkey for the integration tests, from where `--stack` says."""

import asyncio
import functools
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import yaml
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer

from divert_cli import kafka_admin
from divert_cli.checkout import ROOT, STATE
from divert_cli.stack import LocalStack, discard, kafka, postgres, valkey
from divert_cli.stack.local import Ports
from divert_cli.stack.services import LOOPBACK
from waiting import eventually


@dataclass(frozen=True)
class Addresses:
    """Where the components are: Kafka's host:port, Postgres' DSN, Valkey's URL."""

    kafka: str
    postgres: str
    valkey: str
    kafka_for_providers: str = ""
    """Where providers' own clients connect; empty where the broker has no such listener."""


@asynccontextmanager
async def embedded() -> AsyncGenerator[Addresses]:
    """Start the components of the local stack on free ports, with data of their own that is deleted afterwards."""
    data = STATE / "tests" / uuid.uuid4().hex
    try:
        async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
            yield Addresses(stack.kafka, stack.postgres, stack.valkey, stack.kafka_for_providers)
    finally:
        await asyncio.to_thread(discard, data)


@asynccontextmanager
async def containers() -> AsyncGenerator[Addresses]:
    """Start the components as containers, of the images that the compose file names."""
    ports = Ports()
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    kafka_port, postgres_port, valkey_port = (ports.take() for _ in range(3))
    password = uuid.uuid4().hex
    broker = (
        DockerContainer(compose["kafka"]["image"])
        .with_bind_ports(kafka_port, kafka_port)
        .with_envs(
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
            KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
            KAFKA_LISTENERS=f"PLAINTEXT://:{kafka_port},CONTROLLER://:9093",
            KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{LOOPBACK}:{kafka_port}",
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
            KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
            KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        )
    )
    database = (
        DockerContainer(compose["postgres"]["image"])
        .with_bind_ports(5432, postgres_port)
        .with_envs(POSTGRES_USER=postgres.ROLE, POSTGRES_PASSWORD=password, POSTGRES_DB=postgres.DATABASE)
    )
    cache = DockerContainer(compose["valkey"]["image"]).with_bind_ports(6379, valkey_port)
    addresses = Addresses(
        kafka=f"{LOOPBACK}:{kafka_port}",
        postgres=f"postgresql://{postgres.ROLE}:{password}@{LOOPBACK}:{postgres_port}/{postgres.DATABASE}",
        valkey=f"redis://{LOOPBACK}:{valkey_port}/0",
    )
    async with AsyncExitStack() as running:
        for container in (broker, database, cache):
            await asyncio.to_thread(container.start)
            running.callback(container.stop)
        await _all_answer(addresses)
        yield addresses


@asynccontextmanager
async def addresses() -> AsyncGenerator[Addresses]:
    """Use what DIVERT_KAFKA, DIVERT_POSTGRES and DIVERT_VALKEY name."""
    named = Addresses(os.environ["DIVERT_KAFKA"], os.environ["DIVERT_POSTGRES"], os.environ["DIVERT_VALKEY"])
    await _all_answer(named)
    yield named


async def _all_answer(at: Addresses) -> None:
    for name, answers, address in (
        ("Kafka", kafka.answers, at.kafka),
        ("Postgres", postgres.answers, at.postgres),
        ("Valkey", valkey.answers, at.valkey),
    ):
        await eventually(functools.partial(_asked, answers, address), f"{name} to answer", within=180, every=0.2)


async def _asked(answers: Callable[[str], Awaitable[bool]], address: str) -> bool:
    try:
        return await asyncio.wait_for(answers(address), 5)
    except (OSError, TimeoutError):
        return False


@asynccontextmanager
async def fresh_database(dsn: str) -> AsyncGenerator[str]:
    """Make an empty database on the server at `dsn`; yield its DSN and drop it afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def empty(kafka: str, topics: Sequence[str]) -> None:
    """Delete every record of some topics."""
    ends = kafka_admin.ends(kafka, topics)
    wanted = [TopicPartition(topic, number, end) for (topic, number), (_, end) in ends.items()]
    admin = AdminClient({"bootstrap.servers": kafka})  # must outlive its answers
    answers = cast("dict[TopicPartition, Future[object]]", admin.delete_records(wanted))
    for answer in answers.values():
        answer.result()
