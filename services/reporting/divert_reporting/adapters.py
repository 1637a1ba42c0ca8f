"""Reporting's tables in Postgres: the rows of calls and shifts, the counts over them, and their digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, TypeAdapter

from divert_contracts.model import Model
from divert_reporting.domain.figures import Shadowed, in_danger_order
from divert_reporting.domain.outcome import CallOutcome, ShiftChange, outcome, shift_changes
from divert_reporting.domain.record import Record, Shift

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    # asyncpg's classes are generic for type checkers only.
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

OUTCOMES = TypeAdapter(list[CallOutcome])
SHIFTS = TypeAdapter(list[ShiftChange])

VIEWS = """
DROP VIEW IF EXISTS funnel;

CREATE VIEW funnel AS
WITH eligible AS (
    SELECT *, attempts > 0 OR outcome IN ('served', 'eligible_not_served')
        OR coalesce(review, eligibility) = 'eligible' AS is_eligible
    FROM call_outcomes),
routed AS (
    SELECT *, attempts > 0 OR (is_eligible AND outcome IS NOT NULL AND (reason IS NULL OR reason NOT IN
        ('not_referred', 'not_routable', 'no_provider_in_area', 'other_programme', 'recorded_late'))) AS is_routed
    FROM eligible)
SELECT call_id, agency, denominator, feed, origin, division, provider, programme, call_type, acuity, outcome, reason,
    stage, accepted_at, date_trunc('hour', accepted_at) AS hour,
    true AS received,
    triaged_at IS NOT NULL OR is_eligible AS triaged,
    is_eligible AS eligible,
    is_routed AS routed,
    attempts > 0 AS offered,
    attempts > 0 AND acknowledged_at IS NOT NULL AS acknowledged,
    attempts > 0 AND acknowledged_at IS NOT NULL
        AND (on_scene_at IS NOT NULL OR contact IN ('in_person', 'phone')) AS on_scene,
    attempts > 0 AND acknowledged_at IS NOT NULL
        AND (on_scene_at IS NOT NULL OR contact IN ('in_person', 'phone'))
        AND outcome = 'served' AND reason = 'closed' AS resolved
