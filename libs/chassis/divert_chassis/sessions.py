"""How people sign in with a browser: a token, in a cookie that no script reads and no other site's page sends along."""

import re
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from divert_chassis.access import SIGN_IN, Gate, open_to_all, own_page
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem

KEPT_SECONDS = 24 * 3600
"""Longer than a shift and the grace of safety reports; whether the token in it still counts is asked each time."""
SAME_ORIGIN = {"referrer-policy": "same-origin"}
"""With no referrer at all browsers would not say where a form comes from."""
_HERE = re.compile(r"/(?![/\\])[!-~]{0,300}")


def add_sign_in(router: APIRouter, pages: Pages, *, ring: str | None = None) -> None:
    """Add the page on which people sign in and out.

    Args:
        router: of the service.
        pages: what renders it.
        ring: the telephone number for whoever is in danger and has to sign in first; null where nobody is out there.
    """

    def shown(to: str, *, status: int = 200, wrong: str = "", who: str = "") -> Response:
        return pages.shown("sign_in.html", status, SAME_ORIGIN, to=_local(to), wrong=wrong, who=who, ring=ring)

    @router.get(SIGN_IN, include_in_schema=False)
    @open_to_all
    async def read_sign_in(request: Request, to: str = "/") -> Response:
        gate: Gate = request.app.state.gate
        if not gate.secured:
            return RedirectResponse(_local(to), 303)
        try:
            who = await gate.recognised(request, request.cookies.get(gate.cookie))
        except Problem:
            return shown(to)
        return shown(to, who=who.subject)

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
            return shown(to, status=problem.status, wrong="This token is not good, or its time is over.")
        if not gate.belongs(who):
            return shown(to, status=403, wrong="This token is for another provider.")
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


def _keep(response: Response, request: Request, gate: Gate, token: str) -> None:
    response.set_cookie(
        gate.cookie,
        token,
        max_age=KEPT_SECONDS if token else 0,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


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
