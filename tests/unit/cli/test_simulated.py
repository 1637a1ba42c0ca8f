"""A simulated provider ends with whoever started it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from waiting import eventually

HOLD_A_PROVIDER = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from divert_cli.simulated import simulated

async def hold():
    data = Path(sys.argv[1])
    urls = {"provider-gateway-exodus": "http://127.0.0.1:1"}
    stack = SimpleNamespace(data=data, urls=urls, kafka="", kafka_for_providers="")
    async with simulated(stack, "http", "exodus"):
        (data / "ready").touch()
        await asyncio.Event().wait()

asyncio.run(hold())
"""


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
async def test_a_provider_whose_parent_is_killed_ends_too(tmp_path: Path, signum: signal.Signals) -> None:
    (tmp_path / "logs").mkdir()
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD_A_PROVIDER, str(tmp_path))

    async def ready() -> bool:
        return (tmp_path / "ready").exists()

    await eventually(ready, "the provider to be ready")
    children = psutil.Process(parent.pid).children(recursive=True)
    assert any("provider_sim" in one.cmdline() for one in children)

    os.kill(parent.pid, signum)
    await parent.wait()

    async def ended() -> bool:
        left = [one.pid for one in children if alive(one)]
        assert not left, f"still running: {left}"
        return True

    await eventually(ended, "the provider to end")