FROM routed;
COMMENT ON VIEW funnel IS 'One row a call: how far it came. Each step implies the one before it.';
COMMENT ON COLUMN funnel.hour IS 'The hour (UTC) in which the call was accepted.';
COMMENT ON COLUMN funnel.received IS 'Accepted by intake.';
COMMENT ON COLUMN funnel.triaged IS 'Judged by the rules.';
COMMENT ON COLUMN funnel.eligible IS 'An unarmed team may take it: by the rules, by a review, or it was offered.';
COMMENT ON COLUMN funnel.routed IS 'Some provider could have been offered it.';
COMMENT ON COLUMN funnel.offered IS 'A provider was offered it.';
COMMENT ON COLUMN funnel.acknowledged IS 'A provider took it in time.';
COMMENT ON COLUMN funnel.on_scene IS 'A team arrived, or reached the person by phone.';
COMMENT ON COLUMN funnel.resolved IS 'The team closed it after that.';
"""

STEPS = ("received", "triaged", "eligible", "routed", "offered", "acknowledged", "on_scene", "resolved")
"""The funnel, each step a part of the one before."""
ENDINGS = ("served", "withdrawn", "eligible_not_served", "ineligible", "not_triaged", "in_flight")


class PostgresOutcomes:
    """The table ``call_outcomes``: the row of each call, written with the facts that change it."""

    def __init__(self) -> None:
        """Write the SQL once."""
        self._upsert = _upsert(CallOutcome, "call_outcomes", "call_id")

    @property
    def ddl(self) -> str:
        """SQL that makes table, indexes and views."""
        return "\n".join(
            (
                _table(CallOutcome, "call_outcomes", "call_id", "What became of each call: one row a call."),
                "CREATE INDEX IF NOT EXISTS call_outcomes_accepted ON call_outcomes (accepted_at);",
                "CREATE INDEX IF NOT EXISTS call_outcomes_concluded ON call_outcomes (concluded_at);",
                "CREATE INDEX IF NOT EXISTS call_outcomes_open ON call_outcomes (stage) WHERE outcome IS NULL;",
                VIEWS,
            )
        )

    async def save(self, connection: "Connection", changed: Sequence[tuple[str, Record]]) -> None:
        """Write the rows of calls whose facts have changed."""
        rows = [row for _, record in changed if (row := outcome(record)) is not None]
        await connection.execute(self._upsert, OUTCOMES.dump_json(rows).decode())


class PostgresShifts:
    """The table ``shift_changes``."""

    def __init__(self) -> None:
        """Write the SQL once."""
        self._upsert = _upsert(ShiftChange, "shift_changes", "fact_id")

    @property
    def ddl(self) -> str:
        """SQL that makes the table."""
        return "\n".join(
            (
                _table(ShiftChange, "shift_changes", "fact_id", "Each change of a provider's teams on shift."),
                "CREATE INDEX IF NOT EXISTS shift_changes_when ON shift_changes (provider, changed_at);",
            )
        )

    async def save(self, connection: "Connection", changed: Sequence[tuple[str, Shift]]) -> None:
        """Write the rows of the days whose facts have changed."""
        rows = [row for _, shift in changed for row in shift_changes(shift)]
        await connection.execute(self._upsert, SHIFTS.dump_json(rows).decode())


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
            f"SELECT * FROM call_outcomes WHERE {where} ORDER BY call_id LIMIT ${len(values)}",  # noqa: S608
            *values,
        )
        return [_read(row) for row in rows]

    async def oldest(self, wanted: Filter, *, limit: int) -> list[CallOutcome]:
        """Return the rows that were accepted first."""
        where, values = wanted.where()
        values.append(limit)
        rows = await self._pool.fetch(
            f"SELECT * FROM call_outcomes WHERE {where} ORDER BY accepted_at NULLS LAST, call_id"  # noqa: S608
            f" LIMIT ${len(values)}",
            *values,
        )
        return [_read(row) for row in rows]

    async def funnel(self, wanted: Filter) -> dict[str, int]:
        """Return how many calls came to each step, in calls."""
        counts = ", ".join(f"count(*) FILTER (WHERE {step}) AS {step}" for step in STEPS)
        where, values = wanted.where()
        row = await self._pool.fetchrow(f"SELECT {counts} FROM funnel WHERE {where}", *values)  # noqa: S608
        return {} if row is None else dict(row)

    async def endings(self, wanted: Filter) -> list[tuple[str, str, int]]:
        """Return outcome, reason and number of concluded calls, most first."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT outcome, reason, count(*) AS calls FROM call_outcomes WHERE {where} AND outcome IS NOT NULL"  # noqa: S608
            " GROUP BY outcome, reason ORDER BY calls DESC, outcome, reason",
            *values,
        )
        return [(row["outcome"], row["reason"], row["calls"]) for row in rows]

    async def in_flight(self, wanted: Filter) -> dict[str, int]:
        """Return the number of calls in flight by stage."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT stage, count(*) AS calls FROM call_outcomes WHERE {where} AND outcome IS NULL"  # noqa: S608
            " GROUP BY stage ORDER BY stage",
            *values,
        )
        return {row["stage"]: row["calls"] for row in rows}

    async def denominators(self, wanted: Filter) -> dict[str, int]:
        """Return the number of calls in and outside the denominators, by why."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT denominator, count(*) AS calls FROM call_outcomes WHERE {where} GROUP BY 1 ORDER BY 1",  # noqa: S608
            *values,
        )
        return {row["denominator"]: row["calls"] for row in rows}

    async def rereviews(self, wanted: Filter) -> list[tuple[str, str, int]]:
        """Return what the rules had decided, what a person would have, and the number of such calls."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            f"SELECT rereview_of, rereview, count(*) AS calls FROM call_outcomes WHERE {where}"  # noqa: S608
            " AND rereview IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
            *values,
        )
        return [(row["rereview_of"], row["rereview"], row["calls"]) for row in rows]

    async def shadowed(self, wanted: Filter) -> list[Shadowed]:
        """Return the calls that a policy tried beside would have decided otherwise, in number."""
        where, values = wanted.where()
        rows = await self._pool.fetch(
            "SELECT shadow_policy AS policy, shadow_change AS change, rule_ids[1] AS rule, shadow_rule,"  # noqa: S608
            f" count(*) AS calls FROM call_outcomes WHERE {where} AND shadow_policy IS NOT NULL GROUP BY 1, 2, 3, 4",
            *values,
        )
        return in_danger_order(Shadowed.model_validate(dict(row)) for row in rows)

    async def hours(self, wanted: Filter, *, limit: int) -> list[Hour]:
        """Return the counts by hour of acceptance, newest first."""
        where, values = wanted.where()
        values.append(limit)
        rows = await self._pool.fetch(
            f"SELECT hour, {', '.join(_count(column) for column in (*STEPS, *ENDINGS))} FROM funnel"  # noqa: S608
            f" WHERE {where} GROUP BY 1 ORDER BY 1 DESC NULLS LAST LIMIT ${len(values)}",
            *values,
        )
        return [Hour.model_validate(dict(row)) for row in rows]


async def digest(connection: "Connection", schema: str = "reporting") -> dict[str, str]:
    """Return the SHA-256 of each table, in hexadecimal: equal facts give equal digests, however they came.

    A table's canonical text is one line a row, ordered by key: a JSON array of the columns in their order, times in
    UTC with microseconds.
    """
    digests: dict[str, str] = {}
    for model, table, key in ((CallOutcome, "call_outcomes", "call_id"), (ShiftChange, "shift_changes", "fact_id")):
        columns = ", ".join(model.model_fields)
        hashed = hashlib.sha256()
        async with connection.transaction():
            async for row in connection.cursor(
                f'SELECT {columns} FROM "{schema}".{table} ORDER BY {key}',  # noqa: S608
                prefetch=1_000,
            ):
                hashed.update(json.dumps([_text(value) for value in row], separators=(",", ":")).encode() + b"\n")
        digests[table] = hashed.hexdigest()
    return digests


def _text(value: object) -> object:
    """Return a column's value as the canonical text has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def _count(column: str) -> str:
    if column == "in_flight":
        return "count(*) FILTER (WHERE outcome IS NULL) AS in_flight"
    condition = column if column in STEPS else f"outcome = '{column}'"
    return f"count(*) FILTER (WHERE {condition}) AS {column}"


