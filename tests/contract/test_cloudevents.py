"""The envelope keeps CloudEvents 1.0.2: its own conformance features, the SDK, and what may go wrong."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from contract.gherkin import Scenario, scenarios
from divert_contracts import ids
from divert_contracts.envelope import Envelope, UnknownType, decode, encode, read
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.schemas import FOLDER
from divert_contracts.step import Rejected
from divert_contracts.topics import FACTS

SHARED_DATA = Path(os.environ.get("DIVERT_SHARED_DATA") or FOLDER.parents[3] / "shared" / "data")
FEATURE = SHARED_DATA / "cloudevents" / "kafka-protocol-binding.feature"
STEPS = 18
"""Steps of the feature's three scenarios, so that none is passed over."""

EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))

facts = st.sampled_from(EXAMPLES).map(
    lambda path: FACTS[f"divert.{path.parent.name}"].model_validate_json(path.read_bytes())
)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    source=st.sampled_from(("/divert/intake", "/divert/provider-gateway/exodus")),
    fact=facts,
    cause=st.none() | st.uuids(),
    sequence=st.none() | st.integers(0, 2**53),
    traceparent=st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)

AT = datetime(2026, 11, 7, 3, 12, 5, tzinfo=UTC)
ENVELOPE = Envelope(
    id=UUID(int=9), source="/divert/cli", fact=AgencyRegistered(occurred_at=AT, agency="lapd", title="LAPD")
)


# The official features


class Conformance:
    """Runs the steps of a scenario on our codec."""

    def __init__(self) -> None:
        self.ran = 0
        self.payload = b""
        self.headers: list[tuple[str, bytes]] = []
        self.attributes: Mapping[str, str] = {}
        self.data: bytes | None = None

    def run(self, scenario: Scenario) -> None:
        for step in scenario.steps:
            table = step.table[1:]
            match step.text:
                case "Kafka Protocol Binding is supported":
                    pass
                case "a Kafka message with payload:":
                    self.payload = step.document.encode()
                case "Kafka headers:":
                    self.headers = [(name, value.encode()) for name, value in table]
                case "parsed as Kafka message":
                    self.attributes, self.data = read(self.payload, self.headers)
                case "the attributes are:":
                    assert self.attributes == {name: value for name, value in table}  # noqa: C416 (the rows are lists)
                case "the data is equal to the following JSON:":
                    assert self.data is not None
                    assert json.loads(self.data) == json.loads(step.document)
                case other:
                    pytest.fail(f"no such step: {other}")
            self.ran += 1


@pytest.mark.skipif(not FEATURE.exists(), reason="the conformance features are not beside the checkout")
def test_the_official_conformance_features_pass() -> None:
    conformance = Conformance()
    read_scenarios = list(scenarios(FEATURE.read_text()))
    for scenario in read_scenarios:
        conformance.run(scenario)
    assert (len(read_scenarios), conformance.ran) == (3, STEPS)


@pytest.mark.skipif(not FEATURE.exists(), reason="the conformance features are not beside the checkout")
def test_a_wrong_expectation_would_be_noticed() -> None:
    feature = FEATURE.read_text().replace("|                id | 1234-1234-1234        |", "| id | other |", 1)
    first = next(iter(scenarios(feature)))
    with pytest.raises(AssertionError):
        Conformance().run(first)


# Round trips, with the SDK as the second opinion


@given(envelopes)
def test_what_is_written_is_read_again(envelope: Envelope) -> None:
    key, value, headers = encode(envelope)
    assert decode(value, headers) == envelope
    assert key == envelope.key.encode()


@given(envelopes)
def test_the_sdk_reads_what_we_write(envelope: Envelope) -> None:
    key, value, headers = encode(envelope)
    # The SDK takes headers for attributes only with the prefix, and its reading adds the key as an attribute.
    event = sdk.from_binary_event(
        sdk.KafkaMessage(headers={name: value for name, value in headers if value is not None}, key=key, value=value)
    )
    assert event.get_id() == str(envelope.id)
    assert event.get_source() == envelope.source
    assert event.get_type() == envelope.fact.type_name()
    assert event.get_specversion() == "1.0"
    assert event.get_time() == envelope.fact.occurred_at
    assert event.get_subject() == envelope.key
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("partitionkey") == envelope.key
    assert event.get_extension("causationid") == (None if envelope.cause is None else str(envelope.cause))
    assert event.get_extension("sequence") == (None if envelope.sequence is None else str(envelope.sequence))
    assert event.get_data() == json.loads(value)


@given(envelopes)
def test_we_read_what_the_sdk_writes_in_either_mode(envelope: Envelope) -> None:
    attributes: dict[str, Any] = {
        "id": str(envelope.id),
        "source": envelope.source,
        "type": envelope.fact.type_name(),
        "specversion": "1.0",
        "time": envelope.fact.occurred_at,
        "subject": envelope.key,
        "datacontenttype": "application/json",
        "partitionkey": envelope.key,
    }
    if envelope.cause is not None:
        attributes["causationid"] = str(envelope.cause)
    if envelope.sequence is not None:
        attributes["sequence"] = str(envelope.sequence)
    event = CloudEvent(attributes=attributes, data=json.loads(encode(envelope)[1]))
    expected = replace(envelope, traceparent=None)
    for message in (sdk.to_binary_event(event), sdk.to_structured_event(event)):
        assert decode(message.value, message.headers.items()) == expected


# What others write


