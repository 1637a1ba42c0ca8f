"""What many runs came to, scenario by scenario: means over the seeds, and how far they spread."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from divert_contracts.model import Model
from divert_contracts.vocabulary import Outcome
from divert_reporting.domain.cost import Assumptions, Hours, Line, lines
from divert_sim.whatif.scenario import Configuration
from divert_sim.whatif.tally import Area, Run

TAIL = 0.025
"""Of the runs so great a share lies below an interval, and above it."""
DIGITS = 4
"""Decimals in a result, so that it is the same on every machine."""
SERVED, UNSERVED = Outcome.SERVED.value, Outcome.ELIGIBLE_NOT_SERVED.value


class Estimate(Model):
    """A number over the seeds."""

    mean: float
    low: float
    """A fortieth of the runs lies below; with fewer than 40 runs the least of them."""
    high: float
    """A fortieth of the runs lies above."""


class Measured(Model):
    """A measure of a scenario."""

    value: Estimate
    change: Estimate | None = None
    """Against the directory as it is, seed by seed; null for that one itself."""


class Division(Model):
    """A division of the police, means over the seeds."""

    eligible: float
    served: float
    response_median: float | None = None
    """Seconds, over all runs together."""


class Amount(Model):
    """A cost, with what it is made of."""

    what: str
    low: float
    value: float
    high: float
    made_of: str
    uses: tuple[str, ...]


class Summary(Model):
    """What a scenario came to."""

    name: str
    title: str
    question: str
    assumes: tuple[str, ...]
    changes: tuple[str, ...]
    providers: int
    """Organisations that take calls."""
    teams: dict[str, int]
    shift_hours: dict[str, float]
    measures: dict[str, Measured]
    reasons: dict[str, Estimate]
    """Of eligible calls that were not served, by reason."""
    response: tuple[float, ...]
    """Deciles of the seconds from accepted to arrival, over all runs together; empty where nobody arrived."""
    divisions: dict[int, Division]
    hidden: tuple[int, ...] = ()
    """Divisions that a published result leaves out."""
    busy_hours: dict[str, float]
    cost: tuple[Amount, ...]
    cost_a_day: Amount | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a run, and how it is said."""

    name: str
    title: str
    definition: str
    unit: str = "calls"
    better: int = 0
    """1 where more is better, -1 where less is, 0 where that is not for a simulation to say."""


MEASURES: Sequence[Measure] = (
    Measure("calls", "Calls", "Diverted calls that count: no drills, nothing entered when it was over."),
    Measure("eligible", "Eligible", "Served, or eligible and not served."),
    Measure("served", "Served", "A team reached the person, or closed the case after arriving.", better=1),
    Measure("served_share", "Served, of eligible", "Served over eligible.", "share", 1),
    Measure("not_served", "Eligible, not served", "Each with one reason, below.", better=-1),
    Measure(
        "unarmed_share",
        "Kept from an armed response, of eligible",
        "Served, and no police was recommended, asked for or there, before, with or after the team; over eligible.",
        "share",
        1,
    ),
    Measure(
        "to_police", "Handed to the police", "Calls with a hand-off that recommends patrol or a police team.", better=-1
    ),
    Measure(
        "missed",
        "Eligible, never referred",
        "Observed calls that the rules find eligible and nobody diverted.",
        better=-1,
    ),
    Measure(
        "response_median", "Median time to arrival", "From accepted to a team's arrival, in person.", "seconds", -1
    ),
    Measure("response_p90", "90% arrive within", "From accepted to a team's arrival, in person.", "seconds", -1),
    Measure("shift_hours", "Team-hours on shift", "Teams times the hours in which they take calls.", "hours"),
    Measure(
        "busy_hours", "Team-hours with a case", "From acknowledgement until closed, handed back or recalled.", "hours"
    ),
    Measure("busy_share", "Busy, of shift", "Hours with a case over hours on shift.", "share"),
    Measure("offers", "Offers", "Every offer to a provider."),
    Measure(
        "screened",
        "Calls screened by dispatchers",
        "Diverted calls, those of a provider's own line left out.",
        better=-1,
    ),
    Measure("reviews", "Reviews at the desk", "Calls that a person decided because the rules would not.", better=-1),
    Measure("hand_offs", "Hand-offs to the dispatcher", "Calls that went back, repeats left out.", better=-1),
    Measure("assistance", "Calls for help by teams", "For an ambulance, backup, or a check on a team.", better=-1),
    Measure(
        "desk_actions",
        "Dispatcher's actions",
        "Screenings, reviews, hand-offs and calls for help together; they are not equally long.",
        "actions",
        -1,
    ),
)


