"""Amounts exist only with their assumptions, and hours follow from what providers said of their shifts."""

from datetime import timedelta
from uuid import uuid4

import pytest
import yaml

from divert_cli.checkout import ROOT
from divert_reporting.domain.cost import Assumptions, Hours, lines, team_hours
from divert_reporting.domain.outcome import ShiftChange

from .stories import NOON

ASSUMED = Assumptions.model_validate(
    yaml.safe_load((ROOT / "seeds" / "assumptions" / "cost.yaml").read_text(encoding="utf-8"))
)


def change(provider: str, hours: float, teams: int) -> ShiftChange:
    return ShiftChange(
        fact_id=uuid4(), provider=provider, changed_at=NOON + timedelta(hours=hours), teams=teams, members=2 * teams
    )


def test_a_shift_holds_until_the_next_change_and_counts_only_inside_the_period() -> None:
    changes = [change("alcott", 4, 0), change("alcott", -1, 2), change("alcott", 2, 3), change("exodus", 1, 1)]
    hours = team_hours(changes, NOON, NOON + timedelta(hours=6))
    assert hours == pytest.approx({"alcott": 2 * 2 + 3 * 2, "exodus": 5})


def test_each_amount_names_its_assumptions_and_has_a_low_and_a_high() -> None:
    found = lines([Hours("alcott", 10, 4)], responses=8, served=5, assumed=ASSUMED)
    assert all(line.uses for line in found)
    assert all(line.amount.low <= line.amount.value <= line.amount.high for line in found)
    by_worker = next(line for line in found if line.what.startswith("A served call, if the rate is a worker's"))
    assert by_worker.amount.low == pytest.approx(10 * 35 * 2 / 5)


def test_without_shifts_the_idle_time_is_an_assumption_and_said_to_be_one() -> None:
    found = lines([Hours("alcott", 0, 4)], responses=8, served=5, assumed=ASSUMED)
    served = [line for line in found if line.what.startswith("A served call, if the rate is a w")]
    assert all("idle_share" in line.uses for line in served)
    assert served[0].amount.value > 4 * 35 * 2 / 5


def test_with_nobody_served_no_amount_a_served_call_is_told() -> None:
    found = lines([Hours("alcott", 10, 0)], responses=0, served=0, assumed=ASSUMED)
    assert not [line for line in found if line.what.startswith("A served call")]
