"""How an evening's file is read, and that the committed one is what its writer writes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from divert_cli.demo import EVENING
from divert_contracts import ids
from divert_sim import evening, evening_writer
from divert_sim.evening import EveningError
from divert_sim.requests import of_entry

START = datetime(2026, 11, 15, 2, tzinfo=UTC)


def entries(tmp_path: Path, *lines: str) -> list[evening.Entry]:
    file = tmp_path / "evening.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return list(evening.load(file))


def test_the_committed_evening_is_what_its_writer_writes() -> None:
    assert EVENING.read_text(encoding="utf-8").splitlines() == list(evening_writer.write())


def test_everybody_in_it_is_made_up() -> None:
    for entry in evening.load(EVENING):
        caller = entry.body.get("caller")
        if isinstance(caller, dict):
            assert str(caller["number"])[5:10] == "55501"


def test_times_count_from_the_start(tmp_path: Path) -> None:
    (entry,) = entries(
        tmp_path,
        '{"at":"T+00:03:10","do":"call","body":{"incident_number":"1","stamps":{"created_at":"T-00:00:30"},"x":["T+1"]}}',
    )
    assert entry.at == timedelta(minutes=3, seconds=10)
    assert entry.body_at(START)["stamps"] == {"created_at": "2026-11-15T01:59:30+00:00"}
    assert entry.body_at(START)["x"] == ["T+1"]


def test_a_duplicate_names_its_master_by_the_masters_call(tmp_path: Path) -> None:
    (entry,) = entries(
        tmp_path, '{"at":"T+00:00:01","do":"cancel","incident":"2","body":{"reason":"duplicate","duplicate_of":"1"}}'
    )
    request = of_entry(entry, START)
    assert request.path == f"/v1/calls/{ids.call_id('lapd', '2')}/cancel"
    assert request.body["duplicate_of"] == str(ids.call_id("lapd", "1"))


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (['{"at":"soon","do":"call"}'], ":1: at"),
        (['{"at":"T+00:00:01","do":"call"}', '{"at":"T+00:00:02","do":"sing"}'], ":2: do"),
        (['{"at":"T+00:00:02","do":"call"}', '{"at":"T+00:00:01","do":"call"}'], ":2: earlier"),
        (["{"], ":1: "),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, lines: list[str], complaint: str) -> None:
    with pytest.raises(EveningError) as refused:
        entries(tmp_path, *lines)
    assert complaint in str(refused.value)
