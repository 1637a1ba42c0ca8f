"""Figures with their uncertainty."""

from hypothesis import given
from hypothesis import strategies as st

from divert_reporting.domain.figures import agreement, wilson


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


def test_nothing_decided_again_is_no_figure() -> None:
    found = agreement([])
    assert (found.rereviewed, found.share, found.low, found.high) == (0, None, None, None)
