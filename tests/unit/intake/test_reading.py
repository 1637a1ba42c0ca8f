"""Whatever comes in: refused exactly where it must be, else accepted, named, and fit for its way through Kafka."""

import json
from random import Random
from uuid import UUID

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import JsonValue

from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.calls import CallReceived
from divert_contracts.vocabulary import Answer, Feed, Hazard, Question
from divert_intake.domain import calls
from divert_intake.domain.calls import Accepted
from divert_intake.domain.posts import PostedCall
from divert_intake.domain.reading import DEEPEST, LONGEST_INCIDENT_NUMBER, MOST_BYTES, Refused
from unit.intake.posting import IDENTITY, INTAKE, body, taken, warned

unhurried = settings(deadline=None)
HEAD = b'{"agency":"lapd","incident_number":"7","feed":"diverted",'


def nested(levels: int) -> bytes:
    return HEAD + b'"x":' + b"[" * levels + b"]" * levels + b"}"


def arrives(accepted: Accepted[CallReceived]) -> None:
    """Check that the fact reads the same at the other end, and holds nothing that Postgres or Kafka could not."""
    _, value, headers = encode(Envelope(id=accepted.id, source="/divert/intake", fact=accepted.fact))
    assert decode(value, headers).fact == accepted.fact
    assert b"\\u0000" not in value
    assert len(value) < 3 * MOST_BYTES + 8192


