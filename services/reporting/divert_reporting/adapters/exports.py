"""Tables as files: CSV that is safe to open in a spreadsheet, and Parquet. Equal rows give equal bytes."""

import csv
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

import duckdb

from divert_reporting.adapters.dictionary import Column
from divert_reporting.adapters.tables import Part, Table, selected

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is run by spreadsheets."""
_PARQUET = {
    "uuid": "UUID",
    "timestamptz": "TIMESTAMPTZ",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "text": "VARCHAR",
    "text[]": "VARCHAR[]",
}

Row = Sequence[object]


async def rows(connection: "Connection", table: Table, part: Part) -> AsyncIterator[Row]:
    """Yield the rows of a part of a table in the order of their keys; inside a transaction."""
    sql, values = selected(table, part)
    async for row in connection.cursor(sql, *values, prefetch=1_000):
        yield tuple(row)


async def write_csv(file: Path, columns: Sequence[Column], given: AsyncIterator[Row]) -> int:
    """Write rows as CSV in UTF-8 with a line of names; return how many there were.

    A text that a spreadsheet would run as a formula gets an apostrophe before it; lists are separated by semicolons;
    nothing stands where nothing is known.
    """
    written = 0
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([one.name for one in columns])
        async for row in given:
            writer.writerow([_cell(value) for value in row])
            written += 1
    return written


async def write_parquet(file: Path, columns: Sequence[Column], given: AsyncIterator[Row]) -> int:
    """Write rows as Parquet with typed columns; return how many there were."""
    written = 0
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.ndjson"
        with lines.open("w", encoding="utf-8") as handle:
            async for row in given:
                named = {one.name: _plain(value) for one, value in zip(columns, row, strict=True)}
                handle.write(json.dumps(named, separators=(",", ":")) + "\n")
                written += 1
        types = "{" + ", ".join(f"'{one.name}': '{_PARQUET[one.type]}'" for one in columns) + "}"
        with duckdb.connect(":memory:", config={"threads": 1}) as engine:
            engine.execute(
                f"COPY (SELECT * FROM read_json('{lines}', format = 'newline_delimited', columns = {types}))"
                f" TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
            )
    return written


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return _safe(";".join(str(one) for one in value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case str():
            return _safe(value)
        case _:
            return str(_plain(value))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
