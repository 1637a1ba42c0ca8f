"""Reads rows of calls, and counts over them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from divert_contracts.model import Model
from divert_reporting.adapters.tables import STEPS
from divert_reporting.domain.figures import Shadowed, in_danger_order
from divert_reporting.domain.outcome import CallOutcome

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

ENDINGS = ("served", "withdrawn", "eligible_not_served", "ineligible", "not_triaged", "in_flight")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls are asked for; what is null does not narrow."""

    denominator: str | None = "in"
    outcome: str | None = None
    in_flight: bool | None = None
    feed: str | None = None
    division: int | None = None
    provider: str | None = None
    agency: str | None = None
    since: datetime | None = None
    """Accepted from then on."""
    until: datetime | None = None
    """Accepted before."""

    def where(self) -> tuple[str, list[object]]:
        """Return the condition and its arguments, numbered from 1."""
        conditions = ["true"]
        values: list[object] = []
        for column in ("denominator", "outcome", "feed", "division", "provider", "agency"):
            value = getattr(self, column)
            if value is not None:
                values.append(value)
                conditions.append(f"{column} = ${len(values)}")
        if self.in_flight is not None:
            conditions.append("outcome IS NULL" if self.in_flight else "outcome IS NOT NULL")
        for time, sign in ((self.since, ">="), (self.until, "<")):
            if time is not None:
                values.append(time)
                conditions.append(f"accepted_at {sign} ${len(values)}")
        return " AND ".join(conditions), values


class Hour(Model):
    """The counts of one hour, in calls."""

    hour: datetime | None
    """When it began (UTC); null for calls of which nobody has said yet when they were accepted."""
    received: int
    triaged: int
    eligible: int
    routed: int
    offered: int
    acknowledged: int
    on_scene: int
    resolved: int
    served: int
    withdrawn: int
    eligible_not_served: int
    ineligible: int
    not_triaged: int
    in_flight: int


class Outcomes:
    """Reads the tables."""

    def __init__(self, pool: "Pool") -> None:
        """Read through a pool whose connections see reporting's schema."""
        self._pool = pool

    async def rows(self, wanted: Filter, *, after: UUID | None, limit: int) -> list[CallOutcome]:
        """Return rows by call id, beginning after one."""
        where, values = wanted.where()
        if after is not None:
            values.append(after)
            where += f" AND call_id > ${len(values)}"
        values.append(limit)
        rows = await self._pool.fetch(
            f"SELECT * FROM call_outcomes WHERE {where} ORDER BY call_id LIMIT ${len(values)}",
            *values,
        )
        return [_read(row) for row in rows]

    async def oldest(self, wanted: Filter, *, limit: int) -> list[CallOutcome]:
        """Return the rows that were accepted first."""
        where, values = wanted.where()
        values.append(limit)
        rows = await self._pool.fetch(
            f"SELECT * FROM call_outcomes WHERE {where} ORDER BY accepted_at NULLS LAST, call_id LIMIT ${len(values)}",
            *values,
        )
        return [_read(row) for row in rows]

    async def in_flight(self, wanted: Filter) -> dict[str, int]:
        """Return the number of calls in flight by stage."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT stage, count(*) AS calls FROM call_outcomes WHERE {where} AND outcome IS NULL"
            " GROUP BY stage ORDER BY stage",
            *values,
        )
        return {row["stage"]: row["calls"] for row in rows}

    async def denominators(self, wanted: Filter) -> dict[str, int]:
        """Return the number of calls in and outside the denominators, by why."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT denominator, count(*) AS calls FROM call_outcomes WHERE {where} GROUP BY 1 ORDER BY 1",
            *values,
        )
        return {row["denominator"]: row["calls"] for row in rows}

    async def shadowed(self, wanted: Filter) -> list[Shadowed]:
        """Return the calls that a policy tried beside would have decided otherwise, in number."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            "SELECT shadow_policy AS policy, shadow_change AS change, rule_ids[1] AS rule, shadow_rule,"
            f" count(*) AS calls FROM call_outcomes WHERE {where} AND shadow_policy IS NOT NULL GROUP BY 1, 2, 3, 4",
            *values,
        )
        return in_danger_order(Shadowed.model_validate(dict(row)) for row in rows)

    async def hours(self, wanted: Filter, *, limit: int) -> list[Hour]:
        """Return the counts by hour of acceptance, newest first."""
        where, values = wanted.where()
        values.append(limit)
        rows = await self._pool.fetch(
            f"SELECT hour, {', '.join(_count(column) for column in (*STEPS, *ENDINGS))} FROM funnel"
            f" WHERE {where} GROUP BY 1 ORDER BY 1 DESC NULLS LAST LIMIT ${len(values)}",
            *values,
        )
        return [Hour.model_validate(dict(row)) for row in rows]

    async def handed_back(self, since: datetime) -> int:
        """Return how many calls have gone back to the dispatcher since, of those accepted from the day before on."""
        return await self._pool.fetchval(
            "SELECT count(*) FROM call_outcomes WHERE accepted_at >= $1::timestamptz - interval '1 day'"
            " AND handed_off_at >= $1 AND denominator = 'in' AND feed = 'diverted'",
            since,
        )

    async def offers(self, wanted: Filter) -> dict[str, tuple[int, int, int]]:
        """Return for each provider its offers, those answered in time, and those declined, in number."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            "SELECT o.provider, count(*) AS offers, count(*) FILTER (WHERE NOT o.timed_out AND"
            " (o.acknowledged_at IS NOT NULL OR o.declined IS NOT NULL)) AS answered,"
            " count(*) FILTER (WHERE o.declined IS NOT NULL) AS declined FROM case_outcomes o"
            f" JOIN (SELECT call_id FROM call_outcomes WHERE {where}) c USING (call_id)"
            ' GROUP BY o.provider ORDER BY o.provider COLLATE "C"',
            *values,
        )
        return {row["provider"]: (row["offers"], row["answered"], row["declined"]) for row in rows}

    async def teams(self) -> dict[str, int]:
        """Return each provider's teams on shift as it said last, in number."""
        rows = await self._pool.fetch(
            "SELECT DISTINCT ON (provider) provider, teams FROM shift_changes ORDER BY provider, changed_at DESC"
        )
        return {row["provider"]: row["teams"] for row in rows}

    async def corrections(self) -> tuple[int, int]:
        """Return how many calls were corrected after their conclusion, and by how many facts."""
        row = await self._pool.fetchrow("SELECT count(*), coalesce(sum(late_facts), 0) FROM corrections")
        return (0, 0) if row is None else (row[0], row[1])


def _count(column: str) -> str:
    if column == "in_flight":
        return "count(*) FILTER (WHERE outcome IS NULL) AS in_flight"
    condition = column if column in STEPS else f"outcome = '{column}'"
    return f"count(*) FILTER (WHERE {condition}) AS {column}"


def _read(row: asyncpg.Record) -> CallOutcome:
    return CallOutcome.model_validate(dict(row))
