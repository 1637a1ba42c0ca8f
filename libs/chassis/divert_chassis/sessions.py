"""How people sign in with a browser: a token, in a cookie that no script reads and no other site's page sends along.

The token is brought along, or comes from the issuer's own page.
"""

import re
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from divert_chassis.access import SIGN_IN, Gate, open_to_all, own_page
from divert_chassis.oidc import SignInRefused
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem

AT_ISSUER, BACK = f"{SIGN_IN}/at-issuer", f"{SIGN_IN}/back"
"""Where a sign-in at the issuer's page begins, and where it comes back to."""
LONGEST_BEGUN = 2_000
BEGUN_SECONDS = 600
"""How long somebody may take at the issuer's page."""
KEPT_SECONDS = 48 * 3600
"""Longer than a day's token and the grace of safety reports; whether the token in it counts is asked each time."""
SAME_ORIGIN = {"referrer-policy": "same-origin"}
"""With no referrer at all browsers would not say where a form comes from."""
_HERE = re.compile(r"/(?![/\\])[!-~]{0,300}")


@dataclass(frozen=True, slots=True)
class _Page:
    """The page on which people sign in."""

    pages: Pages
    ring: str | None

    def shown(
        self, gate: Gate, to: str, *, status: int = 200, wrong: str = "", who: str = "", goes_on: bool = False
    ) -> Response:
        """Return it; ``to`` is where its reader wants to go."""
        told = {"to": _local(to), "wrong": wrong, "who": who, "goes_on": goes_on, "ring": self.ring}
        return self.pages.shown("sign_in.html", status, SAME_ORIGIN, at_issuer=gate.flow is not None, **told)


def add_sign_in(router: APIRouter, pages: Pages, *, ring: str | None = None) -> None:
    """Add the page on which people sign in and out.

    Args:
        router: of the service.
        pages: what renders it.
        ring: the telephone number for whoever is in danger and has to sign in first; null where nobody is out there.
    """
    page = _Page(pages, ring)
    _add_tokens(router, page)
    _add_issuer(router, page)


def _add_tokens(router: APIRouter, page: _Page) -> None:
    """Sign in with a token that is brought along."""

    @router.get(SIGN_IN, include_in_schema=False)
    @open_to_all
    async def read_sign_in(request: Request, to: str = "/") -> Response:
        gate: Gate = request.app.state.gate
        if not gate.secured:
            return RedirectResponse(_local(to), 303)
        try:
            who = await gate.recognised(request, request.cookies.get(gate.cookie))
        except Problem:
            return page.shown(gate, to)
        return page.shown(gate, to, who=who.subject)

    @router.post(SIGN_IN, include_in_schema=False)
    @open_to_all
    async def sign_in(request: Request) -> Response:
        gate: Gate = request.app.state.gate
        told = await _form(request)
        to = told.get("to", "/")
        if not gate.secured:
            return RedirectResponse(_local(to), 303)
        token = "".join(told.get("token", "").split())
        try:
            who = await gate.recognised(request, token)
        except Problem as problem:
            return page.shown(gate, to, status=problem.status, wrong="This token is not good, or its time is over.")
        if not gate.belongs(who):
            return page.shown(gate, to, status=403, wrong="This token is for another provider.")
        response = RedirectResponse(_local(to), 303)
        _keep(response, request, gate, token)
        return response

    @router.post("/sign-out", include_in_schema=False)
    @open_to_all
    async def sign_out(request: Request) -> Response:
        await _form(request)
        response = RedirectResponse(SIGN_IN, 303)
        _keep(response, request, request.app.state.gate, "")
        return response


def _add_issuer(router: APIRouter, page: _Page) -> None:
    """Sign in at the issuer's own page."""

    @router.get(AT_ISSUER, include_in_schema=False)
    @open_to_all
    async def go_to_issuer(request: Request, to: str = "/") -> Response:
        gate: Gate = request.app.state.gate
        if gate.flow is None:
            return RedirectResponse(SIGN_IN, 303)
        begun = await gate.flow.begin(_back(request, gate))
        response = RedirectResponse(begun.url, 303)
        told = urlencode({"state": begun.state, "verifier": begun.verifier, "to": _local(to)})
        # Lax: the browser comes back from another site.
        response.set_cookie(
            _begun(gate),
            told,
            max_age=BEGUN_SECONDS,
            path=SIGN_IN,
            httponly=True,
            samesite="lax",
            secure=_over_tls(request, gate),
        )
        return response

    @router.get(BACK, include_in_schema=False)
    @open_to_all
    async def come_back(request: Request, state: str = "", code: str = "") -> Response:
        gate: Gate = request.app.state.gate
        begun = dict(parse_qsl(request.cookies.get(_begun(gate), "")[:LONGEST_BEGUN]))
        to = begun.get("to", "/")
        if gate.flow is None or not state or not compare_digest(state.encode(), begun.get("state", "").encode()):
            return page.shown(gate, "/", status=400, wrong="This sign-in was not begun here, or too long ago.")
        try:
            token = await gate.flow.finish(_back(request, gate), code, begun.get("verifier", "")) if code else ""
            who = await gate.recognised(request, token)
        except (SignInRefused, Problem):
            return page.shown(gate, to, status=403, wrong="The sign-in was refused.")
        if not gate.belongs(who):
            return page.shown(gate, to, status=403, wrong="This account is of another provider.")
        # From here the page itself goes on: on a way that began at another site, the new cookie would stay at home.
        response = page.shown(gate, to, who=who.subject, goes_on=True)
        _keep(response, request, gate, token)
        response.delete_cookie(_begun(gate), path=SIGN_IN)
        return response


def _begun(gate: Gate) -> str:
    """Return the name of the cookie that a sign-in under way has."""
    return f"begun-{gate.cookie}"


def _keep(response: Response, request: Request, gate: Gate, token: str) -> None:
    response.set_cookie(
        gate.cookie,
        token,
        max_age=KEPT_SECONDS if token else 0,
        path="/",
        httponly=True,
        samesite="strict",
        secure=_over_tls(request, gate),
    )


def _over_tls(request: Request, gate: Gate) -> bool:
    return (gate.public_url or str(request.base_url)).startswith("https:")


def _back(request: Request, gate: Gate) -> str:
    return (gate.public_url or str(request.base_url).rstrip("/")) + BACK


async def _form(request: Request) -> dict[str, str]:
    """Read a form of the page itself.

    Raises:
        Problem: another site's page sent it, or it is none.
    """
    own_page(request)
    try:
        return dict(parse_qsl((await request.body()).decode(), max_num_fields=10))
    except ValueError:
        raise Problem(422, "invalid", "Invalid request") from None


def _local(to: str) -> str:
    """Return a path of this very site."""
    return to if _HERE.fullmatch(to) else "/"
