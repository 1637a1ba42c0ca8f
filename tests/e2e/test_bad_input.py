"""Bad input on the running system: refused or accepted with warnings, never a 5xx, and nothing accepted is lost."""

import asyncio
import json
import os
import uuid

import httpx
import pytest
from confluent_kafka import Producer

from divert_cli import kafka_admin, verify
from divert_cli.bearers import Bearers
from divert_cli.stack import LocalStack
from waiting import eventually

DEEP = "[" * 100_000 + "]" * 100_000
REFUSED: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"{", 400),
    "no UTF-8": (b'{"incident_number": "\xff\xfe"}', 400),
    "no object": (b"[1, 2]", 400),
    "nothing": (b"", 400),
    "too deep": (DEEP.encode(), 400),
    "too large": (b'{"agency": "lapd", "narrative": "' + b"x" * 2_000_000 + b'"}', 413),
    "no agency that may post": (b'{"agency": "nobody", "incident_number": "1"}', 403),
    "no incident number": (b'{"agency": "lapd", "call_type": "918"}', 422),
}
ODD: dict[str, str] = {
    "wrong types": '"answers": 7, "narrative": {"a": 1}, "flags": "x", "caller": []',
    "unknown words": '"feed": "telepathy", "origin": "moon", "answers": {"weapon": "perhaps", "shoe size": "no"}',
    "a huge number": '"people_present": 1' + "0" * 400 + ', "revision": 1e999',
    "no number at all": '"people_present": NaN',
    "a time in the far future": '"stamps": {"created_at": "9999-12-31T23:59:59Z"}',
    "an ancient time": '"stamps": {"created_at": "0001-01-01T00:00:00Z"}',
    "a time that is none": '"stamps": {"created_at": "yesterday"}',
    "a NUL": '"narrative": "before\\u0000after"',
    "a lone surrogate": '"narrative": "\\ud800", "call_type": "\\udfff"',
    "a very long code": '"call_type": "' + "9" * 10_000 + '"',
    "the same key twice": '"call_type": "918", "call_type": "211"',
    "unknown fields": '"shoe_size": 44, "nested": {"a": [1, {"b": null}]}',
}


async def post(system: LocalStack, body: bytes) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system)) as http:
        url = f"{system.urls['intake']}/v1/calls"
        return await http.post(url, content=body, headers={"Content-Type": "application/json"})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", REFUSED)
async def test_what_cannot_be_a_call_is_refused_with_the_reason(system: LocalStack, what: str) -> None:
    body, status = REFUSED[what]
    answer = await post(system, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("what", ODD)
async def test_what_is_odd_is_accepted_with_warnings_and_a_person_sees_it(system: LocalStack, what: str) -> None:
    number = f"odd-{uuid.uuid4().hex}"
    body = '{"agency": "lapd", "incident_number": "' + number + '", "reporting_district": "1822", ' + ODD[what] + "}"
    answer = await post(system, body.encode())
    assert answer.status_code == httpx.codes.ACCEPTED
    call = answer.json()
    assert call["warnings"]

    async def seen() -> bool:
        async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system)) as http:
            told = await http.get(f"{system.urls['routing']}{call['status']}")
        return told.is_success and told.json()["judged"] and told.json()["stage"] in {"in_review", "concluded"}

    await eventually(seen, "the call to be with a reviewer, or back with the dispatcher", within=180, every=0.1)


@pytest.mark.parametrize("topic", ["calls.v1", "triage.v1", "cases.v1"])
async def test_foreign_bytes_on_a_topic_are_kept_and_stop_nobody(system: LocalStack, topic: str) -> None:
    key, value = f"foreign-{uuid.uuid4()}".encode(), b"\x00\xff not one of ours"
    producer = Producer({"bootstrap.servers": system.kafka})
    for partition in range(6):
        headers: dict[str, str | bytes | None] = {"ce_type": b"\xff\xfe", "odd": b"\x80"}
        producer.produce(topic, key=key, value=value, partition=partition, headers=headers)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    reader = "triage" if topic == "calls.v1" else "routing"

    async def buried() -> bool:
        ends = await asyncio.to_thread(kafka_admin.ends, system.kafka, [f"{topic}.{reader}.dead"])
        dead = await asyncio.to_thread(lambda: list(kafka_admin.read(system.kafka, ends)))
        return len([one for one in dead if (one.key, one.value, one.headers.get("odd")) == (key, value, b"\x80")]) == 6

    await eventually(buried, f"{reader} to keep all six as dead letters", within=180, every=0.2)
    number = uuid.uuid4().hex
    answer = await post(system, json.dumps({"agency": "lapd", "incident_number": number, "call_type": "211"}).encode())
    call = answer.json()

    async def judged() -> bool:
        async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system)) as http:
            told = await http.get(f"{system.urls['routing']}{call['status']}")
        return told.is_success and bool(told.json()["judged"])

    await eventually(judged, "a call behind the foreign bytes to be judged", within=180, every=0.1)


async def test_a_record_too_long_to_be_kept_whole_is_cut_and_holds_up_nobody(system: LocalStack) -> None:
    key = f"long-{uuid.uuid4()}".encode()
    long = {"sent": b"\0" * 5_000_000, "received": os.urandom(1_048_000)}
    producer = Producer(
        {"bootstrap.servers": system.kafka, "message.max.bytes": 10_000_000, "compression.type": "zstd"}
    )
    for value in long.values():
        producer.produce("calls.v1", key=key, value=value)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    names = [f"calls.v1.{reader}.dead" for reader in ("triage", "routing")]

    async def buried() -> bool:
        ends = await asyncio.to_thread(kafka_admin.ends, system.kafka, names)
        dead = await asyncio.to_thread(lambda: list(kafka_admin.read(system.kafka, ends)))
        sizes = [(one.topic, int(one.headers["divert-size"])) for one in dead if one.key == key]
        return sorted(sizes) == sorted((name, len(key) + len(value)) for name in names for value in long.values())

    await eventually(buried, "both to be kept as dead letters, cut", within=180, every=0.2)


async def test_verify_then_finds_every_accepted_call_and_tells_of_the_dead_letters(system: LocalStack) -> None:
    found = await verify.findings(system.kafka, system.postgres, grace=5, settle=60)
    assert [name for name, wrong in found.faults.items() if wrong] == ["dead letters"]
    assert found.counts["accepted"] >= len(ODD)
