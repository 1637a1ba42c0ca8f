"""A whole document: what of it can be read, what cannot, and its text as it came.

Whatever came is kept as text, so that it can be given back unchanged; the components are read beside it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import orjson
from pydantic import BaseModel, JsonValue, ValidationError

from divert_eido.components import Component, Eido

MEDIA_TYPE = "application/emergency.eido+json"

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MAY_BE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MISSING = "missing"
_CODES = {"missing": _MISSING, "extra_forbidden": "unknown-field", "too_short": _MISSING}
"""What is said of pydantic's findings; those that are not here are about types, or come from a component itself."""
_OURS = frozenset({"unknown-word", "unreadable", "time-without-zone"})
_SURE_DIGITS = 18
"""So many digits fit 64 bits whatever they are."""

Place = tuple[str | int, ...]


class Odd(NamedTuple):
    """Something of a document that is not as the standard has it."""

    code: str
    """``unknown-field``, ``unknown-word``, ``wrong-type``, ``unreadable``, ``time-without-zone`` or ``missing``."""
    place: Place
    """The names and numbers that lead to it."""
    value: JsonValue
    """As it came; null for what is missing."""

    @property
    def pointer(self) -> str:
        """The JSON Pointer to it."""
        return pointer(self.place)

    @property
    def known(self) -> str:
        """The pointer to the last thing on the way to it that the standard names, without numbers in lists."""
        names = [part for part in self.place if isinstance(part, str)]
        return pointer(tuple(names[:-1] if self.code == "unknown-field" else names))


@dataclass(frozen=True, slots=True)
class Read:
    """A document that is an EIDO."""

    eido: Eido
    """What could be read, and nothing else."""
    odd: tuple[Odd, ...]
    """All that could not."""


@dataclass(frozen=True, slots=True)
class NotAnEido:
    """A document without what makes one an EIDO."""

    wrong: tuple[Odd, ...]
    """The document's own required members: none, or of another type."""


def read(fields: Mapping[str, JsonValue]) -> Read | NotAnEido:
    """Read a document. Components may lack anything; the document itself has its required members, in their types."""
    eido, odd = _understood(fields)
    lacking = {name: one for name in sorted(Eido.NEEDS) if (one := _lacking(name, fields, odd)) is not None}
    if lacking:
        return NotAnEido(tuple(lacking.values()))
    said = frozenset(one.place for one in odd)
    return Read(eido, (*odd, *_incomplete(eido, (), said)))