@pytest.mark.parametrize(
    ("post", "status", "code"),
    [
        (b"", 400, "unreadable"),
        (b"\x00", 400, "unreadable"),
        (b"not json", 400, "unreadable"),
        (b"{", 400, "unreadable"),
        (b"[]", 400, "unreadable"),
        (b"null", 400, "unreadable"),
        (b'"text"', 400, "unreadable"),
        (b"12", 400, "unreadable"),
        (b"\xff\xfe\x00", 400, "unreadable"),
        (b'{"agency":"lapd","incident_number":"\xed\xa0\x80"}', 400, "unreadable"),
        (b'{"agency":"lapd","incident_number":"7"}{}', 400, "unreadable"),
        (b'{"agency":"lapd","incident_number":"7"} x', 400, "unreadable"),
        (nested(DEEPEST + 1), 400, "unreadable"),
        (nested(980), 400, "unreadable"),
        (nested(100_000), 400, "unreadable"),
        (b"{" * 100_000, 400, "unreadable"),
        (b'{"x":' * 20_000 + b"1" + b"}" * 20_000, 400, "unreadable"),
        (b" " * (MOST_BYTES + 1), 413, "too-large"),
        (b'{"incident_number":"7"}', 403, "agency-not-registered"),
        (b'{"agency":"nypd","incident_number":"7"}', 403, "agency-not-registered"),
        (b'{"agency":["lapd"],"incident_number":"7"}', 403, "agency-not-registered"),
        (b'{"agency":"lapd\\u0000","incident_number":"7"}', 403, "agency-not-registered"),
        (b'{"agency":"lapd"}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":null}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":"  \\n"}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":true}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":{}}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":1.5}', 422, "incident-number-missing"),
        (b'{"agency":"lapd","incident_number":1' + b"0" * 400 + b"}", 422, "incident-number-missing"),
    ],
)
def test_it_is_refused(post: bytes, status: int, code: str) -> None:
    outcome = calls.received(post, INTAKE)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.code) == (status, code)


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (b'"narrative":"a\\u0000b"', ("text-repaired", "/narrative")),
        (b'"narrative":"a\x00b"', ("text-repaired", "/narrative")),
        (b'"narrative":"a\\ud800b"', ("text-repaired", "/narrative")),
        (b'"caller":{"name":"\\udfff\\ud800"}', ("text-repaired", "/caller/name")),
        (b'"bad\\u0000name":1', ("unknown-field", "/bad\ufffdname")),
        (b'"a/b~c":1', ("unknown-field", "/a~1b~0c")),
        (b'"people_present":1' + b"0" * 400, ("wrong-type", "/people_present")),
        (b'"people_present":1e999', ("wrong-type", "/people_present")),
        (b'"people_present":NaN', ("wrong-type", "/people_present")),
        (b'"people_present":-Infinity', ("wrong-type", "/people_present")),
        (b'"people_present":2.5', ("wrong-type", "/people_present")),
        (b'"people_present":-1', ("out-of-range", "/people_present")),
        (b'"people_present":1e300', ("out-of-range", "/people_present")),
        (b'"people_present":true', ("wrong-type", "/people_present")),
        (b'"people_present":"many"', ("wrong-type", "/people_present")),
        (b'"x":' + b"9" * 5000, ("unknown-field", "/x")),
        (b'"x":' + b"[" * 60 + b"]" * 60, ("unknown-field", "/x")),
        (b'"color":"blue"', ("unknown-field", "/color")),
        (b'"priority":"1","priority":"2"', ("repeated-key", "/priority")),
        (b'"answers":{"weapon":"yes","weapon":"no"}', ("repeated-key", "/answers/weapon")),
        (b'"answers":{"weapon":"perhaps"}', ("unknown-word", "/answers/weapon")),
        (b'"answers":{"weapon":{"answer":"nope"}}', ("unknown-word", "/answers/weapon/answer")),
        (b'"answers":{"weapon":{"at":"2026-11-23T02:59:00Z"}}', ("missing", "/answers/weapon/answer")),
        (b'"answers":{"weapon":false}', ("wrong-type", "/answers/weapon")),
        (b'"answers":{"weapon":["no"]}', ("wrong-type", "/answers/weapon")),
        (b'"answers":{"is_it_safe":"yes"}', ("unknown-field", "/answers/is_it_safe")),
        (b'"answers":["weapon"]', ("wrong-type", "/answers")),
        (b'"feed":"sideways"', ("unknown-word", "/feed")),
        (b'"feed":7', ("wrong-type", "/feed")),
        (b'"feed":null', ("missing", "/feed")),
        (b'"exercise":"true"', ("wrong-type", "/exercise")),
        (b'"recorded_late":1', ("wrong-type", "/recorded_late")),
        (b'"call_type":{"code":"918"}', ("wrong-type", "/call_type")),
        (b'"call_type":"' + b"9" * 65 + b'"', ("too-long", "/call_type")),
        (b'"call_type":"9\\n18"', ("unreadable", "/call_type")),
        (b'"flags":["GUN",["KNIFE"]]', ("unreadable", "/flags/1")),
        (b'"flags":{"GUN":true}', ("wrong-type", "/flags")),
        (b'"premise_hazards":["dragon"]', ("unknown-word", "/premise_hazards/0")),
        (b'"premise_hazards":true', ("wrong-type", "/premise_hazards")),
        (b'"needs":["asl","chair"]', ("unknown-word", "/needs/1")),
        (b'"language":"Spanish, I think"', ("unreadable", "/language")),
        (b'"updated_at":"yesterday"', ("unreadable", "/updated_at")),
        (b'"updated_at":"2026-11-23T02:00:00"', ("time-without-zone", "/updated_at")),
        (b'"updated_at":"9999-12-31T23:59:59-14:00"', ("unreadable", "/updated_at")),
        (b'"updated_at":"0001-01-01T00:00:00+14:00"', ("unreadable", "/updated_at")),
        (b'"updated_at":"9999-01-01T00:00:00Z"', ("time-in-future", "/updated_at")),
        (b'"updated_at":1763866800', ("wrong-type", "/updated_at")),
        (b'"updated_at":"' + b"2" * 100_000 + b'"', ("unreadable", "/updated_at")),
        (b'"revision":"three"', ("wrong-type", "/revision")),
        (b'"revision":9223372036854775808', ("wrong-type", "/revision")),
        (b'"stamps":{"created_at":"2031-01-01T00:00:00Z"}', ("time-in-future", "/stamps/created_at")),
        (b'"stamps":{"created_at":"1900-01-01T00:00:00Z"}', ("time-long-ago", "/stamps/created_at")),
        (b'"stamps":{"enroute_at":"2026-11-23T02:00:00Z"}', ("unknown-field", "/stamps/enroute_at")),
        (b'"stamps":"now"', ("wrong-type", "/stamps")),
        (b'"located_division":22', ("out-of-range", "/located_division")),
        (b'"address":"1 Main St"', ("wrong-type", "/address")),
        (b'"address":{"latitude":0,"longitude":0}', ("out-of-range", "/address/latitude")),
        (b'"address":{"latitude":91}', ("out-of-range", "/address/latitude")),
        (b'"address":{"latitude":"34N"}', ("wrong-type", "/address/latitude")),
        (b'"caller":[]', ("wrong-type", "/caller")),
        (b'"caller":{"ringing_is_safe":"maybe"}', ("unknown-word", "/caller/ringing_is_safe")),
        (b'"persons":{"name":"A"}', ("wrong-type", "/persons")),
        (b'"persons":[{"name":"A"},7]', ("wrong-type", "/persons/1")),
        (b'"persons":[{"name":"A"},{"shoes":2}]', ("unknown-field", "/persons/1/shoes")),
        (b'"narrative":["a"]', ("wrong-type", "/narrative")),
    ],
)
def test_it_is_accepted_with_a_warning(fields: bytes, warning: tuple[str, str]) -> None:
    accepted = taken(HEAD + fields + b"}")
    assert warning in warned(accepted)
    assert any(one.startswith(warning[0]) for one in accepted.fact.picture.warnings)
    arrives(accepted)


