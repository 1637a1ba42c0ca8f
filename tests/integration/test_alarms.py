"""Alarms about services and providers on the real Postgres: they outlast whoever saw them, and end when it is over."""

from datetime import timedelta

from divert_reporting.adapters.alarms import Alarms, Note, Past, look
from divert_reporting.adapters.pipeline import Services
from divert_reporting.domain.strips import Alarm, AlarmKind
from integration.test_figures import empty_tables
from unit.reporting.stories import CALL, NOON, after

DOWN = Services({"routing": "http://127.0.0.1:9", "provider-gateway-circle": "http://127.0.0.1:9"})
WELL = Services({})


async def test_an_alarm_about_a_service_has_one_name_from_its_beginning_to_its_end_whoever_looks(database: str) -> None:
    async with empty_tables(database) as tables:
        kept = Alarms(tables.pool)
        suspected = await look(tables.pool, DOWN, frozenset(), after(0))
        assert await kept.standing() == []
        await look(tables.pool, DOWN, suspected, after(3))
        raised = {one.about: one for one in await kept.standing()}
        assert {about: one.kind for about, one in raised.items()} == {
            "routing": AlarmKind.STAGE_LAG,
            "circle": AlarmKind.PROVIDER_DOWN,
        }
        await kept.acknowledge(raised["routing"], by="ops-1", note=Note.LOOKING_INTO_IT, at=after(10))
        # Another worker, or this one after a restart.
        await look(tables.pool, DOWN, await look(tables.pool, DOWN, frozenset(), after(20)), after(23))
        assert {one.about: one for one in await kept.standing()} == raised
        assert set(await kept.acknowledged([one.id for one in raised.values()])) == {raised["routing"].id}

        await look(tables.pool, WELL, suspected, after(60))
        assert await kept.standing() == []
        past = {one.about: one for one in await kept.history(NOON, after(100), limit=10)}
        assert {about: (one.raised_at, one.ended_at, one.by) for about, one in past.items()} == {
            "routing": (after(3), after(60), "ops-1"),
            "circle": (after(3), after(60), None),
        }
        # It is down anew, and nobody has seen to that.
        await look(tables.pool, DOWN, suspected, after(70))
        assert await kept.acknowledged([one.id for one in await kept.standing()]) == {}


async def test_what_has_been_is_read_by_its_time_and_never_whole(database: str) -> None:
    async with empty_tables(database) as tables:
        kept = Alarms(tables.pool)
        await tables.pool.execute(
            "INSERT INTO call_alarms SELECT 'offer-' || n, 'unanswered_offer', gen_random_uuid(), 'exodus',"
            " $1::timestamptz + n * interval '1 minute' FROM generate_series(0, 20000) n",
            NOON,
        )
        gone = Alarm(
            id="offer-gone", kind=AlarmKind.UNANSWERED_OFFER, call_id=CALL, about="exodus", raised_at=after(90)
        )
        await kept.acknowledge(gone, by="ops-1", note=Note.RANG_PROVIDER, at=after(100))
        await tables.pool.execute("ANALYZE call_alarms")
        past = await kept.history(NOON, NOON + timedelta(minutes=3), limit=10)

        def short(one: Past) -> tuple[str, bool]:
            return one.id, one.never

        assert [short(one) for one in past] == [
            ("offer-2", False),
            ("offer-gone", True),
            ("offer-1", False),
            ("offer-0", False),
        ]
        newest = await kept.history(NOON, NOON + timedelta(days=31), limit=2)
        assert [one.id for one in newest] == ["offer-20000", "offer-19999"]
        await tables.pool.execute("SELECT pg_stat_force_next_flush()")
        (row,) = await tables.pool.fetch(
            "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'call_alarms'"
        )
        assert row["seq_tup_read"] == 0
        assert 0 < row["idx_tup_fetch"] < 100
