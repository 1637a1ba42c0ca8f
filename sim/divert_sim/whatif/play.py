"""One run: the calls of a study under a configuration, with the luck of a seed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from pydantic import JsonValue

from divert_chassis.core import Reply
from divert_chassis.direct import DirectWorld
from divert_chassis.memory import MemoryWorld, Watcher
from divert_chassis.service import Service, Stage, Wired
from divert_contracts.call import Signal, Team
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.calls import (
    CallClosedByCad,
    CallReceived,
    CallReopened,
    CallUpdated,
    HandoffAccepted,
    PictureFact,
)
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.routing import CaseOffered
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versions, digest
from divert_contracts.step import Command
from divert_contracts.vocabulary import Eligibility, Feed, Origin, PolicyKind
from divert_provider_gateway.app import build as build_gateway
from divert_provider_gateway.domain.case import Case, Rules
from divert_provider_gateway.domain.said import Tell
from divert_routing.app import build as build_routing
from divert_routing.domain.call import Call
from divert_routing.domain.desk import Review
from divert_routing.domain.directory import Directory
from divert_routing.domain.given import Given
from divert_routing.domain.neighbours import Neighbourhood
from divert_sim.behaviour import Action, DeskReviews, DispatcherAccepts, ProviderSays
from divert_sim.whatif.calls import Calls, Revised, Said
from divert_sim.whatif.capacity import Book, Capacity
from divert_sim.whatif.crew import Crew, luck
from divert_sim.whatif.scenario import Configuration
from divert_sim.whatif.tally import Run, Tally
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled
from divert_triage.domain.policy import TriagePolicy

OVERRUN = timedelta(hours=26)
"""Virtual time after the last call in which everything must have ended."""
AGENCY = "lapd"
LONG_AGO = timedelta(days=3_650)
"""Policies of a study are in force from so long before its calls."""
BEFORE = timedelta(hours=1)
"""A run begins so long before the calls."""
STEP = timedelta(minutes=5)
LONG_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
"""When nothing happened."""


class World(Protocol):
    """What a run needs of a world: ``MemoryWorld`` with the codec, or ``DirectWorld`` without it."""

    now: datetime

    def watch(self, watcher: Watcher, /) -> None:
        """Call the watcher with each fact."""
        ...

    def at(self, time: datetime, what: Callable[[], None], /) -> None:
        """Do something at a virtual time."""
        ...

    def publish(self, fact: Fact, *, source: str = ..., id: UUID | None = ...) -> None:  # noqa: A002
        """Publish a fact."""
        ...

    def command(self, service: Wired[Any], command: Command, /) -> Reply:
        """Give a service a command."""
        ...

    def run(self, *, until: datetime) -> None:
        """Let everything happen up to a time."""
        ...


@dataclass(frozen=True, slots=True)
class Study:
    """What all runs have in common."""

    calls: Calls
    capacity: Capacity
    triage: Mapping[str, JsonValue]
    """The triage policy's document."""
    as_it_is: Directory
    """The directory of the records, which the travel times belong to."""
    teams: Mapping[str, int]
    """The teams of the records."""


