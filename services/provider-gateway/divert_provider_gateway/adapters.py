"""What the gateway sends over HTTP to a provider's server or an agency's CAD, and the guard on where it may send."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Self
from uuid import UUID

import aiohttp
from standardwebhooks import Webhook
from yarl import URL

from divert_chassis import logs, metrics
from divert_chassis.clock import real_now
from divert_chassis.errors import TRANSIENT, backoff
from divert_contracts.step import Unavailable
from divert_provider_gateway.domain.books import Entry, Expiry, entry, expiry
from divert_provider_gateway.domain.case import GOING_ON, STOPPED, Case, Roster
from divert_provider_gateway.domain.webhook import (
    URGENT,
    WAITING,
    ClaimDelivery,
    Deliveries,
    DeliveryTried,
    Endpoint,
    EndpointHeard,
    Message,
    Result,
)

if TYPE_CHECKING:
    from types import TracebackType

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from divert_chassis.run import Runtime
    from divert_provider_gateway.domain.case import Rules
    from divert_provider_gateway.settings import Settings

    # asyncpg's classes are generic for type checkers only.
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

log = logs.logger(__name__)

TASK = "webhooks"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
LOOKS_EVERY = 0.1
"""Real seconds between looks at what is to be sent."""
IDLE_LOOKS_EVERY = 1.0
"""The same while there is no endpoint that may be sent to."""
MOST_AT_ONCE = 32
"""Messages under way; more wait their turn, recalls excepted."""
MOST_LOOKED_AT = 500
NEWS_EVERY = 0.25
"""Real seconds between looks for whoever waits for news."""
SPEAKS_EVERY = 10.0
"""Real seconds without news after which a stream says that it is still there."""
CLAIM_SLACK = 10.0
"""Real seconds beyond an attempt's time-out after which its worker is thought dead."""
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""All that is public of IPv6."""
_OK, _REDIRECT, _CLIENT_ERROR, _GONE, _SERVER_ERROR = 200, 300, 400, 410, 500

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]
"""As ``socket.getaddrinfo`` gives it."""


# ---------------------------------------------------------------------------------------------------------- the guard


class ForbiddenAddressError(OSError):
    """A connection was about to be made to where none may be made to."""


def innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes sockets to permitted addresses only.

    It is asked with the very address that is connected to, after the name was resolved: a name that leads elsewhere at
    the second look does not get past it, nor does an address in another spelling.
    """

    listed: Sequence[Network]
    """Networks that are permitted though not public."""
    public: bool
    """Whether public addresses are permitted."""

    def permits(self, text: str) -> bool:
        """Say whether a connection may be made to an address."""
        try:
            address = innermost(ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        if any(address.version == one.version and address in one for one in self.listed):
            return True
        if isinstance(address, IPv6Address) and address not in _UNICAST:
            return False
        return self.public and address.is_global and not (address.is_multicast or address.is_reserved)

    def __call__(self, where: AddressInfo) -> socket.socket:
        """Make a socket for an address.

        Raises:
            ForbiddenAddressError: it is not permitted.
        """
        family, kind, protocol, _, address = where
        if not self.permits(str(address[0])):
            raise ForbiddenAddressError
        return socket.socket(family=family, type=kind, proto=protocol)


# --------------------------------------------------------------------------------------------------------- what is sent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    result: Result
    status: int | None
    seconds: float
    """Real seconds that it took."""
    retry_after: float = 0.0
    """Seconds for which the receiver asks to be left alone."""


def signed(secrets: Sequence[str], message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0: the message's id, the time, and a signature by each secret."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(message, at.astimezone(UTC), body.decode()) for secret in secrets
        ),
    }


