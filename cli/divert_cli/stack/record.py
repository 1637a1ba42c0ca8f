"""What is known of the stack that runs: `run.json` for everybody to read, and the locks that make it the only one."""

import fcntl
import os
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from divert_cli.checkout import STATE
from divert_cli.errors import StackError

RUN_FILE = STATE / "run.json"


class ProcessState(BaseModel):
    """One process: its id (None between two starts), port, readiness, number of restarts and log file."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int | None
    port: int
    ready: bool
    restarts: int
    log: Path


class Run(BaseModel):
    """The stack that runs.

    Attributes:
        version: version of divert.
        pid: process id of the supervisor.
        state: what it is doing.
        data: its data folder.
        started_at: when it was started, RFC 3339, UTC.
        kafka: host:port.
        kafka_for_providers: host:port of the listener for providers' own clients; empty where there is none.
        postgres: DSN, with the password.
        valkey: URL.
        urls: service process name to base URL, without a slash at the end.
        processes: what it supervises; components whose address came from the environment are not among them.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    pid: int
    state: Literal["starting", "ready", "stopping"]
    data: Path
    started_at: str
    kafka: str
    kafka_for_providers: str
    postgres: str
    valkey: str
    urls: dict[str, str]
    processes: tuple[ProcessState, ...]


def write(run: Run, file: Path) -> None:
    """Publish `run` in one step, readable by ourselves alone: it holds the database's password."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)


def lock(file: Path) -> IO[str]:
    """Take the lock `file` for as long as the returned file is open, here or in a process that inherited it.

    Raises:
        StackError: another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = file.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise StackError(f"{file} is held by a stack that is running or still stopping") from None
    return handle


def locked(file: Path) -> bool:
    """Tell whether somebody holds the lock `file`."""
    try:
        lock(file).close()
    except StackError:
        return True
    return False


def lock_of(run_file: Path) -> Path:
    """Return the lock that goes with a run file."""
    return run_file.with_suffix(".lock")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def running(run_file: Path = RUN_FILE) -> Run | None:
    """Return the stack that runs, None when there is none.

    The file of a stack that was killed, or of one from before a reboot, is not believed: nobody holds its lock.
    """
    try:
        run = Run.model_validate_json(run_file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return run if locked(lock_of(run_file)) and _alive(run.pid) else None