@pytest.mark.parametrize(
    "fields",
    [
        b'"call_type":918,"priority":2,"origin":911,"reporting_district":723,"revision":4.0',
        b'"narrative":"line one\nline two\twith a tab"',
        b'"narrative":"\\u00e9\\ud83d\\ude00 caf\xc3\xa9"',
        b'"narrative":"","language":"  ","caller":null,"flags":null,"answers":{"weapon":null,"x":null},"color":null',
        b'"answers":{"weapon":"NO","violence":{"answer":" No ","at":"2026-11-22T18:59:00-08:00"}}',
        b'"flags":"gun","premise_hazards":"weapon"',
        b'"feed":"Diverted","origin":"988","caller_relation":"unknown"',
    ],
)
def test_it_is_understood(fields: bytes) -> None:
    accepted = taken(b'{"agency":"lapd","incident_number":"7",' + fields + b"}")
    assert set(warned(accepted)) <= {("missing", "/feed")}
    arrives(accepted)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert warned(taken(b"\xef\xbb\xbf" + body())) == []


def test_what_was_not_understood_is_kept_unchanged_and_only_in_the_private_part() -> None:
    accepted = taken(
        body(color="blue", people_present=" many ", answers={"weapon": "perhaps", "mood": {"a": [1, None]}})
    )
    assert accepted.fact.private is not None
    assert accepted.fact.private.not_understood == {
        "/answers/weapon": "perhaps",
        "/answers/mood": {"a": [1, None]},
        "/people_present": " many ",
        "/color": "blue",
    }
    assert accepted.fact.picture.warnings == (
        "unknown-word:/answers/weapon",
        "unknown-field:/answers",
        "wrong-type:/people_present",
        "unknown-field",
    )
    assert "mood" not in accepted.fact.picture.model_dump_json()


def test_both_values_of_a_repeated_key_are_kept() -> None:
    accepted = taken(HEAD + b'"answers":{"weapon":"yes","weapon":"no"}}')
    assert accepted.fact.private is not None
    assert "yes" in accepted.fact.private.not_understood.values()
    assert accepted.fact.picture.answer(Question.WEAPON) is Answer.NO


def test_a_number_that_no_other_reader_can_hold_is_kept_as_its_text() -> None:
    accepted = taken(HEAD + b'"a":1e999,"b":NaN,"c":1' + b"0" * 400 + b"}")
    assert accepted.fact.private is not None
    assert accepted.fact.private.not_understood == {"/a": "1e999", "/b": "NaN", "/c": "1" + "0" * 400}


