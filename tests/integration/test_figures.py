"""Figures on the real Postgres: any order gives the same tables; days, rows and the log agree."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid5
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
from divert_cli.export import Exported, explained, figure_rows, hour_rows
from divert_cli.proofs import recount
from divert_cli.proofs.rebuild import evenings
from divert_cli.seal import counted_beside
from divert_contracts import ids
from divert_contracts.envelope import decode, encode
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.cases import CaseAcknowledged, CaseClosed, EmergencyRaised, PersonContacted, TeamOnScene
from divert_contracts.facts.routing import ResponderRecorded
from divert_contracts.topics import CASES, ROUTING, TRIAGE
from divert_contracts.vocabulary import (
    Answer,
    Contact,
    Disposition,
    Outcome,
    OutcomeReason,
    RecallReason,
    Responder,
)
from divert_reporting.adapters import exports, figures
from divert_reporting.adapters.dictionary import dictionary
from divert_reporting.adapters.figures import Figures, fold, midnight
from divert_reporting.adapters.outcomes import Filter
from divert_reporting.adapters.periods import all_figures, hours, sealed
from divert_reporting.adapters.tables import CALLS, SHIFTS, TABLES, Part, PostgresOutcomes, digest
from divert_reporting.app import build
from divert_reporting.domain.cells import Cell, Cells
from divert_reporting.domain.cost import Hours
from divert_reporting.domain.given import Given
from divert_reporting.domain.record import NOTHING, Record, heard
from divert_reporting.domain.seal import Seal
from divert_reporting.settings import ZONE
from unit.reporting.stories import (
    NOON,
    PICTURE,
    after,
    concluded,
    enveloped,
    of_case,
    of_routing,
    offered,
    opened,
    recalled,
    triaged,
)

DAY = date(2026, 11, 13)
HOUR = timedelta(hours=1)
BATCH = 500
SEEDS = (3, 5, 8)
PERIOD = midnight(date(2026, 10, 1), ZONE), midnight(date(2026, 12, 1), ZONE)
"""Everything that tests tell of; in it the clock is changed."""


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
        # Under another definition of a figure every day is counted anew; under the same one none is.
        async with tables.pool.acquire() as connection:
            for definition, days in (("another", 1), ("another", 1)):
                await connection.execute(PostgresOutcomes(ZONE, definition).ddl)
                assert await tables.pool.fetchval("SELECT count(*) FROM touched") == days
        assert await fold(tables.pool, ZONE) == 1
        # A fact that comes later marks its day, and the figures are counted from rows until the day was counted anew.
        async with tables.pool.acquire() as connection:
            await connection.execute("UPDATE figure_days SET calls = calls + 1")
            assert await read(tables, month) != from_rows
            await connection.execute("INSERT INTO touched (day) VALUES ($1)", DAY)
            assert await read(tables, month) == from_rows
            await fold(tables.pool, ZONE)
            assert await read(tables, month) == from_rows


def told(stories: Sequence[Sequence[Fact]]) -> list[Outgoing]:
    """Return stories as they stand on the topics, each of a call of its own."""
    records: list[Outgoing] = []
    for number, story in enumerate(stories):
        call = uuid5(ids.NAMESPACE, f"story {number}")
        for one in enveloped(tuple(story)):
            fact = one.fact.model_copy(update={"call_id": call})
            topic = next(topic for topic in (TRIAGE, ROUTING, CASES) if type(fact) in topic.carries)
            records.append(Outgoing(topic.name, *encode(replace(one, id=uuid5(call, str(one.id)), fact=fact))))
    return records


TAKEN = (
    triaged(),
    opened(),
    offered(),
    of_case(CaseAcknowledged, 10, arrive_by=after(900)),
    of_case(TeamOnScene, 300),
)
MET = of_case(PersonContacted, 350, contact=Contact.IN_PERSON)


def closed(disposition: Disposition) -> tuple[Fact, ...]:
    end = concluded(600.1, Outcome.SERVED, OutcomeReason.CLOSED, provider="exodus", disposition=disposition)
    return of_case(CaseClosed, 600, disposition=disposition), end


SERVED_BY_ARRIVAL = concluded(600.1, Outcome.SERVED, OutcomeReason.CLOSED, provider="exodus")
PLACED = PICTURE.model_copy(update={"place": "the same place"})
OUTAGE = concluded(5, Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.PROVIDER_OUTAGE)
TOLD_APART: Mapping[str, tuple[Fact, ...]] = {
    "the team met the person and closed the case": (*TAKEN, MET, *closed(Disposition.REFERRED)),
    "the dispatch system closed it": (*TAKEN, MET, SERVED_BY_ARRIVAL),
    "the same, and a patrol had come and arrested somebody": (
        *TAKEN,
        SERVED_BY_ARRIVAL,
        of_routing(ResponderRecorded, 700, responder=Responder.PATROL, arrived_at=after(400), arrest=Answer.YES),
    ),
    "the team handed the person to the police": (*TAKEN, MET, *closed(Disposition.HANDED_TO_POLICE)),
    "a patrol came to a case that the team closed": (
        *TAKEN,
        MET,
        *closed(Disposition.REFERRED),
        of_routing(ResponderRecorded, 700, responder=Responder.PATROL, arrived_at=after(400)),
    ),
    "nobody was found": (*TAKEN, *closed(Disposition.NOT_FOUND)),
    "two providers had it, and the second one came": (
        triaged(),
        opened(),
        offered(),
        of_case(CaseAcknowledged, 30, arrive_by=after(900)),
        recalled(1, RecallReason.MISSED_EN_ROUTE, at=300),
        offered(2, "alcott", at=301),
        of_case(CaseAcknowledged, 320, 2, "alcott", arrive_by=after(900)),
        of_case(TeamOnScene, 700, 2, "alcott"),
    ),
    "a weapon was mentioned before anybody took it": (
        triaged(),
        opened(),
        offered(),
        concluded(30, Outcome.INELIGIBLE, OutcomeReason.HARD_EXCLUSION, rule="S-WEAPON"),
    ),
    "an import filled in the answers": (triaged(), opened(), OUTAGE.model_copy(update={"assumed_screening": True})),
    "a place": (triaged(picture=PLACED), opened(picture=PLACED), OUTAGE),
    "a duplicate from there": (
        triaged(picture=PLACED),
        opened(picture=PLACED),
        concluded(5, Outcome.WITHDRAWN, OutcomeReason.DUPLICATE, duplicate_of=UUID(int=7)),
    ),
    "the same call once more": (
        triaged(picture=PLACED),
        opened(picture=PLACED).model_copy(update={"reopens": UUID(int=7)}),
        OUTAGE,
    ),
    "an emergency of a team that never said that it had come": (
        *TAKEN[:-1],
        of_case(EmergencyRaised, 400),
        of_case(CaseClosed, 600, disposition=Disposition.OTHER),
    ),
    "nobody said that it was accepted": (of_case(CaseAcknowledged, 40, arrive_by=after(900)),),
}


async def test_what_is_easily_taken_for_another_thing_is_told_apart_in_the_log_as_in_the_figures(
    database: str, tmp_path: Path
) -> None:
    stories = told(list(TOLD_APART.values()))
    cells, worked = await published(database, stories)
    found = {name: Cells(figure) for name, figure in cells.items()}
    without = {one.measure: one.n for one in found["without_police"].of("all")}
    calls = len(TOLD_APART) - 1
    assert without == {"eligible": calls - 1, "acknowledged": 8, "reached": 4, "resolved_without_police": 1}
    assert found["police_part"].n("handed_to_police") == 1
    assert found["police_part"].n("police_reported") == 2
    assert found["police_part"].n("police_none") == 8 - 4
    response = found["response"]
    assert response.cell("acknowledged_to_on_scene", "alcott", "provider").median == 380
    assert response.cell("acknowledged_to_on_scene", "exodus", "provider").n == 6
    assert response.cell("cad_created_to_on_scene", "alcott", "provider").n == 1
    screening = {one.part: one.n for one in found["missed_eligible"].of("screening")}
    assert screening == {"screened": 2, "assumed": 1}
    assert found["unmet_demand"].n("provider_outage") == 3
    assert [(one.part, one.measure, one.n) for one in cells["repeat_places"]] == [("1", "calls", 1), ("1", "places", 1)]
    assert (found["exposure"].cell("danger_to_withdrawn").n, found["exposure"].cell("danger_to_withdrawn").missing) == (
        0,
        1,
    )
    assert found["outside"].n("calls", "not_accepted") == 1
    assert await recounted(stories, cells, worked, tmp_path) == []


async def test_every_figure_counted_again_from_the_log_is_equal(
    database: str, log: Sequence[Outgoing], tmp_path: Path
) -> None:
    cells, worked = await published(database, log)
    assert sum(map(len, cells.values())) > 500
    assert sum(one.shift or 0.0 for one in worked) > sum(one.busy for one in worked) > 0
    assert await recounted(log, cells, worked, tmp_path) == []
    wrong = {**cells, "funnel": [one.model_copy(update={"n": one.n + 1}) for one in cells["funnel"]]}
    longer = [replace(one, busy=one.busy + 0.01) for one in worked]
    told = await recounted(log, wrong, longer, tmp_path)
    assert len(told) == len(wrong["funnel"]) + len(longer)


async def published(database: str, log: Sequence[Outgoing]) -> tuple[Mapping[str, Sequence[Cell]], Sequence[Hours]]:
    """Return every figure and the hours as they follow from a log."""
    async with empty_tables(database) as tables, tables.pool.acquire() as connection:
        await tables.take(log)
        return await read(tables, Filter()), await hours(connection, *PERIOD, None)


async def recounted(
    log: Sequence[Outgoing], cells: Mapping[str, Sequence[Cell]], worked: Sequence[Hours], folder: Path
) -> Sequence[str]:
    """Let the independent script count a log, and return what it counts otherwise."""
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
    said, figures_file, hours_file = (folder / name for name in ("log.ndjson", "figures.csv", "hours.csv"))
    said.write_text("".join(json.dumps(line) + "\n" for line in lines))
    await exports.write_csv(figures_file, explained(Exported.FIGURES).columns, figure_rows(cells))
    await exports.write_csv(hours_file, explained(Exported.HOURS).columns, hour_rows(worked))
    return await asyncio.to_thread(recount.recounted, said, figures_file, hours_file, *PERIOD)


async def test_exports_have_one_order_and_the_same_bytes(
    database: str, log: Sequence[Outgoing], tmp_path: Path
) -> None:
    columns = next(one for one in dictionary().tables if one.name == CALLS.name).columns
    written: list[tuple[bytes, bytes]] = []
    for records in (log, shuffled(log, SEEDS[0])):
        async with empty_tables(database) as tables, tables.pool.acquire() as connection:
            await tables.take(records)
            async with connection.transaction():
                await exports.write_csv(tmp_path / "a.csv", columns, exports.rows(connection, CALLS, Part()))
                count = await exports.write_parquet(
                    tmp_path / "a.parquet", columns, exports.rows(connection, CALLS, Part())
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
            return await sealed(connection, since, until, None, cells)

        async with connection.transaction(isolation="repeatable_read"):
            first, again = await seal(), await seal()
            assert first == again
            assert sum(first.log.values()) == len(log)
            await connection.execute(
                "UPDATE call_outcomes SET force = 'yes' WHERE call_id ="
                " (SELECT call_id FROM call_outcomes WHERE outcome = 'eligible_not_served' ORDER BY 1 LIMIT 1)"
            )
            changed = await seal()
            assert first.differs_from(changed.tables, changed.figures) == ("call_outcomes", "figures")
        outside = await sealed(connection, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), None, {})
        assert outside.tables[CALLS.name] != first.tables[CALLS.name]


async def test_a_seal_is_counted_again_from_what_the_log_came_to(database: str, log: Sequence[Outgoing]) -> None:
    since, until = midnight(DAY, ZONE), midnight(DAY + timedelta(days=1), ZONE)
    records: dict[str, Record] = {}
    for one in log:
        envelope = decode(one.value, one.headers)
        if isinstance(envelope.fact, CallFact):
            call = envelope.fact.call_id
            before = records.get(str(call)) or Record(call_id=call)
            records[str(call)] = heard(before, envelope, NOTHING, envelope.fact.occurred_at).state
    async with empty_tables(database) as tables, tables.pool.acquire() as connection:
        await tables.take(log)
        for agency in (None, "lapd", "nobody"):
            cells = await all_figures(connection, since, until, ZONE, agency)
            seal = await sealed(connection, since, until, agency, cells)
            again, figures_again = await counted_beside(connection, seal, records, {})
            # No shift is given, and the evening's own are dated before its calls.
            assert seal.differs_from({**again, SHIFTS.name: seal.tables[SHIFTS.name]}, figures_again) == ()
            few = dict(list(records.items())[:5])
            assert (
                "figures" in seal.differs_from(*await counted_beside(connection, seal, few, {})) or agency == "nobody"
            )
        assert await connection.fetchval("SELECT count(*) FROM call_outcomes") == len(records)


async def test_what_is_asked_of_one_agency_has_no_other_ones_calls(database: str) -> None:
    mine = (*TAKEN, MET, *closed(Disposition.REFERRED))
    other = [one.model_copy(update={"agency": "lafd"}) for one in mine]
    drill = PICTURE.model_copy(update={"exercise": True})
    exercise = (triaged(picture=drill), opened(picture=drill), *TAKEN[2:])
    since, until = NOON - HOUR, NOON + HOUR
    async with empty_tables(database) as tables, tables.pool.acquire() as connection:
        await tables.take(told([mine, other, exercise]))
        both = await hours(connection, since, until, None)
        one = await hours(connection, since, until, "lafd")
        assert [(found.shift, found.busy) for found in both] == [(0.0, pytest.approx(2 * 590 / 3600))]
        assert [(found.shift, found.busy) for found in one] == [(None, pytest.approx(590 / 3600))]
        found = [await digest(connection, Part(since, until, agency)) for agency in (None, "lapd", "lafd")]
        assert len({digests[CALLS.name] for digests in found}) == 3
        assert len({digests[SHIFTS.name] for digests in found}) == 1
        async with connection.transaction():
            rows = [row async for row in exports.rows(connection, CALLS, Part(agency="lafd"))]
        assert len(rows) == 1
