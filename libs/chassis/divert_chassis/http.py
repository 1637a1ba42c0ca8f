"""What every API of divert has: problems for errors, limits, health, metrics, its own documentation; and a server."""

import asyncio
import re
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from divert_chassis import access
from divert_chassis.access import Gate, Guarded, declared, guarded, open_to_all
from divert_chassis.health import Health, Report
from divert_chassis.logs import logger
from divert_chassis.metrics import HTTP_REQUESTS, HTTP_SECONDS, REGISTRY
from divert_chassis.problems import MEDIA_TYPE, SCHEMA, Problem, of_status, refused
from divert_chassis.telemetry import SpanKind, span
from divert_contracts.step import Unavailable

__all__ = ["NEVER_REFUSED", "Problem", "Server", "application", "refused", "serve", "strictly"]

log = logger(__name__)

STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
RETRY = {"retry-after": "1"}
"""Seconds after which a request that was not possible may be repeated."""
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ASKING = 0.75
"""The part of the requests in hand that may be questions."""
COMMON = ("/livez", "/readyz", "/metrics")
NEVER_REFUSED = "x-never-refused"
"""Marks an operation of an OpenAPI document that takes any body whatever."""
CLIENT_CLOSED = 499
"""Counted for a request whose sender went away; nobody receives it."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALWAYS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def application(
    *,
    title: str,
    version: str,
    router: APIRouter,
    health: Health,
    gate: Gate | None = None,
    body_limit: int = 1_048_576,
    body_seconds: float = 10.0,
    most_at_once: int = 1_000,
) -> FastAPI:
    """Build the API of a service.

    Every error is ``application/problem+json``. A handler raises ``Problem``, or ``Unavailable`` for a 503 that may be
    repeated. Every response has ``x-request-id``: the sender's, if it is plain and short, else a new one.

    Args:
        title: the name of the API; ``Provider gateway`` counts its requests as ``provider-gateway``.
        version: of the API.
        router: the service's routes.
        health: what ``/livez`` and ``/readyz`` tell.
        gate: lets in whoever may; without one, everybody.
        body_limit: bytes that a request body may have; beyond it 413.
        body_seconds: real seconds within which a body must have come whole; beyond them 408.
        most_at_once: requests in hand, at most three quarters of them questions (GET); beyond them 503, except for
            health and metrics.

    Raises:
        LookupError: a route does not declare what it needs, or does not stand behind the gate.
    """
    app = FastAPI(title=title, version=version, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.gate = Gate() if gate is None else gate
    app.include_router(router)
    app.include_router(_common(health))
    app.mount("/docs/assets", StaticFiles(directory=STATIC), name="docs-assets")
    app.exception_handler(Problem)(_problem)
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(RequestValidationError)(_of_validation)
    app.exception_handler(Unavailable)(_of_unavailable)
    app.add_middleware(
        Edge,
        service=title.lower().replace(" ", "-"),
        body_limit=body_limit,
        body_seconds=body_seconds,
        most_at_once=most_at_once,
    )
    app.openapi = lambda: _openapi(app)
    access.check(app.routes)
    return app


def strictly(model: type[BaseModel]) -> Any:  # noqa: ANN401 (FastAPI's own)
    """Return the dependency of a route whose JSON body must be as the model says to the letter: no number in quotes."""

    async def check(request: Request) -> None:
        try:
            model.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            # Behind a validator of a model's own a time is no longer known to come from JSON, and strictly no time.
            wrong = [one for one in found if not (one["type"] == "datetime_type" and isinstance(one["input"], str))]
            if wrong:
                raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in wrong]) from None

    return Depends(check)


class Edge:
    """The outermost layer of every API, plain ASGI: request id, headers, limits, metrics, and the last resort.

    The body is read whole before the application sees the request, so that neither its size nor its slowness can hold
    a handler, whether its length was told or it comes in chunks.
    """

    def __init__(self, app: ASGIApp, *, service: str, body_limit: int, body_seconds: float, most_at_once: int) -> None:
        """Wrap an application; see ``application`` for the limits."""
        self._app = app
        self._service = service
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._most_at_once = most_at_once
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(scope, send, _request_id(headers))
        began = time.perf_counter()
        with (
            bound_contextvars(request_id=exchange.request_id),
            span(f"HTTP {scope['method']}", SpanKind.SERVER, parent=headers.get("traceparent")),
        ):
            self._in_hand += 1
            try:
                await self._handle(scope, headers, receive, exchange)
            finally:
                self._in_hand -= 1
                route = _route(scope)
                HTTP_REQUESTS.labels(self._service, _method(scope), route, exchange.status or CLIENT_CLOSED).inc()
                HTTP_SECONDS.labels(self._service, route).observe(time.perf_counter() - began)

    async def _handle(self, scope: Scope, headers: Headers, receive: Receive, exchange: "_Exchange") -> None:
        try:
            self._admit(scope)
            body = await self._body(headers, receive)
        except Problem as problem:
            await exchange.answer(problem)
            return
        if body is None:
            return
        try:
            await self._app(scope, _replayed(body, receive), exchange.send)
        except Exception:
            log.exception("request-failed", route=_route(scope), method=_method(scope))
            if exchange.status is not None:
                raise
            await exchange.answer(of_status(HTTPStatus.INTERNAL_SERVER_ERROR))

    def _admit(self, scope: Scope) -> None:
        # What asks may wait for what tells: no number of open streams and long polls keeps out a call for help.
        asks = scope["method"] in {"GET", "HEAD"}
        most = max(1, int(self._most_at_once * ASKING)) if asks else self._most_at_once
        if self._in_hand > most and scope["path"] not in COMMON:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Too many requests at once", headers=RETRY)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the whole body, or null when the sender went away."""
        told = headers.get("content-length")
        if told is None and "transfer-encoding" not in headers:
            return b""
        if told is not None and told.isdecimal() and int(told[:19]) > self._body_limit:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part: bytes = message.get("body", b"")
                    size += len(part)
                    if size > self._body_limit:
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT,
                "slow-body",
                "Request timeout",
                f"The body must have come whole within {self._body_seconds:g} seconds.",
                headers={"connection": "close"},
            ) from None

    def _too_large(self) -> Problem:
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-too-large",
            "Content too large",
            f"A body may have {self._body_limit} bytes.",
            headers={"connection": "close"},
            limit=self._body_limit,
        )


