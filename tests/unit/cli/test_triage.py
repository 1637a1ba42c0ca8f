"""Rows of any file are decided offline, and every row is accounted for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from divert_cli import triage as command
from divert_cli.errors import StackError
from divert_cli.triage import Format, triage

ROWS = """Number,Nature,Notes
1,WELFARE CHECK,"Calm, no weapons seen."
2,DISTURBANCE - WEAPON INVOLVED,
3,MENTAL PERSON,He has a knife in his hand.
"""
COLUMNS = ["incident_number=Number", "text=Notes", "call_type_text=nature"]


def decided(
    file: Path,
    tmp_path: Path,
    *,
    column: list[str] | None = None,
    map_name: str | None = None,
    file_format: Format | None = None,
) -> list[dict[str, object]]:
    out = tmp_path / "out.jsonl"
    triage(str(file), column=column, map_name=map_name, file_format=file_format, out=out)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_any_citys_words_are_judged(tmp_path: Path) -> None:
    check, weapon, knife = decided(written(tmp_path, "a.csv", ROWS), tmp_path, column=COLUMNS)
    assert (check["incident_number"], check["eligibility"], check["line"]) == ("1", "needs_review", 2)
    assert check["policy"] == "triage-1"
    assert (weapon["eligibility"], weapon["rules"]) == ("ineligible", ["X-WEAPON", "R-NO-CODE"])
    signals = weapon["signals"]
    assert isinstance(signals, list)
    assert {
        "hazard": "weapon",
        "source": "call_type",
        "certainty": "present",
        "code": "weapon",
        "start": 14,
        "end": 20,
        "words": "WEAPON",
    } in signals
    assert knife["eligibility"] == "ineligible"
    assert "has a knife in his hand" not in json.dumps(check)


def test_headings_that_are_named_like_fields_need_no_option(tmp_path: Path) -> None:
    file = written(tmp_path, "a.csv", "Call_Type,Narrative,weapon,feed\n918,calm,no,diverted\n918,calm,yes,diverted\n")
    first, second = decided(file, tmp_path)
    assert first["rules"] == ["R-UNANSWERED", "C-MENTAL", "P-UMCR"]
    assert second["hard_exclusion"] is True


def test_a_call_as_intake_takes_it_is_judged_as_live(tmp_path: Path) -> None:
    call = {"call_type": "918", "feed": "observed", "text": "A man weeps.", "flags": ["MENTAL"]}
    (one,) = decided(written(tmp_path, "a.jsonl", json.dumps(call) + "\n\n"), tmp_path)
    assert (one["eligibility"], one["unscreened"], one["warnings"]) == ("eligible", True, [])


def test_a_description_longer_than_a_type_is_read_whole(tmp_path: Path) -> None:
    file = written(tmp_path, "a.csv", f"description\n{'PERSON SEEN ' * 9}WITH A GUN\n")
    (one,) = decided(file, tmp_path)
    assert one["hard_exclusion"] is True


def test_bad_rows_are_reported_by_line_counted_and_end_in_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "a.jsonl", '{"call_type": "918"}\nnonsense\n[1]\n{"call_type": "918"}\n')
    with pytest.raises(typer.Exit) as ended:
        decided(file, tmp_path)
    assert ended.value.exit_code == 1
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(one["line"], "error" in one) for one in lines] == [(1, False), (2, True), (3, True), (4, False)]
    assert "2 rows could not be read" in capsys.readouterr().err
    short = written(tmp_path, "b.csv", "call_type,narrative\n918\n918,calm\n")
    with pytest.raises(typer.Exit):
        decided(short, tmp_path)


def test_rows_are_read_one_by_one() -> None:
    given = command.given_policy(None)
    counts = command.Counts()

    def endless() -> Iterator[command.Row]:
        while True:
            yield command.Row(1, {"call_type": "918", "feed": "observed", "incident_number": "1", "agency": "offline"})

    results = command.decide(endless(), given, counts)
    assert [next(results)["eligibility"] for _ in range(3)] == ["eligible"] * 3


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("a.csv", "X,Y\n1,2\n", (None, None), "--column call_type_text='X'"),
        ("a.csv", "X,Y\n1,2\n", ("narrative=Notes", None), "has no column for Notes. Its columns are: X, Y"),
        ("a.csv", "X,Y\n1,2\n", ("notes=X", None), "'notes' is no field; fields are incident_number"),
        ("a.csv", "X,Y\n1,2\n", ("narrative", None), "FIELD=HEADING is wanted"),
        ("a.csv", "X,x\n1,2\n", (None, None), "two columns have the same heading"),
        ("a.csv", "X\n1\n", (None, "lapd-cfs"), "has no column for incident_number"),
        ("a.xlsx", "", (None, None), "say --format csv or --format jsonl"),
        ("a.jsonl", "", (None, "nola"), "--map and --column are for csv"),
    ],
)
def test_a_mistake_says_what_to_do(
    tmp_path: Path, name: str, text: str, options: tuple[str | None, str | None], said: str
) -> None:
    column, map_name = options
    with pytest.raises(StackError) as refused:
        decided(written(tmp_path, name, text), tmp_path, column=[column] if column else None, map_name=map_name)
    assert said in str(refused.value)


def test_formats_can_be_named(tmp_path: Path) -> None:
    assert len(decided(written(tmp_path, "export", "call_type\n918\n"), tmp_path, file_format=Format.CSV)) == 1
