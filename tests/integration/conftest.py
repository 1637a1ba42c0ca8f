"""Each module's services begin with no facts but their own, on the Kafka that all modules share."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from divert_cli import kafka_admin
from stack import Addresses, empty


@pytest_asyncio.fixture(scope="module", autouse=True)
async def nothing_is_left(stack: Addresses) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(empty, stack.kafka, list(kafka_admin.topics(stack.kafka)))
