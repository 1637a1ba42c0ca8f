"""What intake has learnt: who may post calls, and how long divert may take to decide."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, ValidationError

from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.model import Model
from divert_contracts.policy import Versions
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import PolicyKind


class Limits(Model):
    """What intake needs of the routing policy's limits."""

    decide_within: Annotated[timedelta, Field(gt=timedelta())]
    """From acceptance until divert may offer the call no more; seconds in the document."""
    triage_within: Annotated[timedelta, Field(gt=timedelta())]
    """From acceptance until triage must be done, or the call goes back."""
    status_margin: timedelta
    """How long after a limit CAD must have heard what became of it."""


class _RoutingPolicy(Model):
    limits: Limits


@dataclass(frozen=True, slots=True)
class Given:
    """What intake has learnt."""

    agencies: frozenset[str] = frozenset()
    limits: Versions[Limits] = field(default_factory=Versions[Limits])

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
    return Given(given.agencies | {fact.agency}, given.limits)


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Learn the limits of a version of the routing policy.

    Raises:
        Rejected: the document has no such limits, or may never come into force; what was in force stays in force.
    """
    if fact.kind is not PolicyKind.ROUTING or fact.shadow:
        return given
    try:
        limits = _RoutingPolicy.model_validate(fact.document).limits
    except ValidationError as error:
        raise Rejected(f"policy:{error.error_count()}-errors") from None
    return Given(given.agencies, given.limits.published(fact, limits))
