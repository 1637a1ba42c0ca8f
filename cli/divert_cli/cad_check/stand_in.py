"""An intake that is away now and then: a CAD posts to it, and is told what it does wrong when it must repeat."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from uuid import uuid4

from divert_cli.cad_check.findings import Findings
from divert_cli.prepare import seed_policy
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.ids import call_id
from divert_contracts.vocabulary import PolicyKind
from divert_intake.domain import calls
from divert_intake.domain.calls import Intake
from divert_intake.domain.given import Given, agency_registered, policy_published
from divert_intake.domain.reading import Refused

RETRY_AFTER = 1.0
"""Seconds for which it asks to be left alone."""
PATIENCE = 60.0
"""Seconds within which what was not taken must come again."""
_AWAY, _TAKEN = 503, 202
_PICTURES = ("/v1/calls",)


@dataclass(slots=True)
class Posted:
    """One content that CAD posted, and when."""

    path: str
    body: bytes
    times: list[float] = field(default_factory=list[float])
    taken_at: float | None = None


@dataclass(slots=True)
class Heard:
    """All that CAD posted. Each content is not taken the first time; every third one gets no answer at all."""

    agency: str
    posts: dict[tuple[str, bytes], Posted] = field(default_factory=dict[tuple[str, bytes], Posted])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, body: bytes, at: float) -> int | None:
        """Return the status of the answer; null for none."""
        with self.lock:
            posted = self.posts.setdefault((path, body), Posted(path, body))
            posted.times.append(at)
            if len(posted.times) > 1:
                posted.taken_at = posted.taken_at or at
                return _TAKEN
            return None if len(self.posts) % 3 == 0 else _AWAY


def listen(agency: str, host: str, port: int) -> tuple[ThreadingHTTPServer, Heard]:
    """Return a server that stands in for intake, and what it hears; ``serve_forever`` runs it.

    Raises:
        OSError: the port is taken.
    """
    heard = Heard(agency)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status = heard.take(self.path.partition("?")[0], body, time.monotonic())
            if status is None:
                self.close_connection = True
                return
            answer = _answer(heard.agency, body) if status == _TAKEN else _away()
            self.send_response(status)
            kind = "application/json" if status == _TAKEN else "application/problem+json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            if status == _AWAY:
                self.send_header("Retry-After", f"{RETRY_AFTER:.0f}")
            self.end_headers()
            self.wfile.write(answer)

        do_POST = _take  # noqa: N815 (the library's name)
        do_PUT = _take  # noqa: N815 (the library's name)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            """Say nothing: bodies are nobody's to see."""

    return ThreadingHTTPServer((host, port), Handler), heard


def _answer(agency: str, body: bytes) -> bytes:
    call = _object(body)
    number = str(call.get("incident_number", ""))
    return json.dumps({"call_id": str(call_id(agency, number)), "fact_id": str(uuid4()), "warnings": []}).encode()


def _away() -> bytes:
    return json.dumps({"type": "about:blank", "title": "Unavailable", "status": _AWAY, "code": "unavailable"}).encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        read: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def judge(heard: Heard, until: float) -> Findings:
    """Say what CAD does wrong, from what it posted up to a monotonic time."""
    found = Findings("cad")
    posts = list(heard.posts.values())
    found.expect("It posts calls.", None if posts else "Nothing came. Does it post to this address?")
    if not posts:
        return found
    lost = [one for one in posts if one.taken_at is None and until - one.times[0] > PATIENCE / 2]
    found.expect(
        "It repeats, byte for byte, what was answered with 503 or not at all.",
        f"{len(lost)} of {len(posts)} contents came once and never again: without 202 nobody has the call."
        if lost
        else None,
    )
    hasty = [one for one in posts if len(one.times) > 1 and one.times[1] - one.times[0] < RETRY_AFTER * 0.9]
    found.expect(
        "It waits before it repeats, for as long as Retry-After says.",
        f"{len(hasty)} contents came again within less than {RETRY_AFTER:.0f} s." if hasty else None,
    )
    restless = [one for one in posts if one.taken_at is not None and sum(at > one.taken_at for at in one.times) > 1]
    found.expect(
        "It stops repeating what was answered with 202.",
        f"{len(restless)} contents came on and on after that." if restless else None,
    )
    _read(heard.agency, posts, found)
    return found


def _read(agency: str, posts: Sequence[Posted], found: Findings) -> None:
    """Read what came as intake reads it."""
    now = datetime.now(UTC)
    given = policy_published(Given(), seed_policy(PolicyKind.ROUTING))
    given = agency_registered(given, AgencyRegistered(occurred_at=now, agency=agency, title=agency))
    refusals: set[str] = set()
    warnings: set[str] = set()
    revisions: dict[tuple[str, object], set[bytes]] = {}
    for one in posts:
        if one.path not in _PICTURES:
            continue
        outcome = calls.received(one.body, Intake(given, None, now, None), calls.as_json)
        if isinstance(outcome, Refused):
            refusals.add(f"{outcome.code}: {outcome.detail}")
            continue
        warnings |= {f"{warned.code} at {warned.pointer}" for warned in outcome.warned}
        call = _object(one.body)
        revision = call.get("revision") or call.get("updated_at")
        revisions.setdefault((str(call.get("incident_number")), revision), set()).add(one.body)
    found.expect("Nothing that it posts would be refused.", "; ".join(sorted(refusals)) or None)
    found.expect(
        "Nothing that it posts is beyond understanding.",
        f"{'; '.join(sorted(warnings))}. Each brings a person to look." if warnings else None,
    )
    nameless = sorted({number for number, revision in revisions if revision is None})
    found.expect(
        "It says which version of a call it sends: revision or updated_at.",
        f"{len(nameless)} calls have neither; what comes late could pass for the newest." if nameless else None,
    )
    twice = sorted({number for (number, revision), bodies in revisions.items() if revision and len(bodies) > 1})
    found.expect(
        "It never sends two contents as the same revision.",
        f"{', '.join(twice)}: two contents as one revision." if twice else None,
    )