def summed(
    configuration: Configuration,
    runs: Sequence[Run],
    base: Sequence[Run],
    shift_hours: Mapping[str, float],
    base_hours: Mapping[str, float],
    *,
    days: float,
    assumed: Assumptions,
) -> Summary:
    """Return what the runs of a scenario came to.

    Args:
        configuration: of the scenario.
        runs: one a seed, in the order of the seeds.
        base: the runs with the same seeds under the directory as it is.
        shift_hours: team-hours on shift by provider.
        base_hours: those under the directory as it is.
        days: how many days of shifts these are.
        assumed: what cost figures assume.
    """
    mine = [numbers(run, shift_hours) for run in runs]
    others = [numbers(run, base_hours) for run in base]
    itself = runs is base
    busy = _means([run.busy for run in runs])
    hours = [Hours(one, shift, busy.get(one, 0.0)) for one, shift in sorted(shift_hours.items())]
    measures = {
        one.name: Measured(
            value=estimate([run[one.name] for run in mine]),
            change=None
            if itself
            else estimate([run[one.name] - other[one.name] for run, other in zip(mine, others, strict=True)]),
        )
        for one in MEASURES
        if all(one.name in run for run in (*mine, *others))
    }
    served = measures["served"].value.mean
    taken = fmean(run.counts["taken"] for run in runs)
    made = lines(hours, responses=round(taken), served=round(served), assumed=assumed)
    reasons = sorted({name for run in runs for name in run.outcomes if name.startswith(f"{UNSERVED}/")})
    scenario = configuration.scenario
    return Summary(
        name=scenario.name,
        title=scenario.title,
        question=scenario.question,
        assumes=scenario.assumes,
        changes=tuple(one.model_dump_json(exclude_defaults=True) for one in scenario.changes),
        providers=sum(1 for one in configuration.read.providers if configuration.teams.get(one.id)),
        teams=dict(sorted(configuration.teams.items())),
        shift_hours={one: _rounded(spent) for one, spent in sorted(shift_hours.items())},
        measures=measures,
        reasons={name.partition("/")[2]: estimate([run.outcomes.get(name, 0) for run in runs]) for name in reasons},
        response=_deciles([seconds for run in runs for seconds in run.responses]),
        divisions=_divisions(runs),
        busy_hours={one: _rounded(spent) for one, spent in sorted(busy.items())},
        cost=tuple(_amount(one) for one in made),
        cost_a_day=_a_day(sum(shift_hours.values()) / days, assumed),
    )


def numbers(run: Run, shift_hours: Mapping[str, float]) -> Mapping[str, float]:
    """Return the measures of a run; a time that nobody had is not there."""
    counts = run.counts
    eligible = counts[SERVED] + counts[UNSERVED]
    shift, busy = sum(shift_hours.values()), sum(run.busy.values())
    found = {
        "calls": counts["calls"],
        "eligible": eligible,
        "served": counts[SERVED],
        "not_served": counts[UNSERVED],
        "to_police": counts["to_police"],
        "missed": counts["missed"],
        "shift_hours": shift,
        "busy_hours": busy,
        "offers": counts["offers"],
        "screened": counts["screened"],
        "reviews": counts["reviews"],
        "hand_offs": counts["hand_offs"],
        "assistance": counts["assistance"],
        "desk_actions": counts["screened"] + counts["reviews"] + counts["hand_offs"] + counts["assistance"],
    }
    if eligible:
        found |= {"served_share": counts[SERVED] / eligible, "unarmed_share": counts["unarmed"] / eligible}
    if shift:
        found["busy_share"] = busy / shift
    if run.responses:
        found |= {"response_median": rank(run.responses, 0.5), "response_p90": rank(run.responses, 0.9)}
    return found


def estimate(given: Sequence[float]) -> Estimate:
    """Return mean and interval over the seeds."""
    ordered = sorted(given)
    return Estimate(
        mean=_rounded(fmean(ordered)), low=_rounded(rank(ordered, TAIL)), high=_rounded(rank(ordered, 1 - TAIL))
    )


def rank(ordered: Sequence[float], share: float) -> float:
    """Return the number that so great a share of all does not exceed, by nearest rank."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _means(given: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    return {
        name: fmean(one.get(name, 0.0) for one in given) for name in sorted({name for one in given for name in one})
    }


def _deciles(given: Iterable[float]) -> tuple[float, ...]:
    ordered = sorted(given)
    return tuple(_rounded(rank(ordered, step / 10)) for step in range(11)) if ordered else ()


def _divisions(runs: Sequence[Run]) -> dict[int, Division]:
    found: dict[int, Division] = {}
    for number in sorted({number for run in runs for number in run.areas}):
        areas = [run.areas.get(number, Area()) for run in runs]
        responses = sorted(seconds for one in areas for seconds in one.responses)
        found[number] = Division(
            eligible=_rounded(fmean(one.eligible for one in areas)),
            served=_rounded(fmean(one.served for one in areas)),
            response_median=_rounded(rank(responses, 0.5)) if responses else None,
        )
    return found


def _a_day(hours: float, assumed: Assumptions) -> Amount:
    """Return what the teams on shift cost a day, from the lowest reading of the rate to the highest."""
    rate, crew, overhead = assumed["team_rate"], assumed["crew_size"], assumed["overhead"]
    return Amount(
        what="The teams on shift, a day",
        low=_rounded(hours * rate.low * overhead.low),
        value=_rounded(hours * rate.value * crew.value * overhead.value),
        high=_rounded(hours * rate.high * crew.high * overhead.high),
        made_of=f"{hours:,.1f} team-hours a day; low: the rate is a team's, high: a worker's",
        uses=("team_rate", "crew_size", "overhead"),
    )


def _amount(line: Line) -> Amount:
    return Amount(
        what=line.what,
        low=_rounded(line.amount.low),
        value=_rounded(line.amount.value),
        high=_rounded(line.amount.high),
        made_of=line.made_of,
        uses=line.uses,
    )


def _rounded(number: float) -> float:
    return round(number, DIGITS)
