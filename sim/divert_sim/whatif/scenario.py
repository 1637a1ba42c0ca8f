"""A scenario: what is proposed, as a file; and what the directory and the teams are under it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, cast

import yaml
from pydantic import ConfigDict, Field, JsonValue, ValidationError

from divert_contracts.model import Model
from divert_contracts.vocabulary import Programme
from divert_routing.domain.directory import Directory
from divert_sim.whatif.capacity import where

Document = dict[str, JsonValue]
ProviderId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
DivisionNumber = Annotated[int, Field(ge=1, le=21)]
Divisions = Literal["all"] | Annotated[tuple[DivisionNumber, ...], Field(min_length=1)]
Teams = Annotated[int, Field(ge=0, le=200)]


class ScenarioError(ValueError):
    """A scenario cannot be used; the message names file and field."""


class Part(Model):
    """A part of the file; what is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Merge(Part):
    """Several providers become one, with all their programmes, divisions and teams."""

    change: Literal["merge"]
    providers: Annotated[tuple[ProviderId, ...], Field(min_length=2)]
    into: ProviderId
    title: str


class Serve(Part):
    """A provider serves further divisions, too."""

    change: Literal["serve"]
    provider: ProviderId
    divisions: Divisions


class Aid(Part):
    """Every provider of a programme helps every other one of it, wherever that one serves."""

    change: Literal["mutual_aid"]
    programme: Programme


class Open(Part):
    """A provider takes calls between two times of day."""

    change: Literal["hours"]
    provider: ProviderId
    opens: str
    closes: str


class Deadlines(Part):
    """Limits are others; as in the routing policy, in seconds. What is not named stays."""

    change: Literal["limits"]
    limits: dict[str, JsonValue] = Field(min_length=1)


class Staff(Part):
    """Providers have so many teams on shift."""

    change: Literal["teams"]
    teams: dict[ProviderId, Teams] = Field(min_length=1)


class DirectLine(Part):
    """People ring a provider itself: a share of the calls of its divisions that the rules would let it take.

    They are its own from then on, whether the police would have been told of them or not.
    """

    change: Literal["direct_line"]
    provider: ProviderId
    share: float = Field(ge=0, le=1)


class Leaves(Part):
    """A provider is gone when the calls begin."""

    change: Literal["leaves"]
    provider: ProviderId


Change = Annotated[Merge | Serve | Aid | Open | Deadlines | Staff | DirectLine | Leaves, Field(discriminator="change")]


class Scenario(Part):
    """The file."""

    name: ProviderId
    title: str
    question: str
    """What was asked, in a sentence."""
    assumes: tuple[str, ...] = ()
    """What it takes for granted, in sentences for the report."""
    changes: tuple[Change, ...] = ()