def changed(**headers: bytes | None) -> list[tuple[str, bytes | None]]:
    """Return the headers of ``ENVELOPE`` with some changed; null takes a header away."""
    given = {name.replace("-", "_"): (name, value) for name, value in encode(ENVELOPE)[2]}
    kept = [pair for name, pair in given.items() if name not in headers]
    return [*kept, *((name, value) for name, value in headers.items() if value is not None)]


VALUE = encode(ENVELOPE)[1]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "envelope:type"),
        (changed(ce_type=None), "envelope:type"),
        (changed(ce_type=b""), "envelope:type"),
        (changed(ce_source=None), "envelope:source"),
        (changed(ce_id=None), "envelope:id"),
        (changed(ce_specversion=None), "envelope:specversion"),
        (changed(ce_specversion=b"0.3"), "envelope:specversion"),
        (changed(ce_specversion=b"\xff"), "envelope:specversion"),
        ([("content-type", b"application/cloudevents-batch+json")], "envelope:format"),
        ([("content-type", b"application/cloudevents+avro")], "envelope:format"),
        ([("content-type", b"application/cloudevents+json")], "envelope:type"),
    ],
)
def test_what_is_no_cloudevent_is_rejected_by_a_coded_word(
    headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        decode(VALUE, headers)
    assert str(rejected.value) == reason


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"occurred_at": "2026-11-07T03:12:05", "agency": "lapd", "title": "x"}',
        b'{"occurred_at": "2026-11-07T03:12:05Z", "agency": {"Jane Sample": 1}, "title": "x"}',
        b'{"occurred_at": 1e400, "agency": "Jane Sample"}',
    ],
)
def test_a_value_that_is_no_fact_of_its_type_is_rejected_without_its_words(value: bytes | None) -> None:
    with pytest.raises(Rejected) as rejected:
        decode(value, changed())
    assert str(rejected.value).startswith("value:")
    assert "Sample" not in str(rejected.value)


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{", b'{"type": 1'])
def test_a_structured_message_that_is_no_object_is_rejected(value: bytes | None) -> None:
    with pytest.raises(Rejected, match="envelope:"):
        decode(value, [("content-type", b"application/cloudevents+json")])


@given(
    st.none() | st.binary(max_size=50),
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "content-type", "x", "CE_SOURCE"]), st.binary(max_size=9))),
)
def test_foreign_bytes_are_rejected_or_of_unknown_type_and_nothing_else(
    value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    with pytest.raises((Rejected, UnknownType)):
        decode(value, headers)


def test_an_unknown_type_is_told_from_what_is_broken() -> None:
    with pytest.raises(UnknownType, match=r"divert\.CallSung\.v1"):
        decode(b"whatever it holds", changed(ce_type=b"divert.CallSung.v1"))


def test_foreign_headers_and_members_are_tolerated() -> None:
    headers = [("x-other", b"\xff"), ("ce_", b"?"), ("b3", None), *changed(), ("ce_tenant", b"7")]
    assert decode(VALUE.replace(b"{", b'{"later": [1],', 1), headers) == ENVELOPE


def test_names_of_headers_are_read_in_any_case_and_the_last_of_two_counts() -> None:
    headers = [("ce_id", str(UUID(int=1)).encode()), *((name.upper(), value) for name, value in changed())]
    assert decode(VALUE, headers) == ENVELOPE


def test_an_id_that_is_no_uuid_becomes_one_that_is_always_the_same() -> None:
    read_once = decode(VALUE, changed(ce_id=b"message 7"))
    assert read_once.id == ids.foreign_id("/divert/cli", "message 7")
    assert read_once.id != decode(VALUE, changed(ce_id=b"message 7", ce_source=b"/other")).id


def test_what_others_write_under_an_id_of_ours_is_another_event() -> None:
    ours = decode(VALUE, changed())
    copied = decode(VALUE, changed(ce_source=b"/exodus/dispatch"))
    assert ours.id == ENVELOPE.id
    assert copied.id != ours.id


def test_what_others_write_twice_under_an_id_is_one_event_and_two_where_they_say_something_else() -> None:
    theirs = changed(ce_source=b"/exodus/dispatch", ce_id=b"7")
    once, again = decode(VALUE, theirs), decode(VALUE, theirs)
    other = decode(VALUE.replace(b"}", b', "later": 1}', 1), theirs)
    assert once.id == again.id
    assert other.id != once.id


@pytest.mark.parametrize("sequence", [b"-1", b"x", b"9" * 30, "٣".encode(), b""])
def test_a_sequence_that_is_no_count_is_none(sequence: bytes) -> None:
    assert decode(VALUE, changed(ce_sequence=sequence)).sequence is None


def test_the_content_type_decides_the_mode_also_where_there_are_attribute_headers() -> None:
    event = {
        "specversion": "1.0",
        "id": str(UUID(int=9)),
        "source": "/divert/cli",
        "type": "divert.AgencyRegistered.v1",
    }
    value = json.dumps({**event, "data": json.loads(VALUE)}).encode()
    headers = [*changed(ce_id=b"other"), ("content-type", b"application/cloudevents+json; charset=utf-8")]
    assert decode(value, headers) == ENVELOPE


def test_structured_data_may_be_base64() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "y", "data_base64": "e30="}
    attributes, data = read(json.dumps(event).encode(), [("content-type", b"application/cloudevents+json")])
    assert (attributes["type"], data) == ("y", b"{}")
