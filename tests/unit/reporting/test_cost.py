"""Amounts exist only with their assumptions, and hours follow from what providers said of their shifts."""

from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

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


def test_only_a_provider_that_told_of_no_shift_has_its_idle_time_assumed() -> None:
    found = lines([Hours("alcott", 10, 4), Hours("exodus", 0, 6)], responses=8, served=5, assumed=ASSUMED)
    by_team = next(line for line in found if line.what.startswith("A served call, if the rate is a whole team's"))
    rate, idle, overhead = (ASSUMED[name] for name in ("team_rate", "idle_share", "overhead"))
    assert by_team.amount.low == pytest.approx(rate.low * overhead.low * (10 + 6 / (1 - idle.low)) / 5)
    assert "10.0 team-hours on shift; 6.0 team-hours with a case" in by_team.made_of
    assert "idle_share" in by_team.uses


def test_of_one_agency_no_amount_is_made_of_hours_on_shift() -> None:
    found = lines([Hours("alcott", None, 4)], responses=8, served=5, assumed=ASSUMED)
    assert [line.what for line in found if line.what.startswith("A served call")] == [
        "A served call, if the rate is for a response"
    ]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 11, 1), 25), (date(2026, 3, 8), 23), (date(2026, 10, 1), 24)])
def test_a_day_on_which_the_clock_is_changed_has_its_own_hours(day: date, hours: int) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    since, until = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    always = ShiftChange(fact_id=uuid4(), provider="alcott", changed_at=since - timedelta(days=9), teams=2, members=4)
    assert team_hours([always], since, until) == {"alcott": 2 * hours}


def test_with_nobody_served_no_amount_a_served_call_is_told() -> None:
    found = lines([Hours("alcott", 10, 0)], responses=0, served=0, assumed=ASSUMED)
    assert not [line for line in found if line.what.startswith("A served call")]
