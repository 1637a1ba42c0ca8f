"""Figures on the real Postgres: any order gives the same tables; days, rows and the log agree."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zlib import crc32

import asyncpg
import duckdb
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from divert_chassis.clock import DomainClock
from divert_chassis.engine import Engine
from divert_chassis.health import Health
from divert_chassis.publisher import Outgoing
from divert_chassis.store import Store
from divert_cli.checkout import ROOT
from divert_cli.proofs.rebuild import evenings
from divert_contracts.envelope import decode
from divert_reporting.adapters import exports, figures
from divert_reporting.adapters.dictionary import dictionary
from divert_reporting.adapters.figures import Figures, fold, midnight
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.adapters.periods import all_figures, sealed
from divert_reporting.adapters.tables import CALLS, TABLES, digest
from divert_reporting.app import build
from divert_reporting.domain.cells import Cell
from divert_reporting.domain.given import Given
from divert_reporting.domain.seal import Seal
from divert_reporting.settings import ZONE

DAY = date(2026, 11, 13)
HOUR = timedelta(hours=1)
BATCH = 500
SEEDS = (3, 5, 8)


@pytest.fixture(scope="module")
def log() -> Sequence[Outgoing]:
    """One evening, as it stands on the topics."""
    return evenings(1)


@dataclass
class Tables:
    """Reporting's tables in an empty database, and the one way into them."""

    pool: "asyncpg.Pool[asyncpg.Record]"
    engine: "Engine[Given]"
    ends: dict[TopicPartition, int]

    async def take(self, records: Sequence[Outgoing]) -> None:
        """Take records in as they come, in batches."""
        for first in range(0, len(records), BATCH):
            known = set(self.ends)
            batch = [self._placed(one) for one in records[first : first + BATCH]]
            await self.engine.assigned(sorted(self.ends.keys() - known))
            await self.engine.handle(batch)

    def _placed(self, record: Outgoing) -> "ConsumerRecord[bytes, bytes]":
        place = TopicPartition(record.topic, crc32(record.key or b"") % 6)
        offset = self.ends.get(place, 0)
        self.ends[place] = offset + 1
        return ConsumerRecord(
            topic=place.topic,
            partition=place.partition,
            offset=offset,
            timestamp=0,
            timestamp_type=0,
            key=record.key,
            value=record.value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            headers=[(name, value or b"") for name, value in record.headers],
        )

    async def digests(self) -> dict[str, str]:
        async with self.pool.acquire() as connection:
            return await digest(connection)


@asynccontextmanager
async def empty_tables(database: str) -> AsyncGenerator[Tables]:
    service = build()
    store = Store(service)
    pool = await store.connect(database)
    async with pool.acquire() as connection:
        await connection.execute('DROP SCHEMA IF EXISTS "reporting" CASCADE')
        await store.lay_out(connection)
    engine = Engine(
        service,
        pool=pool,
        store=store,
        given=lambda: service.given,
        clock=DomainClock(),
        health=Health(),
        committed=lambda: None,
    )
    yield Tables(pool, engine, {})
    await pool.close()


def shuffled(log: Sequence[Outgoing], seed: int) -> Sequence[Outgoing]:
    """Return the log with every record one to ten times, in any order within an hour, and a tenth a day late."""
    random = Random(seed)
    sent: list[tuple[datetime, Outgoing]] = []
    for record in log:
        at = decode(record.value, record.headers).fact.occurred_at
        late = timedelta(days=1) if random.random() < 0.1 else timedelta()
        sent += [(at + random.random() * HOUR + late, record) for _ in range(random.randint(1, 10))]
    return [record for _, record in sorted(sent, key=lambda one: one[0])]


