"""Small cells: what is not published so that nobody can be found in a table, and so that it cannot be worked out.

A table has one row an area: eligible calls, and how many of them were served. Its totals are published elsewhere in the
report, and so are totals of groups of areas (a provider serves several). A row is published whole or not at all.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

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

    Beside small rows, further ones are left out until no total less the published rows leaves a single row: one row
    left out of a table, or of a group, is that difference. With two or more, a call could be of either. Where a group
    has no second row to leave out, its own total is left out, and that of a second group.

    Args:
        areas: all rows of one table.
        groups: group to the areas in it, whose totals are published.
    """
    order = [one.name for one in sorted(areas, key=lambda one: (one.eligible, one.name))]
    hidden = {one.name for one in areas if one.small}
    known = set(order)
    shut: set[str] = set()
    changed = True
    while changed:
        changed = False
        alone = _alone(hidden, order, known)
        if alone is not None:
            hidden.add(alone)
            changed = True
        for group, members in sorted(groups.items()):
            inside = known & members
            if group in shut or len(hidden & inside) != 1:
                continue
            changed = True
            another = _alone(hidden, [name for name in order if name in inside], inside)
            if another is None:
                shut.add(group)
            else:
                hidden.add(another)
    if len(shut) == 1:
        others = sorted(groups.keys() - shut, key=lambda group: (len(known & groups[group]), group))
        shut.update(others[:1])
    return Suppression(frozenset(hidden), frozenset(shut))


def _alone(hidden: AbstractSet[str], order: Sequence[str], within: AbstractSet[str]) -> str | None:
    """Return the next row to leave out where exactly one is; None where that is not needed, or cannot be done."""
    if len(hidden & within) != 1:
        return None
    return next((name for name in order if name not in hidden), None)
