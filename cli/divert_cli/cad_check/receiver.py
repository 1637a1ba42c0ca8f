"""The receiver of an integrator: divert's part is played against it, as the agency's gateway plays it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
from standardwebhooks import Webhook

from divert_cli.cad_check.findings import Findings
from divert_contracts.call import Address, Answered, Person, Picture, Private, SafetyBrief
from divert_contracts.envelope import Envelope, structured
from divert_contracts.facts.routing import CallHandedOff, CallStatusChanged
from divert_contracts.vocabulary import (
    Answer,
    Feed,
    HandOffReason,
    Hazard,
    Outcome,
    OutcomeReason,
    PlaceKind,
    Question,
    Responder,
    Stage,
    TeamPosition,
)

ORIGIN = "divert"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
WITHIN = 5.0
"""Seconds that divert waits for an answer."""
REPLAYED = timedelta(seconds=301)
"""Older than this a message must not be taken: somebody may have kept it."""
AHEAD = timedelta(seconds=360)
"""More than 300 s, also for a receiver that takes its time."""
AT_ONCE = 20
NEWEST = 3
"""The greatest number of the statuses that are sent out of order."""
LONG = 100_000
"""Characters of a narrative that a CAD must be able to take back: it sent as many."""
OTHER_KEY = "whsec_bm90IHRoZSBrZXkgdGhhdCB5b3Uga25vdywgc29ycnk="
UNANSWERED = "it did not answer within 5 s"


@dataclass(frozen=True, slots=True)
class Message:
    """A CloudEvent as it goes over the wire."""

    id: UUID
    body: bytes


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of one request."""

    status: int | None
    """Null when there was none in time."""
    seconds: float

    @property
    def taken(self) -> bool:
        """Say whether it said that it has it."""
        return self.status is not None and httpx.codes.is_success(self.status)

    @property
    def refused(self) -> bool:
        """Say whether it said that it does not want it, and is well."""
        return self.status is not None and httpx.codes.is_client_error(self.status)

    def __str__(self) -> str:
        """Say what it answered."""
        return UNANSWERED if self.status is None else f"it answered {self.status}"


@dataclass(slots=True)
class Wire:
    """Posts as the gateway does, and keeps how long each answer took."""

    http: httpx.AsyncClient
    url: str
    secret: str
    slowest: float = 0.0
    sent: int = 0

    async def post(self, message: Message, headers: dict[str, str]) -> Reaction:
        """Post a message once."""
        began = time.monotonic()
        try:
            answer = await self.http.post(
                self.url, content=message.body, headers={"Content-Type": CONTENT_TYPE, **headers}
            )
            status: int | None = answer.status_code
        except httpx.TransportError:
            status = None
        seconds = time.monotonic() - began
        self.slowest = max(self.slowest, seconds)
        self.sent += 1
        return Reaction(status, seconds)

    async def send(self, message: Message, *, at: datetime | None = None, secrets: Sequence[str] = ()) -> Reaction:
        """Post a message signed with some secrets, the receiver's own unless it is said otherwise."""
        return await self.post(message, signed(message, secrets or (self.secret,), at or datetime.now(UTC)))


