"""What is still known of a record that cannot be handled."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord

from divert_chassis.consumer import Record
from divert_chassis.engine import type_of
from divert_contracts.envelope import Envelope, Headers, encode
from divert_contracts.facts.cases import EmergencyRaised

EMERGENCY = EmergencyRaised(
    occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
    call_id=UUID(int=1),
    agency="lapd",
    case_id=UUID(int=2),
    provider="exodus",
    epoch=1,
)


def record(value: bytes, headers: Headers) -> Record:
    told = [(name, said or b"") for name, said in headers]
    return ConsumerRecord("cases.v1", 0, 0, 0, 0, b"key", value, None, 3, len(value), told)


def test_the_envelope_tells_that_unreadable_words_were_a_call_for_help() -> None:
    _, _, headers = encode(Envelope(id=uuid4(), source="/divert/provider-gateway/exodus", fact=EMERGENCY))
    assert type_of(record(b"{", headers), None) == EmergencyRaised.type_name()


def test_of_bytes_without_an_envelope_no_type_is_known() -> None:
    assert type_of(record(b"{", ()), None) is None
