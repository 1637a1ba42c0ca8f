"""A simulated provider, as a program of its own that knows the public contract alone: `tools/provider-sim`."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from divert_cli.bearers import GATEWAY, Bearers
from divert_cli.errors import StackError
from divert_cli.provider import Access
from divert_cli.stack.supervise import Watchdog, spawn
from divert_contracts.schemas import FOLDER

_LOOKS_EVERY = 0.3
_ENDS_WITHIN = 20.0


class Stack(Protocol):
    """A stack, as far as a provider meets it."""

    @property
    def data(self) -> Path:
        """Its data folder."""
        ...

    @property
    def urls(self) -> Mapping[str, str]:
        """Base URLs of its processes by name."""
        ...

    @property
    def kafka(self) -> str:
        """host:port."""
        ...

    @property
    def kafka_for_providers(self) -> str:
        """host:port of the listener for providers' own clients."""
        ...


@asynccontextmanager
async def simulated(stack: Stack, way: str, provider: str, *more: str) -> AsyncGenerator[None]:
    """Run a simulated provider with what its people would have been given, and stop it afterwards, or when we end.

    Args:
        stack: whose gateway it speaks with.
        way: ``http``, ``webhook`` or ``kafka``.
        provider: its id.
        more: further words of its command line.

    Raises:
        StackError: it ends by itself.
    """
    words = ["--way", way, "--provider", provider, "--schemas", str(FOLDER), *more]
    environment: dict[str, str] = {}
    if way == "kafka":
        access = Access(stack.kafka)
        granted = await asyncio.to_thread(access.rotate if provider in access.names() else access.add, provider)
        words += ["--kafka", stack.kafka_for_providers]
        environment["PROVIDER_SIM_PASSWORD"] = granted.password
    else:
        gateway = f"{GATEWAY}{provider}"
        words += ["--gateway", stack.urls[gateway]]
        environment["PROVIDER_SIM_TOKEN"] = Bearers(stack).token(gateway) or ""
    log = stack.data / "logs" / f"provider-sim-{way}-{provider}.log"
    log.write_bytes(b"")  # that an earlier one was ready says nothing of this one
    with Watchdog(()) as watchdog:
        process = await spawn([sys.executable, "-m", "provider_sim", *words], log, watchdog, env=environment)
        try:
            await until(lambda: _ready(log, process), f"the simulated provider {provider} to be ready")
            yield
            if process.returncode is not None:
                raise StackError(f"the simulated provider {provider} ended by itself; see {log}")
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN)
            watchdog.forget(process.pid)


async def _ready(log: Path, process: asyncio.subprocess.Process) -> bool:
    if process.returncode is not None:
        raise StackError(f"the simulated provider ended by itself; see {log}")
    return b'"ready"' in await asyncio.to_thread(log.read_bytes)


async def until(come: Callable[[], Any], what: str, within: float = 60.0) -> None:
    """Wait until something has come.

    Raises:
        StackError: it did not, within so many seconds.
    """
    give_up = asyncio.get_running_loop().time() + within
    while not await come():
        if asyncio.get_running_loop().time() > give_up:
            raise StackError(f"waited {within:.0f} s for {what}")
        await asyncio.sleep(_LOOKS_EVERY)
