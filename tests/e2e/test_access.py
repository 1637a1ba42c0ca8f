"""Who may do what, on the whole system: every documented verb, every role, own and others' providers and agencies."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from browser.city import City
from divert_chassis.audit import schemas
from divert_chassis.issuer import LocalIssuer
from divert_cli.audit import walked
from divert_cli.prepare import register_agency
from divert_cli.stack import LocalStack
from divert_contracts.access import Role
from waiting import eventually
from who_may import MAY_DO, MAY_OPEN

PROVIDERS = ("exodus", "alcott")
GATEWAY, AGENCY_GATEWAY = "provider-gateway-", "agency-gateway-"
SERVICES = (
    *("intake", "triage", "routing", "reporting", f"{AGENCY_GATEWAY}lapd"),
    *(GATEWAY + provider for provider in PROVIDERS),
)
NOT_LET_IN = frozenset({"not-signed-in", "not-allowed", "other-provider", "other-agency"})
BRIEFLY = {"seconds": 0.1}
"""For how long a stream of events lasts."""
AT_ONCE = 16
SAFETY = ("emergency", "backup", "on-scene", "safety-check", "backup-arrived", "confirm-recall", "safety-event")


@dataclass(frozen=True, slots=True)
class Verb:
    """A documented verb of a service."""

    service: str
    method: str
    path: str
    scope: str

    @property
    def kind(self) -> str:
        """The service, whichever instance."""
        kinds = {GATEWAY: "gateway", AGENCY_GATEWAY: "agency-gateway"}
        return next((kind for prefix, kind in kinds.items() if self.service.startswith(prefix)), self.service)

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token."""

    role: Role
    provider: str | None = None
    agency: str | None = None


PEOPLE = (
    Person(Role.CAD, agency="lapd"),
    Person(Role.CAD, agency="another"),
    *(Person(role, provider=one) for role in (Role.PROVIDER_DESK, Role.PROVIDER_TEAM) for one in PROVIDERS),
    *(Person(role) for role in (Role.DESK, Role.OPERATIONS, Role.ANALYST, Role.ADMIN)),
    # A claim that a role does not need opens nothing.
    *(Person(role, provider="exodus", agency="lapd") for role in Role),
)


@pytest.fixture
def issuer(system: LocalStack) -> LocalIssuer:
    return LocalIssuer(system.data)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        yield client


@pytest_asyncio.fixture
async def city(system: LocalStack) -> AsyncIterator[City]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        here = City(system, client)
        yield here
        await here.accept_everything()


