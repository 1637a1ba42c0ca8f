"""The report as PDF, for A4 or Letter: the same sentences, charts and tables as on the page."""

from collections.abc import Sequence
from html import escape
from io import BytesIO

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib import pagesizes
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from divert_reporting.pages.report.page import Chart, Columns, Note, Report, Section, Table

SIZES = {"a4": pagesizes.A4, "letter": pagesizes.letter}
MARGIN = 18 * mm
PADDING = 6
"""Of a page's frame, in points; ReportLab's own."""
TEXT, QUIET, LINE, SURFACE = HexColor("#1d2226"), HexColor("#545c63"), HexColor("#d9dcde"), HexColor("#f4f5f5")
TONES: dict[str, Color] = {
    "plain": HexColor("#51626f"),
    "umcr": HexColor("#1b6e78"),
    "circle": HexColor("#8a5a12"),
    "phone": HexColor("#6a4b8e"),
    "smart": HexColor("#4a5a2a"),
}
NARROW = 42.0
"""A column of numbers, in points."""
WIDE = 6
"""From so many columns on a table is set smaller."""

_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13, textColor=TEXT, spaceAfter=4)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=22, leading=27, spaceAfter=6)
_HEAD = ParagraphStyle(
    "head",
    parent=_BODY,
    fontName="Helvetica-Bold",
    fontSize=14,
    leading=18,
    spaceBefore=16,
    spaceAfter=4,
    keepWithNext=1,
)
_CAPTION = ParagraphStyle(
    "caption", parent=_BODY, fontName="Helvetica-Bold", spaceBefore=6, spaceAfter=3, keepWithNext=1
)
_QUIET = ParagraphStyle("quiet", parent=_BODY, textColor=QUIET)
_NUMBER = ParagraphStyle("number", parent=_BODY, fontName="Helvetica-Bold", fontSize=22, leading=26, alignment=TA_RIGHT)
_NOTE = ParagraphStyle("note", parent=_BODY, fontSize=8, leading=10.5, textColor=QUIET, spaceAfter=1)
_FOOT = ParagraphStyle("foot", parent=_NOTE, wordWrap="CJK")
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10, spaceAfter=0)
_CELL_NUMBER = ParagraphStyle("cell-number", parent=_CELL, alignment=TA_RIGHT)
_CELL_HEAD = ParagraphStyle("cell-head", parent=_CELL, fontName="Helvetica-Bold", textColor=QUIET)
_CELL_HEAD_NUMBER = ParagraphStyle("cell-head-number", parent=_CELL_HEAD, alignment=TA_RIGHT)
# The fonts that every reader has know no arrows.
_WRITTEN = str.maketrans({"\N{RIGHTWARDS ARROW}": "to"})


