"""What providers, dispatcher and desk are able to do: teams, times and shares, fitted from records or assumed.

All chance is drawn by inverse transform from one number a matter, chosen by the seed, the call and the provider alone:
two scenarios meet the same people and the same luck (common random numbers), and differ by what was changed.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self, TypeVar

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from divert_contracts.model import Model
from divert_contracts.vocabulary import DeclineReason, Eligibility, HandBackReason

STEPS = 10
"""A length of time is kept as its deciles: so many steps."""
Share = Annotated[float, Field(ge=0, le=1)]
_ROUNDING = 0.01
T = TypeVar("T")


class CapacityError(ValueError):
    """A file of capacity cannot be used; the message names file and field."""


class End(StrEnum):
    """How a case goes once a provider has taken it, by the team's own doing."""

    CLOSED = "closed"
    BACKUP = "backup"
    """Closed, after medical help had been asked for."""
    EMERGENCY = "emergency"
    """Given back, after the team had called for help at once."""
    NOT_FOUND = "not_found"
    """Closed after arrival, without contact."""
    UNSEEN = "unseen"
    """Closed with neither contact nor arrival."""
    BACK_BEFORE = "back_before"
    BACK_AFTER = "back_after"
    NEVER_LEAVES = "never_leaves"


class Part(Model):
    """A part of the file; what is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Span(Part):
    """A length of time in seconds, as the deciles of what was seen; between them it is linear."""

    n: int = Field(ge=0)
    """Of how many; 0 for an assumption."""
    seconds: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=STEPS + 1, max_length=STEPS + 1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if list(self.seconds) != sorted(self.seconds):
            raise ValueError("deciles never fall")
        return self

    def at(self, chance: float) -> float:
        """Return the length that so great a share of all is below; 0 to 1."""
        place = min(int(chance * STEPS), STEPS - 1)
        below, above = self.seconds[place], self.seconds[place + 1]
        return below + (above - below) * (chance * STEPS - place)


class Extra(Part):
    """A length of time that is added, and is an assumption."""

    text: str
    low: float = Field(ge=0)
    value: float = Field(ge=0)
    high: float = Field(ge=0)


class Reviews(Part):
    """What the desk decides of calls that the rules would not."""

    decides: dict[Eligibility, Share]
    """The rest is not decided in time."""
    after: Span


class Capacity(Part):
    """All of it. Shares of one matter add up to 1 at the most."""

    version: str
    source: tuple[str, ...]
    """Where each part comes from."""
    command: str
    """What wrote it."""
    cases_a_team: float = Field(ge=1, le=20)
    """How many cases a team on shift can have at once; above 1, a provider takes calls that a team goes to later."""
    silent: Share
    """Offers that nobody answers though a team is free."""
    declines: dict[DeclineReason, Share]
    """Offers that are declined though a team is free."""
    answer_after: Span
    """From offer to answer."""
    leaves_after: Span
    """From acknowledgement to being on the way."""
    travel: Span
    """On the way."""
    contact_after: Span
    """From arrival to contact."""
    visit: Span
    """From contact to closing."""
    visit_adds: Extra
    """On top of it, in seconds."""
    phone: Span
    """From acknowledgement to closing, by telephone."""
    clear_after: Extra
    """From the end of a case until the team can take another."""
    ends: dict[End, Share]
    back_before: dict[HandBackReason, Share]
    back_after: dict[HandBackReason, Share]
    reviews: Reviews
    square_km: dict[int, Annotated[float, Field(gt=0)]]
    """Of each division, for the square-root law of travel."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for name, whole in (
            ("declines", self.silent + sum(self.declines.values())),
            ("reviews.decides", sum(self.reviews.decides.values())),
        ):
            if whole > 1 + _ROUNDING:
                raise ValueError(f"{name}: shares add up to more than 1")
        for name, shares in (("ends", self.ends), ("back_before", self.back_before), ("back_after", self.back_after)):
            if abs(sum(shares.values()) - 1) > _ROUNDING:
                raise ValueError(f"{name}: shares add up to 1")
        return self


def read(file: Path) -> Capacity:
    """Read a file of capacity.

    Raises:
        CapacityError: it cannot be used.
    """
    try:
        return Capacity.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise CapacityError(f"{file}: {error}") from error
    except ValidationError as error:
        raise CapacityError(f"{file}: {where(error)}") from None


def where(error: ValidationError) -> str:
    """Name the first field that does not fit, and why."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the document'}: {first['msg']}"


def chosen(shares: Mapping[T, float], chance: float) -> T | None:
    """Return what a number from 0 to 1 falls on, in the order of the shares; None beyond the last."""
    for what, share in shares.items():
        if chance < share:
            return what
        chance -= share
    return None


class Book:
    """Which team has what: every provider has so many teams, and a case takes one for a time.

    Provable: let cases come to one provider at given times, each keeping a team for a length of its own. Then whatever
    is taken with n teams is taken with n + 1 as well: number the teams and give a case to the first that is free; the
    first n of n + 1 teams do exactly what n teams do, and the last one takes some of what they could not.
    """

    def __init__(self, teams: Mapping[str, int], cases_a_team: float = 1.0) -> None:
        """Begin with everybody free; of a provider that is not named there is no team."""
        self._teams = dict(teams)
        self._cases_a_team = cases_a_team
        self._until: dict[str, dict[object, float]] = {}
        self._provider: dict[object, str] = {}

    def put_on(self, provider: str, teams: int) -> None:
        """Let a provider have so many teams from now on; whoever has a case keeps it."""
        self._teams[provider] = teams

    def free(self, provider: str, at: float) -> int:
        """Return how many more cases can be taken at a time, in seconds."""
        room = int(self._teams.get(provider, 0) * self._cases_a_team)
        busy = self._until.get(provider)
        if not busy:
            return room
        for case in [case for case, until in busy.items() if until <= at]:
            del busy[case]
        return room - len(busy)

    def take(self, provider: str, case: object, until: float) -> None:
        """Let a case have a team until a time, in seconds."""
        self._until.setdefault(provider, {})[case] = until
        self._provider[case] = provider

    def release(self, case: object, at: float) -> None:
        """Free a case's team at a time, if it would not be free before."""
        provider = self._provider.get(case)
        busy = {} if provider is None else self._until[provider]
        if case in busy:
            busy[case] = min(busy[case], at)
