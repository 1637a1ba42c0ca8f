"""The long proofs, each as its command runs it, on a stack of its own."""

import os
from pathlib import Path

import pytest

from divert_cli.demo import SEED
from divert_cli.prepare import prepare
from divert_cli.proofs import faults, memory, rebuild, ways
from divert_cli.stack import LocalStack, discard

LOAD_SECONDS = float(os.environ.get("DIVERT_PROOF_SECONDS", "30"))
CALLS_PER_SECOND = 6.0
"""A load that a small and busy machine bears: this is about loss. The command proves it at 50 calls/s."""
SPEED = 20.0


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
def test_any_order_of_the_partitions_and_a_second_of_lag_give_the_same_endings_in_memory() -> None:
    result = memory.compare({f"{order}/{lag}": memory.in_memory(order, lag) for order, lag in memory.INTERLEAVINGS})
    assert result.differences == []
    assert result.clean
