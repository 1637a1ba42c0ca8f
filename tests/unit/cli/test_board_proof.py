"""What the proof of the board holds against it."""

from dataclasses import replace
from typing import Any

from divert_cli.proofs.board import BEHIND, Result

SEEN: dict[str, Any] = {
    "first_paint_ms": [200.0, 300.0],
    "script_bytes": 100_000,
    "layout_shift": 0,
    "focus_kept": True,
    "scroll_kept": True,
    "heap_mib": [5.0, 5.0, 5.1],
    "nodes": [900, 900, 910],
    "axe": [],
    "errors": [],
    "news": 40,
}
GOOD = Result(
    calls_asked=200,
    calls_in_flight=204,
    minutes=5,
    speed=30,
    facts=500,
    in_flight_after=201,
    behind=0.2,
    service_mib=(100.0, 110.0),
    seen=SEEN,
)


def broken(result: Result) -> list[str]:
    return [name for name, wrong in result.faults.items() if wrong]


def test_a_proof_with_everything_in_place_is_clean() -> None:
    assert broken(GOOD) == []


def test_too_few_calls_late_facts_and_a_growing_service_are_held_against_it() -> None:
    assert broken(replace(GOOD, calls_in_flight=199)) == ["too few in flight"]
    assert broken(replace(GOOD, in_flight_after=199)) == ["too few in flight"]
    assert broken(replace(GOOD, behind=BEHIND + 0.1)) == ["facts late"]
    assert broken(replace(GOOD, service_mib=(100.0, 151.0))) == ["service grows"]
    assert broken(replace(GOOD, seen={**SEEN, "axe": ["wall-light-1920x1080: color-contrast: 1"]})) == ["axe complains"]
