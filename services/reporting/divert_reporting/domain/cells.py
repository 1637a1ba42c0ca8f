"""What a figure is, and its numbers: each with what it is of, and the definition that goes with them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from divert_contracts.model import Model


class Kind(StrEnum):
    """How the numbers of a figure are put together from days."""

    COUNTS = "counts"
    """Added up."""
    TIMES = "times"
    """Median and P90 of what single calls took."""
    PLACES = "places"
    """Places by how many calls each had."""


PLAIN = r"^[^\x00-\x1f]*$"
"""What names a number of a figure: no control characters."""


class Cell(Model):
    """One number of a figure."""

    dimension: str
    """By what the figure is divided: ``all``, ``provider``, ``division`` and so on, or an aspect of its own."""
    part: str
    """Which of these."""
    measure: str
    """What is counted or timed."""
    n: int
    """How many; for times, how many of them are known."""
    missing: int = 0
    """For times: how many are not known, or cannot be true."""
    median: int | None = None
    """Seconds; half took no longer. Nearest rank: a time that was really taken."""
    p90: int | None = None
    """Seconds; nine in ten took no longer."""


class Figure(Model):
    """A figure's definition."""

    name: str
    title: str
    kind: Kind
    unit: str
    definition: str
    """In plain words."""
    cannot: str
    """What it does not say."""
    source: str
    """The topics that it comes from."""
    everything: bool = False
    """It counts what is outside the denominators too."""
    sql: str
    """The query over the rows of the period: ``calls`` and ``cases``."""


class Cells:
    """The numbers of one figure, to be looked up."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        """Hold the cells in their order."""
        self.all = tuple(cells)
        self._by = {(one.dimension, one.part, one.measure): one for one in self.all}

    def n(self, measure: str, part: str = "all", dimension: str = "all") -> int:
        """Return a count; what is not there was never counted, and is 0."""
        found = self._by.get((dimension, part, measure))
        return 0 if found is None else found.n

    def cell(self, measure: str, part: str = "all", dimension: str = "all") -> Cell:
        """Return a cell; an empty one where there is none."""
        empty = Cell(dimension=dimension, part=part, measure=measure, n=0)
        return self._by.get((dimension, part, measure), empty)

    def parts(self, dimension: str) -> Sequence[str]:
        """Return the parts of a dimension, as sorted."""
        return tuple(dict.fromkeys(one.part for one in self.all if one.dimension == dimension))

    def of(self, dimension: str, part: str | None = None) -> Sequence[Cell]:
        """Return the cells of a dimension, or of one part of it."""
        return tuple(one for one in self.all if one.dimension == dimension and part in (None, one.part))

    def total(self, dimension: str, part: str | None = None) -> int:
        """Return the sum over a dimension, or over one part of it."""
        return sum(one.n for one in self.of(dimension, part))
