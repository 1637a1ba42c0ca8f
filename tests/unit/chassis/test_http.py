"""What every API does before and after a handler."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Query
from jsonschema import Draft202012Validator
from pydantic import Field

from divert_chassis.access import guarded, open_to_all
from divert_chassis.health import Health
from divert_chassis.http import NEVER_REFUSED, Problem, Server, application, refused, serve, strictly
from divert_chassis.problems import SCHEMA
from divert_contracts.model import Model, Term
from divert_contracts.step import Refusal, Unavailable

LIMIT = 1_000
BODY_SECONDS = 0.3


class Colour(Term):
    """A vocabulary."""

    RED = "red"
    UNKNOWN = "unknown"


class Part(Model):
    count: int


class Order(Model):
    parts: tuple[Part, ...] = ()
    colour: Colour = Colour.UNKNOWN
    by: str = Field(default="", alias="by/whom~")


def routes() -> APIRouter:
    router = guarded()

    @router.post("/v1/orders")
    @open_to_all
    async def order(order: Order) -> Part:
        return Part(count=len(order.parts))

    @router.put("/v1/orders", dependencies=[strictly(Part)])
    @open_to_all
    async def strict(part: Part) -> Part:
        return part

    @router.post("/v1/alarms", openapi_extra={NEVER_REFUSED: True})
    @open_to_all
    async def alarm(part: Part) -> Part:
        return part

    @router.get("/v1/orders/{number}")
    @open_to_all
    async def shown(number: int, limit: Annotated[int, Query(le=10)] = 1) -> Part:
        return Part(count=number * limit)

    @router.get("/v1/refused")
    @open_to_all
    async def refusing() -> None:
        raise refused(Refusal("late-answer", "The offer ended at 12:00."))

    @router.get("/v1/problem")
    @open_to_all
    async def problem() -> None:
        raise Problem(429, "too-many", "Too many", headers={"retry-after": "7"}, limit=3)

    @router.get("/v1/unavailable")
    @open_to_all
    async def unavailable() -> None:
        raise Unavailable("kafka")

    @router.get("/v1/broken")
    @open_to_all
    async def broken() -> None:
        raise ValueError("the caller's words")

    return router


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def app(health: Health) -> FastAPI:
    return application(
        title="Orders", version="1.0", router=routes(), health=health, body_limit=LIMIT, body_seconds=BODY_SECONDS
    )


@pytest_asyncio.fixture
async def server(app: FastAPI) -> AsyncIterator[Server]:
    server = serve(app, "127.0.0.1", 0)
    running = asyncio.create_task(server.run_until_stopped())
    yield server
    server.stop()
    await running


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    Draft202012Validator(SCHEMA).validate(document)
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"urn:divert:problem:{code}"
    return document


async def test_a_good_request_is_answered(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/orders", json={"parts": [{"count": 1}]})
    assert (response.status_code, response.json()) == (200, {"count": 1})


async def test_every_response_has_a_request_id_and_is_neither_stored_nor_sniffed(client: httpx.AsyncClient) -> None:
    for path in ("/v1/orders/1", "/nowhere", "/v1/broken", "/livez"):
        headers = (await client.get(path)).headers
        assert headers["x-request-id"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(("given", "kept"), [("r-1", True), ("r 1", False), ("x" * 65, False), ("", False)])
async def test_the_senders_request_id_is_kept_where_it_is_plain(
    client: httpx.AsyncClient, given: str, *, kept: bool
) -> None:
    response = await client.get("/v1/orders/1", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) is kept


async def test_what_does_not_exist_is_a_problem(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/nowhere"), 404, "not-found")


async def test_a_wrong_method_is_a_problem_that_names_the_right_one(client: httpx.AsyncClient) -> None:
    response = await client.delete("/v1/orders")
    problem_of(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST, PUT"


async def test_what_is_read_strictly_takes_no_number_in_quotes(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/orders", json={"count": 1})).is_success
    problem = problem_of(await client.put("/v1/orders", json={"count": "1"}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "#/count"


async def test_the_document_says_where_any_body_is_taken_and_that_vocabularies_are_open(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    body = document["paths"]["/v1/alarms"]["post"]["requestBody"]
    assert not body["required"]
    assert len(body["content"]["application/json"]["schema"]["anyOf"]) == 2
    colour = document["components"]["schemas"]["Colour"]
    assert colour["anyOf"][0] == {"type": "string", "enum": ["red", "unknown"]}
    assert colour["anyOf"][1]["type"] == "string"


async def test_wrong_fields_are_named_by_json_pointer(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/orders", json={"parts": [{"count": 1}, {"count": "x"}], "by/whom~": 3})
    document = problem_of(response, 422, "invalid")
    assert [error["pointer"] for error in document["errors"]] == ["#/parts/1/count", "#/by~1whom~0"]


async def test_wrong_parameters_are_named(client: httpx.AsyncClient) -> None:
    document = problem_of(await client.get("/v1/orders/x", params={"limit": 11}), 422, "invalid")
    assert [error["parameter"] for error in document["errors"]] == ["number", "limit"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"parts": [}',
        b"[" * 900,
        b'{"parts": [{"count": 1' + b"0" * 900 + b"}]}",
        b'{"parts": [{"count": NaN}]}',
        b'{"parts": [{"count": 1e400}]}',
        b'{"by/whom~": "\\ud800"}',
        b"null",
        b"",
        b'"\\u0000"',
    ],
)
async def test_what_cannot_be_read_is_the_senders_problem(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/orders", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (200, 400, 422)
    if response.status_code != 200:
        problem_of(response, response.status_code, "unreadable" if response.status_code == 400 else "invalid")


async def test_a_refusal_is_a_problem_with_its_code(client: httpx.AsyncClient) -> None:
    document = problem_of(await client.get("/v1/refused"), 409, "late-answer")
    assert document["detail"] == "The offer ended at 12:00."


async def test_a_problem_has_its_headers_and_members(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/problem")
    assert problem_of(response, 429, "too-many")["limit"] == 3
    assert response.headers["retry-after"] == "7"


async def test_what_is_not_there_now_may_be_asked_again(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/unavailable")
    problem_of(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_an_error_of_ours_is_a_problem_without_detail(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await client.get("/v1/broken")
    assert "detail" not in problem_of(response, 500, "internal-server-error")
    assert "words" not in response.text


async def test_a_large_body_is_refused_by_its_announced_length(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/orders", content=b" " * (LIMIT + 1))
    assert problem_of(response, 413, "body-too-large")["limit"] == LIMIT


async def test_a_body_of_just_the_limit_is_read(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/orders", content=b"{}".ljust(LIMIT), headers={"content-type": "application/json"})
    assert response.status_code == 200


async def test_a_large_body_in_chunks_is_refused_when_it_passes_the_limit(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    problem_of(await client.post("/v1/orders", content=chunks()), 413, "body-too-large")


async def test_a_good_body_in_chunks_is_read_whole(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"parts"', b": [{", b'"count": 1}]}'):
            yield part

    response = await client.post("/v1/orders", content=chunks(), headers={"content-type": "application/json"})
    assert response.json() == {"count": 1}


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_a_slow_body_is_not_waited_for(server: Server, framing: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"POST /v1/orders HTTP/1.1\r\nHost: here\r\n{framing}\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), BODY_SECONDS + 5)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "slow-body"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/orders HTTP/1.1\r\nHost: he"], ids=["nothing", "half a header"])
async def test_a_connection_whose_headers_do_not_come_is_closed(app: FastAPI, sent: bytes) -> None:
    server = serve(app, "127.0.0.1", 0, header_seconds=0.2)
    running = asyncio.create_task(server.run_until_stopped())
    good = b"GET /v1/orders/4 HTTP/1.1\r\nHost: here\r\n\r\n"
    for first in (b"", good):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        if first:
            writer.write(first)
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b'{"count":4}'), 30)
        if sent or not first:  # between two requests a connection may rest
            writer.write(sent)
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
    server.stop()
    await running


async def test_a_sender_who_goes_away_does_no_harm(server: Server, client: httpx.AsyncClient) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /v1/orders HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await client.get("/v1/orders/1")).status_code == 200


async def test_health_is_told_with_what_is_wrong(client: httpx.AsyncClient, health: Health) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok", "checks": {}}
    health.hold("learning")
    assert (await client.get("/livez")).status_code == 200
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["checks"]) == (503, {"learning": "held"})


async def test_requests_are_counted_by_the_routes_template(client: httpx.AsyncClient) -> None:
    await client.get("/v1/orders/41")
    await client.get("/v1/orders/42")
    await client.get("/nowhere/43")
    text = (await client.get("/metrics")).text
    assert 'route="/v1/orders/{number}",service="orders",status="200"}' in text
    assert 'route="unmatched"' in text
    assert "/v1/orders/41" not in text
    assert "/nowhere" not in text


async def test_the_document_is_openapi_3_1_and_names_problems_for_every_operation(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in json.dumps(document)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 8
    for operation in operations:
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    Draft202012Validator.check_schema(document["components"]["schemas"]["Problem"])


async def test_the_documentation_needs_nobody_else(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("<!doctype html>", "")
    for name in ("swagger-ui/swagger-ui.css", "swagger-ui/swagger-ui-bundle.js", "swagger-ui/LICENSE", "docs.js"):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 200


async def test_the_server_lets_a_request_in_hand_end(health: Health) -> None:
    router = guarded()
    entered, proceed = asyncio.Event(), asyncio.Event()

    @router.get("/long")
    @open_to_all
    async def long() -> str:
        entered.set()
        await proceed.wait()
        return "done"

    server = serve(application(title="Long", version="1", router=router, health=health), "127.0.0.1", 0)
    running = asyncio.create_task(server.run_until_stopped())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        request = asyncio.create_task(client.get("/long"))
        await entered.wait()
        server.stop()
        proceed.set()
        assert (await request).json() == "done"
    await running


async def test_more_requests_than_can_be_in_hand_are_refused_but_health_is_told(health: Health) -> None:
    router = guarded()
    entered, proceed = asyncio.Event(), asyncio.Event()

    @router.get("/long")
    @open_to_all
    async def long() -> str:
        entered.set()
        await proceed.wait()
        return "done"

    app = application(title="Long", version="1", router=router, health=health, most_at_once=1)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(base_url="http://long", transport=transport) as client:
        first = asyncio.create_task(client.get("/long"))
        await entered.wait()
        refusal = await client.get("/long")
        problem_of(refusal, 503, "overloaded")
        assert refusal.headers["retry-after"] == "1"
        assert (await client.get("/livez")).status_code == 200
        proceed.set()
        assert (await first).json() == "done"


async def test_open_questions_keep_no_call_for_help_out(health: Health) -> None:
    router = guarded()
    entered, proceed = asyncio.Semaphore(0), asyncio.Event()

    @router.get("/long")
    @open_to_all
    async def long() -> str:
        entered.release()
        await proceed.wait()
        return "done"

    @router.post("/emergency")
    @open_to_all
    async def emergency() -> str:
        return "taken"

    app = application(title="Long", version="1", router=router, health=health, most_at_once=4)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(base_url="http://long", transport=transport) as client:
        open_ones = [asyncio.create_task(client.get("/long")) for _ in range(3)]
        for _ in open_ones:
            await entered.acquire()
        problem_of(await client.get("/long"), 503, "overloaded")
        assert (await client.post("/emergency")).json() == "taken"
        proceed.set()
        assert [(await one).status_code for one in open_ones] == [200, 200, 200]


async def test_a_port_that_is_taken_is_an_error_and_not_an_exit(server: Server, app: FastAPI) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(app, "127.0.0.1", server.port)
