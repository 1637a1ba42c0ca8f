"""The audit's chain on a real Postgres: it cannot be changed quietly, and the first row that was is named."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from divert_chassis import audit
from divert_chassis.access import Acting
from divert_chassis.tokens import Principal
from divert_contracts.access import MAY, Role, Scope

SCHEMA = "provider_gateway_alcott"
NOON = datetime(2026, 11, 23, 20, tzinfo=UTC)
WHO = Principal("west-1", Role.PROVIDER_TEAM, MAY[Role.PROVIDER_TEAM], provider="alcott")


def acting(scope: Scope = Scope.ACKNOWLEDGE, target: str = "a-case") -> Acting:
    return Acting(WHO, scope, target, "its.token.here")


@pytest_asyncio.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database, server_settings={"search_path": SCHEMA})
    await audit.lay_out(connection, SCHEMA)
    yield connection
    await connection.close()


async def written(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    rows = [
        audit.entry(acting(target=f"case-{number}"), "done", NOON + timedelta(seconds=number))
        for number in range(count)
    ]
    await audit.write(connection, rows)
    while await audit.seal(connection, SCHEMA):
        pass


async def test_rows_are_chained_and_walked(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await written(connection, 3)
    first = await audit.walk(connection, SCHEMA)
    assert (first.rows, first.unsealed, first.broken) == (3, 0, None)
    await audit.write(connection, [audit.entry(acting(), "late-answer", NOON)])
    waiting = await audit.walk(connection, SCHEMA)
    assert (waiting.rows, waiting.unsealed, waiting.head) == (3, 1, first.head)
    assert await audit.seal(connection, SCHEMA) == 1
    after = await audit.walk(connection, SCHEMA)
    assert (after.rows, after.broken) == (4, None)
    assert after.head != first.head
    assert await audit.schemas(connection) == [SCHEMA]


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (
            "UPDATE audit SET subject = 'somebody-else' WHERE id = 2",
            "row 2: entry 2 of 2026-11-23 20:00:01 was changed",
        ),
        ("UPDATE audit SET result = 'done ' WHERE id = 3", "row 3: entry 3 of .* was changed"),
        ("DELETE FROM audit WHERE id = 2", "row 2: entry 2 is gone"),
        ("DELETE FROM audit_seal WHERE place = 2", "row 2: it is gone"),
        ("UPDATE audit_seal SET hash = sha256('x') WHERE place = 4", "row 4: entry 4 of .* was changed"),
    ],
)
async def test_the_first_row_that_was_changed_is_named(
    connection: "asyncpg.Connection[asyncpg.Record]", what: str, named: str
) -> None:
    await written(connection, 5)
    with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
        await connection.execute(what)
    for table in ("audit", "audit_seal"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    await connection.execute(what)
    found = await audit.walk(connection, SCHEMA)
    assert found.broken is not None
    assert re.fullmatch(named, found.broken)


async def test_what_is_gathered_is_written_and_the_same_look_only_once_a_minute(
    connection: "asyncpg.Connection[asyncpg.Record]", database: str
) -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731  # typed
    gathered = audit.Audit(database, SCHEMA, now=lambda: NOON, monotonic=clock)
    for _ in range(3):
        gathered.read(acting(Scope.READ_CASE))
    gathered.note(acting(Scope.CLOSE_CASE), "not-allowed")
    now[0] += audit.SEEN_FOR
    gathered.read(acting(Scope.READ_CASE))
    await gathered.flush(connection)
    rows = await connection.fetch("SELECT subject, role, party, scope, target, result FROM audit ORDER BY id")
    who = ("west-1", "provider-team", "alcott")
    assert [tuple(row) for row in rows] == [
        (*who, "cases.read", "a-case", "read"),
        (*who, "cases.close", "a-case", "not-allowed"),
        (*who, "cases.read", "a-case", "read"),
    ]
    assert (await audit.walk(connection, SCHEMA)).rows == 3
