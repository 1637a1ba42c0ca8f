"""What intake has learnt: who may post calls, and how long divert may take to decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, ValidationError

from divert_contracts import areas
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.model import Model
from divert_contracts.policy import Versions
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import PolicyKind
from divert_intake.domain.divisions import DivisionMap


class Limits(Model):
    """What intake needs of the routing policy's limits."""

    decide_within: Annotated[timedelta, Field(gt=timedelta())]
    """From acceptance until divert may offer the call no more; seconds in the document."""
    triage_within: Annotated[timedelta, Field(gt=timedelta())]
    """From acceptance until triage must be done, or the call goes back."""
    status_margin: timedelta
    """How long after a limit CAD must have heard what became of it."""


class _Division(Model):
    number: int
    name: str
    spellings: tuple[str, ...] = ()


class _RoutingPolicy(Model):
    limits: Limits
    divisions: tuple[_Division, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What intake has learnt."""

    agencies: frozenset[str] = frozenset()
    limits: Versions[Limits] = field(default_factory=Versions[Limits])
    areas: Versions[Mapping[str, int]] = field(default_factory=Versions[Mapping[str, int]])
    """The divisions by their spellings."""
    maps: Versions[DivisionMap] = field(default_factory=Versions[DivisionMap])
    """None, unless an operator has imported one."""

    def division(self, latitude: float, longitude: float, accepted_at: datetime) -> int | None:
        """Return the division that a point is in by the map then in force; null outside all, or without a map."""
        return None if self.maps.empty else self.maps.at(accepted_at).value.division(latitude, longitude)

    def division_named(self, area: str | None, accepted_at: datetime) -> int | None:
        """Return the division that CAD names by the policy then in force; null where it is not known, or none is."""
        return None if self.areas.empty else areas.division_named(area, self.areas.at(accepted_at).value)

    def decide_by(self, accepted_at: datetime) -> datetime:
        """Return until when divert may offer what was accepted then.

        Raises:
            Unavailable: no policy was published yet.
        """
        return accepted_at + self.limits.at(accepted_at).value.decide_within

    def next_update_by(self, accepted_at: datetime) -> datetime:
        """Return when CAD must have heard of a diverted call, or it owns it.

        Raises:
            Unavailable: no policy was published yet.
        """
        limits = self.limits.at(accepted_at).value
        return accepted_at + limits.triage_within + limits.status_margin


def agency_registered(given: Given, fact: AgencyRegistered) -> Given:
    """Learn that an agency may post calls."""
    return replace(given, agencies=given.agencies | {fact.agency})


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Learn the limits of a version of the routing policy, or a map of the divisions.

    Raises:
        Rejected: the document does not fit, or may never come into force; what was in force stays in force.
    """
    if fact.shadow:
        return given
    try:
        if fact.kind is PolicyKind.ROUTING:
            policy = _RoutingPolicy.model_validate(fact.document)
            names = areas.spelt((name, one.number) for one in policy.divisions for name in (one.name, *one.spellings))
            return replace(
                given, limits=given.limits.published(fact, policy.limits), areas=given.areas.published(fact, names)
            )
        if fact.kind is PolicyKind.DIVISIONS:
            drawn = DivisionMap.model_validate(fact.document)
            return replace(given, maps=given.maps.published(fact, drawn))
    except ValidationError as error:
        raise Rejected(f"policy:{error.error_count()}-errors") from None
    return given
