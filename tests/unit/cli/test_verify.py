"""What the reconciliation calls off, and what it does not."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from divert_cli.kafka_admin import Record
from divert_cli.verify import TOLD_ON, TOLD_ROUTING, Log, Stored, reconcile
from divert_contracts.facts.base import CallFact
from divert_routing.app import build

NOW = datetime(2026, 11, 14, 19, tzinfo=UTC)
LONG_AGO = (NOW - timedelta(hours=1)).timestamp()
CALL = "11111111-1111-5111-8111-111111111111"


def record(
    topic: str,
    kind: str,
    fact_id: str,
    body: Mapping[str, Any],
    *,
    written_at: float = LONG_AGO,
    **attributes: str,
) -> Record:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": fact_id,
        "ce_source": "/divert/test",
        "ce_type": f"divert.{kind}.v1",
        "ce_time": NOW.isoformat(),
    }
    headers |= {f"ce_{name}": value for name, value in attributes.items()}
    return Record(
        topic=topic,
        partition=0,
        offset=0,
        key=None,
        value=json.dumps(body).encode(),
        headers={name: value.encode() for name, value in headers.items()},
        written_at=written_at,
    )


RECEIVED = record("calls.v1", "CallReceived", "f1", {"call_id": CALL})
OPENED = record("routing.v1", "CallOpened", "f2", {"call_id": CALL}, causationid="f1")
CONCLUDED = record(
    "routing.v1",
    "CallConcluded",
    "f3",
    {"call_id": CALL, "outcome": "served", "reason": "closed"},
    causationid="timer-1",
    causationkind="timer",
)


def log(*records: Record) -> Log:
    read = Log()
    for one in records:
        read.add(one)
    return read


def tables(
    *,
    calls: Mapping[str, str | None] | None = None,
    outcome: tuple[str, str] | None = ("served", "closed"),
    outbox: int = 0,
    due: datetime | None = None,
    inbox: Sequence[str] = ("f1",),
    asleep: Sequence[str] = (),
) -> Stored:
    return Stored(
        calls={CALL: "concluded"} if calls is None else calls,
        outcomes={} if outcome is None else {CALL: [outcome]},
        outbox={"routing": outbox},
        due=[] if due is None else [("routing.state_call", CALL, due)],
        inbox=frozenset(inbox),
        without_timer=asleep,
    )


def faults(read: Log, stored: Stored) -> dict[str, list[str]]:
    found = reconcile(read, stored, real=NOW, grace=15)
    return {kind: list(ids) for kind, ids in found.faults.items() if ids}


def test_a_call_that_is_accounted_for_everywhere_is_clean() -> None:
    found = reconcile(log(RECEIVED, OPENED, CONCLUDED), tables(), real=NOW, grace=15)
    assert found.clean
    assert (found.counts["accepted"], found.counts["concluded"], found.counts["open"]) == (1, 1, 0)


def test_a_call_that_routing_works_on_is_open() -> None:
    found = reconcile(log(RECEIVED, OPENED), tables(calls={CALL: "offered"}, outcome=None), real=NOW, grace=15)
    assert found.clean
    assert found.counts["open"] == 1


def test_a_call_that_routing_does_not_know_is_lost_after_the_grace() -> None:
    assert faults(log(RECEIVED), tables(calls={}, outcome=None, inbox=[])) == {
        "lost": [CALL],
        "facts that routing never took in": ["f1"],
    }
    fresh = record("calls.v1", "CallReceived", "f1", {"call_id": CALL}, written_at=NOW.timestamp() - 5)
    assert not faults(log(fresh), tables(calls={}, outcome=None, inbox=[]))


def test_a_cancellation_or_a_call_for_help_that_routing_never_took_in_is_found() -> None:
    cancelled = record("calls.v1", "CallCancelled", "f7", {"call_id": CALL})
    help_ = record("cases.v1", "EmergencyRaised", "f8", {"call_id": CALL})
    not_routing_s = record("cases.v1", "FollowUpDone", "f9", {"call_id": CALL})
    read = log(RECEIVED, OPENED, CONCLUDED, cancelled, help_, not_routing_s)
    assert faults(read, tables()) == {"facts that routing never took in": ["f7", "f8"]}
    assert not faults(read, tables(inbox=["f1", "f7", "f8"]))


def test_a_fact_older_than_the_inbox_is_not_looked_for() -> None:
    week_ago = (NOW - timedelta(days=7)).timestamp()
    old = record("cases.v1", "CaseClosed", "f7", {"call_id": CALL}, written_at=week_ago)
    assert not faults(log(RECEIVED, OPENED, CONCLUDED, old), tables())


def test_what_routing_must_take_in_is_what_it_is_wired_to() -> None:
    of_calls = {kind.__name__ for kind in build().handles if issubclass(kind, CallFact)}
    assert of_calls == TOLD_ROUTING
    assert {topic.name for topic in build().reads if of_calls & {kind.__name__ for kind in topic.carries}} == TOLD_ON


def test_an_open_call_that_nothing_would_wake_is_found() -> None:
    read = log(RECEIVED, OPENED)
    asleep = tables(calls={CALL: "offered"}, outcome=None, asleep=[CALL])
    assert faults(read, asleep) == {"open calls without a timer": [CALL]}


def test_a_call_that_is_concluded_in_the_tables_alone_is_lost() -> None:
    assert faults(log(RECEIVED, OPENED), tables(outcome=None)) == {"lost": [CALL]}


def test_a_second_conclusion_is_found_and_a_repeated_record_of_the_first_is_not() -> None:
    again = record("routing.v1", "CallConcluded", "f4", {"call_id": CALL, "outcome": "served", "reason": "closed"})
    assert faults(log(RECEIVED, OPENED, CONCLUDED, again), tables()) == {"concluded twice": [CALL]}
    assert not faults(log(RECEIVED, OPENED, CONCLUDED, CONCLUDED), tables())


def test_a_fact_whose_cause_stands_nowhere_is_found_and_one_of_a_timer_is_not() -> None:
    stray = record("routing.v1", "CallReviewed", "f9", {"call_id": CALL}, causationid="nowhere")
    assert faults(log(RECEIVED, OPENED, CONCLUDED, stray), tables()) == {"facts without cause": ["f9"]}


def test_a_row_of_reporting_that_says_otherwise_or_is_missing_is_found() -> None:
    read = log(RECEIVED, OPENED, CONCLUDED)
    assert faults(read, tables(outcome=("ineligible", "rule"))) == {"reporting differs": [CALL]}
    assert faults(read, tables(outcome=None)) == {"reporting differs": [CALL]}
    assert faults(log(RECEIVED, OPENED), tables(calls={CALL: "offered"})) == {"reporting differs": [CALL]}


def test_unsent_facts_overdue_timers_and_dead_letters_are_found() -> None:
    buried = Record("calls.v1.routing.dead", 0, 7, None, b"x", {"divert-reason": b"value:missing"}, LONG_AGO)
    read = log(RECEIVED, OPENED, CONCLUDED, buried)
    found = faults(read, tables(outbox=3, due=NOW - timedelta(seconds=11)))
    assert found["unsent outbox"] == ["routing: 3"]
    assert found["overdue timers"][0].startswith(f"routing.state_call {CALL}")
    assert found["dead letters"] == ["calls.v1.routing.dead/0/7: value:missing"]
    assert not faults(log(RECEIVED, OPENED, CONCLUDED), tables(due=NOW - timedelta(seconds=9)))


def test_timers_are_judged_by_the_domain_clock() -> None:
    clock = record(
        "policies.v1",
        "ClockSet",
        "c1",
        {
            "real_from": (NOW - timedelta(minutes=1)).isoformat(),
            "domain_from": (NOW - timedelta(minutes=1)).isoformat(),
            "rate": 30.0,
        },
    )
    read = log(RECEIVED, OPENED, CONCLUDED, clock)
    assert read.domain_now(NOW) == NOW + timedelta(minutes=29)
    assert faults(read, tables(due=NOW + timedelta(minutes=20)))


def test_foreign_bytes_on_a_topic_do_not_stop_the_reading() -> None:
    foreign = Record("calls.v1", 0, 0, b"\xff", b"\xff\x00", {"x": b"\xff"}, LONG_AGO)
    odd = record("calls.v1", "CallReceived", "f5", {"call_id": 5})
    assert reconcile(log(foreign, odd), tables(calls={}, outcome=None), real=NOW, grace=15).clean
