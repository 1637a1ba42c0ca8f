"""policies.v1: configuration as facts. Every service reads the topic to its end before it works."""

from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue, StringConstraints

from divert_contracts.facts.base import Fact
from divert_contracts.model import Model
from divert_contracts.vocabulary import Disposition, Outcome, OutcomeReason, PolicyKind, Stage


class Approval(Model):
    """Somebody's recorded word that a policy may be used."""

    role: str
    """``clinical``, ``psap`` or ``provider``."""
    by: str
    at: AwareDatetime
    backtest: str
    """SHA-256 of the back-test that was looked at."""
    digest: str = ""
    """SHA-256 of the canonical document that was approved; without it the approval is for no document."""
    corpus: str | None = None
    """SHA-256 of how its lexicon read the labelled corpus then; null without a lexicon, and from earlier versions."""


class PolicyPublished(Fact):
    """A version of a policy document."""

    kind: PolicyKind
    version: str
    in_force_from: AwareDatetime
    """For calls accepted from then on, in domain time."""
    document: dict[str, JsonValue]
    """The whole document, validated by the service that it is for."""
    digest: str
    """SHA-256 of the canonical document."""
    approvals: tuple[Approval, ...] = ()
    shadow: bool = False
    """Tried beside the one in force: it decides nothing, and what it would have decided otherwise is published."""

    @property
    def key(self) -> str:
        """Kind and version."""
        return f"{self.kind}/{self.version}"


class ShadowEnded(Fact):
    """No policy is tried beside the one in force any more."""

    kind: PolicyKind
    ends_from: AwareDatetime
    """For calls accepted from then on, in domain time."""

    @property
    def key(self) -> str:
        """Kind and time."""
        return f"{self.kind}/shadow-ended/{self.ends_from.isoformat()}"


CodeOfCad = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 -]*$", max_length=16)]
"""A code as a CAD has it: never free text."""


class AgencyCodes(Model):
    """How an agency's own CAD says where a call stands and how it ended: its codes beside divert's words."""

    version: str
    stages: dict[Stage, CodeOfCad]
    """While the call is open."""
    outcomes: dict[Outcome, CodeOfCad]
    """Of a call that has ended, where nothing more exact is said below."""
    reasons: dict[OutcomeReason, CodeOfCad] = Field(default={})
    """Why it ended so; counts before the outcome."""
    dispositions: dict[Disposition, CodeOfCad] = Field(default={})
    """How a team closed it; of a served call alone, and counts before both."""

    def code(
        self, stage: Stage, outcome: Outcome | None, reason: OutcomeReason | None, disposition: Disposition | None
    ) -> str | None:
        """Return the agency's own code of where a call stands; null where it has none."""
        if outcome is None:
            return self.stages.get(stage)
        if outcome is Outcome.SERVED and disposition is not None and disposition in self.dispositions:
            return self.dispositions[disposition]
        return self.reasons.get(reason or OutcomeReason.UNKNOWN) or self.outcomes.get(outcome)


class AgencyRegistered(Fact):
    """An agency may post calls; its hand-off and feedback topics exist. The newest counts."""

    agency: str
    """Lower-case letters, digits and hyphens."""
    title: str
    codes: AgencyCodes | None = None
    """Null: the agency is told divert's own words alone."""

    @property
    def key(self) -> str:
        """The agency's id."""
        return f"agency/{self.agency}"


class ClockSet(Fact):
    """How domain time runs from a moment on. The newest whose moment has come is in force."""

    real_from: AwareDatetime
    """The moment, in real time."""
    domain_from: AwareDatetime
    """The domain time at that moment."""
    rate: float = Field(gt=0)
    """Domain seconds in a real second; 1 outside demonstrations."""

    @property
    def key(self) -> str:
        """One key: the newest record counts."""
        return "clock"
