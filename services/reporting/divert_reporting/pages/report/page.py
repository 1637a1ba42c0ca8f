"""What a report consists of, before it is drawn: sentences, charts and tables, with what each figure is and is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; every chart begins at zero."""

    label: str
    n: float
    text: str
    """Stands behind the bar: the number, and its share where there is one."""
    tone: str = "plain"
    """The programme whose colour it has, or plain."""
    reach: float | None = None
    """A thin line goes on so far: the P90 behind a median."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars on one scale."""

    title: str
    bars: Sequence[Bar]
    most: float
    """What the full width stands for; equal in charts that are to be compared."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Vertical bars side by side, one a step of time."""

    title: str
    labels: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column is text, the others are numbers unless told otherwise."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    """How many columns, from the left, are text."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a figure is: printed below it."""

    definition: str
    source: str
    cannot: str
    unit: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report about one question."""

    name: str
    title: str
    says: Sequence[str]
    """Sentences, each with its number and what it is of."""
    charts: Sequence[Chart | Columns] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the first three sentences, with its number."""

    number: str
    of: str
    says: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    title: str
    period: str
    about: str
    headlines: Sequence[Headline]
    sections: Sequence[Section]
    foot: Sequence[str] = field(default_factory=tuple[str, ...])