def test_a_call_without_a_known_feed_counts_as_diverted_so_that_a_person_looks() -> None:
    for feed in (None, "sideways", 7):
        assert taken(body(feed=feed)).fact.picture.feed is Feed.DIVERTED


def test_an_unknown_question_and_an_unknown_danger_stay_unknown() -> None:
    picture = taken(body(answers={"is_it_safe": "no"}, premise_hazards=["dragon", "weapon"])).fact.picture
    assert picture.answer(Question.UNKNOWN) is Answer.UNKNOWN
    assert picture.premise_hazards == (Hazard.UNKNOWN, Hazard.WEAPON)


def test_an_update_time_far_ahead_does_not_order_revisions() -> None:
    accepted = taken(body(updated_at="2029-01-01T00:00:00Z"))
    assert accepted.fact.revision.updated_at is None
    assert accepted.fact.private is not None
    assert accepted.fact.private.not_understood == {"/updated_at": "2029-01-01T00:00:00Z"}


def test_incident_numbers_that_differ_in_bad_characters_stay_different_calls() -> None:
    numbers = (b"7\\u0000", b"7\\u0001", b"7\\ud800", b"7")
    ids = {taken(b'{"agency":"lapd","incident_number":"' + one + b'"}').fact.call_id for one in numbers}
    assert len(ids) == len(numbers)


def test_an_incident_number_is_the_same_as_text_and_as_a_number() -> None:
    assert taken(body(incident_number=7)).fact.call_id == taken(body(incident_number="7")).fact.call_id


