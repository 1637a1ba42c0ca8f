"""Services as processes of their own, as they run in production."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from divert_cli.stack.local import Ports, service_answers
from stack import Addresses
from waiting import eventually

ports = Ports()


@asynccontextmanager
async def running(
    module: str, prefix: str, stack: Addresses, database: str, **environment: str
) -> AsyncGenerator[httpx.AsyncClient]:
    """Run `python -m module`; yield a client of its API, and stop it with SIGTERM afterwards."""
    port = ports.take()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={
            **os.environ,
            "DIVERT_KAFKA": stack.kafka,
            "DIVERT_POSTGRES": database,
            "DIVERT_VALKEY": stack.valkey,
            "DIVERT_LOG_LEVEL": "warning",
            f"{prefix}_HOST": "127.0.0.1",
            f"{prefix}_PORT": str(port),
            **environment,
        },
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: service_answers(f"{url}/readyz"), f"{module} to be ready", within=180, every=0.1)
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0, f"{module} did not stop as it should"
