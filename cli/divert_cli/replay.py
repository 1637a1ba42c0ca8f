"""`divert replay`: a city's export of calls, or calls as intake takes them, through the running stack."""

import asyncio
import csv
import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from divert_cli import city_map
from divert_cli.bearers import Bearers
from divert_cli.calls import the_stack
from divert_cli.city_map import CityMap
from divert_cli.errors import StackError
from divert_cli.prepare import AGENCY, register_agency

_LINES = 1000
_TRIES = 30
_SHOWN = 20
_BATCH_BYTES = 8 * 1024 * 1024
CELL_BYTES = 64 * 1024 * 1024
"""A cell that is longer ends the reading of a file."""
_AROUND = b" \t\r\n\xef\xbb\xbf"
"""What intake passes over around a line, too: white space, and the mark that some programs begin a file with."""
_console = Console(highlight=False)
_errors = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How the file is written."""

    JSONL = "jsonl"
    """One call a line, as intake takes it."""
    CSV = "csv"
    """A city's export, read by a map."""


class Screening(StrEnum):
    """What stands for the safety answers that open data does not have."""

    ASSUME_NO = "assume-no"


@dataclass(frozen=True, slots=True)
class Line:
    """A call of the file."""

    number: int
    """Its line, counted from 1."""
    body: bytes
    """As intake takes it."""


