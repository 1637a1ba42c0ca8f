"""The long proofs, each as its command runs it, on a stack of its own."""

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from divert_cli import kafka_admin, seal
from divert_cli.demo import SEED
from divert_cli.prepare import prepare
from divert_cli.proofs import danger, faults, memory, rebuild, recount, ways
from divert_cli.stack import LocalStack, discard
from waiting import eventually

LOAD_SECONDS = float(os.environ.get("DIVERT_PROOF_SECONDS", "30"))
CALLS_PER_SECOND = 6.0
"""A load that a small and busy machine bears: this is about loss. The command proves it at 50 calls/s."""
SPEED = 20.0
DANGERS_OF_A_KIND = 5


@pytest.fixture
def data(tmp_path: Path):  # noqa: ANN201  # a generator of the path that it is given
    folder = tmp_path / "stack"
    yield folder
    discard(folder)


@pytest.mark.timeout(2400)
async def test_killing_everything_in_turn_under_load_loses_nothing_and_concludes_nothing_twice(data: Path) -> None:
    result = await faults.prove(
        data, seconds=LOAD_SECONDS, rate=CALLS_PER_SECOND, speed=SPEED, seed=SEED, say=print, drain=900.0
    )
    assert {name: wrong for name, wrong in result.faults.items() if wrong} == {}
    assert result.drained_after is not None, "calls were still open"
    assert result.accepted == result.posted > 0


@pytest.mark.timeout(900)
async def test_the_log_read_into_empty_databases_gives_the_same_tables_with_one_worker_and_with_three(
    data: Path,
) -> None:
    async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
        await prepare(stack.kafka, stack.postgres)
        await rebuild.write(stack.kafka, rebuild.evenings(2))
        result = await rebuild.rebuild(stack, print)
    assert result.calls > 0
    assert len(result.rebuilt) == len({"one worker", "three workers", "three, one killed"})
    assert len({str(one.digests) for one in result.rebuilt}) == 1
    assert result.clean


@pytest.mark.timeout(900)
async def test_the_same_becomes_of_every_scene_by_http_by_webhook_and_by_kafka(data: Path) -> None:
    result = await ways.prove(data, calls=len(ways.SCENES), say=print)
    assert result.differences == []
    assert result.clean


@pytest.mark.timeout(900)
async def test_danger_recalls_a_team_and_gives_the_call_back_however_it_is_told(data: Path) -> None:
    result = await danger.prove(data, calls=DANGERS_OF_A_KIND, rate=2.0, say=print)
    # How soon is for the command to prove: this machine has other work, and so few calls make no p99.
    assert result.not_heard == []
    assert {one.calls for one in result.waits} == {DANGERS_OF_A_KIND}
    assert len(result.waits) == 2 * len(danger.Where)


@pytest.mark.timeout(900)
async def test_every_number_and_every_seal_is_what_the_log_comes_to(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recount"
    folder.mkdir()
    async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
        await prepare(stack.kafka, stack.postgres)
        await rebuild.write(stack.kafka, rebuild.evenings(1))
        await stack.add("reporting", "reporting-recounted", {})
        await eventually(lambda: caught_up(stack), "reporting to catch up", within=180, every=0.2)
        result = await recount.prove(stack.kafka, stack.postgres, folder, print)
        sealed = await seal.sealed_now(stack.postgres, None, None, None, "lapd")
        for kafka in (None, stack.kafka):
            assert sealed.differs_from(*await seal.found(stack.postgres, kafka, sealed)) == ()
        less = sealed.model_copy(update={"log": {**sealed.log, max(sealed.log, key=lambda one: sealed.log[one]): 0}})
        assert "figures" in less.differs_from(*await seal.found(stack.postgres, stack.kafka, less))
    assert result.differing == []
    assert result.clean


async def caught_up(stack: LocalStack) -> bool:
    ends = await asyncio.to_thread(kafka_admin.ends, stack.kafka, [one.name for one in rebuild.READ])
    connection = await asyncpg.connect(stack.postgres)
    try:
        rows = await connection.fetch("SELECT topic, partition, next FROM reporting.position")
    finally:
        await connection.close()
    stands = {(row["topic"], row["partition"]): row["next"] for row in rows}
    return all(stands.get(place, 0) == end for place, (first, end) in ends.items() if end > first)


@pytest.mark.timeout(900)
def test_any_order_of_the_partitions_and_a_second_of_lag_give_the_same_endings_in_memory() -> None:
    result = memory.compare({f"{order}/{lag}": memory.in_memory(order, lag) for order, lag in memory.INTERLEAVINGS})
    assert result.differences == []
    assert result.clean