class Player:
    """Plays a configuration with any seed. What does not depend on the seed is done once."""

    def __init__(self, study: Study, configuration: Configuration) -> None:
        """Make triage, routing and gateways ready."""
        self._study = study
        self._configuration = configuration
        policy = TriagePolicy.model_validate(study.triage)
        start = study.calls.since
        compiled = judging.compiled(policy)
        versions = Versions[Compiled]().with_version(policy.version, start - LONG_AGO, compiled)
        self._judge = Judge(judging.Given(versions), study.calls.read)
        self._triage: Stage[None] = Stage("triage", given=None)
        for kind in (CallReceived, CallUpdated, CallReopened):
            self._triage.on(kind, self._judge.triaged)
        self._routing = build_routing()
        directory = configuration.read
        self._providers = tuple(one.id for one in directory.providers)
        self._gateways = {one: build_gateway(one) for one in self._providers}
        for gateway in self._gateways.values():
            # Webhooks, rosters and statements over Kafka have no part in what becomes of a call.
            gateway.kinds = [kind for kind in gateway.kinds if kind.kind is Case]
        self._facts = self._policies(directory, start)
        said = on_the_line(study.calls.said, configuration, directory, self._judge)
        self._travels = travels(study, configuration, directory)
        self._settled: Tally | None = None
        self._rest: Sequence[Said] = ()
        self._shifts, recorded = _shifts(study, configuration)
        self._said = [one for one in said if not isinstance(one.fact, ShiftChanged) or one.fact.provider in recorded]

    def play(self, seed: int) -> Run:
        """Play it once, without the codec."""
        if self._settled is None:
            self._settled, self._rest = self._settle()
        tally = self._settled.named(self._configuration.scenario.name, seed)
        return self._played(self._direct(), self._gateways, self._rest, seed, tally)

    def round_trip(self, seed: int, *, order: int = 0) -> Run:
        """Play it once with whole gateways, facts and states through their codecs, and partitions in another order."""
        first = self._study.calls.since - BEFORE
        gateways = {one: build_gateway(one) for one in self._providers}
        world = MemoryWorld([self._triage, self._routing, *gateways.values()], start=first, seed=order)
        return self._played(world, gateways, self._said, seed, Tally(self._configuration.scenario.name, seed))

    def _direct(self) -> DirectWorld:
        first = self._study.calls.since - BEFORE
        return DirectWorld([self._triage, self._routing, *self._gateways.values()], start=first)

    def _settle(self) -> tuple[Tally, Sequence[Said]]:
        """Play the calls once on which luck has no bearing; return what they come to, and what is left to be played.

        Luck decides offers and reviews. A call that has neither, and stands near none that has, nor near one that does,
        sees the same facts at the same times in every run.

        Raises:
            RuntimeError: by themselves they do not end as they do among all: a bug.
        """
        watching = Tally("all", 0)
        lucky: set[UUID] = set()

        def watch(_topic: str, envelope: Envelope) -> None:
            fact = envelope.fact
            if isinstance(fact, CaseOffered) or (
                isinstance(fact, CallTriaged) and fact.decision.eligibility is Eligibility.NEEDS_REVIEW
            ):
                lucky.add(fact.call_id)

        world = self._direct()
        world.watch(watch)
        among_all = self._played(world, self._gateways, self._said, 0, watching).endings
        near = together(self._said, self._configuration.read)
        touched = {near[call] for call in lucky}
        settled = {call for call, group in near.items() if group not in touched}
        tally = Tally("settled", 0)
        mine = [one for one in self._said if isinstance(one.fact, CallFact) and one.fact.call_id in settled]
        alone = self._played(self._direct(), self._gateways, mine, 0, tally).endings
        if any(among_all[call] != ending for call, ending in alone.items()):
            raise RuntimeError("calls that luck has no bearing on end in two ways")
        rest = [one for one in self._said if not isinstance(one.fact, CallFact) or one.fact.call_id not in settled]
        return tally, rest

    def _played(
        self, world: World, gateways: Mapping[str, Service[Rules]], said: Sequence[Said], seed: int, tally: Tally
    ) -> Run:
        crew = Crew(seed, self._study.capacity, Book({}, self._study.capacity.cases_a_team), self._travels)

        def watch(topic: str, envelope: Envelope) -> None:
            tally.see(topic, envelope)
            for planned in crew.see(topic, envelope):
                world.at(planned.at, partial(act, planned.action))

        def act(action: Action) -> None:
            if not crew.still_want(action):
                return
            match action:
                case ProviderSays():
                    world.command(gateways[action.provider], Tell(case_id=action.case_id, said=action.said))
                case DeskReviews():
                    world.command(self._routing, _review(action))
                case DispatcherAccepts():
                    world.publish(
                        HandoffAccepted(
                            occurred_at=world.now,
                            call_id=action.call_id,
                            agency=AGENCY,
                            handoff_id=action.handoff_id,
                            by=action.by,
                        )
                    )
                case _:
                    raise TypeError(type(action).__name__)

        for fact in self._facts:
            world.publish(fact, source="/divert/cli")
        world.watch(watch)
        for one in (*self._shifts, *said):
            shift = one.fact.provider if isinstance(one.fact, ShiftChanged) else None
            source = "/divert/intake" if shift is None else f"/divert/provider-gateway/{shift}"
            world.at(one.fact.occurred_at, partial(world.publish, one.fact, source=source, id=one.id))
        world.run(until=self._study.calls.until + OVERRUN)
        return tally.done()

    def _policies(self, directory: Directory, start: datetime) -> list[Fact]:
        document = self._configuration.directory
        published = PolicyPublished(
            occurred_at=start - LONG_AGO,
            kind=PolicyKind.ROUTING,
            version=directory.version,
            in_force_from=max(directory.in_force_from, start - LONG_AGO),
            document=document,
            digest=digest(document),
        )
        return [AgencyRegistered(occurred_at=start - LONG_AGO, agency=AGENCY, title=AGENCY.upper()), published]


