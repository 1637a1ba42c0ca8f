"""The tables of a service that remembers, in a schema of its own; and the SQL that touches them.

``position``: how far each partition was handled, moved by compare-and-set in the transaction of the batch.
``kafka``: of which Kafka cluster that is; one row.
``inbox``: ids of facts and commands that were handled, and the answers to commands. ``state_<kind>``: one row a key.
``near``: where states stand near each other, and ``near_lock``, by which places are locked (``vicinity``).
``outbox``: records not yet published. ``relay``: who publishes which bucket of the outbox. Documents are opaque to SQL.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from aiokafka import TopicPartition
from pydantic_core import from_json, to_json

from divert_chassis import audit
from divert_chassis.core import Held, Reply, document, next_due
from divert_chassis.errors import Zombie
from divert_chassis.publisher import Outgoing
from divert_chassis.service import Remembered, Service
from divert_chassis.vicinity import Stand
from divert_contracts.envelope import Headers
from divert_contracts.step import Refusal
from divert_contracts.topics import dead_letters

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    # asyncpg's classes are generic for type checkers only.
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

BUCKETS = 8
"""Parts of the outbox; a key is always in the same one."""
PLACE_LOCKS = 16_384
"""Rows that stand for places when they are locked; a place always for the same one, and no row is ever added."""

LAYOUT = """
CREATE TABLE IF NOT EXISTS position (
    topic text NOT NULL, partition integer NOT NULL, next bigint NOT NULL, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS kafka (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), cluster text NOT NULL);
CREATE TABLE IF NOT EXISTS inbox (
    id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), request bytea, reply bytea);
CREATE INDEX IF NOT EXISTS inbox_at ON inbox (at);
CREATE TABLE IF NOT EXISTS outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bucket smallint NOT NULL,
    topic text NOT NULL, key bytea, value bytea, headers bytea NOT NULL);
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS at timestamptz NOT NULL DEFAULT now();
CREATE INDEX IF NOT EXISTS outbox_bucket ON outbox (bucket, seq);
CREATE TABLE IF NOT EXISTS near (
    place text NOT NULL, key text NOT NULL, tells text NOT NULL, until timestamptz, listens boolean NOT NULL,
    PRIMARY KEY (place, key));
CREATE INDEX IF NOT EXISTS near_tells ON near (place) WHERE tells <> '';
CREATE TABLE IF NOT EXISTS near_lock (part smallint PRIMARY KEY);
CREATE TABLE IF NOT EXISTS relay (bucket smallint PRIMARY KEY, owner uuid, until timestamptz);
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the outbox."""

    seq: int
    record: Outgoing


def schema_of(service: Service[Any]) -> str:
    """Return the name of a service's schema."""
    return service.group.replace("-", "_")


