"""The base of every published model: frozen, documented by its attributes, open to fields of later writers."""

from enum import StrEnum
from operator import attrgetter
from typing import Self

from pydantic import BaseModel, ConfigDict


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