class Judge:
    """Triage, each revision once: what it decides follows from the picture and the policy alone."""

    def __init__(self, given: judging.Given, read: Mapping[Revised, tuple[Signal, ...]]) -> None:
        """Know the policy, and what was read from texts that are gone."""
        self._given = given
        self._read = read
        self._known: dict[tuple[object, ...], CallTriaged] = {}

    def triaged(self, fact: PictureFact, _given: None) -> tuple[CallTriaged]:
        """Return what triage says of a revision."""
        key = (fact.call_id, fact.revision.digest, type(fact), fact.occurred_at, fact.picture.feed, fact.picture.origin)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._judged(fact)
        return (found,)

    def _judged(self, fact: PictureFact) -> CallTriaged:
        by = self._given.policies.at(fact.occurred_at)
        found = judging.judged(fact, by)
        read = self._read.get((fact.call_id, fact.revision.digest), ())
        if not read:
            return found
        judgement = judging.judge(fact.picture, by, read)
        return found.model_copy(update={"signals": judgement.signals, "decision": judgement.decision})


def _review(action: DeskReviews) -> Review:
    return Review(
        call_id=action.call_id,
        revision=action.digest,
        eligibility=action.eligibility,
        reason=action.reason,
        by=action.by,
    )


def on_the_line(said: Sequence[Said], configuration: Configuration, directory: Directory, judge: Judge) -> list[Said]:
    """Return what is said, a share of the calls ringing a provider's own line, where the scenario has one.

    Which calls these are follows from their ids alone, so it is the same in every run.
    """
    ringing: set[UUID] = set()
    for line in configuration.lines:
        provider = directory.provider(line.provider)
        divisions = () if provider is None else provider.divisions
        for one in said:
            fact = one.fact
            if not isinstance(fact, CallReceived) or fact.picture.recorded_late or fact.picture.exercise:
                continue
            if fact.picture.origin is Origin.OFFICER_INITIATED or luck(0, fact.call_id, "line").random() >= line.share:
                continue
            (triage,) = judge.triaged(fact, None)
            eligible = triage.decision.eligibility is Eligibility.ELIGIBLE and not triage.decision.unscreened
            if eligible and directory.locate(fact.picture).division in divisions:
                ringing.add(fact.call_id)
    if not ringing:
        return list(said)
    found: list[Said] = []
    for one in said:
        fact = one.fact
        if isinstance(fact, PictureFact) and fact.call_id in ringing:
            found.append(_rung(one))
        elif not (isinstance(fact, CallClosedByCad) and fact.call_id in ringing):
            # The police never hear of such a call, and so do not close it.
            found.append(one)
    return found


def _rung(said: Said) -> Said:
    """Return a picture as it comes by a provider's line: answered there, so that it is as well screened as any."""
    fact = said.fact
    if not isinstance(fact, PictureFact):
        return said
    picture = fact.picture.model_copy(update={"origin": Origin.PROVIDER_LINE, "feed": Feed.DIVERTED})
    return Said(said.id, fact.model_copy(update={"picture": picture}))


class Groups:
    """Calls put together, and whatever they are together with."""

    def __init__(self) -> None:
        """Begin with everybody alone."""
        self._leader: dict[UUID, UUID] = {}

    def of(self, call: UUID) -> UUID:
        """Return the call that stands for a call's group."""
        leader = self._leader
        while leader.setdefault(call, call) != call:
            leader[call] = leader[leader[call]]
            call = leader[call]
        return call

    def join(self, one: UUID, other: UUID) -> None:
        """Put two calls together."""
        self._leader[self.of(one)] = self.of(other)

    def all(self) -> Mapping[UUID, UUID]:
        """Return every call with the one that stands for its group."""
        return {call: self.of(call) for call in list(self._leader)}


