"""Services as processes of their own, for as long as they are measured."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_READY_WITHIN = 60.0
_STOP_WITHIN = 20.0


class NotReadyError(RuntimeError):
    """A service did not get ready; its log says why."""


@dataclass(frozen=True, slots=True)
class Backing:
    """What the services stand on."""

    kafka: str
    """host:port."""
    postgres: str
    """DSN."""
    valkey: str
    """URL."""
    logs: Path
    """Folder for what the services say."""

    def environment(self) -> dict[str, str]:
        """Return it as the services' settings."""
        return {
            "DIVERT_KAFKA": self.kafka,
            "DIVERT_POSTGRES": self.postgres,
            "DIVERT_VALKEY": self.valkey,
            "DIVERT_LOG_LEVEL": "warning",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def service(
    backing: Backing, name: str, *, settings: Mapping[str, str] | None = None, ready: bool = True
) -> AsyncGenerator[str]:
    """Run `python -m divert_<name>` and give its base URL; it is stopped at the end.

    Args:
        backing: what it stands on.
        name: ``intake``, ``triage``, ``routing``…
        settings: more of its environment.
        ready: whether to wait until it says that it is ready.

    Raises:
        NotReadyError: it did not get ready in time.
    """
    port = _free_port()
    prefix = name.upper()
    env = {
        **os.environ,
        **backing.environment(),
        f"{prefix}_HOST": "127.0.0.1",
        f"{prefix}_PORT": str(port),
        **(settings or {}),
    }
    log_file = backing.logs / f"{name}.log"
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"divert_{name}", stdout=log, stderr=log, env=env, cwd=backing.logs
        )
    url = f"http://127.0.0.1:{port}"
    try:
        if ready:
            await _until_ready(url, process, log_file)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_WITHIN)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until_ready(url: str, process: asyncio.subprocess.Process, log_file: Path) -> None:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
        try:
            async with asyncio.timeout(_READY_WITHIN):
                while process.returncode is None:
                    try:
                        if (await http.get(f"{url}/readyz")).is_success:
                            return
                    except httpx.TransportError:
                        pass  # not listening yet
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # said below
    raise NotReadyError(f"{log_file.stem} is not ready; see {log_file}")
