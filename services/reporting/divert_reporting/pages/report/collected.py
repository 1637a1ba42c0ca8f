"""Collects what a report says, of one moment."""

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from divert_reporting.adapters import periods
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.domain.cells import Cells
from divert_reporting.domain.cost import Assumptions
from divert_reporting.pages.report.numbers import Labels, Numbers

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection


async def collect(
    connection: "Connection",
    since: datetime,
    until: datetime,
    *,
    zone: ZoneInfo,
    agency: str | None,
    assumed: Assumptions,
    labels: Labels,
) -> Numbers:
    """Return everything that the report of a period says; the connection sees reporting's schema."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cells = await periods.all_figures(connection, since, until, zone, agency)
        wanted = Filter(agency=agency, since=since, until=until)
        return Numbers(
            since=since,
            until=until,
            zone=zone,
            agency=agency,
            figures={name: Cells(figure) for name, figure in cells.items()},
            diverted=await periods.funnel_of(connection, "diverted", wanted, zone),
            observed=await periods.funnel_of(connection, "observed", wanted, zone),
            hours=await periods.hours(connection, since, until, agency),
            corrections=await periods.corrections(connection, since, until, agency),
            assumed=assumed,
            labels=labels,
            seal=await periods.sealed(connection, since, until, agency, cells),
        )
