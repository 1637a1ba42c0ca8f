"""Notes come as HTML: to plain text that nobody takes for markup, with every word that was to be seen."""

import html
import re
from typing import NamedTuple

import nh3

MOST_TAGS = 1_000
"""In one note: what takes HTML apart needs the square of their depth."""
MOST_ENTITIES = 10_000


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _names("""
    address article aside blockquote br caption dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
    h5 h6 header hr li main nav ol option p pre section summary table tbody td tfoot th thead tr ul
""")
"""What begins a line of its own."""
_KNOWN = _BLOCKS | _names("""
    a abbr acronym applet area audio b base bdi bdo big body button canvas center cite code col colgroup data datalist
    del dfn dialog dir em embed font frame frameset head html i iframe img input ins kbd label legend link map mark
    marquee math menu meta meter noframes noscript object optgroup output param picture plaintext progress q rp rt ruby
    s samp script select slot small source span strike strong style sub sup svg template textarea time title track tt u
    var video wbr xmp
""")
_SILENT = _names("""
    align border class color colspan dir face height href id lang rel rowspan size style target valign width
""")
"""Attributes without a word that anybody would see."""


def _any(names: frozenset[str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


# Each pattern looks no further than the next angle: a note is somebody else's.
_NO_TAG = re.compile(rf"<(?!/?(?:{_any(_KNOWN)})(?=[\s/>])|!--|!doctype|\?xml|/?[a-z][^<>=]*=[^<>]*>)", re.IGNORECASE)
"""An angle that begins no tag, as in ``<3`` and ``knife <gun``: HTML would swallow what follows."""
_BLOCK = re.compile(rf"</?(?:{_any(_BLOCKS)})>")
"""As the cleaner writes them: without attributes."""
_TAG_LIKE = re.compile(r"<(?=[A-Za-z/!?])")
_ANGLE = "\u2039"
_WORDLESS = re.compile(
    rf"</?(?:{_any(_KNOWN - {'script', 'style'})})"
    rf"(?:\s+(?:{_any(_SILENT)})\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s<>\"']+))*\s*/?>",
    re.IGNORECASE,
)


class Plain(NamedTuple):
    """A note as plain text."""

    text: str
    whole: bool
    """Every word that came is in the text: no script, comment or attribute was left out."""


def plain(note: str) -> Plain:
    """Return the text of a note.

    Elements go and what they hold stays, but for scripts and styles. What would still look like a tag has its angle
    changed, so that the text is safe wherever it is shown.
    """
    if note.count("<") > MOST_TAGS or note.count("&") > MOST_ENTITIES:
        return Plain(_TAG_LIKE.sub(_ANGLE, note).strip(), whole=False)
    closed, last, rest = note.rpartition(">")
    marked = _NO_TAG.sub("&lt;", closed + last) + rest.replace("<", "&lt;")
    cleaned = nh3.clean(marked, tags=set(_BLOCKS), attributes={"*": set()}, link_rel=None)
    lines = html.unescape(_BLOCK.sub("\n", cleaned)).splitlines()
    text = "\n".join(stripped for line in lines if (stripped := line.strip()))
    return Plain(_TAG_LIKE.sub(_ANGLE, text), whole=_words(html.unescape(_WORDLESS.sub("", note))) == _words(text))


def _words(text: str) -> str:
    """Return the letters and digits of a text, in order."""
    return "".join(one for one in text if one.isalnum())
