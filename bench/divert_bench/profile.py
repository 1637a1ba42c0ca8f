"""Where the time goes in the path of a step: decode, triage's step, routing's step, encode; in one process."""

import cProfile
import pstats
from datetime import UTC, datetime, timedelta
from io import StringIO

from divert_bench import sample
from divert_chassis.memory import MemoryWorld
from divert_contracts.facts.base import Fact
from divert_routing.app import build as routing
from divert_triage.app import build as triage

_CALLS = 2000


def profile(policies: "list[Fact]", lines: int = 40) -> str:
    """Send calls through triage and routing in memory and return where the time went, the most costly first.

    Args:
        policies: the policy and agency facts that the services are to know.
        lines: how many functions are named.
    """
    at = datetime.now(UTC)
    world = MemoryWorld([triage(), routing()], start=at)
    for fact in policies:
        world.publish(fact, source="/divert/cli")
    calls = [sample.received(number, "profile", at) for number in range(_CALLS)]
    profiler = cProfile.Profile()
    profiler.enable()
    for one in calls:
        world.publish(one.fact, id=one.id)
        world.run_until(at)
    world.run_until(at + timedelta(seconds=1))
    profiler.disable()
    out = StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(lines)
    return out.getvalue()
