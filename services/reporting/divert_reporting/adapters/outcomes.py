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

    async def funnel(self, wanted: Filter) -> dict[str, int]:
        """Return how many calls came to each step, in calls."""
        counts = ", ".join(f"count(*) FILTER (WHERE {step}) AS {step}" for step in STEPS)
        where, values = wanted.where()
        row = await self._pool.fetchrow(f"SELECT {counts} FROM funnel WHERE {where}", *values)
        return {} if row is None else dict(row)

    async def endings(self, wanted: Filter) -> list[tuple[str, str, int]]:
        """Return outcome, reason and number of concluded calls, most first."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT outcome, reason, count(*) AS calls FROM call_outcomes WHERE {where} AND outcome IS NOT NULL"
            " GROUP BY outcome, reason ORDER BY calls DESC, outcome, reason",
            *values,
        )
        return [(row["outcome"], row["reason"], row["calls"]) for row in rows]

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

    async def rereviews(self, wanted: Filter) -> list[tuple[str, str, int]]:
        """Return what the rules had decided, what a person would have, and the number of such calls."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT rereview_of, rereview, count(*) AS calls FROM call_outcomes WHERE {where}"
            " AND rereview IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
            *values,
        )
        return [(row["rereview_of"], row["rereview"], row["calls"]) for row in rows]

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
