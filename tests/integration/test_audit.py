"""The audit's chain on a real Postgres: it cannot be changed quietly, and the first row that was is named."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from divert_chassis import audit
from divert_chassis.access import Acting, Gate, about, guarded, requires, showing, shows
from divert_chassis.health import Health
from divert_chassis.http import application
from divert_chassis.issuer import LocalIssuer
from divert_chassis.tokens import Keys, Principal, Verifier
from divert_cli.audit import told_of
from divert_contracts.access import MAY, Role, Scope

SCHEMA = "provider_gateway_alcott"
NOON = datetime(2026, 11, 23, 20, tzinfo=UTC)
WHO = Principal("west-1", Role.PROVIDER_TEAM, MAY[Role.PROVIDER_TEAM], provider="alcott")


def acting(scope: Scope = Scope.ACKNOWLEDGE, target: str | None = "a-case") -> Acting:
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


async def test_what_a_list_shows_is_named_in_entries_of_a_bounded_size_and_only_what_is_new(
    connection: "asyncpg.Connection[asyncpg.Record]", database: str
) -> None:
    now = [0.0]
    gathered = audit.Audit(database, SCHEMA, now=lambda: NOON, monotonic=lambda: now[0])
    listing = acting(Scope.LIST_CASES, None)
    cases = [str(UUID(int=number)) for number in range(audit.MOST_NAMED + 1)]
    gathered.listed(listing, cases)
    now[0] += audit.SEEN_FOR
    gathered.listed(listing, cases)  # a page that looks again by itself
    gathered.listed(listing, [*cases, "new"])
    gathered.listed(acting(Scope.STREAM_CASES, None), cases[:2])
    now[0] += audit.LISTED_FOR
    gathered.listed(listing, cases[:1])
    await gathered.flush(connection)
    rows = await connection.fetch("SELECT scope, target, result FROM audit ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("cases.list", " ".join(cases[: audit.MOST_NAMED]), "read"),
        ("cases.list", cases[-1], "read"),
        ("cases.list", "new", "read"),
        ("cases.stream", " ".join(cases[:2]), "read"),
        ("cases.list", cases[0], "read"),
    ]
    assert (await audit.walk(connection, SCHEMA)).rows == 5


SHOWN = [UUID(int=1), UUID(int=2)]


def several() -> APIRouter:
    router = guarded()

    @router.get("/v1/several")
    @requires(Scope.LIST_CASES)
    async def read_several() -> None:
        shows(SHOWN)

    @router.get("/v1/none")
    @requires(Scope.STREAM_CASES)
    async def read_none() -> None:
        shows(())

    @router.get("/v1/outcomes")
    @requires(Scope.LIST_FOLLOW_UPS)
    async def read_what_is_not_private() -> None:
        shows(SHOWN)

    @router.get("/v1/page")
    @requires(Scope.USE_PORTAL)
    async def read_one_whole_and_others_in_brief() -> None:
        about(SHOWN[0])
        shows(SHOWN[1:])

    @router.get("/v1/stream")
    @requires(Scope.READ_CASE)
    async def read_stream() -> StreamingResponse:
        named = showing()

        async def news() -> AsyncIterator[str]:
            for one in SHOWN:
                named((one,))
                yield str(one)

        return StreamingResponse(news())

    return router


async def test_lists_pages_and_streams_say_which_cases_they_showed(
    connection: "asyncpg.Connection[asyncpg.Record]", database: str, tmp_path: Path
) -> None:
    issuer = LocalIssuer(tmp_path)
    issuer.make()
    kept = audit.Audit(database, SCHEMA)
    verifier = Verifier(Keys(issuer.issuer, str(issuer.jwks)), issuer=issuer.issuer, audience=issuer.audience)
    gate = Gate(verifier, provider="alcott", audit=kept)
    app = application(title="Several", version="1.0.0", router=several(), health=Health(), gate=gate)
    token = issuer.token(Role.PROVIDER_TEAM, provider="alcott", subject="west-1")
    bearing = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://several", headers=bearing
    ) as http:
        for path in ("several", "none", "outcomes", "page", "stream"):
            assert (await http.get(f"/v1/{path}")).is_success, path
    await kept.flush(connection)
    one, other = map(str, SHOWN)
    rows = await connection.fetch("SELECT scope, target FROM audit WHERE result = 'read'")
    assert {tuple(row) for row in rows} == {
        ("cases.list", f"{one} {other}"),
        ("cases.stream", None),
        ("cases.list-follow-ups", f"{one} {other}"),
        ("portal.use", one),
        ("portal.use", other),
        ("cases.read", one),
        ("cases.read", other),
        ("cases.read", None),
    }
    found = await told_of(database, other)
    assert {entry.scope for _, entry in found} == {"cases.list", "cases.list-follow-ups", "portal.use", "cases.read"}
