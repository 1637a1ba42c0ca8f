"""Who did what, when, about which call, with which result: rows that are only ever added, chained by their hashes.

A command's row is written in the command's own transaction. What changes nothing of ours (reads of private words, what
was refused at the gate, what a service without a database takes) is gathered and written within a second. A sealer then
gives each row its place in the chain of its schema. Rows hold ids, roles and codes; never what somebody said.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from divert_chassis.clock import real_now
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.logs import logger
from divert_chassis.metrics import AUDIT_LOST

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from divert_chassis.access import Acting
    from divert_chassis.health import Health

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

log = logger(__name__)

TASK = "audit"
EVERY = 1.0
"""Real seconds between two looks at what is to be written and sealed."""
MOST_GATHERED = 20_000
"""Entries that wait while Postgres is away; beyond them the oldest go, counted."""
MOST_SEALED = 500
OVERTAKEN_BY = 10_000
"""By how many rows a transaction may be overtaken by others while it lasts; at its start a process looks at all."""
SEEN_FOR = 60.0
"""Real seconds for which the same person's looks at the same thing are one entry."""
LISTED_FOR = 3600.0
"""The same for things that are shown among others: lists stay open, and look again by themselves."""
MOST_NAMED = 100
"""Calls or cases that one entry names at the most; what was shown beyond them has further ones."""
MOST_SEEN = 50_000
BEGINNING = b"\0" * 32

LAYOUT = """
CREATE TABLE IF NOT EXISTS audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL,
    subject text NOT NULL, role text NOT NULL, party text, scope text NOT NULL, target text, result text NOT NULL);
CREATE TABLE IF NOT EXISTS audit_seal (
    place bigint PRIMARY KEY, id bigint NOT NULL UNIQUE, hash bytea NOT NULL);
CREATE OR REPLACE FUNCTION audit_is_added_to() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is only ever added to'; END $$;
CREATE OR REPLACE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_added_to();
CREATE OR REPLACE TRIGGER audit_seal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_added_to();
"""
_INSERT = (
    "INSERT INTO audit (at, subject, role, party, scope, target, result)"
    " SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])"
)
_COLUMNS = "a.id, a.at, a.subject, a.role, a.party, a.scope, a.target, a.result"


class Entry(NamedTuple):
    """One row."""

    at: datetime
    """Real time."""
    subject: str
    role: str
    party: str | None
    """Their provider or agency."""
    scope: str
    """What they did."""
    target: str | None
    """The call or case; of a list those that were shown, with blanks between."""
    result: str
    """``done``, ``repeated``, ``read``, or the code of why not."""


def entry(acting: Acting, result: str, at: datetime) -> Entry:
    """Return the row of what somebody did."""
    who = acting.principal
    return Entry(
        at, who.subject, who.role.value, who.provider or who.agency, acting.scope.value, acting.target, result[:64]
    )


async def write(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write rows, in the transaction of whatever they tell of."""
    if entries:
        await connection.execute(_INSERT, *map(list, zip(*entries, strict=True)))


async def lay_out(connection: Connection, schema: str) -> None:
    """Make what is missing. Workers that start together take turns."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", zlib.crc32(schema.encode()))
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(LAYOUT)


async def seal(connection: Connection, schema: str, *, window: int | None = OVERTAKEN_BY) -> int:
    """Give rows that were written their places in the chain, and return how many; one worker at a time.

    Args:
        connection: to the schema.
        schema: its name.
        window: looks no further back than so many rows behind the newest that has its place; null: at all there are.
    """
    async with connection.transaction():
        if not await connection.fetchval(
            "SELECT pg_try_advisory_xact_lock($1)", zlib.crc32(f"audit {schema}".encode())
        ):
            return 0
        last = await connection.fetchrow("SELECT place, hash FROM audit_seal ORDER BY place DESC LIMIT 1")
        place, chained = (0, BEGINNING) if last is None else (last["place"], last["hash"])
        rows = await connection.fetch(
            f"SELECT {_COLUMNS} FROM audit a WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.id = a.id)"
            " AND a.id > coalesce((SELECT max(id) FROM audit_seal) - $2::bigint, 0) ORDER BY a.id LIMIT $1",
            MOST_SEALED,
            window,
        )
        sealed: list[tuple[int, int, bytes]] = []
        for row in rows:
            place, chained = place + 1, link(chained, place + 1, row)
            sealed.append((place, row["id"], chained))
        await connection.executemany("INSERT INTO audit_seal (place, id, hash) VALUES ($1, $2, $3)", sealed)
    return len(sealed)


