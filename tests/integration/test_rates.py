"""Rates on a real Valkey: a client that asks for too much waits, and nobody waits for Valkey."""

import uuid

import httpx
import pytest
import redis.asyncio
from fastapi import FastAPI

from divert_chassis.access import Gate, guarded, requires
from divert_chassis.health import Health
from divert_chassis.http import application
from divert_chassis.issuer import LocalIssuer
from divert_chassis.rates import WINDOW, Rates
from divert_chassis.tokens import Keys, Verifier
from divert_contracts.access import Role, Scope
from stack import Addresses

MOST = 3
NOON = 1_790_000_040.0
"""The beginning of a minute, in seconds of the epoch."""


@pytest.fixture
def issuer(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    issuer = LocalIssuer(tmp_path_factory.mktemp("issuer"))
    issuer.make()
    return issuer


def app(issuer: LocalIssuer, valkey: str, now: list[float]) -> FastAPI:
    router = guarded()

    @router.post("/v1/calls")
    @requires(Scope.POST_CALL)
    async def post() -> str:
        return "taken"

    @router.post("/v1/cases/{case_id}/emergency")
    @requires(Scope.RAISE_EMERGENCY, safety=True)
    async def emergency(case_id: str) -> str:
        return case_id

    @router.get("/v1/cases")
    @requires(Scope.LIST_CASES)
    async def cases() -> str:
        return "none"

    verifier = Verifier(Keys(issuer.issuer, str(issuer.jwks)), issuer=issuer.issuer, audience=issuer.audience)
    client = redis.asyncio.Redis.from_url(valkey, socket_timeout=2, socket_connect_timeout=2)
    rates = Rates(client, service=uuid.uuid4().hex, most=MOST, now=lambda: now[0])
    gate = Gate(verifier, service="orders", rates=rates)
    return application(title="Orders", version="1", router=router, health=Health(), gate=gate)


async def answers(http: httpx.AsyncClient, method: str, path: str, token: str, times: int = MOST + 2) -> list[int]:
    headers = {"authorization": f"Bearer {token}"}
    return [(await http.request(method, path, headers=headers)).status_code for _ in range(times)]


async def test_who_asks_for_too_much_waits_but_never_for_help_and_never_cad(
    stack: Addresses, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("divert_chassis.rates.WITHIN", 5.0)  # a busy machine is not an outage
    now = [NOON]
    transport = httpx.ASGITransport(app(issuer, stack.valkey, now))
    async with httpx.AsyncClient(base_url="http://orders", transport=transport) as http:
        team = issuer.token(Role.PROVIDER_TEAM, provider="alcott", subject="west-1")
        assert await answers(http, "GET", "/v1/cases", team) == [200] * MOST + [429, 429]
        refused = await http.get("/v1/cases", headers={"authorization": f"Bearer {team}"})
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= WINDOW
        assert await answers(http, "POST", "/v1/cases/1/emergency", team) == [200] * (MOST + 2)
        other = issuer.token(Role.PROVIDER_TEAM, provider="alcott", subject="west-2")
        assert await answers(http, "GET", "/v1/cases", other, 1) == [200]
        cad = issuer.token(Role.CAD, agency="lapd")
        assert await answers(http, "POST", "/v1/calls", cad) == [200] * (MOST + 2)
        assert await answers(http, "GET", "/v1/cases", "forged") == [401] * MOST + [429, 429]
        now[0] += WINDOW
        assert await answers(http, "GET", "/v1/cases", team, 1) == [200]


async def test_without_valkey_nobody_is_limited(issuer: LocalIssuer) -> None:
    transport = httpx.ASGITransport(app(issuer, "redis://127.0.0.1:9/0", [NOON]))
    async with httpx.AsyncClient(base_url="http://orders", transport=transport) as http:
        team = issuer.token(Role.PROVIDER_TEAM, provider="alcott")
        assert await answers(http, "GET", "/v1/cases", team) == [200] * (MOST + 2)