class Outward:
    """Sends to providers' servers: signed, guarded, without following redirects, and without reading answers."""

    def __init__(self, settings: Settings) -> None:
        """Know where may be sent."""
        self._settings = settings
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the sessions."""
        listed = self._settings.webhook_private
        self._sessions = {
            "https": await self._session(Guard(listed, public=True)),
            "http": await self._session(Guard(listed, public=False)),
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close them."""
        await self._open.aclose()

    async def _session(self, guard: Guard) -> aiohttp.ClientSession:
        return await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=guard, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": f"divert ({self._settings.webhook_origin})"},
            )
        )

    async def post(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        message: UUID,
        body: bytes,
        within: float | None = None,
    ) -> Outcome:
        """Send one message.

        Args:
            url: of the endpoint.
            secrets: each signs, so that a receiver that knows any of them can tell that it is from us.
            message: its id, the same for every attempt at a message.
            body: the CloudEvent.
            within: real seconds that it may take at the most, where that is less than usual.
        """
        headers = {"Content-Type": CONTENT_TYPE, **signed(secrets, str(message), real_now(), body)}
        began = time.monotonic()
        result, answer = await self._request("POST", url, headers, body, within)
        seconds = round(time.monotonic() - began, 4)
        if answer is None:
            return Outcome(result, None, seconds)
        return Outcome(result, answer.status, seconds, _retry_after(answer))

    async def asked(self, url: str) -> Result | None:
        """Ask an endpoint whether it wants our webhooks (CloudEvents, abuse protection); return None if it does."""
        origin = self._settings.webhook_origin
        result, answer = await self._request("OPTIONS", url, {"WebHook-Request-Origin": origin}, None, None)
        if answer is None or result is not Result.DELIVERED:
            return result
        allowed = {one.strip().lower() for one in answer.headers.get("WebHook-Allowed-Origin", "").split(",")}
        methods = {one.strip().upper() for one in answer.headers.get("Allow", "POST").split(",")}
        return None if allowed & {"*", origin.lower()} and "POST" in methods else Result.REFUSED

    async def _request(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, within: float | None
    ) -> tuple[Result, aiohttp.ClientResponse | None]:
        usual = self._settings.webhook_timeout
        limit = aiohttp.ClientTimeout(total=usual if within is None else min(usual, within))
        try:
            # A URL that is given encoded stays as it is; the guard sees what it leads to.
            target = URL(url)
            async with self._sessions[target.scheme].request(
                method, target, headers=headers, data=body, allow_redirects=False, timeout=limit
            ) as answer:
                return _read(answer.status), answer
        except TimeoutError:
            return Result.TIMED_OUT, None
        except aiohttp.ClientConnectorError as why:
            return Result.FORBIDDEN if isinstance(why.os_error, ForbiddenAddressError) else Result.UNREACHABLE, None
        except (aiohttp.ClientError, ValueError, KeyError, OSError):
            return Result.FAILED, None


def _read(status: int) -> Result:
    if status == _GONE:
        return Result.GONE
    if _OK <= status < _REDIRECT:
        return Result.DELIVERED
    if _REDIRECT <= status < _CLIENT_ERROR:
        return Result.REDIRECTED
    return Result.REFUSED if _CLIENT_ERROR <= status < _SERVER_ERROR else Result.FAILED


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < len("100000") else 0.0


# ------------------------------------------------------------------------------------------------------ the deliveries