def together(said: Sequence[Said], directory: Directory) -> Mapping[UUID, UUID]:
    """Return every call with one that stands for its group: those who may hear of each other's danger in any way."""
    groups, among = Groups(), Neighbourhood()
    known = Given(Versions[Directory]().with_version(directory.version, directory.in_force_from, directory))
    stands: dict[str, UUID] = {}
    for fact in (one.fact for one in said):
        if not isinstance(fact, PictureFact):
            continue
        # Whatever it is: as if it were listening.
        heard = {"feed": Feed.DIVERTED, "origin": Origin.NINE_ONE_ONE, "recorded_late": False}
        listening = fact.model_copy(update={"picture": fact.picture.model_copy(update=heard)})
        groups.join(fact.call_id, fact.reopens if isinstance(fact, CallReopened) else fact.call_id)
        for place in among.approached(Call.blank(fact.key), listening):
            groups.join(fact.call_id, stands.setdefault(place, fact.call_id))
    at = said[0].fact.occurred_at if said else LONG_BEFORE
    for place, call in stands.items():
        for near in among.around(place, known, at):
            if near in stands:
                groups.join(call, stands[near])
    return groups.all()


def travels(study: Study, configuration: Configuration, directory: Directory) -> Mapping[tuple[str, bool], float]:
    """Return how much longer than recorded providers travel, by the square-root law.

    The mean distance to the nearest of n teams spread over an area grows with the square root of area over n (Kolesar
    and Blum, "Square root laws for fire engine response distances", 1973). Recorded times belong to the directory as it
    is.
    """
    found: dict[tuple[str, bool], float] = {}
    for provider in directory.providers:
        stands_for = configuration.stands_for.get(provider.id, (provider.id,))
        old = [one for one in study.as_it_is.providers if one.id in stands_for]
        together = sum(study.teams.get(one.id, 0) for one in old)
        was = _room(study, {number for one in old for number in one.divisions}, together)
        teams = configuration.teams.get(provider.id, 0)
        own = set(provider.divisions)
        wider = own | {n for one in directory.mutual_aid if one.provider == provider.id for n in one.divisions}
        for aid, divisions in ((False, own), (True, wider)):
            room = _room(study, divisions, teams)
            found[provider.id, aid] = math.sqrt(room / was) if room and was else 1.0
    return found


def _room(study: Study, divisions: set[int], teams: int) -> float:
    """Return square kilometres a team; 0 where there is none."""
    return sum(study.capacity.square_km.get(number, 0.0) for number in divisions) / teams if teams else 0.0


def _shifts(study: Study, configuration: Configuration) -> tuple[list[Said], frozenset[str]]:
    """Return the shifts that a configuration says, and whose shifts are as they were recorded."""
    told = {one.fact.provider for one in study.calls.said if isinstance(one.fact, ShiftChanged)}
    providers = [one.id for one in configuration.read.providers]
    recorded = frozenset(
        one for one in providers if one in told and configuration.teams.get(one) == study.teams.get(one)
    )
    at = study.calls.since - BEFORE / 2
    said = [
        Said(None, ShiftChanged(occurred_at=at, provider=one, teams=_teams(one, configuration.teams.get(one, 0))))
        for one in providers
        if one not in recorded
    ]
    return said, recorded


def _teams(provider: str, count: int) -> tuple[Team, ...]:
    return tuple(Team(team=f"{provider}-{n}", members=2, languages=("en", "es")) for n in range(1, count + 1))


def shift_hours(study: Study, configuration: Configuration) -> Mapping[str, float]:
    """Return the team-hours on shift by provider, in its hours, as far as it is there; in steps of five minutes."""
    constant, recorded = _shifts(study, configuration)
    directory = configuration.read
    changes = [one.fact for one in (*constant, *study.calls.said) if isinstance(one.fact, ShiftChanged)]
    hours: dict[str, float] = {}
    for provider in directory.providers:
        mine = sorted(
            (
                one
                for one in changes
                if one.provider == provider.id and (provider.id in recorded or one.occurred_at < study.calls.since)
            ),
            key=lambda one: one.occurred_at,
        )
        at, spent = study.calls.since, 0.0
        while at < study.calls.until:
            teams = next((len(one.teams) for one in reversed(mine) if one.occurred_at <= at), 0)
            if teams and provider.holds(at) and directory.open_at(provider, at):
                spent += teams * STEP.total_seconds()
            at += STEP
        hours[provider.id] = spent / 3600
    return hours
