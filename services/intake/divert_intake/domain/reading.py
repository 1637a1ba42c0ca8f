"""Reads what a caller sent, refusing as little as can be: what is not understood is kept, and named.

Reading takes the fields out of the document one by one; what is left in the end was not understood.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from math import isinf
from typing import NamedTuple, TypeVar

import orjson
from pydantic import JsonValue

from divert_contracts.model import Term

MOST_BYTES = 256 * 1024
"""Bytes of one call, and of any other single message."""
DEEPEST = 64
"""Levels of nesting; the codec of facts ends at about 190."""
LONGEST_CODE = 64
"""Characters of a code, flag or other short word."""
LONGEST_INCIDENT_NUMBER = 128
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""No dispatch system has times before; they are some system's zero."""
CLOCK_SKEW = timedelta(minutes=5)

T = TypeVar("T", bound=Term)

REPLACEMENT = "\ufffd"

_LONGEST_TIME = 40
_WHOLE_DIGITS = 18
"""So many digits fit 64 bits whatever they are."""
_SUSPECT = re.compile(r"\\u(?:00[01]|[dD][89a-fA-F])")
_UNWRITABLE = re.compile("[\x00-\x07\x0b\x0e-\x1f\ud800-\udfff]")
"""NUL, which Postgres cannot hold; lone surrogates, which UTF-8 cannot; controls, which JSON writes at great length."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


class Warned(NamedTuple):
    """Something that was not understood or not believed."""

    code: str
    pointer: str
    """JSON Pointer to it, with the sender's own names."""
    place: str
    """The part of the pointer that names our own fields: what may be kept with the picture."""


class Refused(NamedTuple):
    """A request that is not accepted; principle 7 says which."""

    status: int
    code: str
    detail: str
    pointer: str | None = None
    further: tuple[str, ...] = ()
    """Pointers to more of the same."""


LONGEST_POINTER = 256
MOST_WARNINGS = 1_000
MOST_KEPT = 500
REST = "(more)"
"""Where values are kept beyond those, and those whose place has one already: without their pointers."""


class Notes:
    """What is to be said of a document besides its content."""

    __slots__ = ("at", "kept", "origins", "soon", "warned")

    def __init__(self, at: datetime) -> None:
        """Begin; ``at`` is the domain time of acceptance, by which times are judged."""
        self.at = at
        self.soon = at + CLOCK_SKEW
        self.warned: list[Warned] = []
        self.kept: dict[str, JsonValue] = {}
        """By pointer, unchanged."""
        self.origins: Mapping[str, str] = {}
        """By pointer, where fields come from that were taken from a document of another form."""

    def warn(self, code: str, pointer: str, place: str | None = None) -> None:
        """Name something; beyond a thousand things the document is odd as a whole, and the rest adds nothing."""
        if len(self.warned) < MOST_WARNINGS:
            shown = self._origin(pointer)[:LONGEST_POINTER]
            self.warned.append(Warned(code, shown, pointer[:LONGEST_POINTER] if place is None else place))

    def keep(self, code: str, value: JsonValue, pointer: str, place: str | None = None) -> None:
        """Name something and keep it as it came."""
        self.warn(code, pointer, place)
        self.put(pointer, value)

    def put(self, pointer: str, value: JsonValue) -> None:
        """Keep a value as it came. A long or repeated name costs its sender no more than a short one."""
        shown = self._origin(pointer)[:LONGEST_POINTER]
        if shown not in self.kept and len(self.kept) < MOST_KEPT:
            self.kept[shown] = value
            return
        more = self.kept.setdefault(REST, [])
        if isinstance(more, list):
            more.append(value)

    def _origin(self, pointer: str) -> str:
        """Return where in the sender's own document something was taken from, where that is not the one being read."""
        if not self.origins:
            return pointer
        whole = self.origins.get(f"/{pointer.split('/', 2)[1]}", pointer)
        return self.origins.get(pointer, whole)

    def for_picture(self) -> tuple[str, ...]:
        """Return the warnings without any word of the sender's."""
        named = (f"{one.code}:{one.place}" if one.place else one.code for one in self.warned)
        return tuple(dict.fromkeys(named))


