"""What all tests share: the stack behind the integration tests, one a session."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from divert_cli.stack import LocalStack
    from stack import Addresses


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=("embedded", "containers", "addresses"),
        default="embedded",
        help="Where Kafka, Postgres and Valkey come from: started here, started by Docker, or DIVERT_KAFKA, "
        "DIVERT_POSTGRES and DIVERT_VALKEY.",
    )
    parser.addoption(
        "--screenshots",
        default=None,
        metavar="FOLDER",
        help="Where browser tests leave the pictures that documents show.",
    )
    parser.addoption(
        "--api-examples",
        type=int,
        default=None,
        metavar="N",
        help="Try every API at length: with boundary values, and so many generated requests an operation.",
    )
    parser.addoption(
        "--api-results", type=Path, default=None, metavar="FILE", help="Where to note how many requests that were."
    )


@pytest_asyncio.fixture(scope="session")
async def stack(request: pytest.FixtureRequest) -> AsyncIterator["Addresses"]:
    """Addresses of Kafka, Postgres and Valkey; shared by the session, so tests keep apart by names of their own."""
    import stack as sources  # noqa: PLC0415  # unit tests need none of it

    source = {"embedded": sources.embedded, "containers": sources.containers, "addresses": sources.addresses}
    async with source[str(request.config.getoption("--stack"))]() as addresses:
        yield addresses


@pytest_asyncio.fixture
async def database(stack: "Addresses") -> AsyncIterator[str]:
    """DSN of an empty Postgres database of this test's own."""
    from stack import fresh_database  # noqa: PLC0415  # unit tests need none of it

    async with fresh_database(stack.postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which the spans of `system` are collected."""
    file = tmp_path_factory.mktemp("traces") / "spans.otlp"
    file.touch()
    return file


@pytest_asyncio.fixture(scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory, spans: Path) -> AsyncIterator["LocalStack"]:
    """Every service on its own Kafka, Postgres and Valkey; tests keep apart by agency and incident number."""
    from collector import collector  # noqa: PLC0415  # unit tests need none of it
    from divert_cli.stack import LocalStack, discard  # noqa: PLC0415  # unit tests need none of it

    data: Path = tmp_path_factory.mktemp("system") / "stack"
    with collector(spans) as endpoint, pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIVERT_OTLP_ENDPOINT", endpoint)
        async with LocalStack(data, preferred_ports=False, environment={}, secured=True) as running:
            yield running
    discard(data)
