"""The parts of the local stack that need no Kafka."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from divert_cli.stack import LocalStack, Run, StackError, discard, running
from divert_cli.stack.local import Ports
from divert_cli.stack.record import lock, lock_of, locked, write
from divert_cli.stack.services import SERVICES
from divert_cli.stack.supervise import LOG_CAP_BYTES, Program, Supervised, Watchdog, tail
from waiting import eventually


def _run(data: Path, pid: int) -> Run:
    return Run(
        version="0",
        pid=pid,
        state="ready",
        data=data,
        started_at="2026-01-01T00:00:00+00:00",
        kafka="",
        kafka_for_providers="",
        postgres="",
        valkey="",
        urls={},
        processes=(),
    )


def test_the_record_of_a_stack_that_holds_its_lock_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    write(_run(tmp_path, os.getpid()), file)

    with lock(lock_of(file)):
        assert running(file) == _run(tmp_path, os.getpid())


def test_a_record_whose_lock_nobody_holds_is_not_believed_even_if_its_process_id_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    write(_run(tmp_path, os.getpid()), file)

    assert running(file) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff\xfe"])
def test_a_damaged_record_is_not_believed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)

    with lock(lock_of(file)):
        assert running(file) is None


def test_a_lock_is_held_once_and_free_again_after_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"

    with lock(file), pytest.raises(StackError):
        lock(file)

    assert not locked(file)


def test_data_in_use_is_not_discarded(tmp_path: Path) -> None:
    data = tmp_path / "data"

    with lock(data / "stack.lock"), pytest.raises(StackError):
        discard(data)

    discard(data)
    assert not data.exists()


def test_names_and_ports_of_the_services_are_unique() -> None:
    assert len({service.name for service in SERVICES}) == len(SERVICES)
    assert len({service.port for service in SERVICES}) == len(SERVICES)


def test_a_port_is_handed_out_once() -> None:
    ports = Ports()
    first = ports.take()

    assert ports.take(first) != first


async def test_the_stack_says_which_processes_it_knows_when_asked_for_another(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="does not supervise 'kafka'"):
        await LocalStack(tmp_path, services=False).kill("kafka")


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    with Watchdog([]) as watchdog:
        yield watchdog


async def _answers() -> bool:
    return True


def _supervised(code: str, log: Path, watchdog: Watchdog, said: list[str]) -> Supervised:
    program = Program(name="it", command=[sys.executable, "-c", code], port=0, probe=_answers)
    return Supervised(program, log, watchdog, changed=lambda: None, progress=said.append)


async def test_a_process_that_ends_is_started_again(tmp_path: Path, watchdog: Watchdog) -> None:
    said: list[str] = []
    it = _supervised("import time; time.sleep(60)", tmp_path / "it.log", watchdog, said)
    await it.wait_ready(10)
    first = it.pid

    await it.kill()
    await it.wait_ready(10)

    assert it.pid not in {None, first}
    assert it.restarts == 1
    assert said == ["it: ended, exit -9; starting it again"]
    await it.stop()
    assert it.pid is None


async def test_a_program_that_never_starts_is_reported_with_the_end_of_its_log(
    tmp_path: Path, watchdog: Watchdog
) -> None:
    it = _supervised("raise SystemExit('no such thing')", tmp_path / "it.log", watchdog, [])
    it.program = Program(name="it", command=it.program.command, port=0, probe=_never)

    with pytest.raises(StackError, match=r"(?s)it does not start.*no such thing"):
        await it.wait_ready(20)

    await it.stop()


async def _never() -> bool:
    return False


async def test_what_a_program_leaves_running_when_told_to_stop_is_killed(tmp_path: Path, watchdog: Watchdog) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    it = _supervised(deaf, tmp_path / "it.log", watchdog, [])
    it.program = Program(name="it", command=it.program.command, port=0, probe=_answers, stop_within=0.2)
    await eventually(lambda: _says(it.log, "deaf"), "the process to ignore the signal")

    async with asyncio.timeout(5):
        await it.stop()

    assert it.pid is None


async def _says(log: Path, word: str) -> bool:
    return word in tail(log)


async def test_a_log_that_has_grown_past_its_cap_is_cut_and_its_older_part_kept(
    tmp_path: Path, watchdog: Watchdog
) -> None:
    it = _supervised("import time; time.sleep(60)", tmp_path / "it.log", watchdog, [])
    await it.wait_ready(10)
    it.log.write_bytes(b"x" * (LOG_CAP_BYTES + 1))

    it.cap_log()

    assert it.log.stat().st_size == 0
    assert (tmp_path / "it.1.log").stat().st_size == LOG_CAP_BYTES + 1
    await it.stop()
