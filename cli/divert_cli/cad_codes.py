"""An agency's own codes for where a call stands and how it ended: a small YAML file in `seeds/cad/`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self, cast

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from divert_cli.errors import StackError
from divert_contracts.facts.policies import AgencyCodes, CodeOfCad
from divert_contracts.model import Term
from divert_contracts.vocabulary import Disposition, Outcome, OutcomeReason, Stage

_WORDS: Mapping[str, type[Term]] = {
    "stages": Stage,
    "outcomes": Outcome,
    "reasons": OutcomeReason,
    "dispositions": Disposition,
}


class CodesError(StackError):
    """A file of codes cannot be used; the message names file and field."""


class _File(BaseModel):
    """What the file must say: one code for whatever can become of a call, so that none is told without."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    stages: dict[Stage, CodeOfCad]
    outcomes: dict[Outcome, CodeOfCad]
    reasons: dict[OutcomeReason, CodeOfCad] = Field(default={})
    dispositions: dict[Disposition, CodeOfCad]

    @field_validator("stages", "outcomes", "reasons", "dispositions", mode="before")
    @classmethod
    def _words_are_known(cls, given: object, field: ValidationInfo) -> object:
        # A vocabulary reads a strange word as "unknown"; in a file of ours it is a slip.
        if isinstance(given, dict):
            found = cast("dict[object, object]", given)
            strange = [str(one) for one in found if one not in set(_WORDS[field.field_name or ""])]
            if strange:
                raise ValueError(f"{', '.join(strange)}: no such word")
            return found
        return given

    @model_validator(mode="after")
    def _nothing_is_missing(self) -> Self:
        open_stages = [one for one in Stage if one not in {Stage.CONCLUDED, Stage.OBSERVED}]
        _complete("stages", open_stages, self.stages)
        _complete("outcomes", Outcome, self.outcomes)
        _complete("dispositions", Disposition, self.dispositions)
        return self


def _complete(field: str, words: Iterable[Term], found: Iterable[Term]) -> None:
    missing = [one.value for one in words if one not in set(found)]
    if missing:
        raise ValueError(f"{field}: no code for {', '.join(missing)}")


def load(file: Path) -> AgencyCodes:
    """Read a file of codes.

    Raises:
        CodesError: it is missing, is no YAML, has a word that divert does not know, or leaves one out.
    """
    try:
        given: object = yaml.safe_load(file.read_text(encoding="utf-8"))
        return AgencyCodes(**_File.model_validate(given).model_dump())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise CodesError(f"{file} cannot be read as YAML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'the whole file'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise CodesError(f"{file}: {problems}") from None