def signed(message: Message, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0."""
    signatures = [Webhook(secret).sign(str(message.id), at, message.body.decode()) for secret in secrets]
    return {
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@dataclass(frozen=True, slots=True)
class Script:
    """The calls that are played: each check has one of its own."""

    agency: str

    def status(self, call: UUID, number: int, stage: Stage = Stage.OFFERED) -> Message:
        """Return a status of a call."""
        over = stage is Stage.CONCLUDED
        return self._message(
            CallStatusChanged,
            call,
            stage=stage,
            status_number=number,
            holder="psap",
            next_update_by=None if over else datetime.now(UTC) + timedelta(seconds=90),
            outcome=Outcome.SERVED if over else None,
            reason=OutcomeReason.CLOSED if over else None,
            agency_code="CODE 4" if over else "OFFERED",
            apco_code="18" if over else None,
        )

    def hand_off(self, call: UUID) -> Message:
        """Return a hand-off with a call's own record and a safety brief."""
        now = datetime.now(UTC)
        answers = {Question.WEAPON: Answered(answer=Answer.YES, at=now)}
        return self._message(
            CallHandedOff,
            call,
            stage=Stage.CONCLUDED,
            epoch=1,
            handoff_id=uuid4(),
            reason=HandOffReason.DANGER,
            recommend=Responder.PATROL,
            urgent=True,
            brief=SafetyBrief(
                hazards=(Hazard.WEAPON,),
                place_kind=PlaceKind.RESIDENCE,
                people_present=2,
                team_position=TeamPosition.EN_ROUTE,
            ),
            picture=Picture(feed=Feed.DIVERTED, exercise=True, answers=answers),
            accept_by=now + timedelta(seconds=30),
            private=Private(
                narrative=f"Only a check, señor — {'x' * LONG}",
                address=Address(text="1 Check St", latitude=34.05, longitude=-118.24),
                caller=Person(name="Nobody", number="+1 213 555 0100"),
            ),
        )

    def _message(self, kind: type[CallStatusChanged | CallHandedOff], call: UUID, **says: object) -> Message:
        """Return a message as routing's reads on the wire."""
        name = uuid4()
        number = f"CHECK-{str(call)[:8].upper()}"
        head = {"occurred_at": datetime.now(UTC), "call_id": call, "agency": self.agency, "incident_number": number}
        return Message(
            name, structured(Envelope(id=name, source="/divert/routing", fact=kind.model_validate({**head, **says})))
        )


async def check(url: str, secret: str, *, agency: str, read_back: str | None) -> Findings:
    """Play divert's part against a receiver.

    Args:
        url: of the receiver.
        secret: ``whsec_…``, as the receiver knows it.
        agency: whose CAD it is.
        read_back: URL with ``{call_id}`` that says what the receiver has of a call; null leaves unchecked what cannot
            be seen from its answers.
    """
    found = Findings("receiver")
    script = Script(agency)
    async with httpx.AsyncClient(timeout=WITHIN, trust_env=False) as http:
        wire = Wire(http, url, secret)
        await _wanted(wire, found)
        if await _takes(wire, script, found):
            await _refuses(wire, script, found)
            await _goes_on(wire, script, found)
            await _keeps(wire, script, found, read_back)
        else:
            found.leave("It does all the rest.", "Nothing else was tried, since it does not take a good message.")
        slow = f"The slowest of {wire.sent} answers took {wire.slowest:.1f} s."
        found.expect(
            "It answers within 5 s, whatever it is sent.",
            f"{slow} Put the message into a queue of your own, answer, and work afterwards."
            if wire.slowest >= WITHIN
            else None,
        )
    return found


async def _wanted(wire: Wire, found: Findings) -> None:
    what = "It says that it wants divert's webhooks."
    try:
        answer = await wire.http.request("OPTIONS", wire.url, headers={"WebHook-Request-Origin": ORIGIN})
    except httpx.TransportError as error:
        found.expect(what, f"OPTIONS was not answered ({type(error).__name__}): is the address right?")
        return
    allowed = answer.headers.get("WebHook-Allowed-Origin", "")
    well = answer.is_success and bool({one.strip().lower() for one in allowed.split(",")} & {ORIGIN, "*"})
    said = f"OPTIONS was answered with {answer.status_code} and WebHook-Allowed-Origin: {allowed or 'nothing'}"
    found.expect(what, None if well else f"{said}. Answer 2xx with WebHook-Allowed-Origin: {ORIGIN}.")


async def _takes(wire: Wire, script: Script, found: Findings) -> bool:
    call = uuid4()
    answer = await wire.send(script.status(call, 1))
    advice = "Is the secret right? The signature is over id, timestamp and the body byte for byte, before any parsing."
    found.expect(
        "It takes a status that is signed as Standard Webhooks 1.0 has it.",
        None if answer.taken else f"{_said(answer)}. {advice}",
    )
    if not answer.taken:
        return False
    answer = await wire.send(script.hand_off(call))
    found.expect(
        "It takes a hand-off with the call's whole record, of 100 kB and with letters beyond ASCII.",
        None if answer.taken else f"{_said(answer)}. Raise the limit of what a body may have, and read it as UTF-8.",
    )
    return True


async def _refuses(wire: Wire, script: Script, found: Findings) -> None:
    now = datetime.now(UTC)
    good = script.status(uuid4(), 1)
    headers = signed(good, (wire.secret,), now)
    altered = Message(good.id, good.body.replace(b'"psap"', b'"nobody"'))
    stranger = {**headers, "webhook-id": str(uuid4())}
    no_signature = {name: value for name, value in headers.items() if name != "webhook-signature"}
    rubbish = Message(uuid4(), b"{this is no JSON")
    cases = (
        ("what is not signed", await wire.post(good, no_signature), "Look at webhook-signature before anything else."),
        (
            "what another key signed",
            await wire.send(good, secrets=(OTHER_KEY,)),
            "Compare the signature, not its form.",
        ),
        (
            "a body that was altered",
            await wire.post(altered, headers),
            "Verify over the body that came, byte for byte.",
        ),
        (
            "an id that was altered",
            await wire.post(good, stranger),
            "The id is signed too: anybody could repeat it else.",
        ),
        (
            "what was signed more than 300 s ago",
            await wire.send(good, at=now - REPLAYED),
            "Compare webhook-timestamp with your clock: who kept a message could play it again.",
        ),
        (
            "what claims to come from the future",
            await wire.send(good, at=datetime.now(UTC) + AHEAD),
            "Compare webhook-timestamp with your clock, both ways.",
        ),
        (
            "a signed body that is no JSON, with 4xx",
            await wire.send(rubbish),
            "Answer 400: with 5xx it comes again and again.",
        ),
    )
    for what, answer, advice in cases:
        found.expect(f"It refuses {what}.", None if answer.refused else f"{_said(answer)}. {advice}")


async def _goes_on(wire: Wire, script: Script, found: Findings) -> None:
    call = uuid4()
    rotating = await wire.send(script.status(call, 1), secrets=(OTHER_KEY, wire.secret))
    found.expect(
        "It takes a message that two keys signed, while secrets are changed.",
        None if rotating.taken else f"{_said(rotating)}. Take it when any of the signatures in the header is good.",
    )
    strange = script.status(call, 2)
    unknown = Message(strange.id, strange.body.replace(b"CallStatusChanged.v1", b"SomethingNew.v1"))
    answer = await wire.send(unknown)
    found.expect(
        "It takes a type of message that it does not know, and leaves it.",
        None if answer.taken else f"{_said(answer)}. New types come: answer 2xx and do nothing.",
    )
    more = script.status(call, 3)
    answer = await wire.send(Message(more.id, more.body.replace(b'"holder"', b'"something_new":[1],"holder"')))
    found.expect(
        "It takes a field that it does not know, and leaves it.",
        None if answer.taken else f"{_said(answer)}. New fields come: do not validate against a closed schema.",
    )
    calls = [uuid4() for _ in range(AT_ONCE)]
    answers = await asyncio.gather(*(wire.send(script.status(one, 1)) for one in calls))
    lost = [one for one in answers if not one.taken]
    found.expect(
        f"It takes {AT_ONCE} messages at once.",
        None if not lost else f"{len(lost)} of them were not taken: {_said(lost[0])}.",
    )


async def _keeps(wire: Wire, script: Script, found: Findings, read_back: str | None) -> None:
    """Look at repeats and order: at the answers, and with a way to read back at what is really kept."""
    call = uuid4()
    first, second, third = (script.status(call, number) for number in (1, 2, 3))
    answers = [await wire.send(first)]
    kept = await _read_back(wire, read_back, call)
    if read_back is None:
        found.leave("It has a message stored before it answers 2xx.", _NO_READ_BACK)
    else:
        wrong = "It answered 2xx, and the message was not there yet. If you stop in between it is lost for good."
        found.expect("It has a message stored before it answers 2xx.", None if _has(kept, first) else wrong)
    answers += [await wire.send(one) for one in (first, third, second)]
    not_taken = [one for one in answers if not one.taken]
    found.expect(
        "It takes a message again that it has already, and one that comes late.",
        None if not not_taken else f"{_said(not_taken[0])}. Answer 2xx to both, else they come again and again.",
    )
    if read_back is None:
        found.leave("It counts a repeated message once, and keeps the newest status.", _NO_READ_BACK)
        found.leave("It has nothing of what it refused.", _NO_READ_BACK)
        return
    kept = await _read_back(wire, read_back, call)
    messages = _messages(kept)
    twice = sorted({one for one in messages if messages.count(one) > 1})
    found.expect(
        "It counts a repeated message once.",
        f"{len(twice)} messages stand there more than once. Know a message by its webhook-id." if twice else None,
    )
    missing = [one for one in (first, second, third) if str(one.id) not in messages]
    found.expect(
        "It has every message that it answered 2xx to.",
        f"{len(missing)} of 3 messages are missing." if missing else None,
    )
    number = None if kept is None else kept.get("status_number")
    found.expect(
        "It keeps the newest status when an older one comes after it.",
        None
        if number == NEWEST
        else f"It has number {number}, and {NEWEST} is the newest. Go by status_number, not by what came last.",
    )
    forged = uuid4()
    message = script.status(forged, 1)
    await wire.send(message, secrets=(OTHER_KEY,))
    found.expect(
        "It has nothing of what it refused.",
        "A message that another key signed is stored."
        if _messages(await _read_back(wire, read_back, forged))
        else None,
    )


_NO_READ_BACK = "Give --read-back URL, with {call_id} in it, and it is looked at too."


async def _read_back(wire: Wire, read_back: str | None, call: UUID) -> dict[str, Any] | None:
    if read_back is None:
        return None
    try:
        answer = await wire.http.get(read_back.replace("{call_id}", str(call)))
        read: object = answer.json() if answer.is_success else None
    except (httpx.TransportError, ValueError):
        return None
    return cast("dict[str, Any]", read) if isinstance(read, dict) else None


def _messages(kept: dict[str, Any] | None) -> list[str]:
    return [str(one) for one in (kept or {}).get("messages", [])]


def _has(kept: dict[str, Any] | None, message: Message) -> bool:
    return str(message.id) in _messages(kept)


def _said(answer: Reaction) -> str:
    said = str(answer)
    return said[0].upper() + said[1:]