class Document(NamedTuple):
    """A JSON object as it came."""

    fields: dict[str, JsonValue]
    digest: str
    """SHA-256 of the content in canonical form: spaces and the order of keys do not count."""


class _Repeated(dict[str, JsonValue]):
    """An object in which a key came more than once: the last one counts, as JSON readers have it."""

    earlier: dict[str, list[JsonValue]]


class _Parser:
    """Reads one text. A number that other readers could not hold becomes its text."""

    def __init__(self, *, strict: bool) -> None:
        self.repeats = False
        self.controls = not strict
        self._decoder = json.JSONDecoder(
            strict=strict, object_pairs_hook=self._object, parse_int=_whole, parse_float=_real, parse_constant=str
        )

    def value(self, text: str) -> JsonValue:
        """Return what the text says; ``ValueError`` or ``RecursionError`` when it is no JSON or nested too deep."""
        return self._decoder.decode(text)

    def _object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        fields = dict(pairs)
        if len(fields) == len(pairs):
            return fields
        self.repeats = True
        repeated = _Repeated()
        repeated.earlier = {}
        for key, value in pairs:
            if key in repeated:
                repeated.earlier.setdefault(key, []).append(repeated[key])
            repeated[key] = value
        return repeated


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _WHOLE_DIGITS else digits


def _real(digits: str) -> float | str:
    number = float(digits)
    return digits if isinf(number) else number


def _parsed(text: str) -> tuple[_Parser, JsonValue]:
    parser = _Parser(strict=True)
    try:
        return parser, parser.value(text)
    except json.JSONDecodeError:
        # Line breaks and other controls within strings are no JSON, and what narratives come with.
        parser = _Parser(strict=False)
        return parser, parser.value(text)


def document(body: bytes, notes: Notes) -> Document | Refused:
    """Read a JSON object from bytes.

    NUL, lone surrogates and other controls within text become U+FFFD, in an incident number their escape; numbers
    beyond 64 bits, ``NaN`` and infinities become their text.
    """
    if len(body) > MOST_BYTES:
        return Refused(413, "too-large", f"A call may have {MOST_BYTES} bytes.")
    try:
        text = body.decode("utf-8-sig")
        parser, value = _parsed(text)
    except (ValueError, RecursionError):
        return Refused(400, "unreadable", "This is not JSON in UTF-8.")
    if not isinstance(value, dict):
        return Refused(400, "unreadable", "This is not a JSON object.")
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        return Refused(400, "unreadable", f"This is nested more than {DEEPEST} levels deep.")
    if parser.repeats or parser.controls or ("\\u" in text and _SUSPECT.search(text)):
        value = _tidied_call(value, notes)
    content = body if parser.repeats else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Document(value, sha256(content).hexdigest())