class Deliverer:
    """Sends what waits, outside of any transaction, and says what came of it by commands."""

    def __init__(self, runtime: Runtime[Rules], settings: Settings) -> None:
        """Know what to work on; ``run`` does it."""
        self._runtime = runtime
        self._settings = settings
        self._inhand: set[UUID] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        waits = backoff()
        async with Outward(self._settings) as outward, asyncio.TaskGroup() as tasks:
            while True:
                try:
                    wait = await self._look(outward, tasks)
                except TRANSIENT as why:
                    log.warning("webhooks-postponed", error=type(why).__name__)
                    wait = next(waits)
                else:
                    waits = backoff()
                self._runtime.health.beat(TASK)
                await asyncio.sleep(wait)

    async def _look(self, outward: Outward, tasks: asyncio.TaskGroup) -> float:
        """Start what is to be sent now; return the real seconds until the next look."""
        endpoint = await self._runtime.get(Endpoint, self._settings.member)
        now = self._runtime.clock.now()
        gone = endpoint is not None and endpoint.gone_at is not None
        metrics.WEBHOOK_GONE.labels(self._runtime.wired.group).set(gone)
        if endpoint is None or not endpoint.open:
            return IDLE_LOOKS_EVERY
        room = endpoint.room(MOST_AT_ONCE, now) - len(self._inhand)
        # What is urgent is looked at by itself, so that no line of other things can hide it.
        urgent = await self._runtime.listed(Deliveries, limit=MOST_LOOKED_AT, delivery=URGENT)
        others = await self._runtime.listed(Deliveries, limit=MOST_LOOKED_AT, delivery=WAITING)
        for _, deliveries in (*urgent, *others):
            message = deliveries.ready(now)
            if message is None or message.id in self._inhand or (room <= 0 and not message.urgent):
                continue
            self._inhand.add(message.id)
            tasks.create_task(self._deliver(outward, endpoint, deliveries.case_id, message))
            room -= 1
        return LOOKS_EVERY

    async def _deliver(self, outward: Outward, endpoint: Endpoint, case: UUID, message: Message) -> None:
        """Try one message once."""
        try:
            until = self._after(self._settings.webhook_timeout + CLAIM_SLACK)
            reply = await self._runtime.send(ClaimDelivery(case_id=case, message=message.id, until=until))
            url = endpoint.url
            if reply.refusal is not None or url is None:
                return
            left = self._runtime.clock.real_seconds_until(message.until)
            if left <= 0:
                # Its time ran out while the claim waited: what is then to be done is known at the next look.
                return
            outcome = await outward.post(
                url,
                endpoint.signing(self._runtime.clock.now()),
                message=message.id,
                body=message.body.encode(),
                within=left,
            )
            await self._report(case, message, outcome)
            metrics.WEBHOOK_TRIES.labels(self._runtime.wired.group, outcome.result.value).inc()
            if outcome.result is not Result.DELIVERED or await self._failing():
                await self._runtime.send(EndpointHeard(provider=self._settings.member, url=url, result=outcome.result))
        except Unavailable as why:
            # The claim runs out, and the message is tried again with the same id.
            log.warning("webhook-unreported", fact_id=str(message.id), error=type(why).__name__)
        finally:
            self._inhand.discard(message.id)

    async def _failing(self) -> bool:
        """Say whether failures are counted against the endpoint now: others may have ended while one was under way."""
        endpoint = await self._runtime.get(Endpoint, self._settings.member)
        return endpoint is not None and endpoint.failures > 0

    async def _report(self, case: UUID, message: Message, outcome: Outcome) -> None:
        if outcome.result is not Result.DELIVERED:
            log.warning(
                "webhook-failed",
                fact_id=str(message.id),
                key=str(case),
                attempt=len(message.tries) + 1,
                result=outcome.result.value,
                status=outcome.status or 0,
                seconds=outcome.seconds,
            )
        await self._runtime.send(
            DeliveryTried(
                case_id=case,
                message=message.id,
                result=outcome.result,
                status=outcome.status,
                seconds=outcome.seconds,
                retry_after=outcome.retry_after,
            )
        )

    def _after(self, seconds: float) -> datetime:
        """Return the domain time in so many real seconds."""
        now = self._runtime.clock.now()
        step = timedelta(seconds=1)
        real = self._runtime.clock.real_seconds_until(now + step)
        return now + step * (seconds / real if real > 0 else seconds)


# ----------------------------------------------------------------------------------------------------------- the books


