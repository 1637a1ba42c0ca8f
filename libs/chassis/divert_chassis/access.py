"""Who may call a route: each declares the one scope that it needs, or that it is open, or it cannot be made.

Routers come from ``guarded()``; ``@requires(Scope.LIST_CASES)`` stands below the route's own decorator.
"""

import re
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from math import inf
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from divert_chassis.audit import Audit
from divert_chassis.oidc import CodeFlow
from divert_chassis.problems import Problem
from divert_chassis.rates import Rates
from divert_chassis.tokens import InvalidToken, Principal, Verifier
from divert_contracts.access import PRIVATE, PROVIDERS, Role, Scope

E = TypeVar("E", bound=Callable[..., Any])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
IsSafety = Callable[[Mapping[str, str]], bool]
"""Says by the values of its path whether a request is a safety report."""

SIGN_IN = "/sign-in"
SESSION = "x-session"
"""A header by which an open page learns that its token's time is over: ``over`` when it is told nothing any more,
``grace`` while it still hears what a team must."""
READS = frozenset({"GET", "HEAD"})
_FAILED = 400
_DECLARED = "__divert_needs__"
_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]+) *")
_PLAIN = frozenset({"/openapi.json"})
"""Routes of the framework's own that show nothing of anybody."""


class OtherOrigin(Problem):
    """What another site's page sends, in the name of whoever looks at it."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(403, "other-origin", "Forbidden", "This was not sent by a page of this service.")


@dataclass(frozen=True, slots=True)
class Need:
    """What a route asks of whoever calls it."""

    scope: Scope | None
    """None: nothing; it is open to everybody."""
    safety: IsSafety
    grace: bool = False
    """Whether it goes on for as long after a token's time as calls for help are taken."""


@dataclass(slots=True)
class Acting:
    """Who does what in the request in hand."""

    principal: Principal
    scope: Scope
    target: str | None
    """The id of the call or case that it is about."""
    token: str = field(repr=False)
    """What they showed."""
    recorded: bool = False
    """Whether what they do stands in the audit already."""
    audit: Audit | None = field(default=None, repr=False)
    """Keeps what they do and see; without it nothing is kept."""
    listed: bool = False
    """Whether the audit has been told which calls or cases they are shown."""


_ACTING: ContextVar[Acting | None] = ContextVar("divert_acting", default=None)


def requires(scope: Scope, *, safety: bool | IsSafety = False, grace: bool = False) -> Callable[[E], E]:
    """Declare what a route needs; stands right below the route's own decorator.

    Args:
        scope: what its caller must be allowed to do.
        safety: whether it is a report that is never refused: then a token that has expired will do for a while, and no
            limit counts it.
        grace: whether it shows what a team must hear: then too a token that has expired will do for a while. Its
            handler asks ``in_grace`` and shows no more than that.
    """

    def always(_: Mapping[str, str]) -> bool:
        return safety is True

    return _declaring(Need(scope, safety if callable(safety) else always, grace=grace))


def open_to_all(endpoint: E) -> E:
    """Declare that a route is open to everybody: it shows nothing of any call."""
    return _declaring(Need(None, lambda _: False))(endpoint)


def _declaring(need: Need) -> Callable[[E], E]:
    def declare(endpoint: E) -> E:
        setattr(endpoint, _DECLARED, need)
        return endpoint

    return declare


def declared(endpoint: object) -> Need:
    """Return what a route's function declares.

    Raises:
        LookupError: nothing.
    """
    match getattr(endpoint, _DECLARED, None):
        case Need() as need:
            return need
        case _:
            raise LookupError(f"{getattr(endpoint, '__qualname__', endpoint)} does not say what scope it needs")


class Guarded(APIRoute):
    """A route that lets nobody in who may not; before anything of the request is read."""

    def get_route_handler(self) -> Handler:
        """Return the handler, behind the gate."""
        need = declared(self.endpoint)
        handle = super().get_route_handler()
        page = not self.include_in_schema
        if need.scope is None:
            return handle

        async def guarded(request: Request) -> Response:
            gate: Gate = request.app.state.gate
            try:
                acting = await gate.admit(request, need, page=page)
                with acts(acting):
                    response = await gate.recording(acting, request, handle)
            except SignInFirst as where:
                return where.response(request)
            if acting is not None and acting.principal.expired:
                response.headers[SESSION] = "grace"
            return response

        return guarded


def guarded(
    *,
    prefix: str = "",
    tags: list[str | Enum] | None = None,
    include_in_schema: bool = True,
    route_class: type[Guarded] = Guarded,
) -> APIRouter:
    """Return a router whose routes must declare what they need."""
    return APIRouter(prefix=prefix, tags=tags, include_in_schema=include_in_schema, route_class=route_class)


def check(routes: list[BaseRoute]) -> None:
    """See that no route stands outside the gate.

    Raises:
        LookupError: one does, or does not say what it needs.
    """
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Guarded):
            declared(route.endpoint)
        elif not (isinstance(route, Mount) or (type(route) is Route and route.path in _PLAIN)):
            raise LookupError(f"the route {context.path} does not stand behind the gate")


