"""The report for a provider and its contract: what it was offered, what it did, and what it may invoice."""

from collections.abc import Sequence
from datetime import datetime

from divert_chassis.words import UNSAID
from divert_reporting.adapters.periods import ServedCase
from divert_reporting.domain.cost import HOUR, Hours
from divert_reporting.pages.report.council import SPANS, note
from divert_reporting.pages.report.numbers import Numbers, count, percent, period, said, share, timed
from divert_reporting.pages.report.page import Bar, Chart, Headline, Note, Report, Section, Table


def contract(numbers: Numbers, provider: str, cases: Sequence[ServedCase]) -> Report:
    """Compose a provider's report; it names single cases by the agency's number, so it is not for publication."""
    name = numbers.labels.provider(provider)
    taken = [one for one in cases if one.acknowledged_at is not None]
    reached = [one for one in taken if one.contact in ("in_person", "phone")]
    none = Hours(provider, 0.0 if numbers.agency is None else None, 0.0)
    worked = next((one for one in numbers.hours if one.provider == provider), none)
    return Report(
        title=f"{name}: contract report and invoice",
        period=period(numbers.since, numbers.until, numbers.zone),
        about=(
            "Counted from the log of facts, as the provider itself said them. It names single cases by the agency's"
            " number, never people; it is for the parties to the contract and not for publication."
        ),
        headlines=[
            Headline(f"{len(cases):,}", "calls in the figures, drills left out", "offers were made."),
            Headline(f"{len(taken):,}", f"n = {len(cases):,} offers", f"were taken: {share(len(taken), len(cases))}."),
            Headline(f"{worked.busy:,.1f}", "calls in the figures, drills left out", "team-hours were spent on cases.")
            if worked.shift is None
            else Headline(
                f"{worked.shift:,.1f}", "by the provider's own changes of shift", "team-hours were on shift."
            ),
        ],
        sections=[
            _kept(numbers, provider, cases, taken),
            _invoice(numbers, worked, taken, reached),
            _each(numbers, cases),
        ],
        foot=(f"Seal {numbers.seal.mark}. SHA-256 of the whole seal: {numbers.seal.whole}.",),
    )


def _kept(numbers: Numbers, provider: str, cases: Sequence[ServedCase], taken: Sequence[ServedCase]) -> Section:
    offers, times, answers = (numbers.figures[name] for name in ("offers", "response", "answers"))

    def n(measure: str) -> int:
        return offers.n(measure, provider, "provider")

    arrived = n("arrived")
    tone = numbers.labels.programme(provider)
    bars = [
        Bar("Offers taken in time", 100 * len(taken) / max(1, len(cases)), share(len(taken), len(cases)), tone),
        Bar(
            "Arrived within the limit",
            100 * n("arrived_in_limit") / max(1, arrived),
            share(n("arrived_in_limit"), arrived),
            tone,
        ),
        Bar("Closed by the team", 100 * n("closed") / max(1, len(taken)), share(n("closed"), len(taken)), tone),
    ]
    ended = (
        ("declined", "declined"),
        ("timed_out", "not answered in time"),
        ("withdrawn", "withdrawn before an answer"),
        ("acknowledged", "taken"),
        ("handed_back", "given back"),
    )
    rows = [(words, f"{n(measure):,}", percent(n(measure), len(cases))) for measure, words in ended]
    rows += [
        (f"declined: {said(one.measure.removeprefix('declined_'))}", f"{one.n:,}", percent(one.n, len(cases)))
        for one in offers.of("provider", provider)
        if one.measure.startswith("declined_")
    ]
    spans = [
        ("offer \N{RIGHTWARDS ARROW} taken", *timed(answers.cell("offered_to_acknowledged", provider, "provider")))
    ]
    spans += [
        (SPANS[one], *timed(times.cell(one, provider, "provider")))
        for one in ("acknowledged_to_on_scene", "cad_created_to_on_scene", "on_scene_to_cleared")
    ]
    return Section(
        "kept",
        "What was agreed, and what was kept",
        [f"{count(n('timed_out'), 'offer was', 'offers were')} not answered in time, of {len(cases):,}."],
        [Chart("Percent", bars, 100)],
        [
            Table("What became of the offers", ("", "offers", "share"), rows),
            Table("How long it took", ("from \N{RIGHTWARDS ARROW} to", "median", "P90", "n", "n missing"), spans),
        ],
        note("offers", "answers", "response"),
    )


