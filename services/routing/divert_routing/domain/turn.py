"""A step in the making: the call as it is going to be, and what is going to be said of it."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypedDict, TypeVar
from uuid import UUID

from divert_contracts import ids
from divert_contracts.call import Picture, SafetyBrief
from divert_contracts.facts.base import CallFact, Fact, RoutingFact
from divert_contracts.facts.routing import CallOpened, CallStatusChanged, DangerNearby
from divert_contracts.model import Model
from divert_contracts.step import Next, Refusal, Rejected
from divert_contracts.vocabulary import Answer, Feed, Hazard, Question, Stage, TeamPosition
from divert_routing.domain import codes
from divert_routing.domain.call import Call
from divert_routing.domain.directory import Directory, Limits
from divert_routing.domain.given import Given

F = TypeVar("F", bound=CallFact)


def of_its_agency(
    step: Callable[[Call, F, Given, datetime], Next[Call]],
) -> Callable[[Call, F, Given, datetime], Next[Call]]:
    """Let what another agency says of a call change nothing of it: whoever named the call first has it."""

    @wraps(step)
    def own(call: Call, fact: F, given: Given, at: datetime) -> Next[Call]:
        return Next(call) if call.agency not in {"", fact.agency} else step(call, fact, given, at)

    return own


def is_diverted(picture: Picture) -> bool:
    """Say whether a call is the dispatcher's to divert; a feed that is not known is not left to silence.

    Whoever began it: what an officer began and a dispatcher diverts waits for an answer too; figures leave it out.
    """
    return picture.feed is not Feed.OBSERVED


class Head(TypedDict):
    """What every fact of routing begins with."""

    occurred_at: datetime
    call_id: UUID
    agency: str
    stage: Stage
    epoch: int


class Turn:
    """Works on a copy of the call; ``done`` says what has become of it, with the status that CAD is to be told."""

    __slots__ = ("_before", "_facts", "at", "call", "given")

    def __init__(self, call: Call, given: Given, at: datetime) -> None:
        """Begin a step on a call at a domain time."""
        self._before = call
        self._facts: list[Fact] = []
        self.call = call.model_copy()
        if call.case is not None:
            self.call.case = call.case.model_copy()
        self.given = given
        self.at = at

    def name(self, agency: str) -> None:
        """Know whose call it is. Fixed by whoever named it first: nobody takes another agency's call over.

        Raises:
            Rejected: no such agency is registered, so there is nobody to tell anything of it.
        """
        if agency not in self.given.agencies:
            raise Rejected("agency:unregistered")
        self.call.agency = self.call.agency or agency

    @property
    def directory(self) -> Directory:
        """The directory in force for this call: by its acceptance, or now while that is not known."""
        return self.given.directories.at(self.call.accepted_at or self.at).value

    @property
    def limits(self) -> Limits:
        """The time limits in force for this call."""
        return self.directory.limits

    @property
    def head(self) -> Head:
        """The beginning of a fact; ``done`` completes stage and deadlines."""
        call = self.call
        return {
            "occurred_at": self.at,
            "call_id": call.call_id,
            "agency": call.agency,
            "stage": call.stage,
            "epoch": call.attempts,
        }

    def say(self, fact: Fact) -> None:
        """Publish a fact when the step is done."""
        self._facts.append(fact)

    def next_handoff(self) -> UUID:
        """Return the id of the next hand-off or call for assistance."""
        self.call.handoffs += 1
        return ids.handoff_id(self.call.call_id, self.call.handoffs)

    def open(self) -> None:
        """Say, once, that the call is known, if any picture of it is."""
        call = self.call
        if call.opened or call.picture is None or call.accepted_at is None:
            return
        call.opened = True
        self.say(
            CallOpened(
                **self.head,
                incident_number=call.incident_number,
                picture=call.picture,
                accepted_at=call.accepted_at,
                division=call.division,
                division_disputed=self.directory.locate(call.picture).disputed,
                reopens=call.reopens,
            )
        )
        self.tell_nearby()

    def tell_nearby(self) -> None:
        """Say, once, what danger in other calls counts here, as soon as the call is known."""
        call = self.call
        if not call.opened or not call.agency or all(one.said for one in call.nearby.values()):
            return
        for other, one in call.nearby.items():
            if not one.said:
                self.say(
                    DangerNearby(**self.head, other_call_id=UUID(other), hazards=one.hazards, same_place=one.same_place)
                )
        call.nearby = {other: one.model_copy(update={"said": True}) for other, one in call.nearby.items()}

    def brief(self, position: TeamPosition, unit: str | None) -> SafetyBrief:
        """Return what keeps people safe, and nothing clinical: an overdose is told as an injury."""
        call = self.call
        known = dict.fromkeys((*call.hazards, *call.all_dangers))
        hazards = dict.fromkeys(Hazard.MEDICAL if one is Hazard.OVERDOSE else one for one in known)
        in_doubt = dict.fromkeys(one.hazard for one in call.doubted if one.hazard not in hazards)
        picture = call.picture
        if picture is None:
            return SafetyBrief(hazards=tuple(hazards), in_doubt=tuple(in_doubt), team_position=position, unit=unit)
        injuries = picture.answer(Question.MEDICAL_EMERGENCY)
        return SafetyBrief(
            hazards=tuple(hazards),
            in_doubt=tuple(in_doubt),
            place_kind=picture.place_kind,
            people_present=picture.people_present,
            injuries=Answer.YES if Hazard.MEDICAL in hazards else injuries,
            language=picture.language,
            needs=picture.needs,
            team_position=position,
            unit=unit,
        )

    def done(self, answer: Model | None = None) -> Next[Call]:
        """Return the call from now on and all facts, each with where the call stands after the step."""
        call = self.call
        self.tell_nearby()
        if call.opened and call.diverted and call.agency:
            self._tell_cad()
        facts = self._facts
        if facts:
            deadlines = call.deadlines()
            for number, fact in enumerate(facts):
                if isinstance(fact, RoutingFact):
                    facts[number] = fact.model_copy(update={"stage": call.stage, "deadlines": deadlines})
        return Next(call, tuple(facts), answer)

    def refuse(self, code: str, detail: str, status: int = 409) -> Next[Call]:
        """Leave the call as it was and say why the command was not done."""
        return Next(self._before, refused=Refusal(code, detail, status))

    def _tell_cad(self) -> None:
        call = self.call
        limit = None if call.concluded else call.limit
        call.next_update_by = None if limit is None else limit + self.limits.status_margin
        if call.status_number and _standing(call) == _standing(self._before):
            return
        call.status_number += 1
        call.agency_code = codes.own(call, self.given.codes.get(call.agency))
        case = call.case
        self.say(
            CallStatusChanged(
                occurred_at=self.at,
                call_id=call.call_id,
                agency=call.agency,
                incident_number=call.incident_number,
                stage=call.stage,
                status_number=call.status_number,
                holder=call.holder,
                provider=_provider(call),
                unit=None if case is None else case.unit,
                arrive_by=None if case is None else case.arrive_by,
                next_update_by=call.next_update_by,
                outcome=call.outcome,
                reason=call.reason,
                hand_back=call.hand_back,
                disposition=call.disposition,
                agency_code=call.agency_code,
                apco_code=codes.apco(call),
            )
        )


def _provider(call: Call) -> str | None:
    if call.case is not None:
        return call.case.provider
    return call.provider if call.concluded and call.acknowledged else None


def _standing(call: Call) -> tuple[object, ...]:
    """Return what CAD is told, as far as it can change."""
    case = call.case
    # A revision too: its answer named a time by which CAD is to hear of it.
    revision = None if call.concluded or call.revision is None else call.revision.digest
    if case is None:
        return (call.stage, call.next_update_by, revision)
    return (call.stage, call.next_update_by, revision, case.case_id, call.holder, case.unit, case.arrive_by)
