"""People sign in at the issuer's own page, and bring nothing back that they were not sent for."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest_asyncio
from aiohttp import web

from divert_chassis.access import Gate, guarded, open_to_all
from divert_chassis.clock import DomainClock
from divert_chassis.health import Health
from divert_chassis.http import application
from divert_chassis.issuer import LocalIssuer
from divert_chassis.oidc import CodeFlow
from divert_chassis.pages import Pages
from divert_chassis.sessions import AT_ISSUER, BACK, add_sign_in
from divert_chassis.tokens import Keys, Verifier
from divert_contracts.access import Role

HERE = "http://alcott.example"


class Provider:
    """An OpenID provider at which one person is signed in already."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.keys = LocalIssuer(folder)
        self.keys.make()
        self.provider = "alcott"
        self._asked: dict[str, dict[str, str]] = {}

    async def configuration(self, _request: web.Request) -> web.Response:
        places = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("authorization", "token")}
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **places})

    async def authorise(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._asked)}"
        self._asked[code] = asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def grant(self, request: web.Request) -> web.Response:
        told = await request.post()
        asked = self._asked.pop(str(told["code"]), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(str(told["code_verifier"]).encode()).digest()).rstrip(b"=")
        if asked is None or proof.decode() != asked["code_challenge"] or told["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        keys = LocalIssuer(self.keys.jwks.parent, issuer=self.url, audience=asked["audience"])
        token = keys.token(Role.PROVIDER_TEAM, provider=self.provider, subject="west-1")
        return web.json_response({"access_token": token, "token_type": "Bearer"})

    async def show_keys(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.keys.jwks.read_text(), content_type="application/json")


@pytest_asyncio.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    provider = Provider(tmp_path)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.configuration)
    app.router.add_get("/authorization", provider.authorise)
    app.router.add_post("/token", provider.grant)
    app.router.add_get("/keys", provider.show_keys)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


def browser(provider: Provider, *, flow: bool = True) -> httpx.AsyncClient:
    """Return a browser that looks at Alcott's portal."""
    router = guarded()
    add_sign_in(router, Pages(Path(__file__).parent, DomainClock()))

    @router.get("/")
    @open_to_all
    async def read() -> str:
        return "home"

    app = application(title="Portal", version="1", router=router, health=Health())
    code_flow = CodeFlow(provider.url, client_id="divert", client_secret=None, scope="openid", audience="divert")
    app.state.gate = Gate(
        Verifier(Keys(provider.url, None), issuer=provider.url, audience="divert"),
        service="portal",
        provider="alcott",
        flow=code_flow if flow else None,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE)


async def at_the_issuer(http: httpx.AsyncClient, to: str = "/cases/7") -> str:
    """Go to the issuer's page and return where it sends the browser."""
    sent = await http.get(AT_ISSUER, params={"to": to})
    assert sent.status_code == 303
    async with httpx.AsyncClient() as elsewhere:
        back = (await elsewhere.get(sent.headers["location"])).headers["location"]
    assert back.startswith(f"{HERE}{BACK}?")
    return str(back)


async def test_whoever_signs_in_at_the_issuers_page_is_signed_in_here(provider: Provider) -> None:
    async with browser(provider) as http:
        assert AT_ISSUER in (await http.get("/sign-in?to=/cases/7")).text
        came = await http.get(await at_the_issuer(http))
        assert came.status_code == 200
        assert 'href="/cases/7" id="goes-on"' in came.text
        assert "west-1" in came.text
        session = next(one for one in came.headers.get_list("set-cookie") if one.startswith("divert-session-portal="))
        assert "HttpOnly" in session
        assert "SameSite=strict" in session
        assert "west-1" in (await http.get("/sign-in")).text


async def test_what_was_not_begun_in_this_browser_is_not_taken(provider: Provider) -> None:
    async with browser(provider) as mine, browser(provider) as theirs:
        back = await at_the_issuer(theirs)
        for taken in (await mine.get(back), await mine.get(BACK), await mine.get(f"{BACK}?code=x&state=")):
            assert taken.status_code == 400
            assert "divert-session-portal" not in taken.headers.get("set-cookie", "")


async def test_a_code_counts_once_and_an_error_of_the_issuer_signs_nobody_in(provider: Provider) -> None:
    async with browser(provider) as http:
        back = await at_the_issuer(http)
        begun = dict(http.cookies)
        assert (await http.get(back)).status_code == 200
        http.cookies.update(begun)
        assert (await http.get(back)).status_code == 403
    async with browser(provider) as http:
        state = parse_qs(urlsplit(await at_the_issuer(http)).query)["state"][0]
        assert (await http.get(BACK, params={"state": state, "error": "access_denied"})).status_code == 403


async def test_people_of_another_provider_are_not_signed_in(provider: Provider) -> None:
    provider.provider = "exodus"
    async with browser(provider) as http:
        refused = await http.get(await at_the_issuer(http))
        assert refused.status_code == 403
        assert "divert-session-portal" not in refused.headers.get("set-cookie", "")


async def test_where_somebody_wanted_to_go_is_a_place_of_this_site(provider: Provider) -> None:
    async with browser(provider) as http:
        came = await http.get(await at_the_issuer(http, "//evil.example"))
        assert 'href="/" id="goes-on"' in came.text


async def test_without_a_client_id_people_bring_their_token(provider: Provider) -> None:
    async with browser(provider, flow=False) as http:
        assert AT_ISSUER not in (await http.get("/sign-in")).text
        assert (await http.get(AT_ISSUER)).headers["location"] == "/sign-in"
        assert (await http.get(f"{BACK}?code=1&state=1")).status_code == 400


async def test_an_issuer_that_does_not_answer_makes_the_service_say_that_it_cannot(provider: Provider) -> None:
    provider.url = "http://127.0.0.1:9"
    async with browser(provider) as http:
        assert (await http.get(AT_ISSUER)).status_code == 503