@contextmanager
def acts(acting: Acting | None) -> Generator[None]:
    """Let everything inside know who acts."""
    before = _ACTING.set(acting)
    try:
        yield
    finally:
        _ACTING.reset(before)


def acting() -> Acting | None:
    """Return who does what in the request in hand; null where nobody has to say who they are."""
    return _ACTING.get()


def about(target: object) -> None:
    """Name the one call or case that the request in hand shows, for the audit, where its path does not."""
    now = _ACTING.get()
    if now is not None:
        now.target = _id(target)


def shows(targets: Iterable[object]) -> None:
    """Name the calls or cases that the request in hand shows among others, for the audit."""
    showing()(targets)


def showing() -> Callable[[Iterable[object]], None]:
    """Return how a stream names what it shows: it goes on when its request was handled, and nobody acts any more."""
    now = _ACTING.get()

    def named(targets: Iterable[object]) -> None:
        found = dict.fromkeys(map(_id, targets))
        if now is not None and now.audit is not None and found:
            now.listed = True
            now.audit.listed(now, found)

    return named


def principal() -> Principal | None:
    """Return who asks; null where nobody has to say who they are."""
    now = _ACTING.get()
    return None if now is None else now.principal


def seconds_left() -> float:
    """Return for how many real seconds more the token of whoever asks counts; without end where there are none."""
    who = principal()
    return inf if who is None else who.until - time.time()


def in_grace() -> bool:
    """Say whether the time of the token of whoever asks is over: no more is shown than what a team must hear."""
    who = principal()
    return who is not None and who.expired


def on_behalf() -> dict[str, str]:
    """Return the headers with which another service of ours is asked for whoever asks here."""
    now = _ACTING.get()
    return {} if now is None else {"authorization": f"Bearer {now.token}"}


def said_by(told: str | None) -> str:
    """Return who does something: the token's subject, and only where there are no tokens what the request tells.

    Raises:
        Problem: nobody says it.
    """
    who = principal()
    if who is not None:
        return who.person
    if told is None:
        raise Problem(422, "invalid", "Invalid request", errors=[{"pointer": "#/by", "detail": "Say who orders it."}])
    return told


def own_agency(told: str | None) -> str | None:
    """Return whose calls are meant: of whoever belongs to an agency, its own alone.

    Raises:
        Problem: another agency's are asked for.
    """
    who = principal()
    if who is None or who.agency is None:
        return told
    if told not in {None, who.agency}:
        raise other_agency()
    return who.agency


def sees(agency: str) -> bool:
    """Say whether an agency's calls are shown to whoever asks."""
    who = principal()
    return who is None or who.agency is None or who.agency == agency


def other_agency() -> Problem:
    """Return the problem of somebody who names another agency than their own."""
    return Problem(403, "other-agency", "Forbidden", "The token is of another agency.")


