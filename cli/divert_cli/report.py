"""`divert report`: what became of the calls of a period, as a page and as PDF that a council office could publish."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import asyncpg
import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

from divert_cli.calls import the_stack
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_reporting.adapters.periods import all_known, cases_of
from divert_reporting.domain.cost import Assumptions
from divert_reporting.pages.report import collected
from divert_reporting.pages.report.contract import contract
from divert_reporting.pages.report.council import council
from divert_reporting.pages.report.numbers import Labels, Numbers
from divert_reporting.pages.report.page import Report
from divert_reporting.pages.report.paper import pdf
from divert_reporting.pages.report.screen import html
from divert_reporting.settings import ZONE

ASSUMPTIONS = ROOT / "seeds" / "assumptions" / "cost.yaml"
LABELS = ROOT / "seeds" / "policy" / "routing.yaml"

_console = Console(highlight=False, soft_wrap=True)


class Paper(StrEnum):
    """Sizes of paper."""

    A4 = "a4"
    LETTER = "letter"


Month = Annotated[str | None, typer.Option("--month", help="A whole month, such as 2026-10.")]
From = Annotated[str | None, typer.Option("--from", help="First day, or a time: 2026-10-01, 2026-10-01T18:00.")]
To = Annotated[str | None, typer.Option("--to", help="Where it ends, that day or time not included.")]
Agency = Annotated[str | None, typer.Option(help="Only this agency's calls.")]


def report(
    *,
    month: Month = None,
    since: From = None,
    until: To = None,
    provider: Annotated[str | None, typer.Option(help="This provider's contract report and invoice.")] = None,
    agency: Agency = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    paper: Annotated[Paper, typer.Option(help="Size of the PDF.")] = Paper.LETTER,
    assumptions: Annotated[Path, typer.Option(help="What cost figures assume.")] = ASSUMPTIONS,
    labels: Annotated[Path, typer.Option(help="The routing policy, for names of divisions and providers.")] = LABELS,
) -> None:
    """Write the report of a period: by default of everything that the running stack knows."""
    asyncio.run(_write(month, since, until, provider, agency, out, paper, assumptions, labels))


async def _write(  # noqa: PLR0917 (one option each)
    month: str | None,
    since: str | None,
    until: str | None,
    provider: str | None,
    agency: str | None,
    out: Path,
    paper: Paper,
    assumptions: Path,
    labels: Path,
) -> None:
    async with tables(the_stack().postgres) as connection:
        first, last = await the_period(connection, month, since, until)
        numbers = await collected.collect(
            connection,
            first,
            last,
            zone=ZONE,
            agency=agency,
            assumed=read_assumptions(assumptions),
            labels=read_labels(labels),
        )
        if provider is None:
            written = council(numbers)
        else:
            cases = await cases_of(connection, provider, first, last, agency)
            if not cases:
                raise StackError(f"{provider} was offered no call from {first} to {last}")
            written = contract(numbers, provider, cases)
    for file in write(written, numbers, out, named(provider, first, last), paper):
        _console.print(str(file))
    _console.print(f"seal {numbers.seal.mark}", style="dim")


def write(written: Report, numbers: Numbers, out: Path, name: str, paper: Paper) -> list[Path]:
    """Write the files of a report: the page, the PDF and the seal; return where they are."""
    out.mkdir(parents=True, exist_ok=True)
    files = {
        out / f"{name}.html": html(written).encode(),
        out / f"{name}.pdf": pdf(written, paper.value),
        out / f"{name}.seal.json": numbers.seal.model_dump_json(indent=2).encode() + b"\n",
    }
    for file, content in files.items():
        file.write_bytes(content)
    return list(files)


def named(provider: str | None, since: datetime, until: datetime) -> str:
    """Return how the files of a report are called."""
    first, last = since.astimezone(ZONE), until.astimezone(ZONE)
    span = f"{first:%Y-%m-%d}-to-{last:%Y-%m-%d}"
    return f"divert-report-{span}" if provider is None else f"divert-{provider}-{span}"


@asynccontextmanager
async def tables(dsn: str) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    """Connect to reporting's tables.

    Raises:
        StackError: there are none there.
    """
    try:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "reporting", "timezone": "UTC"})
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(f"Postgres does not answer ({type(error).__name__})") from error
    try:
        yield connection
    except asyncpg.UndefinedTableError as error:
        raise StackError("reporting has no tables there yet") from error
    finally:
        await connection.close()


async def the_period(
    connection: "asyncpg.Connection[asyncpg.Record]", month: str | None, since: str | None, until: str | None
) -> tuple[datetime, datetime]:
    """Return the period that is asked for; everything that is known where none is.

    Raises:
        StackError: it cannot be read, ends before it begins, or nothing is known at all.
    """
    if month is not None:
        first = _moment(f"{month}-01", ZONE)
        return first, first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    known = await all_known(connection, ZONE)
    if known is None and (since is None or until is None):
        raise StackError("nothing is known yet: `divert demo` plays an evening, `divert replay` sends an export")
    first, last = known or (_moment(since or "", ZONE), _moment(until or "", ZONE))
    period = first if since is None else _moment(since, ZONE), last if until is None else _moment(until, ZONE)
    if period[0] >= period[1]:
        raise StackError("a period ends after it begins")
    return period


def read_assumptions(file: Path) -> Assumptions:
    """Return the assumptions of a file.

    Raises:
        StackError: it cannot be read as such.
    """
    try:
        return Assumptions.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StackError(f"{file}: {error}") from error


def read_labels(file: Path) -> Labels:
    """Return the names in a routing policy.

    Raises:
        StackError: it cannot be read as such.
    """
    try:
        return Labels.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StackError(f"{file}: {error}") from error


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise StackError(f"{text} is no day or time; write 2026-10-01 or 2026-10-01T18:00") from None
    return read if read.tzinfo else read.replace(tzinfo=zone)