def shaken(log: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    return (shuffled(log, seed) for seed in SEEDS)


async def test_any_order_copies_and_a_day_late_give_the_same_tables(database: str, log: Sequence[Outgoing]) -> None:
    async with empty_tables(database) as tables:
        await tables.take(log)
        expected = await tables.digests()
    assert len(set(expected.values())) == len(TABLES)
    for records in shaken(log):
        async with empty_tables(database) as tables:
            await tables.take(records)
            assert await tables.digests() == expected
            # What came after the conclusion and had happened before it is known as a correction, and nowhere else.
            assert await tables.pool.fetchval("SELECT count(*) FROM corrections") > 0


async def read(tables: Tables, wanted: Filter) -> dict[str, list[Cell]]:
    return await Figures(tables.pool, ZONE).read(list(figures.figures()), wanted)


async def test_whole_days_are_counted_once_and_say_what_their_rows_say(
    database: str, log: Sequence[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "AT_REST", 0.0)
    month = Filter(since=midnight(date(2026, 11, 1), ZONE), until=midnight(date(2026, 12, 1), ZONE))
    async with empty_tables(database) as tables:
        await tables.take(log)
        from_rows = await read(tables, month)
        assert await fold(tables.pool, ZONE) == 1
        assert await tables.pool.fetchval("SELECT count(*) FROM touched") == 0
        assert await read(tables, month) == from_rows
        for feed in ("diverted", "observed"):
            narrow = replace(month, feed=feed)
            hours = Filter(feed=feed, since=midnight(DAY, ZONE) + HOUR, until=midnight(DAY, ZONE) + 24 * HOUR)
            assert await read(tables, narrow) == await read(tables, hours)
        # A fact that comes later marks its day, and the figures are counted from rows until the day was counted anew.
        async with tables.pool.acquire() as connection:
            await connection.execute("UPDATE figure_days SET calls = calls + 1")
            assert await read(tables, month) != from_rows
            await connection.execute("INSERT INTO touched (day) VALUES ($1)", DAY)
            assert await read(tables, month) == from_rows
            await fold(tables.pool, ZONE)
            assert await read(tables, month) == from_rows


async def test_every_figure_counted_again_from_the_log_is_equal(
    database: str, log: Sequence[Outgoing], tmp_path: Path
) -> None:
    async with empty_tables(database) as tables:
        await tables.take(log)
        cells = await read(tables, Filter())
    lines = [
        {
            "topic": one.topic,
            "partition": 0,
            "offset": number,
            "key": (one.key or b"").decode(),
            "headers": {name: (value or b"").decode() for name, value in one.headers},
            "value": (one.value or b"").decode(),
        }
        for number, one in enumerate(log)
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = next(one for one in dictionary().tables if one.name == "figures").columns
    file = tmp_path / "figures.csv"
    rows = [(name, *one.model_dump().values()) for name, figure in cells.items() for one in figure]
    assert await exports.write_csv(file, columns, given(rows)) > 500
    recount = [sys.executable, str(ROOT / "tools" / "recount.py"), str(tmp_path / "log.ndjson"), "--against", str(file)]
    assert (await asyncio.to_thread(told_by, recount)).returncode == 0
    file.write_text(file.read_text().replace("funnel,all,all,offered,", "funnel,all,all,offered,1"))
    told = await asyncio.to_thread(told_by, recount)
    assert told.returncode == 1
    assert "funnel/all/all/offered" in told.stdout


def told_by(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def given(rows: Sequence[Sequence[object]]) -> AsyncIterator[Sequence[object]]:
    for row in rows:
        yield row


async def test_exports_have_one_order_and_the_same_bytes(
    database: str, log: Sequence[Outgoing], tmp_path: Path
) -> None:
    columns = next(one for one in dictionary().tables if one.name == CALLS.name).columns
    written: list[tuple[bytes, bytes]] = []
    for records in (log, shuffled(log, SEEDS[0])):
        async with empty_tables(database) as tables, tables.pool.acquire() as connection:
            await tables.take(records)
            async with connection.transaction():
                await exports.write_csv(tmp_path / "a.csv", columns, exports.rows(connection, CALLS, None, None))
                count = await exports.write_parquet(
                    tmp_path / "a.parquet", columns, exports.rows(connection, CALLS, None, None)
                )
        written.append(((tmp_path / "a.csv").read_bytes(), (tmp_path / "a.parquet").read_bytes()))
        found = (
            duckdb.read_parquet(str(tmp_path / "a.parquet")).aggregate("count(*), count(DISTINCT call_id)").fetchall()
        )
        assert found == [(count, count)]
    assert written[0] == written[1]


async def test_a_seal_holds_until_a_row_changes(database: str, log: Sequence[Outgoing]) -> None:
    since, until = midnight(DAY, ZONE), midnight(DAY + timedelta(days=1), ZONE)
    async with empty_tables(database) as tables, tables.pool.acquire() as connection:
        await tables.take(log)

        async def seal() -> Seal:
            cells = await all_figures(connection, since, until, ZONE, None)
            return await sealed(connection, since, until, cells)

        async with connection.transaction(isolation="repeatable_read"):
            first, again = await seal(), await seal()
            assert first == again
            assert sum(first.log.values()) == len(log)
            await connection.execute(
                "UPDATE call_outcomes SET force = 'yes' WHERE call_id ="
                " (SELECT call_id FROM call_outcomes WHERE outcome = 'eligible_not_served' ORDER BY 1 LIMIT 1)"
            )
            assert first.differs_from(await seal()) == ("call_outcomes", "figures")
        outside = await sealed(connection, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), {})
        assert outside.tables[CALLS.name] != first.tables[CALLS.name]
