"""The report: equal numbers give equal bytes, it needs nothing but itself, and it tells no small area."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from divert_cli.report import ASSUMPTIONS, LABELS, read_assumptions, read_labels
from divert_reporting.adapters.figures import figures
from divert_reporting.domain.cells import Cell, Cells
from divert_reporting.domain.cost import Hours
from divert_reporting.domain.seal import Seal
from divert_reporting.pages.report.contract import contract
from divert_reporting.pages.report.council import council
from divert_reporting.pages.report.numbers import Numbers, period, share
from divert_reporting.pages.report.page import Section
from divert_reporting.pages.report.paper import SIZES, pdf
from divert_reporting.pages.report.screen import html

ZONE = ZoneInfo("America/Los_Angeles")
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=ZONE), datetime(2026, 11, 1, tzinfo=ZONE)
SERVED = {"7": (400, 300), "20": (300, 200), "18": (90, 77), "8": (13, 6)}
"""Division to eligible and served calls."""


def cell(dimension: str, part: str, measure: str, n: int, median: int | None = None) -> Cell:
    return Cell(
        dimension=dimension, part=part, measure=measure, n=n, median=median, p90=None if median is None else 3 * median
    )


def made() -> Mapping[str, Cells]:
    equity = [
        cell("division", name, measure, n)
        for name, counts in SERVED.items()
        for measure, n in zip(("eligible", "served"), counts, strict=True)
    ]
    told = {
        "funnel": [cell("all", "all", step, 1000) for step in ("received", "triaged", "eligible")],
        "outcomes": [
            cell("diverted", "served", "closed", 583),
            cell("diverted", "eligible_not_served", "timed_out", 220),
            cell("all", "served", "closed", 583),
        ],
        "response": [cell("all", "all", "cad_created_to_on_scene", 583, 754)],
        "offers": [
            cell("provider", name, measure, n)
            for name, offered in (("alcott", 700), ("exodus", 103))
            for measure, n in (("offered", offered), ("acknowledged", offered - 20))
        ],
        "equity": equity,
    }
    return {name: Cells(told.get(name, ())) for name in figures()}


NUMBERS = Numbers(
    since=SINCE,
    until=UNTIL,
    zone=ZONE,
    agency=None,
    figures=made(),
    diverted=Cells([cell("all", "all", "received", 900), cell("all", "all", "eligible", 803)]),
    observed=Cells([cell("all", "all", "received", 100)]),
    hours=[Hours("alcott", 700, 300)],
    corrections=(2, 3),
    assumed=read_assumptions(ASSUMPTIONS),
    labels=read_labels(LABELS),
    seal=Seal.of(
        since=SINCE,
        until=UNTIL,
        agency=None,
        tables={"call_outcomes": "ab" * 32},
        log={"routing.v1/0": 7},
        figures="cd" * 32,
    ),
)


def test_equal_numbers_give_equal_bytes() -> None:
    assert html(council(NUMBERS)) == html(council(NUMBERS))
    for size in SIZES:
        assert pdf(council(NUMBERS), size) == pdf(council(NUMBERS), size)


def test_the_page_needs_nothing_but_itself() -> None:
    page = html(council(NUMBERS))
    assert "<script" not in page
    assert "@import" not in page
    assert not re.findall(r"(?:src|href)=\"(?!#)|url\(", page)


def test_the_first_screen_says_how_many_asked_how_many_got_a_team_and_what_became_of_the_others() -> None:
    first, second, third = council(NUMBERS).headlines
    assert (first.number, second.number, third.number) == ("900", "583", "317")
    assert "65% of all" in second.says
    assert "220 eligible, not served" in third.says
    assert all("n = " in one.of for one in (first, second, third))


def test_every_section_with_numbers_says_what_they_are_and_what_they_cannot_say() -> None:
    for section in council(NUMBERS).sections:
        if section.charts or section.tables:
            assert section.notes
            assert all(one.definition and one.source and one.cannot and one.unit for one in section.notes)


def test_areas_with_few_calls_are_told_nowhere() -> None:
    equity = next(one for one in council(NUMBERS).sections if one.name == "equity")
    told = {row[0]: row[1:3] for row in equity.tables[0].rows}
    assert told["West LA"] == told["Southeast"]
    assert all("fewer than" in value for value in told["West LA"])
    assert told["Wilshire"] == ("400", "300")
    assert told["Olympic"] == ("300", "200")


def section(name: str, numbers: Numbers = NUMBERS) -> Section:
    return next(one for one in council(numbers).sections if one.name == name)


def changed(**figures: Cells) -> Numbers:
    return replace(NUMBERS, figures={**NUMBERS.figures, **figures})


def test_the_first_page_says_how_many_calls_had_their_screening_assumed() -> None:
    quality = Cells([cell("all", "calls", "calls", 1000), cell("all", "screening_assumed", "calls", 41)])
    *_, last = council(changed(quality=quality)).headlines
    assert last.number == "41"
    assert "import" in last.says


def test_a_provider_whose_numbers_would_tell_of_a_small_area_is_named_nowhere() -> None:
    funnel = Cells([cell("programme", name, "received", 50) for name in ("umcr", "circle", "none")])
    response = Cells([cell("programme", name, "cad_created_to_on_scene", 50, 700) for name in ("umcr", "circle")])
    page = html(council(changed(funnel=funnel, response=response)))
    for told in ("Exodus", "CIRCLE", "UMCR (unarmed crisis teams)"):
        assert told not in page
    assert "left out by name" in page


def test_unmet_demand_is_told_by_division_where_no_provider_has_teams() -> None:
    equity = Cells([cell("division", str(number), "eligible", 30 + number) for number in range(1, 22)])
    observed = {"2": 90, "3": 4, "4": 20, "9": 15, "11": 15, "13": 15, "16": 15, "19": 15, "21": 15}
    unmet = Cells([cell("division", name, "not_referred", n) for name, n in observed.items()])
    table = section("demand", changed(equity=equity, unmet_demand=unmet)).tables[0]
    names = [row[0] for row in table.rows]
    assert "Rampart" in names
    assert "Wilshire" not in names
    told = {row[0]: row[1:] for row in table.rows}
    assert told["Hollenbeck"] == ("34", "20")
    # One is small, and the other is the next smallest.
    assert told["Southwest"] == told["Rampart"]
    assert "33" not in told["Southwest"]


def test_divisions_that_are_all_small_are_told_together() -> None:
    quiet = changed(equity=Cells([cell("division", "2", "eligible", 3)]))
    assert any("told together" in one for one in section("demand", quiet).says)
    assert section("demand", quiet).tables[0].rows == []
    assert section("equity", quiet).tables[0].rows == []


def test_of_one_agency_hours_on_shift_are_said_to_be_everybodys() -> None:
    numbers = replace(NUMBERS, agency="lapd", hours=[Hours("alcott", None, 300)])
    assert any("every agency" in one for one in section("cost", numbers).says)
    invoice = next(one for one in contract(numbers, "alcott", []).sections if one.name == "invoice")
    assert [row[0] for row in invoice.tables[0].rows] == ["Responses, if the rate is for a response"]


def test_corrections_are_counted_among_what_is_wrong_with_the_records() -> None:
    assert any(one.startswith("2 calls were corrected") for one in section("quality").says)


def test_the_paper_has_both_sizes() -> None:
    a4, letter = (pdf(council(NUMBERS), size) for size in ("a4", "letter"))
    assert b"595.2" in a4
    assert b"612" in letter
    assert zlib.crc32(a4) != zlib.crc32(letter)


def test_a_provider_gets_its_own_report() -> None:
    written = contract(NUMBERS, "alcott", [])
    assert "Alcott Center" in written.title
    assert html(written) == html(contract(NUMBERS, "alcott", []))
    invoice = next(one for one in written.sections if one.name == "invoice")
    assert ("Shift hours, if the rate is a whole team's", "700.00 h", *["$24,500.00"] * 3) in invoice.tables[0].rows


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (SINCE, UNTIL, "October 2026"),
        (SINCE, datetime(2026, 10, 2, tzinfo=ZONE), "1 October 2026"),
        (SINCE, datetime(2026, 10, 8, tzinfo=ZONE), "1 October 2026 to 7 October 2026"),
        (datetime(2026, 10, 1, 18, tzinfo=ZONE), UNTIL, "1 October 2026, 18:00 to 1 November 2026, 00:00"),
    ],
)
def test_a_period_is_said_in_words(since: datetime, until: datetime, said: str) -> None:
    assert period(since, until, ZONE) == said


def test_a_share_has_its_count() -> None:
    assert share(12, 40) == "12 of 40 (30%)"
    assert share(0, 0) == "0 of 0"
