"""An intake: CAD's part is played against it, so that an integrator sees what to expect. Everything is a drill."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx

from divert_cli.cad_check.findings import Findings
from divert_contracts.vocabulary import Question

ANSWERS_WITHIN = 10.0
_PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of one request."""

    status: int
    """0 when there was no answer."""
    kind: str
    """Media type."""
    body: Mapping[str, Any]

    def __str__(self) -> str:
        """Say what it answered."""
        code = self.body.get("code")
        return "It did not answer" if not self.status else f"It answered {self.status}" + (f" ({code})" if code else "")


@dataclass(frozen=True, slots=True)
class Cad:
    """Posts as a CAD does."""

    http: httpx.AsyncClient
    agency: str

    async def say(self, method: str, path: str, body: object, media_type: str = "application/json") -> Reaction:
        """Send something; bytes go as they are, all else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = await self.http.request(method, path, content=content, headers={"Content-Type": media_type})
        except httpx.TransportError:
            return Reaction(0, "", {})
        try:
            read: object = answer.json()
        except ValueError:
            read = None
        kind = answer.headers.get("content-type", "").partition(";")[0]
        return Reaction(answer.status_code, kind, cast("dict[str, Any]", read) if isinstance(read, dict) else {})

    def call(self, number: str, revision: int, **changes: object) -> dict[str, object]:
        """Return a call as a CAD posts it: a drill, so that it counts nowhere."""
        answers = {question.value: "no" for question in Question if question is not Question.UNKNOWN}
        return {
            "agency": self.agency,
            "incident_number": number,
            "feed": "diverted",
            "origin": "911",
            "exercise": True,
            "revision": revision,
            "call_type": "918",
            "reporting_district": "0723",
            "answers": answers,
            "address": {"text": f"{int(number[-6:], 16)} Check Blvd"},
            "narrative": "Man on the bench weeping. Only a check.",
            **changes,
        }


async def check(url: str, agency: str, *, auth: httpx.Auth | None = None) -> Findings:
    """Play CAD's part against an intake.

    Args:
        url: base URL of the intake.
        agency: that is registered there; its calls are drills.
        auth: signs in, where that is needed.
    """
    found = Findings("intake")
    async with httpx.AsyncClient(base_url=url, timeout=ANSWERS_WITHIN, trust_env=False, auth=auth) as http:
        cad = Cad(http, agency)
        number = f"CHECK-{uuid4().hex[:12].upper()}"
        first = await cad.say("POST", "/v1/calls", cad.call(number, 1))
        found.expect("It takes a call with 202.", None if first.status == _TAKEN else f"{first}. {_hint(first)}")
        if first.status != _TAKEN:
            found.leave("It does all the rest.", "Nothing else was tried, since it does not take a good call.")
            return found
        call = str(first.body.get("call_id"))
        _answered(first, found)
        await _again(cad, number, first, found)
        await _revised(cad, number, call, found)
        await _strange(cad, found)
        await _refused(cad, call, found)
        await _ends(cad, call, found)
    return found


_TAKEN = 202


def _hint(answer: Reaction) -> str:
    if not answer.status:
        return "Is the address right, and intake up?"
    return "Is the agency registered there?" if answer.body.get("code") == "agency-not-registered" else ""


def _answered(first: Reaction, found: Findings) -> None:
    missing = [
        one for one in ("call_id", "fact_id", "status", "next_update_by", "decide_by") if not first.body.get(one)
    ]
    found.expect(
        "It answers with the call's id, where to ask, and until when the answer is to be believed.",
        f"The answer has no {', no '.join(missing)}." if missing else None,
    )


async def _again(cad: Cad, number: str, first: Reaction, found: Findings) -> None:
    repeats = [await cad.say("POST", "/v1/calls", cad.call(number, 1)) for _ in range(3)]
    same = {str(one.body.get("fact_id")) for one in (first, *repeats)}
    found.expect(
        "It answers a repeat with the same fact: after 503 or no answer a CAD repeats what it sent.",
        None if len(same) == 1 and all(one.status == _TAKEN for one in repeats) else f"{len(same)} facts came of one.",
    )
    other = await cad.say("POST", "/v1/calls", cad.call(number, 1, priority="2"))
    found.expect(
        "It takes the same revision with another content as news.",
        None if other.status == _TAKEN and other.body.get("fact_id") not in same else f"{other}.",
    )


async def _revised(cad: Cad, number: str, call: str, found: Findings) -> None:
    posted = await cad.say("POST", "/v1/calls", cad.call(number, 2, narrative="He has calmed down."))
    put = await cad.say("PUT", f"/v1/calls/{call}", cad.call(number, 3))
    late = await cad.say("PUT", f"/v1/calls/{call}", cad.call(number, 2, narrative="An older revision."))
    wrong = [one for one in (posted, put, late) if one.status != _TAKEN or one.body.get("call_id") != call]
    found.expect(
        "It takes revisions of a call by number and by id, late ones too, as the same call.",
        f"{wrong[0]}." if wrong else None,
    )


async def _strange(cad: Cad, found: Findings) -> None:
    number = f"CHECK-{uuid4().hex[:12].upper()}"
    body = cad.call(number, 1, colour="blue", answers={"weapon": "perhaps"}, people_present="many")
    odd = await cad.say("POST", "/v1/calls", body)
    pointers = {str(one.get("pointer")) for one in cast("list[dict[str, Any]]", odd.body.get("warnings", []))}
    missing = sorted({"/colour", "/answers/weapon", "/people_present"} - pointers)
    found.expect(
        "It takes what it does not understand, and names it in the answer's warnings.",
        f"{odd}." if odd.status != _TAKEN else f"It says nothing of {', '.join(missing)}." if missing else None,
    )
    if odd.status == _TAKEN:
        await cad.say("POST", f"/v1/calls/{odd.body['call_id']}/cancel", {"agency": cad.agency, "reason": "caller"})


async def _refused(cad: Cad, call: str, found: Findings) -> None:
    number = f"CHECK-{uuid4().hex[:12].upper()}"
    good = cad.call(number, 1)
    nameless = {name: value for name, value in good.items() if name != "incident_number"}
    stranger = {**good, "agency": f"nobody-{uuid4().hex[:8]}"}
    cases: tuple[tuple[str, Reaction, frozenset[int]], ...] = (
        ("a body that is no JSON", await cad.say("POST", "/v1/calls", b"{not JSON"), frozenset({400, 422})),
        ("a call without an incident number", await cad.say("POST", "/v1/calls", nameless), frozenset({422})),
        ("an agency that is not registered", await cad.say("POST", "/v1/calls", stranger), frozenset({401, 403})),
        (
            "an acceptance that does not say of which hand-off",
            await cad.say("POST", f"/v1/calls/{call}/handoff-accepted", {"agency": cad.agency, "by": "d-12"}),
            frozenset({422}),
        ),
    )
    for what, answer, wanted in cases:
        well = answer.status in wanted and answer.kind == _PROBLEM and bool(answer.body.get("code"))
        found.expect(
            f"It refuses {what}, with a coded problem.",
            None if well else f"{answer}, as {answer.kind or 'nothing'}.",
        )
    lines = "\n".join((json.dumps(cad.call(number, 1)), "{no JSON")).encode()
    batch = await cad.say("POST", "/v1/calls:batch", lines, "application/x-ndjson")
    counted = (batch.body.get("accepted"), batch.body.get("refused"))
    found.expect(
        "It takes the good lines of a batch, and refuses the others one by one.",
        None if counted == (1, 1) else f"{batch}, with {counted[0]} taken and {counted[1]} refused of one each.",
    )
    if counted == (1, 1):
        taken = str(batch.body["results"][0]["call"]["call_id"])
        await cad.say("POST", f"/v1/calls/{taken}/cancel", {"agency": cad.agency, "reason": "caller"})


async def _ends(cad: Cad, call: str, found: Findings) -> None:
    accepted = {"agency": cad.agency, "handoff_id": str(UUID(int=7)), "by": "dispatcher-12", "unit": "7A15"}
    went = {"agency": cad.agency, "responder": "patrol", "unit": "7A15", "force": "no"}
    words = (
        ("handoff-accepted", accepted),
        ("responder", went),
        ("cancel", {"agency": cad.agency, "reason": "caller"}),
        ("cancel", {"agency": cad.agency, "reason": "caller"}),
        ("close", {"agency": cad.agency, "disposition_code": "CODE 4"}),
    )
    wrong = [
        f"{verb}: {answer}"
        for verb, body in words
        if (answer := await cad.say("POST", f"/v1/calls/{call}/{verb}", body)).status != _TAKEN
    ]
    found.expect(
        "It takes an accepted hand-off, who went instead, a cancellation, its repeat, and a closing after it.",
        "; ".join(wrong) + "." if wrong else None,
    )
