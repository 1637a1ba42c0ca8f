"""`divert seal`: what the tables of a period were, published with its report; and whether they still are."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.console import Console

from divert_cli import kafka_admin
from divert_cli.calls import the_stack
from divert_cli.errors import StackError
from divert_cli.export import READ
from divert_cli.report import From, Month, To, tables, the_period
from divert_contracts.envelope import UnknownType, decode
from divert_contracts.facts.base import CallFact
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.model import Model
from divert_contracts.step import Rejected
from divert_reporting.adapters.periods import all_figures, sealed
from divert_reporting.adapters.tables import CALLS, CASES, SHIFTS, Table, canonical
from divert_reporting.domain.case_outcome import case_outcomes
from divert_reporting.domain.outcome import outcome, shift_changes
from divert_reporting.domain.record import NOTHING, Record, Shift, day_of, heard, shift_heard
from divert_reporting.domain.seal import Seal
from divert_reporting.settings import ZONE

_console = Console(highlight=False, soft_wrap=True)

seal = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@seal.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    *,
    month: Month = None,
    since: From = None,
    until: To = None,
    out: Annotated[Path | None, typer.Option(help="File to write; printed where none is named.")] = None,
) -> None:
    """Seal a period: hash its rows and figures, and say how far of the log they were made from."""
    if context.invoked_subcommand is not None:
        return
    made = asyncio.run(_sealed(the_stack().postgres, month, since, until)).model_dump_json(indent=2)
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
    run = the_stack()
    if log:
        found = from_log(run.kafka, given)
        differing = [name for name in sorted(given.tables) if found.get(name) != given.tables[name]]
    else:
        now = asyncio.run(_sealed(run.postgres, None, given.since.isoformat(), given.until.isoformat()))
        differing = list(given.differs_from(now))
    if differing:
        told = "" if log else "; facts that came later may have changed them: --log asks the log as far as it was then"
        raise StackError(f"differs: {', '.join(differing)}{told}")
    _console.print(f"seal {given.mark} holds, {'from the log' if log else 'by the tables as they are'}")


async def _sealed(dsn: str, month: str | None, since: str | None, until: str | None) -> Seal:
    async with tables(dsn) as connection:
        first, last = await the_period(connection, month, since, until)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await sealed(connection, first, last, await all_figures(connection, first, last, ZONE, None))


def from_log(kafka: str, given: Seal) -> Mapping[str, str]:
    """Return the digests of the tables as they follow from the log up to where a seal stands.

    Raises:
        StackError: a part of that log is no longer there.
    """
    marks: dict[tuple[str, int], tuple[int, int]] = {}
    for (topic, partition), (first, end) in kafka_admin.ends(kafka, [one.name for one in READ]).items():
        upto = given.log.get(f"{topic}/{partition}", 0)
        if first > 0 or end < upto:
            raise StackError(f"{topic}/{partition} holds offsets {first} to {end}; the seal needs 0 to {upto}")
        marks[topic, partition] = (first, upto)
    records: dict[UUID, Record] = {}
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
                record = records.get(fact.call_id) or Record(call_id=fact.call_id)
                records[fact.call_id] = heard(record, envelope, NOTHING, fact.occurred_at).state
    return _digests(records, shifts, given.since, given.until)


def _digests(
    records: Mapping[UUID, Record], shifts: Mapping[str, Shift], since: datetime, until: datetime
) -> Mapping[str, str]:
    calls = [row for record in records.values() if (row := outcome(record)) is not None]
    calls = [row for row in calls if row.accepted_at is not None and since <= row.accepted_at < until]
    cases = [case for row in calls for case in case_outcomes(records[row.call_id])]
    changes = [row for shift in shifts.values() for row in shift_changes(shift) if since <= row.changed_at < until]
    return {table.name: _digest(table, rows) for table, rows in ((CALLS, calls), (CASES, cases), (SHIFTS, changes))}


def _digest(table: Table, rows: Sequence[Model]) -> str:
    hashed = hashlib.sha256()
    for row in sorted(rows, key=lambda row: getattr(row, table.key).int):
        hashed.update(canonical([getattr(row, name) for name in table.columns]))
    return hashed.hexdigest()