def _escaped(name: str) -> str:
    """Return a member's name as a JSON Pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")


def _is_deep(value: JsonValue) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = list(chain.from_iterable(map(_members, level)))
        if not level:
            return False
    return True


def _members(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _tidied_call(fields: dict[str, JsonValue], notes: Notes) -> dict[str, JsonValue]:
    number = fields.get("incident_number")
    if isinstance(number, str) and _UNWRITABLE.search(number):
        # Replaced, two calls could become one.
        fields["incident_number"] = _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", number)
        notes.warn("text-repaired", "/incident_number")
    return _tidied_object(fields, notes, "")


def _tidied_object(fields: dict[str, JsonValue], notes: Notes, where: str) -> dict[str, JsonValue]:
    tidy: dict[str, JsonValue] = {}
    earlier = fields.earlier if isinstance(fields, _Repeated) else {}
    for key, value in chain(((key, value) for key, values in earlier.items() for value in values), fields.items()):
        name = _UNWRITABLE.sub(REPLACEMENT, key)
        at = f"{where}/{_escaped(name)}"[:LONGEST_POINTER]
        if name in tidy:
            notes.warn("repeated-key", at, "")
            notes.put(f"{at} (earlier)", tidy[name])
        tidy[name] = _tidied(value, notes, at)
    return tidy


def _tidied(value: JsonValue, notes: Notes, where: str) -> JsonValue:
    if isinstance(value, dict):
        return _tidied_object(value, notes, where)
    if isinstance(value, list):
        return [_tidied(one, notes, f"{where}/{number}") for number, one in enumerate(value)]
    if isinstance(value, str) and _UNWRITABLE.search(value):
        notes.warn("text-repaired", where, "")
        return _UNWRITABLE.sub(REPLACEMENT, value)
    return value


class Section:
    """An object of the document whose fields are taken out one by one; ``null`` and blank text count as absent."""

    __slots__ = ("_fields", "_name", "_notes", "_number", "_parent")

    def __init__(
        self,
        fields: dict[str, JsonValue],
        notes: Notes,
        parent: "Section | None" = None,
        name: str = "",
        number: int | None = None,
    ) -> None:
        """Begin.

        Args:
            fields: the object; what is taken goes out of it.
            notes: of the document.
            parent: the object that it is in; none for the whole document.
            name: its name there.
            number: its place in the list of that name, from 0; none where it is alone.
        """
        self._fields = fields
        self._notes = notes
        self._parent = parent
        self._name = name
        self._number = number

    def text(self, name: str) -> str | None:
        """Take text of any length."""
        value = self._taken(name)
        if value is None or isinstance(value, str):
            return value
        return self._not_understood("wrong-type", value, name)

    def identity(self, name: str, *, longest: int) -> str | None:
        """Take what can identify something: text or a whole number, not too long; null when there is nothing such."""
        identity = _short(self._fields.pop(name, None))
        return identity if identity and len(identity) <= longest else None

    def code(self, name: str, *, longest: int = LONGEST_CODE) -> str | None:
        """Take a short word; systems that write codes as numbers are understood."""
        value = self._taken(name)
        if value is None:
            return None
        code = _short(value)
        if code is None:
            return self._not_understood("wrong-type", value, name)
        if len(code) > longest or not code.isprintable():
            return self._not_understood("too-long" if len(code) > longest else "unreadable", value, name)
        return code

    def word(self, name: str, vocabulary: type[T], absent: T) -> T:
        """Take a word of a vocabulary; one that it does not have is ``unknown``."""
        value = self._taken(name)
        if value is None:
            return absent
        term = _term(value, vocabulary)
        if term is None:
            self._not_understood("unknown-word" if isinstance(value, str) else "wrong-type", value, name)
            return vocabulary("unknown")
        return term

    def words(self, name: str, vocabulary: type[T]) -> tuple[T, ...]:
        """Take a list of words; each that the vocabulary does not have is ``unknown``."""
        terms: dict[T, None] = {}
        for number, value in self._listed(name):
            term = _term(value, vocabulary)
            if term is None:
                self._not_understood("unknown-word", value, name, number)
                term = vocabulary("unknown")
            terms[term] = None
        return tuple(terms)

    def codes(self, name: str) -> tuple[str, ...]:
        """Take a list of short words, in upper case."""
        codes: dict[str, None] = {}
        for number, value in self._listed(name):
            code = _short(value)
            if code is None or len(code) > LONGEST_CODE or not code.isprintable():
                self._not_understood("unreadable", value, name, number)
            elif code:
                codes[code.upper()] = None
        return tuple(codes)

    def truth(self, name: str) -> bool:
        """Take true or false; false when it is neither."""
        value = self._taken(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._not_understood("wrong-type", value, name)
        return False

    def whole(self, name: str, least: int, most: int) -> int | None:
        """Take a whole number within bounds."""
        value = self._taken(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value // 1:
            return self._not_understood("wrong-type", value, name)
        return int(value) if least <= value <= most else self._not_understood("out-of-range", value, name)

    def real(self, name: str, least: float, most: float) -> float | None:
        """Take a number within bounds."""
        value = self._taken(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            return self._not_understood("wrong-type", value, name)
        return float(value) if least <= value <= most else self._not_understood("out-of-range", value, name)

    def moment(self, name: str, *, latest: datetime | None = None) -> datetime | None:
        """Take a time with its zone, as ISO 8601 writes it; return it in UTC.

        A time to come, or of before there were such systems, is named and kept as it is; beyond ``latest`` it is not
        believed.
        """
        value = self._taken(name)
        if value is None:
            return None
        if not isinstance(value, str):
            return self._not_understood("wrong-type", value, name)
        moment = _moment(value.strip())
        if isinstance(moment, str):
            return self._not_understood(moment, value, name)
        if latest is not None and moment > latest:
            return self._not_understood("time-in-future", value, name)
        if moment > self._notes.soon:
            self._notes.warn("time-in-future", self.pointer(name), self.place(name))
        elif moment < EARLIEST:
            self._notes.warn("time-long-ago", self.pointer(name), self.place(name))
        return moment

    def language(self, name: str) -> str | None:
        """Take a BCP 47 tag."""
        value = self._taken(name)
        if value is None:
            return None
        tag = value.strip() if isinstance(value, str) else ""
        return tag if _LANGUAGE.fullmatch(tag) else self._not_understood("unreadable", value, name)

    def section(self, name: str) -> "Section | None":
        """Take an object."""
        value = self._taken(name)
        if isinstance(value, dict):
            return Section(value, self._notes, self, name)
        return None if value is None else self._not_understood("wrong-type", value, name)

    def sections(self, name: str) -> "list[Section]":
        """Take a list of objects."""
        sections: list[Section] = []
        for number, value in self._listed(name):
            if isinstance(value, dict):
                sections.append(Section(value, self._notes, self, name, number))
            else:
                self._not_understood("wrong-type", value, name, number)
        return sections

    def names(self) -> tuple[str, ...]:
        """Return the names of the fields that are left, in order."""
        return tuple(self._fields)

    def holds_section(self, name: str) -> bool:
        """Say whether a field is an object."""
        return isinstance(self._fields.get(name), dict)

    def absent(self, name: str) -> bool:
        """Say whether a field is not there, and drop what counts as that."""
        value = self._fields.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            self._fields.pop(name, None)
            return True
        return False

    def close(self) -> None:
        """Name and keep what was not taken."""
        for name, value in self._fields.items():
            if value is not None:
                # The name is the sender's own: no part of it is kept with the picture.
                self._notes.keep("unknown-field", value, self.pointer(name), self.place())

    def missing(self, name: str) -> None:
        """Name a field that ought to have been there."""
        self._notes.warn("missing", self.pointer(name), self.place(name))

    def pointer(self, name: str, number: int | None = None) -> str:
        """Return the pointer to a field, or to an entry of its list."""
        above = "" if self._parent is None else self._parent.pointer(self._name, self._number)
        return f"{above}/{_escaped(name)}" if number is None else f"{above}/{_escaped(name)}/{number}"

    def place(self, name: str | None = None) -> str:
        """Return what of a field's pointer may be kept: our own names."""
        above = "" if self._parent is None else self._parent.place(self._name)
        return above if name is None else f"{above}/{name}"

    def _taken(self, name: str) -> JsonValue:
        value = self._fields.pop(name, None)
        return None if isinstance(value, str) and not value.strip() else value

    def _listed(self, name: str) -> Iterator[tuple[int | None, JsonValue]]:
        """Take a list and yield its entries with their numbers; a lone word counts as a list of one."""
        value = self._taken(name)
        if isinstance(value, list):
            for number, one in enumerate(value):
                if one is not None:
                    yield number, one
        elif isinstance(value, str):
            yield None, value
        elif value is not None:
            self._not_understood("wrong-type", value, name)

    def _not_understood(self, code: str, value: JsonValue, name: str, number: int | None = None) -> None:
        self._notes.keep(code, value, self.pointer(name, number), self.place(name))


def _short(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(text: str) -> datetime | str:
    """Return a time in UTC, or the code of why there is none."""
    return _known_moment(text) if len(text) <= _LONGEST_TIME else "unreadable"


@lru_cache(4096)
def _known_moment(text: str) -> datetime | str:
    # The answers of a call were mostly given at one time, and come again with its next revision.
    try:
        moment = datetime.fromisoformat(text)
        return "time-without-zone" if moment.utcoffset() is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return "unreadable"


def _term(value: JsonValue, vocabulary: type[T]) -> T | None:
    """Return the word of a vocabulary that is meant, or null for another word."""
    word = _short(value)
    if word is None:
        return None
    term = vocabulary(word)
    if term == "unknown" and word != "unknown":
        term = vocabulary(word.casefold())
        return None if term == "unknown" and word.casefold() != "unknown" else term
    return term
