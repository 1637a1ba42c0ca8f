"""Small cells: what is not published so that nobody can be found in a table, and so that it cannot be worked out.

A table has one row an area: eligible calls, and how many of them were served. Its totals are published elsewhere in the
report, and so are totals of groups of areas (a provider serves several). A row is published whole or not at all.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction

SMALLEST = 11
"""The smallest count that is published of an area; the usual limit of health authorities in the United States."""


@dataclass(frozen=True, slots=True)
class Area:
    """A row before suppression, in calls."""

    name: str
    eligible: int
    served: int

    @property
    def not_served(self) -> int:
        """Eligible calls that were not served."""
        return self.eligible - self.served

    @property
    def small(self) -> bool:
        """Whether the row alone tells too much; 0 counts as small, so that a missing row tells nothing."""
        return min(self.eligible, self.served, self.not_served) < SMALLEST


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is left out."""

    areas: frozenset[str]
    groups: frozenset[str]
    """Groups whose own totals would tell a row that is left out."""


def suppressed(areas: Sequence[Area], groups: Mapping[str, AbstractSet[str]]) -> Suppression:
    """Return what must be left out.

    Beside small rows, further rows and at last totals of groups are left out until none of the rows left out follows
    from what is published: the other rows, the total of all, and the totals of groups. What follows is a matter of
    linear algebra: a row does when it is a combination of published sums.

    Args:
        areas: all rows of one table; of a single one nothing can be hidden but by not publishing the table.
        groups: group to the areas in it, whose totals are published.
    """
    order = [one.name for one in sorted(areas, key=lambda one: (one.eligible, one.name))]
    hidden = {one.name for one in areas if one.small}
    told = dict(groups)
    while (row := _told(hidden, told)) is not None:
        another = _that_helps(row, [name for name in order if name not in hidden], hidden, told)
        if another is not None:
            hidden.add(another)
        elif told:
            # No row is left that would blur it: a total has to go, that of the fewest areas first.
            del told[min(told, key=lambda group: (len(told[group] & hidden), group))]
        else:
            break
    return Suppression(frozenset(hidden), frozenset(groups.keys() - told.keys()))


def _that_helps(
    row: str, candidates: Sequence[str], hidden: AbstractSet[str], groups: Mapping[str, AbstractSet[str]]
) -> str | None:
    """Return the smallest row without which another one no longer follows."""
    return next((one for one in candidates if not _follows(row, {*hidden, one}, groups)), None)


def _told(hidden: AbstractSet[str], groups: Mapping[str, AbstractSet[str]]) -> str | None:
    """Return a hidden row that follows from what is published; None where none does."""
    return next((row for row in sorted(hidden) if _follows(row, hidden, groups)), None)


def _follows(row: str, hidden: AbstractSet[str], groups: Mapping[str, AbstractSet[str]]) -> bool:
    """Say whether a hidden row is a combination of the published sums over hidden rows, by elimination."""
    names = sorted(hidden)
    sums = [hidden, *(members & hidden for _, members in sorted(groups.items()))]
    basis: list[tuple[int, list[Fraction]]] = []
    for one in sums:
        left = _reduced([Fraction(name in one) for name in names], basis)
        pivot = next((place for place, value in enumerate(left) if value), None)
        if pivot is not None:
            basis.append((pivot, [value / left[pivot] for value in left]))
    return not any(_reduced([Fraction(name == row) for name in names], basis))


def _reduced(row: list[Fraction], basis: Sequence[tuple[int, Sequence[Fraction]]]) -> list[Fraction]:
    for pivot, known in basis:
        factor = row[pivot]
        if factor:
            row = [one - factor * other for one, other in zip(row, known, strict=True)]
    return row