class PostgresCasebook:
    """The provider's books: one row a case that was taken or that expired, without private words."""

    ddl = """
    CREATE TABLE IF NOT EXISTS casebook (
        case_id text PRIMARY KEY, taken_at timestamptz, follow_up_due timestamptz, follow_up_done timestamptz,
        noted_at timestamptz, expired_at timestamptz, document text NOT NULL
    );
    CREATE INDEX IF NOT EXISTS casebook_taken ON casebook (taken_at DESC) WHERE taken_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS casebook_owed ON casebook (follow_up_due) WHERE follow_up_due IS NOT NULL;
    CREATE INDEX IF NOT EXISTS casebook_made ON casebook (follow_up_done DESC) WHERE follow_up_done IS NOT NULL;
    CREATE INDEX IF NOT EXISTS casebook_noted ON casebook (noted_at DESC) WHERE noted_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS casebook_expired ON casebook (expired_at DESC) WHERE expired_at IS NOT NULL;
    """

    async def save(self, connection: Connection, changed: Sequence[tuple[str, Case]]) -> None:
        """Write the entries of the cases that changed."""
        entries = [(key, one) for key, case in changed if (one := entry(case)) is not None]
        if entries:
            await connection.executemany(
                "INSERT INTO casebook VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (case_id) DO UPDATE SET "
                "(taken_at, follow_up_due, follow_up_done, noted_at, expired_at, document) = "
                "(excluded.taken_at, excluded.follow_up_due, excluded.follow_up_done, excluded.noted_at, "
                "excluded.expired_at, excluded.document)",
                [
                    (
                        key,
                        one.taken_at,
                        one.follow_up_due if one.owed else None,
                        one.follow_up_at if one.follow_up_due is not None and not one.owed else None,
                        one.noted_at,
                        one.expired_at,
                        one.model_dump_json(),
                    )
                    for key, one in entries
                ],
            )


class PostgresDuty:
    """How many teams were on duty from when on."""

    ddl = "CREATE TABLE IF NOT EXISTS duty (since timestamptz PRIMARY KEY, teams int NOT NULL);"

    async def save(self, connection: Connection, changed: Sequence[tuple[str, Roster]]) -> None:
        """Note a change of who is on duty."""
        rows = [(roster.changed_at, len(roster.teams)) for _, roster in changed if roster.changed_at is not None]
        if rows:
            await connection.executemany(
                "INSERT INTO duty VALUES ($1, $2) ON CONFLICT (since) DO UPDATE SET teams = excluded.teams", rows
            )


class Casebook:
    """Reads the provider's books."""

    def __init__(self, runtime: Runtime[Rules]) -> None:
        """Read what a running gateway keeps."""
        self._runtime = runtime

    async def owed(self, most: int) -> tuple[Entry, ...]:
        """Return the cases whose follow-up is still to be made, those due first before the others."""
        return await self._entries("follow_up_due IS NOT NULL ORDER BY follow_up_due, case_id LIMIT $1", most)

    async def made(self, most: int) -> tuple[Entry, ...]:
        """Return the cases whose follow-up was made, newest first."""
        return await self._entries("follow_up_done IS NOT NULL ORDER BY follow_up_done DESC, case_id LIMIT $1", most)

    async def taken(self, most: int) -> tuple[Entry, ...]:
        """Return the cases that were taken last."""
        return await self._entries("taken_at IS NOT NULL ORDER BY taken_at DESC, case_id LIMIT $1", most)

    async def events(self, most: int) -> tuple[Entry, ...]:
        """Return the cases on which something went wrong, newest first."""
        return await self._entries("noted_at IS NOT NULL ORDER BY noted_at DESC, case_id LIMIT $1", most)

    async def expiries(self, since: datetime, until: datetime, most: int) -> tuple[Expiry, ...]:
        """Return the offers that expired between two times, newest first, each with its cause."""
        entries = await self._entries(
            "expired_at >= $1 AND expired_at < $2 ORDER BY expired_at DESC, case_id LIMIT $3", since, until, most
        )
        endpoint = await self._runtime.get(Endpoint, str(self._runtime.wired.member))
        since_when = None if endpoint is None else endpoint.registered_at
        found: list[Expiry] = []
        for one in entries:
            deliveries = await self._runtime.get(Deliveries, str(one.case_id))
            teams = await self._runtime.pool.fetchval(
                "SELECT teams FROM duty WHERE since <= $1 ORDER BY since DESC LIMIT 1", one.offered_at
            )
            by_webhook = since_when is not None and one.came_at is not None and since_when <= one.came_at
            why = expiry(one, () if deliveries is None else deliveries.log, teams, by_webhook=by_webhook)
            found += [] if why is None else [why]
        return tuple(found)

    async def _entries(self, where: str, *values: object) -> tuple[Entry, ...]:
        rows = await self._runtime.pool.fetch(f"SELECT document FROM casebook WHERE {where}", *values)  # noqa: S608 (constants)
        return tuple(Entry.model_validate_json(row["document"]) for row in rows)