AS_IT_IS = Scenario(
    name="as-it-is",
    title="As it is",
    question="What becomes of the calls with the directory and the teams as they are?",
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a run is given."""

    scenario: Scenario
    directory: Document
    """The routing policy."""
    teams: Mapping[str, int]
    """On shift, by provider."""
    stands_for: Mapping[str, tuple[str, ...]]
    """Of a provider that is new here: whom it stands for."""
    lines: tuple[DirectLine, ...] = ()

    @property
    def read(self) -> Directory:
        """The routing policy, read."""
        return Directory.model_validate(self.directory)


def read(file: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: it cannot be read as one.
    """
    try:
        return Scenario.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ScenarioError(f"{file}: {error}") from error
    except ValidationError as error:
        raise ScenarioError(f"{file}: {where(error)}") from None


def configured(
    scenario: Scenario, directory: Mapping[str, JsonValue], teams: Mapping[str, int], at: datetime
) -> Configuration:
    """Return the directory and the teams under a scenario.

    Args:
        scenario: what is proposed.
        directory: the routing policy as it is.
        teams: on shift as it is, by provider.
        at: when the calls begin.

    Raises:
        ScenarioError: it names a provider that is not there, or its directory would not be a valid one.
    """
    making = _Making(scenario, directory, teams, at)
    for number, change in enumerate(scenario.changes):
        try:
            making.apply(change)
        except ScenarioError as error:
            raise ScenarioError(f"{scenario.name}: changes.{number}: {error}") from None
    return making.done()


class _Making:
    """Applies one change after the other to a copy."""

    def __init__(
        self, scenario: Scenario, directory: Mapping[str, JsonValue], teams: Mapping[str, int], at: datetime
    ) -> None:
        self._scenario = scenario
        self._directory: Document = dict(directory)
        self._providers = [dict(cast("Document", one)) for one in cast("Sequence[JsonValue]", directory["providers"])]
        self._aid = [
            dict(cast("Document", one)) for one in cast("Sequence[JsonValue]", directory.get("mutual_aid", []))
        ]
        self._teams = dict(teams)
        self._at = at
        self._stands_for: dict[str, tuple[str, ...]] = {}
        self._lines: list[DirectLine] = []

    def apply(self, change: Change) -> None:  # one arm a change
        match change:
            case Merge():
                self._merge(change)
            case Serve():
                one = self._provider("provider", change.provider)
                more = range(1, 22) if change.divisions == "all" else change.divisions
                one["divisions"] = [*_numbers(one), *(number for number in more if number not in _numbers(one))]
            case Aid():
                self._help(change.programme)
            case Open():
                one = self._provider("provider", change.provider)
                one["hours"] = [{"opens": change.opens, "closes": change.closes}]
            case Deadlines():
                self._directory["limits"] = _merged(self._directory["limits"], change.limits)
            case Staff():
                for provider, teams in change.teams.items():
                    self._provider(f"teams.{provider}", provider)
                    self._teams[provider] = teams
            case DirectLine():
                self._provider("provider", change.provider)
                self._lines.append(change)
            case Leaves():
                one = self._provider("provider", change.provider)
                one["ends"] = self._at.isoformat()
                self._teams.pop(change.provider, None)

    def done(self) -> Configuration:
        document: Document = {
            **self._directory,
            "version": f"{self._directory['version']}-{self._scenario.name}",
            "providers": cast("list[JsonValue]", self._providers),
            "mutual_aid": cast("list[JsonValue]", self._aid),
        }
        try:
            Directory.model_validate(document)
        except ValidationError as error:
            raise ScenarioError(f"{self._scenario.name}: the directory under it: {where(error)}") from None
        return Configuration(self._scenario, document, self._teams, self._stands_for, tuple(self._lines))

    def _provider(self, field: str, wanted: str) -> Document:
        found = next((one for one in self._providers if one["id"] == wanted), None)
        if found is None:
            raise ScenarioError(f"{field}: no such provider: {wanted}")
        return found

    def _merge(self, change: Merge) -> None:
        old = [self._provider(f"providers.{number}", one) for number, one in enumerate(change.providers)]
        gone = set(change.providers)
        if change.into not in gone and any(one["id"] == change.into for one in self._providers):
            raise ScenarioError(f"into: there is another provider of this id: {change.into}")
        joined: Document = {"id": change.into, "title": change.title}
        for field in ("programmes", "divisions", "languages", "needs"):
            members = (value for one in old for value in cast("Sequence[JsonValue]", one.get(field, [])))
            joined[field] = list(dict.fromkeys(cast("Sequence[str]", members)))
        place = self._providers.index(old[0])
        self._providers[place] = joined
        self._providers = [one for one in self._providers if one is joined or one["id"] not in gone]
        # Nobody needs an agreement with itself; others help, and are helped by, the whole.
        aid: list[Document] = []
        for one in self._aid:
            renamed = {name: change.into if one[name] in gone else one[name] for name in ("provider", "helps")}
            if renamed["provider"] != renamed["helps"]:
                aid.append({**one, **renamed})
        self._aid = aid
        teams = sum(self._teams.pop(one, 0) for one in change.providers)
        self._teams[change.into] = teams
        self._stands_for[change.into] = change.providers

    def _help(self, programme: Programme) -> None:
        among = [one for one in self._providers if programme in cast("Sequence[JsonValue]", one["programmes"])]
        self._aid += [
            {"provider": helper["id"], "helps": helped["id"], "divisions": helped["divisions"]}
            for helped in among
            for helper in among
            if helper is not helped
        ]


def _numbers(provider: Document) -> list[int]:
    return list(cast("Sequence[int]", provider["divisions"]))


def _merged(old: JsonValue, new: Mapping[str, JsonValue]) -> JsonValue:
    """Return a document with some fields replaced, at any depth."""
    merged: Document = dict(cast("Document", old))
    for name, value in new.items():
        merged[name] = _merged(merged.get(name, {}), value) if isinstance(value, dict) else value
    return merged
