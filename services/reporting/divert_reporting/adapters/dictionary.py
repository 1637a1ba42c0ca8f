"""The data dictionary: every table, column and figure with what it means, generated from where it is declared."""

from collections.abc import Iterator

from divert_contracts.model import Model
from divert_reporting.adapters.figures import figures
from divert_reporting.adapters.tables import TABLES, column
from divert_reporting.domain.cells import Cell, Figure

CANONICAL = (
    "The canonical text of a table, over which seals and digests are made, is one line a row, ordered by its key: a"
    " JSON array of the columns in this order, without spaces, times in UTC with microseconds."
)


class Column(Model):
    """A column."""

    name: str
    type: str
    """As in SQL."""
    about: str
    """What it means, with its unit."""


class TableEntry(Model):
    """A table."""

    name: str
    key: str
    about: str
    columns: tuple[Column, ...]


class Dictionary(Model):
    """Everything that reporting publishes, explained."""

    tables: tuple[TableEntry, ...]
    figures: tuple[Figure, ...]


def dictionary() -> Dictionary:
    """Return the data dictionary."""
    tables = [
        TableEntry(
            name=table.name,
            key=table.key,
            about=table.about,
            columns=tuple(
                Column(name=name, type=column(field.annotation).split(" ", 1)[0], about=_line(field.description))
                for name, field in table.model.model_fields.items()
            ),
        )
        for table in TABLES
    ]
    cells = TableEntry(
        name="figures",
        key="figure, dimension, part, measure",
        about="Every number of every figure of a period: one row a number. Exported, not kept.",
        columns=(
            Column(name="figure", type="text", about="The figure; its definition is below."),
            *(
                Column(name=name, type=column(field.annotation).split(" ", 1)[0], about=_line(field.description))
                for name, field in Cell.model_fields.items()
            ),
        ),
    )
    worked = TableEntry(
        name="hours",
        key="provider",
        about="What amounts are made of: each provider's time in a period. Exported, not kept.",
        columns=(
            Column(name="provider", type="text", about="Whose teams."),
            Column(
                name="on_shift",
                type="integer",
                about="Team-seconds on shift; empty for one agency's calls, as nobody is on shift for one agency.",
            ),
            Column(
                name="with_case",
                type="integer",
                about="Team-seconds with a case of a call in the figures, from acknowledgement until it was closed,"
                " handed back or recalled.",
            ),
        ),
    )
    return Dictionary(tables=(*tables, cells, worked), figures=tuple(figures().values()))


def markdown(book: Dictionary) -> str:
    """Return the dictionary as a document."""
    return "\n".join(_lines(book)) + "\n"


def _lines(book: Dictionary) -> Iterator[str]:
    yield from ("# Data dictionary", "", "Made by `divert dictionary` from the models and figures themselves.", "")
    yield CANONICAL
    for table in book.tables:
        yield from ("", f"## {table.name}", "", f"{table.about} Key: `{table.key}`.", "")
        yield from ("| column | type | meaning |", "|---|---|---|")
        for one in table.columns:
            yield f"| `{one.name}` | {one.type} | {_cell(one.about)} |"
    yield from ("", "# Figures", "")
    yield "Each is one SQL file, `services/reporting/divert_reporting/figures/<name>.sql`, over the rows of the period."
    for figure in book.figures:
        yield from ("", f"## {figure.name}: {figure.title}", "", f"{figure.definition} In {figure.unit}.", "")
        yield from (f"*What it cannot say:* {figure.cannot}", "", f"*From:* {figure.source}")


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
