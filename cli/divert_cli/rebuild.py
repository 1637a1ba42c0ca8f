"""`divert rebuild`: reporting's tables anew from the log, beside the live ones, which they then replace."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from rich.console import Console

from divert_bench.processes import Backing, service
from divert_cli import kafka_admin
from divert_cli.calls import the_stack
from divert_cli.errors import StackError
from divert_cli.export import READ
from divert_reporting.adapters.tables import digest

MEMBER = "rebuild"
LIVE, BESIDE, OLD = "reporting", f"reporting_{MEMBER}", "reporting_old"
STILL_FOR = 60.0
"""Seconds without a step forward after which the rebuilding has failed."""
_LOOKS_EVERY = 0.2

_console = Console(highlight=False, soft_wrap=True)


def rebuild() -> None:
    """Make reporting's tables anew from the beginning of the log while the live ones go on, then swap them."""
    run = the_stack()
    with TemporaryDirectory() as folder:
        backing = Backing(run.kafka, run.postgres, run.valkey, Path(folder))
        told = asyncio.run(rebuilt(backing))
    _console.print(told)


async def rebuilt(backing: Backing) -> str:
    """Build beside, swap, and say what came of it.

    Raises:
        StackError: the new tables do not get on; the live ones are left as they were.
    """
    connection = await asyncpg.connect(backing.postgres)
    try:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{BESIDE}" CASCADE')
        await connection.execute(f'DROP SCHEMA IF EXISTS "{OLD}" CASCADE')
        began = time.monotonic()
        async with service(backing, "reporting", settings={"REPORTING_MEMBER": MEMBER}, ready=False):
            handled = await _caught_up(connection, backing.kafka)
        took = time.monotonic() - began
        before, after = await _digests(backing.postgres, LIVE), await _digests(backing.postgres, BESIDE)
        await swap(connection)
    finally:
        await connection.close()
    same = "equal to those that they replaced" if before == after else "not equal to those that they replaced"
    return f"{handled:,} facts in {took:.1f} s ({handled / took:,.0f}/s); the tables are {same}"


async def swap(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Put the new tables in the place of the live ones.

    Every batch begins by moving its position. The lock waits for the batch in hand and holds the next one back; that
    one then finds positions that it does not know, and reads on from where the new tables stand.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'")
        await connection.execute(f'LOCK TABLE "{LIVE}".position IN ACCESS EXCLUSIVE MODE')
        # What does not follow from the log: how services were, who has seen to which alarm,
        for table in ("pipeline_alarms", "alarm_acknowledgements"):
            await connection.execute(f'INSERT INTO "{BESIDE}".{table} SELECT * FROM "{LIVE}".{table}')  # noqa: S608
        # and who did what, which goes over as it is, with what keeps it from being changed.
        await connection.execute(f'DROP TABLE "{BESIDE}".audit_seal, "{BESIDE}".audit')
        await connection.execute(f'DROP FUNCTION "{BESIDE}".audit_is_added_to()')
        for kind, name in (("TABLE", "audit"), ("TABLE", "audit_seal"), ("FUNCTION", "audit_is_added_to()")):
            await connection.execute(f'ALTER {kind} "{LIVE}".{name} SET SCHEMA "{BESIDE}"')
        await connection.execute(f'ALTER SCHEMA "{LIVE}" RENAME TO "{OLD}"')
        await connection.execute(f'ALTER SCHEMA "{BESIDE}" RENAME TO "{LIVE}"')
    await connection.execute(f'DROP SCHEMA "{OLD}" CASCADE')


async def _caught_up(connection: "asyncpg.Connection[asyncpg.Record]", kafka: str) -> int:
    """Return when the new tables have everything that is on the log; how many records that was."""
    stands, since = -1, time.monotonic()
    while True:
        marks = await asyncio.to_thread(kafka_admin.ends, kafka, [one.name for one in READ])
        try:
            rows = await connection.fetch(f'SELECT topic, partition, next FROM "{BESIDE}".position')  # noqa: S608
        except asyncpg.UndefinedTableError:
            rows = []
        reached = {(row["topic"], row["partition"]): row["next"] for row in rows}
        if all(reached.get(partition, 0) >= end for partition, (first, end) in marks.items() if end > first):
            return sum(reached.values())
        if sum(reached.values()) > stands:
            stands, since = sum(reached.values()), time.monotonic()
        elif time.monotonic() - since > STILL_FOR:
            raise StackError(f"the new tables do not get beyond {stands:,} records; the live ones are as they were")
        await asyncio.sleep(_LOOKS_EVERY)


async def _digests(dsn: str, schema: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema, "timezone": "UTC"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await digest(connection)
    finally:
        await connection.close()
