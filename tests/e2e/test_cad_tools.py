"""What a CAD's people run: the commands themselves, on the running system that asks everybody who they are."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from divert_cli import cad_codes, kafka_admin
from divert_cli.bearers import TOKEN, Bearers
from divert_cli.calls import rows
from divert_cli.checkout import ROOT, STATE_IN
from divert_cli.prepare import agency_fact, register_agency
from divert_cli.stack import LocalStack, record
from divert_contracts.envelope import Envelope
from divert_contracts.topics import POLICIES
from divert_contracts.vocabulary import Outcome, OutcomeReason, Stage
from integration.test_webhooks import receiving
from waiting import eventually

CODES = cad_codes.load(ROOT / "seeds" / "cad" / "lapd.yaml")
Divert = Callable[..., Coroutine[Any, Any, tuple[int, str]]]


@pytest_asyncio.fixture
async def divert(system: LocalStack, tmp_path: Path) -> AsyncIterator[Divert]:
    """Run the command as somebody at the machine of the running stack; give its exit and what it prints."""
    state = tmp_path / "state"
    run_file = state / "run.json"
    with record.lock(record.lock_of(run_file)):
        record.write(system.run, run_file)

        async def run(*words: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "divert_cli",
                *words,
                env={**{name: value for name, value in os.environ.items() if name != TOKEN}, STATE_IN: str(state)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert process.returncode is not None
            return process.returncode, said.decode()

        yield run


async def test_a_cad_s_receiver_is_tried_and_opened_again_by_command(system: LocalStack, divert: Divert) -> None:
    missing, said = await divert("webhook", "test", "lapd")
    assert (missing, "No webhook is registered" in said) == (1, True), said
    async with receiving() as cad:
        added, said = await divert("webhook", "add", "lapd", cad.url, "--json")
        assert added == 0, said
        cad.secret = json.loads(said)["secret"]
        try:
            tested, said = await divert("webhook", "test", "lapd")
            assert (tested, said.startswith("delivered, status 204, after")) == (0, True), said
            assert cad.ids, "the receiver, which verifies every signature, has had it"
            cad.answer = lambda _: 503
            tested, said = await divert("webhook", "test", "lapd", "--json")
            assert tested == 1
            told = json.loads(said)
            assert (told["result"], told["status"]) == ("failed", 503)

            cad.answer = lambda _: 410
            await posted(system, "lapd", f"W{uuid.uuid4().hex[:10].upper()}")

            async def closed() -> bool:
                return "gone since" in (await divert("webhook", "list"))[1]

            await eventually(closed, "the 410 to close the endpoint", every=0.2)
            cad.answer = lambda _: 204
            refused = len(cad.ids)
            added, said = await divert("webhook", "add", "lapd", cad.url, "--json")
            assert added == 0, said
            cad.secret = json.loads(said)["secret"]

            async def told_at_last() -> bool:
                return len(cad.ids) > refused and "gone since" not in (await divert("webhook", "list"))[1]

            await eventually(told_at_last, "what waited to be sent", every=0.2)
        finally:
            removed, said = await divert("webhook", "remove", "lapd")
        assert removed == 0, said


@pytest.mark.timeout(300)
async def test_a_nightly_export_is_compared_with_what_divert_knows_both_ways(
    system: LocalStack, divert: Divert, tmp_path: Path
) -> None:
    agency = f"test-{uuid.uuid4().hex[:8]}"
    await register_agency(system.kafka, agency, "A city of the night")
    coded = agency_fact().model_copy(update={"agency": agency, "occurred_at": datetime.now(UTC)})
    envelope = Envelope(id=uuid.uuid4(), source="/divert/test", fact=coded)
    await asyncio.to_thread(kafka_admin.publish, system.kafka, POLICIES.name, [envelope])
    began = datetime.now(UTC) - timedelta(minutes=20)
    numbers = [f"N{number}" for number in range(4)]
    for at, number in enumerate(numbers):
        await cancelled(system, agency, number, began + timedelta(minutes=at))

    async def concluded() -> bool:
        found = await asyncio.to_thread(
            lambda: list(rows(system.urls["reporting"], auth=Bearers(system), agency=agency, in_flight=False))
        )
        return len(found) == len(numbers)

    await eventually(concluded, "every call to be concluded", within=120, every=0.3)
    code = CODES.code(Stage.CONCLUDED, Outcome.WITHDRAWN, OutcomeReason.CANCELLED, None)
    export: list[dict[str, Any]] = [
        {"incident_number": number, "stamps": {"created_at": stamp(began, at)}, "disposition_code": code}
        for at, number in enumerate(numbers)
    ]
    night = tmp_path / "night.jsonl"

    async def compared(lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        night.write_text("".join(f"{json.dumps(one)}\n" for one in lines))
        exit_, said = await divert("reconcile", str(night), "--format", "jsonl", "--agency", agency, "--json")
        return exit_, json.loads(said)

    exit_, found = await compared(export)
    assert (exit_, found["agrees"], found["in_cad"], found["in_divert"]) == (0, True, 4, 4), found

    missing, late, other = export[1], export[2], export[3]
    late["stamps"]["created_at"] = stamp(began, 2.5 + 10)
    other["disposition_code"] = "GOA"
    extra = {**export[0], "incident_number": "N9"}
    exit_, found = await compared([one for one in (*export, extra) if one is not missing])
    assert exit_ == 1
    assert (found["only_cad"], found["only_divert"]) == (["N9"], ["N1"])
    assert [(one["incident_number"], one["field"], one["cad"], one["divert"]) for one in found["differences"]] == [
        ("N2", "created_at", stamp(began, 12.5), stamp(began, 2)),
        ("N3", "disposition", "GOA", code),
    ]


async def posted(system: LocalStack, agency: str, number: str, created_at: datetime | None = None) -> str:
    """Post a call as an agency's CAD, and return its id."""
    stamps = {} if created_at is None else {"stamps": {"created_at": created_at.isoformat()}}
    body = {"agency": agency, "incident_number": number, "feed": "diverted", "call_type": "918", **stamps}

    async def taken() -> httpx.Response | None:
        answer = await http.post(f"{system.urls['intake']}/v1/calls", json={**body, "reporting_district": "0723"})
        return answer if answer.is_success else None

    async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system, agency=agency)) as http:
        # Intake may hear of a new agency a moment later.
        return str((await eventually(taken, "intake to know the agency", every=0.2)).json()["call_id"])


async def cancelled(system: LocalStack, agency: str, number: str, created_at: datetime) -> None:
    """Post a call and cancel it, as an agency's CAD."""
    call = await posted(system, agency, number, created_at)
    async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system, agency=agency)) as http:
        said = {"agency": agency, "reason": "caller"}
        ended = await http.post(f"{system.urls['intake']}/v1/calls/{call}/cancel", json=said)
        assert ended.is_success, ended.text


def stamp(began: datetime, minutes: float) -> str:
    """Return the time so many minutes later, as it is written."""
    return (began + timedelta(minutes=minutes)).isoformat()