def test_the_largest_call_that_is_accepted_arrives_whole() -> None:
    filler = MOST_BYTES - len(body(narrative=""))
    for character in ("x", '"', "\x01", "\u00e9", "\ud800"):
        escaped = len(json.dumps(character)) - 2
        accepted = taken(body(narrative=character * (filler // escaped)))
        arrives(accepted)
    raw = HEAD + b'"narrative":"'
    arrives(taken(raw + b"\x00" * (MOST_BYTES - len(raw) - 2) + b'"}'))


def test_every_documented_field_is_understood() -> None:
    example: dict[str, JsonValue] = {
        "revision": 3,
        "updated_at": "2026-11-23T02:59:00Z",
        "origin": "911",
        "exercise": False,
        "recorded_late": False,
        "assumed_screening": False,
        "call_type": "918",
        "call_type_text": "MENTAL",
        "initial_call_type": "415M",
        "priority": "2",
        "reporting_district": "0723",
        "area": "Wilshire",
        "located_division": 7,
        "place_kind": "street",
        "answers": {question.value: "no" for question in Question if question is not Question.UNKNOWN},
        "flags": ["MENTAL"],
        "premise_hazards": ["weapon"],
        "police_present": "no",
        "ems_present": "no",
        "caller_relation": "family",
        "age_band": "adult",
        "language": "es-MX",
        "needs": ["asl"],
        "people_present": 2,
        "stamps": {
            "answered_at": "2026-11-23T02:50:00Z",
            "created_at": "2026-11-23T02:51:00Z",
            "dispatched_at": "2026-11-23T02:52:00Z",
            "arrived_at": "2026-11-23T02:53:00Z",
            "closed_at": "2026-11-23T02:54:00Z",
        },
        "address": {
            "text": "1 Alder Vale Ave",
            "unit": "2",
            "gate": "#3",
            "cross_street": "Main",
            "latitude": 34.05,
            "longitude": -118.25,
        },
        "caller": {"name": "A", "number": "+12135550147", "ringing_is_safe": "yes", "description": "calm"},
        "persons": [{"name": "B"}],
        "people_animals_access": "a dog",
        "narrative": "weeping",
    }
    assert set(example) | set(IDENTITY) | {"feed"} == set(PostedCall.model_fields)
    accepted = taken(body(**example))
    assert warned(accepted) == []
    dumped = accepted.fact.model_dump(mode="json")
    read: dict[str, JsonValue] = dumped["picture"] | dumped["private"] | dumped["revision"]
    for name, value in example.items():
        if name not in ("answers", "revision", "caller", "persons"):
            assert read[name] == value, name
    assert accepted.fact.revision.number == 3
    assert set(accepted.fact.picture.answers) == set(Question) - {Question.UNKNOWN}
    arrives(accepted)


# whatever comes in

texts = st.text(alphabet=st.characters() | st.sampled_from('\x00\ud800\udfff\x1f\n"\\/~'), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
names = st.sampled_from(sorted(PostedCall.model_fields)) | texts
documents = st.dictionaries(names, values, max_size=12)


@unhurried
@generated(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(post: bytes) -> None:
    outcome = calls.received(post, INTAKE)
    if isinstance(outcome, Refused):
        assert outcome.status in (400, 403, 413, 422)
    else:
        arrives(outcome)


@unhurried
@generated(values)
def test_any_json_that_is_no_call_is_refused(value: JsonValue) -> None:
    outcome = calls.received(json.dumps(value).encode("utf-8", "surrogatepass"), INTAKE)
    assert isinstance(outcome, Refused)
    assert outcome.status == (403 if isinstance(value, dict) else 400)


@unhurried
@generated(documents)
def test_any_object_of_a_known_agency_with_an_incident_number_is_accepted(fields: dict[str, JsonValue]) -> None:
    accepted = taken(json.dumps({**fields, **IDENTITY}).encode())
    arrives(accepted)
    assert taken(json.dumps({**fields, **IDENTITY}).encode()) == accepted
    assert len(accepted.fact.picture.warnings) <= len(accepted.warned)


@unhurried
@generated(documents, values)
def test_it_is_the_incident_number_alone_that_decides(fields: dict[str, JsonValue], number: JsonValue) -> None:
    outcome = calls.received(json.dumps({**fields, "agency": "lapd", "incident_number": number}).encode(), INTAKE)
    text = number if isinstance(number, str) else str(number) if type(number) is int else ""
    escaped = text.encode("utf-8", "backslashreplace").decode()
    if not text.strip():
        assert isinstance(outcome, Refused)
        assert outcome.code == "incident-number-missing"
    elif len(escaped) * 6 <= LONGEST_INCIDENT_NUMBER:
        assert not isinstance(outcome, Refused)


@unhurried
@generated(documents, st.randoms())
def test_the_order_of_fields_and_the_spaces_between_them_make_no_other_fact(
    fields: dict[str, JsonValue], shuffle: Random
) -> None:
    call = {**fields, **IDENTITY}
    shuffled = shuffle.sample(list(call.items()), len(call))
    assert taken(json.dumps(call).encode()).id == taken(json.dumps(dict(shuffled), indent=1).encode()).id


@unhurried
@generated(st.sampled_from(["cancelled", "closed", "responder_reported", "handoff_accepted"]), documents)
def test_any_other_word_about_a_call_is_accepted_too(kind: str, fields: dict[str, JsonValue]) -> None:
    handoff: JsonValue = str(UUID(int=9))
    post = json.dumps({**fields, "agency": "lapd", "handoff_id": handoff}).encode()
    take = {
        "cancelled": calls.cancelled,
        "closed": calls.closed,
        "responder_reported": calls.responder_reported,
        "handoff_accepted": calls.handoff_accepted,
    }[kind]
    outcome = take(UUID(int=3), post, INTAKE)
    assert not isinstance(outcome, Refused)
    _, value, headers = encode(Envelope(id=outcome.id, source="/divert/intake", fact=outcome.fact))
    assert decode(value, headers).fact == outcome.fact


def test_what_cad_writes_beside_the_code_of_a_call_type_is_private() -> None:
    fact = taken(body(call_type="918", call_type_text="Maria Lopez again")).fact
    assert fact.picture.call_type_text is None
    assert "Maria" not in fact.without_private().model_dump_json()
    assert fact.private is not None
    assert fact.private.call_type_text == "Maria Lopez again"
