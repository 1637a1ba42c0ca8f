"""Notes as HTML become text: what was to be read is there, what was to be run is not, and losses are owned up to."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divert_eido.notes import MOST_TAGS, plain

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    '<a href="javascript:alert(1)">',
    "<body onload=alert(1)>",
    "<style>@import 'x'</style>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<x onclick=alert(1)>",
    "<template><script>alert(1)</script></template>",
)


class Tags(HTMLParser):
    """Collects whatever a reader of HTML would take for markup."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"{tag}{attrs}")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def handle_pi(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("No weapons seen", "No weapons seen"),
        ("<p>has a knife</p><p>gun in car</p>", "has a knife\ngun in car"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\nb"),
        ("a <b>kn</b>ife", "a knife"),
        ("subj <3 ft from door, bp < 90 & falling", "subj <3 ft from door, bp < 90 & falling"),
        ("AT&amp;T &lt;5 min &eacute;", "AT&T <5 min é"),
        ("first line\nsecond line\r\n\r\nthird", "first line\nsecond line\nthird"),
        ('<p class="note" style="color: red">x</p>', "x"),
        ("<span id='7'>x</span>", "x"),
        ("", ""),
    ],
)
def test_what_is_to_be_read_is_there_whole(note: str, text: str) -> None:
    assert plain(note) == (text, True)


@pytest.mark.parametrize(
    "note", ["has <knife in hand", "saw him<gun>", "<b knife in hand", "x <- gun", "<p>ok</p> <knife"]
)
def test_an_angle_that_begins_no_tag_swallows_no_word(note: str) -> None:
    read = plain(note)
    assert set(re.findall("knife|gun|hand", note)) == set(re.findall("knife|gun|hand", read.text))
    assert read.whole


@pytest.mark.parametrize("note", ["<!-- gun -->x", "<script>gun</script>x", "<p title='gun'>x</p>", "<x a=gun>x"])
def test_words_that_are_left_out_are_owned_up_to(note: str) -> None:
    read = plain(note)
    assert (read.text, read.whole) == ("x", False)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("around", ["{}", "<p>{}</p>", "a{}b{}", "<b{}"])
def test_nothing_that_runs_is_left(attack: str, around: str) -> None:
    text = plain(around.replace("{}", attack)).text
    assert Tags(text).found == []
    assert "<script" not in text.lower()


def test_what_is_escaped_once_or_twice_is_no_markup_either() -> None:
    for note in ("&lt;script&gt;alert(1)&lt;/script&gt;", "&amp;lt;img src=x onerror=1&amp;gt;"):
        assert Tags(plain(note).text).found == []


html = st.lists(
    st.one_of(
        st.sampled_from(
            (*ATTACKS, "<p>", "</p>", "<", ">", "&lt;", "&gt;", "&amp;", "<!--", "-->", '"', "'", "=", "/")
        ),
        st.text(max_size=8),
    ),
    max_size=12,
).map("".join)


@settings(deadline=None)
@given(html)
def test_no_note_comes_out_as_markup(note: str) -> None:
    assert Tags(plain(note).text).found == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(("knife", "no", "weapon", "<3", "x<4", "&", "\n", "(2x)", "> 5")), max_size=12))
def test_a_note_in_plain_words_keeps_every_one(words: list[str]) -> None:
    note = " ".join(words)
    read = plain(note)
    assert re.findall(r"\w+", read.text) == re.findall(r"\w+", note)
    assert read.whole


@pytest.mark.parametrize(
    "note",
    [
        "<div>" * 50_000,
        "<a" + "=" * 200_000,
        "<p" + " " * 200_000,
        " " * 200_000,
        '<p class="' * 900 + "x" * 100_000,
        "&" * 200_000,
        "<div>" * MOST_TAGS,
        "<p " * 1_000 + "a=" * 100_000,
    ],
    ids=range(8),
)
def test_no_note_keeps_a_reader_busy(note: str) -> None:
    began = time.process_time()
    plain(note)
    assert time.process_time() - began < 1


def test_a_note_with_too_much_markup_is_text_and_a_person_hears_of_it() -> None:
    read = plain("<i>gun</i>" * MOST_TAGS)
    assert "gun" in read.text
    assert not read.whole
    assert Tags(read.text).found == []
