"""How a file becomes batches of calls, and which options do not go together."""

import json
from pathlib import Path

import pytest

from divert_cli import city_map
from divert_cli.errors import StackError
from divert_cli.replay import Format, Line, Once, Screening, batches, csv_lines, json_lines, replay

HEADINGS = "incident_number,area_occ,rpt_dist,dispatch_date,dispatch_time,call_type_code,call_type_text"


def numbers(lines: list[Line]) -> list[int]:
    return [line.number for line in lines]


def test_rows_keep_the_line_that_they_stand_on(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes(
        b"\xef\xbb\xbf" + HEADINGS.encode() + b"\r\n"
        b"1,Central,0127,12/31/2015,18:11:47,415W,WOMAN\r\n"
        b"\r\n"
        b'2,Central,0127,12/31/2015,18:11:47,415W,"two\nlines"\r\n'
        b"3,Central\r\n"
        b"4,\xff\xfe,0127,12/31/2015,18:11:47,415W,x\r\n"
    )
    lines = list(csv_lines(file, city_map.load("lapd-cfs"), agency="a", divert=False))
    assert numbers(lines) == [2, 5, 6, 7]
    calls = [json.loads(line.body) for line in lines]
    assert [call["incident_number"] for call in calls] == ["1", "2", "3", "4"]
    assert "call_type" not in calls[2]


def test_a_cell_of_any_length_is_read(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f"{HEADINGS}\n{'9' * 300_000},,,,,,\n", encoding="utf-8")
    (line,) = csv_lines(file, city_map.load("lapd-cfs"), agency="a", divert=False)
    assert len(line.body) > 300_000


def test_blank_lines_of_jsonl_are_passed_over_and_the_others_sent_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\n  \r\nno json\n\xef\xbb\xbf\n{"a":1}')
    assert list(json_lines(file)) == [Line(1, b'{"a":1}'), Line(4, b"no json"), Line(6, b'{"a":1}')]


def test_a_line_that_stood_there_before_is_kept_back() -> None:
    once = Once([Line(1, b"a"), Line(2, b"b"), Line(3, b"a"), Line(4, b"a")])
    assert numbers(list(once)) == [1, 2]
    assert once.repeated == [3, 4]


def test_batches_hold_so_many_lines_and_bytes_and_a_longer_line_goes_alone() -> None:
    lines = [Line(number, b"x") for number in range(1, 6)]
    assert [numbers(batch) for batch in batches(lines, 2)] == [[1, 2], [3, 4], [5]]
    long = Line(2, b"x" * 9_000_000)
    assert [numbers(batch) for batch in batches([lines[0], long, lines[2]], 1000)] == [[1], [2], [3]]
    assert list(batches([], 2)) == []


@pytest.mark.parametrize(
    ("map_name", "screening", "complaint"),
    [("lapd-cfs", None, "go together"), (None, Screening.ASSUME_NO, "needs --map")],
)
def test_a_csv_needs_its_map_and_to_divert_it_answers(
    tmp_path: Path, map_name: str | None, screening: Screening | None, complaint: str
) -> None:
    with pytest.raises(StackError, match=complaint):
        replay(tmp_path / "x", file_format=Format.CSV, map_name=map_name, divert=True, screening=screening)


def test_answers_are_assumed_for_diverted_calls_alone(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="go together"):
        replay(tmp_path / "x", file_format=Format.CSV, map_name="lapd-cfs", screening=Screening.ASSUME_NO)


@pytest.mark.parametrize("option", [{"map_name": "nola"}, {"agency": "nopd"}])
def test_jsonl_says_everything_itself(tmp_path: Path, option: dict[str, str]) -> None:
    with pytest.raises(StackError, match="are for csv"):
        replay(
            tmp_path / "x",
            file_format=Format.JSONL,
            map_name=option.get("map_name"),
            agency=option.get("agency"),
        )