async def verbs(system: LocalStack, http: httpx.AsyncClient) -> list[Verb]:
    """Return every verb that the services document, with the scope that the document gives it."""
    found: list[Verb] = []
    for service in SERVICES:
        document = (await http.get(f"{system.urls[service]}/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                ((scope,),) = [one["bearer"] for one in operation["security"]]
                found.append(Verb(service, method.upper(), path, scope))
    return found


async def asked(
    system: LocalStack, http: httpx.AsyncClient, verb: Verb, token: str | None, body: bytes = b"{"
) -> httpx.Response:
    """Ask for nothing in particular: what has a body has one that nobody can read."""
    path = re.sub(r"\{\w+\}", str(uuid.uuid4()), verb.path)
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    content = None if verb.method in {"GET", "DELETE"} else body
    url = system.urls[verb.service] + path
    params = BRIEFLY if verb.scope == "cases.stream" else None
    return await http.request(verb.method, url, content=content, headers=headers, params=params)


def may(person: Person, verb: Verb, roles: frozenset[Role]) -> bool:
    """Say whether somebody may do a verb that is for some roles, by rules that stand here alone."""
    if verb.kind == "gateway" and person.provider != verb.service.removeprefix(GATEWAY):
        return False
    if verb.kind == "agency-gateway" and person.agency != verb.service.removeprefix(AGENCY_GATEWAY):
        return False
    return person.role in roles


@pytest.mark.timeout(300)
async def test_everybody_may_do_what_is_meant_for_them_and_nothing_else(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    """Every verb times every role, of the own and another provider and agency, held against a table made by hand."""
    turns = asyncio.Semaphore(AT_ONCE)
    tokens = {one: issuer.token(one.role, provider=one.provider, agency=one.agency) for one in PEOPLE}
    known = await verbs(system, http)
    assert {(one.kind, one.method, one.path): one.scope for one in known} == {
        verb: scope for verb, (scope, _) in MAY_DO.items()
    }
    wrong: list[str] = []

    async def tried(person: Person, verb: Verb, *, meant: bool) -> None:
        async with turns:
            answer = await asked(system, http, verb, tokens[person])
        code = answer.json().get("code") if answer.headers["content-type"] == "application/problem+json" else None
        refused = answer.status_code == 403 and code in NOT_LET_IN
        if refused is meant or (code in NOT_LET_IN and not refused):
            wrong.append(f"{person} {verb}: {answer.status_code} {code}")

    tries = [
        tried(person, verb, meant=meant)
        for person, verb in itertools.product(PEOPLE, known)
        # What would remove something is left to the tests of what may not.
        if not (meant := may(person, verb, MAY_DO[verb.kind, verb.method, verb.path][1])) or verb.method != "DELETE"
    ]
    await asyncio.gather(*tries)
    assert wrong == []
    assert len(tries) > 1200


@pytest.mark.timeout(300)
async def test_a_page_and_what_is_written_on_it_are_for_those_it_is_meant_for(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    """Every page and form times everybody, signed in as browsers are; streams of events included."""
    turns = asyncio.Semaphore(AT_ONCE)
    tokens = {one: issuer.token(one.role, provider=one.provider, agency=one.agency) for one in PEOPLE}
    wrong: list[str] = []

    async def opened(person: Person, page: Verb, *, meant: bool) -> None:
        url = system.urls[page.service]
        kept = {"cookie": f"divert-session-{page.service}={tokens[person]}", "origin": url}
        path = page.path.replace("{id}", str(uuid.uuid4()))
        async with turns, http.stream(page.method, url + path, headers=kept) as answer:
            problem = answer.headers.get("content-type") == "application/problem+json"
            code = json.loads(await answer.aread()).get("code") if problem else None
        refused = answer.status_code == 403 and code in NOT_LET_IN
        first = answer.headers.get("location", "").startswith("/sign-in")
        if refused is meant or first or (code in NOT_LET_IN and not refused):
            wrong.append(f"{person} {page}: {answer.status_code} {code}")

    pages = [
        (Verb(service, method, path, scope), roles)
        for (kind, method, path), (scope, roles) in MAY_OPEN.items()
        for service in ([GATEWAY + one for one in PROVIDERS] if kind == "gateway" else [kind])
    ]
    await asyncio.gather(
        *(opened(person, page, meant=may(person, page, roles)) for person in PEOPLE for page, roles in pages)
    )
    assert wrong == []


def _encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def forged(issuer: LocalIssuer, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield tokens that prove nothing, for the role that may do most at a gateway, each under its name."""
    claims: dict[str, Any] = {
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": "forger",
        "exp": int(time.time()) + 600,
        "roles": ["provider-desk"],
        "provider": "exodus",
        "agency": "lapd",
    }
    public: dict[str, Any] = json.loads(issuer.jwks.read_text())["keys"][0]
    yield "none at all", None
    yield "nonsense", "nonsense"
    yield "long expired", issuer.signed({**claims, "exp": int(time.time()) - 13 * 3600})
    yield "wrong audience", issuer.signed({**claims, "aud": "another"})
    yield "wrong issuer", issuer.signed({**claims, "iss": "urn:another"})
    yield "alg=none", f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."
    pem = jwt.PyJWK.from_dict(public).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': public['kid']})}.{_encoded(claims)}"
    mark = base64.urlsafe_b64encode(hmac.digest(pem, head.encode(), hashlib.sha256)).rstrip(b"=").decode()
    yield "HS256 with the public key", f"{head}.{mark}"
    other = LocalIssuer(folder)
    other.make()
    pair = folder / "issuer.json"
    pair.write_text(json.dumps({**json.loads(pair.read_text()), "kid": public["kid"]}))
    yield "another key", other.signed(claims)


@pytest.mark.timeout(300)
async def test_a_token_that_proves_nothing_gets_nothing_anywhere(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer, tmp_path: Path
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)
    wrong: list[str] = []

    async def tried(name: str, token: str | None, verb: Verb) -> None:
        async with turns:
            answer = await asked(system, http, verb, token)
        problem = answer.headers["content-type"] == "application/problem+json"
        if answer.status_code != 401 or not problem or answer.json()["code"] != "not-signed-in":
            wrong.append(f"{name} {verb}: {answer.status_code}")

    tokens = list(forged(issuer, tmp_path))
    await asyncio.gather(*(tried(*one, verb) for verb in await verbs(system, http) for one in tokens))
    assert wrong == []


async def test_pages_ask_everybody_to_sign_in_first(system: LocalStack, http: httpx.AsyncClient) -> None:
    pages = {
        "routing": ("/", "/desk", "/desk/queue", "/desk/all", "/desk/new", "/desk/hand-over", "/desk/blind"),
        "reporting": (
            *("/", "/today", "/board/live", "/board/alarms"),
            *(f"/calls/{uuid.uuid4()}", f"/board/calls/{uuid.uuid4()}"),
        ),
        "provider-gateway-exodus": (
            *("/", "/who", "/shift", "/live", "/follow-ups", "/safety", "/expiries"),
            f"/cases/{uuid.uuid4()}",
        ),
    }
    for service, paths in pages.items():
        for path in paths:
            answer = await http.get(system.urls[service] + path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), path
    url = system.urls["provider-gateway-exodus"]
    tapped = await http.post(f"{url}/cases/{uuid.uuid4()}/emergency", headers={"origin": url})
    assert (tapped.status_code, tapped.json()["code"]) == (401, "not-signed-in")


async def test_a_session_is_of_one_provider_and_its_cookie_is_for_nobody_elses_page(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    url = system.urls["provider-gateway-exodus"]
    own, others = (issuer.token(Role.PROVIDER_TEAM, provider=one) for one in PROVIDERS)
    from_here = {"origin": url}
    refused = await http.post(f"{url}/sign-in", data={"token": others}, headers=from_here)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    elsewhere = await http.post(f"{url}/sign-in", data={"token": own}, headers={"origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    taken = await http.post(f"{url}/sign-in", data={"token": own, "to": "//evil.example"}, headers=from_here)
    assert (taken.status_code, taken.headers["location"]) == (303, "/")
    cookie = taken.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await http.get(f"{url}/who")).status_code == 200  # the client keeps cookies
    assert (await http.post(f"{url}/who", data={"use": "desk"})).status_code == 403
    assert (await http.post(f"{url}/who", data={"use": "desk"}, headers=from_here)).status_code == 303
    assert (await http.get(f"{url}/v1/cases")).status_code == 401, "a cookie is for pages alone"


async def test_the_board_knows_who_looks_and_whoever_only_accounts_for_calls_sees_to_no_alarm(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    url = system.urls["reporting"]

    def session(role: Role) -> dict[str, str]:
        return {"cookie": f"divert-session-reporting={issuer.token(role, subject='wall-3')}", "origin": url}

    page = await http.get(f"{url}/", headers=session(Role.OPERATIONS))
    assert 'value="wall-3" readonly' in page.text
    async with http.stream("GET", f"{url}/board/live", headers=session(Role.OPERATIONS)) as news:
        assert news.headers["content-type"].startswith("text/event-stream")
        assert "parts" in await anext(news.aiter_lines())
    said = "alarm=none&by=somebody-else&note=looking"
    for role, status, code in ((Role.OPERATIONS, 409, "alarm-over"), (Role.ANALYST, 403, "not-allowed")):
        answer = await http.post(f"{url}/board/alarms", content=said, headers=session(role))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    elsewhere = {**session(Role.OPERATIONS), "origin": "http://elsewhere.example"}
    answer = await http.post(f"{url}/board/alarms", content=said, headers=elsewhere)
    assert (answer.status_code, answer.json()["code"]) == (403, "other-origin")


async def test_one_providers_cases_and_one_agencys_calls_are_nobody_elses(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer, city: City
) -> None:
    await register_agency(system.kafka, "another", "Another agency")
    call = await city.call()
    status = await city.stage(call, "offered")
    provider, case = str(status["provider"]), str(status["case_id"])
    assert provider == "alcott"

    def bearing(role: Role, *, provider: str | None = None, agency: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {issuer.token(role, provider=provider, agency=agency)}"}

    routing, intake = system.urls["routing"], system.urls["intake"]
    own, other = bearing(Role.CAD, agency="lapd"), bearing(Role.CAD, agency="another")
    for path in ("status", "eido"):
        assert (await http.get(f"{routing}/v1/calls/{call}/{path}", headers=own)).status_code == 200
        assert (await http.get(f"{routing}/v1/calls/{call}/{path}", headers=other)).status_code == 404
    assert (await http.get(f"{routing}/v1/calls", headers=other)).json() == {"calls": []}
    assert (await http.get(f"{routing}/v1/calls?agency=lapd", headers=other)).status_code == 403
    mine = {"agency": "lapd", "incident_number": uuid.uuid4().hex, "call_type": "918"}
    refused = await http.post(f"{intake}/v1/calls", json=mine, headers=other)
    assert (refused.status_code, refused.json()["code"]) == (403, "other-agency")
    batch = await http.post(f"{intake}/v1/calls:batch", content=json.dumps(mine), headers=other)
    assert batch.json()["results"][0]["code"] == "other-agency"

    url = system.urls[GATEWAY + provider]

    async def there() -> bool:
        own_case = await http.get(f"{url}/v1/cases/{case}", headers=bearing(Role.PROVIDER_TEAM, provider=provider))
        return own_case.status_code == 200

    await eventually(there, "the gateway to have the case", within=60)
    exodus = bearing(Role.PROVIDER_DESK, provider="exodus")
    assert (await http.get(f"{url}/v1/cases/{case}", headers=exodus)).status_code == 403
    for path in (f"/v1/cases/{case}", f"/v1/webhooks/deliveries/{case}"):
        assert (await http.get(system.urls[f"{GATEWAY}exodus"] + path, headers=exodus)).status_code == 404
    listed = (await http.get(f"{system.urls[f'{GATEWAY}exodus']}/v1/cases", headers=exodus)).json()
    assert case not in {one["case_id"] for one in listed["cases"]}
    for path in ("events?seconds=2", "follow-ups", "follow-ups?made=true", "safety-events", "expiries"):
        assert (await http.get(f"{url}/v1/{path}", headers=exodus)).status_code == 403
        told = await http.get(f"{system.urls[f'{GATEWAY}exodus']}/v1/{path}", headers=exodus)
        assert (told.status_code, case in told.text) == (200, False)
    team = bearing(Role.PROVIDER_TEAM, provider=provider)
    assert case in (await http.get(f"{url}/v1/events?seconds=2", headers=team)).text
    said = await http.post(f"{system.urls[f'{GATEWAY}exodus']}/v1/cases/{case}/emergency", json={}, headers=exodus)
    assert said.status_code == 404

    deliveries = f"{system.urls[f'{AGENCY_GATEWAY}lapd']}/v1/webhooks/deliveries/{call}"
    assert (await http.get(deliveries, headers=own)).status_code == 200
    assert (await http.get(deliveries, headers=other)).json()["code"] == "other-agency"

    # Another agency says that the call is cancelled; intake cannot know whose it is, routing does.
    await http.post(f"{intake}/v1/calls/{call}/cancel", json={"reason": "caller"}, headers=other)
    later = await city.call()
    await city.stage(later, "offered")
    assert (await city.stage(call, "offered", "acknowledged"))["outcome"] is None


@pytest.mark.timeout(300)
async def test_help_is_called_from_an_old_epoch_for_a_closed_case_and_after_a_tokens_time(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer, city: City
) -> None:
    """And only for the own provider's cases, with a token that is validly signed, for twelve hours."""
    closed = await city.on_scene()
    await city.says(closed, "contacted", contact="in_person")
    await city.says(closed, "close", contact="in_person", disposition="resolved_on_scene")
    live = await city.on_scene()
    declined = await city.call()
    before = await city.stage(declined, "offered")
    await city.says(declined, "decline", reason="at_capacity")
    cases: Mapping[str, str] = {
        "of a closed case": str((await city.stage(closed, "concluded"))["case_id"]),
        "of a live case": str((await city.stage(live, "on_scene"))["case_id"]),
        "of an old epoch": str(before["case_id"]),
    }

    def late(hours: float, provider: str = "alcott") -> dict[str, str]:
        token = issuer.token(Role.PROVIDER_TEAM, provider=provider, hours=-hours)
        return {"authorization": f"Bearer {token}"}

    url = system.urls[f"{GATEWAY}alcott"]
    for name, case in cases.items():
        for verb in ("emergency", "backup"):
            at = f"{url}/v1/cases/{case}/{verb}"
            taken = await http.post(at, json={"epoch": 77}, headers=late(11.9))
            assert taken.status_code == 200, f"{verb} {name}: {taken.text}"
            assert (await http.post(at, json={}, headers=late(12.1))).status_code == 401
            assert (await http.post(at, json={}, headers=late(1, "exodus"))).status_code == 403
            assert (await http.post(at, json={}, headers={"authorization": "Bearer x"})).status_code == 401
    for verb in SAFETY:
        said = await http.post(f"{url}/v1/cases/{cases['of a live case']}/{verb}", json={}, headers=late(6))
        assert said.status_code not in {401, 403, 429}, verb
    for path in (f"/v1/cases/{cases['of a live case']}", "/v1/cases"):
        assert (await http.get(url + path, headers=late(1))).status_code == 401
    assert (
        await http.post(f"{url}/v1/cases/{cases['of a live case']}/close", json={}, headers=late(1))
    ).status_code == 401


async def test_who_did_what_is_in_the_audit_and_every_chain_is_whole(
    system: LocalStack, http: httpx.AsyncClient, issuer: LocalIssuer, city: City
) -> None:
    call = await city.call()
    status = await city.stage(call, "offered")
    case = str(status["case_id"])
    await city.says(call, "acknowledge")
    team = issuer.token(Role.PROVIDER_TEAM, provider="alcott", subject="west-9")
    url = f"{system.urls[f'{GATEWAY}alcott']}/v1/cases/{case}"
    bearing = {"authorization": f"Bearer {team}"}
    assert (await http.get(url, headers=bearing)).status_code == 200
    assert (await http.post(f"{url}/acknowledge", json={"epoch": 9, "arrive_in_seconds": 60}, headers=bearing)).is_error
    # What a page or a list shows is named too, where its address names nothing.
    portal, device = system.urls[f"{GATEWAY}alcott"], {"cookie": "divert-device=desk"}
    looked = {
        f"/?case={case}": "home-1",
        f"/live?case={case}": "live-1",
        "/v1/cases": "list-1",
        "/v1/events?seconds=0.1": "stream-1",
    }
    for path, subject in looked.items():
        token = issuer.token(Role.PROVIDER_DESK, provider="alcott", subject=subject)
        answer = await http.get(portal + path, headers={"authorization": f"Bearer {token}", **device})
        assert answer.status_code == 200, path
        assert case in answer.text, path
    lists = {
        ("routing", "/v1/calls?limit=2000", "calls-1", Role.OPERATIONS),
        ("routing", "/desk/all", "all-1", Role.DESK),
        ("reporting", "/", "board-1", Role.OPERATIONS),
        ("reporting", f"/calls/{call}", "story-1", Role.OPERATIONS),
        ("reporting", "/v1/outcomes?limit=1000&in_flight=true", "rows-1", Role.ANALYST),
    }
    for service, path, subject, role in lists:
        asking = {"authorization": f"Bearer {issuer.token(role, subject=subject)}"}

        async def shown(service: str = service, path: str = path, asking: dict[str, str] = asking) -> bool:
            answer = await http.get(system.urls[service] + path, headers=asking)
            return answer.is_success and call in path + answer.text

        await eventually(shown, f"{path} to show the call", every=0.2)
    watching = {"authorization": f"Bearer {issuer.token(Role.OPERATIONS, subject='wall-1')}"}
    async with http.stream("GET", f"{system.urls['reporting']}/board/live", headers=watching) as stream:
        async for line in stream.aiter_lines():
            if call in line:
                break
    desk = {"authorization": f"Bearer {issuer.token(Role.DESK, subject='desk-7')}"}
    assert (await http.get(f"{system.urls['routing']}/desk?call={call}", headers=desk)).status_code == 200
    wanted = {
        ("lapd-cad", "calls.post", None, "done"),
        ("alcott-provider-desk", "cases.acknowledge", case, "done"),
        ("west-9", "cases.read", case, "read"),
        ("west-9", "cases.acknowledge", case, "acknowledged"),
        ("home-1", "portal.use", case, "read"),
        ("live-1", "portal.use", case, "read"),
        ("list-1", "cases.list", case, "read"),
        ("stream-1", "cases.stream", case, "read"),
        ("desk-7", "desk.use", call, "read"),
        ("calls-1", "calls.list", call, "read"),
        ("all-1", "desk.use", call, "read"),
        ("board-1", "reporting.use", call, "read"),
        ("story-1", "reporting.use", call, "read"),
        ("rows-1", "outcomes.list", call, "read"),
        ("wall-1", "reporting.use", call, "read"),
    }
    connection = await asyncpg.connect(system.postgres)
    try:

        async def there() -> bool:
            found: set[tuple[str, str, str | None, str]] = set()
            for schema in ("intake", "routing", "provider_gateway_alcott", "reporting"):
                await connection.execute("SELECT set_config('search_path', $1, false)", schema)
                rows = await connection.fetch("SELECT subject, scope, target, result FROM audit")
                found |= {
                    (row["subject"], row["scope"], target, row["result"])
                    for row in rows
                    for target in (row["target"] or "").split() or [None]
                }
            assert wanted <= found, wanted - found
            return True

        await eventually(there, "everything to be in the audit", within=60, every=0.2)
        assert {*await schemas(connection)} >= {"intake", "triage", "routing", "reporting", "provider_gateway_alcott"}
    finally:
        await connection.close()
    for chain in await walked(system.postgres):
        assert chain.broken is None, chain
