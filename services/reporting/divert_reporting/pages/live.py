"""The picture that every open board shows, caught up while somebody looks and at rest while nobody does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from divert_chassis import logs
from divert_chassis.errors import TRANSIENT
from divert_chassis.run import Runtime
from divert_contracts.step import Unavailable
from divert_contracts.vocabulary import Feed, Stage
from divert_reporting.adapters.alarms import LOOKS_EVERY, Acknowledged, Alarms
from divert_reporting.adapters.figures import Figures
from divert_reporting.adapters.outcomes import Filter, Outcomes
from divert_reporting.adapters.pipeline import Services
from divert_reporting.adapters.strips import Strips
from divert_reporting.domain.board import standing
from divert_reporting.domain.cells import Cells
from divert_reporting.domain.given import Given
from divert_reporting.domain.outlines import Outline
from divert_reporting.domain.pipeline import Health
from divert_reporting.domain.strips import Alarm, Strip
from divert_reporting.domain.today import Today, by_hour, day, spans
from divert_reporting.settings import Settings

log = logs.logger(__name__)

TASK = "board"
STRIPS_EVERY = 0.5
TODAY_EVERY = 15.0
LOOKED_WITHIN = 5.0
"""Real seconds for which a board that was looked at is kept caught up."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a board shows, of one moment."""

    number: int
    """Counts the pictures."""
    strips: Mapping[object, Strip] = field(default_factory=dict[object, Strip])
    services: Sequence[Health] = ()
    pipeline: Sequence[Alarm] = ()
    acknowledged: Mapping[str, Acknowledged] = field(default_factory=dict[str, Acknowledged])
    teams: Mapping[str, int] = field(default_factory=dict[str, int])
    """Teams on shift by provider, as each said last."""
    offers: Mapping[str, tuple[int, int, int]] = field(default_factory=dict[str, tuple[int, int, int]])
    """Today by provider: offers, those answered in time, those declined."""
    observed: int = 0
    """Observed calls in flight: divert has no part in them."""
    today: Today | None = None


class Live:
    """Keeps the picture."""

    def __init__(self, runtime: Runtime[Given], settings: Settings) -> None:
        """Know nothing yet."""
        self._runtime = runtime
        self._zone = settings.zone
        self._strips = Strips()
        self._services = Services(settings.watches)
        self._reading = asyncio.Lock()
        self._looked = self._strips_read = self._services_asked = self._counted = float("-inf")
        self._picture = Picture(0)

    @property
    def now(self) -> datetime:
        """The domain time."""
        return self._runtime.clock.now()

    @property
    def outlines(self) -> Sequence[Outline]:
        """The divisions as they are drawn now; none without a map."""
        return self._runtime.given.outlines(self.now)

    @property
    def ending(self) -> bool:
        """Whether the process is about to stop."""
        return self._runtime.health.held("stopping")

    @property
    def alarms(self) -> Alarms:
        """Who has acknowledged what, and what has been."""
        return Alarms(self._runtime.pool)

    async def picture(self) -> Picture:
        """Return the picture, at most a moment old.

        Raises:
            Unavailable: the tables cannot be read now.
        """
        self._looked = _seconds()
        if _seconds() - self._strips_read > STRIPS_EVERY * 4:
            try:
                await self._read_strips()
            except TRANSIENT:
                raise Unavailable("postgres") from None
        return self._picture

    async def acknowledged(self) -> None:
        """Look again at once: somebody has acknowledged something."""
        await self._read_acknowledged()

    async def follow(self) -> None:
        """Keep the picture caught up while somebody looks, until cancelled."""
        while True:
            self._runtime.health.beat(TASK)
            await asyncio.sleep(STRIPS_EVERY)
            if _seconds() - self._looked > LOOKED_WITHIN:
                continue
            try:
                await self._read_strips()
                if _seconds() - self._services_asked > LOOKS_EVERY:
                    await self._ask_services()
                if _seconds() - self._counted > TODAY_EVERY:
                    await self._count()
            except TRANSIENT as why:
                # Whoever looks sees it: a picture that is not caught up is not sent.
                log.warning("board-not-caught-up", error=type(why).__name__)

    def _shows(self, picture: Picture) -> None:
        self._picture = replace(picture, number=self._picture.number + 1)

    async def _read_strips(self) -> None:
        async with self._reading:
            if await self._strips.read(self._runtime.pool) or self._picture.number == 0:
                self._shows(replace(self._picture, strips=dict(self._strips.known)))
        await self._read_acknowledged()
        self._strips_read = _seconds()

    async def _read_acknowledged(self) -> None:
        raised = [one.id for one in standing(self._picture.strips.values(), self._picture.pipeline, self.now)]
        found = await self.alarms.acknowledged(raised)
        if found != self._picture.acknowledged:
            self._shows(replace(self._picture, acknowledged=found))

    async def _ask_services(self) -> None:
        services = await self._services.ask()
        self._shows(replace(self._picture, services=services, pipeline=await self.alarms.standing()))
        self._services_asked = _seconds()

    async def _count(self) -> None:
        compared = spans(self.now, self._zone)
        outcomes = Outcomes(self._runtime.pool)
        now = await self._figures(compared.since, compared.now)
        before = await self._figures(compared.before_since, compared.before_until)
        whole = await self._figures(compared.before_since, compared.before_end)
        today = Today(
            today=day(*now),
            before=day(*before),
            weekday=f"{compared.before_since:%A}",
            hours=by_hour(now[0], compared.hour + 1),
            before_hours=by_hour(whole[0]),
            handed_back=await outcomes.handed_back(compared.since),
        )
        stages = await outcomes.in_flight(Filter())
        offers = await outcomes.offers(Filter(since=compared.since, until=compared.now))
        observed = stages.get(Stage.OBSERVED.value, 0)
        self._shows(replace(self._picture, today=today, observed=observed, offers=offers, teams=await outcomes.teams()))
        self._counted = _seconds()

    async def _figures(self, since: datetime, until: datetime) -> tuple[Cells, Cells, Cells]:
        wanted = Filter(since=since, until=until, feed=Feed.DIVERTED.value)
        found = await Figures(self._runtime.pool, self._zone).read(["funnel", "outcomes", "response"], wanted)
        return Cells(found["funnel"]), Cells(found["outcomes"]), Cells(found["response"])


def _seconds() -> float:
    return asyncio.get_running_loop().time()