@dataclass(slots=True)
class Counts:
    """What became of the lines."""

    accepted: int = 0
    warned: int = 0
    """Accepted with something that was not understood."""
    warnings: Counter[str] = field(default_factory=Counter[str])
    """By code."""
    duplicates: list[int] = field(default_factory=list[int])
    """Lines that stood in the file before; they were not sent again."""
    refused: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Line and reason."""
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Lines that went to intake."""
        return self.accepted + len(self.refused)


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="What to send.")],
    *,
    file_format: Annotated[Format, typer.Option("--format", help="How the file is written.")],
    map_name: Annotated[str | None, typer.Option("--map", help="For csv: a shipped map's name, or a file.")] = None,
    divert: Annotated[bool, typer.Option("--divert", help="Offer the calls to providers.")] = False,
    screening: Annotated[
        Screening | None, typer.Option("--screening", help="With --divert: what stands for the safety answers.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Calls a second at most.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many calls at most.")] = None,
    agency: Annotated[str | None, typer.Option(help="For csv: whom to post under, instead of the map's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Send every call of a file to intake and count what became of the lines. Exits 1 when any was refused."""
    city = _city(file_format, map_name, divert=divert, screening=screening, agency=agency)
    run = the_stack()
    if city is None:
        lines = json_lines(file)
        posts_as = _agency_of(file)
    else:
        agency = agency or (f"{city.agency}-{datetime.now(UTC):%Y%m%d-%H%M%S}" if divert else city.agency)
        headings_fit(file, city)
        asyncio.run(register_agency(run.kafka, agency, city.title))
        lines = csv_lines(file, city, agency=agency, divert=divert)
        posts_as = agency
    auth = Bearers(run, agency=posts_as)
    counts = asyncio.run(send_all(run.urls["intake"], Once(itertools.islice(lines, limit)), rate, auth=auth))
    if as_json:
        print(json.dumps(_document(counts, agency), indent=2))
    else:
        _show(counts, agency)
    if counts.refused:
        raise typer.Exit(1)


def _agency_of(file: Path) -> str:
    """Return the agency of the first line of a file that names one: whoever posts belongs to one."""
    for line in json_lines(file):
        try:
            read = json.loads(line.body)
        except ValueError:
            continue
        if isinstance(read, dict) and isinstance(named := cast("dict[str, object]", read).get("agency"), str):
            return named
    return AGENCY


def _city(
    file_format: Format, map_name: str | None, *, divert: bool, screening: Screening | None, agency: str | None
) -> CityMap | None:
    """Return the map of a csv file, and refuse options that do not go together."""
    if divert != (screening is not None):
        raise StackError(
            "--divert and --screening assume-no go together: open data carries no safety answers, and a call without "
            "them is not offered"
        )
    if file_format is Format.CSV:
        if map_name is None:
            raise StackError("--format csv needs --map, such as --map lapd-cfs")
        return city_map.load(map_name)
    if map_name is not None or divert or agency is not None:
        raise StackError("--map, --divert and --agency are for csv; a line of jsonl says everything itself")
    return None


# ----------------------------------------------------------------------------------------------------------- reading


def headings_fit(file: Path, city: CityMap) -> None:
    """Look whether a file has the columns of its map.

    Raises:
        StackError: it has not; the message names them.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        headings = {name.strip().lower() for name in next(csv.reader(text), list[str]())}
    if missing := city.missing(headings):
        raise StackError(f"{file} has no column for {'; '.join(missing)}")


def csv_lines(file: Path, city: CityMap, *, agency: str, divert: bool) -> Iterator[Line]:
    """Yield the calls of a city's export, as intake takes them."""
    # A cell that is too long is refused by intake, as its line; it must not end the reading.
    csv.field_size_limit(CELL_BYTES)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text)
        headings = [name.strip().lower() for name in next(reader, list[str]())]
        for cells in reader:
            if not any(cells):
                continue
            row = dict(zip(headings, cells, strict=False))
            call = city.call(row, reader.line_num, agency=agency, divert=divert)
            yield Line(reader.line_num, json.dumps(call).encode())


def json_lines(file: Path) -> Iterator[Line]:
    """Yield the lines of a file of intake's own JSON, blank ones left out."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if body := line.strip(_AROUND):
                yield Line(number, body)


class Once:
    """Passes lines on, and keeps back those that stood there before."""

    def __init__(self, lines: Iterable[Line]) -> None:
        """Pass these on."""
        self.repeated: list[int] = []
        """Numbers of the lines that were kept back until now."""
        self._lines = lines

    def __iter__(self) -> Iterator[Line]:
        """Yield each line the first time that it stands there."""
        seen: set[bytes] = set()
        for line in self._lines:
            digest = hashlib.sha256(line.body).digest()
            if digest in seen:
                self.repeated.append(line.number)
                continue
            seen.add(digest)
            yield line


def batches(lines: Iterable[Line], most: int) -> Iterator[list[Line]]:
    """Yield batches of so many lines at most, and of no more bytes than intake takes; a longer line goes alone."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == most or size + len(line.body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.body) + 1
    if batch:
        yield batch


# ----------------------------------------------------------------------------------------------------------- sending


async def send_all(intake: str, lines: Once, rate: float | None, *, auth: httpx.Auth | None = None) -> Counts:
    """Post every line to intake (its base URL), so many a second at most, and count what became of them.

    Raises:
        StackError: intake does not take them.
    """
    counts = Counts()
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    most = _LINES if rate is None else max(1, min(_LINES, round(rate / 4)))
    async with httpx.AsyncClient(timeout=60, trust_env=False, auth=auth) as http:
        with Progress(*columns, TextColumn("{task.fields[speed]}"), console=_errors) as shown:
            bar = shown.add_task("sending", total=None, speed="")
            for batch in batches(lines, most):
                if rate is not None:
                    await asyncio.sleep(max(0.0, began + counts.sent / rate - time.monotonic()))
                _count(batch, await _post(http, f"{intake}/v1/calls:batch", batch), counts)
                counts.seconds = time.monotonic() - began
                speed = counts.sent / max(counts.seconds, 1e-9)
                shown.update(bar, completed=counts.sent, speed=f"{speed:,.0f}/s, {len(counts.refused)} refused")
            shown.update(bar, total=counts.sent)
    counts.duplicates = lines.repeated
    return counts


async def _post(http: httpx.AsyncClient, url: str, batch: Sequence[Line]) -> list[dict[str, Any]]:
    """Post a batch until intake has answered for each line; a repeat is the same fact, so nothing counts twice."""
    body = b"\n".join(line.body for line in batch)
    said = ""
    for attempt in range(_TRIES):
        try:
            answer = await http.post(url, content=body, headers={"Content-Type": "application/x-ndjson"})
        except httpx.TransportError as error:
            said = type(error).__name__
        else:
            if answer.is_success:
                return cast("list[dict[str, Any]]", answer.json()["results"])
            if answer.is_client_error and len(batch) == 1:
                return [{"code": str(answer.status_code), "detail": answer.reason_phrase}]
            if answer.is_client_error:
                raise StackError(f"intake refuses the batch from line {batch[0].number}: {answer.text}")
            said = str(answer.status_code)
        await asyncio.sleep(min(0.2 * 2**attempt, 2.0))
    raise StackError(f"intake does not take line {batch[0].number} and those after it: {said}, {_TRIES} times")


def _count(batch: Sequence[Line], results: Sequence[dict[str, Any]], counts: Counts) -> None:
    for line, result in zip(batch, results, strict=True):
        if "call" not in result:
            counts.refused.append((line.number, f"{result['code']}: {result['detail']}"))
            continue
        counts.accepted += 1
        codes = [str(warning["code"]) for warning in result["call"]["warnings"]]
        counts.warned += bool(codes)
        counts.warnings.update(codes)


# ----------------------------------------------------------------------------------------------------------- showing


def _document(counts: Counts, agency: str | None) -> dict[str, object]:
    return {
        "agency": agency,
        "sent": counts.sent,
        "accepted": counts.accepted,
        "warned": counts.warned,
        "warnings": dict(counts.warnings.most_common()),
        "refused": [{"line": line, "reason": reason} for line, reason in counts.refused],
        "duplicates": counts.duplicates,
        "seconds": round(counts.seconds, 3),
    }


def _show(counts: Counts, agency: str | None) -> None:
    table = Table("lines", "count")
    table.columns[1].justify = "right"
    for name, count in (
        ("sent", counts.sent),
        ("accepted", counts.accepted),
        ("accepted with warnings", counts.warned),
        ("refused", len(counts.refused)),
        ("duplicates, not sent", len(counts.duplicates)),
    ):
        table.add_row(name, f"{count:,}")
    _console.print(table)
    for code, count in counts.warnings.most_common():
        _console.print(f"warning {code}: {count:,}", style="dim", markup=False)
    for line, reason in counts.refused[:_SHOWN]:
        _console.print(f"line {line}: {reason}", style="bold red", markup=False)
    if len(counts.refused) > _SHOWN:
        _console.print(f"… and {len(counts.refused) - _SHOWN} more (all with --json)")
    _console.print(f"{counts.sent / max(counts.seconds, 1e-9):,.0f} calls/s" + (f" as {agency}" if agency else ""))
    if agency:
        _console.print(f"`./divert outcomes --agency {agency}` shows what became of them", style="dim")
