"""The conformance kit finds nothing wrong with what is right, and the very flaw of each receiver that is not."""

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from divert_cli.cad_check import receiver, stand_in
from divert_cli.cad_check.command import cad_check
from divert_cli.cad_check.findings import Finding
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError

SECRET = f"whsec_{base64.b64encode(b'a key for tests, 24 bytes').decode()}"
CAUGHT = {
    "mute": "It says that it wants divert's webhooks.",
    "unsigned": "It refuses what is not signed.",
    "any-key": "It refuses what another key signed.",
    "replayable": "It refuses what was signed more than 300 s ago.",
    "one-signature": "It takes a message that two keys signed, while secrets are changed.",
    "forgetful": "It has a message stored before it answers 2xx.",
    "twice": "It counts a repeated message once.",
    "last-wins": "It keeps the newest status when an older one comes after it.",
    "refuses-repeats": "It takes a message again that it has already, and one that comes late.",
    "strict": "It takes a field that it does not know, and leaves it.",
    "small": "It takes a hand-off with the call's whole record, of 100 kB and with letters beyond ASCII.",
    "crashes": "It refuses a signed body that is no JSON, with 4xx.",
    "keeps-refused": "It has nothing of what it refused.",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The reference receiver, with all its flaws, at its base URL."""
    tool = ROOT / "tools" / "cad_sandbox.py"
    with subprocess.Popen(
        [sys.executable, str(tool), "--secret", SECRET], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


async def wrong_with(sandbox: str, name: str) -> list[str]:
    read_back = f"{sandbox}/{name}/calls/{{call_id}}"
    found = await receiver.check(f"{sandbox}/{name}", SECRET, agency="lapd", read_back=read_back)
    assert all(one.looked_at for one in found.found)
    return [one.what for one in found.wrong]


async def test_nothing_is_wrong_with_a_receiver_that_is_right(sandbox: str) -> None:
    assert await wrong_with(sandbox, "good") == []


@pytest.mark.parametrize("name", CAUGHT)
async def test_a_flaw_is_caught(sandbox: str, name: str) -> None:
    found = await wrong_with(sandbox, name)
    assert CAUGHT[name] in found
    # One flaw may break several promises, never those about something else.
    assert len(found) <= 8


async def test_a_receiver_that_works_before_it_answers_is_told_so(
    sandbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "WITHIN", 0.5)
    found = await wrong_with(sandbox, "slow")
    assert "It answers within 5 s, whatever it is sent." in found


async def test_what_cannot_be_seen_is_left_and_said(sandbox: str) -> None:
    found = await receiver.check(f"{sandbox}/last-wins", SECRET, agency="lapd", read_back=None)
    assert found.wrong == []
    assert len([one for one in found.found if not one.looked_at]) == 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/nobody", "/good"])
async def test_a_wrong_address_or_secret_ends_it_with_a_reason(sandbox: str, url: str) -> None:
    address = url if url.startswith("http") else f"{sandbox}{url}"
    found = await receiver.check(address, receiver.OTHER_KEY, agency="lapd", read_back=None)
    assert any("Is the secret right?" in (one.wrong or "") for one in found.wrong)
    assert any(not one.looked_at for one in found.found)


def test_the_command_exits_1_when_anything_is_wrong(
    sandbox: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("divert_cli.cad_check.command.running", lambda: None)
    cad_check(f"{sandbox}/good", secret=SECRET, read_back=f"{sandbox}/good/calls/{{call_id}}", as_json=True)
    assert json.loads(capsys.readouterr().out)["well"] is True
    with pytest.raises(Exception, match="1"):
        cad_check(f"{sandbox}/unsigned", secret=SECRET)
    assert "Look at webhook-signature before anything else." in " ".join(capsys.readouterr().out.split())
    with pytest.raises(StackError, match="--secret"):
        cad_check(f"{sandbox}/good")
    with pytest.raises(StackError, match="nothing to check"):
        cad_check()


# The CAD's own posting, against the stand-in.


def judged(heard: stand_in.Heard) -> list[str]:
    return [one.what for one in wrong(stand_in.judge(heard, 1000.0).found)]


def wrong(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.looked_at and one.wrong is not None]


def a_body(number: str = "1", revision: int | None = 1, **more: object) -> bytes:
    call = {"agency": "lapd", "incident_number": number, "feed": "diverted", "revision": revision, **more}
    return json.dumps(call).encode()


def posted(*contents: tuple[bytes, tuple[float, ...]]) -> stand_in.Heard:
    heard = stand_in.Heard("lapd")
    for body, times in contents:
        for at in times:
            heard.take("/v1/calls", body, at)
    return heard


def test_a_cad_that_repeats_as_asked_is_right() -> None:
    assert judged(posted((a_body("1"), (0.0, 1.5)), (a_body("2"), (3.0, 5.0)), (a_body("1", 2), (6.0, 8.0)))) == []


@pytest.mark.parametrize(
    ("heard", "what"),
    [
        (stand_in.Heard("lapd"), "It posts calls."),
        (posted((a_body(), (0.0,))), "It repeats, byte for byte, what was answered with 503 or not at all."),
        (posted((a_body(), (0.0, 0.1))), "It waits before it repeats, for as long as Retry-After says."),
        (posted((a_body(), (0.0, 2.0, 4.0, 6.0))), "It stops repeating what was answered with 202."),
        (posted((b'{"agency": "lapd"}', (0.0, 2.0))), "Nothing that it posts would be refused."),
        (posted((a_body(colour="blue"), (0.0, 2.0))), "Nothing that it posts is beyond understanding."),
        (
            posted((a_body(revision=None), (0.0, 2.0))),
            "It says which version of a call it sends: revision or updated_at.",
        ),
        (
            posted((a_body(), (0.0, 2.0)), (a_body(priority="2"), (3.0, 5.0))),
            "It never sends two contents as the same revision.",
        ),
    ],
)
def test_what_a_cad_does_wrong_is_named(heard: stand_in.Heard, what: str) -> None:
    assert judged(heard) == [what]


def test_the_stand_in_is_away_at_first_and_takes_the_repeat() -> None:
    server, heard = stand_in.listen("lapd", "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1/calls"
    try:
        with httpx.Client(trust_env=False, timeout=10) as http:
            answers = [http.post(url, content=a_body("1")) for _ in range(2)]
            assert [one.status_code for one in answers] == [503, 202]
            assert answers[0].headers["retry-after"] == "1"
            assert answers[1].json()["call_id"]
            http.post(url, content=a_body("2"))
            with pytest.raises(httpx.TransportError):
                http.post(url, content=a_body("3"))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(heard.posts) == 3
    late = stand_in.judge(heard, time.monotonic() + stand_in.PATIENCE)
    assert any("2 of 3 contents came once" in (one.wrong or "") for one in late.found)


def test_the_sandbox_has_a_flaw_for_each_that_is_caught() -> None:
    text = Path(ROOT / "tools" / "cad_sandbox.py").read_text()
    assert all(f'"{name}": ' in text for name in (*CAUGHT, "good", "slow"))
