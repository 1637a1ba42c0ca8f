"""Keep processes running, and see to it that none outlives its supervisor."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from divert_cli.errors import StackError

LOG_CAP_BYTES = 10 * 1024 * 1024
_BACKOFF_FIRST, _BACKOFF_MOST = 0.2, 5.0
_STEADY_SECONDS = 30.0
_FAILED_STARTS = 3
_HERE = Path(__file__).parent


def run(command: Sequence[str], user: str | None = None) -> str:
    """Run a command to its end, as `user` where that is not None, and return what it printed.

    Raises:
        StackError: it cannot be run or it fails, with what it printed.
    """
    group = None if user is None else pwd.getpwnam(user).pw_gid
    try:
        return subprocess.run(
            command,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            cwd="/",
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ).stdout
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error}") from error
    except subprocess.CalledProcessError as error:
        raise StackError(f"{command[0]} failed, exit {error.returncode}:\n{error.stdout}") from error


@dataclass(frozen=True)
class Program:
    """How one process is run.

    Attributes:
        name: its name in `status` and `logs`.
        command: absolute path of the program, and its arguments.
        port: the loopback port it listens on.
        probe: tells whether the process answers; may raise `OSError` or `TimeoutError` instead of False.
        env: additions to the environment.
        user: the user to run as, None for ourselves.
        cwd: where it runs.
        nice: how much it stands back for others when there is too little processor for all.
        stop_signal: asks it to stop in good order.
        stop_within: seconds it gets for that before it is killed.
        ready_within: seconds from start to readiness before the start counts as failed.
    """

    name: str
    command: Sequence[str]
    port: int
    probe: Callable[[], Awaitable[bool]]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str | None = None
    cwd: Path | None = None
    nice: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 20.0
    ready_within: float = 90.0


class Watchdog:
    """The process that ends what is left when the supervisor is killed; see `watchdog.py`."""

    def __init__(self, locks: Sequence[IO[str]]) -> None:
        """Share `locks` with the watchdog so that they are held until the last process is gone."""
        self._locks = locks
        self._watched: dict[int, int] = {}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "watchdog.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=[lock.fileno() for lock in self._locks],
        )

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise StackError("the watchdog has no input")
        try:
            pipe.write(line)
            pipe.flush()
        except BrokenPipeError:
            self._process.wait()
            self.keep_alive()

    @property
    def pid(self) -> int:
        """Process id of the watchdog."""
        return self._process.pid

    def watch(self, pid: int, stop_signal: signal.Signals) -> None:
        """End process group `pid` if the supervisor dies."""
        self._watched[pid] = int(stop_signal)
        self._tell(f"+ {pid} {int(stop_signal)}\n")

    def forget(self, pid: int) -> None:
        """Leave process `pid` alone: it has ended."""
        self._watched.pop(pid, None)
        self._tell(f"- {pid}\n")

    def keep_alive(self) -> None:
        """Start another watchdog if somebody has killed this one."""
        if self._process.poll() is None:
            return
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process = self._start()
        for pid, stop_signal in self._watched.items():
            self._tell(f"+ {pid} {stop_signal}\n")

    def close(self) -> None:
        """Let the watchdog go; it ends whatever is still watched."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        """Return the watchdog, which has run since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


