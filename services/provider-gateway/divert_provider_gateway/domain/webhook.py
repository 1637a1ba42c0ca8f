"""Webhooks: where a provider is told of its cases, or an agency's CAD of its calls, and what became of every message.

Pure, as all of it. All times are domain time, for they are measured against the offer's deadline; what a socket may
take is not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from divert_contracts.envelope import Envelope, structured
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallHandedOff,
    CallStatusChanged,
    CaseErased,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
    PrivateErased,
    QuestionAnswered,
)
from divert_contracts.model import Model, Term
from divert_contracts.step import Command, Due, Next, Refusal, Rejected, State, Timer
from divert_provider_gateway.domain.case import Rules

TRIES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 5, 10, 20))
"""When a message is tried, counted from its first attempt."""
AGAIN_EVERY = timedelta(seconds=20)
"""What is no offer is tried on and on after that: a recall is about somebody's safety."""
NEWS_LASTS = timedelta(minutes=10)
"""For so long; a recall that is not confirmed comes anew from routing long before."""
AGENCY_NEWS_LASTS = timedelta(hours=24)
"""What a CAD was not told while it was down it is told later, in order; a gap shows in ``status_number``."""
MOST_WAITING = 200
"""Statuses of one call that wait for a CAD; beyond that the oldest go, and the gap shows."""
MOST_PATIENT = timedelta(seconds=60)
"""A receiver that asks for more time than this is tried before."""
OVERLAP = timedelta(days=1)
"""How long an old secret signs beside the new one unless it is said otherwise."""
LONGEST_OVERLAP = timedelta(days=30)
MOST_SECRETS = 3
FAILURES_BEFORE_PAUSE = 5
"""Failures in a row after which an endpoint is left alone for a while."""
PAUSE = timedelta(seconds=5)
MOST_TRIES_LOGGED = 50
MOST_LOGGED = 200
"""Messages of one case; a recall that nobody confirms is repeated for as long as it takes."""
LONGEST_URL = 2_000


class Result(Term):
    """What came of one attempt."""

    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    """Answered with 2xx."""
    GONE = "gone"
    """410: nothing more is to be sent there."""
    REDIRECTED = "redirected"
    """3xx: never followed."""
    REFUSED = "refused"
    """Any other 4xx."""
    FAILED = "failed"
    """5xx, or nothing that is HTTP."""
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    """The name leads to an address where this gateway must not send."""


class Ending(Term):
    """Why a message is sent no more."""

    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    """Its time was over, or its attempts were; without an attempt: there was nowhere to send it."""
    SUPERSEDED = "superseded"
    """Something newer says more: a recall, or the next update."""


class Secret(Model):
    """A key that signs."""

    value: str = Field(repr=False)
    """``whsec_`` and base64."""
    until: AwareDatetime | None = None
    """When it signs no more; null for the newest."""


