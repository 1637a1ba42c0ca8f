"""EIDOs through the running system: in at intake, out at routing, as they came; and never an error of ours."""

import json
import re
import uuid
from typing import Any

import httpx
import pytest
from pydantic import JsonValue

import eido_data
from divert_cli.bearers import Bearers
from divert_cli.stack import LocalStack
from divert_eido.document import MEDIA_TYPE
from waiting import eventually

HEADERS = {"content-type": MEDIA_TYPE}
BY: JsonValue = {"$ref": "police.example.gov"}
AT = "2026-11-23T03:00:00Z"


def client(system: LocalStack, service: str) -> httpx.AsyncClient:
    """Return a client of a service for the dispatch system: private words leave with an EIDO for it alone."""
    headers = Bearers(system).headers("intake")
    return httpx.AsyncClient(base_url=system.urls[service], timeout=20, trust_env=False, headers=headers)


def document(**members: JsonValue) -> dict[str, JsonValue]:
    """Return an EIDO of an incident of its own."""
    return {
        "$id": f"urn:emergency:uid:incidentid:{uuid.uuid4().hex}:police.example.gov",
        "lastUpdateTimeStamp": AT,
        "updatedByAgencyReference": BY,
        "eidoVersion": "1.0",
        "issuingElementIdentification": "cad.police.example.gov",
        "agencyComponent": [],
        **members,
    }


def component(id_: str, **members: JsonValue) -> dict[str, JsonValue]:
    return {"$id": id_, "lastUpdateTimeStamp": AT, "updatedByAgencyReference": BY, **members}


async def post(system: LocalStack, body: bytes, feed: str = "diverted") -> httpx.Response:
    async with client(system, "intake") as intake:
        return await intake.post("/v1/calls", params={"feed": feed}, content=body, headers=HEADERS)


async def judged(system: LocalStack, call: str) -> dict[str, Any]:
    """Wait for triage, and return where the call stands."""
    status: dict[str, Any] = {}

    async def known() -> bool:
        async with client(system, "routing") as routing:
            told = await routing.get(f"/v1/calls/{call}/status")
        if told.is_success:
            status.update(told.json())
        return bool(status.get("judged"))

    await eventually(known, "the call to be judged", within=30, every=0.1)
    return status


async def exported(system: LocalStack, call: str, query: str = "") -> dict[str, JsonValue]:
    async with client(system, "routing") as routing:
        answer = await routing.get(f"/v1/calls/{call}/eido{query}")
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["content-type"] == MEDIA_TYPE
    return answer.json()


@eido_data.needed
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [eido_data.SAMPLE, eido_data.CRISIS])
async def test_a_known_document_comes_back_as_it_was_posted(system: LocalStack, name: str) -> None:
    answer = await post(system, eido_data.text(name))
    assert answer.status_code == httpx.codes.ACCEPTED
    call = answer.json()["call_id"]
    status = await judged(system, call)
    assert status["agency"] == "lapd"
    original = eido_data.document(name)
    assert await exported(system, call) == original
    for query in ("?strict", "?strict=true"):
        strict = await exported(system, call, query)
        assert eido_data.wrong(strict) == []
        assert strict["$id"] == original["$id"]
        assert strict["locationComponent"] == original["locationComponent"]


@eido_data.needed
async def test_the_negative_document_is_refused_and_the_member_is_named(system: LocalStack) -> None:
    answer = await post(system, eido_data.text(eido_data.NEGATIVE))
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/lastUpdateTimeStamp"]


async def test_what_divert_does_not_know_comes_back_and_a_person_looks(system: LocalStack) -> None:
    odd: JsonValue = {"a": [1, 1.5, None, True, {"é": "\u0000 \u2028"}], "": ""}
    incident = component("i", incidentTypeCommonRegistryText="MNTL", **{"x-odd": odd})
    told = document(**{"x-vendor": odd}, incidentComponent=incident)
    answer = await post(system, json.dumps(told).encode())
    assert {one["pointer"] for one in answer.json()["warnings"]} >= {"/x-vendor", "/incidentComponent/x-odd"}
    call = answer.json()["call_id"]
    assert (await judged(system, call))["stage"] in {"in_review", "concluded"}
    assert await exported(system, call) == told
    assert await exported(system, call, "?strict=no") == told
    strict = await exported(system, call, "?strict")
    assert "x-vendor" not in strict
    if eido_data.FOLDER.is_dir():
        assert eido_data.wrong(strict) == []


