"""What every page of the desk works with."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from divert_chassis import words as common
from divert_chassis.access import Guarded, OtherOrigin, about, guarded
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem
from divert_chassis.run import Runtime
from divert_contracts.step import Command, Refusal, Unavailable
from divert_routing.adapters import Desk, Intake, OpenCalls, Reporting, Triage, client
from divert_routing.domain.call import Call
from divert_routing.domain.directory import Directory
from divert_routing.domain.given import Given
from divert_routing.pages.person import NobodyHere, NotUnderstood
from divert_routing.pages.views import Views
from divert_routing.settings import Settings

HERE = Path(__file__).parent
SAME_SITE = {"referrer-policy": "same-origin"}
"""With no referrer at all a browser would not say where a form comes from, and it could not be told from another's."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DeskPages:
    """The running service as its pages see it."""

    def __init__(self, runtime: Runtime[Given], settings: Settings) -> None:
        """Bring together what pages show and whom they ask."""
        self.runtime = runtime
        self.pages = Pages(HERE, runtime.clock)
        self.triage = Triage(client(settings.triage_url))
        self.intake = Intake(client(settings.intake_url))
        self.reporting = Reporting(client(settings.reporting_url))
        self.calls = OpenCalls(runtime)
        zone = settings.zone

        def clock(time: datetime | None) -> str:
            return common.clock(time, zone)

        self.pages.env.filters |= {"plain": common.plain, "clock": clock}
        self.pages.knows(zone=zone)

    @property
    def now(self) -> datetime:
        """The domain time."""
        return self.runtime.clock.now()

    @property
    def directory(self) -> Directory:
        """The directory in force now."""
        return self.runtime.given.directories.at(self.now).value

    @property
    def desk(self) -> Desk:
        """The desk's tables."""
        return Desk(self.runtime.pool)

    def router(self) -> APIRouter:
        """Return a router whose errors are pages, or parts of one, that say what to do next."""
        pages = self

        class Route(Guarded):
            def get_route_handler(self) -> Handler:
                return pages.guarded(super().get_route_handler())

        return guarded(include_in_schema=False, route_class=Route)

    def views(self, person: str) -> Views:
        """Return what shows calls to a person now."""
        return Views(self.directory, self.now, person)

    async def call(self, call_id: UUID) -> Call | None:
        """Return a call that has a picture; the audit names it."""
        about(call_id)
        call = await self.runtime.get(Call, str(call_id))
        return None if call is None or call.revision is None else call

    async def order(self, command: Command) -> Refusal | None:
        """Do a command; return why not.

        Raises:
            Unavailable: it may or may not have been done.
        """
        reply = await self.runtime.send(command)
        self.calls.stale()
        return reply.refusal

    def shown(
        self, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> HTMLResponse:
        """Return a page or a part of one."""
        return self.pages.shown(name, status, {**SAME_SITE, **(headers or {})}, **values)

    def said(self, text: str) -> HTMLResponse:
        """Say that an order was done; the page closes what asked for it and looks again."""
        return self.shown("notice.html", text=text, wrong=False)

    def not_done(self, text: str, status: int = 409) -> HTMLResponse:
        """Say why an order was not done; what asked for it stays open."""
        return self.shown("notice.html", status, text=text, wrong=True)

    def guarded(self, handler: Handler) -> Handler:
        """Answer what goes wrong so that people know what to do."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except NobodyHere:
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return moved(request, f"/desk/person?to={quote(here if is_page(request) else '/desk')}")
            except (NotUnderstood, RequestValidationError) as why:
                if is_part(request) and request.method == "GET":
                    # What is shown stays, and is not replaced by an error.
                    raise Problem(422, "invalid", "Invalid request") from why
                return self._wrong(request, 422, "not_understood.html", "The desk did not understand this.")
            except OtherOrigin:
                return self._wrong(request, 403, "forbidden.html", "This was not sent from the desk's own page.")
            except Unavailable:
                if is_part(request) and request.method == "GET":
                    raise
                unknown = "No answer in time. Look at the call before you do it again: it may have been done."
                return self._wrong(request, 503, "unavailable.html", unknown)

        return guarded

    def _wrong(self, request: Request, status: int, page: str, text: str) -> Response:
        if is_part(request):
            return self.not_done(text, status)
        return self.shown(page, status)


def is_part(request: Request) -> bool:
    """Say whether a part of a page is wanted."""
    return request.headers.get("hx-request") == "true"


def is_page(request: Request) -> bool:
    """Say whether a whole page is wanted, that one can come back to."""
    return request.method == "GET" and not is_part(request)


def moved(request: Request, path: str) -> Response:
    """Send a browser to another page."""
    if is_part(request):
        return Response(headers={"hx-redirect": path})
    return RedirectResponse(path, 303)
