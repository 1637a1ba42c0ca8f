"""Everybody that divert deals with: they see what is published for them, plan, and drop what has lost its reason."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.topics import TRIAGE
from divert_provider_gateway.domain.said import ConfirmRecall
from divert_sim import behaviour
from divert_sim.behaviour import Action, Planned, ProviderSays


class People:
    """The providers, the dispatcher and the desk of one run."""

    def __init__(self, seed: int) -> None:
        """Let the seed choose what they are like."""
        self._seed = seed
        self._seen: set[tuple[str, UUID]] = set()
        self._gone: set[UUID] = set()

    def see(self, topic: str, envelope: Envelope) -> Sequence[Planned]:
        """Return what somebody plans on seeing a fact on a topic; seen again, it is no news."""
        if (topic, envelope.id) in self._seen:
            return ()
        self._seen.add((topic, envelope.id))
        plan: Sequence[Planned] = ()
        match envelope.fact:
            case CaseOffered() as offer if topic.startswith("assignments."):
                plan = behaviour.offered(self._seed, offer)
            case CaseRecalled() as recall if topic.startswith("assignments."):
                self._gone.add(recall.case_id)
                plan = behaviour.recalled(recall)
            case CallHandedOff() as handoff if topic.startswith("handoffs."):
                plan = behaviour.handed_off(self._seed, handoff)
            case AssistanceRequested() as asked if topic.startswith("handoffs."):
                plan = behaviour.assistance(self._seed, asked)
            case CallTriaged() as triage if topic == TRIAGE.name:
                plan = behaviour.triaged(self._seed, triage)
            case _:
                pass  # nobody acts on it
        return [replace(planned, because=envelope.id) for planned in plan]

    def still_want(self, action: Action) -> bool:
        """Say whether there is still a reason to do it: a recalled case is left, and only the recall is confirmed."""
        if not isinstance(action, ProviderSays) or action.case_id not in self._gone:
            return True
        return isinstance(action.said, ConfirmRecall)
