"""Every API against its own OpenAPI document: Schemathesis with all checks, and two of ours (`api_checks`)."""

import asyncio
import json
import os
import re
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import jsonschema
import pytest
import pytest_asyncio
from pydantic import JsonValue

from divert_chassis.issuer import LocalIssuer
from divert_chassis.problems import MEDIA_TYPE, SCHEMA
from divert_cli.bearers import Bearers
from divert_cli.checkout import ROOT
from divert_cli.stack import LocalStack
from divert_contracts.access import MAY, Role
from divert_contracts.vocabulary import Question
from waiting import eventually

APIS: Mapping[str, tuple[Role, ...]] = {
    "intake": (Role.CAD,),
    "triage": (Role.DESK,),
    "routing": (Role.DESK, Role.CAD, Role.ADMIN),
    "reporting": (Role.OPERATIONS,),
    "provider-gateway-alcott": (Role.PROVIDER_DESK,),
    "agency-gateway-lapd": (Role.CAD,),
}
"""Whose tokens each is asked with: of the first that may do what is asked."""
FEW = 4
"""Generated requests an operation and phase; the long run is told another number."""
CALLS = 4
CALM = {one.value: "no" for one in Question if one is not Question.UNKNOWN}


@pytest_asyncio.fixture(scope="module")
async def known(system: LocalStack) -> AsyncIterator[dict[str, str]]:
    """Calls and cases that exist, as `api_checks` reads them."""
    shift = f"{system.urls['provider-gateway-alcott']}/v1/shift"
    async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system)) as http:

        async def case_of(call: str) -> str | None:
            told = await http.get(f"{system.urls['routing']}/v1/calls/{call}/status")
            return told.json().get("case_id") if told.is_success else None

        calls: list[str] = []
        for _ in range(CALLS):
            body = {
                "agency": "lapd",
                "incident_number": f"api-{uuid.uuid4().hex}",
                "feed": "diverted",
                "call_type": "918",
                "reporting_district": "0723",
                "answers": CALM,
            }
            calls.append((await http.post(f"{system.urls['intake']}/v1/calls", json=body)).json()["call_id"])
        cases = [
            await eventually(lambda call=call: case_of(call), "the call to be offered", every=0.2) for call in calls
        ]
        yield {"API_CALLS": ",".join(calls), "API_CASES": ",".join(cases)}
        # An empty shift is passed over: whatever was said of it, somebody is on duty for the tests that follow.
        assert (await http.put(shift, json={"teams": [{"team": "alcott-1"}]})).is_success


def tokens(system: LocalStack, roles: tuple[Role, ...]) -> dict[str, str]:
    """Return the token to show for each scope that one of these roles has."""
    issuer = LocalIssuer(system.data)
    signed = {
        role: issuer.token(
            role,
            provider="alcott" if role is Role.PROVIDER_DESK else None,
            agency="lapd" if role is Role.CAD else None,
        )
        for role in roles
    }
    return {scope.value: signed[role] for role in reversed(roles) for scope in MAY[role]}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("api", APIS)
async def test_an_api_is_what_its_document_says(
    system: LocalStack, known: dict[str, str], api: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    examples: int | None = request.config.getoption("--api-examples")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={ROOT / 'tests' / 'schemathesis.toml'}",
        "run",
        f"{system.urls[api]}/openapi.json",
        "--checks=all",
        f"--phases={'examples,coverage,fuzzing,stateful' if examples else 'examples,fuzzing,stateful'}",
        f"--max-examples={examples or FEW}",
        "--generation-deterministic",
        "--suppress-health-check=all",
        "--request-timeout=30",
        "--continue-on-failure",
        "--no-color",
        cwd=tmp_path,
        env={
            **os.environ,
            **known,
            "NO_PROXY": "127.0.0.1",
            "API_TOKENS": json.dumps(tokens(system, APIS[api])),
            "PYTHONPATH": str(ROOT / "tests"),
            "SCHEMATHESIS_HOOKS": "api_checks",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    requests = re.search(r"(\d+) generated, \1 passed", said)
    assert requests is not None, said
    assert int(requests[1]) > CALLS
    into: Path | None = request.config.getoption("--api-results")
    if into is not None:
        note(into, api, {"examples_per_operation": examples or FEW, "requests": int(requests[1]), "failures": 0})


async def test_what_the_board_refuses_is_a_problem_too(system: LocalStack) -> None:
    url = system.urls["reporting"]
    too_much = "&".join(f"a{number}=b" for number in range(20))
    async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Bearers(system)) as http:
        for origin, said, status, code in (
            ("http://elsewhere.example", "alarm=none&by=ops-1&note=looking", 403, "other-origin"),
            (url, "alarm=none&by=ops-1&note=looking", 409, "alarm-over"),
            (url, too_much, 422, "invalid"),
        ):
            answer = await http.post(f"{url}/board/alarms", content=said, headers={"origin": origin})
            assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
            jsonschema.validate(answer.json(), SCHEMA)
            assert answer.json()["code"] == code


def note(into: Path, api: str, result: dict[str, int]) -> None:
    """Add the result of an API to those in a file."""
    noted: dict[str, JsonValue] = json.loads(into.read_text()) if into.exists() else {}
    noted[api] = dict[str, JsonValue](result)
    into.write_text(json.dumps(noted, indent=2, sort_keys=True) + "\n")