def strictly(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what of a document is valid by the standard with its registries; the rest is left out.

    Components without their required members are left out whole. Of the document's own members none is made up.
    """
    eido, _ = _understood(fields)
    return _complete(eido)


def kept(body: bytes) -> str:
    """Return the text of a document as it came: JSON in UTF-8, controls within strings as their escapes."""
    return _CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", body.decode("utf-8-sig"))


def given_back(text: str) -> dict[str, JsonValue]:
    """Return the members of a document that was kept, for ``written``: numbers will stand there as they came."""
    return _members(json.loads(text, strict=False, parse_int=_exact, parse_float=_exact, parse_constant=str))


def plain(text: str) -> dict[str, JsonValue]:
    """Return the members of a document that was kept, as values that anybody can hold.

    A whole number beyond 64 bits is its text, and a lone surrogate U+FFFD.
    """
    fields = _members(json.loads(text, strict=False, parse_int=_whole_number, parse_constant=str))
    return _writable_members(fields) if _MAY_BE_SURROGATE.search(text) else fields


def written(fields: Mapping[str, JsonValue]) -> bytes:
    """Return a document as JSON in UTF-8. What UTF-8 cannot write, lone surrogates, is U+FFFD."""
    try:
        return orjson.dumps(fields)
    except TypeError:
        return orjson.dumps(_writable_members(fields))


def pointer(place: Place) -> str:
    """Return the JSON Pointer (RFC 6901) to a place."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def _understood(fields: Mapping[str, JsonValue]) -> tuple[Eido, tuple[Odd, ...]]:
    """Take out of a copy what pydantic objects to, until it objects to nothing."""
    rest = _without_nulls(fields)
    odd: list[Odd] = []
    while True:
        try:
            return Eido.model_validate(rest), tuple(reversed(odd))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
        gone: set[Place] = set()
        # From the end, so that the numbers of what comes before in a list stay true.
        for one in reversed(found):
            place = one["loc"]
            odd.append(Odd(_code(one["type"]), place, _value(rest, place)))
            # A reference that names nothing goes whole.
            whole = place[:-1] if len(place) > 1 and place[-1] == "$ref" else place
            if not any(whole[:length] in gone for length in range(1, len(whole) + 1)):
                _take_out(rest, whole)
                gone.add(whole)


def _code(kind: str) -> str:
    """Return what is said of something that pydantic objects to."""
    return _CODES.get(kind, kind if kind in _OURS else "wrong-type")


def _lacking(name: str, fields: Mapping[str, JsonValue], odd: tuple[Odd, ...]) -> Odd | None:
    if fields.get(name) is None:
        return Odd(_MISSING, (name,), None)
    own = ((name,), (name, "$ref"))
    return next((one for one in odd if one.place in own and one.code in (_MISSING, "wrong-type")), None)


def _incomplete(part: BaseModel, place: Place, said: frozenset[Place]) -> Iterator[Odd]:
    """Yield the members that components ought to have and have not, but for those that were found odd."""
    if isinstance(part, Component):
        for name in sorted(part.NEEDS - {_alias(part, field) for field in part.model_fields_set}):
            if (*place, name) not in said:
                yield Odd(_MISSING, (*place, name), None)
    for name in part.model_fields_set:
        value: object = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _incomplete(value, (*place, _alias(part, name)), said)
        elif isinstance(value, tuple):
            for number, one in enumerate(cast("tuple[object, ...]", value)):
                if isinstance(one, BaseModel):
                    yield from _incomplete(one, (*place, _alias(part, name), number), said)


def _complete(part: BaseModel) -> dict[str, JsonValue]:
    """Return a part as JSON, without components that lack something."""
    members: dict[str, JsonValue] = {}
    for name in type(part).model_fields:
        if name not in part.model_fields_set:
            continue
        value: object = getattr(part, name)
        if isinstance(value, tuple):
            several = (_whole(one) for one in cast("tuple[object, ...]", value))
            members[_alias(part, name)] = [one for one in several if one is not None]
        elif (one := _whole(value)) is not None:
            members[_alias(part, name)] = one
    return members


def _whole(value: object) -> JsonValue:
    """Return a member's value as JSON; null for a component that lacks something."""
    if not isinstance(value, BaseModel):
        return cast("JsonValue", value)
    members = _complete(value)
    return None if isinstance(value, Component) and value.NEEDS - members.keys() else members


def _alias(part: BaseModel, name: str) -> str:
    return type(part).model_fields[name].alias or name


def _without_nulls(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a copy, all the way down; a member that is null is as good as absent."""
    return {name: _copy(value) for name, value in fields.items() if value is not None}


def _copy(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _without_nulls(value)
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _value(fields: JsonValue, place: Place) -> JsonValue:
    """Return what is at a place; null where nothing is."""
    value = fields
    for part in place:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _take_out(fields: JsonValue, place: Place) -> None:
    match _value(fields, place[:-1]), place[-1]:
        case dict() as members, str() as name:
            del members[name]
        case list() as several, int() as number:
            del several[number]
        case _:
            pass


def _members(value: object) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise TypeError("an EIDO is an object")
    return cast("dict[str, JsonValue]", value)


def _exact(digits: str) -> int | float | orjson.Fragment:
    """Return a number that will be written as it stands here."""
    short = len(digits) <= _SURE_DIGITS and digits.lstrip("-").isdigit()
    return int(digits) if short and str(int(digits)) == digits else orjson.Fragment(digits)


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _SURE_DIGITS else digits


def _writable_members(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {_SURROGATES.sub("\ufffd", name): _writable(value) for name, value in fields.items()}


def _writable(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _writable_members(value)
    if isinstance(value, list):
        return [_writable(one) for one in value]
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else value
