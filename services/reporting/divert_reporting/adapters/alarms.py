"""Alarms in the tables: what has been the matter, who has seen to it, and the watch over services and providers.

What calls raise follows from their facts and is kept with the strips. What services and providers raise follows from
asking them: one worker at a time does, whether or not somebody looks at a board.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import AwareDatetime

from divert_chassis import logs
from divert_chassis.clock import Clock
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.health import Health
from divert_contracts.model import Model, Term
from divert_reporting.adapters.pipeline import Services
from divert_reporting.domain.board import SILENT_AFTER, silent
from divert_reporting.domain.pipeline import troubles, turned
from divert_reporting.domain.strips import Alarm, AlarmKind

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection, Pool

log = logs.logger(__name__)

TASK = "watch"
"""The name under which services and providers are watched beside the consumer."""
LOOKS_EVERY = 3.0
"""Real seconds between two looks at the services."""
OFFERS_WITHIN = timedelta(hours=2)
"""How far back is looked whether a provider answers its offers."""
DDL = """
CREATE TABLE IF NOT EXISTS pipeline_alarms (
    id text PRIMARY KEY, kind text NOT NULL, about text NOT NULL, raised_at timestamptz NOT NULL,
    ended_at timestamptz);
CREATE INDEX IF NOT EXISTS pipeline_alarms_raised ON pipeline_alarms (raised_at);
CREATE INDEX IF NOT EXISTS pipeline_alarms_open ON pipeline_alarms (id) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS alarm_acknowledgements (
    alarm text PRIMARY KEY, kind text NOT NULL, call_id uuid, about text NOT NULL, raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz NOT NULL, by text NOT NULL, note text NOT NULL);
DROP INDEX IF EXISTS alarm_acknowledgements_when;
CREATE INDEX IF NOT EXISTS alarm_acknowledgements_raised ON alarm_acknowledgements (raised_at);
COMMENT ON TABLE pipeline_alarms IS
    'When services and providers were down or behind, and for how long, as they were seen; in no figure and no seal.';
COMMENT ON TABLE alarm_acknowledgements IS
    'Who has seen to an alarm: what the board itself remembers; in no figure and no seal.';
"""
_LOCK = 0x77_61_74_63


class Note(Term):
    """What somebody who acknowledges an alarm says of it."""

    LOOKING_INTO_IT = "looking_into_it"
    RANG_PROVIDER = "rang_provider"
    RANG_DISPATCHER = "rang_dispatcher"
    SENT_SOMEBODY = "sent_somebody"
    KNOWN_OUTAGE = "known_outage"
    FALSE_ALARM = "false_alarm"
    DRILL = "drill"
    UNKNOWN = "unknown"


class Acknowledged(Model):
    """Who has seen to an alarm."""

    alarm: str
    acknowledged_at: AwareDatetime
    by: str
    note: Note


class Past(Model):
    """An alarm as the history has it."""

    id: str
    kind: AlarmKind
    call_id: UUID | None
    about: str
    raised_at: AwareDatetime
    ended_at: AwareDatetime | None
    """Null while it is open."""
    never: bool
    """Somebody saw to it, and a fact that came later says that nothing had been the matter."""
    acknowledged_at: AwareDatetime | None
    by: str | None
    note: Note | None


class Alarms:
    """Who has acknowledged what, and what has been."""

    def __init__(self, pool: "Pool") -> None:
        """Read and write through a pool whose connections see reporting's schema."""
        self._pool = pool

    async def acknowledge(self, alarm: Alarm, *, by: str, note: Note, at: datetime) -> Acknowledged:
        """Write down who sees to an alarm; return who does: the first who said so."""
        await self._pool.execute(
            "INSERT INTO alarm_acknowledgements VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            alarm.id,
            alarm.kind.value,
            alarm.call_id,
            alarm.about,
            alarm.raised_at,
            at,
            by,
            note.value,
        )
        return (await self.acknowledged([alarm.id]))[alarm.id]

    async def acknowledged(self, alarms: Sequence[str]) -> Mapping[str, Acknowledged]:
        """Return who sees to these alarms, where somebody does."""
        if not alarms:
            return {}
        rows = await self._pool.fetch(
            "SELECT alarm, acknowledged_at, by, note FROM alarm_acknowledgements WHERE alarm = ANY($1::text[])",
            list(alarms),
        )
        return {row["alarm"]: Acknowledged.model_validate(dict(row)) for row in rows}

    async def history(self, since: datetime, until: datetime, *, limit: int) -> Sequence[Past]:
        """Return the alarms that were raised in a period, newest first."""
        newest = "raised_at >= $1 AND raised_at < $2 ORDER BY raised_at DESC, id LIMIT $3"
        rows = await self._pool.fetch(
            "WITH raised AS ("
            " (SELECT id, kind, call_id, about, raised_at, ended_at, false AS never FROM call_alarms"
            f" WHERE {newest}) UNION ALL"
            " (SELECT id, kind, NULL, about, raised_at, ended_at, false FROM pipeline_alarms"
            f" WHERE {newest}) UNION ALL"
            " (SELECT alarm AS id, kind, call_id, about, raised_at, NULL, true FROM alarm_acknowledgements seen"
            " WHERE NOT EXISTS (SELECT FROM call_alarms WHERE id = seen.alarm)"
            f" AND NOT EXISTS (SELECT FROM pipeline_alarms WHERE id = seen.alarm) AND {newest}))"
            " SELECT raised.*, acknowledged_at, by, note FROM raised"
            " LEFT JOIN alarm_acknowledgements ON alarm = id ORDER BY raised.raised_at DESC, id LIMIT $3",
            since,
            until,
            limit,
        )
        return [Past.model_validate(dict(row)) for row in rows]

    async def standing(self) -> Sequence[Alarm]:
        """Return what is the matter with services and providers now."""
        rows = await self._pool.fetch(
            "SELECT id, kind, about, raised_at FROM pipeline_alarms WHERE ended_at IS NULL ORDER BY raised_at, id"
        )
        return [Alarm.model_validate(dict(row)) for row in rows]


