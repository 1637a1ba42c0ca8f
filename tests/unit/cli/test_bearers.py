"""As whom commands ask a stack, and that no token of its own goes elsewhere."""

from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from divert_chassis.issuer import LocalIssuer
from divert_chassis.tokens import Keys, Principal, Verifier
from divert_cli import bearers
from divert_cli.bearers import Bearers, bearers_to
from divert_contracts.access import Role

URLS = {
    name: f"http://127.0.0.1:{number}"
    for number, name in enumerate(("intake", "routing", "provider-gateway-alcott", "agency-gateway-lapd"), 20_000)
}


@dataclass(frozen=True)
class Stack:
    data: Path
    urls: dict[str, str] = field(default_factory=lambda: URLS)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    LocalIssuer(tmp_path).make()
    return Stack(tmp_path)


def shown(auth: httpx.Auth, url: str) -> str | None:
    """Return the token with which something is asked for."""
    request = next(auth.auth_flow(httpx.Request("GET", url)))
    told = request.headers.get("authorization")
    return None if told is None else told.removeprefix("Bearer ")


async def whose(stack: Stack, auth: httpx.Auth, service: str) -> Principal:
    issuer = LocalIssuer(stack.data)
    verifier = Verifier(Keys(issuer.issuer, str(issuer.jwks)), issuer=issuer.issuer, audience=issuer.audience)
    return await verifier.principal(shown(auth, f"{stack.urls[service]}/v1/calls") or "")


async def test_each_service_is_asked_as_somebody_who_may(stack: Stack) -> None:
    auth = Bearers(stack, agency="nola")
    found = [await whose(stack, auth, service) for service in URLS]
    assert [(one.role, one.provider, one.agency) for one in found] == [
        (Role.CAD, None, "nola"),
        (Role.DESK, None, None),
        (Role.PROVIDER_DESK, "alcott", None),
        (Role.CAD, None, "lapd"),
    ]


async def test_a_command_may_ask_as_somebody_else(stack: Stack) -> None:
    who = await whose(stack, Bearers(stack, roles={"routing": Role.ADMIN}, subject="records-04"), "routing")
    assert (who.role, who.subject) == (Role.ADMIN, "records-04")


def test_a_token_of_the_stack_goes_nowhere_else(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIVERT_TOKEN", raising=False)
    monkeypatch.setattr(bearers, "running", lambda: stack)
    assert shown(Bearers(stack), "https://cad.example/v1/calls") is None
    assert shown(bearers_to("https://cad.example"), "https://cad.example/v1/calls") is None
    assert shown(bearers_to(URLS["intake"]), f"{URLS['intake']}/v1/calls") is not None


def test_a_token_that_somebody_gave_goes_where_they_said(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIVERT_TOKEN", "given")
    monkeypatch.setattr(bearers, "running", lambda: None)
    assert shown(bearers_to("https://cad.example"), "https://cad.example/v1/calls") == "given"
    assert shown(Bearers(stack), f"{URLS['routing']}/v1/calls") == "given"
