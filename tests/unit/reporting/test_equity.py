"""Small cells stay untold: by nothing that is published can one be worked out."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from divert_reporting.domain.equity import SMALLEST, Area, suppressed

COUNTS = st.integers(0, 40)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Area], dict[str, set[str]]]:
    """Areas, and providers that serve some of them."""
    rows = draw(st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=8))
    areas = [Area(f"{number}", served + others, served) for number, (served, others) in enumerate(rows)]
    names = [one.name for one in areas]
    groups = draw(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sets(st.sampled_from(names), min_size=1), max_size=3)
    )
    return areas, groups


@given(tables())
def test_no_cell_that_is_left_out_follows_from_totals_and_what_is_published(
    given_table: tuple[list[Area], dict[str, set[str]]],
) -> None:
    areas, groups = given_table
    left_out = suppressed(areas, groups)
    names = [one.name for one in areas]
    # Eligible and served are told of the same rows, so one column stands for both. What is known: each published row,
    # the total of all, and the totals of those groups that are told.
    known = [_only(name, names) for name in names if name not in left_out.areas]
    known.append([Fraction(1) for _ in names])
    known += [
        [Fraction(int(name in groups[group])) for name in names] for group in groups if group not in left_out.groups
    ]
    for name in left_out.areas:
        assert not _follows(_only(name, names), known)


@given(tables())
def test_every_small_row_is_left_out(given_table: tuple[list[Area], dict[str, set[str]]]) -> None:
    areas, groups = given_table
    left_out = suppressed(areas, groups)
    assert {one.name for one in areas if one.small} <= left_out.areas


def test_a_table_without_small_rows_is_told_whole() -> None:
    areas = [Area("7", 60, 40), Area("8", 50, 25)]
    assert suppressed(areas, {"alcott": {"7"}, "exodus": {"8"}}).areas == frozenset()


def test_one_small_row_takes_the_next_smallest_with_it() -> None:
    areas = [Area("7", 60, 40), Area("8", 15, SMALLEST - 1), Area("9", 50, 25)]
    assert suppressed(areas, {}).areas == {"8", "9"}


def test_a_provider_with_one_small_area_alone_is_not_told_nor_is_a_second_one() -> None:
    areas = [Area("7", 60, 40), Area("8", 5, 5), Area("9", 50, 25)]
    left_out = suppressed(areas, {"alcott": {"8"}, "circle": {"7", "9"}})
    assert left_out.groups == {"alcott", "circle"}


def _only(name: str, names: list[str]) -> list[Fraction]:
    return [Fraction(int(one == name)) for one in names]


def _follows(wanted: list[Fraction], known: list[list[Fraction]]) -> bool:
    """Say whether a row is a linear combination of others, by elimination."""
    return _rank([*known, wanted]) == _rank(known)


def _rank(rows: list[list[Fraction]]) -> int:
    matrix = [list(row) for row in rows]
    rank = 0
    for column in range(len(matrix[0]) if matrix else 0):
        pivot = next((row for row in range(rank, len(matrix)) if matrix[row][column]), None)
        if pivot is None:
            continue
        matrix[rank], matrix[pivot] = matrix[pivot], matrix[rank]
        for row in range(len(matrix)):
            if row != rank and matrix[row][column]:
                factor = matrix[row][column] / matrix[rank][column]
                matrix[row] = [one - factor * other for one, other in zip(matrix[row], matrix[rank], strict=True)]
        rank += 1
    return rank