class Endpoint(State):
    """Where a provider takes its webhooks, if it does; or an agency's CAD, in its own gateway."""

    provider: str
    """Its id, or the agency's."""
    url: str | None = None
    secrets: tuple[Secret, ...] = ()
    registered_at: AwareDatetime | None = None
    gone_at: AwareDatetime | None = None
    """When it answered 410; registering it again takes that back."""
    failures: int = 0
    """In a row, up to now."""
    failing_since: AwareDatetime | None = None
    pause_until: AwareDatetime | None = None

    def due(self) -> tuple[Due, ...]:
        """Return when old secrets go."""
        return tuple(Due(one.until, SecretOver()) for one in self.secrets if one.until is not None)

    @property
    def open(self) -> bool:
        """Say whether it may be sent to at all: registered, and not gone."""
        return self.url is not None and self.gone_at is None

    def room(self, most: int, at: datetime) -> int:
        """Return how many messages may be under way: one to try with after many failures, none in the pause."""
        if self.pause_until is not None and at < self.pause_until:
            return 0
        return 1 if self.failures >= FAILURES_BEFORE_PAUSE else most

    def signing(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign now, the newest first."""
        return tuple(one.value for one in reversed(self.secrets) if one.until is None or at < one.until)


class SecretOver(Timer):
    """An old secret has signed long enough."""


class RegisterEndpoint(Command):
    """Send everything to this address from now on."""

    provider: str
    url: str
    secret: str = Field(repr=False)

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class RotateSecret(Command):
    """Sign with a new secret, and for a while with the old ones beside it."""

    provider: str
    secret: str = Field(repr=False)
    overlap: timedelta = OVERLAP

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class RemoveEndpoint(Command):
    """Send no more webhooks."""

    provider: str

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class EndpointHeard(Command):
    """What came of an attempt, as far as it says something of the endpoint."""

    provider: str
    url: str
    """An answer of an address that is not the endpoint's any more says nothing."""
    result: Result

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class EndpointStatus(Model):
    """An endpoint as it is shown: without its secrets."""

    url: str
    registered_at: AwareDatetime
    secrets: int
    """How many sign at the moment."""
    gone_at: AwareDatetime | None
    """Since when nothing is sent because it answered 410."""
    failing_since: AwareDatetime | None
    failures: int
    """In a row."""


NO_ENDPOINT = Refusal("no-webhook", "No webhook is registered.", 404)
BAD_URL = Refusal(
    "webhook-url", "The address must be an https URL with a host, without user, password or fragment.", 422
)
BAD_OVERLAP = Refusal("webhook-overlap", "An old secret signs for between nothing and 30 days more.", 422)


def addressable(url: str) -> bool:
    """Say whether an address may be an endpoint's, as far as its text tells; http is for whom the guard lets pass."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    whole = parts.scheme in {"https", "http"} and bool(parts.hostname) and port != 0
    return plain and whole and len(url) <= LONGEST_URL and parts.username is None and not parts.fragment


def status(endpoint: Endpoint, at: datetime) -> EndpointStatus | None:
    """Return the endpoint as it is shown, or None where none is registered."""
    if endpoint.url is None or endpoint.registered_at is None:
        return None
    return EndpointStatus(
        url=endpoint.url,
        registered_at=endpoint.registered_at,
        secrets=len(endpoint.signing(at)),
        gone_at=endpoint.gone_at,
        failing_since=endpoint.failing_since,
        failures=endpoint.failures,
    )


def registered(endpoint: Endpoint, command: RegisterEndpoint, _rules: Rules, at: datetime) -> Next[Endpoint]:
    """Send to this address from now on, with a secret of its own."""
    if not addressable(command.url):
        return Next(endpoint, refused=BAD_URL)
    after = Endpoint(
        provider=endpoint.provider, url=command.url, secrets=(Secret(value=command.secret),), registered_at=at
    )
    return Next(after, answer=status(after, at))


def rotated(endpoint: Endpoint, command: RotateSecret, _rules: Rules, at: datetime) -> Next[Endpoint]:
    """Sign with the new secret, and with those before it until their time is over."""
    if endpoint.url is None:
        return Next(endpoint, refused=NO_ENDPOINT)
    if not timedelta() <= command.overlap <= LONGEST_OVERLAP:
        return Next(endpoint, refused=BAD_OVERLAP)
    over = at + command.overlap
    old = tuple(
        one.model_copy(update={"until": over if one.until is None else min(one.until, over)})
        for one in endpoint.secrets
        if one.until is None or one.until > at
    )
    kept = tuple(one for one in old if one.until is not None and one.until > at)[-(MOST_SECRETS - 1) :]
    after = endpoint.model_copy(update={"secrets": (*kept, Secret(value=command.secret))})
    return Next(after, answer=status(after, at))


def removed(endpoint: Endpoint, _command: RemoveEndpoint, _rules: Rules, _at: datetime) -> Next[Endpoint]:
    """Forget address and secrets."""
    if endpoint.url is None:
        return Next(endpoint, refused=NO_ENDPOINT)
    return Next(Endpoint(provider=endpoint.provider))


def heard(endpoint: Endpoint, command: EndpointHeard, _rules: Rules, at: datetime) -> Next[Endpoint]:
    """Count failures; after many in a row leave it alone for a moment, after a 410 for good."""
    if command.url != endpoint.url:
        return Next(endpoint)
    if command.result is Result.DELIVERED:
        return Next(endpoint.model_copy(update={"failures": 0, "failing_since": None, "pause_until": None}))
    failures = endpoint.failures + 1
    return Next(
        endpoint.model_copy(
            update={
                "failures": failures,
                "failing_since": endpoint.failing_since or at,
                "pause_until": at + PAUSE if failures >= FAILURES_BEFORE_PAUSE else None,
                "gone_at": endpoint.gone_at or at if command.result is Result.GONE else endpoint.gone_at,
            }
        )
    )


def secret_over(endpoint: Endpoint, _timer: SecretOver, _rules: Rules, at: datetime) -> Next[Endpoint]:
    """Let old secrets go."""
    kept = tuple(one for one in endpoint.secrets if one.until is None or one.until > at)
    return Next(endpoint.model_copy(update={"secrets": kept}))


# --------------------------------------------------------------------------------------------------------- deliveries


class Try(Model):
    """One attempt."""

    at: AwareDatetime
    """When its end was noted."""
    result: Result
    status: int | None = None
    """The HTTP status, where there was one."""
    seconds: float
    """Real seconds that it took."""


class Delivery(Model):
    """What became of a message. Of what it said nothing is kept."""

    id: UUID
    """The fact's id, and the ``webhook-id``."""
    type: str
    """The fact's type."""
    came_at: AwareDatetime
    tries: tuple[Try, ...] = ()
    ending: Ending
    ended_at: AwareDatetime


class Message(Model):
    """Something that the provider is still to be told."""

    id: UUID
    type: str
    body: str = Field(repr=False)
    """The CloudEvent; may hold private words, and goes with the message."""
    came_at: AwareDatetime
    next_try: AwareDatetime
    until: AwareDatetime
    """When it is of no use any more."""
    lasting: bool
    """Whether it is tried on when its first attempts are over."""
    urgent: bool
    """A recall, a hand-off or a call for assistance: neither a pause nor a full line holds it up."""
    repeats: UUID | None = None
    """The hand-off or call for assistance that it is of: a repeat takes the place of the one before."""
    first_try_at: AwareDatetime | None = None
    tries: tuple[Try, ...] = ()
    claimed_until: AwareDatetime | None = None
    """Until when a worker has it in hand."""

    @property
    def steps_aside(self) -> bool:
        """Say whether what follows may go first: it is tried on for a day, though the receiver does not want it."""
        return self.urgent and bool(self.tries) and self.tries[-1].result is Result.REFUSED


def trial(source: str, id: UUID, at: datetime) -> bytes:  # noqa: A002
    """Return a message of a gateway that says nothing: to see whether one arrives."""
    event: dict[str, JsonValue] = {
        "specversion": "1.0",
        "id": str(id),
        "source": source,
        "type": TRIAL,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": {},
    }
    return json.dumps(event).encode()


TRIAL = "divert.WebhookTested.v1"


class Deliveries(State):
    """What one case's provider is told by webhook: one message after the other, so that they come in order.

    In an agency's gateway it is what CAD is told of one call.
    """

    case_id: UUID
    """The case's id; in an agency's gateway the call's."""
    waiting: tuple[Message, ...] = ()
    recalled_at: AwareDatetime | None = None
    """When the newest recall was said; what was said before it is not sent after it."""
    erased: bool = False
    """The private words were erased: none are sent again."""
    log: tuple[Delivery, ...] = ()

    def due(self) -> tuple[Due, ...]:
        """Return when messages are of no use any more."""
        return tuple(Due(one.until, DeliveryOver()) for one in self.waiting)

    def listing(self) -> Mapping[str, str | datetime | None]:
        """List what waits, and what was tried in vain."""
        if self.waiting:
            return {"delivery": URGENT if any(one.urgent for one in self.waiting) else WAITING}
        last = self.log[-1] if self.log else None
        vain = last is not None and last.ending is Ending.GIVEN_UP and last.tries
        return {"delivery": UNDELIVERED} if vain else {}

    def ready(self, at: datetime) -> Message | None:
        """Return the message that is to be tried now: the first, or what follows one that steps aside."""
        for one in self.waiting:
            if one.claimed_until is not None and at < one.claimed_until:
                return None
            if one.next_try <= at < one.until:
                return one
            if not one.steps_aside:
                return None
        return None


MAY_BE_PRIVATE = frozenset({CaseOffered.type_name(), CaseUpdated.type_name()})
URGENT, WAITING, UNDELIVERED = "urgent", "waiting", "undelivered"


class DeliveryOver(Timer):
    """A message is of no use any more."""


class ClaimDelivery(Command):
    """A worker is about to try a message."""

    case_id: UUID
    message: UUID
    until: AwareDatetime
    """When it can be thought dead."""

    @property
    def key(self) -> str:
        """The case's id."""
        return str(self.case_id)


class DeliveryTried(Command):
    """A worker has tried a message."""

    case_id: UUID
    message: UUID
    result: Result
    status: int | None = None
    seconds: float
    retry_after: Annotated[float, Field(ge=0)] = 0
    """Seconds for which the receiver asks to be left alone."""

    @property
    def key(self) -> str:
        """The case's id."""
        return str(self.case_id)


NOT_YOURS = Refusal("not-to-be-tried", "Somebody else has this message, or it is over.")


def told(deliveries: Deliveries, envelope: Envelope, _rules: Rules, at: datetime) -> Next[Deliveries]:
    """Have the provider told of a fact. Whether it takes webhooks is asked when there is something to send."""
    if deliveries.erased:
        envelope = replace(envelope, fact=envelope.fact.without_private())
    fact = envelope.fact
    match fact:
        case CaseOffered():
            until, lasting = fact.answer_by, False
        case CaseRecalled():
            until, lasting = max(at + NEWS_LASTS, fact.confirm_by or at), True
        case CaseUpdated() | QuestionAnswered() | CaseErased():
            until, lasting = at + NEWS_LASTS, True
        case _:
            raise Rejected(f"webhook:{fact.type_name()}")
    message = Message(
        id=envelope.id,
        type=fact.type_name(),
        body=structured(envelope).decode(),
        came_at=at,
        next_try=at,
        until=until,
        lasting=lasting,
        urgent=isinstance(fact, CaseRecalled),
    )
    if deliveries.recalled_at is not None and fact.occurred_at < deliveries.recalled_at:
        return Next(_ended(deliveries, [message], Ending.SUPERSEDED, at))
    if isinstance(fact, CaseRecalled):
        deliveries = _ended(deliveries, deliveries.waiting, Ending.SUPERSEDED, at)
        deliveries = deliveries.model_copy(update={"recalled_at": fact.occurred_at})
    if isinstance(fact, CaseErased):
        private = [one for one in deliveries.waiting if one.type in MAY_BE_PRIVATE]
        deliveries = _ended(deliveries, private, Ending.SUPERSEDED, at).model_copy(update={"erased": True})
    if isinstance(fact, CaseUpdated):
        older = [one for one in deliveries.waiting if one.type == message.type]
        deliveries = _ended(deliveries, older, Ending.SUPERSEDED, at)
    if at >= until:
        return Next(_ended(deliveries, [message], Ending.GIVEN_UP, at))
    return Next(deliveries.model_copy(update={"waiting": (*deliveries.waiting, message)}))


def told_agency(deliveries: Deliveries, envelope: Envelope, _rules: Rules, at: datetime) -> Next[Deliveries]:
    """Have an agency's CAD told of a fact: statuses in their order; what a dispatcher must accept before them."""
    if deliveries.erased:
        envelope = replace(envelope, fact=envelope.fact.without_private())
    fact = envelope.fact
    if not isinstance(fact, CallStatusChanged | CallHandedOff | AssistanceRequested):
        raise Rejected(f"webhook:{fact.type_name()}")
    owed = None if isinstance(fact, CallStatusChanged) else fact.handoff_id
    message = Message(
        id=envelope.id,
        type=fact.type_name(),
        body=structured(envelope).decode(),
        came_at=at,
        next_try=at,
        until=at + AGENCY_NEWS_LASTS,
        lasting=True,
        urgent=owed is not None,
        repeats=owed,
    )
    if owed is None:
        statuses = [one for one in deliveries.waiting if one.repeats is None]
        deliveries = _ended(deliveries, statuses[: max(0, len(statuses) + 1 - MOST_WAITING)], Ending.SUPERSEDED, at)
        return Next(deliveries.model_copy(update={"waiting": (*deliveries.waiting, message)}))
    before = [one for one in deliveries.waiting if one.repeats == owed]
    deliveries = _ended(deliveries, before, Ending.SUPERSEDED, at)
    urgent = tuple(one for one in deliveries.waiting if one.urgent)
    others = tuple(one for one in deliveries.waiting if not one.urgent)
    return Next(deliveries.model_copy(update={"waiting": (*urgent, message, *others)}))


def private_erased(deliveries: Deliveries, _fact: PrivateErased, _rules: Rules, at: datetime) -> Next[Deliveries]:
    """Let go of what still waits for CAD with the call's private words: a dispatcher has accepted it long since."""
    private = [one for one in deliveries.waiting if one.repeats is not None]
    return Next(_ended(deliveries, private, Ending.SUPERSEDED, at).model_copy(update={"erased": True}))


def claimed(deliveries: Deliveries, command: ClaimDelivery, _rules: Rules, at: datetime) -> Next[Deliveries]:
    """Keep other workers from the message for a while."""
    head = deliveries.ready(at)
    if head is None or head.id != command.message:
        return Next(deliveries, refused=NOT_YOURS)
    taken = {"claimed_until": command.until, "first_try_at": head.first_try_at or at}
    return Next(_with(deliveries, head.model_copy(update=taken)))


def tried(
    tries: Sequence[timedelta], deliveries: Deliveries, command: DeliveryTried, _rules: Rules, at: datetime
) -> Next[Deliveries]:
    """Note an attempt; decide whether there is another, and when.

    Args:
        tries: when a message is tried, counted from its first attempt.
        deliveries: of the case.
        command: how the attempt ended.
        at: now.
    """
    attempt = Try(at=at, result=command.result, status=command.status, seconds=command.seconds)
    message = next((one for one in deliveries.waiting if one.id == command.message), None)
    if message is None:
        return Next(_noted_late(deliveries, command.message, attempt))
    message = message.model_copy(
        update={"tries": (*message.tries, attempt)[-MOST_TRIES_LOGGED:], "claimed_until": None}
    )
    deliveries = _with(deliveries, message)
    if command.result is Result.DELIVERED:
        return Next(_ended(deliveries, [message], Ending.DELIVERED, at))
    asked = at + min(timedelta(seconds=command.retry_after), MOST_PATIENT)
    planned = _planned(tries, message)
    # What is refused again and again must not keep back what follows it.
    followed = deliveries.waiting[-1].id != message.id
    in_the_way = command.result is Result.REFUSED and not message.urgent and followed
    if in_the_way and len(message.tries) >= len(tries):
        planned = None
    if planned is None or max(planned, asked) >= message.until:
        return Next(_ended(deliveries, [message], Ending.GIVEN_UP, at))
    return Next(_with(deliveries, message.model_copy(update={"next_try": max(planned, asked)})))


def delivery_over(deliveries: Deliveries, _timer: DeliveryOver, _rules: Rules, at: datetime) -> Next[Deliveries]:
    """Send no longer what is of no use any more."""
    over = [one for one in deliveries.waiting if one.until <= at]
    return Next(_ended(deliveries, over, Ending.GIVEN_UP, at))


def _planned(tries: Sequence[timedelta], message: Message) -> datetime | None:
    """Return when a message is tried again that was just tried in vain; None: not at all."""
    made = len(message.tries)
    if made < len(tries):
        return (message.first_try_at or message.came_at) + tries[made]
    return message.tries[-1].at + AGAIN_EVERY if message.lasting else None


def _with(deliveries: Deliveries, message: Message) -> Deliveries:
    return deliveries.model_copy(
        update={"waiting": tuple(message if one.id == message.id else one for one in deliveries.waiting)}
    )


def _ended(deliveries: Deliveries, messages: Sequence[Message], ending: Ending, at: datetime) -> Deliveries:
    gone = {one.id for one in messages}
    ended = tuple(
        Delivery(id=one.id, type=one.type, came_at=one.came_at, tries=one.tries, ending=ending, ended_at=at)
        for one in messages
    )
    waiting = tuple(one for one in deliveries.waiting if one.id not in gone)
    return deliveries.model_copy(update={"waiting": waiting, "log": (*deliveries.log, *ended)[-MOST_LOGGED:]})


def _noted_late(deliveries: Deliveries, message: UUID, attempt: Try) -> Deliveries:
    """Note an attempt at a message that came to its end meanwhile."""
    log = tuple(
        one.model_copy(update={"tries": (*one.tries, attempt)[-MOST_TRIES_LOGGED:]}) if one.id == message else one
        for one in deliveries.log
    )
    return deliveries.model_copy(update={"log": log})
