"""Small cells: what is not published so that nobody can be found in a table, and so that it cannot be worked out.

A table has one row an area: eligible calls, and how many of them were served. Its totals are published elsewhere in the
report, and so are totals of groups of areas (a provider serves several, a programme too). A row is published whole or
not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

SMALLEST = 11
"""The smallest count that is published of an area; the usual limit of health authorities in the United States."""
LEAST = {"areas": 2}
"""Areas that are left out together, at the least."""
Groups = Mapping[str, AbstractSet[str]]
"""Group to the areas in it."""


@dataclass(frozen=True, slots=True)
class Area:
    """A row before suppression, in calls."""

    name: str
    eligible: int
    served: int
    observed: int | None = None
    """Eligible calls that nobody sent for a team, where they are told of the area too."""
    has_teams: bool = True
    """Whether some provider has teams there: where none has, it is no secret that nobody was served."""

    @property
    def not_served(self) -> int:
        """Eligible calls that were not served."""
        return self.eligible - self.served

    @property
    def told(self) -> Mapping[str, int]:
        """The numbers that the row tells."""
        numbers = {"eligible": self.eligible, "not_served": self.not_served}
        if self.has_teams or self.served:
            numbers["served"] = self.served
        if self.observed is not None:
            numbers["observed"] = self.observed
        return numbers

    @property
    def small(self) -> bool:
        """Whether the row alone tells too much; 0 counts as small, so that a missing row tells nothing."""
        return min(self.told.values()) < SMALLEST


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is left out."""

    areas: frozenset[str]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Kind to the groups whose own totals would tell too much of an area that is left out."""


def suppressed(
    areas: Sequence[Area], kinds: Mapping[str, Groups], always: Sequence[AbstractSet[str]] = ()
) -> Suppression:
    """Return what must be left out.

    Areas that are left out fall into classes which nothing published tells apart: all are in the same groups. Of a
    class its sums may be known, so each must have two areas, and in each number at least SMALLEST calls: then all of
    these calls may have been in any one of its areas, for all that a reader can work out. Until that is so, further
    rows are left out, and where there are none, groups.

    Only what is below SMALLEST in a total that is told in any case, as of the whole city, cannot be mended so.

    Args:
        areas: all rows of one table; of a single one nothing can be hidden but by not publishing the table.
        kinds: kind of group, such as providers, to its groups, whose totals are published. The total of all groups of
            a kind is published too, so what those left out have together stays known.
        always: areas whose total is published in any case.
    """
    rows = {one.name: one for one in areas}
    order = [one.name for one in sorted(areas, key=lambda one: (one.eligible, one.name))]
    hidden = {one.name for one in areas if one.small}
    told = {(kind, name) for kind, groups in kinds.items() for name in groups}
    fixed = [*always, *_known(kinds, frozenset())]
    most = {_place(one[0], fixed): _told([rows[name] for name in one]) for one in _classes(rows.keys(), fixed)}
    while True:
        sums = [*always, *_known(kinds, told)]
        weak = {
            _place(one[0], sums)
            for one in _classes(hidden, sums)
            if not _safe(_told([rows[name] for name in one]), most[_place(one[0], fixed)])
        }
        further = next((name for name in order if name not in hidden and _place(name, sums) in weak), None)
        if further is not None:
            hidden.add(further)
        elif weak and told:
            told.remove(min(told, key=lambda one: (len(kinds[one[0]][one[1]]), one)))
        else:
            break
    left_out = {kind: frozenset(name for name in groups if (kind, name) not in told) for kind, groups in kinds.items()}
    return Suppression(frozenset(hidden), left_out)


def _known(kinds: Mapping[str, Groups], told: AbstractSet[tuple[str, str]]) -> Iterator[AbstractSet[str]]:
    """Yield the areas of each total that a reader knows, or can work out from the total of its kind."""
    for kind, groups in kinds.items():
        yield from (areas for name, areas in groups.items() if (kind, name) in told)
        yield frozenset[str]().union(*(areas for name, areas in groups.items() if (kind, name) not in told))


def _place(name: str, sums: Iterable[AbstractSet[str]]) -> tuple[bool, ...]:
    """Return in which sums an area is."""
    return tuple(name in one for one in sums)


def _classes(hidden: AbstractSet[str], sums: Sequence[AbstractSet[str]]) -> Sequence[Sequence[str]]:
    classes: dict[tuple[bool, ...], list[str]] = {}
    for name in sorted(hidden):
        classes.setdefault(_place(name, sums), []).append(name)
    return list(classes.values())


def _told(alike: Sequence[Area]) -> Mapping[str, int]:
    """Return the sums of what areas tell, and how many areas they are."""
    sums = {"areas": len(alike)}
    for one in alike:
        for what, n in one.told.items():
            sums[what] = sums.get(what, 0) + n
    return sums


def _safe(sums: Mapping[str, int], most: Mapping[str, int]) -> bool:
    """Say whether the sums of areas that nothing tells apart tell nothing small of any of them.

    Args:
        sums: of these areas.
        most: the same if as little as possible were told; what is too small even there has to stand.
    """
    return all(n >= least or most[what] < least for what, n in sums.items() for least in (LEAST.get(what, SMALLEST),))
