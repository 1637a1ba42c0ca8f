"""What carries every service, on real Kafka and Postgres: the consumer, the one way in, the timers, the one way out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from divert_chassis.publisher import Outgoing, Publisher
from divert_chassis.run import Runtime
from divert_chassis.store import Store
from divert_cli import kafka_admin
from divert_cli.prepare import topic_specs
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.triage import CallTriaged
from integration import toys
from integration.toys import Count, Touch
from stack import Addresses, empty
from waiting import eventually


@pytest_asyncio.fixture
async def publisher(stack: Addresses) -> AsyncIterator[Publisher]:
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(["exodus"], [toys.AGENCY]))
    made = Publisher(stack.kafka, service="test")
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


def record(fact: Fact, *, id: UUID | None = None, topic: str = "calls.v1") -> Outgoing:  # noqa: A002
    return Outgoing(topic, *encode(Envelope(id=id or uuid4(), source="/divert/intake", fact=fact)))


async def on_topic(kafka: str, topic: str, calls: set[UUID]) -> list[Envelope]:
    """Read a topic whole and return what it says of some calls."""

    def whole() -> list[Envelope]:
        records = kafka_admin.read(kafka, kafka_admin.ends(kafka, [topic]))
        found = (decode(one.value, one.headers.items()) for one in records)
        return [one for one in found if isinstance(one.fact, CallFact) and one.fact.call_id in calls]

    return await asyncio.to_thread(whole)


async def counts(runtime: Runtime[Any], calls: Sequence[UUID]) -> list[Count | None]:
    return [await runtime.get(Count, str(call)) for call in calls]


async def test_every_fact_goes_through_a_stage_and_a_service_once(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    calls = [toys.received(toys.now(), incident=str(number)) for number in range(2_000)]
    ids = {one.call_id for one in calls}
    settings = toys.settings(stack, database)
    async with toys.running(toys.toy_triage(), settings), toys.running(toys.toy_routing(), settings) as routing:
        await publisher.publish([record(one) for one in calls])

        async def all_counted() -> bool:
            seen = await counts(routing, [one.call_id for one in calls])
            return all(one is not None and one.seen == 2 for one in seen)

        await eventually(
            all_counted, "2,000 calls to be counted by CallReceived and CallTriaged", within=180, every=0.5
        )

        async def all_published() -> list[Envelope] | None:
            found = await on_topic(stack.kafka, "routing.v1", ids)
            return found if len({one.id for one in found}) == 4_000 else None

        published = await eventually(all_published, "4,000 facts on routing.v1", within=180, every=0.5)
    assert max(Counter(one.id for one in published).values()) == 1
    by_call: dict[str, list[int | None]] = {}
    for one in published:
        by_call.setdefault(one.key, []).append(one.sequence)
    assert all(sequences == [1, 2] for sequences in by_call.values()), "in order, for each key"


async def test_the_same_fact_twice_counts_once(stack: Addresses, database: str, publisher: Publisher) -> None:
    call = toys.received(toys.now())
    one = record(call, id=uuid4())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([one, one])
        await publisher.publish([one, record(toys.cancellation(call.call_id, toys.now()))])

        async def cancelled() -> bool:
            count = await routing.get(Count, str(call.call_id))
            return count is not None and count.seen >= 2

        await eventually(cancelled, "the cancellation to be counted")
        count = await routing.get(Count, str(call.call_id))
    assert count is not None
    assert count.seen == 2


@pytest.mark.parametrize("given", [b"\xff\x00 not json", b"{}", b"", None])
async def test_foreign_bytes_become_a_dead_letter_and_the_partition_moves_on(
    stack: Addresses, database: str, publisher: Publisher, given: bytes | None
) -> None:
    call = toys.received(toys.now())
    key, _, headers = encode(Envelope(id=uuid4(), source="/divert/intake", fact=call))
    foreign = Outgoing("calls.v1", key, given, (*headers, ("odd", b"\xfe\xff"), ("null", None)))
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([foreign, record(toys.cancellation(call.call_id, toys.now()))])

        async def moved_on() -> Count | None:
            count = await routing.get(Count, str(call.call_id))
            return count if count is not None and count.seen == 1 and count.failures else None

        count = await eventually(moved_on, "what follows the foreign bytes to be counted, and the failed step to run")
        assert count.failures[0].startswith("value:")

        async def buried() -> list[kafka_admin.Record] | None:
            ends = await asyncio.to_thread(kafka_admin.ends, stack.kafka, ["calls.v1.routing.dead"])
            dead = await asyncio.to_thread(lambda: list(kafka_admin.read(stack.kafka, ends)))
            return [one for one in dead if one.key == key] or None

        dead = await eventually(buried, "the dead letter")
    assert dead[0].value == given
    assert dead[0].headers["odd"] == b"\xfe\xff"
    assert dead[0].headers["divert-topic"] == b"calls.v1"


@pytest.mark.parametrize(("call_type", "reason"), [(toys.POISON, "poison"), (toys.BUG, "bug:ZeroDivisionError")])
async def test_a_fact_that_a_step_cannot_handle_runs_the_failed_step_and_nothing_else(
    stack: Addresses, database: str, publisher: Publisher, call_type: str, reason: str
) -> None:
    bad, good = toys.received(toys.now(), call_type=call_type), toys.received(toys.now())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([record(bad), record(good)])

        async def both() -> list[Count | None] | None:
            found = await counts(routing, [bad.call_id, good.call_id])
            return found if all(found) else None

        failed, fine = await eventually(both, "both calls to be handled")
    assert failed is not None
    assert (failed.seen, failed.failures) == (0, (reason,))
    assert fine is not None
    assert (fine.seen, fine.failures) == (1, ())


async def test_a_valid_envelope_of_an_unknown_type_is_skipped(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    call = toys.received(toys.now())
    sent = record(call)
    later = tuple(
        ("ce_type", b"divert.CallDreamt.v1") if name == "ce_type" else (name, value) for name, value in sent.headers
    )
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([Outgoing(sent.topic, sent.key, sent.value, later), sent])

        async def counted() -> Count | None:
            return await routing.get(Count, str(call.call_id))

        count = await eventually(counted, "the fact behind the unknown one")
    assert (count.seen, count.failures) == (1, ())


async def test_a_missing_topic_of_one_agency_does_not_silence_the_others(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    lost, fine = toys.received(toys.now()), toys.received(toys.now())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        connection = await asyncpg.connect(database)
        await connection.execute(
            "INSERT INTO routing.outbox (bucket, topic, key, value, headers) VALUES (0, $1, $2, $3, $4)",
            "handoffs.nobody.v1",
            str(lost.call_id).encode(),
            b"{}",
            b"[]",
        )
        await publisher.publish([record(fine)])

        async def published() -> list[Envelope] | None:
            return await on_topic(stack.kafka, "routing.v1", {fine.call_id}) or None

        await eventually(published, "what follows on other topics", within=180)
        left = await connection.fetch("SELECT topic FROM routing.outbox")
        await connection.close()
        assert (await routing.health.ready()).ok
    assert [row["topic"] for row in left] == ["handoffs.nobody.v1"]


async def test_private_words_that_cannot_be_published_go_when_their_topic_would_have_forgotten_them(
    database: str,
) -> None:
    store = Store(toys.toy_routing())
    now = toys.now()
    waiting = [Outgoing(topic, b"key", b"words", ()) for topic in ("handoffs.nobody.v1", "routing.v1")]
    async with await store.connect(database) as pool, pool.acquire() as connection:
        await store.lay_out(connection)
        await store.send(connection, waiting, now)
        for after, left in ((71, 2), (73, 1)):
            await store.forget(pool, 7, now + timedelta(hours=after), 100)
            assert await connection.fetchval("SELECT count(*) FROM outbox") == left


async def test_timers_ring_once(stack: Addresses, database: str, publisher: Publisher) -> None:
    call = toys.received(toys.now())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([record(call)])

        async def rung() -> Count | None:
            count = await routing.get(Count, str(call.call_id))
            return count if count is not None and count.rung else None

        count = await eventually(rung, "the bell")
    assert (count.rung, count.bell_at) == (1, None)


async def test_a_command_is_answered_once_and_refusals_are_kept(stack: Addresses, database: str) -> None:
    call = uuid4()
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        first = await routing.send(Touch(call_id=call), "k1")
        again = await routing.send(Touch(call_id=call), "k1")
        other = await routing.send(Touch(call_id=call, refuse=True), "k1")
        refused = await routing.send(Touch(call_id=call, refuse=True), "k2")
        count = await routing.get(Count, str(call))
        listed = await routing.listed(Count, stage="seen")
    assert first == again
    assert first.answer == b'{"number":1,"updated_at":null,"digest":""}'
    assert other.refusal is not None
    assert (other.refusal.code, other.refusal.status) == ("idempotency-key-reused", 422)
    assert refused.refusal is not None
    assert refused.refusal.code == "told-to"
    assert count is not None
    assert count.seen == 1
    assert str(call) in dict(listed)


async def test_a_worker_whose_position_was_moved_by_another_handles_nothing_twice(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    call, later = toys.received(toys.now()), toys.received(toys.now())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([record(call)])

        async def counted(one: UUID) -> Count | None:
            return await routing.get(Count, str(one))

        await eventually(lambda: counted(call.call_id), "the first call")
        connection = await asyncpg.connect(database)
        # As if another worker had taken the partitions over, and gone back: what this one holds in hand is not its own.
        await connection.execute("UPDATE routing.position SET next = 0 WHERE topic = 'calls.v1'")
        await connection.close()
        await publisher.publish([record(later)])
        await eventually(lambda: counted(later.call_id), "the later call", within=180)
        first = await routing.get(Count, str(call.call_id))
    assert first is not None
    assert first.seen == 1


async def test_too_many_dead_letters_stop_the_consumer_and_not_the_timers(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    flood = [Outgoing("calls.v1", str(uuid4()).encode(), b"rubbish", ()) for _ in range(300)]
    call = toys.received(toys.now())
    async with toys.running(toys.toy_routing(), toys.settings(stack, database)) as routing:
        await publisher.publish([record(call)])
        await eventually(lambda: routing.get(Count, str(call.call_id)), "the call")
        await publisher.publish(flood)

        async def stopped() -> bool:
            return (await routing.health.ready()).checks.get("dead-letters") == "held"

        await eventually(stopped, "readiness to say that dead letters stopped the consumer")

        async def rung() -> bool:
            count = await routing.get(Count, str(call.call_id))
            return count is not None and count.rung == 1

        await eventually(rung, "the timer to ring all the same")
    # What stops a consumer here would stop the services of later tests, which read the same topic from its start.
    await asyncio.to_thread(empty, stack.kafka, ["calls.v1"])


async def test_the_triaged_fact_has_the_same_id_and_bytes_however_often_its_cause_is_handled(
    stack: Addresses, database: str, publisher: Publisher
) -> None:
    call = toys.received(toys.now())
    one = record(call, id=uuid4())
    async with toys.running(toys.toy_triage(), toys.settings(stack, database)):
        await publisher.publish([one, one])

        async def twice() -> list[Envelope] | None:
            found = [
                f for f in await on_topic(stack.kafka, "triage.v1", {call.call_id}) if isinstance(f.fact, CallTriaged)
            ]
            return found if len(found) == 2 else None

        first, second = await eventually(twice, "two copies on triage.v1", within=180)
    assert first == second