def link(before: bytes, place: int, row: asyncpg.Record) -> bytes:
    """Return the hash of a row in its place, after the one before."""
    id_, at, *rest = row[:8]
    told = json.dumps([place, id_, at.astimezone(UTC).isoformat(), *rest], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(before + told.encode()).digest()


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of walking a chain."""

    schema: str
    rows: int
    """Whose hashes are as they should be, from the first on."""
    unsealed: int
    """Rows that wait for their place, as the newest always do for a second."""
    head: str
    """Hash of the last row that is as it should be, in hexadecimal: noted elsewhere, it shows rows cut off the end."""
    broken: str | None
    """The first place that is not as it should be, and what is wrong with it."""


async def walk(connection: Connection, schema: str) -> Walked:
    """Compute the chain of a schema anew, and compare it with what is stored."""
    expected, chained, broken = 1, BEGINNING, None
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        query = (
            f"SELECT {_COLUMNS}, s.place, s.hash, s.id AS sealed"
            f' FROM "{schema}".audit_seal s LEFT JOIN "{schema}".audit a ON a.id = s.id ORDER BY s.place'
        )
        async for row in connection.cursor(query, prefetch=1_000):
            if row["place"] != expected:
                broken = f"row {expected}: it is gone"
            elif row["id"] is None:
                broken = f"row {expected}: entry {row['sealed']} is gone"
            elif link(chained, expected, row) != row["hash"]:
                broken = f"row {expected}: entry {row['sealed']} of {row['at']:%Y-%m-%d %H:%M:%S} was changed"
            if broken is not None:
                break
            chained, expected = row["hash"], expected + 1
        unsealed = await connection.fetchval(
            f'SELECT count(*) FROM "{schema}".audit a WHERE NOT EXISTS'
            f' (SELECT FROM "{schema}".audit_seal s WHERE s.id = a.id)'
        )
    return Walked(schema, expected - 1, unsealed, chained.hex(), broken)


async def schemas(connection: Connection) -> list[str]:
    """Return the schemas that have an audit."""
    rows = await connection.fetch(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'audit_seal' ORDER BY 1"
    )
    return [row["table_schema"] for row in rows]


class Audit:
    """Gathers what is not written in a transaction of its own, writes it, and seals everything."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        *,
        now: Callable[[], datetime] = real_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write into a schema; ``now`` returns real time, ``monotonic`` seconds of a clock that never goes back."""
        self._dsn = dsn
        self._schema = schema
        self._now = now
        self._monotonic = monotonic
        self._waiting: deque[Entry] = deque()
        self._seen: OrderedDict[tuple[str, str, str | None], float] = OrderedDict()

    def note(self, acting: Acting, result: str) -> None:
        """Take an entry, to be written within a second or as soon as Postgres is there."""
        self._take(entry(acting, result, self._now()))

    def _take(self, one: Entry) -> None:
        self._waiting.append(one)
        if len(self._waiting) > MOST_GATHERED:
            self._waiting.popleft()
            AUDIT_LOST.labels(self._schema).inc()

    def read(self, acting: Acting) -> None:
        """Note that somebody looked at private words; once a minute for the same."""
        if self._is_new(acting, acting.target, SEEN_FOR):
            self.note(acting, "read")

    def listed(self, acting: Acting, targets: Iterable[str]) -> None:
        """Note which calls or cases somebody was shown among others; once an hour for the same."""
        new = [one for one in targets if self._is_new(acting, one, LISTED_FOR)]
        for first in range(0, len(new), MOST_NAMED):
            self._take(entry(acting, "read", self._now())._replace(target=" ".join(new[first : first + MOST_NAMED])))

    def _is_new(self, acting: Acting, target: str | None, within: float) -> bool:
        """Say whether somebody has not looked at something within so many real seconds, and remember that they did."""
        what = (acting.principal.subject, acting.scope.value, target)
        now = self._monotonic()
        if now - self._seen.get(what, float("-inf")) < within:
            return False
        self._seen[what] = now
        self._seen.move_to_end(what)
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return True

    async def run(self, health: Health) -> None:
        """Write and seal until cancelled; what is gathered then is still written, if Postgres is there."""
        waits = backoff(first=0.2)
        while True:
            try:
                await self._work(health)
            except asyncio.CancelledError:
                raise
            except (*TRANSIENT, asyncpg.PostgresError) as why:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # Told to stop, and Postgres is away: what is gathered goes, and is counted.
                    AUDIT_LOST.labels(self._schema).inc(len(self._waiting))
                    log.error("audit-lost", count=len(self._waiting))
                    return
                log.warning("audit-postponed", error=type(why).__name__, count=len(self._waiting))
                health.beat(TASK)
                await asyncio.sleep(next(waits))

    async def _work(self, health: Health) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5.0,
            command_timeout=30.0,
            server_settings={"search_path": self._schema, "timezone": "UTC"},
        )
        try:
            await lay_out(connection, self._schema)
            while await seal(connection, self._schema, window=None) == MOST_SEALED:
                health.beat(TASK)
            while True:
                await self.flush(connection)
                health.beat(TASK)
                await asyncio.sleep(EVERY)
        finally:
            try:
                await asyncio.wait_for(self._flushed(connection), 5.0)
            finally:
                await asyncio.wait_for(connection.close(), 5.0)

    async def _flushed(self, connection: Connection) -> None:
        if not connection.is_closed():
            await self.flush(connection)

    async def flush(self, connection: Connection) -> None:
        """Write what was gathered, and seal all there is."""
        while batch := [self._waiting[at] for at in range(min(len(self._waiting), MOST_SEALED))]:
            await write(connection, batch)
            for _ in batch:
                self._waiting.popleft()
        while await seal(connection, self._schema) == MOST_SEALED:
            pass
