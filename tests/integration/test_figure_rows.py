"""The calls behind every number of every figure: together they are the number, and none of them leads to a person."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from divert_chassis.publisher import Outgoing
from divert_cli.proofs.rebuild import evenings
from divert_reporting.adapters import figure_rows
from divert_reporting.adapters.figure_rows import FigureRow, rows_behind
from divert_reporting.adapters.figures import Figures, figures, midnight
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.domain.cells import Cell, Figure, Kind
from divert_reporting.settings import ZONE
from integration.test_figures import DAY, Tables, empty_tables

PERIOD = Filter(since=midnight(DAY, ZONE), until=midnight(DAY, ZONE) + timedelta(days=2))


@pytest.fixture(scope="module")
def log() -> Sequence[Outgoing]:
    """One evening, as it stands on the topics."""
    return evenings(1)


async def behind(tables: Tables, figure: Figure, cell: Cell, wanted: Filter = PERIOD) -> list[FigureRow]:
    """Return every row behind a number, page by page."""
    found: list[FigureRow] = []
    start: int | None = 0
    while start is not None:
        page = await rows_behind(
            tables.pool, ZONE, figure, (cell.dimension, cell.part, cell.measure), wanted, start=start
        )
        found += page.rows
        start = page.next
    return found


async def test_the_rows_behind_every_number_are_that_number(
    database: str, log: Sequence[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with empty_tables(database) as tables:
        await tables.take(log)
        counted = await Figures(tables.pool, ZONE).read(list(figures()), PERIOD)
        assert sum(len(cells) for cells in counted.values()) > 200
        for name, cells in counted.items():
            for cell in cells:
                rows = await behind(tables, figures()[name], cell)
                calls = len(rows) if cell.measure == "places" else sum(one.counts for one in rows)
                assert calls >= cell.n if cell.measure == "places" else calls == cell.n + cell.missing, (name, cell)
                if figures()[name].kind is Kind.TIMES:
                    assert sum(one.counts for one in rows if one.seconds is None) == cell.missing, (name, cell)
        # In pages that are much smaller than the period, and of a part of the calls.
        monkeypatch.setattr(figure_rows, "LOOKED_AT", 50)
        narrowed = Filter(since=PERIOD.since, until=PERIOD.until, feed="diverted", division=9)
        for cell in (await Figures(tables.pool, ZONE).read(["outcomes"], narrowed))["outcomes"]:
            assert sum(one.counts for one in await behind(tables, figures()["outcomes"], cell, narrowed)) == cell.n


async def test_a_row_holds_no_id_no_number_and_no_exact_time(database: str, log: Sequence[Outgoing]) -> None:
    async with empty_tables(database) as tables:
        await tables.take(log)
        (cell,) = [
            one
            for one in (await Figures(tables.pool, ZONE).read(["funnel"], PERIOD))["funnel"]
            if (one.dimension, one.measure) == ("all", "acknowledged")
        ]
        rows = await behind(tables, figures()["funnel"], cell)
        told = "".join(one.model_dump_json() for one in rows)
        known = await tables.pool.fetch("SELECT call_id, incident_number, place FROM call_outcomes")
        assert known
        assert not [word for row in known for word in row if word is not None and str(word) in told]
        assert {(one.accepted_hour.minute, one.accepted_hour.second) for one in rows} == {(0, 0)}
