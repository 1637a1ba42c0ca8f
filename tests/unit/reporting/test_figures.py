"""Figures with their uncertainty."""

from hypothesis import given
from hypothesis import strategies as st

from divert_reporting.domain.cells import Cell, Cells
from divert_reporting.domain.figures import Of, agreement, wilson, without_police


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(48, 50)
    assert (round(low, 4), round(high, 4)) == (0.8654, 0.9890)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share_and_is_one(counts: tuple[int, int]) -> None:
    hits, of = counts
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1


def test_agreement_counts_what_came_out_the_same() -> None:
    found = agreement([("eligible", "eligible", 40), ("eligible", "needs_review", 2), ("ineligible", "ineligible", 8)])
    assert (found.rereviewed, found.agreed, found.share) == (50, 48, 0.96)
    assert found.low is not None
    assert found.low < 0.96


def test_resolved_without_police_is_told_of_the_denominator_that_is_asked_for() -> None:
    counts = {"eligible": 40, "acknowledged": 30, "reached": 20, "resolved_without_police": 10}
    cells = Cells(Cell(dimension="all", part="all", measure=measure, n=n) for measure, n in counts.items())
    assert [without_police(cells, of).share for of in Of] == [10 / 40, 10 / 30, 10 / 20]
    assert without_police(Cells([]), Of.REACHED).share is None


def test_nothing_decided_again_is_no_figure() -> None:
    found = agreement([])
    assert (found.rereviewed, found.share, found.low, found.high) == (0, None, None, None)
