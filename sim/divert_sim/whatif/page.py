"""A what-if report: the scenarios side by side, in the form of the council's report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from divert_chassis.words import UNSAID, lasted
from divert_contracts.model import Model
from divert_reporting.domain.cost import Assumptions
from divert_reporting.domain.equity import Area, suppressed
from divert_reporting.pages.report.numbers import Labels, said
from divert_reporting.pages.report.page import Bar, Chart, Headline, Note, Report, Section, Table
from divert_sim.whatif.capacity import Capacity, Span
from divert_sim.whatif.crew import ACCEPTS_AFTER
from divert_sim.whatif.selfcheck import SelfCheck
from divert_sim.whatif.summary import MEASURES, Division, Estimate, Measure, Summary

HIDDEN = "left out"
KINDS: dict[str, Callable[[float], str]] = {
    "calls": lambda n: f"{n:,.0f}",
    "actions": lambda n: f"{n:,.0f}",
    "hours": lambda n: f"{n:,.0f} h",
    "share": lambda n: f"{100 * n:.1f}%",
    "seconds": lambda n: lasted(timedelta(seconds=round(n))),
}
CHANGED: dict[str, Callable[[float], str]] = {
    "calls": lambda n: f"{n:+,.0f}",
    "actions": lambda n: f"{n:+,.0f}",
    "hours": lambda n: f"{n:+,.0f} h",
    "share": lambda n: f"{100 * n:+.1f} points",
    "seconds": lambda n: ("+" if n >= 0 else "\u2212") + lasted(timedelta(seconds=abs(round(n)))),
}


class Result(Model):
    """Everything that a study says."""

    format: str = "divert-what-if-1"
    calls: str
    """What was played, in words."""
    count: int
    days: float
    seeds: int
    capacity: Capacity
    self_check: SelfCheck
    through_codec: bool
    """Whether the first run came out the same with every fact and every state written and read."""
    holds: bool
    """Whether the self-check holds, and that."""
    unsafe_offers: int
    """Offers of calls that the rules exclude, in all runs together."""
    for_publishing: bool
    """Small cells are left out."""
    scenarios: tuple[Summary, ...]
    """The first is the directory as it is."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the report needs besides the numbers."""

    labels: Labels
    assumed: Assumptions


def without_small_cells(scenarios: Sequence[Summary]) -> tuple[Summary, ...]:
    """Return the scenarios as they may be published: divisions that are small in any of them are left out of all.

    Leaving out more than a scenario's own suppression wants never tells more: every sum that is published has at least
    as many unknown rows.
    """
    hidden: set[int] = set()
    for one in scenarios:
        areas = [Area(str(number), round(row.eligible), round(row.served)) for number, row in one.divisions.items()]
        hidden |= {int(name) for name in suppressed(areas, {}).areas}
    return tuple(
        one.model_copy(
            update={
                "divisions": {number: row for number, row in one.divisions.items() if number not in hidden},
                "hidden": tuple(sorted(hidden)),
            }
        )
        for one in scenarios
    )


def page(result: Result, words: Words) -> Report:
    """Return the report."""
    base, *others = result.scenarios
    sections = [
        _check(result),
        _side_by_side(result),
        *(_scenario(one) for one in others),
        _response(result),
        _reasons(result),
        _load(result),
        _cost(result, words.assumed),
        _divisions(result, words.labels),
        _method(result),
    ]
    return Report(
        title="What if",
        period=result.calls,
        about=(
            f"{result.count:,} calls, played {result.seeds} times each under {len(result.scenarios)} arrangements, "
            "through the rules and the routing that divert runs on. A simulation: it says what the rules, the teams "
            "and the times below lead to, not what will happen."
        ),
        headlines=_headlines(result, base, others),
        sections=sections,
        foot=(
            (
                "Equal input gives equal bytes. Every number is a mean over the runs; the range behind it leaves out a "
                "fortieth of the runs on each side."
            ),
        ),
    )


def text(measure: Measure, value: float) -> str:
    """Return a number as a report says it."""
    return KINDS[measure.unit](value)


