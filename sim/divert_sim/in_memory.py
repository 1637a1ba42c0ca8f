"""The evening in one process on a virtual clock: the services' own wiring tables, intake's functions, the people."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from divert_chassis.memory import NO_LAG, MemoryWorld
from divert_chassis.service import Service
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.calls import PictureFact
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.routing import CallConcluded
from divert_contracts.step import Command
from divert_contracts.topics import ROUTING
from divert_contracts.vocabulary import PolicyKind
from divert_intake.domain import calls as intake
from divert_intake.domain import given as intake_given
from divert_intake.domain.calls import Accepted, Intake
from divert_intake.domain.reading import Refused
from divert_provider_gateway.app import build as build_gateway
from divert_provider_gateway.domain.said import ChangeShift, Tell
from divert_reporting.app import build as build_reporting
from divert_routing.app import build as build_routing
from divert_routing.domain.desk import Review
from divert_routing.domain.directory import Directory
from divert_sim.behaviour import DeskReviews, Planned, ProviderSays
from divert_sim.evening import Ending, Entry
from divert_sim.people import People
from divert_sim.requests import Request, of_action, of_entry
from divert_triage.app import build as build_triage

LONGEST = timedelta(hours=3)
"""Virtual time after which an evening must be over."""
_ABOUT: Mapping[str, Callable[[UUID, bytes, Intake], Accepted[Any] | Refused]] = {
    "": intake.updated,
    "cancel": intake.cancelled,
    "reopen": intake.reopened,
    "close": intake.closed,
    "handoff-accepted": intake.handoff_accepted,
    "responder": intake.responder_reported,
}
"""Intake's function for what follows the call's id in a path."""

PLACE_KEY = bytes(32)
"""Any key will do: hashes are only compared with each other."""


class MemoryEvening:
    """Plays an evening in memory, once."""

    def __init__(
        self,
        policies: Sequence[Fact],
        start: datetime,
        *,
        seed: int,
        order: int = 0,
        most_lag: timedelta = NO_LAG,
    ) -> None:
        """Wire the services.

        Args:
            policies: the policy and agency facts that they know from the beginning.
            start: the domain time at which the evening starts.
            seed: what the people are like.
            order: decides how the records of different partitions interleave.
            most_lag: records reach their readers up to so much later.
        """
        self.refused: list[str] = []
        """Requests that were refused, as people must live with: where to, path, code."""
        self._start = start
        self._people = People(seed)
        self._given = intake_given.Given()
        self._routing = build_routing()
        self._gateways = {name: build_gateway(name) for name in _providers(policies)}
        self.world = MemoryWorld(
            [build_triage(), self._routing, build_reporting(), *self._gateways.values()],
            start=start,
            seed=order,
            most_lag=most_lag,
        )
        """The world, to be looked at afterwards."""
        self.world.watch(self._watch)
        for fact in policies:
            self.world.publish(fact, source="/divert/cli")

    def play(self, entries: Sequence[Entry]) -> Mapping[UUID, Ending]:
        """Send everything at its time, let everybody act, and return what became of each call."""
        for entry in entries:
            self.world.at(self._start + entry.at, partial(self._enter, entry))
        self.world.run(until=self._start + LONGEST)
        return {
            envelope.fact.call_id: Ending.of(envelope.fact)
            for topic, envelope in self.world.log
            if topic == ROUTING.name and isinstance(envelope.fact, CallConcluded)
        }

    def _watch(self, topic: str, envelope: Envelope) -> None:
        match envelope.fact:
            case PolicyPublished() as policy:
                self._given = intake_given.policy_published(self._given, policy)
            case AgencyRegistered() as agency:
                self._given = intake_given.agency_registered(self._given, agency)
            case _:
                for planned in self._people.see(topic, envelope):
                    self.world.at(planned.at, partial(self._act, planned))

    def _enter(self, entry: Entry) -> None:
        if entry.do == "shift":
            shift = {"provider": entry.provider, "teams": entry.teams}
            self._command(self._gateways[entry.provider or ""], ChangeShift.model_validate(shift), "shift")
        else:
            self._post(of_entry(entry, self._start))

    def _act(self, planned: Planned) -> None:
        action = planned.action
        if not self._people.still_want(action):
            return
        match action:
            case ProviderSays():
                tell = Tell(case_id=action.case_id, said=action.said)
                self._command(self._gateways[action.provider], tell, type(action.said).__name__)
            case DeskReviews():
                review = Review(
                    call_id=action.call_id,
                    revision=action.digest,
                    eligibility=action.eligibility,
                    reason=action.reason,
                    by=action.by,
                )
                self._command(self._routing, review, "review")
            case _:
                self._post(of_action(planned))

    def _command(self, service: Service[Any], command: Command, name: str) -> None:
        refusal = self.world.command(service, command).refusal
        if refusal is not None:
            self.refused.append(f"{service.source} {name} {command.key}: {refusal.code}")

    def _post(self, request: Request) -> None:
        accepted = taken(request, Intake(self._given, PLACE_KEY, self.world.now))
        if isinstance(accepted, Refused):
            self.refused.append(f"intake {request.path}: {accepted.code}")
        else:
            self.world.publish(accepted.fact, id=accepted.id)


def pictures(entries: Sequence[Entry], policies: Sequence[Fact], start: datetime) -> Iterator[PictureFact]:
    """Yield the pictures of calls that an evening which starts then sends, as intake accepts them."""
    given = intake_given.Given()
    for fact in policies:
        if isinstance(fact, PolicyPublished):
            given = intake_given.policy_published(given, fact)
        elif isinstance(fact, AgencyRegistered):
            given = intake_given.agency_registered(given, fact)
    for entry in entries:
        if entry.do != "shift":
            accepted = taken(of_entry(entry, start), Intake(given, None, start + entry.at))
            if isinstance(accepted, Accepted) and isinstance(accepted.fact, PictureFact):
                yield accepted.fact


def taken(request: Request, at: Intake) -> Accepted[CallFact] | Refused:
    """Return what intake makes of a request."""
    body = json.dumps(dict(request.body)).encode()
    if request.path == "/v1/calls":
        return intake.received(body, at)
    call, _, about = request.path.removeprefix("/v1/calls/").partition("/")
    return _ABOUT[about](UUID(call), body, at)


def _providers(policies: Sequence[Fact]) -> list[str]:
    """Return the providers of the newest routing policy."""
    documents = [
        one.document for one in policies if isinstance(one, PolicyPublished) and one.kind is PolicyKind.ROUTING
    ]
    return [provider.id for provider in Directory.model_validate(documents[-1]).providers]
