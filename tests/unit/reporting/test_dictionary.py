"""The dictionary explains everything, and the one in the documentation is what is generated now."""

from divert_cli.checkout import ROOT
from divert_reporting.adapters.dictionary import dictionary, markdown
from divert_reporting.adapters.figures import FILES, figures


def test_every_column_and_figure_is_explained() -> None:
    book = dictionary()
    assert all(column.about for table in book.tables for column in table.columns)
    assert [figure.name for figure in book.figures] == sorted(path.stem for path in FILES.glob("*.sql"))
    for figure in book.figures:
        assert figure.title
        assert figure.definition
        assert figure.cannot
        assert figure.source


def test_the_published_dictionary_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "dictionary.md").read_text(encoding="utf-8") == markdown(dictionary())


def test_figures_that_leave_something_out_say_so() -> None:
    assert [name for name, figure in figures().items() if figure.everything] == ["outside"]