def interval(measure: Measure, value: Estimate) -> str:
    """Return a mean with its interval."""
    mean, low, high = (text(measure, one) for one in (value.mean, value.low, value.high))
    return mean if mean == low == high else f"{mean} ({low} to {high})"


def change(measure: Measure, value: Estimate | None) -> str:
    """Return a difference with its interval; a dash for the arrangement that all are compared with."""
    if value is None:
        return UNSAID
    by = CHANGED[measure.unit]
    mean, low, high = (by(one) for one in (value.mean, value.low, value.high))
    return mean if mean == low == high else f"{mean} ({low} to {high})"


def _headlines(result: Result, base: Summary, others: Sequence[Summary]) -> Sequence[Headline]:
    share = _measure("unarmed_share")
    found = [
        Headline(
            "holds" if result.holds else "does not hold",
            f"on {result.self_check.on}",
            "The self-check: played as it was recorded, the model must end where the record did.",
        ),
        Headline(
            text(share, base.measures[share.name].value.mean),
            "of eligible calls, as it is",
            "Kept from an armed response: a team served the person, and no police had a part in it.",
        ),
    ]
    best = max(others, key=lambda one: one.measures[share.name].value.mean, default=None)
    if best is not None:
        found.append(
            Headline(
                text(share, best.measures[share.name].value.mean),
                f"of eligible calls: {best.title}",
                "The most that any of these arrangements keeps from an armed response, at the hours and cost below.",
            )
        )
    return found


def _check(result: Result) -> Section:
    check = result.self_check
    verdict = (
        "It does: every number below lies within its bound."
        if check.holds
        else "It does not. Do not rely on anything below before that is understood."
    )
    return Section(
        "self-check",
        "Does the model reproduce what was recorded?",
        (
            (
                f"On {check.on}: {check.calls:,} calls, played {check.seeds} times with the recorded directory, shifts "
                "and calls, the capacity model fitted to that record."
            ),
            verdict,
            *_about_another(result),
            (
                "Runs hand facts over as they are; the first was played again with every fact and state written and "
                f"read as the services do, and came out {'the same' if result.through_codec else 'DIFFERENTLY'}."
            ),
            f"Offers of calls that the rules exclude, in all runs together: {result.unsafe_offers}.",
        ),
        tables=(
            Table(
                "",
                ("", "recorded", "simulated", "least", "most", "bound", "within it"),
                tuple(
                    (
                        one.what,
                        f"{one.recorded:,.4g}",
                        f"{one.simulated:,.4g}",
                        f"{one.low:,.4g}",
                        f"{one.high:,.4g}",
                        one.bound,
                        "yes" if one.holds else "NO",
                    )
                    for one in check.checks
                ),
            ),
        ),
    )


def _about_another(result: Result) -> Sequence[str]:
    """Say that the record is not of the calls that are played, where it is not."""
    if result.calls == result.self_check.on:
        return ()
    return (
        (
            "These are other calls than those below. So it says that the machinery can reproduce a record, and nothing "
            "of how well the times and shares fit the calls below."
        ),
    )


def _side_by_side(result: Result) -> Section:
    rows = [
        (
            measure.title,
            *(interval(measure, one.measures[measure.name].value) for one in result.scenarios),
        )
        for measure in MEASURES
        if all(measure.name in one.measures for one in result.scenarios)
    ]
    teams = ("Teams on shift", *(f"{sum(one.teams.values())}" for one in result.scenarios))
    organisations = ("Organisations that take calls", *(f"{one.providers}" for one in result.scenarios))
    share = _measure("served_share")
    unarmed = _measure("unarmed_share")
    return Section(
        "side-by-side",
        "Side by side",
        ("Means over the runs, with the range that 95 of 100 runs lie in.",),
        charts=tuple(
            Chart(
                measure.title,
                tuple(
                    Bar(one.title, value.mean, text(measure, value.mean), reach=value.high)
                    for one in result.scenarios
                    for value in (one.measures[measure.name].value,)
                ),
                1.0,
            )
            for measure in (share, unarmed)
            if all(measure.name in one.measures for one in result.scenarios)
        ),
        tables=(Table("", ("", *(one.title for one in result.scenarios)), (organisations, teams, *rows)),),
        notes=tuple(
            Note(one.definition, "the facts that each run publishes", "What people would have thought of it.", one.unit)
            for one in (share, unarmed)
        ),
    )


