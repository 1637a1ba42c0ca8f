"""What every part of a policy document is: strict, because a misspelt word must not pass for a decision."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, ValidatorFunctionWrapHandler, WrapValidator

from divert_contracts.model import Term

T = TypeVar("T", bound=Term)


def _known(word: object, read: ValidatorFunctionWrapHandler) -> object:
    """Refuse a misspelt word: facts read what they do not know as unknown, a policy must not."""
    term = read(word)
    if term == "unknown" and word != "unknown":
        raise ValueError(f"no such word: {word}")
    return term


Known = Annotated[T, WrapValidator(_known)]


class Part(BaseModel):
    """A part of the document. A field that is not declared is a mistake, not an extension."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
