"""How rows of a city's export read as calls."""

from pathlib import Path

import pytest

from divert_cli import city_map
from divert_cli.city_map import CityMap, MapError
from divert_contracts.vocabulary import Question

LAPD_2014 = {
    "incident_number": "140212004623",
    "area_occ": "Central",
    "rpt_dist": "0127",
    "dispatch_date": "2014-02-12T00:00:00",
    "dispatch_time": "18:11:47",
    "call_type_code": "415W",
}
LAPD_2015 = LAPD_2014 | {"dispatch_date": "12/31/2015", "dispatch_time": "23:59:22", "rpt_dist": "904"}
NOLA = {
    "nopd_item": "A0000416",
    "type_": "18",
    "initialtype": "18",
    "priority": "1H",
    "timecreate": "2016-01-01T00:01:46",
    "timedispatch": "",
    "timearrive": "2016-01-01T00:01:46",
    "timeclosed": "2016-01-01T00:15:41",
    "selfinitiated": "Y",
    "block_address": "General Meyer Ave & Eton St",
    "policedistrict": "4",
}


@pytest.mark.parametrize(
    ("row", "district", "stamp"),
    [(LAPD_2014, "0127", "2014-02-12T18:11:47-08:00"), (LAPD_2015, "0904", "2015-12-31T23:59:22-08:00")],
)
def test_both_styles_of_lapd_are_read(row: dict[str, str], district: str, stamp: str) -> None:
    call = city_map.load("lapd-cfs").call(row, 2, agency="a", divert=False)
    assert call["reporting_district"] == district
    assert call["stamps"] == {"dispatched_at": stamp}
    assert call["feed"] == "observed"
    assert call["recorded_late"] is True


def test_an_officers_own_activity_is_marked_and_never_diverted() -> None:
    lapd, nola = city_map.load("lapd-cfs"), city_map.load("nola")
    for divert in (False, True):
        code_six = lapd.call(LAPD_2015 | {"call_type_code": "006"}, 2, agency="a", divert=divert)
        assert (code_six["origin"], code_six["feed"]) == ("officer_initiated", "observed")
        own = nola.call(NOLA, 2, agency="a", divert=divert)
        assert (own["origin"], own["feed"]) == ("officer_initiated", "observed")


def test_a_closed_row_brings_its_stamps_and_codes_read_as_the_citys_own() -> None:
    call = city_map.load("nola").call(NOLA | {"selfinitiated": "N"}, 2, agency="nopd", divert=False)
    assert call["call_type"] == "1182"
    assert call["recorded_late"] is True
    assert call["stamps"] == {
        "created_at": "2016-01-01T00:01:46-06:00",
        "arrived_at": "2016-01-01T00:01:46-06:00",
        "closed_at": "2016-01-01T00:15:41-06:00",
    }
    assert "origin" not in call


def test_a_diverted_row_has_every_answer_assumed_and_says_so() -> None:
    call = city_map.load("lapd-cfs").call(LAPD_2014, 2, agency="a", divert=True)
    assert call["assumed_screening"] is True
    assert call["answers"] == {question.value: "no" for question in Question if question is not Question.UNKNOWN}
    assert "recorded_late" not in call
    assert "stamps" not in call


def test_a_date_that_no_format_fits_goes_on_as_it_is() -> None:
    call = city_map.load("lapd-cfs").call(LAPD_2014 | {"dispatch_date": "yesterday"}, 2, agency="a", divert=False)
    assert call["stamps"] == {"dispatched_at": "yesterday 18:11:47"}


def test_rows_without_a_number_are_numbered_by_their_line() -> None:
    row = {"area": "03", "rpt_dist": "377", "lat": "34.0141", "lon": "-118.2978"}
    call = city_map.load("lapd-located").call(row, 17, agency="a", divert=True)
    assert call["incident_number"] == "LINE-0000017"
    assert call["reporting_district"] == "0377"
    assert call["address"] == {"latitude": 34.0141, "longitude": -118.2978}


def test_a_place_of_zero_and_zero_is_an_unknown_one() -> None:
    row = {"area": "03", "rpt_dist": "377", "lat": "0", "lon": "0.0"}
    assert "address" not in city_map.load("lapd-located").call(row, 17, agency="a", divert=True)


def test_columns_that_a_file_does_not_have_are_named() -> None:
    missing = city_map.load("nola").missing({"nopd_item", "type_"})
    assert "stamps.created_at: timecreate" in missing
    assert not any(name.startswith("incident_number") for name in missing)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("title: x\nagency: a\ntime_zone: Mars/Olympus\n", "time_zone"),
        ("title: x\nagency: A B\ntime_zone: UTC\n", "agency"),
        ("title: x\nagency: a\ntime_zone: UTC\nfields: {colour: c}\n", "fields.colour"),
        ("title: x\nagency: a\ntime_zone: UTC\nfiels: {}\n", "fiels"),
        ("title: x\nagency: a\ntime_zone: UTC\nstamps: {created_at: {tme: x}}\n", "stamps.created_at"),
        ("- 1\n", "the whole file"),
    ],
)
def test_a_map_that_is_wrong_is_refused_naming_file_and_field(tmp_path: Path, text: str, field: str) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MapError) as refused:
        city_map.load(str(file))
    assert field in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_map_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(MapError, match="lapd-cfs, lapd-located, lapd-nightly, nola"):
        city_map.load("atlantis")


def test_every_shipped_map_is_valid() -> None:
    assert all(isinstance(city_map.load(file.stem), CityMap) for file in city_map.MAPS.glob("*.yaml"))
