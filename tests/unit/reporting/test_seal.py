"""A seal says when something is not as it was, itself included."""

from datetime import datetime
from zoneinfo import ZoneInfo

from divert_reporting.domain.seal import Seal

ZONE = ZoneInfo("America/Los_Angeles")
SEAL = Seal.of(
    since=datetime(2026, 10, 1, tzinfo=ZONE),
    until=datetime(2026, 11, 1, tzinfo=ZONE),
    agency="lapd",
    tables={"shift_changes": "b", "call_outcomes": "a"},
    log={"routing.v1/1": 7, "routing.v1/0": 8},
    figures="c",
)


def test_a_seal_that_was_read_back_is_intact() -> None:
    assert Seal.model_validate_json(SEAL.model_dump_json(indent=2)).intact
    assert SEAL.mark == SEAL.whole[:16]


def test_whatever_is_changed_in_a_seal_is_noticed() -> None:
    changes: list[dict[str, object]] = [
        {"since": datetime(2026, 9, 1, tzinfo=ZONE)},
        {"agency": None},
        {"tables": {**SEAL.tables, "call_outcomes": "x"}},
        {"log": {**SEAL.log, "routing.v1/0": 9}},
        {"figures": "x"},
        {"whole": "x"},
    ]
    assert not any(SEAL.model_copy(update=change).intact for change in changes)
    assert not Seal.model_validate(SEAL.model_dump(exclude={"whole"})).intact


def test_what_differs_is_named() -> None:
    assert SEAL.differs_from(SEAL.tables, "c") == ()
    assert SEAL.differs_from({**SEAL.tables, "call_outcomes": "x"}, "x") == ("call_outcomes", "figures")
    assert SEAL.differs_from({"call_outcomes": "a"}, "c") == ("shift_changes",)
