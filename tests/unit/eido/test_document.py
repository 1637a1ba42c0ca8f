"""EIDOs as documents: odd things are named and left out, none is refused for them, and what came can be given back."""

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

import eido_data
from divert_eido import document
from divert_eido.components import Eido
from divert_eido.document import NotAnEido, Read

AT = "2026-11-23T03:00:00Z"
BY = {"$ref": "police.example.gov"}
WHOLE: dict[str, JsonValue] = {
    "$id": "urn:emergency:uid:incidentid:1:police.example.gov",
    "lastUpdateTimeStamp": AT,
    "updatedByAgencyReference": {**BY},
    "eidoVersion": "1.0",
    "issuingElementIdentification": "cad.police.example.gov",
    "agencyComponent": [],
}


def component(**members: JsonValue) -> dict[str, JsonValue]:
    return {"$id": "one", "lastUpdateTimeStamp": AT, "updatedByAgencyReference": {**BY}, **members}


def read(**members: JsonValue) -> Read:
    found = document.read({**WHOLE, **members})
    assert isinstance(found, Read)
    return found


def odd(**members: JsonValue) -> list[tuple[str, str]]:
    return [(one.code, one.pointer) for one in read(**members).odd]


def test_the_standards_own_members_are_nothing_odd() -> None:
    assert odd() == []
    assert odd(incidentComponent=component(incidentTypeCommonRegistryText="MNTL")) == []


@pytest.mark.parametrize("name", sorted(Eido.NEEDS))
@pytest.mark.parametrize("value", [None, 7])
def test_without_one_of_its_own_members_it_is_no_eido(name: str, value: JsonValue) -> None:
    for fields in ({**WHOLE, name: value}, {key: one for key, one in WHOLE.items() if key != name}):
        found = document.read(fields)
        assert isinstance(found, NotAnEido)
        assert [one.pointer for one in found.wrong] == [f"/{name}"]


def test_an_agency_reference_that_names_nobody_is_none() -> None:
    found = document.read({**WHOLE, "updatedByAgencyReference": {"ref": "x"}})
    assert isinstance(found, NotAnEido)
    assert [one.pointer for one in found.wrong] == ["/updatedByAgencyReference/$ref"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"eidoVersion": "9.9"}, [("unknown-word", "/eidoVersion")]),
        ({"lastUpdateTimeStamp": "yesterday"}, [("unreadable", "/lastUpdateTimeStamp")]),
        ({"lastUpdateTimeStamp": "2026-11-23T03:00:00"}, [("time-without-zone", "/lastUpdateTimeStamp")]),
        ({"x-vendor": {"a": 1}}, [("unknown-field", "/x-vendor")]),
        ({"a/b~c": 1}, [("unknown-field", "/a~1b~0c")]),
        ({"notesComponent": 7}, [("wrong-type", "/notesComponent")]),
        ({"notesComponent": [7]}, [("wrong-type", "/notesComponent/0")]),
        ({"notesComponent": [component()]}, [("missing", "/notesComponent/0/notesActionComments")]),
        (
            {"notesComponent": [component(notesActionComments=[])]},
            [("wrong-type", "/notesComponent/0/notesActionComments")],
        ),
        (
            {"incidentComponent": component(incidentTypeCommonRegistryText="FOO")},
            [("unknown-word", "/incidentComponent/incidentTypeCommonRegistryText")],
        ),
        ({"mediaComponent": [component(uri="a b", contentType="x")]}, [("unreadable", "/mediaComponent/0/uri")]),
        (
            {"agentComponent": [component(agentRoleRegistryText=[], agencyReference={**BY})]},
            [("missing", "/agentComponent/0/agentRoleRegistryText")],
        ),
        ({"mergeComponent": None, "@context": {"@vocab": None}}, []),
    ],
)
def test_what_is_odd_is_named_and_the_rest_is_read(members: dict[str, JsonValue], said: list[tuple[str, str]]) -> None:
    assert odd(**members) == said


def test_of_a_list_only_the_odd_entries_are_left_out() -> None:
    good = component(notesActionComments="x")
    found = read(notesComponent=[good, 1, {**good, "$id": "two", "y": 0, "z": 0}, {**good, "agentReference": {"a": 1}}])
    assert [one.id for one in found.eido.notes_component] == ["one", "two", "one"]
    assert sorted((one.code, one.pointer, one.known) for one in found.odd) == [
        ("missing", "/notesComponent/3/agentReference/$ref", "/notesComponent/agentReference/$ref"),
        ("unknown-field", "/notesComponent/2/y", "/notesComponent"),
        ("unknown-field", "/notesComponent/2/z", "/notesComponent"),
        ("unknown-field", "/notesComponent/3/agentReference/a", "/notesComponent/agentReference"),
        ("wrong-type", "/notesComponent/1", "/notesComponent"),
    ]


