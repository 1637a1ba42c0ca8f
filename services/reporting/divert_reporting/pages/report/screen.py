"""The report as one HTML page that needs nothing else: styles and charts are in it, no script, no address."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from divert_reporting.pages.report.page import Report

HERE = Path(__file__).parent.parent


def html(report: Report) -> str:
    """Return the page. Equal reports give equal bytes."""
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "assets" / "report.css").read_text(encoding="utf-8")
    return pages.get_template("report.html").render(report=report, style=style, width=width)


def width(n: float, most: float, across: int) -> str:
    """Return how long a bar is drawn in a chart so many units across; every chart begins at zero."""
    return f"{(across - 2) * min(n, most) / most:.1f}" if most else "0"
