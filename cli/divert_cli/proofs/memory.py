"""The same wiring tables decide the same in memory as on Kafka: outcome, reason and provider of every call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from divert_cli.calls import rows
from divert_cli.demo import EVENING, SEED
from divert_cli.prepare import agency_fact, seed_policies
from divert_cli.proofs.tempo import Tempo
from divert_cli.stack import LocalStack
from divert_reporting.domain.outcome import Denominator
from divert_sim import evening
from divert_sim.evening import Ending
from divert_sim.in_memory import MemoryEvening
from divert_sim.live import LiveEvening

EVENING_AT = datetime(2026, 11, 14, 2, tzinfo=UTC)
INTERLEAVINGS: Sequence[tuple[int, float]] = ((0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0), (4, 0.5), (5, 1.0))
"""Order of the partitions, and how many seconds later at the most a record reaches its readers."""
PLAYED_WITHIN = 300.0

Endings = Mapping[UUID, Ending]


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of which not the same became."""

    call_id: str
    run: str
    """The run that differs from the first one in memory."""
    memory: Ending | None
    other: Ending | None


@dataclass(slots=True)
class Result:
    """What was seen."""

    calls: int = 0
    runs: list[str] = field(default_factory=list[str])
    """Each was compared with the first one."""
    differences: list[Difference] = field(default_factory=list[Difference])

    @property
    def clean(self) -> bool:
        """Say whether the same became of every call in every run."""
        return self.calls > 0 and len(self.runs) > 1 and not self.differences


def in_memory(order: int, lag: float, seed: int = SEED) -> Endings:
    """Play the evening in memory and return what became of each call.

    Args:
        order: decides how the records of different partitions interleave.
        lag: seconds by which a record reaches its readers later, at the most.
        seed: what the people are like.
    """
    policies = [*seed_policies(), agency_fact()]
    play = MemoryEvening(policies, EVENING_AT, seed=seed, order=order, most_lag=timedelta(seconds=lag))
    return play.play(evening.load(EVENING))


async def on_kafka(data: Path, speed: float, seed: int = SEED) -> Endings:
    """Play the evening on a fresh stack and return what became of each call.

    Raises:
        StackError: the stack does not start.
        UnfinishedError: calls were still open after five minutes.
    """
    async with LocalStack(data, preferred_ports=False, environment={}) as stack:
        tempo = Tempo(stack.kafka)
        start = await tempo.set(speed)
        playing = LiveEvening(stack.kafka, stack.urls, tempo.clock, seed=seed)
        return await playing.play(evening.load(EVENING), start, within=PLAYED_WITHIN)


def of_running(reporting: str) -> Endings:
    """Return what became of each call by the tables of a running stack; ``reporting`` is the service's base URL.

    Raises:
        StackError: it does not answer.
    """
    return {
        UUID(row["call_id"]): Ending(row["outcome"], row["reason"], row["provider"])
        for denominator in Denominator
        for row in rows(reporting, denominator=denominator.value)
        if row["outcome"] is not None
    }


def compare(runs: Mapping[str, Endings]) -> Result:
    """Compare runs with the first of them; calls that only a later one has count where it had no business with them."""
    result = Result(runs=list(runs))
    first, *others = runs.items()
    result.calls = len(first[1])
    for name, endings in others:
        for call in sorted(first[1].keys() | endings.keys()):
            if first[1].get(call) != endings.get(call):
                result.differences.append(Difference(str(call), name, first[1].get(call), endings.get(call)))
    return result
