"""How fast domain time runs on a stack."""

import asyncio
from datetime import UTC, datetime, timedelta

from divert_chassis.clock import DomainClock, domain_time
from divert_cli.prepare import set_clock
from divert_contracts.facts.policies import ClockSet

SOON = timedelta(seconds=1.5)
"""Real time until a change takes effect: every process has read it by then."""


class Tempo:
    """Sets a stack's domain clock and follows it."""

    def __init__(self, kafka: str) -> None:
        """Begin at real time; ``kafka`` is host:port."""
        self.clock = DomainClock()
        """The domain clock as the processes have it."""
        self._kafka = kafka
        self._records: tuple[ClockSet, ...] = ()

    async def set(self, rate: float) -> datetime:
        """Let domain time run at a rate from soon on, and return the domain time at which that began.

        Domain time never goes back. Returns when the change is in force.

        Raises:
            BrokerError: Kafka does not answer or refuses.
        """
        real_from = datetime.now(UTC) + SOON
        domain_from = domain_time(self._records, real_from)
        change = ClockSet(occurred_at=domain_from, real_from=real_from, domain_from=domain_from, rate=rate)
        await set_clock(self._kafka, change)
        self._records = (*self._records, change)
        self.clock.learn(change)
        await asyncio.sleep((real_from - datetime.now(UTC)).total_seconds())
        return domain_from