async def spawn(
    command: Sequence[str],
    log: Path,
    watchdog: Watchdog,
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str],
    user: str | None = None,
    cwd: Path | None = None,
    nice: int = 0,
) -> asyncio.subprocess.Process:
    """Run a command that does not outlive us, in a session of its own.

    Args:
        command: absolute path of the program, and its arguments.
        log: the file that its output is added to.
        watchdog: ends it when we cannot; it is to be told when the process has ended.
        stop_signal: asks it to stop in good order.
        env: additions to the environment.
        user: the user to run as, None for ourselves.
        cwd: where it runs.
        nice: how much it stands back for others when there is too little processor for all.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_HERE / "launch.py"),
            str(os.getpid()),
            str(int(stop_signal)),
            user or "",
            str(nice),
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            cwd=cwd,
            start_new_session=True,
        )
    watchdog.watch(process.pid, stop_signal)
    return process


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, at most 64 KiB; nothing when there is none yet."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


class Supervised:
    """One process that is started again whenever it ends, at the same port and with the same data."""

    def __init__(
        self,
        program: Program,
        log: Path,
        watchdog: Watchdog,
        *,
        changed: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        """Run `program` with its output in `log`.

        Args:
            program: what to run.
            log: the file that its output is added to.
            watchdog: ends it when we cannot.
            changed: is called when process id, readiness or number of restarts change.
            progress: is told when it ends unasked.
        """
        self.program = program
        self.log = log
        self.restarts = 0
        self.pid: int | None = None
        self._watchdog = watchdog
        self._changed = changed
        self._progress = progress
        self._ready = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._task = asyncio.create_task(self._run(), name=f"supervise {program.name}")

    @property
    def ready(self) -> bool:
        """Whether the process that runs now has answered its probe."""
        return self._ready.is_set()

    async def _until_ready(self) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                if await asyncio.wait_for(self.program.probe(), 5):
                    return
            await asyncio.sleep(0.05)

    async def _run(self) -> None:
        backoff = _BACKOFF_FIRST
        ever_ready = False
        while True:
            began = time.monotonic()
            try:
                was_ready, how = await self._once()
            except OSError as error:
                was_ready, how = False, str(error)
            ever_ready |= was_ready
            if not ever_ready and self.restarts + 1 == _FAILED_STARTS and not self._failed.done():
                reason = f"{self.program.name} does not start ({how}); the end of {self.log}:\n{tail(self.log)}"
                self._failed.set_exception(StackError(reason))
            if time.monotonic() - began > _STEADY_SECONDS:
                backoff = _BACKOFF_FIRST
            self._progress(f"{self.program.name}: {how}; starting it again")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _BACKOFF_MOST)
            self.restarts += 1

    async def _once(self) -> tuple[bool, str]:
        """Run the process to its end; return whether it was ever ready, and how it ended."""
        program = self.program
        process = self._process = await spawn(
            program.command,
            self.log,
            self._watchdog,
            stop_signal=program.stop_signal,
            env=program.env,
            user=program.user,
            cwd=program.cwd,
            nice=program.nice,
        )
        self.pid = process.pid
        self._changed()
        ended = asyncio.create_task(process.wait())
        answers = asyncio.create_task(self._until_ready())
        was_ready = False
        how = "ended"
        try:
            await asyncio.wait({ended, answers}, timeout=self.program.ready_within, return_when="FIRST_COMPLETED")
            if answers.done() and not ended.done():
                answers.result()
                was_ready = True
                self._ready.set()
                self._changed()
            elif not ended.done():
                how = f"not ready after {self.program.ready_within:.0f} s and killed"
                self._signal(signal.SIGKILL)
            # Not `await ended`: whoever cancels this task would cancel that one too.
            await asyncio.wait({ended})
        finally:
            answers.cancel()
            self._ready.clear()
            if not ended.done():
                await self._end(ended)
            self.pid = None
            self._watchdog.forget(process.pid)
            self._changed()
        return was_ready, f"{how}, exit {process.returncode}"

    def _signal(self, signum: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    async def _end(self, ended: asyncio.Task[int]) -> None:
        self._signal(self.program.stop_signal)
        await asyncio.wait({ended}, timeout=self.program.stop_within)
        if not ended.done():
            self._signal(signal.SIGKILL)
            await asyncio.wait({ended})

    async def wait_ready(self, within: float) -> None:
        """Return when the process answers.

        Raises:
            StackError: it has failed to start several times, or does not answer within `within` seconds.
        """
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._failed, self._task}, timeout=within, return_when="FIRST_COMPLETED")
            if ready.done():
                return
            if self._failed.done():
                self._failed.result()
            if self._task.done():
                self._task.result()
        finally:
            ready.cancel()
        raise StackError(
            f"{self.program.name} is not ready after {within:.0f} s; the end of {self.log}:\n{tail(self.log)}"
        )

    async def kill(self) -> None:
        """Kill the process as a crash would, and return when it is dead; it is started again by itself."""
        process = self._process
        self._ready.clear()
        self._signal(signal.SIGKILL)
        if process is not None:
            await process.wait()
            self.pid = None

    async def stop(self) -> None:
        """Ask the process to stop, wait until it has, and do not start it again."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._failed.done():
            self._failed.exception()
        else:
            self._failed.cancel()

    def cap_log(self) -> None:
        """Keep one older part of the log and start anew when it has grown past its cap."""
        if self.log.exists() and self.log.stat().st_size > LOG_CAP_BYTES:
            # Copied and truncated, not renamed: the process keeps its file open, in append mode.
            shutil.copyfile(self.log, self.log.with_suffix(".1.log"))
            os.truncate(self.log, 0)
