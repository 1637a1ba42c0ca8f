"""The tables of rows: made from the models that document them, written with the facts that change them, digested."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import AwareDatetime, TypeAdapter

from divert_contracts.model import Model
from divert_reporting.adapters import alarms, strips
from divert_reporting.domain.case_outcome import CaseOutcome, cases_of
from divert_reporting.domain.outcome import CallOutcome, ShiftChange, outcome_of, shift_changes
from divert_reporting.domain.record import Record, Shift, in_order

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    # asyncpg's classes are generic for type checkers only.
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rows: a column for each field of its model."""

    name: str
    model: type[Model]
    key: str
    """The column that names a row, a uuid."""
    about: str
    time: str
    """The column by which a row belongs to a period; of offers it is the call's."""
    within: str | None = None
    """The column of what the name is unique in: a wrong case id in one call's facts must not touch another's rows."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns in their order."""
        return tuple(self.model.model_fields)

    @property
    def keys(self) -> Sequence[str]:
        """The columns of its primary key, each a uuid."""
        return (self.key,) if self.within is None else (self.key, self.within)


CALLS = Table("call_outcomes", CallOutcome, "call_id", "What became of each call: one row a call.", "accepted_at")
CASES = Table(
    "case_outcomes", CaseOutcome, "case_id", "What became of each offer: one row an offer.", "accepted_at", "call_id"
)
SHIFTS = Table("shift_changes", ShiftChange, "fact_id", "Each change of a provider's teams on shift.", "changed_at")
TABLES = (CALLS, CASES, SHIFTS)

STEPS = ("received", "triaged", "eligible", "routed", "offered", "acknowledged", "on_scene", "resolved")
"""The funnel, each step a part of the one before."""

FUNNEL = """
DROP VIEW IF EXISTS funnel;

CREATE VIEW funnel AS
WITH judged AS (
    SELECT *, attempts > 0 OR outcome IN ('served', 'eligible_not_served')
        OR coalesce(review, eligibility) = 'eligible' AS is_eligible
    FROM call_outcomes),
routable AS (
    SELECT *, attempts > 0 OR (is_eligible AND outcome IS NOT NULL AND (reason IS NULL OR reason NOT IN
        ('not_referred', 'not_routable', 'no_provider_in_area', 'other_programme', 'recorded_late'))) AS is_routed
    FROM judged)
SELECT *, date_trunc('hour', accepted_at) AS hour,
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
        AND outcome = 'served' AND reason = 'closed' AND cleared_at IS NOT NULL AS resolved,
    police <> 'none' OR police_reported OR coalesce(disposition = 'handed_to_police', false) AS with_police
FROM routable;
COMMENT ON VIEW funnel IS 'One row a call, with how far it came. Each step implies the one before it.';
COMMENT ON COLUMN funnel.hour IS 'The hour (UTC) in which the call was accepted.';
COMMENT ON COLUMN funnel.received IS 'Accepted by intake.';
COMMENT ON COLUMN funnel.triaged IS 'Judged by the rules.';
COMMENT ON COLUMN funnel.eligible IS 'An unarmed team may take it: by the rules, by a review, or it was offered.';
COMMENT ON COLUMN funnel.routed IS 'Some provider could have been offered it.';
COMMENT ON COLUMN funnel.offered IS 'A provider was offered it.';
COMMENT ON COLUMN funnel.acknowledged IS 'A provider took it in time.';
COMMENT ON COLUMN funnel.on_scene IS 'A team arrived, or reached the person by phone.';
COMMENT ON COLUMN funnel.resolved IS 'The team closed it after that, itself.';
COMMENT ON COLUMN funnel.with_police IS
    'The police had a part in it, or may have had: as routing or the team said, or as CAD reported.';
"""
DAYS = """
CREATE TABLE IF NOT EXISTS touched (day date NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS touched_day ON touched (day);
CREATE TABLE IF NOT EXISTS figure_days (
    figure text NOT NULL, day date NOT NULL, agency text NOT NULL, feed text NOT NULL,
    dimension text NOT NULL, part text NOT NULL, measure text NOT NULL, seconds integer, calls bigint NOT NULL);
CREATE INDEX IF NOT EXISTS figure_days_which ON figure_days (figure, day);
COMMENT ON TABLE touched IS 'Days whose calls have changed since their figures were counted.';
COMMENT ON TABLE figure_days IS 'What each figure counts of one day; a day is always counted anew as a whole.';
CREATE TABLE IF NOT EXISTS counted_by (one boolean PRIMARY KEY DEFAULT true CHECK (one), definition text NOT NULL);
COMMENT ON TABLE counted_by IS 'The hash of the definitions by which figure_days was counted: one row.';
CREATE TABLE IF NOT EXISTS corrections (call_id uuid PRIMARY KEY, late_facts integer NOT NULL);
COMMENT ON TABLE corrections IS
    'Calls of which something was heard after their conclusion that had happened before it. Depends on the order in
    which facts came, so it is in no figure and in no seal.';
"""


