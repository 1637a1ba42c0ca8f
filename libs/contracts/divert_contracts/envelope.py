"""The envelope: CloudEvents 1.0.2 on Kafka. Attributes are ``ce_`` headers, the value is the fact (binary mode).

Others may write the structured mode too, which is read as well; on Kafka divert writes the binary mode alone.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Generic
from uuid import UUID

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeVar

from divert_contracts import ids
from divert_contracts.facts.base import Fact
from divert_contracts.step import Rejected
from divert_contracts.topics import FACTS

Headers = tuple[tuple[str, bytes | None], ...]
F_co = TypeVar("F_co", bound=Fact, default=Fact, covariant=True)

CONTENT_TYPE = b"application/json"
_EVENT = TypeAdapter(dict[str, JsonValue])

_ATTRIBUTES = {
    "content-type": "datacontenttype",
    "traceparent": "traceparent",
    "ce_specversion": "specversion",
    "ce_id": "id",
    "ce_source": "source",
    "ce_type": "type",
    "ce_time": "time",
    "ce_subject": "subject",
    "ce_partitionkey": "partitionkey",
    "ce_causationid": "causationid",
    "ce_causationkind": "causationkind",
    "ce_sequence": "sequence",
}
"""The usual headers, looked up as they are; others are compared in lower case."""
_STRUCTURED = "application/cloudevents"
OWN = "/divert/"
"""How the sources of divert's own facts begin. Only their ids are taken as they are: a provider may well write a status
under the id of the offer that it answers."""
_LONGEST_COUNT = 18
"""Digits that surely fit a 64-bit integer."""


class UnknownType(Exception):
    """A valid envelope of a type that this version does not know: to be skipped and counted."""


@dataclass(frozen=True)
class Envelope(Generic[F_co]):
    """A published fact with what identifies it."""

    id: UUID
    source: str
    """Who wrote it: ``/divert/routing``, ``/divert/provider-gateway/exodus``."""
    fact: F_co
    cause: UUID | None = None
    """The id of what it follows from."""
    caused_by: str = "fact"
    """What kind of thing the cause is: ``fact`` (it stands on a topic), ``command``, ``timer`` or ``failure``."""
    sequence: int | None = None
    """The version of the writer's state for this key; null from stateless writers."""
    traceparent: str | None = None
    """W3C trace context of the hop that wrote it."""

    @property
    def key(self) -> str:
        """The Kafka key: what partitions and orders the fact."""
        return self.fact.key


def encode(envelope: Envelope) -> tuple[bytes, bytes, Headers]:
    """Return key, value and headers of a Kafka record, with the fact as it is given (private part and all)."""
    fact = envelope.fact
    key = fact.key.encode()
    headers: list[tuple[str, bytes]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(envelope.id).encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", fact.type_name().encode()),
        ("ce_time", _time(fact.occurred_at)),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        ("content-type", CONTENT_TYPE),
    ]
    if envelope.cause is not None:
        headers.append(("ce_causationid", str(envelope.cause).encode()))
        if envelope.caused_by != "fact":
            headers.append(("ce_causationkind", envelope.caused_by.encode()))
    if envelope.sequence is not None:
        headers.append(("ce_sequence", str(envelope.sequence).encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return key, to_json(fact, exclude_none=True), tuple(headers)


def structured(envelope: Envelope) -> bytes:
    """Return the same as one JSON document (structured mode), for transports that sign a body and no headers."""
    _, value, headers = encode(envelope)
    attributes = {_ATTRIBUTES[name]: given.decode() for name, given in headers if given is not None}
    return to_json(attributes)[:-1] + b',"data":' + value + b"}"


def decode(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read a Kafka record.

    Raises:
        Rejected: not a CloudEvent, or the value is not a fact of its type; the message is a coded word.
        UnknownType: a valid envelope of a type that this version does not know.
    """
    attributes, data = read(value, headers)
    model = FACTS.get(attributes["type"])
    if model is None:
        raise UnknownType(attributes["type"])
    if data is None:
        raise Rejected("value:missing")
    try:
        fact = model.model_validate_json(data)
    except ValidationError as error:
        raise Rejected(f"value:{_places(error)}") from None
    return Envelope(
        id=identity(attributes, data),
        source=attributes["source"],
        fact=fact,
        cause=_uuid(attributes.get("causationid")),
        caused_by=attributes.get("causationkind", "fact"),
        sequence=_count(attributes.get("sequence")),
        traceparent=attributes.get("traceparent"),
    )


def identity(attributes: Mapping[str, str], data: bytes | None) -> UUID:
    """Return the id under which a CloudEvent is known here.

    Of others' events what they say is part of it: a client that counts from the beginning again, and so uses an id a
    second time, may be calling for help.
    """
    source, given = attributes["source"], attributes["id"]
    if source.startswith(OWN):
        return _uuid(given) or ids.foreign_id(source, given)
    return ids.foreign_id(source, f"{given}:{sha256(data or b'').hexdigest()}")


def read(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> tuple[Mapping[str, str], bytes | None]:
    """Return the attributes and the data of any CloudEvent, in binary mode or structured as JSON.

    Foreign headers are tolerated; of a repeated header the last counts. The content type decides the mode, also where
    there are ``ce_`` headers.

    Raises:
        Rejected: not a CloudEvent 1.0; the message is a coded word.
    """
    attributes: dict[str, str] = {}
    for name, given in headers:
        attribute = _ATTRIBUTES.get(name) or _attribute(name)
        if attribute is not None and given is not None:
            attributes[attribute] = given.decode("utf-8", "replace")
    if attributes.get("datacontenttype", "").lower().startswith(_STRUCTURED):
        attributes, value = _structured(attributes, value)
    for required in ("type", "source", "id"):
        if not attributes.get(required):
            raise Rejected(f"envelope:{required}")
    if attributes.get("specversion") != "1.0":
        raise Rejected("envelope:specversion")
    return attributes, value


def _attribute(header: str) -> str | None:
    lowered = header.lower()
    return lowered.removeprefix("ce_") if lowered.startswith("ce_") else _ATTRIBUTES.get(lowered)


def _structured(headers: Mapping[str, str], value: bytes | None) -> tuple[dict[str, str], bytes | None]:
    if headers["datacontenttype"].partition(";")[0].strip().lower() != f"{_STRUCTURED}+json":
        raise Rejected("envelope:format")
    try:
        event = _EVENT.validate_json(value or b"")
    except ValidationError:
        raise Rejected("envelope:structured") from None
    attributes = {name: str(given) for name, given in event.items() if isinstance(given, str | int)}
    if "traceparent" in headers:
        attributes.setdefault("traceparent", headers["traceparent"])
    for member in ("data", "data_base64"):
        attributes.pop(member, None)
    encoded = event.get("data_base64")
    if isinstance(encoded, str):
        try:
            return attributes, b64decode(encoded, validate=True)
        except ValueError:
            raise Rejected("envelope:data_base64") from None
    return attributes, to_json(event["data"]) if "data" in event else None


def _time(at: datetime) -> bytes:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00").encode() + b"Z"


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT else None


def _places(error: ValidationError) -> str:
    """Name the fields that did not fit, never what stood in them."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[:5]
    # A location may hold a key of the sender's: only the names of our own fields are kept.
    return ",".join(f"{problem['type']}@{problem['loc'][0] if problem['loc'] else ''}" for problem in first)
