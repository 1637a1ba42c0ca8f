"""`divert export` and `divert dictionary`: reporting's tables as files, and what is in them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from divert_cli import kafka_admin
from divert_cli.calls import the_stack
from divert_cli.errors import StackError
from divert_cli.report import Agency, From, Month, To, tables, the_period
from divert_contracts.topics import CASES, ROUTING, SHIFTS, TRIAGE
from divert_reporting.adapters import exports
from divert_reporting.adapters.dictionary import TableEntry, markdown
from divert_reporting.adapters.dictionary import dictionary as the_dictionary
from divert_reporting.adapters.periods import all_figures, hours
from divert_reporting.adapters.tables import TABLES, Part
from divert_reporting.domain.cells import Cell
from divert_reporting.domain.cost import HOUR, Hours
from divert_reporting.settings import ZONE

READ = (TRIAGE, ROUTING, CASES, SHIFTS)
"""The topics that reporting reads."""

_console = Console(highlight=False, soft_wrap=True)


class Exported(StrEnum):
    """What can be exported."""

    CALL_OUTCOMES = "call_outcomes"
    CASE_OUTCOMES = "case_outcomes"
    SHIFT_CHANGES = "shift_changes"
    FIGURES = "figures"
    HOURS = "hours"
    LOG = "log"


class Format(StrEnum):
    """File formats."""

    CSV = "csv"
    PARQUET = "parquet"


def export(
    table: Annotated[Exported, typer.Argument(help="A table, the figures of a period, or the log of facts itself.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="Of a table; the log is always NDJSON.")] = Format.CSV,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    month: Month = None,
    since: From = None,
    until: To = None,
    agency: Agency = None,
) -> None:
    """Write a table to a file, with its dictionary beside it; by default of everything that is known."""
    if agency is not None and table in {Exported.SHIFT_CHANGES, Exported.LOG}:
        raise StackError(f"{table.value} cannot be divided by agency: leave --agency out")
    run = the_stack()
    out.mkdir(parents=True, exist_ok=True)
    if table is Exported.LOG:
        file = out / "log.ndjson"
        written = write_log(run.kafka, file)
    else:
        file = out / f"{table.value}.{form.value}"
        written = asyncio.run(_write(run.postgres, table, form, file, (month, since, until), agency))
        entry = explained(table)
        (out / f"{table.value}.dictionary.json").write_text(entry.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _console.print(f"{file}: {written:,} rows")


def dictionary(
    *, as_json: Annotated[bool, typer.Option("--json", help="For programs; with every figure's query.")] = False
) -> None:
    """Print the data dictionary."""
    book = the_dictionary()
    print(book.model_dump_json(indent=2) if as_json else markdown(book), end="\n" if as_json else "")


async def _write(  # noqa: PLR0917 (one option each)
    dsn: str,
    wanted: Exported,
    form: Format,
    file: Path,
    named: tuple[str | None, str | None, str | None],
    agency: str | None,
) -> int:
    columns = explained(wanted).columns
    async with tables(dsn) as connection:
        first, last = await the_period(connection, *named)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if wanted is Exported.FIGURES:
                given = figure_rows(await all_figures(connection, first, last, ZONE, agency))
            elif wanted is Exported.HOURS:
                given = hour_rows(await hours(connection, first, last, agency))
            else:
                table = next(one for one in TABLES if one.name == wanted.value)
                part = Part(first, last, agency) if any(named) else Part(agency=agency)
                given = exports.rows(connection, table, part)
            writes = {Format.CSV: exports.write_csv, Format.PARQUET: exports.write_parquet}[form]
            return await writes(file, columns, given)


def explained(wanted: Exported) -> TableEntry:
    """Return what the dictionary says of something that can be exported."""
    return next(one for one in the_dictionary().tables if one.name == wanted.value)


async def figure_rows(cells: Mapping[str, Sequence[Cell]]) -> AsyncIterator[exports.Row]:
    """Yield figures as they are exported."""
    for name, figure in cells.items():
        for one in figure:
            yield (name, *one.model_dump().values())


async def hour_rows(worked: Sequence[Hours]) -> AsyncIterator[exports.Row]:
    """Yield hours as they are exported, in whole seconds."""
    for one in worked:
        yield (one.provider, None if one.shift is None else round(one.shift * HOUR), round(one.busy * HOUR))


def write_log(kafka: str, file: Path, upto: Mapping[tuple[str, int], int] | None = None) -> int:
    """Write every record of the topics that reporting reads, by topic, partition and offset; return how many.

    Args:
        kafka: where the topics are.
        file: where to.
        upto: the offset before which to stop in each partition; null for all that there is.
    """
    marks = kafka_admin.ends(kafka, [one.name for one in READ])
    if upto is not None:
        marks = {place: (first, min(end, upto.get(place, first))) for place, (first, end) in marks.items()}
    written = 0
    with file.open("w", encoding="utf-8") as handle:
        for partition in sorted(marks):
            for record in kafka_admin.read(kafka, {partition: marks[partition]}):
                handle.write(_line(record) + "\n")
                written += 1
    return written


def _line(record: kafka_admin.Record) -> str:
    said = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": None if record.key is None else record.key.decode("latin-1"),
        "headers": {name: value.decode("latin-1") for name, value in sorted(record.headers.items())},
        "value": None if record.value is None else record.value.decode("utf-8", "replace"),
    }
    return json.dumps(said, separators=(",", ":"))