# ------------------------------------------------------------------------------------------------------------ the news


async def open_cases(runtime: Runtime[Rules], limit: int = MOST_LOOKED_AT, **columns: str) -> tuple[Case, ...]:
    """Return the open cases, those that go on before recalls: of those some may never be confirmed.

    Raises:
        Unavailable: Postgres does not answer.
    """
    going_on = await runtime.listed(Case, limit=limit, open=GOING_ON, **columns)
    stopped = await runtime.listed(Case, limit=limit, open=STOPPED, **columns)
    return tuple(case for _, case in (*going_on, *stopped))


class Watch:
    """The open cases, looked up once for everybody who waits for news at the same time."""

    def __init__(self, runtime: Runtime[Rules]) -> None:
        """Look through a running gateway."""
        self._runtime = runtime
        self._looking = asyncio.Lock()
        self._cases: tuple[Case, ...] = ()
        self._until = 0.0

    async def now(self) -> tuple[Case, ...]:
        """Return the open cases as they were a moment ago at most.

        Raises:
            Unavailable: Postgres does not answer.
        """
        async with self._looking:
            if time.monotonic() >= self._until:
                self._cases = await open_cases(self._runtime)
                self._until = time.monotonic() + NEWS_EVERY
            return self._cases

    async def changed(self, columns: Mapping[str, str], seen: str, seconds: float, limit: int) -> tuple[Case, ...]:
        """Return the open cases with these listing columns once they are others than those seen, or in the end.

        Raises:
            Unavailable: Postgres does not answer.
        """
        until = time.monotonic() + seconds
        while True:
            fitting = (case for case in await self.now() if columns.items() <= case.listing().items())
            found = tuple(fitting)[:limit]
            if digest_of(found) != seen or time.monotonic() >= until:
                return found
            await asyncio.sleep(NEWS_EVERY)

    async def news(self, seconds: float, named: Callable[[Iterable[object]], None]) -> AsyncIterator[bytes]:
        """Yield server-sent events: every open case, then each that changes, and each that is open no more.

        Args:
            seconds: real ones after which it ends.
            named: is told the ids of the cases that are shown.
        """
        until = time.monotonic() + seconds
        known: dict[UUID, str] = {}
        spoke = 0.0
        while time.monotonic() < until:
            try:
                cases = await self.now()
            except Unavailable:
                return  # the connection ends, and whoever listens connects again
            digests = {case.case_id: _digest(case.model_dump_json()) for case in cases}
            changed = [case for case in cases if known.get(case.case_id) != digests[case.case_id]]
            named(case.case_id for case in changed)
            for case in changed:
                digest = known[case.case_id] = digests[case.case_id]
                spoke = time.monotonic()
                yield f"event: case\nid: {digest}\ndata: {case.model_dump_json()}\n\n".encode()
            for gone in known.keys() - {case.case_id for case in cases}:
                del known[gone]
                spoke = time.monotonic()
                yield f'event: ended\ndata: {{"case_id": "{gone}"}}\n\n'.encode()
            if time.monotonic() - spoke >= SPEAKS_EVERY:
                spoke = time.monotonic()
                yield b": here\n\n"
            await asyncio.sleep(NEWS_EVERY)


def digest_of(cases: Sequence[Case]) -> str:
    """Return what stands for cases as they are now."""
    return _digest("".join(case.model_dump_json() for case in cases))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