class _Exchange:
    """The response side of one request."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self.request_id = request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
            headers["x-request-id"] = self.request_id
        await self._send(message)

    async def answer(self, problem: Problem) -> None:
        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await problem.response()(self._scope, nothing, self.send)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else str(uuid4())


def _route(scope: Scope) -> str:
    """Return the route's template, so that no id becomes a label."""
    return getattr(scope.get("route"), "path", "unmatched")


def _method(scope: Scope) -> str:
    method = scope["method"]
    return method if method in METHODS else "other"


async def _problem(_: Request, error: Problem) -> Response:
    return error.response()


async def _of_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return _unreadable().response()
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route of a path alone.
        return of_status(error.status_code, {"allow": ", ".join(_allowed(request))}).response()
    return of_status(error.status_code, error.headers).response()


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes of a path."""
    routes: list[BaseRoute] = request.app.routes
    tried = [{**request.scope, "method": method} for method in METHODS]
    return [one["method"] for one in tried if any(route.matches(one)[0] is Match.FULL for route in routes)]


async def _of_unavailable(_: Request, error: Unavailable) -> Response:
    log.warning("request-not-possible-now", error=type(error).__name__)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available now",
        "Nothing is known of the request's effect: repeat it as it is.",
        headers=RETRY,
    ).response()


async def _of_validation(_: Request, error: RequestValidationError) -> Response:
    found = list(error.errors())
    if any(one["type"] == "json_invalid" for one in found):
        return _unreadable().response()
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "Invalid request", errors=[_place(one) for one in found[:50]]
    ).response()


def _unreadable() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "unreadable", "Unreadable body", "The body is not JSON in UTF-8.")


def _place(found: dict[str, Any]) -> dict[str, Any]:
    where, *path = found["loc"]
    if where == "body":
        tokens = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
        place = {"pointer": "#" + "".join(f"/{token}" for token in tokens)}
    else:
        place = {"parameter": ".".join(map(str, path))}
    return {**place, "detail": found["msg"], "kind": found["type"]}


def _common(health: Health) -> APIRouter:
    router = guarded(include_in_schema=False)

    async def livez() -> Response:
        return _report(health.live())

    async def readyz() -> Response:
        return _report(await health.ready())

    async def metrics() -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    async def docs() -> Response:
        # Swagger UI draws its icons from data addresses.
        policy = f"{POLICY}; img-src 'self' data:"
        return HTMLResponse((STATIC / "docs.html").read_text(), headers={"content-security-policy": policy})

    for path, endpoint in {"/livez": livez, "/readyz": readyz, "/metrics": metrics, "/docs": docs}.items():
        router.add_api_route(path, open_to_all(endpoint))
    return router


def _report(report: Report) -> Response:
    status = HTTPStatus.OK if report.ok else HTTPStatus.SERVICE_UNAVAILABLE
    body = {"status": "ok" if report.ok else "failing", "checks": dict(report.checks)}
    return JSONResponse(body, status)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the document with problems as the answer to whatever fails."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for name, schema in schemas.items():
            if "unknown" in schema.get("enum", ()):
                schemas[name] = _open(schema)
        schemas["Problem"] = SCHEMA
        components["responses"] = {
            "Problem": {
                "description": "Why the request was not done.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        }
        components["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token (RFC 9068) of the issuer that is trusted here; each verb has one scope.",
            }
        }
        for method, path, scope in _scopes(app):
            document["paths"][path][method]["security"] = [{"bearer": [scope]}]
        for operation in (one for path in document.get("paths", {}).values() for one in path.values()):
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422")):
                del responses["422"]
            responses["default"] = {"$ref": "#/components/responses/Problem"}
            if operation.get(NEVER_REFUSED):
                _take_anything(operation["requestBody"])
        app.openapi_schema = document
    return app.openapi_schema


def _take_anything(body: dict[str, Any]) -> None:
    """Say of a request body that no other is refused."""
    body["required"] = False
    for content in body["content"].values():
        content["schema"] = {
            "anyOf": [content["schema"], {"description": "Whatever cannot be read is as if not said."}]
        }


def _open(vocabulary: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a vocabulary as it is read: whoever writes a later word is understood as far as can be."""
    kind, words = vocabulary.pop("type"), vocabulary.pop("enum")
    later = {"type": kind, "description": "A word of a later version; it counts as `unknown`."}
    return {**vocabulary, "anyOf": [{"type": kind, "enum": words}, later]}


