"""Intake, wired together."""

from divert_chassis.service import Stage
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_intake.domain import given
from divert_intake.domain.given import Given


def build() -> Stage[Given]:
    """Return the wiring table: it consumes nothing, and learns who may post and how long a decision may take."""
    intake = Stage("intake", given=Given())
    intake.learns(AgencyRegistered, given.agency_registered)
    intake.learns(PolicyPublished, given.policy_published)
    return intake
