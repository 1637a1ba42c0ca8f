"""`divert audit`: who did what, from the chains of every service."""

import asyncio
import json
import os
from typing import Annotated
from uuid import UUID

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from divert_chassis.audit import Entry, Walked, schemas, walk
from divert_cli.errors import StackError
from divert_cli.stack import running

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_console = Console(highlight=False, width=160)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.callback()
def about() -> None:
    """Who did what, when, about which call, with which result."""


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Compute every chain anew. Exits 1 and names the first row of a chain that is not as it was written."""
    found = asyncio.run(walked(_postgres()))
    if as_json:
        print(
            json.dumps([{name: getattr(one, name) for name in Walked.__dataclass_fields__} for one in found], indent=2)
        )
    else:
        table = Table("service", "rows", "not yet in the chain", "hash of the last", "broken")
        for one in found:
            table.add_row(one.schema, str(one.rows), str(one.unsealed), one.head, one.broken or "")
        _console.print(table)
    if any(one.broken for one in found):
        raise typer.Exit(1)


@app.command()
def show(call_id: Annotated[UUID, typer.Argument(help="A call or a case.")], *, as_json: AsJson = False) -> None:
    """List what was done about one call or case, and who looked at it, in order of time."""
    found = asyncio.run(told_of(_postgres(), str(call_id)))
    if as_json:
        print(json.dumps([{"service": service, **one._asdict()} for service, one in found], indent=2, default=str))
        return
    table = Table("time", "service", "who", "role", "of", "did", "result")
    for service, one in found:
        at = one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(at, service, one.subject, one.role, one.party or "", one.scope, one.result)
    _console.print(table)


async def walked(postgres: str) -> list[Walked]:
    """Walk the chains of every service in a database."""
    connection = await asyncpg.connect(postgres)
    try:
        return [await walk(connection, schema) for schema in await schemas(connection)]
    finally:
        await connection.close()


async def told_of(postgres: str, target: str) -> list[tuple[str, Entry]]:
    """Return the entries about a call or case of every service in a database, each with the service, by time."""
    connection = await asyncpg.connect(postgres)
    try:
        found: list[tuple[str, Entry]] = []
        columns = ", ".join(Entry._fields)
        for schema in await schemas(connection):
            query = (
                f'SELECT {columns} FROM "{schema}".audit'  # noqa: S608  # from the catalogue
                " WHERE $1 = ANY(string_to_array(target, ' '))"
            )
            found += [(schema, Entry(*row)) for row in await connection.fetch(query, target)]
    finally:
        await connection.close()
    return sorted(found, key=lambda one: one[1].at)


def _postgres() -> str:
    run = running()
    named = os.environ.get("DIVERT_POSTGRES") if run is None else run.postgres
    if not named:
        raise StackError("nothing is running; start it with `divert up`, or name a database in DIVERT_POSTGRES")
    return named
