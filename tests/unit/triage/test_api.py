"""The same decision over HTTP: for the desk's screening, and in plain words."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from divert_chassis.http import application
from divert_chassis.run import Runtime
from divert_contracts.step import Rejected
from divert_triage.api import EXAMPLE, routes
from divert_triage.app import build
from divert_triage.domain.judging import Given
from divert_triage.settings import Settings
from unit.triage.test_judging import ACCEPTED, published


@pytest.fixture
def runtime() -> Runtime[Given]:
    return Runtime(build(), Settings())


@pytest_asyncio.fixture
async def client(runtime: Runtime[Given]) -> AsyncIterator[httpx.AsyncClient]:
    app = application(title="Triage", version="1.0.0", router=routes(runtime), health=runtime.health)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://triage") as http:
        yield http


async def test_without_a_policy_it_says_that_it_cannot_decide_now(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/decide", json=EXAMPLE)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_the_desk_learns_what_to_ask_next(client: httpx.AsyncClient, runtime: Runtime[Given]) -> None:
    runtime.learn(published("a", ACCEPTED))
    decided = (await client.post("/v1/decide", json=EXAMPLE)).json()
    assert decided["decision"]["eligibility"] == "needs_review"
    assert decided["missing"][0] == {
        "question": "medical_emergency",
        "ask": "Is anybody badly hurt or ill, unconscious or not breathing?",
    }


async def test_each_rule_is_explained_with_its_source(client: httpx.AsyncClient, runtime: Runtime[Given]) -> None:
    runtime.learn(published("a", ACCEPTED))
    picture = {"feed": "diverted", "call_type": "918VM"}
    explained = (await client.post("/v1/explain", json={"picture": picture})).json()
    because = explained["reasons"][0].pop("because")
    assert [one["words"] for one in because] == ["call type 918 instead of 918VM"]
    assert explained["reasons"][0] == {
        "rule": "D-MENTAL-VIOLENT",
        "effect": "ineligible",
        "text": "A mental health crisis with violence goes to a team of officer and clinician.",
        "source": "LAPD Mental Evaluation Unit, SMART teams of an officer and a clinician.",
        "provisional": False,
    }


async def test_it_says_what_would_have_changed_the_answer(client: httpx.AsyncClient, runtime: Runtime[Given]) -> None:
    runtime.learn(published("a", ACCEPTED))
    explained = (await client.post("/v1/explain", json={"picture": EXAMPLE["picture"]})).json()
    assert explained["to_eligible"]["decision"]["eligibility"] == "eligible"
    assert explained["answers_suffice"]
    assert explained["changes"]
    assert "X-FIRE" in {one["rule"] for one in explained["could"]}


async def test_a_picture_is_judged_by_the_policy_of_its_time(
    client: httpx.AsyncClient, runtime: Runtime[Given]
) -> None:
    runtime.learn(published("earlier", ACCEPTED - timedelta(days=2)))
    runtime.learn(published("later", ACCEPTED - timedelta(days=1)))
    for at, version in ((ACCEPTED, "later"), (ACCEPTED - timedelta(days=1, hours=1), "earlier")):
        asked = {**EXAMPLE, "accepted_at": at.isoformat()}
        assert (await client.post("/v1/decide", json=asked)).json()["decision"]["policy"] == version


async def test_a_time_before_every_policy_is_refused_for_good(
    client: httpx.AsyncClient, runtime: Runtime[Given]
) -> None:
    asked = {**EXAMPLE, "accepted_at": (ACCEPTED - timedelta(days=1)).isoformat()}
    assert (await client.post("/v1/decide", json=asked)).status_code == 503  # what is known may be on its way
    runtime.learn(published("a", ACCEPTED))
    for path in ("/v1/decide", "/v1/explain"):
        answer = await client.post(path, json=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "no-policy")


async def test_it_says_which_policies_it_has_read(client: httpx.AsyncClient, runtime: Runtime[Given]) -> None:
    assert (await client.get("/v1/policies")).json() == []
    runtime.learn(published("a", ACCEPTED - timedelta(days=9999)))
    known = (await client.get("/v1/policies")).json()
    assert [(one["version"], one["in_force"]) for one in known] == [("a", True)]


async def test_it_says_which_policies_were_refused_and_which_are_tried_beside(
    client: httpx.AsyncClient, runtime: Runtime[Given]
) -> None:
    runtime.learn(published("a", ACCEPTED - timedelta(days=9999)))
    with pytest.raises(Rejected):
        runtime.learn(published("b", ACCEPTED).model_copy(update={"approvals": ()}))
    runtime.learn(published("c", ACCEPTED - timedelta(days=9998)).model_copy(update={"shadow": True}))
    known = (await client.get("/v1/policies")).json()
    assert [(one["version"], one["in_force"], one["shadow"], one["refused"]) for one in known] == [
        ("a", True, False, None),
        ("c", True, True, None),
        ("b", False, False, "policy:not-approved"),
    ]


async def test_a_picture_that_is_none_gets_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/decide", json={"picture": {"feed": ["x"]}})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
