"""Which failures of Kafka and Postgres pass by themselves, and how long to wait for them."""

import asyncio
import random
from collections.abc import Iterator

import asyncpg
from aiokafka.errors import KafkaError

from divert_contracts.step import Unavailable

TRANSIENT = (
    Unavailable,
    KafkaError,
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""What a later attempt may well not meet again: the other side is away, restarting or full, or a worker that was
stopped in the middle of a transaction still holds what is wanted until the server ends that."""

COLLISIONS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Two transactions met; the same one again will do."""


class Zombie(Exception):
    """Somebody else has handled these records since: this worker no longer owns their partition, or not alone."""


def backoff(first: float = 0.05, most: float = 5.0) -> Iterator[float]:
    """Yield waiting times in seconds, doubling to a limit, each shortened at random so that waiters spread."""
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 (spreading, not secrecy)
        wait = min(wait * 2, most)