class Store:
    """A service's tables."""

    def __init__(self, service: Service[Any]) -> None:
        """Know the tables of a service."""
        self._service = service
        self.schema = schema_of(service)
        self._private = tuple(_private(service))
        """Patterns of the names of topics with private words, and how long each keeps them."""

    async def connect(self, dsn: str, *, least: int = 2, most: int = 10) -> asyncpg.Pool[asyncpg.Record]:
        """Return a pool whose connections see the service's schema only."""
        return await asyncpg.create_pool(
            dsn,
            min_size=least,
            max_size=most,
            timeout=5.0,
            command_timeout=30.0,
            server_settings={
                "search_path": self.schema,
                "application_name": f"divert-{self._service.group}",
                "idle_in_transaction_session_timeout": "15000",
                "lock_timeout": "10000",
                "timezone": "UTC",
            },
        )

    async def lay_out(self, connection: Connection) -> None:
        """Make what is missing. Workers that start together take turns."""
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", zlib.crc32(self.schema.encode()))
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')
            await connection.execute(LAYOUT)
            await connection.execute(audit.LAYOUT)
            await connection.execute(
                "INSERT INTO relay (bucket) SELECT generate_series(0, $1) ON CONFLICT DO NOTHING", BUCKETS - 1
            )
            await connection.execute(
                "INSERT INTO near_lock SELECT generate_series(0, $1) ON CONFLICT DO NOTHING", PLACE_LOCKS - 1
            )
            for kind in self._service.kinds:
                await connection.execute(_state_table(kind))
                if kind.projection is not None:
                    await connection.execute(kind.projection.ddl)

    async def cluster(self, connection: Connection, seen: str) -> str:
        """Return the id of the Kafka cluster that positions are of; the first one that is seen is written down."""
        await connection.execute("INSERT INTO kafka (cluster) VALUES ($1) ON CONFLICT DO NOTHING", seen)
        return await connection.fetchval("SELECT cluster FROM kafka")

    async def positions(
        self, connection: Connection, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return how far partitions were handled; rows for new ones are made."""
        topics = [one.topic for one in partitions]
        numbers = [one.partition for one in partitions]
        await connection.execute(
            "INSERT INTO position SELECT *, 0 FROM unnest($1::text[], $2::integer[]) ORDER BY 1, 2"
            " ON CONFLICT DO NOTHING",
            topics,
            numbers,
        )
        rows = await connection.fetch(
            "SELECT topic, partition, next FROM position"
            " WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::integer[]))",
            topics,
            numbers,
        )
        return {TopicPartition(row["topic"], row["partition"]): row["next"] for row in rows}

    async def advance(self, connection: Connection, moves: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """Move positions from where this worker saw them to where it will be.

        Raises:
            Zombie: a position is not where this worker saw it.
        """
        ordered = sorted(moves.items())
        moved = await connection.fetch(
            "UPDATE position p SET next = v.after"
            " FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) v(topic, partition, before, after)"
            " WHERE p.topic = v.topic AND p.partition = v.partition AND p.next = v.before RETURNING 1",
            [one.topic for one, _ in ordered],
            [one.partition for one, _ in ordered],
            [before for _, (before, _) in ordered],
            [after for _, (_, after) in ordered],
        )
        if len(moved) != len(ordered):
            raise Zombie

    async def unseen(self, connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
        """Put ids into the inbox and return those that were not there."""
        rows = await connection.fetch(
            "INSERT INTO inbox (id) SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id",
            sorted(set(ids)),
        )
        return {row["id"] for row in rows}

    async def held(self, connection: Connection, kind: Remembered[Any, Any], keys: Sequence[str]) -> dict[str, Held]:
        """Lock the states of keys, in key order, making blank ones for new keys."""
        ordered = sorted(set(keys))
        await connection.execute(
            f"INSERT INTO {_table(kind)} (key, version, document)"
            " SELECT k, 0, ''::bytea FROM unnest($1::text[]) k ON CONFLICT DO NOTHING",
            ordered,
        )
        rows = await connection.fetch(
            f"SELECT key, version, document FROM {_table(kind)} WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE",
            ordered,
        )
        return {row["key"]: _read(kind, row) for row in rows}

    async def held_if_due(
        self, connection: Connection, kind: Remembered[Any, Any], keys: Sequence[str], at: datetime
    ) -> dict[str, Held]:
        """Lock those states of keys whose time has come and that nobody else has locked."""
        rows = await connection.fetch(
            f"SELECT key, version, document FROM {_table(kind)} WHERE key = ANY($1::text[]) AND due <= $2"
            " ORDER BY key FOR UPDATE SKIP LOCKED",
            list(keys),
            at,
        )
        return {row["key"]: _read(kind, row) for row in rows}

    async def due(self, connection: Connection, kind: Remembered[Any, Any], at: datetime, most: int) -> list[str]:
        """Return keys whose time has come, longest waiting first, without locks."""
        rows = await connection.fetch(f"SELECT key FROM {_table(kind)} WHERE due <= $1 ORDER BY due LIMIT $2", at, most)
        return [row["key"] for row in rows]

    async def count_due(self, connection: Connection, kind: Remembered[Any, Any], at: datetime) -> int:
        """Return how many states were to be woken by then."""
        return await connection.fetchval(f"SELECT count(*) FROM {_table(kind)} WHERE due <= $1", at)

    async def keep(
        self,
        connection: Connection,
        kind: Remembered[Any, Any],
        changed: Mapping[str, Held],
        postponed: Mapping[str, datetime],
    ) -> None:
        """Write states back, with their columns and when they are due; ``postponed`` overrides the latter."""
        if not changed:
            return
        ordered = sorted(changed.items())
        listed: list[list[str | None]] = [[] for _ in kind.lists]
        for _, held in ordered:
            columns = held.state.listing()
            for column, values in zip(kind.lists, listed, strict=True):
                value = columns.get(column)
                values.append(None if value is None else str(value))
        sets = "".join(f", {column} = v.{column}" for column in kind.lists)
        names = "".join(f", {column}" for column in kind.lists)
        arrays = "".join(f", ${number}::text[]" for number in range(5, 5 + len(kind.lists)))
        await connection.execute(
            f"UPDATE {_table(kind)} s SET version = v.version, document = v.document, due = v.due{sets}"
            f" FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::timestamptz[]{arrays})"
            f" v(key, version, document, due{names}) WHERE s.key = v.key",
            [key for key, _ in ordered],
            [held.version for _, held in ordered],
            [document(held.state) for _, held in ordered],
            [postponed.get(key) or next_due(held.state) for key, held in ordered],
            *listed,
        )
        if kind.projection is not None:
            await kind.projection.save(connection, [(key, held.state) for key, held in ordered])

    async def standing(
        self, connection: Connection, looked_at: AbstractSet[str], spoken_at: AbstractSet[str]
    ) -> dict[str, dict[str, Stand]]:
        """Lock places, in order, and return who tells where it is looked at and who listens where it is spoken."""
        await connection.execute(
            "SELECT FROM near_lock WHERE part = ANY($1::smallint[]) ORDER BY part FOR UPDATE",
            _parts(looked_at, spoken_at),
        )
        return await self._standing(connection, looked_at, spoken_at)

    async def standing_free(
        self, connection: Connection, looked_at: AbstractSet[str], spoken_at: AbstractSet[str]
    ) -> dict[str, dict[str, Stand]] | None:
        """Do as ``standing`` does without waiting for anybody; return None where one of the places is taken."""
        parts = _parts(looked_at, spoken_at)
        locked = await connection.fetch(
            "SELECT part FROM near_lock WHERE part = ANY($1::smallint[]) FOR UPDATE SKIP LOCKED", parts
        )
        return await self._standing(connection, looked_at, spoken_at) if len(locked) == len(parts) else None

    async def _standing(
        self, connection: Connection, looked_at: AbstractSet[str], spoken_at: AbstractSet[str]
    ) -> dict[str, dict[str, Stand]]:
        found: dict[str, dict[str, Stand]] = {}
        for which, places in (("tells <> ''", looked_at), ("listens", spoken_at)):
            if places:
                rows = await connection.fetch(
                    f"SELECT place, key, tells, until, listens FROM near WHERE place = ANY($1::text[]) AND {which}",
                    sorted(places),
                )
                for place, key, tells, until, listens in rows:
                    found.setdefault(place, {})[key] = Stand(tells, until, listens)
        return found

    async def stand(self, connection: Connection, changed: Mapping[tuple[str, str], Stand | None]) -> None:
        """Write where states stand from now on."""
        left = sorted(place_and_key for place_and_key, stand in changed.items() if stand is None)
        if left:
            await connection.execute(
                "DELETE FROM near USING unnest($1::text[], $2::text[]) v(place, key)"
                " WHERE near.place = v.place AND near.key = v.key",
                [place for place, _ in left],
                [key for _, key in left],
            )
        stood = sorted((place, key, stand) for (place, key), stand in changed.items() if stand is not None)
        if stood:
            await connection.execute(
                "INSERT INTO near (place, key, tells, until, listens)"
                " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::boolean[])"
                " ON CONFLICT (place, key) DO UPDATE"
                " SET tells = excluded.tells, until = excluded.until, listens = excluded.listens",
                [place for place, _, _ in stood],
                [key for _, key, _ in stood],
                [stand.tells for _, _, stand in stood],
                [stand.until for _, _, stand in stood],
                [stand.listens for _, _, stand in stood],
            )

    async def send(self, connection: Connection, records: Sequence[Outgoing], at: datetime) -> None:
        """Put records into the outbox at a domain time."""
        if records:
            await connection.copy_records_to_table(
                "outbox",
                schema_name=self.schema,
                columns=("bucket", "topic", "key", "value", "headers", "at"),
                records=[
                    (zlib.crc32(one.key or b"") % BUCKETS, one.topic, one.key, one.value, _pack(one.headers), at)
                    for one in records
                ],
            )

    async def waiting(self, connection: Connection, buckets: Sequence[int], most: int) -> list[Stored]:
        """Return the oldest rows of the outbox in some buckets, in order."""
        rows = await connection.fetch(
            "SELECT seq, topic, key, value, headers FROM outbox WHERE bucket = ANY($1::smallint[])"
            " ORDER BY seq LIMIT $2",
            list(buckets),
            most,
        )
        return [
            Stored(row["seq"], Outgoing(row["topic"], row["key"], row["value"], _unpack(row["headers"])))
            for row in rows
        ]

    async def sent(self, connection: Connection, rows: Sequence[Stored]) -> None:
        """Remove rows that were published."""
        await connection.execute("DELETE FROM outbox WHERE seq = ANY($1::bigint[])", [row.seq for row in rows])

    async def set_aside(self, connection: Connection, topic: str) -> None:
        """Keep rows for a topic that cannot be published on out of the way of all others, until the next start."""
        await connection.execute("UPDATE outbox SET bucket = -bucket - 1 WHERE topic = $1 AND bucket >= 0", topic)

    async def take_up(self, connection: Connection) -> None:
        """Try what was set aside again."""
        await connection.execute("UPDATE outbox SET bucket = -bucket - 1 WHERE bucket < 0")

    async def lease(self, connection: Connection, owner: UUID, seconds: float) -> list[int]:
        """Take or keep the buckets that nobody else holds, for so long; return those held."""
        rows = await connection.fetch(
            "UPDATE relay SET owner = $1, until = now() + make_interval(secs => $2) WHERE bucket IN ("
            " SELECT bucket FROM relay WHERE owner = $1 OR until IS NULL OR until < now()"
            " ORDER BY bucket FOR UPDATE SKIP LOCKED) RETURNING bucket",
            owner,
            seconds,
        )
        return [row["bucket"] for row in rows]

    async def release(self, connection: Connection, owner: UUID) -> None:
        """Give the buckets up, so that another worker takes them at once."""
        await connection.execute("UPDATE relay SET owner = NULL, until = NULL WHERE owner = $1", owner)

    async def known_reply(self, connection: Connection, id: UUID, request: bytes) -> Reply | None:  # noqa: A002
        """Return the reply to a command that was handled before, or enter the command and return None."""
        row = await connection.fetchrow(
            "INSERT INTO inbox (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id", id, request
        )
        if row is not None:
            return None
        row = await connection.fetchrow("SELECT request, reply FROM inbox WHERE id = $1", id)
        if row is None or row["request"] != request:
            return Reply(
                refusal=Refusal("idempotency-key-reused", "This Idempotency-Key was used for another request.", 422)
            )
        return _reply(row["reply"])

    async def replied(self, connection: Connection, id: UUID, reply: Reply) -> None:  # noqa: A002
        """Keep the reply to a command for when it is repeated, if that is final."""
        if reply.is_final:
            await connection.execute("UPDATE inbox SET reply = $2 WHERE id = $1", id, _packed(reply))
        else:
            await connection.execute("DELETE FROM inbox WHERE id = $1", id)

    async def forget(self, pool: asyncpg.Pool[asyncpg.Record], days: int, at: datetime, most: int) -> int:
        """Remove what is over at a domain time.

        That is inbox ids that no producer repeats any more, what no longer counts at a place, and private words that
        wait in the outbox for longer than their topic would keep them.

        Args:
            pool: connections, each statement a transaction of its own.
            days: how long an id is kept, in real time.
            at: the domain time.
            most: how many rows go at once.

        Returns:
            How many ids went; as many as ``most``, and there may be more.
        """
        gone = await pool.execute(
            "DELETE FROM inbox WHERE id IN"
            " (SELECT id FROM inbox WHERE at < now() - make_interval(days => $1) ORDER BY at LIMIT $2)",
            days,
            most,
        )
        await pool.execute("DELETE FROM near WHERE until < $1 AND NOT listens", at)
        for names, kept in self._private:
            await pool.execute("DELETE FROM outbox WHERE topic LIKE $1 AND at < $2", names, at - kept)
        return int(gone.rpartition(" ")[2])


def _private(service: Service[Any]) -> Iterator[tuple[str, timedelta]]:
    for topic in {*service.writes, *service.reads}:
        # What others write may hold anything.
        if (topic.private or topic.foreign) and topic.kept is not None:
            names = topic.name_of("%")
            if topic in service.writes:
                yield names, topic.kept
            if topic in service.reads:
                yield dead_letters(names, service.name), topic.kept


def _table(kind: Remembered[Any, Any]) -> str:
    return f"state_{kind.name}"


def _state_table(kind: Remembered[Any, Any]) -> str:
    table = _table(kind)
    statements = [
        (
            f"CREATE TABLE IF NOT EXISTS {table} ("
            "key text PRIMARY KEY, version bigint NOT NULL, document bytea NOT NULL, due timestamptz)"
        ),
        *(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} text" for column in kind.lists),
        f"CREATE INDEX IF NOT EXISTS {table}_due ON {table} (due) WHERE due IS NOT NULL",
    ]
    if kind.lists:
        statements.append(
            f"CREATE INDEX IF NOT EXISTS {table}_open ON {table} ({kind.lists[0]}, due)"
            f" WHERE {kind.lists[0]} IS NOT NULL"
        )
    return ";".join(statements)


def _parts(*places: AbstractSet[str]) -> list[int]:
    """Return by which rows places are locked, in order."""
    return sorted({zlib.crc32(place.encode()) % PLACE_LOCKS for some in places for place in some})


def _read(kind: Remembered[Any, Any], row: asyncpg.Record) -> Held:
    document = row["document"]
    state = kind.kind.model_validate_json(document) if document else kind.blank(row["key"])
    return Held(state, row["version"])


def _pack(headers: Headers) -> bytes:
    # Latin-1 maps every byte to a character and back, so that foreign headers survive in a dead letter.
    return to_json([(name, None if value is None else value.decode("latin-1")) for name, value in headers])


def _unpack(packed: bytes) -> Headers:
    return tuple((name, None if value is None else value.encode("latin-1")) for name, value in from_json(packed))


def _packed(reply: Reply) -> bytes:
    refusal = reply.refusal
    return json.dumps(
        {
            "answer": None if reply.answer is None else reply.answer.decode(),
            "refusal": None if refusal is None else [refusal.code, refusal.detail, refusal.status],
        }
    ).encode()


def _reply(packed: bytes) -> Reply:
    read = json.loads(packed)
    refusal = read["refusal"]
    return Reply(
        answer=None if read["answer"] is None else read["answer"].encode(),
        refusal=None if refusal is None else Refusal(*refusal),
    )