class PostgresOutcomes:
    """The tables ``call_outcomes`` and ``case_outcomes``, written with the facts that change them."""

    def __init__(self, zone: ZoneInfo, counted_by: str) -> None:
        """Write the SQL once.

        Args:
            zone: the time zone in which a day begins, for the days whose figures have changed.
            counted_by: the hash of the figures' definitions; under another one every day is counted anew.
        """
        self._upsert = (
            f"WITH written AS ({_upsert(CALLS)} RETURNING old.accepted_at AS before, new.accepted_at AS after),"
            " again AS (SELECT DISTINCT (v.at AT TIME ZONE $2)::date AS day FROM written"
            " CROSS JOIN LATERAL (VALUES (before), (after)) v (at) WHERE v.at IS NOT NULL)"
            " INSERT INTO touched (day) SELECT day FROM again"
        )
        self._upsert_cases = _upsert(CASES)
        self._zone = zone.key
        self._counted_by = counted_by

    @property
    def ddl(self) -> str:
        """SQL that makes tables, indexes and views."""
        return "\n".join(
            (
                _made(CALLS),
                "CREATE INDEX IF NOT EXISTS call_outcomes_accepted ON call_outcomes (accepted_at);",
                # An index on what changes with a call costs every change of every call.
                "DROP INDEX IF EXISTS call_outcomes_concluded;",
                "CREATE INDEX IF NOT EXISTS call_outcomes_open ON call_outcomes (stage) WHERE outcome IS NULL;",
                _made(CASES),
                "CREATE INDEX IF NOT EXISTS case_outcomes_call ON case_outcomes (call_id);",
                FUNNEL,
                DAYS,
                _counted_anew(self._counted_by, self._zone),
                strips.DDL,
                alarms.DDL,
            )
        )

    async def save(self, connection: "Connection", changed: Sequence[tuple[str, Record]]) -> None:
        """Write the rows of calls whose facts have changed, and of their offers."""
        told = [(record.call_id, in_order(record.facts)) for _, record in changed]
        rows = [row for call_id, history in told if (row := outcome_of(call_id, history)) is not None]
        await connection.execute(self._upsert, _JSON[CALLS.name].dump_json(rows).decode(), self._zone)
        cases = [row for _, history in told for row in cases_of(history)]
        if cases:
            await connection.execute(self._upsert_cases, _JSON[CASES.name].dump_json(cases).decode())
        await strips.save(connection, told)
        late = [(record.call_id, record.late) for _, record in changed if record.late]
        if late:
            await connection.executemany(
                "INSERT INTO corrections VALUES ($1, $2)"
                " ON CONFLICT (call_id) DO UPDATE SET late_facts = excluded.late_facts",
                late,
            )


