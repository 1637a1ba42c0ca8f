"""A CAD's nightly export against divert's rows: whatever differs is named, and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_cli import cad_codes, city_map
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.reconcile import CadCall, Difference, Reconciliation, compare, from_csv, from_json, reconcile
from divert_cli.replay import Format

CODES = cad_codes.load(ROOT / "seeds" / "cad" / "lapd.yaml")
NIGHT = datetime(2026, 11, 22, 20, tzinfo=UTC)
PERIOD = (NIGHT, NIGHT + timedelta(hours=8))
MINUTE = timedelta(minutes=1)


def a_row(number: str, **changes: object) -> dict[str, Any]:
    return {
        "call_id": f"id-{number}",
        "incident_number": number,
        "feed": "diverted",
        "stage": "concluded",
        "outcome": "served",
        "reason": "closed",
        "disposition": "resolved_on_scene",
        "accepted_at": (NIGHT + MINUTE).isoformat(),
        "cad_created_at": NIGHT.isoformat(),
        "cad_closed_at": (NIGHT + 30 * MINUTE).isoformat(),
        **changes,
    }


def a_call(number: str, *, disposition: str | None = "CODE 4", **stamps: datetime | None) -> CadCall:
    times: dict[str, datetime | None] = {"created_at": NIGHT, "closed_at": NIGHT + 30 * MINUTE, **stamps}
    return CadCall(2, number, times, disposition)


def compared(calls: list[CadCall], known: list[dict[str, Any]]) -> Reconciliation:
    found = Reconciliation()
    compare(calls, known, PERIOD, CODES, MINUTE, found)
    return found


def fields(found: Reconciliation) -> list[tuple[str, str | None, str | None]]:
    return [(one.field, one.cad, one.divert) for one in found.differences]


NUMBERS = st.sets(st.integers(1, 30).map(str), max_size=20)


@given(NUMBERS, NUMBERS)
def test_what_one_side_alone_has_is_named_and_what_both_have_is_not(cad: set[str], divert: set[str]) -> None:
    found = compared([a_call(one) for one in cad], [a_row(one) for one in divert])
    assert set(found.only_cad) == cad - divert
    assert set(found.only_divert) == divert - cad
    assert found.differences == []
    assert (found.in_cad, found.in_divert) == (len(cad), len(divert))
    assert found.agrees is (cad == divert)


def test_what_began_outside_the_export_need_not_stand_in_it() -> None:
    early, late = NIGHT - timedelta(hours=1), PERIOD[1] + timedelta(hours=1)
    rows = [a_row("1", cad_created_at=early.isoformat()), a_row("2", cad_created_at=late.isoformat())]
    assert compared([], rows).only_divert == []
    assert compared([a_call("1", created_at=early)], rows).only_cad == []


@pytest.mark.parametrize(
    ("call", "row", "difference"),
    [
        (a_call("1", disposition="GOA"), a_row("1"), ("disposition", "GOA", "CODE 4")),
        (a_call("1", disposition="CODE 4"), a_row("1", disposition="not_found"), ("disposition", "CODE 4", "GOA")),
        (
            a_call("1", disposition="CODE 4"),
            a_row("1", outcome="eligible_not_served", reason="timed_out", disposition=None),
            ("disposition", "CODE 4", "RETURNED"),
        ),
        (a_call("1"), a_row("1", outcome=None, reason=None, stage="on_scene"), ("state", "closed", "on_scene")),
        (
            a_call("1", closed_at=NIGHT + 32 * MINUTE),
            a_row("1"),
            ("closed_at", (NIGHT + 32 * MINUTE).isoformat(), (NIGHT + 30 * MINUTE).isoformat()),
        ),
        (a_call("1", arrived_at=None), a_row("1"), ("arrived_at", "cannot be read", None)),
    ],
)
def test_what_is_said_differently_is_named_with_both_sayings(
    call: CadCall, row: dict[str, Any], difference: tuple[str, str, str | None]
) -> None:
    found = compared([call], [row])
    assert fields(found) == [difference]
    assert found.differences[0] == Difference("1", "id-1", *difference)
    assert not found.agrees


@pytest.mark.parametrize(
    ("call", "row"),
    [
        (a_call("1", closed_at=NIGHT + 30 * MINUTE + timedelta(seconds=59)), a_row("1")),
        (a_call("1", disposition=None), a_row("1")),
        (a_call("1", disposition="ARREST"), a_row("1", feed="observed", outcome="ineligible", reason="rule")),
        (a_call("1", arrived_at=NIGHT), a_row("1", cad_arrived_at=None)),
    ],
)
def test_what_one_side_cannot_know_is_no_difference(call: CadCall, row: dict[str, Any]) -> None:
    assert compared([call], [row]).agrees


def test_a_number_that_stands_there_twice_is_named_and_the_newest_row_of_a_reopened_call_counts() -> None:
    found = compared([a_call("1"), a_call("1", disposition="GOA")], [a_row("1")])
    assert (found.twice, found.differences, found.in_cad) == (["1"], [], 1)
    reopened = a_row("1", accepted_at=(NIGHT + 90 * MINUTE).isoformat(), disposition="not_found")
    assert compared([a_call("1", disposition="GOA")], [reopened, a_row("1")]).agrees


def test_an_export_is_read_by_its_map(tmp_path: Path) -> None:
    file = tmp_path / "night.csv"
    file.write_text(
        "Incident Number,Call Type Code,Reporting District,Disposition Code,Created,Dispatched,Arrived,Closed\n"
        "1,918,723,CODE 4,2026-11-22 12:00:00,,,11/22/2026 12:30:00\n"
        ",918,723,GOA,2026-11-22 12:00:00,,,\n"
        "2,918,723,,yesterday,,,\n"
    )
    found = Reconciliation()
    calls = list(from_csv(file, city_map.load("lapd-nightly"), found))
    assert found.unreadable == [3]
    assert calls == [
        CadCall(2, "1", {"created_at": NIGHT, "closed_at": NIGHT + 30 * MINUTE}, "CODE 4"),
        CadCall(4, "2", {"created_at": None}, None),
    ]


def test_an_export_in_lines_of_json_is_read_as_intake_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "night.jsonl"
    stamps = {"created_at": "2026-11-22T12:00:00-08:00", "closed_at": "2026-11-22 12:30"}
    call = json.dumps({"incident_number": 1, "stamps": stamps, "disposition_code": "GOA"})
    file.write_text(f'{call}\n{{"stamps": {{}}}}\n[1]\nno json')
    found = Reconciliation()
    assert list(from_json(file, found)) == [CadCall(1, "1", {"created_at": NIGHT, "closed_at": None}, "GOA")]
    assert found.unreadable == [2, 3, 4]


def test_an_export_without_times_needs_a_period(tmp_path: Path) -> None:
    file = tmp_path / "night.jsonl"
    file.write_text('{"incident_number": "1"}\n')
    with pytest.raises(StackError, match="--since and --until"):
        reconcile(file, file_format=Format.JSONL)
    with pytest.raises(StackError, match="go together"):
        reconcile(file, file_format=Format.CSV)
