"""Run a stack until it is told to stop: in this process, or in one of its own that stays when this one goes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from divert_cli.checkout import STATE
from divert_cli.errors import StackError
from divert_cli.stack import record
from divert_cli.stack.local import LocalStack
from divert_cli.stack.record import RUN_FILE, Run

SUPERVISOR_LOG = STATE / "supervisor.log"
_STOPS_WITHIN = 60.0


async def serve(
    data: Path,
    *,
    progress: Callable[[str], None],
    ready: Callable[[Run], None],
    services: bool = True,
    run_file: Path = RUN_FILE,
) -> None:
    """Run a stack until SIGINT, SIGTERM or SIGHUP.

    A second signal cuts the orderly stop short.

    Args:
        data: its data folder.
        progress: is told what is going on, in one line each.
        ready: is called once, when everything is ready.
        services: whether to run divert's services beside Kafka, Postgres and Valkey.
        run_file: where to publish what runs; there is one stack a run file.

    Raises:
        StackError: a stack is running already, or this one does not start.
    """

    async def hold() -> None:
        async with LocalStack(data, services=services, run_file=run_file, secured=True, progress=progress) as stack:
            ready(stack.run)
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for signum in signals:
        loop.add_signal_handler(signum, holding.cancel)
    try:
        await asyncio.wait({holding})
        if not holding.cancelled():
            holding.result()
    finally:
        for signum in signals:
            loop.remove_signal_handler(signum)


def refuse_second() -> None:
    """Raise when a stack of this checkout is running; wait for what a killed one has left to end.

    Raises:
        StackError: one is running, with its process id and data folder.
    """
    give_up = time.monotonic() + _STOPS_WITHIN
    while record.locked(record.lock_of(RUN_FILE)) and time.monotonic() < give_up:
        if run := record.running():
            raise StackError(
                f"a stack is {run.state} already: process {run.pid}, data in {run.data}; `divert down` stops it"
            )
        time.sleep(0.1)


def start_detached(data: Path, progress: Callable[[str], None]) -> Run:
    """Start the stack in a process of its own and return when it is ready.

    Raises:
        StackError: a stack is running already, or this one does not start.
    """
    refuse_second()
    STATE.mkdir(parents=True, exist_ok=True)
    with SUPERVISOR_LOG.open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "divert_cli.stack", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    said: list[str] = []
    with SUPERVISOR_LOG.open(encoding="utf-8") as log:
        while True:
            ended = supervisor.poll() is not None
            for line in log:
                said.append(line.rstrip())
                progress(said[-1])
            if ended:
                raise StackError("the stack does not start:\n" + "\n".join(said[-40:]))
            run = record.running()
            if run and run.pid == supervisor.pid and run.state == "ready":
                return run
            time.sleep(0.1)


def stop(progress: Callable[[str], None]) -> bool:
    """Stop the running stack and return when its last process is gone; False when none was running.

    Raises:
        StackError: it does not stop.
    """
    run = record.running()
    if run is None:
        return False
    progress(f"stopping process {run.pid} and what it runs")
    os.kill(run.pid, signal.SIGTERM)
    give_up = time.monotonic() + _STOPS_WITHIN
    while time.monotonic() < give_up:
        if not record.locked(record.lock_of(RUN_FILE)):
            return True
        time.sleep(0.05)
    raise StackError(f"process {run.pid} has not stopped within {_STOPS_WITHIN:.0f} s; see {SUPERVISOR_LOG}")
