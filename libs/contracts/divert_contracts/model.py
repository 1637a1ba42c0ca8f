"""The base of every published model: frozen, documented by its attributes, open to fields of later writers."""

import re
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d", re.ASCII)


def _written(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATED.match(value)):
        return value
    raise PydanticCustomError("datetime_type", "Input should be a time as RFC 3339 writes it")


Instant = Annotated[AwareDatetime, BeforeValidator(_written)]
"""A time that somebody outside sends: written out, with its zone. A bare number is none: nobody knows its unit."""


def _counted(value: object) -> object:
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


COUNTED = BeforeValidator(_counted)
"""A whole number that somebody outside sends: not one in quotes, nor a truth. Stands last: bounds after it
would not be documented."""


class Model(BaseModel):
    """An immutable record. Readers ignore what later writers add; writers write only what is declared here."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False, ser_json_timedelta="float"
    )


class Term(StrEnum):
    """A closed vocabulary with an open reading: a word that this version does not know reads as ``unknown``.

    Each vocabulary has the member ``UNKNOWN``; readers treat it as danger or hand the call off, never as "no".
    """

    # In C: enum's own ``value`` is a Python function, and every written fact asks for thirty of them.
    value = property(attrgetter("_value_"))  # pyright: ignore[reportIncompatibleMethodOverride]

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("unknown") if isinstance(value, str) and value != "unknown" else None