class PostgresShifts:
    """The table ``shift_changes``."""

    def __init__(self) -> None:
        """Write the SQL once."""
        self._upsert = _upsert(SHIFTS)

    @property
    def ddl(self) -> str:
        """SQL that makes the table."""
        index = "CREATE INDEX IF NOT EXISTS shift_changes_when ON shift_changes (provider, changed_at);"
        return f"{_made(SHIFTS)}\n{index}"

    async def save(self, connection: "Connection", changed: Sequence[tuple[str, Shift]]) -> None:
        """Write the rows of the days whose facts have changed."""
        rows = [row for _, shift in changed for row in shift_changes(shift)]
        await connection.execute(self._upsert, _JSON[SHIFTS.name].dump_json(rows).decode())


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of the tables are meant; what is null does not narrow."""

    since: datetime | None = None
    """Belonging to the period from then on."""
    until: datetime | None = None
    """Until before then."""
    agency: str | None = None
    """Of this agency's calls. Changes of shift have no agency: they are everybody's."""


def selected(table: Table, part: Part) -> tuple[str, Sequence[object]]:
    """Return SQL for the rows of a table in the order of their keys, with its arguments."""
    source = f"{table.name} t"
    if table is CASES:
        source += f" JOIN {CALLS.name} USING ({CALLS.key})"
    agency = None if table is SHIFTS else part.agency
    asked = ((f"{table.time} >= ", part.since), (f"{table.time} < ", part.until), ("agency = ", agency))
    narrowing = [(condition, value) for condition, value in asked if value is not None]
    where = " AND ".join(f"{condition}${number}" for number, (condition, _) in enumerate(narrowing, 1))
    columns, order = (", ".join(f"t.{name}" for name in names) for names in (table.columns, table.keys))
    sql = f"SELECT {columns} FROM {source} WHERE {where or 'true'} ORDER BY {order}"
    return sql, [value for _, value in narrowing]


EVERYTHING = Part()


async def digest(connection: "Connection", part: Part = EVERYTHING) -> dict[str, str]:
    """Return the SHA-256 of each table, in hexadecimal: equal facts give equal digests, however they came.

    A table's canonical text is one line a row, ordered by key: a JSON array of the columns in their order, times in
    UTC with microseconds. The connection sees reporting's schema.
    """
    digests: dict[str, str] = {}
    for table in TABLES:
        hashed = hashlib.sha256()
        sql, values = selected(table, part)
        async with connection.transaction():
            async for row in connection.cursor(sql, *values, prefetch=1_000):
                hashed.update(canonical(row))
        digests[table.name] = hashed.hexdigest()
    return digests


def canonical(row: Sequence[object] | asyncpg.Record) -> bytes:
    """Return a row as its digest has it."""
    return json.dumps([_text(value) for value in row], separators=(",", ":")).encode() + b"\n"


def _text(value: object) -> object:
    """Return a column's value as the canonical text has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def _made(table: Table) -> str:
    """Return SQL that makes a table with a column for each field, and the field's documentation as its comment."""
    statements = [
        (
            f"CREATE TABLE IF NOT EXISTS {table.name}"
            f" ({''.join(f'{name} uuid, ' for name in table.keys)}PRIMARY KEY ({', '.join(table.keys)}));"
        ),
        f"COMMENT ON TABLE {table.name} IS {_quoted(table.about)};",
    ]
    for name, field in table.model.model_fields.items():
        if name not in table.keys:
            statements.append(f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {name} {column(field.annotation)};")
        statements.append(f"COMMENT ON COLUMN {table.name}.{name} IS {_quoted(field.description or '')};")
    return "\n".join(statements)


def _counted_anew(definition: str, zone: str) -> str:
    """Return SQL that marks every day if figures have been counted by another definition."""
    return f"""
        WITH changed AS (
            INSERT INTO counted_by (definition) VALUES ({_quoted(definition)})
            ON CONFLICT (one) DO UPDATE SET definition = excluded.definition
            WHERE counted_by.definition <> excluded.definition RETURNING definition),
        days AS (
            SELECT (accepted_at AT TIME ZONE {_quoted(zone)})::date AS day FROM call_outcomes
            WHERE accepted_at IS NOT NULL
            UNION SELECT day FROM figure_days)
        INSERT INTO touched (day) SELECT day FROM days WHERE EXISTS (SELECT FROM changed);
    """


def _upsert(table: Table) -> str:
    columns = ", ".join(table.columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in table.columns if name not in table.keys)
    return (
        f"INSERT INTO {table.name} ({columns})"
        f" SELECT {columns} FROM json_populate_recordset(NULL::{table.name}, $1::json)"
        f" ON CONFLICT ({', '.join(table.keys)}) DO UPDATE SET {changes}"
    )


_JSON: Mapping[str, TypeAdapter[Any]] = {
    CALLS.name: TypeAdapter(list[CallOutcome]),
    CASES.name: TypeAdapter(list[CaseOutcome]),
    SHIFTS.name: TypeAdapter(list[ShiftChange]),
}
_TYPES: Mapping[Any, str] = {
    UUID: "uuid",
    datetime: "timestamptz",
    AwareDatetime: "timestamptz",
    bool: "boolean NOT NULL DEFAULT false",
    int: "integer",
    str: "text",
}


def column(annotation: Any) -> str:  # noqa: ANN401 (whatever a field may be annotated with)
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
