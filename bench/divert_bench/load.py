"""An HTTP client that costs little: many connections, requests made ready before, answers barely looked at."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ANSWERS_WITHIN = 30.0


@dataclass(slots=True)
class Answers:
    """What came back."""

    seconds: float = 0.0
    """From the first request to the last answer."""
    statuses: dict[int, int] = field(default_factory=dict[int, int])
    """HTTP status to how often."""


def request(url: str, body: bytes, content_type: str = "application/json") -> bytes:
    """Return the bytes of a POST request on a connection that stays open."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use a connection that is open."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """Connect to the host of an address."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def send(self, wire: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body of the answer.

        Raises:
            TimeoutError: no answer in time.
            ConnectionError: the server hung up.
        """
        self._writer.write(wire)
        async with asyncio.timeout(_ANSWERS_WITHIN):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
                return int(head[9:12]), await self._body(head.lower())
            except asyncio.IncompleteReadError as error:
                raise ConnectionError("the server hung up") from error

    async def _body(self, head: bytes) -> bytes:
        at = head.find(b"content-length:")
        if at >= 0:
            return await self._reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
        if b"transfer-encoding: chunked" not in head:
            return b""
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n"))[:-2], 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def flood(url: str, requests: Sequence[bytes], connections: int) -> Answers:
    """Send all requests as fast as the server answers, over so many connections."""
    waiting = iter(requests)
    answers = Answers()
    opened = [await Connection.open(url) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*(_drain(one, waiting, answers) for one in opened))
    answers.seconds = time.perf_counter() - began
    for one in opened:
        one.close()
    return answers


async def _drain(connection: Connection, waiting: Iterator[bytes], answers: Answers) -> None:
    for wire in waiting:
        status, _ = await connection.send(wire)
        answers.statuses[status] = answers.statuses.get(status, 0) + 1
