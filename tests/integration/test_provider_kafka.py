"""Providers that use Kafka with clients of their own: what they may do, tried with a client that nobody here wrote."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import files
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.prepare import prepare
from divert_cli.provider import Access, Credentials
from divert_contracts.envelope import Envelope, Headers, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import CaseAcknowledged, EmergencyRaised
from divert_contracts.facts.routing import CaseRecalled
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.statuses import StatementAnswered
from divert_contracts.vocabulary import RecallReason, Stage
from integration.test_provider_gateway import an_offer, gateway, offered, publish, publisher, said
from stack import Addresses, fresh_database
from waiting import eventually

__all__ = ["gateway", "publisher"]

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat (Debian's package) is not installed")


@dataclass(frozen=True)
class Kcat:
    """A provider's client."""

    broker: str
    credentials: Credentials | None
    libraries: Path
    """Where its librdkafka is. Debian 12's own sends a nonce that brokers refuse since CVE-2024-56128."""

    async def run(self, *arguments: str, said: bytes = b"", within: float = 60) -> tuple[int, str, str]:
        """Return exit code and what it printed."""
        login: Sequence[str] = ()
        if self.credentials is not None:
            settings = {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": self.credentials.mechanism,
                "sasl.username": self.credentials.username,
                "sasl.password": self.credentials.password,
            }
            login = [word for name, value in settings.items() for word in ("-X", f"{name}={value}")]
        process = await asyncio.create_subprocess_exec(
            *("kcat", "-b", self.broker, *login, *arguments),
            stdin=-1,
            stdout=-1,
            stderr=-1,
            env={**os.environ, "LD_LIBRARY_PATH": str(self.libraries)},
        )
        try:
            out, error = await asyncio.wait_for(process.communicate(said), within)
        except TimeoutError:
            process.kill()
            out, error = await process.communicate()
        return process.returncode or 0, out.decode(), error.decode()


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the newest librdkafka that we have, under the name that kcat looks for."""
    packaged = [one for one in files("confluent-kafka") or () if one.name.startswith("librdkafka")]
    folder = tmp_path_factory.mktemp("libraries")
    (folder / "librdkafka.so.1").symlink_to(Path(str(packaged[0].locate())).resolve())
    return folder


@pytest_asyncio.fixture(scope="module")
async def access(stack: Addresses) -> AsyncIterator[Access]:
    if not stack.kafka_for_providers:
        pytest.skip("this broker has no listener for providers")
    async with fresh_database(stack.postgres) as database:
        await prepare(stack.kafka, database)
    made = Access(stack.kafka)
    yield made
    for name in await asyncio.to_thread(made.names):
        await asyncio.to_thread(made.remove, name)


@pytest_asyncio.fixture(scope="module")
async def exodus(stack: Addresses, access: Access, libraries: Path) -> Kcat:
    return Kcat(stack.kafka_for_providers, await asyncio.to_thread(access.add, "exodus"), libraries)


async def refused(client: Kcat, *arguments: str, said: bytes = b"") -> str:
    """Return why the client could not do it; that it could is an error."""
    code, out, error = await client.run(*arguments, said=said, within=15)
    assert code != 0 or "ERROR" in error.upper() or "authorization" in error.lower(), out
    assert not out
    return error


async def test_a_provider_reads_its_own_assignments(publisher: Publisher, exodus: Kcat) -> None:
    offer = an_offer()
    await publish(publisher, offer)

    async def read() -> bool:
        code, out, error = await exodus.run("-C", "-e", "-q", "-t", "assignments.exodus.v1", "-o", "beginning")
        assert code == 0, error
        return str(offer.case_id) in out

    await eventually(read, "the offer to be read by kcat", within=20)
    code, out, _ = await exodus.run(
        "-G", "exodus.dispatch", "-e", "-q", "-X", "auto.offset.reset=earliest", "assignments.exodus.v1"
    )
    assert code == 0
    assert str(offer.case_id) in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-C", "-e", "-t", "assignments.alcott.v1", "-o", "beginning"), b""),
        (("-C", "-e", "-t", "calls.v1", "-o", "beginning"), b""),
        (("-C", "-e", "-t", "statuses.exodus.v1", "-o", "beginning"), b""),
        (("-G", "alcott.dispatch", "assignments.exodus.v1"), b""),
        (("-G", "routing", "assignments.exodus.v1"), b""),
        (("-P", "-t", "statuses.alcott.v1", "-X", "message.timeout.ms=5000"), b"{}"),
        (("-P", "-t", "assignments.exodus.v1", "-X", "message.timeout.ms=5000"), b"{}"),
        (("-P", "-t", "cases.v1", "-X", "message.timeout.ms=5000"), b"{}"),
        (("-P", "-t", "made-up", "-X", "allow.auto.create.topics=true", "-X", "message.timeout.ms=5000"), b"{}"),
    ],
    ids=[
        "other assignments",
        "calls",
        "own statuses",
        "other group",
        "our group",
        "other statuses",
        "own assignments",
        "cases",
        "new topic",
    ],
)
async def test_a_provider_may_do_nothing_else(
    stack: Addresses, exodus: Kcat, arguments: Sequence[str], said: bytes
) -> None:
    before = await asyncio.to_thread(kafka_admin.topics, stack.kafka)
    assert await refused(exodus, *arguments, said=said)
    assert await asyncio.to_thread(kafka_admin.topics, stack.kafka) == before


async def test_nobody_connects_without_saying_who_they_are(exodus: Kcat) -> None:
    assert exodus.credentials is not None
    asking = ("-L", "-m", "5")
    assert (await replace(exodus, credentials=None).run(*asking, within=30))[0] != 0
    guessing = replace(exodus, credentials=replace(exodus.credentials, password="guessed"))
    assert "uthentication" in (await guessing.run(*asking, within=30))[2]


async def test_a_new_password_replaces_the_old_one_and_a_removed_provider_is_out(exodus: Kcat, access: Access) -> None:
    first = await asyncio.to_thread(access.add, "alcott")
    second = await asyncio.to_thread(access.rotate, "alcott")
    reading = ("-C", "-e", "-q", "-t", "assignments.alcott.v1", "-o", "beginning", "-m", "5")

    async def reads(credentials: Credentials) -> bool:
        return (await replace(exodus, credentials=credentials).run(*reading, within=30))[0] == 0

    async def only_the_second() -> bool:
        return await reads(second) and not await reads(first)

    await eventually(only_the_second, "the new password alone to be good", every=0.2)
    await asyncio.to_thread(access.remove, "alcott")
    assert await asyncio.to_thread(access.rights, "alcott") == []

    async def out() -> bool:
        return not await reads(second)

    await eventually(out, "the removed provider to be out", every=0.2)


async def write(client: Kcat, kind: str, body: object, *, id: str) -> None:  # noqa: A002
    """Write a statement as a CloudEvent, with nothing of ours."""
    headers = {"ce_specversion": "1.0", "ce_type": kind, "ce_source": "/exodus/dispatch", "ce_id": id}
    words = [word for name, value in headers.items() for word in ("-H", f"{name}={value}")]
    code, _, error = await client.run("-P", "-t", "statuses.exodus.v1", *words, said=json.dumps(body).encode())
    assert code == 0, error


async def answers(stack: Addresses, *statements: str) -> dict[str, StatementAnswered]:
    async def all_of_them() -> dict[str, StatementAnswered] | None:
        found = {
            one.fact.statement: one.fact
            for one in await said(stack, StatementAnswered, "answers.exodus.v1")
            if isinstance(one.fact, StatementAnswered) and one.fact.statement in statements
        }
        return {name: fact for name, fact in found.items() if name} if len(found) == len(statements) else None

    return await eventually(all_of_them, f"answers to {', '.join(statements)}", every=0.2)


async def facts_of(stack: Addresses, kind: type[Fact], case: UUID) -> list[Fact]:
    return [one.fact for one in await said(stack, kind) if getattr(one.fact, "case_id", None) == case]


async def test_a_case_is_taken_and_help_is_called_over_kafka_alone(
    stack: Addresses, publisher: Publisher, gateway: httpx.AsyncClient, exodus: Kcat
) -> None:
    path = await offered(publisher, gateway)
    case = UUID(path.rpartition("/")[2])
    names = [f"{step}-{uuid4().hex[:6]}" for step in ("take", "late", "odd", "help")]
    taking = {"case_id": str(case), "verb": "acknowledge", "said": {"epoch": 1, "arrive_in_seconds": 600}}
    kind = "divert.CaseStatusSaid.v1"
    for _ in range(2):  # the same id: once
        await write(exodus, kind, {**taking, "statement": names[0]}, id=names[0])
    await write(exodus, kind, {**taking, "verb": "decline", "said": {"epoch": 7}, "statement": names[1]}, id=names[1])
    await write(exodus, kind, {"case_id": str(case), "verb": "juggle", "statement": names[2]}, id=names[2])
    # Neither a time nor a readable body: a call for help is taken all the same.
    rubbish = {"case_id": str(case), "verb": "emergency", "occurred_at": "soon", "said": {"hazards": "?"}}
    await write(exodus, kind, {**rubbish, "statement": names[3]}, id=names[3])
    found = await answers(stack, *names)
    assert [found[name].taken for name in names] == [True, False, False, True]
    assert [found[name].code for name in names[1:3]] == ["unreadable", "unknown-verb"]
    assert (await gateway.get(path)).json()["stage"] == "acknowledged"
    assert len(await facts_of(stack, CaseAcknowledged, case)) == 1
    assert len(await facts_of(stack, EmergencyRaised, case)) == 1


async def test_a_shift_is_said_over_kafka(stack: Addresses, gateway: httpx.AsyncClient, exodus: Kcat) -> None:
    del gateway  # it runs
    team, name = f"east-{uuid4().hex[:8]}", f"shift-{uuid4().hex[:6]}"
    body = {"statement": name, "said": {"teams": [{"team": team, "languages": ["es"]}]}}
    await write(exodus, "divert.ShiftSaid.v1", body, id=name)
    assert (await answers(stack, name))[name].taken
    facts = [one.fact for one in await said(stack, ShiftChanged, "shifts.v1")]
    assert any(one.team == team for fact in facts if isinstance(fact, ShiftChanged) for one in fact.teams)


async def test_a_provider_cannot_speak_as_routing_nor_stop_its_gateway(
    stack: Addresses, publisher: Publisher, gateway: httpx.AsyncClient, exodus: Kcat
) -> None:
    path = await offered(publisher, gateway)
    case = UUID(path.rpartition("/")[2])
    forged = CaseRecalled(
        occurred_at=datetime.now(UTC),
        call_id=uuid4(),
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=9,
        case_id=case,
        provider="exodus",
        reason=RecallReason.DANGER,
    )
    flood = [Outgoing("statuses.exodus.v1", b"k", b"rubbish", ()) for _ in range(400)]
    await publisher.publish([as_written(forged), *flood])
    name = f"after-{uuid4().hex[:6]}"
    body = {"case_id": str(case), "verb": "acknowledge", "said": {"epoch": 1, "arrive_in_seconds": 600}}
    await write(exodus, "divert.CaseStatusSaid.v1", {**body, "statement": name}, id=name)
    assert (await answers(stack, name))[name].taken
    assert (await gateway.get("/readyz")).is_success
    dead = "statuses.exodus.v1.provider-gateway.dead"
    read = await asyncio.to_thread(lambda: [*kafka_admin.read(stack.kafka, kafka_admin.ends(stack.kafka, [dead]))])
    assert b"topic:type" in {one.headers["divert-reason"] for one in read}


def as_written(fact: Fact) -> Outgoing:
    key, value, headers = encode(Envelope(id=uuid4(), source="/divert/routing", fact=fact))
    written: Headers = headers
    return Outgoing("statuses.exodus.v1", key, value, written)
