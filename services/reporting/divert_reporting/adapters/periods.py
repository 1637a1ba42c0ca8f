"""What a report and a seal read of a period beside its figures: hours, offers of a provider, digests, log positions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from divert_reporting.adapters.figures import figures, read
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.adapters.tables import Part, digest
from divert_reporting.domain.case_outcome import CaseOutcome
from divert_reporting.domain.cells import Cell, Cells
from divert_reporting.domain.cost import Hours, team_hours
from divert_reporting.domain.outcome import ShiftChange
from divert_reporting.domain.seal import Seal

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection

HOUR = timedelta(hours=1)


class ServedCase(CaseOutcome):
    """An offer with what an invoice needs of its call."""

    incident_number: str | None = None
    """The agency's own number."""


async def all_known(connection: "Connection", zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return whole hours around everything that is known; null when nothing is."""
    row = await connection.fetchrow(
        "SELECT min(accepted_at) AS first, max(greatest(accepted_at, concluded_at, cleared_at)) AS last"
        " FROM call_outcomes WHERE accepted_at IS NOT NULL"
    )
    if row is None or row["first"] is None:
        return None
    first, last = (time.astimezone(zone).replace(minute=0, second=0, microsecond=0) for time in row)
    return first, (last.astimezone(UTC) + HOUR).astimezone(zone)


async def all_figures(
    connection: "Connection", since: datetime, until: datetime, zone: ZoneInfo, agency: str | None
) -> dict[str, list[Cell]]:
    """Return every figure of a period."""
    return await read(connection, list(figures()), Filter(agency=agency, since=since, until=until), zone)


async def funnel_of(connection: "Connection", feed: str, wanted: Filter, zone: ZoneInfo) -> Cells:
    """Return the funnel of one feed."""
    narrowed = Filter(agency=wanted.agency, since=wanted.since, until=wanted.until, feed=feed)
    return Cells((await read(connection, ["funnel"], narrowed, zone))["funnel"])


async def hours(connection: "Connection", since: datetime, until: datetime, agency: str | None) -> Sequence[Hours]:
    """Return each provider's hours in a period, as far as it is over by what is known; with cases in the figures.

    Of one agency's calls there are hours with a case only: nobody is on shift for one agency.
    """
    last = await connection.fetchval(
        "SELECT greatest((SELECT max(greatest(accepted_at, concluded_at, cleared_at)) FROM call_outcomes),"
        " (SELECT max(ended_at) FROM case_outcomes), (SELECT max(changed_at) FROM shift_changes))"
    )
    end = until if last is None else min(until, last)
    rows = await connection.fetch(
        "SELECT o.provider, extract(epoch FROM"
        " sum(least(coalesce(o.ended_at, $2), $2) - greatest(o.acknowledged_at, $1))) / 3600 AS hours"
        " FROM case_outcomes o JOIN call_outcomes c USING (call_id)"
        " WHERE c.denominator = 'in' AND ($3::text IS NULL OR c.agency = $3)"
        " AND o.acknowledged_at < $2 AND coalesce(o.ended_at, $2) > $1"
        ' GROUP BY o.provider ORDER BY o.provider COLLATE "C"',
        since,
        end,
        agency,
    )
    busy = {row["provider"]: float(row["hours"]) for row in rows}
    if agency is not None:
        return [Hours(one, None, spent) for one, spent in busy.items()]
    rows = await connection.fetch("SELECT * FROM shift_changes WHERE changed_at < $1", end)
    shift = team_hours([ShiftChange.model_validate(dict(row)) for row in rows], since, end)
    return [Hours(one, shift.get(one, 0.0), busy.get(one, 0.0)) for one in sorted({*shift, *busy})]


async def corrections(
    connection: "Connection", since: datetime, until: datetime, agency: str | None
) -> tuple[int, int]:
    """Return how many calls of a period were corrected after they had been told, and by how many facts."""
    row = await connection.fetchrow(
        "SELECT count(*), coalesce(sum(late_facts), 0) FROM corrections JOIN call_outcomes USING (call_id)"
        " WHERE accepted_at >= $1 AND accepted_at < $2 AND denominator = 'in' AND ($3::text IS NULL OR agency = $3)",
        since,
        until,
        agency,
    )
    return (0, 0) if row is None else (row[0], row[1])


async def cases_of(
    connection: "Connection", provider: str, since: datetime, until: datetime, agency: str | None
) -> Sequence[ServedCase]:
    """Return a provider's offers of calls that are in the figures, in the order in which they were made."""
    rows = await connection.fetch(
        "SELECT o.*, c.incident_number FROM case_outcomes o JOIN call_outcomes c USING (call_id)"
        " WHERE o.provider = $1 AND c.accepted_at >= $2 AND c.accepted_at < $3 AND c.denominator = 'in'"
        " AND ($4::text IS NULL OR c.agency = $4) ORDER BY o.offered_at, o.case_id",
        provider,
        since,
        until,
        agency,
    )
    return [ServedCase.model_validate(dict(row)) for row in rows]


async def sealed(
    connection: "Connection",
    since: datetime,
    until: datetime,
    agency: str | None,
    cells: Mapping[str, Sequence[Cell]],
) -> Seal:
    """Return the seal of a period, over the rows of one agency or of all, and the figures as given."""
    rows = await connection.fetch('SELECT topic, partition, next FROM position ORDER BY topic COLLATE "C", partition')
    return Seal.of(
        since=since,
        until=until,
        agency=agency,
        tables=await digest(connection, Part(since, until, agency)),
        log={f"{row['topic']}/{row['partition']}": row["next"] for row in rows},
        figures=hash_of(cells),
    )


def hash_of(cells: Mapping[str, Sequence[Cell]]) -> str:
    """Return the SHA-256 of figures, in hexadecimal: of a JSON array for each cell, by figure, in their order."""
    hashed = hashlib.sha256()
    for name in sorted(cells):
        for one in cells[name]:
            line = [name, one.dimension, one.part, one.measure, one.n, one.missing, one.median, one.p90]
            hashed.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return hashed.hexdigest()