def _invoice(numbers: Numbers, worked: Hours, taken: Sequence[ServedCase], reached: Sequence[ServedCase]) -> Section:
    rate, crew = numbers.assumed["team_rate"], numbers.assumed["crew_size"]

    def dollars(quantity: float, times: Sequence[float]) -> Sequence[str]:
        return tuple(f"${quantity * one:,.2f}" for one in times)

    rates = (rate.low, rate.value, rate.high)
    by_worker = (rate.low * crew.low, rate.value * crew.value, rate.high * crew.high)
    rows = [("Responses, if the rate is for a response", f"{len(taken):,}", *dollars(len(taken), rates))]
    if worked.shift is None:
        hours = (
            f"{worked.busy:,.2f} team-hours with a case. A team on shift stands ready for the calls of every agency, so"
            " hours on shift cannot be divided by agency and are not invoiced here"
        )
    else:
        hours = f"{worked.shift:,.2f} team-hours on shift, {worked.busy:,.2f} of them with a case"
        rows = [
            ("Shift hours, if the rate is a worker's", f"{worked.shift:,.2f} h", *dollars(worked.shift, by_worker)),
            ("Shift hours, if the rate is a whole team's", f"{worked.shift:,.2f} h", *dollars(worked.shift, rates)),
            *rows,
        ]
    assumed = [
        (
            f"{one.text}{' (provisional)' if one.provisional else ''}",
            f"{one.low:g}",
            f"{one.value:g}",
            f"{one.high:g}",
            f"{one.unit}; {one.source}",
        )
        for one in (rate, crew)
    ]
    return Section(
        "invoice",
        "What may be invoiced",
        [
            (
                f"{hours}; {len(taken):,} calls taken, in {share(len(reached), len(taken))} the team spoke with the"
                " person."
            ),
            "Which of the readings holds is for the contract to say; overhead is not in it.",
        ],
        (),
        [
            Table("Amounts in US dollars", ("", "quantity", "low", "central", "high"), rows),
            Table(
                f"Assumptions ({numbers.assumed.version})", ("", "low", "central", "high", "unit and source"), assumed
            ),
        ],
        [
            Note(
                "Team-hours on shift: teams on shift times hours, by the provider's own changes of shift. Team-hours"
                " with a case and calls taken: of calls in the figures, drills left out.",
                "shifts.v1, cases.v1",
                "Whether every team on shift had its whole crew.",
                "hours and US dollars",
            )
        ],
    )


def _each(numbers: Numbers, cases: Sequence[ServedCase]) -> Section:
    def at(time: datetime | None) -> str:
        return UNSAID if time is None else f"{time.astimezone(numbers.zone):%d %b %H:%M}"

    def hours(one: ServedCase) -> str:
        if one.acknowledged_at is None or one.ended_at is None:
            return UNSAID
        return f"{(one.ended_at - one.acknowledged_at).total_seconds() / HOUR:.2f}"

    rows = [
        (
            one.incident_number or UNSAID,
            _ended(one),
            at(one.offered_at),
            at(one.acknowledged_at),
            at(one.on_scene_at),
            at(one.ended_at),
            hours(one),
        )
        for one in cases
    ]
    head = ("number", "how it ended", "offered", "taken", "there", "free", "hours")
    return Section("cases", "Every offer", [f"{count(len(cases), 'offer', 'offers')}."], (), [Table("", head, rows, 2)])


def _ended(one: ServedCase) -> str:
    if one.disposition is not None:
        return said(one.disposition)
    if one.hand_back is not None:
        return f"given back: {said(one.hand_back)}"
    if one.declined is not None:
        return f"declined: {said(one.declined)}"
    if one.timed_out:
        return "not answered in time"
    return f"called back: {said(one.recalled)}" if one.recalled is not None else "open"