class Gate:
    """Lets in whoever may."""

    def __init__(
        self,
        verifier: Verifier | None = None,
        *,
        service: str = "",
        provider: str | None = None,
        agency: str | None = None,
        audit: Audit | None = None,
        rates: Rates | None = None,
        flow: CodeFlow | None = None,
        public_url: str | None = None,
    ) -> None:
        """Guard a service.

        Args:
            verifier: who says whose a token is; without one everybody is let in, and is nobody.
            service: its consumer group; its browser sessions are kept under that name.
            provider: the provider whose instance this is: then only its own people are let in.
            agency: the agency whose instance this is: likewise.
            audit: keeps what is done; without one nothing is kept.
            rates: counts what clients ask for; without one nobody is limited.
            flow: how people sign in at the issuer's own page; without it with a token that they bring.
            public_url: where browsers find the service, if not where it is asked.
        """
        self.flow = flow
        self.public_url = public_url
        self._audit = audit
        self._rates = rates
        self._verifier = verifier
        self._provider = provider
        self._agency = agency
        self.cookie = f"divert-session-{service}"
        """The name of the cookie that holds a browser's token. Hosts that differ in their port share their cookies."""

    @property
    def secured(self) -> bool:
        """Whether anybody has to say who they are."""
        return self._verifier is not None

    async def admit(self, request: Request, need: Need, *, page: bool) -> Acting | None:
        """Return who acts.

        Args:
            request: of whoever asks.
            need: what the route asks for.
            page: whether it is for people in browsers, whose session is a cookie.

        Raises:
            Problem: they may not, or do not prove who they are.
            Unavailable: the issuer's keys could not be had yet.
        """
        if self._verifier is None or need.scope is None:
            return None
        safety = need.safety(request.path_params)
        told = self._token(request, page=page)
        who = await self.recognised(request, told, page=page, safety=safety, grace=need.grace)
        acting = Acting(who, need.scope, _target(request.path_params), told or "", audit=self._audit)
        try:
            self._may(who, need.scope)
        except Problem as problem:
            if self._audit is not None:
                self._audit.note(acting, problem.code)
            raise
        if self._rates is not None and not safety:
            await self._rates.take(who.subject, who.role)
        return acting

    async def recording(self, acting: Acting | None, request: Request, handle: Handler) -> Response:
        """Handle a request, and see that what was done stands in the audit."""
        audit = self._audit
        if acting is None or audit is None:
            return await handle(request)
        reads = request.method in READS
        try:
            response = await handle(request)
        except Problem as problem:
            if not reads and not acting.recorded:
                audit.note(acting, problem.code)
            raise
        to_note = acting.scope in PRIVATE and not (acting.listed and acting.target is None)
        if reads and to_note and response.status_code < _FAILED:
            audit.read(acting)
        elif not reads and not acting.recorded:
            audit.note(acting, "done" if response.status_code < _FAILED else str(response.status_code))
        return response

    async def recognised(
        self, request: Request, token: str | None, *, page: bool = False, safety: bool = False, grace: bool = False
    ) -> Principal:
        """Return whose a token is.

        Raises:
            Problem: nobody's who counts here.
            Unavailable: the issuer's keys could not be had yet.
        """
        if self._verifier is None:
            raise AssertionError("without an issuer nobody is recognised")
        if token is None:
            raise self._unknown(request, None, page=page)
        try:
            who = await self._verifier.principal(token)
        except InvalidToken as why:
            if self._rates is not None and not safety:
                await self._rates.take("" if request.client is None else request.client.host, None)
            raise self._unknown(request, str(why), page=page) from None
        if who.expired and not (safety or grace):
            raise self._unknown(request, "expired", page=page)
        return who

    def belongs(self, who: Principal) -> bool:
        """Say whether this instance is for somebody's organisation at all.

        The role says whose people somebody is: a claim that it does not need opens nothing.
        """
        if self._provider is not None:
            return who.role in PROVIDERS and who.provider == self._provider
        if self._agency is not None:
            return who.role is Role.CAD and who.agency == self._agency
        return True

    def _may(self, who: Principal, scope: Scope) -> None:
        if not self.belongs(who):
            if self._agency is not None:
                raise other_agency()
            raise Problem(403, "other-provider", "Forbidden", "The token is of another provider.")
        if scope not in who.scopes:
            raise Problem(
                403,
                "not-allowed",
                "Forbidden",
                "This is not for the role of the token.",
                headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                scope=scope.value,
            )

    def _token(self, request: Request, *, page: bool) -> str | None:
        told = request.headers.get("authorization")
        if told is not None:
            found = _BEARER.fullmatch(told)
            return "" if found is None else found[1]
        kept = request.cookies.get(self.cookie) if page else None
        if kept is not None and request.method not in READS and not from_own_page(request):
            # A cookie goes along with whatever any page sends.
            raise OtherOrigin
        return kept

    def _unknown(self, request: Request, why: str | None, *, page: bool) -> Exception:
        if page and request.method in READS:
            return SignInFirst(over=why == "expired")
        error = "" if why is None else f', error="invalid_token", error_description="{why}"'
        headers = {"www-authenticate": f'Bearer realm="divert"{error}'}
        if page and request.headers.get("hx-request") == "true":
            # The page stays, with what was typed: it is sent again when somebody has signed in.
            headers[SESSION] = "over"
        detail = "Say who you are with a bearer token." if why is None else "The token proves nothing."
        more = {} if why is None else {"reason": why}
        return Problem(HTTPStatus.UNAUTHORIZED, "not-signed-in", "Unauthorized", detail, headers=headers, **more)


class SignInFirst(Exception):
    """Whoever looks at a page is to sign in, and comes back to it."""

    def __init__(self, *, over: bool) -> None:
        """Say whether they had signed in, and their time is over."""
        super().__init__()
        self._over = over

    def response(self, request: Request) -> Response:
        """Return where to go."""
        if request.headers.get("hx-request") == "true":
            # A page that is open stays as it is, with its buttons to call for help: those work a while longer. It is
            # told, so that it says that it hears nothing.
            shown = urlsplit(request.headers.get("hx-current-url", ""))
            elsewhere = {"hx-redirect": _sign_in(shown.path, shown.query)}
            return Response(status_code=204, headers={SESSION: "over"} if self._over else elsewhere)
        return RedirectResponse(_sign_in(request.url.path, request.url.query), 303)


def _sign_in(path: str, query: str) -> str:
    """Return where people sign in who then come back to a page."""
    back = path + (f"?{query}" if query else "")
    return SIGN_IN if back in {"", "/"} else f"{SIGN_IN}?to={quote(back)}"


def own_page(request: Request) -> None:
    """Let only forms of this service's own pages through, as browsers tell it; a dependency of their routes.

    Raises:
        OtherOrigin: it is another site's form, or no browser's.
    """
    if not from_own_page(request):
        raise OtherOrigin


OwnPage = Depends(own_page)


def from_own_page(request: Request) -> bool:
    """Say whether a browser tells that a page of this very service sends the request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")


def _target(values: Mapping[str, str]) -> str | None:
    found = values.get("case_id", values.get("call_id"))
    return None if found is None else _id(found)


def _id(target: object) -> str:
    return str(target)[:64]
