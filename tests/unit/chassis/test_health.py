"""Liveness and readiness tell the truth."""

import asyncio

import pytest

from divert_chassis.health import Health


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def health(seconds: Seconds) -> Health:
    return Health(monotonic=seconds)


async def test_a_task_that_ended_makes_the_process_dead(health: Health) -> None:
    async def ends() -> None:
        raise RuntimeError

    task = asyncio.create_task(ends())
    health.watch("relay", task)
    assert health.live().ok
    await asyncio.wait([task])
    assert health.live().checks == {"relay": "ended"}
    assert not (await health.ready()).ok
    assert task.exception() is not None


async def test_a_task_that_does_not_get_on_makes_the_process_dead(health: Health, seconds: Seconds) -> None:
    health.watch("consumer", within=5)
    seconds.now += 5
    assert health.live().ok
    health.beat("consumer")
    seconds.now += 5
    assert health.live().ok
    seconds.now += 0.1
    assert health.live().checks == {"consumer": "stuck"}
    health.beat("consumer")
    assert health.live().ok


async def test_dependencies_do_not_touch_liveness(health: Health) -> None:
    async def gone() -> None:
        raise ConnectionRefusedError("with an address that nobody needs to see")

    health.depends("postgres", gone)
    assert health.live().ok
    report = await health.ready()
    assert report.checks == {"postgres": "ConnectionRefusedError"}
    assert not report.ok


async def test_a_dependency_that_does_not_answer_is_not_waited_for(health: Health) -> None:
    health.depends("kafka", asyncio.Event().wait, timeout=0.01)
    assert (await health.ready()).checks == {"kafka": "timeout"}


async def test_dependencies_are_asked_at_most_once_a_second(health: Health, seconds: Seconds) -> None:
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    health.depends("postgres", ask)
    await asyncio.gather(*(health.ready() for _ in range(20)))
    assert asked == 1
    seconds.now += 1
    await health.ready()
    assert asked == 2


async def test_nothing_is_ready_before_the_policies_are_learnt(health: Health) -> None:
    health.hold("learning")
    assert health.live().ok
    assert (await health.ready()).checks == {"learning": "held"}
    health.release("learning")
    assert (await health.ready()).ok


async def test_a_task_that_is_stopped_on_purpose_is_not_missed(health: Health, seconds: Seconds) -> None:
    health.watch("consumer", within=5)
    health.unwatch("consumer")
    health.beat("consumer")
    seconds.now += 60
    assert health.live().checks == {}