def _scopes(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and scope of every documented verb."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Guarded) and route.include_in_schema and context.path_format is not None:
            scope = declared(route.endpoint).scope
            for method in context.methods or ():
                if scope is not None:
                    yield method.lower(), context.path_format, scope.value


class _Patient(HttpToolsProtocol):
    """A connection that is closed when a request's headers do not come to their end: uvicorn itself would wait."""

    def __init__(self, *arguments: Any, header_seconds: float, **named: Any) -> None:  # noqa: ANN401 (uvicorn's own)
        super().__init__(*arguments, **named)
        self._seconds = header_seconds
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(  # pyright: ignore[reportIncompatibleMethodOverride]  (uvicorn narrows asyncio's)
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._wait_no_longer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._wait_no_longer()
        self._overdue = self.loop.call_later(self._seconds, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class Server(uvicorn.Server):
    """An HTTP server within a loop that does other work too: signals are the process's own business."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        """Serve on a socket that listens already; ``serve`` makes one."""
        super().__init__(config)
        self._listening = listening

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._listening.getsockname()[1]

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    async def run_until_stopped(self) -> None:
        """Serve; after ``stop`` let the requests in hand end (10 s at most), then return."""
        await self.serve([self._listening])

    def stop(self) -> None:
        """Take no further connections and end."""
        self.should_exit = True


def serve(app: ASGIApp, host: str, port: int, *, header_seconds: float = 10.0) -> Server:
    """Listen, and return the server that is to be run in this loop by ``run_until_stopped``.

    Args:
        app: what answers.
        host: address to listen on.
        port: 0 takes a free one.
        header_seconds: real seconds in which a request's headers must have come.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(_Patient, header_seconds=header_seconds)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # The last resort, answered without a problem document: ``application`` has the lower limit.
        limit_concurrency=4_000,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    return Server(config, listening)