def _scenario(one: Summary) -> Section:
    wanted = ("served", "served_share", "unarmed_share", "not_served", "missed", "response_median", "response_p90")
    load = ("hand_offs", "reviews", "screened", "desk_actions", "shift_hours", "busy_share")
    return Section(
        one.name,
        one.title,
        (one.question, *one.assumes),
        tables=(
            Table(
                "Against the directory as it is, run by run with the same luck",
                ("", "under this", "difference"),
                tuple(
                    (measure.title, interval(measure, found.value), change(measure, found.change))
                    for name in (*wanted, *load)
                    if (found := one.measures.get(name)) is not None
                    for measure in (_measure(name),)
                ),
            ),
        ),
    )


def _response(result: Result) -> Section:
    head = ("", "fastest 10%", "20%", "30%", "40%", "half", "60%", "70%", "80%", "90%")
    seconds = KINDS["seconds"]
    rows = [(one.title, *(seconds(value) for value in one.response[1:-1])) for one in result.scenarios if one.response]
    return Section(
        "response",
        "How soon a team is there",
        ("From the moment a call is accepted to a team's arrival, all runs together; telephone calls are left out.",),
        tables=(Table("So many of the arrivals come within", head, rows),),
        notes=(
            Note(
                "Deciles over every arrival in every run.",
                "travel times fitted to a record, stretched by the square-root law where teams cover other areas",
                "Roads, traffic and where a team happens to be.",
                "minutes",
            ),
        ),
    )


def _reasons(result: Result) -> Section:
    names = sorted(
        {name for one in result.scenarios for name in one.reasons},
        key=lambda name: (-max(one.reasons[name].mean for one in result.scenarios if name in one.reasons), name),
    )
    calls = _measure("calls")
    return Section(
        "not-served",
        "Eligible, and not served: why",
        ("Every eligible call that was not served has exactly one reason.",),
        tables=(
            Table(
                "",
                ("", *(one.title for one in result.scenarios)),
                tuple(
                    (
                        said(name),
                        *(
                            interval(calls, one.reasons[name]) if name in one.reasons else "0"
                            for one in result.scenarios
                        ),
                    )
                    for name in names
                ),
            ),
        ),
    )


def _load(result: Result) -> Section:
    providers = sorted({name for one in result.scenarios for name in one.teams})
    rows = [
        (
            one.title,
            *(
                f"{one.teams[name]} teams, {one.shift_hours.get(name, 0):,.0f} h, {_busy(one, name)}"
                if one.teams.get(name)
                else UNSAID
                for name in providers
            ),
        )
        for one in result.scenarios
    ]
    return Section(
        "teams",
        "Teams and hours",
        ("Teams on shift, their hours on shift together, and the share of these with a case.",),
        tables=(Table("", ("", *providers), rows),),
    )


def _busy(one: Summary, provider: str) -> str:
    hours = one.shift_hours.get(provider, 0.0)
    return f"{100 * one.busy_hours.get(provider, 0.0) / hours:.0f}% busy" if hours else "not on shift"


def _cost(result: Result, assumed: Assumptions) -> Section:
    kinds = list(dict.fromkeys(amount.what for one in result.scenarios for amount in one.cost))
    rows = [
        (
            "The teams on shift, a day",
            *(
                _dollars(one.cost_a_day.low, one.cost_a_day.high, one.cost_a_day.value) if one.cost_a_day else UNSAID
                for one in result.scenarios
            ),
        )
    ]
    for what in kinds:
        amounts = [next((amount for amount in one.cost if amount.what == what), None) for one in result.scenarios]
        rows.append((what, *(UNSAID if one is None else _dollars(one.low, one.high, one.value) for one in amounts)))
    used = dict.fromkeys(name for one in result.scenarios for amount in one.cost for name in amount.uses)
    return Section(
        "cost",
        "What it costs",
        (
            (
                "Hours come from the runs; money is assumed. Each amount is the central one, with the range that the "
                "assumptions below leave."
            ),
        ),
        tables=(
            Table("", ("", *(one.title for one in result.scenarios)), tuple(rows)),
            Table(
                "Assumptions",
                ("", "unit", "low", "central", "high", "source"),
                tuple(
                    (one.text, one.unit, f"{one.low:g}", f"{one.value:g}", f"{one.high:g}", one.source)
                    for name in used
                    for one in (assumed[name],)
                ),
            ),
        ),
    )


