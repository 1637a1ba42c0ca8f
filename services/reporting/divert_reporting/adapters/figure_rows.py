"""The calls behind a number of a figure, told without what leads to a person.

A figure's own SQL decides: it is run for one call after the other, and a call that gives something to the number is one
of its rows. So there is no second definition that could differ from the figure.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    Disposition,
    Eligibility,
    Feed,
    FollowUp,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    Responder,
    Stage,
)
from divert_reporting.adapters.figures import SIZE
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.domain.cells import Figure, Kind

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection, Pool

LOOKED_AT = 2_000
"""Calls of the period that one page is searched for; a page of a rare number may be empty, and the next one not."""


class FigureRow(Model):
    """A call behind a number. No id, no number, no place but the division, and no time but the hour."""

    counts: int
    """How often the number counts it: offers of one call are several."""
    seconds: int | None
    """What was timed, in seconds; null where nothing is, or it is missing."""
    accepted_hour: AwareDatetime
    """The hour (UTC) in which it was accepted."""
    feed: Feed
    origin: Origin
    division: int | None
    call_type: str | None
    acuity: Acuity
    programme: Programme
    eligibility: Eligibility | None
    review: Eligibility | None
    rule: str | None
    stage: Stage
    outcome: Outcome | None
    reason: OutcomeReason | None
    provider: str | None
    attempts: int
    contact: Contact
    disposition: Disposition | None
    police: PoliceInvolvement
    who_responded: Responder | None
    arrest: Answer
    force: Answer
    hold: Answer
    follow_up: FollowUp | None
    seconds_to_offer: int | None
    """From acceptance to the first offer."""
    seconds_to_acknowledge: int | None
    """From acceptance until a provider took it."""
    seconds_to_on_scene: int | None
    """From acceptance until a team was there."""
    seconds_on_scene: int | None
    """Until the team closed it."""


class FigureRows(Model):
    """Some of the calls behind a number, in the order in which they were accepted."""

    rows: tuple[FigureRow, ...]
    next: int | None = None
    """Ask for the next page with this as ``start``; null on the last one."""


_WAITS = {
    "seconds_to_offer": ("accepted_at", "first_offered_at"),
    "seconds_to_acknowledge": ("accepted_at", "acknowledged_at"),
    "seconds_to_on_scene": ("accepted_at", "on_scene_at"),
    "seconds_on_scene": ("on_scene_at", "cleared_at"),
}
_SELF = [name for name in FigureRow.model_fields if name not in {"counts", "seconds", "accepted_hour", *_WAITS}]
_COLUMNS = ", ".join(
    (
        "r.calls AS counts",
        "r.seconds",
        "date_trunc('hour', k.accepted_at, 'UTC') AS accepted_hour",
        *(f"k.{name}" for name in _SELF),
        *(
            f"floor(extract(epoch FROM k.{end} - k.{start}))::integer AS {name}"
            for name, (start, end) in _WAITS.items()
        ),
    )
)
_LOCAL = "extract(hour FROM f.accepted_at AT TIME ZONE {zone})::integer AS local_hour"


async def rows_behind(
    pool: "Pool", zone: ZoneInfo, figure: Figure, cell: tuple[str, str, str], wanted: Filter, *, start: int
) -> FigureRows:
    """Return calls behind a number of a figure.

    Args:
        pool: connections that see reporting's schema.
        zone: where an hour of the day is told.
        figure: which.
        cell: dimension, part and measure of the number.
        wanted: the calls over which the figure is counted.
        start: so many calls of the period have been looked at before.
    """
    narrowed = replace(wanted, denominator=None if figure.everything else wanted.denominator)
    dimension, part, measure = cell
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL jit = off")
        parts: Sequence[str] = (part,)
        if figure.kind is Kind.PLACES:
            parts, measure = await _places(connection, zone, figure, narrowed, part), "calls"
        where, values = narrowed.where()
        place = len(values)
        sql = f"""
            WITH looked AS MATERIALIZED (
                SELECT f.*, {_LOCAL.format(zone=f"${place + 1}")} FROM funnel f
                WHERE accepted_at IS NOT NULL AND {where}
                ORDER BY accepted_at, call_id OFFSET ${place + 2} LIMIT {LOOKED_AT})
            SELECT {_COLUMNS} FROM looked k
            CROSS JOIN LATERAL (
                WITH calls AS (SELECT k.*), cases AS (SELECT o.* FROM case_outcomes o WHERE o.call_id = k.call_id)
                {figure.sql}) r
            WHERE r.dimension = ${place + 3} AND r.part = ANY (${place + 4}::text[]) AND r.measure = ${place + 5}
            ORDER BY k.accepted_at, k.call_id, r.seconds"""
        found = await connection.fetch(sql, *values, zone.key, start, dimension, list(parts), measure)
        counted = f"SELECT count(*) FROM (SELECT FROM funnel f WHERE accepted_at IS NOT NULL AND {where}"
        more = await connection.fetchval(
            f"{counted} ORDER BY accepted_at OFFSET ${place + 1} LIMIT 1) more", *values, start + LOOKED_AT
        )
    rows = tuple(FigureRow.model_validate(dict(row)) for row in found)
    return FigureRows(rows=rows, next=start + LOOKED_AT if more else None)


async def _places(connection: "Connection", zone: ZoneInfo, figure: Figure, wanted: Filter, size: str) -> Sequence[str]:
    """Return the places that had so many calls."""
    where, values = wanted.where()
    rows = await connection.fetch(
        f"""
        WITH calls AS (
            SELECT f.*, {_LOCAL.format(zone=f"${len(values) + 1}")} FROM funnel f
            WHERE accepted_at IS NOT NULL AND {where}),
        raw AS ({figure.sql}),
        places AS (SELECT part AS place, sum(calls) AS calls FROM raw GROUP BY part)
        SELECT place FROM places WHERE {SIZE} = ${len(values) + 2}""",
        *values,
        zone.key,
        size,
    )
    return [row["place"] for row in rows]
