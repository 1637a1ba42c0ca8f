"""Small cells stay untold: by nothing that is published can one be worked out, or be known to be small."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from divert_reporting.domain.equity import SMALLEST, Area, Suppression, suppressed

COUNTS = st.integers(0, 40)
Kinds = Mapping[str, Mapping[str, AbstractSet[str]]]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Area], Kinds, list[AbstractSet[str]]]:
    """Areas, providers and programmes that serve some of them, and areas whose total is told in any case."""
    rows = draw(st.lists(st.tuples(COUNTS, COUNTS, st.booleans()), min_size=2, max_size=6))
    areas = [
        Area(f"{number}", others, 0, has_teams=False) if bare else Area(f"{number}", served + others, served)
        for number, (served, others, bare) in enumerate(rows)
    ]
    some = st.sets(st.sampled_from([one.name for one in areas]), min_size=1)
    groups = st.dictionaries(st.sampled_from(["a", "b", "c"]), some, max_size=3)
    kinds: Kinds = {"providers": draw(groups), "programmes": draw(groups)}
    return areas, kinds, list(draw(st.lists(some, max_size=1)))


@settings(deadline=None)
@given(tables())
def test_no_cell_that_is_left_out_can_be_known_to_be_small(
    given_table: tuple[list[Area], Kinds, list[AbstractSet[str]]],
) -> None:
    areas, kinds, always = given_table
    left_out = suppressed(areas, kinds, always)
    hidden = [one for one in areas if one.name in left_out.areas]
    known = [*sums(kinds, left_out), *always, {one.name for one in areas}]
    for kind in ("served", "not_served"):
        able = [one for one in hidden if kind in one.told]
        at_most = most([[int(one.name in each) for one in able] for each in known], [one.told[kind] for one in able])
        for one, n in zip(able, at_most, strict=True):
            assert n >= SMALLEST or told_in_any_case(one, kind, areas, kinds, always) < SMALLEST


def sums(kinds: Kinds, left_out: Suppression) -> Iterator[AbstractSet[str]]:
    """Yield the areas whose totals are known: of the groups that are told, and of the rest of each kind."""
    for kind, groups in kinds.items():
        yield from (members for name, members in groups.items() if name not in left_out.groups[kind])
        yield {area for name in left_out.groups[kind] for area in groups[name]}


def told_in_any_case(
    area: Area, what: str, areas: Sequence[Area], kinds: Kinds, always: Sequence[AbstractSet[str]]
) -> int:
    """Return the smallest sum with an area in it that is known whatever is left out."""
    fixed = [*always, *({area for members in groups.values() for area in members} for groups in kinds.values())]
    alike = [one for one in areas if all((one.name in each) == (area.name in each) for each in fixed)]
    return sum(one.told.get(what, 0) for one in alike)


def most(known: Sequence[Sequence[int]], true: Sequence[int]) -> Sequence[Fraction]:
    """Return how large each number may be at most, given sums over them, and that none is below 0."""
    sums_of = [sum(part * n for part, n in zip(row, true, strict=True)) for row in known]
    best = [Fraction(0) for _ in true]
    for size in range(len(true) + 1):
        for chosen in combinations(range(len(true)), size):
            corner = solved([[row[one] for one in chosen] for row in known], sums_of)
            for one, n in zip(chosen, corner, strict=False):
                best[one] = max(best[one], n)
    return best


def solved(rows: Sequence[Sequence[int]], results: Sequence[int]) -> Sequence[Fraction]:
    """Return the one solution without negative numbers of linear equations; nothing where there is none."""
    matrix = [[Fraction(n) for n in (*row, result)] for row, result in zip(rows, results, strict=True)]
    unknown = len(rows[0])
    for column in range(unknown):
        pivot = next((row for row in range(column, len(matrix)) if matrix[row][column]), None)
        if pivot is None:
            return ()
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        matrix[column] = [n / matrix[column][column] for n in matrix[column]]
        for row in (one for one in range(len(matrix)) if one != column):
            factor = matrix[row][column]
            matrix[row] = [one - factor * other for one, other in zip(matrix[row], matrix[column], strict=True)]
    found = [row[-1] for row in matrix]
    return found[:unknown] if not any(found[unknown:]) and min(found, default=Fraction(0)) >= 0 else ()


@given(tables())
def test_every_small_row_is_left_out(given_table: tuple[list[Area], Kinds, list[AbstractSet[str]]]) -> None:
    areas, kinds, always = given_table
    left_out = suppressed(areas, kinds, always)
    assert {one.name for one in areas if one.small} <= left_out.areas


def test_what_the_corners_of_a_table_tell_is_found() -> None:
    assert most([[1, 1, 1], [1, 1, 0]], [3, 4, 20]) == [7, 7, 20]
    assert most([[1, 1], [1, 0]], [3, 4]) == [3, 4]


def test_a_table_without_small_rows_is_told_whole() -> None:
    areas = [Area("7", 60, 40), Area("8", 50, 25)]
    left_out = suppressed(areas, {"providers": {"alcott": {"7"}, "exodus": {"8"}}})
    assert (left_out.areas, left_out.groups) == (frozenset(), {"providers": frozenset()})


def test_one_small_row_takes_the_next_smallest_with_it() -> None:
    areas = [Area("7", 60, 40), Area("8", 15, SMALLEST - 1), Area("9", 50, 25)]
    assert suppressed(areas, {}).areas == {"8", "9"}


def test_small_rows_that_are_small_together_take_a_further_one_with_them() -> None:
    few = [Area("1", 3, 1), Area("2", 4, 2)]
    assert suppressed([*few, Area("7", 60, 40), Area("9", 50, 25)], {}).areas == {"1", "2", "9"}
    none_served = [Area("1", 30, 0), Area("2", 22, 0)]
    assert suppressed([*none_served, Area("7", 60, 40), Area("9", 50, 25)], {}).areas == {"1", "2", "9"}


def test_where_no_provider_has_teams_it_is_no_secret_that_nobody_was_served() -> None:
    areas = [Area("2", 30, 0, 90, has_teams=False), Area("3", 40, 0, 90, has_teams=False), Area("7", 60, 40)]
    assert suppressed(areas, {}).areas == frozenset()
    assert suppressed([*areas, Area("4", 35, 0, 2, has_teams=False)], {}, [{"2", "3", "4"}]).areas == {"2", "4"}


def test_a_provider_with_one_small_area_alone_is_not_told_nor_is_a_second_one() -> None:
    areas = [Area("7", 60, 40), Area("8", 5, 5), Area("9", 50, 25)]
    left_out = suppressed(areas, {"providers": {"alcott": {"8"}, "circle": {"7", "9"}}})
    assert left_out.groups == {"providers": {"alcott", "circle"}}


def test_a_programme_of_one_provider_is_left_out_as_its_provider_is() -> None:
    areas = [Area("6", 60, 40), Area("7", 60, 40), Area("8", 5, 5), Area("9", 50, 25)]
    providers = {"alcott": {"7"}, "exodus": {"9"}, "circle": {"6", "8"}}
    programmes = {"umcr": {"7", "9"}, "circle": {"6", "8"}}
    left_out = suppressed(areas, {"providers": providers, "programmes": programmes})
    assert left_out.areas == {"6", "8"}
    assert left_out.groups == {"providers": frozenset(), "programmes": frozenset()}
    alone = {"alcott": {"7"}, "exodus": {"6", "9"}, "circle": {"8"}}
    left_out = suppressed(areas, {"providers": alone, "programmes": {"umcr": {"6", "7", "9"}, "circle": {"8"}}})
    assert "circle" in left_out.groups["providers"]
    assert left_out.groups["programmes"] == {"umcr", "circle"}