async def test_what_somebody_wrote_is_on_the_desks_page_and_nothing_of_it_runs(system: LocalStack) -> None:
    note = (
        "<p>has a knife</p><script>alert(1)</script><img src=x onerror=alert(2)>"
        "&lt;script&gt;alert(3)&lt;/script&gt;<p onclick=alert(4)>and a dog</p>"
    )
    answer = await post(
        system, json.dumps(document(notesComponent=[component("n", notesActionComments=note)])).encode()
    )
    call = answer.json()["call_id"]
    await judged(system, call)
    async with client(system, "routing") as routing:
        page = await routing.get(f"/desk/calls/{call}", headers=Bearers(system).headers("routing"))
    assert page.status_code == httpx.codes.OK
    seen = " ".join(re.sub("<[^>]*>", " ", page.text).split())
    assert re.search("has a .*knife.* and a dog", seen)
    for attack in ("<script>alert", "onerror", "onclick=alert", "<img src=x", "alert(1)", "alert(2)", "alert(4)"):
        assert attack not in page.text


async def test_danger_in_an_eido_is_never_offered(system: LocalStack) -> None:
    incident = component("i", incidentTypeCommonRegistryText="SHOOT", incidentTypeInternalCode="918")
    answer = await post(system, json.dumps(document(incidentComponent=incident)).encode())
    call = answer.json()["call_id"]

    async def excluded() -> bool:
        status = await judged(system, call)
        return (status["outcome"], status["reason"]) == ("ineligible", "hard_exclusion")

    await eventually(excluded, "the call to be ruled out", within=30, every=0.1)


async def test_an_observed_incident_that_is_closed_is_over(system: LocalStack) -> None:
    told = document(incidentComponent=component("i", incidentTypeCommonRegistryText="MNTL"))
    first = (await post(system, json.dumps(told).encode(), "observed")).json()
    await judged(system, first["call_id"])
    told["lastUpdateTimeStamp"] = "2026-11-23T03:10:00Z"
    told["incidentComponent"] = component(
        "i", incidentTypeCommonRegistryText="MNTL", incidentStatusCommonRegistryText=["Closed"]
    )
    async with client(system, "intake") as intake:
        url = f"/v1/calls/{first['call_id']}"
        answer = await intake.put(url, params={"feed": "observed"}, content=json.dumps(told), headers=HEADERS)
    assert answer.status_code == httpx.codes.ACCEPTED
    assert answer.json()["call_id"] == first["call_id"]

    async def over() -> bool:
        return (await judged(system, first["call_id"]))["stage"] == "concluded"

    await eventually(over, "the call to be concluded", within=30, every=0.1)


ODD: dict[str, dict[str, JsonValue]] = {
    "everything of another type": {
        "incidentComponent": [],
        "callComponent": {},
        "notesComponent": 7,
        "locationComponent": "x",
        "personComponent": None,
        "@context": [],
    },
    "a bomb of entities": {
        "locationComponent": [
            component("l", locationByValue="<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><a>&d;</a>")
        ]
    },
    "a file by entity": {
        "locationComponent": [
            component("l", locationByValue="<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>")
        ]
    },
    "deep elements": {"notesComponent": [component("n", notesActionComments="<div>" * 20_000)]},
    "deep XML": {"locationComponent": [component("l", locationByValue="<a>" * 20_000 + "</a>" * 20_000)]},
    "a script": {"notesComponent": [component("n", notesActionComments="<script>alert(1)</script><b onclick=x>y")]},
    "a lone surrogate": {"notesComponent": [component("n", notesActionComments="\ud800")], "\ud801": 1},
    "a huge number": {"incidentComponent": component("i", incidentCommonPriorityNumber=10**400)},
    "a thousand odd things": {"notesComponent": [*range(5_000)]},
}


@pytest.mark.parametrize("what", ODD)
async def test_what_is_odd_is_accepted_with_warnings_and_comes_back(system: LocalStack, what: str) -> None:
    told = document(**ODD[what])
    answer = await post(system, json.dumps(told).encode())
    assert answer.status_code == httpx.codes.ACCEPTED
    assert answer.json()["warnings"]
    call = answer.json()["call_id"]
    await judged(system, call)
    back = await exported(system, call)
    # No text of UTF-8 can hold them; intake has said so.
    assert back == json.loads(re.sub(r"\\ud80[01]", r"\\ufffd", json.dumps(told)))
    if eido_data.FOLDER.is_dir():
        assert eido_data.wrong(await exported(system, call, "?strict")) == []


async def test_a_call_that_nobody_posted_is_not_found(system: LocalStack) -> None:
    async with client(system, "routing") as routing:
        answer = await routing.get(f"/v1/calls/{uuid.uuid4()}/eido")
        described = (await routing.get("/openapi.json")).json()
    assert answer.status_code == httpx.codes.NOT_FOUND
    operation = described["paths"]["/v1/calls/{call_id}/eido"]["get"]
    assert list(operation["responses"]["200"]["content"]) == [MEDIA_TYPE]
