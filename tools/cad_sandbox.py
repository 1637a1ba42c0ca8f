"""A CAD's webhook receiver to try `divert cad-check` with, and to copy from: one that is right, and some that are not.

``python tools/cad_sandbox.py --secret whsec_… --port 9010`` serves ``/good`` and each of the ``FLAWS`` under its own
name, with ``/<name>/calls/<call id>`` to read back what it has. It keeps all in memory: a real one has a database.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

FLAWS = {
    "good": "nothing",
    "mute": "does not say that it wants webhooks",
    "unsigned": "looks at no signature",
    "any-key": "looks whether there is a signature, not whose",
    "replayable": "does not look at the time",
    "one-signature": "looks at the first signature alone",
    "forgetful": "answers before it has stored anything",
    "twice": "counts a repeat anew",
    "last-wins": "takes what came last for the newest",
    "refuses-repeats": "answers a repeat with 409",
    "strict": "refuses types and fields that it does not know",
    "small": "takes no more than 64 kB",
    "crashes": "answers 500 to what it cannot read",
    "slow": "works first and answers afterwards",
    "keeps-refused": "stores before it verifies",
}
KNOWN_TYPES = {
    "divert.CallStatusChanged.v1",
    "divert.CallHandedOff.v1",
    "divert.AssistanceRequested.v1",
    "divert.WebhookTested.v1",
}
SMALL = 64 * 1024
LARGEST = 4 * 1024 * 1024
SLOWLY = 5.5
STATUS_NUMBER = "status_number"
Json = dict[str, Any]


class StrangeError(Exception):
    """A message that this receiver does not want."""


@dataclass
class Kept:
    """What is kept of one call."""

    messages: list[str] = field(default_factory=list[str])
    status_number: int | None = None


@dataclass
class Sandbox:
    """Receives for every behaviour, each with a memory of its own."""

    secret: str
    slowly: float = SLOWLY
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict[tuple[str, str], Kept])
    later: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("OPTIONS", "/{name}", self.wanted)
        app.router.add_post("/{name}", self.take)
        app.router.add_get("/{name}/calls/{call}", self.read_back)
        return app

    async def wanted(self, request: web.Request) -> web.Response:
        """Say that webhooks are wanted."""
        if request.match_info["name"] == "mute":
            return web.Response(status=404)
        return web.Response(headers={"WebHook-Allowed-Origin": "divert", "Allow": "OPTIONS, POST"})

    async def take(self, request: web.Request) -> web.Response:
        """Verify, store, answer: in this order."""
        name = request.match_info["name"]
        body = await request.read()
        if name == "small" and len(body) > SMALL:
            return web.Response(status=413)
        if name == "keeps-refused":
            self._store(name, _read(body))
        if not self._verified(name, body, request.headers):
            return web.Response(status=401)
        try:
            event = _read(body)
            if name == "strict":
                _only_known(event)
        except StrangeError:
            return web.Response(status=422)
        except ValueError:
            return web.Response(status=500 if name == "crashes" else 400)
        call = str(event["data"].get("call_id"))
        if name == "refuses-repeats" and event["id"] in self._of(name, call).messages:
            return web.Response(status=409)
        if name == "slow" and event["type"] == "divert.CallHandedOff.v1":
            await asyncio.sleep(self.slowly)
        if name == "forgetful":
            task = asyncio.create_task(self._store_later(name, event))
            self.later.add(task)
            task.add_done_callback(self.later.discard)
        else:
            self._store(name, event)
        return web.Response(status=204)

    async def read_back(self, request: web.Request) -> web.Response:
        """Say what is kept of a call."""
        kept = self.kept.get((request.match_info["name"], request.match_info["call"]))
        if kept is None:
            return web.Response(status=404)
        return web.json_response({"messages": kept.messages, STATUS_NUMBER: kept.status_number})

    def _verified(self, name: str, body: bytes, headers: Mapping[str, str]) -> bool:
        given = {key.lower(): value for key, value in headers.items() if key.lower().startswith("webhook-")}
        if name == "unsigned":
            return True
        if name == "any-key":
            return "webhook-signature" in given
        if name == "one-signature":
            given["webhook-signature"] = given.get("webhook-signature", "").partition(" ")[0]
        hook = Webhook(self.secret)
        try:
            if name == "replayable":
                return _signed_once(hook, body, given)
            hook.verify(body, given, json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def _of(self, name: str, call: str) -> Kept:
        return self.kept.setdefault((name, call), Kept())

    def _store(self, name: str, event: Json) -> None:
        data = event["data"]
        kept = self._of(name, str(data.get("call_id")))
        known = event["id"] in kept.messages
        if not known or name == "twice":
            kept.messages.append(event["id"])
        number = data.get(STATUS_NUMBER)
        if isinstance(number, int) and (name == "last-wins" or number > (kept.status_number or 0)):
            kept.status_number = number

    async def _store_later(self, name: str, event: Json) -> None:
        await asyncio.sleep(1)
        self._store(name, event)


def _signed_once(hook: Webhook, body: bytes, given: Mapping[str, str]) -> bool:
    """Say whether it was signed at some time or other."""
    at = datetime.fromtimestamp(float(given.get("webhook-timestamp", "0")), UTC)
    expected = hook.sign(given.get("webhook-id", ""), at, body.decode())
    return expected in given.get("webhook-signature", "").split(" ")


def _read(body: bytes) -> Json:
    """Return the event.

    Raises:
        ValueError: it is none.
    """
    read: object = json.loads(body)
    event = cast("Json", read) if isinstance(read, dict) else {}
    whole = isinstance(event.get("id"), str) and isinstance(event.get("data"), dict)
    if not whole:
        raise ValueError("no event")
    return event


def _only_known(event: Json) -> None:
    if event["type"] not in KNOWN_TYPES or "something_new" in event["data"]:
        raise StrangeError


def main() -> None:
    """Serve until stopped; the port is printed once it listens."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--secret", required=True)
    asked.add_argument("--port", type=int, default=0)
    told = asked.parse_args()
    asyncio.run(_serve(Sandbox(told.secret), told.port))


async def _serve(sandbox: Sandbox, port: int) -> None:
    runner = web.AppRunner(sandbox.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
