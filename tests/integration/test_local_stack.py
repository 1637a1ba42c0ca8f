"""The local stack: it comes back by itself, and nothing of it outlives its supervisor."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from divert_cli.checkout import STATE
from divert_cli.stack import LocalStack, Run, StackError, discard, kafka, running
from waiting import eventually

HOLD_A_BARE_STACK = """
import asyncio, sys
from pathlib import Path
from divert_cli.stack.serve import serve

asyncio.run(
    serve(Path(sys.argv[1]), services=False, run_file=Path(sys.argv[2]), progress=print, ready=print)
)
"""


@pytest_asyncio.fixture(scope="module")
async def local() -> AsyncIterator[LocalStack]:
    data = STATE / "tests" / uuid.uuid4().hex
    try:
        async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
            yield stack
    finally:
        discard(data)


async def test_a_killed_broker_comes_back_at_the_same_address_with_its_records(local: LocalStack) -> None:
    topic = f"kept-{uuid.uuid4()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=local.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=local.kafka, acks="all") as producer:
        await producer.send_and_wait(topic, b"before")
    address = local.kafka
    killed = local.pid("kafka")

    await local.kill("kafka")
    await local.wait_ready("kafka")

    assert local.kafka == address
    assert local.pid("kafka") != killed
    assert await kafka.answers(address)
    async with AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(20):
            assert (await consumer.getone()).value == b"before"


async def test_a_killed_postgres_comes_back_at_the_same_address_with_its_rows(local: LocalStack) -> None:
    connection = await asyncpg.connect(local.postgres)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (42)")

    await local.kill("postgres")
    await local.wait_ready("postgres")

    connection.terminate()
    connection = await asyncpg.connect(local.postgres)
    assert await connection.fetchval("SELECT n FROM kept") == 42
    await connection.close()


async def test_a_killed_valkey_comes_back_at_the_same_address_with_its_keys(local: LocalStack) -> None:
    client = Redis.from_url(local.valkey)
    await client.set("kept", "42")
    # What Valkey promises with its append-only file is that a second later it is on disk.
    await eventually(lambda: _fsynced(client), "the append-only file to reach the disk")

    await local.kill("valkey")
    await local.wait_ready("valkey")

    await client.aclose()
    client = Redis.from_url(local.valkey)
    assert await client.get("kept") == b"42"
    await client.aclose()


async def _fsynced(client: "Redis") -> bool:
    info = await client.info("persistence")
    return info["aof_pending_bio_fsync"] == 0 and info["aof_buffer_length"] == 0


async def test_postgres_wants_a_password(local: LocalStack) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(local.postgres.replace("divert:", "divert:x", 1))


async def test_a_killed_watchdog_is_replaced(local: LocalStack) -> None:
    killed = local.watchdog_pid

    os.kill(killed, signal.SIGKILL)

    async def replaced() -> bool:
        return local.watchdog_pid != killed and psutil.pid_exists(local.watchdog_pid)

    await eventually(replaced, "another watchdog")


async def test_a_second_stack_on_the_same_data_is_refused(local: LocalStack) -> None:
    with pytest.raises(StackError, match="running or still stopping"):
        async with LocalStack(local.data, services=False, preferred_ports=False, environment={}):
            pass


async def test_a_component_named_in_the_environment_is_used_as_it_is(local: LocalStack) -> None:
    data = STATE / "tests" / uuid.uuid4().hex
    there = {"DIVERT_KAFKA": local.kafka, "DIVERT_POSTGRES": local.postgres, "DIVERT_VALKEY": local.valkey}

    async with LocalStack(data, services=False, environment=there) as other:
        assert (other.kafka, other.postgres, other.valkey) == (local.kafka, local.postgres, local.valkey)
        assert other.run.processes == ()

    discard(data)


async def test_a_component_that_does_not_answer_at_its_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="valkey does not answer at the address in DIVERT_VALKEY"):
        async with LocalStack(tmp_path, services=False, environment={"DIVERT_VALKEY": "redis://127.0.0.1:1/0"}):
            pass


# ---------------------------------------------------------------------------- the supervisor as a process


@asynccontextmanager
async def _supervisor(data: Path) -> AsyncGenerator[tuple[Run, set[psutil.Process]]]:
    """Run a bare stack in a process of its own; yield what it published and every process it consists of."""
    run_file = data / "run.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIVERT_")}
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_A_BARE_STACK, str(data), str(run_file), env=environment
    )

    async def ready() -> Run | None:
        run = running(run_file)
        return run if run and run.state == "ready" else None

    try:
        run = await eventually(ready, "the stack to be ready", within=180)
        everything = psutil.Process(supervisor.pid).children(recursive=True)
        yield run, {psutil.Process(supervisor.pid), *everything}
    finally:
        if supervisor.returncode is None:
            supervisor.terminate()
        await supervisor.wait()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _all_end(processes: set[psutil.Process]) -> None:
    async def ended() -> bool:
        left = [process.pid for process in processes if _alive(process)]
        assert not left, f"still running: {left}"
        return True

    await eventually(ended, "every process of the stack to end", within=180)


@pytest.fixture
def data() -> Path:
    return STATE / "tests" / uuid.uuid4().hex


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_supervisor_told_to_stop_leaves_no_process_behind(data: Path, signum: signal.Signals) -> None:
    async with _supervisor(data) as (run, processes):
        os.kill(run.pid, signum)
        await _all_end(processes)

    assert not (data / "run.json").exists()
    assert "database system is shut down" in (data / "logs" / "postgres.log").read_text()
    discard(data)


async def test_a_killed_supervisor_leaves_no_process_behind_and_its_data_can_be_used_again(data: Path) -> None:
    async with _supervisor(data) as (run, processes):
        os.kill(run.pid, signal.SIGKILL)
        await _all_end(processes)

    assert (data / "run.json").exists()
    assert running(data / "run.json") is None
    assert "database system is shut down" in (data / "logs" / "postgres.log").read_text()
    async with _supervisor(data) as (again, _):
        assert all(process.restarts == 0 for process in again.processes)
    discard(data)


async def test_a_supervisor_killed_with_its_watchdog_leaves_no_process_behind(data: Path) -> None:
    async with _supervisor(data) as (run, processes):
        [watchdog] = [process for process in processes if "watchdog.py" in " ".join(process.cmdline())]
        watchdog.suspend()
        os.kill(run.pid, signal.SIGKILL)
        watchdog.kill()
        await _all_end(processes)
    discard(data)


async def test_the_record_of_a_stack_is_not_for_everybody(data: Path) -> None:
    async with _supervisor(data) as (run, _):
        assert run.data == data
        assert {process.name for process in run.processes} == {"kafka", "postgres", "valkey"}
        assert (data / "run.json").stat().st_mode & 0o077 == 0
    discard(data)
