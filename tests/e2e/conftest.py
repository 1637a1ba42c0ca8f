"""The whole system, for tests that need no more than one of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from divert_cli.stack import LocalStack, discard


@pytest_asyncio.fixture(scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """Every service on its own Kafka, Postgres and Valkey; tests keep apart by agency and incident number."""
    data: Path = tmp_path_factory.mktemp("system") / "stack"
    async with LocalStack(data, preferred_ports=False, environment={}) as running:
        yield running
    discard(data)
