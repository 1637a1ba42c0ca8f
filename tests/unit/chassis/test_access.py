"""Nobody is let in who may not be, and a route that does not say what it needs cannot be made."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, FastAPI
from pydantic import JsonValue

from divert_chassis.access import (
    SESSION,
    Acting,
    Gate,
    SignInFirst,
    about,
    acts,
    guarded,
    in_grace,
    open_to_all,
    principal,
    requires,
    seconds_left,
)
from divert_chassis.health import Health
from divert_chassis.http import application
from divert_chassis.issuer import LocalIssuer
from divert_chassis.tokens import LEEWAY, LOOKED_UP_EVERY, SAFETY_GRACE, InvalidToken, Keys, Verifier
from divert_contracts.access import MAY, Role, Scope
from divert_contracts.step import Unavailable

Claims = dict[str, JsonValue]


@pytest.fixture
def issuer(tmp_path: Path) -> LocalIssuer:
    issuer = LocalIssuer(tmp_path)
    issuer.make()
    return issuer


def verifier(issuer: LocalIssuer) -> Verifier:
    return Verifier(Keys(issuer.issuer, str(issuer.jwks)), issuer=issuer.issuer, audience=issuer.audience)


def claims(issuer: LocalIssuer, **changed: JsonValue) -> Claims:
    told: Claims = {
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": "alcott-desk",
        "exp": int(time.time()) + 600,
        "roles": ["provider-desk"],
        "provider": "alcott",
        **changed,
    }
    return {name: value for name, value in told.items() if value is not None}


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def unsigned(issuer: LocalIssuer) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'at+jwt'})}.{encoded(claims(issuer))}."


def by_public_key(issuer: LocalIssuer) -> str:
    public: dict[str, Any] = json.loads(issuer.jwks.read_text())["keys"][0]
    pem = jwt.PyJWK.from_dict(public).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded({'alg': 'HS256', 'typ': 'at+jwt', 'kid': public['kid']})}.{encoded(claims(issuer))}"
    mark = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{signed}.{mark}"


def by_other_key(issuer: LocalIssuer) -> str:
    folder = issuer.jwks.parent / "other"
    folder.mkdir()
    other = LocalIssuer(folder)
    other.make()
    pair = json.loads((folder / "issuer.json").read_text())
    pair["kid"] = json.loads(issuer.jwks.read_text())["keys"][0]["kid"]
    (folder / "issuer.json").write_text(json.dumps(pair))
    return other.signed(claims(issuer))


async def test_a_token_says_who_asks(issuer: LocalIssuer) -> None:
    who = await verifier(issuer).principal(issuer.token(Role.PROVIDER_TEAM, provider="alcott", subject="alcott|7"))
    assert (who.role, who.provider, who.person, who.expired) == (Role.PROVIDER_TEAM, "alcott", "alcott-7", False)
    assert who.scopes == MAY[Role.PROVIDER_TEAM]


WRONG: dict[str, Callable[[LocalIssuer], str]] = {
    "alg=none": unsigned,
    "HS256 with the public key": by_public_key,
    "another key": by_other_key,
    "another audience": lambda issuer: issuer.signed(claims(issuer, aud="another")),
    "another issuer": lambda issuer: issuer.signed(claims(issuer, iss="urn:another")),
    "long over": lambda issuer: issuer.signed(claims(issuer, exp=int(time.time() - SAFETY_GRACE - LEEWAY - 5))),
    "not yet": lambda issuer: issuer.signed(claims(issuer, nbf=int(time.time() + LEEWAY + 60))),
    "without end": lambda issuer: issuer.signed(claims(issuer, exp=None)),
    "of nobody": lambda issuer: issuer.signed(claims(issuer, sub=None)),
    "without a role": lambda issuer: issuer.signed(claims(issuer, roles=[])),
    "of two roles": lambda issuer: issuer.signed(claims(issuer, roles=["admin", "cad"], agency="lapd")),
    "of no provider": lambda issuer: issuer.signed(claims(issuer, provider=None)),
    "of no agency": lambda issuer: issuer.signed(claims(issuer, roles=["cad"])),
    "nonsense": lambda _: "nonsense",
    "too long": lambda _: "a." * 10_000,
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG.keys())
async def test_a_token_that_proves_nothing_is_refused(issuer: LocalIssuer, make: Callable[[LocalIssuer], str]) -> None:
    with pytest.raises(InvalidToken):
        await verifier(issuer).principal(make(issuer))


async def test_scopes_of_a_token_narrow_its_role_and_never_widen_it(issuer: LocalIssuer) -> None:
    token = issuer.token(Role.CAD, agency="lapd", scope=f"{Scope.POST_CALL} {Scope.RAISE_EMERGENCY}")
    assert (await verifier(issuer).principal(token)).scopes == {Scope.POST_CALL}


async def test_a_token_that_was_good_is_looked_at_again_each_time(issuer: LocalIssuer) -> None:
    now = [time.time()]
    known = Verifier(
        Keys(issuer.issuer, str(issuer.jwks)), issuer=issuer.issuer, audience=issuer.audience, now=lambda: now[0]
    )
    token = issuer.token(Role.DESK, hours=1)
    assert not (await known.principal(token)).expired
    now[0] += 3600 + LEEWAY + 1
    assert (await known.principal(token)).expired
    now[0] += SAFETY_GRACE
    with pytest.raises(InvalidToken):
        await known.principal(token)


async def test_a_new_key_is_looked_up_when_a_token_names_it_but_not_for_each_such_token(issuer: LocalIssuer) -> None:
    now = [0.0]
    known = Verifier(
        Keys(issuer.issuer, str(issuer.jwks), monotonic=lambda: now[0]), issuer=issuer.issuer, audience=issuer.audience
    )
    before = issuer.token(Role.DESK)
    await known.principal(before)
    (issuer.jwks.parent / "issuer.json").unlink()
    issuer.make()
    after = issuer.token(Role.DESK)
    with pytest.raises(InvalidToken):
        await known.principal(after)
    now[0] += LOOKED_UP_EVERY + 1
    assert (await known.principal(after)).role is Role.DESK
    # Its key is no longer among those of the issuer: for a while it is good for a call for help, and for nothing else.
    assert (await known.principal(before)).expired
    now[0] += SAFETY_GRACE + 1
    with pytest.raises(InvalidToken):
        await known.principal(before)


async def test_without_any_key_nobody_is_refused_for_good(tmp_path: Path) -> None:
    known = Verifier(Keys("urn:x", str(tmp_path / "missing.json")), issuer="urn:x", audience="divert")
    folder = tmp_path / "keys"
    folder.mkdir()
    issuer = LocalIssuer(folder)
    issuer.make()
    with pytest.raises(Unavailable):
        await known.principal(issuer.token(Role.DESK))


def test_every_verb_is_somebodys() -> None:
    assert frozenset[Scope]().union(*MAY.values()) == frozenset(Scope)


def test_a_route_that_does_not_say_what_it_needs_cannot_be_made() -> None:
    async def anything() -> str:
        return ""

    with pytest.raises(LookupError, match="anything does not say"):
        guarded().add_api_route("/anything", anything)
    plain = APIRouter()
    plain.add_api_route("/anything", open_to_all(anything))
    within = guarded()
    within.include_router(plain, prefix="/v1")
    with pytest.raises(LookupError, match="does not stand behind the gate"):
        application(title="Loose", version="1", router=within, health=Health())


def orders(gate: Gate | None) -> FastAPI:
    router = guarded()

    @router.post("/v1/cases/{case_id}/{verb}")
    @requires(Scope.RAISE_EMERGENCY, safety=lambda path: path["verb"] == "emergency")
    async def say(case_id: str, verb: str, body: Claims) -> str:
        who = principal()
        return "nobody" if who is None else who.person

    @router.get("/page", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def page() -> str:
        return "page"

    @router.post("/page", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def tapped() -> str:
        return "tapped"

    @router.post("/v1/webhooks")
    @requires(Scope.REGISTER_WEBHOOK)
    async def register() -> str:
        return "registered"

    @router.get("/live", include_in_schema=False)
    @requires(Scope.USE_PORTAL, grace=True)
    async def live(*, desk: bool = False) -> str:
        if desk and in_grace():
            raise SignInFirst(over=True)
        return "what must be heard" if in_grace() else "everything"

    return application(title="Orders", version="1", router=router, health=Health(), gate=gate)


def client(gate: Gate | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://orders", transport=httpx.ASGITransport(orders(gate)))


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_without_an_issuer_everybody_is_let_in_and_is_nobody() -> None:
    async with client(None) as http:
        assert (await http.post("/v1/cases/1/emergency", json={})).json() == "nobody"


async def test_who_may_not_is_told_so_before_anything_is_read(issuer: LocalIssuer) -> None:
    async with client(Gate(verifier(issuer), provider="alcott")) as http:
        for token, status, code in (
            ("", 401, "not-signed-in"),
            (unsigned(issuer), 401, "not-signed-in"),
            (issuer.token(Role.PROVIDER_DESK, provider="exodus"), 403, "other-provider"),
            (issuer.token(Role.ADMIN), 403, "other-provider"),
            (issuer.token(Role.PROVIDER_DESK, provider="alcott", scope="cases.read"), 403, "not-allowed"),
        ):
            answer = await http.post(
                "/v1/cases/1/emergency", content=b"{unreadable", headers=bearing(token) if token else {}
            )
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
        good = await http.post(
            "/v1/cases/1/close", json={}, headers=bearing(issuer.token(Role.PROVIDER_TEAM, provider="alcott"))
        )
        assert good.json() == "alcott-provider-team"


async def test_an_agencys_instance_is_for_its_own_cad_alone(issuer: LocalIssuer) -> None:
    async with client(Gate(verifier(issuer), agency="lapd")) as http:
        for token, code in (
            (issuer.token(Role.CAD, agency="another"), "other-agency"),
            (issuer.token(Role.DESK), "other-agency"),
            (issuer.token(Role.PROVIDER_DESK, provider="alcott"), "other-agency"),
            (issuer.token(Role.CAD, agency="lapd"), "not-allowed"),
        ):
            answer = await http.post("/v1/cases/1/close", json={}, headers=bearing(token))
            assert (answer.status_code, answer.json()["code"]) == (403, code)


@pytest.mark.parametrize(
    ("role", "of_provider", "of_agency"),
    [
        (Role.CAD, "other-provider", "registered"),
        (Role.DESK, "other-provider", "other-agency"),
        (Role.PROVIDER_DESK, "registered", "other-agency"),
        (Role.PROVIDER_TEAM, "not-allowed", "other-agency"),
        (Role.OPERATIONS, "other-provider", "other-agency"),
        (Role.ANALYST, "other-provider", "other-agency"),
        (Role.ADMIN, "other-provider", "other-agency"),
    ],
)
async def test_a_claim_that_a_role_does_not_need_opens_nothing(
    issuer: LocalIssuer, role: Role, of_provider: str, of_agency: str
) -> None:
    token = issuer.token(role, provider="alcott", agency="lapd")
    gates = (Gate(verifier(issuer), provider="alcott"), Gate(verifier(issuer), agency="lapd"))
    for gate, code in zip(gates, (of_provider, of_agency), strict=True):
        async with client(gate) as http:
            answer = (await http.post("/v1/webhooks", headers=bearing(token))).json()
        assert (answer if isinstance(answer, str) else answer["code"]) == code


async def test_what_a_page_shows_is_named_where_its_path_names_nothing(issuer: LocalIssuer) -> None:
    about("nobody asks")
    who = await verifier(issuer).principal(issuer.token(Role.PROVIDER_TEAM, provider="alcott"))
    acting = Acting(who, Scope.USE_PORTAL, None, "token")
    with acts(acting):
        about("9c5b" * 20)
    assert acting.target == "9c5b" * 16


async def test_what_streams_knows_for_how_long_the_token_counts(issuer: LocalIssuer) -> None:
    assert seconds_left() == inf
    who = await verifier(issuer).principal(issuer.token(Role.ANALYST, hours=1))
    with acts(Acting(who, Scope.USE_REPORTING, None, "token")):
        assert 3500 < seconds_left() <= 3600


async def test_help_is_called_with_a_token_whose_time_is_over_and_nothing_else_is(issuer: LocalIssuer) -> None:
    over = bearing(issuer.token(Role.PROVIDER_TEAM, provider="alcott", hours=-11.9))
    long_over = bearing(issuer.token(Role.PROVIDER_TEAM, provider="alcott", hours=-12.1))
    others = bearing(issuer.token(Role.PROVIDER_TEAM, provider="exodus", hours=-1))
    async with client(Gate(verifier(issuer), provider="alcott")) as http:
        assert (await http.post("/v1/cases/1/emergency", json={}, headers=over)).status_code == 200
        assert (await http.post("/v1/cases/1/close", json={}, headers=over)).status_code == 401
        assert (await http.post("/v1/cases/1/emergency", json={}, headers=long_over)).status_code == 401
        assert (await http.post("/v1/cases/1/emergency", json={}, headers=others)).status_code == 403


async def test_a_browsers_cookie_is_for_pages_and_only_for_what_they_send_themselves(issuer: LocalIssuer) -> None:
    gate = Gate(verifier(issuer), service="orders", provider="alcott")
    token = issuer.token(Role.PROVIDER_TEAM, provider="alcott")
    kept = {"cookie": f"{gate.cookie}={token}"}
    async with client(gate) as http:
        assert (await http.get("/page", headers=kept)).json() == "page"
        assert (await http.post("/v1/cases/1/close", json={}, headers=kept)).status_code == 401
        assert (await http.post("/page", headers=kept)).json()["code"] == "other-origin"
        for sent, status in (
            ({"origin": "http://orders"}, 200),
            ({"origin": "http://evil"}, 403),
            ({"sec-fetch-site": "same-origin"}, 200),
            ({"sec-fetch-site": "cross-site", "origin": "http://orders"}, 403),
        ):
            assert (await http.post("/page", headers={**kept, **sent})).status_code == status
        first = await http.get("/page?a=b")
        assert (first.status_code, first.headers["location"]) == (303, "/sign-in?to=/page%3Fa%3Db")
        part = await http.get("/page", headers={"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (204, "/sign-in")
        within = {"hx-request": "true", "hx-current-url": "http://orders/page?a=b"}
        assert (await http.get("/page", headers=within)).headers["hx-redirect"] == "/sign-in?to=/page%3Fa%3Db"


async def test_an_open_page_learns_that_its_session_is_over_and_hears_what_it_must_for_a_while(
    issuer: LocalIssuer,
) -> None:
    gate = Gate(verifier(issuer), service="orders", provider="alcott")

    def asking(hours: float) -> dict[str, str]:
        token = issuer.token(Role.PROVIDER_TEAM, provider="alcott", hours=hours)
        return {"cookie": f"{gate.cookie}={token}", "hx-request": "true"}

    async with client(gate) as http:
        good = await http.get("/live", headers=asking(1))
        assert (good.json(), SESSION in good.headers) == ("everything", False)
        late = await http.get("/live", headers=asking(-11.9))
        assert (late.json(), late.headers[SESSION]) == ("what must be heard", "grace")
        for path, hours in (("/live?desk=true", -1), ("/page", -1), ("/live", -12.1)):
            over = await http.get(path, headers=asking(hours))
            assert (over.status_code, over.headers[SESSION], over.content) == (204, "over", b""), path
            assert "hx-redirect" not in over.headers
        for hours in (-1, -12.1):
            typed = await http.post("/page", headers={**asking(hours), "origin": "http://orders"})
            assert (typed.status_code, typed.headers[SESSION]) == (401, "over")
            assert "hx-redirect" not in typed.headers, "what was typed would go with the page"
        reloaded = await http.get("/live?desk=true", headers={"cookie": asking(-1)["cookie"]})
        assert (reloaded.status_code, reloaded.headers["location"]) == (303, "/sign-in?to=/live%3Fdesk%3Dtrue")
        long_over = await http.get("/live", headers={"cookie": asking(-12.1)["cookie"]})
        assert long_over.status_code == 303


def test_the_document_names_the_scope_of_every_verb() -> None:
    document = orders(None).openapi()
    assert document["paths"]["/v1/cases/{case_id}/{verb}"]["post"]["security"] == [{"bearer": ["cases.emergency"]}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