class _Canvas(Canvas):
    """A canvas whose file says nothing of when and where it was made."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["invariant"] = 1
        super().__init__(*args, **kwargs)  # pyright: ignore[reportArgumentType]


def pdf(report: Report, size: str) -> bytes:
    """Return the document. Equal reports give equal bytes.

    Args:
        report: what it says.
        size: ``a4`` or ``letter``.
    """
    file = BytesIO()
    page = SIZES[size]
    document = SimpleDocTemplate(
        file,
        pagesize=page,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{report.title}, {report.period}",
        author="divert",
        lang="en",
    )
    width = page[0] - 2 * MARGIN - 2 * PADDING

    def numbered(canvas: Canvas, _document: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(QUIET)
        canvas.drawString(MARGIN, 10 * mm, _written(f"{report.title}, {report.period}"))
        canvas.drawRightString(page[0] - MARGIN, 10 * mm, f"{canvas.getPageNumber()}")

    story: list[Flowable] = [
        Paragraph(_marked(report.period), _QUIET),
        Paragraph(_marked(report.title), _TITLE),
        Paragraph(_marked(report.about), _QUIET),
        Spacer(1, 10),
    ]
    if report.headlines:
        story.append(_headlines(report, width))
    for section in report.sections:
        story += _section(section, width)
    story.append(Spacer(1, 12))
    story += [Paragraph(_marked(line), _FOOT) for line in report.foot]
    document.build(story, onFirstPage=numbered, onLaterPages=numbered, canvasmaker=_Canvas)
    return file.getvalue()


def _headlines(report: Report, width: float) -> Flowable:
    rows = [
        [
            Paragraph(_marked(one.number), _NUMBER),
            [Paragraph(_marked(one.says), _BODY), Paragraph(_marked(one.of), _NOTE)],
        ]
        for one in report.headlines
    ]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEABOVE", (0, 0), (-1, -1), 0.5, LINE),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, LINE),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ]
    )
    return LongTable(rows, colWidths=[70, width - 70], style=style)


def _section(section: Section, width: float) -> Sequence[Flowable]:
    story: list[Flowable] = [Paragraph(_marked(section.title), _HEAD)]
    story += [Paragraph(_marked(sentence), _BODY) for sentence in section.says]
    for chart in section.charts:
        drawn = _columns(chart, width) if isinstance(chart, Columns) else _bars(chart, width)
        if isinstance(chart, Columns) or chart.bars:
            story.append(KeepTogether([Paragraph(_marked(chart.title), _CAPTION), drawn, Spacer(1, 6)]))
    for table in section.tables:
        if table.rows:
            story += _table(table, width)
    story += [_note(note, width) for note in section.notes]
    return story


def _bars(chart: Chart, width: float) -> Drawing:
    step, most = 24.0, chart.most or 1
    drawing = Drawing(width, step * len(chart.bars))
    for number, bar in enumerate(chart.bars):
        top = step * (len(chart.bars) - number)
        drawing.add(String(4, top - 9, _written(bar.label), fontName="Helvetica", fontSize=8, fillColor=TEXT))
        drawing.add(
            String(
                width, top - 9, _written(bar.text), fontName="Helvetica", fontSize=8, fillColor=QUIET, textAnchor="end"
            )
        )
        length = round(width * min(bar.n, most) / most, 2)
        drawing.add(_box(0, top - 20, length, 7, TONES.get(bar.tone, TONES["plain"])))
        if bar.reach is not None:
            reach = round(width * min(bar.reach, most) / most, 2)
            drawing.add(Line(length, top - 16.5, reach, top - 16.5, strokeColor=TONES["plain"], strokeWidth=1))
    drawing.add(Line(0, 0, 0, step * len(chart.bars), strokeColor=QUIET, strokeWidth=0.5))
    return drawing


def _box(left: float, bottom: float, width: float, height: float, tone: Color) -> Rect:
    box = Rect(left, bottom, width, height)
    box.fillColor = tone
    box.strokeColor = None
    return box


def _columns(chart: Columns, width: float) -> Drawing:
    height, step, most = 84.0, width / len(chart.labels), max([*chart.counts, 1])
    drawing = Drawing(width, height + 26)
    for number, (label, n) in enumerate(zip(chart.labels, chart.counts, strict=True)):
        middle = step * (number + 0.5)
        tall = round(height * n / most, 2)
        drawing.add(_box(step * number + 2, 14, step - 4, tall, TONES["plain"]))
        drawing.add(String(middle, 4, label, fontName="Helvetica", fontSize=7, fillColor=QUIET, textAnchor="middle"))
        if n:
            drawing.add(
                String(
                    middle, 17 + tall, str(n), fontName="Helvetica", fontSize=7, fillColor=QUIET, textAnchor="middle"
                )
            )
    drawing.add(Line(0, 14, width, 14, strokeColor=QUIET, strokeWidth=0.5))
    return drawing


def _table(table: Table, width: float) -> Sequence[Flowable]:
    texts = [number < table.texts or _wordy(table, number) for number in range(len(table.head))]
    numbers = texts.count(False)
    narrow = min(NARROW + 14, width * 0.66 / numbers) if numbers else 0
    wide = (width - narrow * numbers) / texts.count(True)
    rows = [
        [
            Paragraph(_marked(cell), _CELL_HEAD if texts[number] else _CELL_HEAD_NUMBER)
            for number, cell in enumerate(table.head)
        ]
    ]
    rows += [
        [Paragraph(_marked(cell), _CELL if texts[number] else _CELL_NUMBER) for number, cell in enumerate(row)]
        for row in table.rows
    ]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ]
    )
    drawn = LongTable(rows, colWidths=[wide if text else narrow for text in texts], style=style, repeatRows=1)
    drawn.spaceAfter = 8
    return [Paragraph(_marked(table.title), _CAPTION), drawn] if table.title else [drawn]


def _wordy(table: Table, column: int) -> bool:
    """Say whether a column holds words rather than numbers."""
    return any(len(row[column]) > len("1,000,000 s") and row[column][-1:].isalpha() for row in table.rows)


def _note(note: Note, width: float) -> Flowable:
    words = [
        Paragraph(f"<b>{name}</b> {_marked(text)}", _NOTE)
        for name, text in (
            ("What this is.", f"{note.definition} In {note.unit}."),
            ("What it cannot say.", note.cannot),
            ("From", f"{note.source}."),
        )
    ]
    style = TableStyle([("BACKGROUND", (0, 0), (-1, -1), SURFACE), ("LINEBEFORE", (0, 0), (0, -1), 2, LINE)])
    drawn = LongTable([[words]], colWidths=[width], style=style)
    drawn.spaceBefore = drawn.spaceAfter = 4
    return drawn


def _written(text: str) -> str:
    return text.translate(_WRITTEN)


def _marked(text: str) -> str:
    return escape(_written(text), quote=False)