def _dollars(low: float, high: float, value: float) -> str:
    return f"${value:,.0f} (${low:,.0f} to ${high:,.0f})"


def _divisions(result: Result, labels: Labels) -> Section:
    numbers = sorted({number for one in result.scenarios for number in one.divisions})
    share = _measure("served_share")

    def cell(row: Division | None) -> str:
        if row is None or not row.eligible:
            return UNSAID
        return f"{row.served:,.1f} of {row.eligible:,.1f} ({text(share, row.served / row.eligible)})"

    rows = [
        (
            labels.division(str(number)) if number else "not known",
            *(cell(one.divisions.get(number)) for one in result.scenarios),
        )
        for number in numbers
    ]
    hidden = result.scenarios[0].hidden
    says = ["Served of eligible calls, means over the runs."]
    if result.for_publishing:
        says.append(
            f"{len(hidden)} divisions are left out: fewer than 11 eligible, served or unserved calls in one of the "
            "arrangements, or needed so that none of these can be worked out."
        )
    return Section(
        "divisions",
        "By division",
        tuple(says),
        tables=(Table("", ("", *(one.title for one in result.scenarios)), rows),),
    )


def _method(result: Result) -> Section:
    capacity = result.capacity
    spans: Sequence[tuple[str, Span]] = (
        ("from offer to answer", capacity.answer_after),
        ("from acknowledgement to setting off", capacity.leaves_after),
        ("on the way, as recorded", capacity.travel),
        ("from arrival to contact", capacity.contact_after),
        ("from contact to closing", capacity.visit),
        ("by telephone, from acknowledgement to closing", capacity.phone),
        ("a review at the desk", capacity.reviews.after),
    )
    seconds = KINDS["seconds"]
    return Section(
        "method",
        "How it was made, and what it cannot say",
        (
            f"Capacity model {capacity.version}, written by: {capacity.command}",
            *capacity.source,
            (
                f"A team on shift has up to {capacity.cases_a_team:g} cases at once. A provider without room declines, "
                "at capacity; nobody queues. Of offers with room, "
                f"{100 * capacity.silent:.1f}% are not answered and "
                f"{100 * sum(capacity.declines.values()):.1f}% declined."
            ),
            (
                f"Added to each visit: {seconds(capacity.visit_adds.value)} ({seconds(capacity.visit_adds.low)} to "
                f"{seconds(capacity.visit_adds.high)}). {capacity.visit_adds.text} After a case a team needs "
                f"{seconds(capacity.clear_after.value)} before the next. {capacity.clear_after.text}"
            ),
            "Travel is the recorded time, stretched by the square root of how many more square kilometres a team has.",
            (
                f"Dispatchers accept a hand-off after {seconds(ACCEPTS_AFTER.total_seconds())}, however busy they are; "
                "the desk's reviews take as long as recorded. Their load is counted, and slows nothing."
            ),
            "Every arrangement meets the same calls with the same luck, so differences are due to the arrangement.",
            (
                "It cannot say whether more people would call, whether providers could hire, what a merger does to "
                "staff, or how anybody fared afterwards."
            ),
        ),
        tables=(
            Table(
                "Times of the capacity model",
                ("", "n", "10%", "half", "90%"),
                tuple(
                    (name, f"{one.n}", seconds(one.at(0.1)), seconds(one.at(0.5)), seconds(one.at(0.9)))
                    for name, one in spans
                ),
            ),
            Table(
                "How cases go that are not interrupted",
                ("", "share"),
                tuple((said(end.value), f"{100 * share:.1f}%") for end, share in capacity.ends.items()),
            ),
        ),
    )


def _measure(name: str) -> Measure:
    return next(one for one in MEASURES if one.name == name)