@eido_data.needed
@pytest.mark.parametrize("name", [eido_data.SAMPLE, eido_data.CRISIS])
def test_the_known_documents_are_read_whole_and_are_strictly_themselves(name: str) -> None:
    fields = eido_data.document(name)
    found = document.read(fields)
    assert isinstance(found, Read)
    assert found.odd == ()
    assert document.strictly(fields) == fields


@eido_data.needed
def test_the_negative_document_lacks_its_time_stamp() -> None:
    found = document.read(eido_data.document(eido_data.NEGATIVE))
    assert isinstance(found, NotAnEido)
    assert [(one.code, one.pointer) for one in found.wrong] == [("missing", "/lastUpdateTimeStamp")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*WHOLE, "incidentComponent", "personComponent", "x"]), json_values))
def test_any_object_is_read_or_told_why_not_and_stays_as_it_was(fields: dict[str, JsonValue]) -> None:
    before = deepcopy(fields)
    found = document.read({**WHOLE, **fields})
    assert fields == before
    assert isinstance(found, Read) or found.wrong


@eido_data.needed
@settings(deadline=None)
@given(st.data())
def test_what_is_strict_is_valid_whatever_was_put_in(data: st.DataObject) -> None:
    fields = eido_data.document(data.draw(st.sampled_from((eido_data.SAMPLE, eido_data.CRISIS))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(places(fields)))
        put(fields, place, data.draw(json_values))
    found = document.read(fields)
    if isinstance(found, Read):
        # Its own members may have been odd; whoever writes it has others.
        assert eido_data.wrong({**WHOLE, **document.strictly(fields)}) == []


def places(value: JsonValue, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return every place of a document, and beside each object one for a member that nobody knows."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(value, dict):
        found.append((*at, "x-new"))
        for name, one in value.items():
            found += [(*at, name), *places(one, (*at, name))]
    elif isinstance(value, list):
        for number, one in enumerate(value):
            found += [(*at, number), *places(one, (*at, number))]
    return found


def put(fields: JsonValue, place: tuple[str | int, ...], new: JsonValue) -> None:
    """Put a value at a place of a document."""
    inside = fields
    for part in place[:-1]:
        match inside, part:
            case dict(), str():
                inside = inside[part]
            case list(), int():
                inside = inside[part]
            case _:
                raise TypeError
    match inside, place[-1]:
        case dict(), str() as name:
            inside[name] = new
        case list(), int() as number:
            inside[number] = new
        case _:
            raise TypeError


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), json_values))
def test_what_is_kept_comes_back_the_same(fields: dict[str, JsonValue]) -> None:
    body = json.dumps(fields).encode()
    assert json.loads(document.written(document.given_back(document.kept(body)))) == fields


@pytest.mark.parametrize(
    "number", ["1", "-0", "1.10", "1E400", "0.1000000000000000055511151231257827", "9" * 5_000, "-7e-9"]
)
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    text = document.kept(f'{{"a":[{number}]}}'.encode())
    assert document.written(document.given_back(text)) == f'{{"a":[{number}]}}'.encode()


def test_controls_and_lone_surrogates_are_kept_as_text_that_can_be_stored() -> None:
    kept = document.kept('\ufeff{"a": "x\x00y\x1fz", "b": "\\ud800", "c": "é\\u0000"}'.encode())
    assert not [one for one in kept if one < " "]
    back = json.loads(document.written(document.given_back(kept)))
    assert back == {"a": "x\x00y\x1fz", "b": "\ufffd", "c": "é\x00"}
    odd = document.kept(json.dumps({"\ud800": ["\udfff", {"\ud800": 1}], "a": "\U0001f600"}).encode())
    for fields in (document.plain(odd), json.loads(document.written(document.given_back(odd)))):
        assert fields == {"\ufffd": ["\ufffd", {"\ufffd": 1}], "a": "\U0001f600"}
    assert document.strictly({**WHOLE, **document.plain(odd)}) == WHOLE


def test_a_whole_number_beyond_64_bits_is_its_text_where_values_are_plain() -> None:
    assert document.plain('{"a": 12345678901234567890, "b": 1.5, "c": NaN}') == {
        "a": "12345678901234567890",
        "b": 1.5,
        "c": "NaN",
    }
