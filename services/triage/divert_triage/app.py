"""Triage, wired together."""

from divert_chassis.service import Stage
from divert_contracts.facts.calls import CallReceived, CallReopened, CallUpdated
from divert_contracts.facts.policies import PolicyPublished, ShadowEnded
from divert_triage.domain import judging
from divert_triage.domain.judging import Given


def build() -> Stage[Given]:
    """Return the wiring table."""
    triage = Stage("triage", given=Given())
    triage.learns(PolicyPublished, judging.policy_published)
    triage.learns(ShadowEnded, judging.shadow_ended)
    triage.on(CallReceived, judging.triaged)
    triage.on(CallUpdated, judging.triaged)
    triage.on(CallReopened, judging.triaged)
    return triage