def _read(row: asyncpg.Record) -> CallOutcome:
    return CallOutcome.model_validate(dict(row))


def _table(model: type[Model], table: str, key: str, about: str) -> str:
    """Return SQL that makes a table with a column for each field, and the field's documentation as its comment."""
    statements = [
        f"CREATE TABLE IF NOT EXISTS {table} ({key} uuid PRIMARY KEY);",
        f"COMMENT ON TABLE {table} IS {_quoted(about)};",
    ]
    for name, field in model.model_fields.items():
        if name != key:
            statements.append(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {_column(field.annotation)};")
        statements.append(f"COMMENT ON COLUMN {table}.{name} IS {_quoted(field.description or '')};")
    return "\n".join(statements)


def _upsert(model: type[Model], table: str, key: str) -> str:
    names = list(model.model_fields)
    columns = ", ".join(names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1::json)"  # noqa: S608
        f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


_TYPES: Mapping[Any, str] = {
    UUID: "uuid",
    datetime: "timestamptz",
    AwareDatetime: "timestamptz",
    bool: "boolean NOT NULL DEFAULT false",
    int: "integer",
    str: "text",
}


def _column(annotation: Any) -> str:  # noqa: ANN401 (whatever a field may be annotated with)
    """Return the SQL type of a field."""
    if get_origin(annotation) is tuple:
        return "text[] NOT NULL DEFAULT '{}'"
    given = get_args(annotation) or (annotation,)
    kind = next(one for one in given if one is not NoneType)
    kind = get_args(kind)[0] if get_args(kind) else kind
    if issubclass(kind, StrEnum):
        return "text"
    return _TYPES[kind]


def _quoted(text: str) -> str:
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
