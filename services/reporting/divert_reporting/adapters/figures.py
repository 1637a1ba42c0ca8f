"""Figures: one SQL file each, over the rows of a period, or over what was counted of whole days.

A figure's SQL gives rows that can be added up: dimension, part, measure, seconds, calls. Days that have come to rest
are counted once, as a whole, into ``figure_days``; a day of which a call has changed since is counted from its rows
until it has been counted anew. So a long period costs some thousand rows, however many calls it had.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from divert_chassis import logs
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.health import Health
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.adapters.tables import FUNNEL
from divert_reporting.domain.cells import Cell, Figure, Kind

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection, Pool

log = logs.logger(__name__)

FILES = Path(__file__).parent.parent / "figures"
AT_REST = 10.0
"""Seconds for which nothing of a day has changed before it is counted."""
DAYS_ALONE = frozenset({"agency", "feed"})
"""What may narrow a figure that is read from whole days."""
LOOKS_EVERY = 2.0
MOST_DAYS_AT_ONCE = 5
TASK = "days"
"""The name under which days are counted beside the consumer."""
_HEAD = re.compile(r"^-- (\w+): (.*)$", re.MULTILINE)
_LOCK = 0x66_69_67_75


@cache
def figures() -> Mapping[str, Figure]:
    """Return every figure by its name, in the order of the names."""
    return {path.stem: _read(path) for path in sorted(FILES.glob("*.sql"))}


def definition(zone: ZoneInfo) -> str:
    """Return the SHA-256 of all that says how days are counted, in hexadecimal: what was counted otherwise is void."""
    told = [zone.key, FUNNEL, *(f"{one.name}\n{one.everything}\n{one.sql}" for one in figures().values())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _read(path: Path) -> Figure:
    text = path.read_text(encoding="utf-8")
    head = dict(_HEAD.findall(text))
    return Figure(
        name=path.stem,
        title=head["title"],
        kind=Kind(head["kind"]),
        unit=head["unit"],
        definition=head["definition"],
        cannot=head["cannot"],
        source=head["source"],
        everything=head.get("scope") == "all",
        sql=_HEAD.sub("", text).strip(),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """What a period is made of: whole days that have been counted, and stretches that are counted from rows."""

    days: Sequence[date]
    stretches: Sequence[tuple[datetime, datetime]]


class Figures:
    """Reads figures."""

    def __init__(self, pool: "Pool", zone: ZoneInfo) -> None:
        """Read through a pool whose connections see reporting's schema; days begin at midnight in a zone."""
        self._pool = pool
        self._zone = zone

    async def read(self, names: Sequence[str], wanted: Filter) -> dict[str, list[Cell]]:
        """Return figures of one period, all of the same moment."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await read(connection, names, wanted, self._zone)


async def read(connection: "Connection", names: Sequence[str], wanted: Filter, zone: ZoneInfo) -> dict[str, list[Cell]]:
    """Return figures of one period, in a transaction that sees one moment."""
    # To compile such a query takes longer than to run it.
    await connection.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
    span = await _span(connection, wanted, zone)
    return {name: await _cells(connection, figures()[name], wanted, span, zone) for name in names}


async def _span(connection: "Connection", wanted: Filter, zone: ZoneInfo) -> _Span:
    """Say which whole days need not be counted again; a filter that days do not know needs the rows of all."""
    since, until = wanted.since, wanted.until
    if since is None or until is None:
        first, last = await connection.fetchrow("SELECT min(accepted_at), max(accepted_at) FROM call_outcomes") or (
            None,
            None,
        )
        since = since or first
        until = until or (None if last is None else last + timedelta(microseconds=1))
    if since is None or until is None:
        return _Span((), ())
    bare = (
        all(getattr(wanted, name) is None for name in ("outcome", "in_flight", "division", "provider"))
        and wanted.denominator == "in"
    )
    first_day, end_day = _first_whole_day(since, zone), until.astimezone(zone).date()
    if not bare or first_day >= end_day:
        return _Span((), ((since, until),))
    days = [first_day + timedelta(days=number) for number in range((end_day - first_day).days)]
    rows = await connection.fetch("SELECT DISTINCT day FROM touched WHERE day >= $1 AND day < $2", first_day, end_day)
    dirty = {row["day"] for row in rows}
    stretches = [(since, midnight(first_day, zone)), (midnight(end_day, zone), until)]
    stretches += [(midnight(day, zone), midnight(day + timedelta(days=1), zone)) for day in sorted(dirty)]
    return _Span([day for day in days if day not in dirty], [one for one in stretches if one[0] < one[1]])


async def _cells(connection: "Connection", figure: Figure, wanted: Filter, span: _Span, zone: ZoneInfo) -> list[Cell]:
    narrowed = replace(wanted, since=None, until=None, denominator=None if figure.everything else wanted.denominator)
    where, values = narrowed.where()
    place = len(values) + 5
    # Said one by one, the stretches are looked up by the index; as a join they would be a walk over all calls.
    within = " OR ".join(
        f"(f.accepted_at >= ${place + 2 * number + 1} AND f.accepted_at < ${place + 2 * number + 2})"
        for number in range(len(span.stretches))
    )
    sql = f"""
        WITH calls AS NOT MATERIALIZED (
            SELECT f.*, extract(hour FROM f.accepted_at AT TIME ZONE ${place - 4})::integer AS local_hour
            FROM funnel f WHERE ({within or "false"}) AND {where}),
        cases AS NOT MATERIALIZED (SELECT o.* FROM case_outcomes o JOIN calls c USING (call_id)),
        raw AS (
            SELECT dimension, part, measure, seconds, calls FROM figure_days
            WHERE figure = ${place - 3} AND day = ANY (${place - 2}::date[])
                AND (${place - 1}::text IS NULL OR agency = ${place - 1})
                AND (${place}::text IS NULL OR feed = ${place})
            UNION ALL ({figure.sql}))
        {_FINISHED[figure.kind]}"""
    rows = await connection.fetch(
        sql,
        *values,
        zone.key,
        figure.name,
        list(span.days),
        wanted.agency,
        wanted.feed,
        *(time for stretch in span.stretches for time in stretch),
    )
    return [Cell.model_validate(dict(row)) for row in rows]


SIZE = "CASE WHEN calls >= 5 THEN '5+' WHEN calls >= 3 THEN '3-4' ELSE calls::text END"
"""SQL that names a place by how many calls it had."""
_SORTED = 'ORDER BY dimension COLLATE "C", part COLLATE "C", measure COLLATE "C"'
_FINISHED: Mapping[Kind, str] = {
    Kind.COUNTS: f"""
        SELECT dimension, part, measure, sum(calls)::bigint AS n FROM raw
        GROUP BY dimension, part, measure {_SORTED}""",
    Kind.TIMES: f"""
        , grouped AS (
            SELECT dimension, part, measure, seconds, sum(calls)::bigint AS calls FROM raw
            GROUP BY dimension, part, measure, seconds),
        ranked AS (
            SELECT *, sum(calls) OVER so_far AS upto,
                sum(calls) FILTER (WHERE seconds IS NOT NULL) OVER (PARTITION BY dimension, part, measure) AS known
            FROM grouped
            WINDOW so_far AS (PARTITION BY dimension, part, measure ORDER BY seconds NULLS LAST))
        SELECT dimension, part, measure, coalesce(max(known), 0)::bigint AS n,
            coalesce(sum(calls) FILTER (WHERE seconds IS NULL), 0)::bigint AS missing,
            min(seconds) FILTER (WHERE upto * 2 >= known) AS median,
            min(seconds) FILTER (WHERE upto * 10 >= known * 9) AS p90
        FROM ranked GROUP BY dimension, part, measure {_SORTED}""",
    Kind.PLACES: f"""
        , places AS (SELECT part AS place, sum(calls) AS calls FROM raw GROUP BY part),
        sized AS (
            SELECT {SIZE} AS part, calls
            FROM places),
        counted AS (
            SELECT 'all' AS dimension, part, m.measure, sum(m.n)::bigint AS n
            FROM sized CROSS JOIN LATERAL (VALUES ('places', 1), ('calls', calls)) AS m (measure, n)
            GROUP BY part, m.measure)
        SELECT * FROM counted {_SORTED}""",
}


async def count_days(pool: Callable[[], "Pool"], zone: ZoneInfo, health: Health) -> None:
    """Count days that have come to rest, until cancelled; one worker at a time does, whichever it is."""
    waits = backoff()
    while True:
        try:
            await fold(pool(), zone)
        except TRANSIENT as why:
            log.warning("days-not-counted", error=type(why).__name__)
            health.beat(TASK)
            await asyncio.sleep(next(waits))
        else:
            waits = backoff()
            health.beat(TASK)
            await asyncio.sleep(LOOKS_EVERY)


async def fold(pool: "Pool", zone: ZoneInfo) -> int:
    """Count days that have come to rest since they changed; return how many."""
    days = await pool.fetch(
        "SELECT day FROM touched GROUP BY day"
        " HAVING max(at) < clock_timestamp() - make_interval(secs => $1) ORDER BY day",
        AT_REST,
    )
    folded = 0
    for row in days[:MOST_DAYS_AT_ONCE]:
        async with pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                return folded
            await _fold(connection, row["day"], zone)
            folded += 1
    return folded


async def _fold(connection: "Connection", day: date, zone: ZoneInfo) -> None:
    # A change that commits after this statement marks the day again; one that has committed is in the rows below.
    await connection.execute("DELETE FROM touched WHERE day = $1", day)
    await connection.execute("DELETE FROM figure_days WHERE day = $1", day)
    await connection.execute("SET LOCAL work_mem = '64MB'")
    await connection.execute(
        "CREATE TEMP TABLE day_calls ON COMMIT DROP AS"
        " SELECT f.*, extract(hour FROM f.accepted_at AT TIME ZONE $1)::integer AS local_hour FROM funnel f LIMIT 0",
        zone.key,
    )
    await connection.execute(
        "INSERT INTO day_calls"
        " SELECT f.*, extract(hour FROM f.accepted_at AT TIME ZONE $1)::integer FROM funnel f"
        " WHERE f.accepted_at >= $2 AND f.accepted_at < $3",
        zone.key,
        midnight(day, zone),
        midnight(day + timedelta(days=1), zone),
    )
    await connection.execute("ANALYZE day_calls")
    for row in await connection.fetch("SELECT DISTINCT agency, feed FROM day_calls ORDER BY agency, feed"):
        for figure in figures().values():
            within = "true" if figure.everything else "denominator = 'in'"
            await connection.execute(
                f"""
                INSERT INTO figure_days (figure, day, agency, feed, dimension, part, measure, seconds, calls)
                WITH calls AS (SELECT * FROM day_calls WHERE agency = $3 AND feed = $4 AND {within}),
                cases AS (SELECT o.* FROM case_outcomes o JOIN calls c USING (call_id))
                SELECT $1, $2, $3, $4, r.* FROM ({figure.sql}) r""",
                figure.name,
                day,
                row["agency"],
                row["feed"],
            )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins."""
    return datetime.combine(day, time(), zone)


def _first_whole_day(since: datetime, zone: ZoneInfo) -> date:
    local = since.astimezone(zone)
    return local.date() if local.timetz().replace(tzinfo=None) == time() else local.date() + timedelta(days=1)
