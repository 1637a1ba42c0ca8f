"""Intake over HTTP without its broker: refusals as problems, outages as unknown, and a description that is true."""

import json
from collections.abc import AsyncIterator
from functools import lru_cache

import httpx
import jsonschema
import pytest
import pytest_asyncio
from pydantic import JsonValue

from divert_chassis.http import application
from divert_chassis.run import Runtime
from divert_contracts.facts.policies import AgencyRegistered
from divert_eido.document import MEDIA_TYPE
from divert_intake.api import EIDO_EXAMPLE, EXAMPLE, MOST_LINES, NOT_UNDERSTOOD, routes
from divert_intake.app import build
from divert_intake.domain.given import Given
from divert_intake.domain.reading import MOST_BYTES
from divert_intake.settings import Settings
from unit.intake.posting import AT, body, taken, warned

CALL = "/v1/calls/18acbc35-0f77-5ad1-86bd-25f39f6c5065"


@lru_cache(1)
def settings() -> Settings:
    return Settings(kafka="127.0.0.1:1", valkey="redis://127.0.0.1:1/0")


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    runtime: Runtime[Given] = Runtime(build(), settings())
    runtime.learn(AgencyRegistered(occurred_at=AT, agency="lapd", title="Los Angeles Police Department"))
    router = routes(runtime, settings())
    app = application(title="Intake", version="1.0.0", router=router, health=runtime.health, body_limit=2_000_000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as http:
        yield http


@pytest.mark.parametrize(
    ("post", "status", "code", "pointer"),
    [
        (b"{", 400, "unreadable", None),
        (b'{"agency":"nypd","incident_number":"1"}', 403, "agency-not-registered", "#/agency"),
        (b'{"agency":"lapd"}', 422, "incident-number-missing", "#/incident_number"),
        (b" " * (MOST_BYTES + 1), 413, "too-large", None),
    ],
)
async def test_a_refusal_is_a_problem_that_points_at_the_field(
    client: httpx.AsyncClient, post: bytes, status: int, code: str, pointer: str | None
) -> None:
    for answer in (await client.post("/v1/calls", content=post), await client.put(CALL, content=post)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == code
        assert [one["pointer"] for one in problem.get("errors", [])] == ([] if pointer is None else [pointer])


@pytest.mark.parametrize(
    "media_type", [MEDIA_TYPE, "Application/Emergency.EIDO+json; charset=utf-8", f"{MEDIA_TYPE};version=1"]
)
async def test_what_says_that_it_is_an_eido_is_read_as_one(client: httpx.AsyncClient, media_type: str) -> None:
    whole = {**EIDO_EXAMPLE}
    del whole["lastUpdateTimeStamp"]
    del whole["eidoVersion"]
    for method, url in (("POST", "/v1/calls"), ("PUT", CALL), ("POST", f"{CALL}/reopen")):
        answer = await client.request(method, url, content=json.dumps(whole), headers={"content-type": media_type})
        assert answer.status_code == 422
        problem = answer.json()
        assert (problem["code"], problem["title"]) == ("not-an-eido", "Not an EIDO")
        assert [one["pointer"] for one in problem["errors"]] == ["#/eidoVersion", "#/lastUpdateTimeStamp"]


async def test_what_does_not_say_so_is_divert_s_own_form(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"content-type": "application/json"}, {"content-type": "text/plain"}):
        answer = await client.post("/v1/calls", content=json.dumps(EIDO_EXAMPLE), headers=headers)
        assert answer.json()["code"] == "agency-not-registered"


async def test_refusals_are_counted(client: httpx.AsyncClient) -> None:
    await client.post("/v1/calls", content=b"[]")
    assert 'divert_intake_refused_total{reason="unreadable"}' in (await client.get("/metrics")).text


async def test_without_policy_or_broker_nothing_is_known(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/calls", content=body())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_a_path_that_names_no_call_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/calls/first/cancel", content=b"{}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_batch_has_a_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/calls:batch", content=b"{}\n" * (MOST_LINES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-lines")


async def test_each_line_of_a_batch_is_refused_by_itself(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/calls:batch", content=b'[]\n\n{"agency":"lapd"}\r\n{"agency":"x"}\n')
    assert answer.status_code == 200
    batch = answer.json()
    assert (batch["accepted"], batch["refused"]) == (0, 3)
    assert [(one["line"], one["status"], one["code"]) for one in batch["results"]] == [
        (1, 400, "unreadable"),
        (3, 422, "incident-number-missing"),
        (4, 403, "agency-not-registered"),
    ]


async def test_the_description_has_examples_that_are_as_it_says(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    described = document["paths"]["/v1/calls"]["post"]["requestBody"]["content"]["application/json"]
    assert described["schema"]["required"] == ["incident_number"]
    validator = jsonschema.Draft202012Validator(described["schema"])
    for example in described["examples"].values():
        validator.validate(example["value"])
    assert not validator.is_valid({"agency": "lapd"})
    assert "$ref" not in str(described)


async def test_the_description_knows_eidos(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, method in (("", "post"), ("/{call_id}", "put"), ("/{call_id}/reopen", "post")):
        operation = document["paths"][f"/v1/calls{path}"][method]
        described = operation["requestBody"]["content"][MEDIA_TYPE]
        validator = jsonschema.Draft202012Validator(described["schema"])
        for example in described["examples"].values():
            validator.validate(example["value"])
        assert not validator.is_valid({"$id": "x"})
        assert "feed" in [one["name"] for one in operation["parameters"]]


def test_the_examples_are_what_they_are_called() -> None:
    def post(example: dict[str, JsonValue]) -> bytes:
        return body(**{name: value for name, value in example.items() if name not in ("agency", "incident_number")})

    harmless = {("time-in-future", f"/stamps/{name}") for name in ("answered_at", "created_at")}
    assert set(warned(taken(post(EXAMPLE)))) <= {*harmless, ("time-in-future", "/answers/weapon/at")}
    assert warned(taken(post(NOT_UNDERSTOOD))) == [("unknown-word", "/answers/weapon"), ("unknown-field", "/color")]
