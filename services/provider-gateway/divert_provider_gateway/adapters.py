"""What the gateway sends over HTTP to a provider's own server, and the guard on where it may send."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
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
from divert_provider_gateway.domain.webhook import (
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

    from divert_chassis.run import Runtime
    from divert_provider_gateway.domain.case import Rules
    from divert_provider_gateway.settings import Settings

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
        endpoint = await self._runtime.get(Endpoint, self._settings.provider)
        now = self._runtime.clock.now()
        if endpoint is None or not endpoint.open:
            return IDLE_LOOKS_EVERY
        room = endpoint.room(MOST_AT_ONCE, now) - len(self._inhand)
        for _, deliveries in await self._runtime.listed(Deliveries, limit=MOST_LOOKED_AT, delivery=WAITING):
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
            outcome = await outward.post(
                url,
                endpoint.signing(self._runtime.clock.now()),
                message=message.id,
                body=message.body.encode(),
                within=max(left, LOOKS_EVERY),
            )
            await self._report(case, message, outcome)
            metrics.WEBHOOK_TRIES.labels(self._runtime.wired.group, outcome.result.value).inc()
            if outcome.result is not Result.DELIVERED or endpoint.failures:
                await self._runtime.send(
                    EndpointHeard(provider=self._settings.provider, url=url, result=outcome.result)
                )
        except Unavailable as why:
            # The claim runs out, and the message is tried again with the same id.
            log.warning("webhook-unreported", fact_id=str(message.id), error=type(why).__name__)
        finally:
            self._inhand.discard(message.id)

    async def _report(self, case: UUID, message: Message, outcome: Outcome) -> None:
        if outcome.result is not Result.DELIVERED:
            log.warning(
                "webhook-failed",
                fact_id=str(message.id),
                case_id=str(case),
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
