"""`divert seal`: what the tables of a period were, published with its report; and whether they still are."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console

from divert_cli import kafka_admin
from divert_cli.calls import the_stack
from divert_cli.errors import StackError
from divert_cli.export import READ
from divert_cli.report import Agency, From, Month, To, tables, the_period
from divert_contracts.envelope import UnknownType, decode
from divert_contracts.facts.base import CallFact
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.step import Rejected
from divert_reporting.adapters.figures import definition
from divert_reporting.adapters.periods import all_figures, hash_of, sealed
from divert_reporting.adapters.tables import Part, PostgresOutcomes, PostgresShifts, digest
from divert_reporting.domain.record import NOTHING, Record, Shift, day_of, heard, shift_heard
from divert_reporting.domain.seal import Seal
from divert_reporting.settings import ZONE

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection

T = TypeVar("T")
AT_ONCE = 500
"""Rows in one statement."""

_console = Console(highlight=False, soft_wrap=True)

seal = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@seal.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    *,
    month: Month = None,
    since: From = None,
    until: To = None,
    agency: Agency = None,
    out: Annotated[Path | None, typer.Option(help="File to write; printed where none is named.")] = None,
) -> None:
    """Seal a period: hash its rows and figures, and say how far of the log they were made from."""
    if context.invoked_subcommand is not None:
        return
    made = asyncio.run(sealed_now(the_stack().postgres, month, since, until, agency)).model_dump_json(indent=2)
    if out is None:
        print(made)
    else:
        out.write_text(made + "\n", encoding="utf-8")
        _console.print(str(out))


@seal.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A seal, as `divert seal` or `divert report` wrote it.")],
    *,
    log: Annotated[bool, typer.Option("--log", help="Count everything again from the log, as far as it was.")] = False,
) -> None:
    """Check a seal against the tables as they are, or against the log as far as it went when the seal was made."""
    try:
        given = Seal.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise StackError(f"{file} is no seal ({type(error).__name__})") from error
    if not given.intact:
        raise StackError(f"{file} is not as it was made: its hash does not fit what it says")
    run = the_stack()
    differing = given.differs_from(*asyncio.run(found(run.postgres, run.kafka if log else None, given)))
    if differing:
        told = "" if log else "; facts that came later may have changed them: --log asks the log as far as it was then"
        raise StackError(f"differs: {', '.join(differing)}{told}")
    _console.print(f"seal {given.mark} holds, {'from the log' if log else 'by the tables as they are'}")


async def sealed_now(dsn: str, month: str | None, since: str | None, until: str | None, agency: str | None) -> Seal:
    """Return the seal of a period by the tables as they are."""
    async with tables(dsn) as connection:
        first, last = await the_period(connection, month, since, until)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            cells = await all_figures(connection, first, last, ZONE, agency)
            return await sealed(connection, first, last, agency, cells)


async def found(dsn: str, kafka: str | None, given: Seal) -> tuple[Mapping[str, str], str]:
    """Return the digests of tables and figures by the tables as they are, or by a log as far as a seal goes."""
    async with tables(dsn) as connection:
        if kafka is not None:
            return await counted_beside(connection, given, *await asyncio.to_thread(_read, kafka, given))
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _counted(connection, given)


async def counted_beside(
    connection: "Connection",
    given: Seal,
    records: Mapping[str, Record],
    shifts: Mapping[str, Shift],
) -> tuple[Mapping[str, str], str]:
    """Return the digests that records come to, counted in tables that nobody else sees and that do not stay."""
    outcomes, changes = PostgresOutcomes(ZONE, definition(ZONE)), PostgresShifts()
    beside = connection.transaction()
    await beside.start()
    try:
        await connection.execute('CREATE SCHEMA "seal"; SET LOCAL search_path TO "seal"')
        await connection.execute(outcomes.ddl)
        await connection.execute(changes.ddl)
        for some in _batched(records.items()):
            await outcomes.save(connection, some)
        for some in _batched(shifts.items()):
            await changes.save(connection, some)
        return await _counted(connection, given)
    finally:
        await beside.rollback()


async def _counted(connection: "Connection", given: Seal) -> tuple[Mapping[str, str], str]:
    part = Part(given.since, given.until, given.agency)
    cells = await all_figures(connection, given.since, given.until, ZONE, given.agency)
    return await digest(connection, part), hash_of(cells)


def _batched(all_of: Iterable[T]) -> Iterator[Sequence[T]]:
    """Yield so many at a time as one statement takes."""
    rest = iter(all_of)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _read(kafka: str, given: Seal) -> tuple[Mapping[str, Record], Mapping[str, Shift]]:
    """Return what reporting remembered when it had read as far as a seal stands.

    Raises:
        StackError: a part of that log is no longer there.
    """
    marks: dict[tuple[str, int], tuple[int, int]] = {}
    for (topic, partition), (first, end) in kafka_admin.ends(kafka, [one.name for one in READ]).items():
        upto = given.log.get(f"{topic}/{partition}", 0)
        if first > 0 or end < upto:
            raise StackError(f"{topic}/{partition} holds offsets {first} to {end}; the seal needs 0 to {upto}")
        marks[topic, partition] = (first, upto)
    records: dict[str, Record] = {}
    shifts: dict[str, Shift] = {}
    for partition in sorted(marks):
        for one in kafka_admin.read(kafka, {partition: marks[partition]}):
            try:
                envelope = decode(one.value, tuple(one.headers.items()))
            except (Rejected, UnknownType):
                continue  # reporting keeps a dead letter of it, or is older than its writer
            fact = envelope.fact
            if isinstance(fact, ShiftChanged):
                shift = shifts.get(day_of(fact)) or Shift(provider=fact.provider)
                shifts[day_of(fact)] = shift_heard(shift, envelope, NOTHING, fact.occurred_at).state
            elif isinstance(fact, CallFact):
                record = records.get(str(fact.call_id)) or Record(call_id=fact.call_id)
                records[str(fact.call_id)] = heard(record, envelope, NOTHING, fact.occurred_at).state
    return records, shifts