async def watch(pool: Callable[[], "Pool"], urls: Mapping[str, str], clock: Clock, health: Health) -> None:
    """Write down what is the matter with services and providers, until cancelled; one worker at a time does."""
    services, suspected, waits = Services(urls), frozenset[str](), backoff()
    while True:
        try:
            suspected = await look(pool(), services, suspected, clock.now())
        except TRANSIENT as why:
            log.warning("services-not-watched", error=type(why).__name__)
            health.beat(TASK)
            await asyncio.sleep(next(waits))
        else:
            waits = backoff()
            health.beat(TASK)
            await asyncio.sleep(LOOKS_EVERY)


async def look(pool: "Pool", services: Services, suspected: frozenset[str], at: datetime) -> frozenset[str]:
    """Ask once, and write down what has begun and what is over.

    Args:
        pool: connections that see reporting's schema.
        services: whom to ask.
        suspected: what this worker saw the last time; an alarm is raised of what is seen twice in a row.
        at: the domain time.

    Returns:
        What is suspected now; as before, where another worker looks at this moment.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return suspected
        answers = await _answers(connection, at - OFFERS_WITHIN)
        found = {**troubles(await services.ask()), **silent(answers)}
        rows = await connection.fetch("SELECT id FROM pipeline_alarms WHERE ended_at IS NULL")
        begun, over = turned(found, [row["id"] for row in rows], suspected, at)
        # Domain time may have been set back since.
        await connection.execute(
            "UPDATE pipeline_alarms SET ended_at = greatest(raised_at, $1) WHERE id = ANY($2::text[])", at, over
        )
        await connection.executemany(
            "INSERT INTO pipeline_alarms (id, kind, about, raised_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [(one.id, one.kind.value, one.about, one.raised_at) for one in begun],
        )
        return frozenset(found)


async def _answers(connection: "Connection", since: datetime) -> Mapping[str, Sequence[bool]]:
    """Return for each provider, newest first, whether its latest offers of calls since then were answered."""
    rows = await connection.fetch(
        "SELECT provider, NOT timed_out AS answered FROM ("
        " SELECT o.provider, timed_out, row_number() OVER (PARTITION BY o.provider ORDER BY offered_at DESC)"
        " AS place FROM case_outcomes o JOIN call_outcomes USING (call_id)"
        " WHERE accepted_at >= $1 AND (timed_out OR o.acknowledged_at IS NOT NULL OR declined IS NOT NULL)) latest"
        ' WHERE place <= $2 ORDER BY provider COLLATE "C", place',
        since,
        SILENT_AFTER,
    )
    found: dict[str, list[bool]] = {}
    for row in rows:
        found.setdefault(row["provider"], []).append(row["answered"])
    return found
