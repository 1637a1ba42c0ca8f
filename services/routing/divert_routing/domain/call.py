"""What routing remembers of a call, and when it wants to be woken."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from divert_contracts.call import Decision, Picture, Private, Revision, Signal
from divert_contracts.facts.base import Deadlines
from divert_contracts.model import Model
from divert_contracts.step import Due, State, Timer
from divert_contracts.vocabulary import (
    MEDICAL,
    Acuity,
    Answer,
    Assistance,
    CancelReason,
    Certainty,
    Contact,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    HandOffReason,
    Hazard,
    Need,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    Question,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from divert_routing.domain import timers, wording

POSITIONS = {
    Stage.ACKNOWLEDGED: TeamPosition.PREPARING,
    Stage.EN_ROUTE: TeamPosition.EN_ROUTE,
    Stage.ON_SCENE: TeamPosition.ON_SCENE,
}


class Changeable(Model):
    """A part of the state that a step changes on a copy of its own."""

    model_config = ConfigDict(frozen=False)


class Sign(Model):
    """What tells of a hazard, and how surely."""

    hazard: Hazard
    certainty: Certainty
    code: str
    words: str | None = None
    """Of danger in doubt: a digest of the words that it stands in. Null when it is not from words, or from an earlier
    revision's."""

    @property
    def without_words(self) -> Self:
        """The same, whatever the words."""
        return self if self.words is None else self.model_copy(update={"words": None})

    def is_among(self, seen: Collection["Sign"]) -> bool:
        """Say whether somebody who saw those signs saw this one; where its words are not known, in any words."""
        return self in seen or (self.words is None and any(self == one.without_words for one in seen))


class Case(Changeable):
    """The offer or case that is alive: at most one a call."""

    case_id: UUID
    provider: str
    epoch: int
    programme: Programme
    division: int
    """As it was when the call was offered."""
    answer_by: AwareDatetime
    expires_at: AwareDatetime
    """When routing gives an unanswered offer up."""
    acuity: Acuity = Acuity.UNKNOWN
    """By which its limits run: the most urgent that it had."""
    en_route_within: timedelta
    on_scene_within: timedelta
    unmet_needs: tuple[Need, ...] = ()
    acknowledged_at: AwareDatetime | None = None
    arrive_by: AwareDatetime | None = None
    """What the provider promised."""
    en_route_by: AwareDatetime | None = None
    """Null once the team is on its way, or speaks with the person by telephone."""
    on_scene_by: AwareDatetime | None = None
    """Null once the team is there, or need not go."""
    close_by: AwareDatetime | None = None
    check_by: AwareDatetime | None = None
    """When the safety check is due that is to be answered next."""
    ring_at: AwareDatetime | None = None
    """When the desk rings the team about it; null once it did."""
    psap_check_at: AwareDatetime | None = None
    """When the PSAP is asked to check on the team."""
    unit: str | None = None
    questions: tuple[Question, ...] = ()
    """Asked by the team, not answered yet."""
    asked_at: AwareDatetime | None = None
    """When the oldest of them was asked."""
    extended_to: AwareDatetime | None = None
    """The later limit that the desk granted last."""
    medical_told: bool = False
    """The PSAP was asked for an ambulance."""
    doubts: tuple[Sign, ...] = ()
    """Signs of danger in doubt that the desk was asked about while the provider had the call."""
    backup_wanted: bool = False
    """The team asked for help that has not come yet."""


class HandOff(Model):
    """A hand-off that no dispatcher has accepted yet."""

    handoff_id: UUID
    reason: HandOffReason
    recommend: Responder
    urgent: bool = False
    position: TeamPosition = TeamPosition.NOT_SENT
    unit: str | None = None
    since: AwareDatetime
    """When it was first said."""
    accept_by: AwareDatetime
    repeat: int = 0


class Help(Model):
    """A call for assistance that no dispatcher has accepted yet."""

    handoff_id: UUID
    assistance: Assistance
    recommend: Responder
    case_id: UUID
    provider: str
    position: TeamPosition = TeamPosition.UNKNOWN
    unit: str | None = None
    since: AwareDatetime
    """When it was first said."""
    accept_by: AwareDatetime
    repeat: int = 0


class Recall(Model):
    """A recall that the provider has not confirmed yet."""

    case_id: UUID
    provider: str
    epoch: int
    reason: RecallReason
    position: TeamPosition
    unit: str | None = None
    since: AwareDatetime
    """When it was first said."""
    confirm_by: AwareDatetime
    repeat: int = 0
    told_psap: bool = False


class Nearby(Model):
    """Danger that another call told of."""

    hazards: tuple[Hazard, ...]
    same_place: bool
    """At this call's address or number, or the call that it reopens; else in a cell close by."""
    since: AwareDatetime
    """When it came to this call."""
    said: bool = False
    """``DangerNearby`` was published."""


class Reviewed(Model):
    """That a person found the call eligible, and what they saw."""

    answers: dict[Question, Answer]
    """The safety answers; the review lapses when a later revision changes one."""
    hazards: tuple[Hazard, ...] = ()
    """Of the signs, for those who know hazards alone."""
    signs: tuple[Sign, ...] = ()
    """None that deny. The review lapses when a later revision has another one, or a doubt in other words. Reviews from
    before signs were kept have none, and lapse at any."""
    nearby: dict[str, tuple[Hazard, ...]] = Field(default={})
    """Danger in calls close by, by their ids; the review lapses when there is another."""


class Claim(Model):
    """Who at the desk looks after the call."""

    by: str
    at: AwareDatetime
    until: AwareDatetime
    """While it runs nobody else may review; whoever looked after the call is remembered after it."""


class Rereview(Model):
    """A decision that the rules took by themselves, chosen to be decided again by a person who does not know it."""

    revision: Revision
    automatic: Eligibility
    policy: str
    since: AwareDatetime
    waiting: bool = True
    """Nobody has decided again, and the revision is the newest."""


class Call(State):
    """A call: one state machine. Times are domain time; a limit that does not run is null."""

    # A step changes its own copy and never what it was given; checked types are worth more here than frozen ones.
    model_config = ConfigDict(frozen=False)

    call_id: UUID
    agency: str = ""
    """Empty until a fact has named it."""
    incident_number: str = ""
    stage: Stage = Stage.AWAITING_TRIAGE
    opened: bool = False
    """``CallOpened`` was published."""

    diverted: bool = False
    """A revision was diverted; CAD cannot make it observed again, only cancel or close the call."""
    accepted_at: AwareDatetime | None = None
    """Of the earliest revision; chooses the policy."""
    decide_by: AwareDatetime | None = None
    """Of the earliest diverted revision."""

    revision: Revision | None = None
    """The newest that was seen, by whatever fact."""
    revised_at: AwareDatetime | None = None
    """When it was accepted."""
    picture: Picture | None = None
    division: int | None = None
    own: bool = False
    """The newest revision's own fact has come, and with it the private part."""
    private: Private | None = None
    """Of the newest own fact; forgotten after a time."""
    judged: bool = False
    """The newest revision's triage has come."""
    decision: Decision | None = None
    """Of the newest revision that was judged as the newest."""
    signals: tuple[Signal, ...] = ()
    told: bool = False
    """Whoever has the offer or case has the newest revision."""

    hazards: tuple[Hazard, ...] = ()
    """All that any version, team or person reported and nobody cleared."""
    alarming: tuple[Hazard, ...] = ()
    """What a revision's own answers said, that triage may not have spoken of yet: enough not to offer the call."""
    doubts: tuple[Signal, ...] = ()
    """Danger in doubt that any version told of, answers apart, and nobody cleared; without its place in that text."""
    danger_rule: str | None = None
    """The rule or source that first spoke of danger."""
    cleared: dict[Hazard, AwareDatetime] = Field(default_factory=dict[Hazard, AwareDatetime])
    """Dangers that a named person cleared, and when; what was accepted later counts anew."""
    danger_until: AwareDatetime | None = None
    """Until when the call's own danger counts for calls close by."""
    nearby: dict[str, Nearby] = Field(default_factory=dict[str, Nearby])
    """Danger in calls close by, by their ids."""
    reopens: UUID | None = None
    reviewed: Reviewed | None = None
    programme: Programme | None = None
    """What the desk chose instead of the decision's programme."""

    claim: Claim | None = None
    rereview: Rereview | None = None

    triage_by: AwareDatetime | None = None
    review_by: AwareDatetime | None = None
    """When a review ends: of a call that the rules would not decide, or of a doubt about one that a team has."""
    held_until: AwareDatetime | None = None
    observed_until: AwareDatetime | None = None

    attempts: int = 0
    """Offers made; the epoch."""
    offered: dict[UUID, str] = Field(default_factory=dict[UUID, str])
    """Every case that was offered, and to which provider."""
    case: Case | None = None
    refusals: dict[str, OutcomeReason] = Field(default_factory=dict[str, OutcomeReason])
    """Providers that are not asked again, each with how its offer ended."""
    acknowledged: bool = False
    """Some provider had the call."""
    provider: str | None = None
    """The last that acknowledged, else the last that was asked."""
    case_id: UUID | None = None
    """Of that provider."""
    unmet_needs: tuple[Need, ...] = ()
    """By that provider."""

    cancelled: CancelReason | None = None
    duplicate_of: UUID | None = None
    closed_by_cad: bool = False

    contact: Contact = Contact.NONE
    arrived: bool = False
    police: PoliceInvolvement = PoliceInvolvement.NONE
    disposition: Disposition | None = None
    hand_back: HandBackReason | None = None
    outcome: Outcome | None = None
    reason: OutcomeReason | None = None

    handoffs: int = 0
    """Hand-offs and calls for assistance that were numbered."""
    owes_hand_off: bool = False
    """The call ended before its agency was known: the hand-off is made when it is."""
    hand_offs: tuple[HandOff, ...] = ()
    helps: tuple[Help, ...] = ()
    recalls: tuple[Recall, ...] = ()

    status_number: int = 0
    agency_code: str | None = None
    """As CAD was last told."""
    next_update_by: AwareDatetime | None = None
    forget_at: AwareDatetime | None = None
    """When the private part goes; null before the conclusion."""
    erased_at: AwareDatetime | None = None
    """When somebody had it erased before its time."""

    @classmethod
    def blank(cls, key: str) -> Self:
        """Return the state of a call that nothing is known of; the key is its id."""
        return cls(call_id=UUID(key))

    def following(self, picture: Picture) -> Picture:
        """Return a picture as the call takes it over: after the one that it has."""
        return picture if self.picture is None else picture.after(self.picture)

    @property
    def concluded(self) -> bool:
        """Whether the outcome is fixed."""
        return self.stage is Stage.CONCLUDED

    @property
    def feed(self) -> Feed:
        """How the call came, as far as that is known."""
        if self.diverted and self.picture is not None:
            return Feed.DIVERTED
        return Feed.UNKNOWN if self.picture is None else Feed.OBSERVED

    @property
    def told_private(self) -> Private | None:
        """The private part as others are told it."""
        return None if self.private is None else self.private.for_others()

    @property
    def complete(self) -> bool:
        """Whether the newest revision's own fact and its triage have both come: nothing is offered without."""
        return self.own and self.judged

    @property
    def dangers(self) -> tuple[Hazard, ...]:
        """The known hazards that are danger to an unarmed team, at this call's own place."""
        if not self.nearby:
            return self.reported
        return tuple(dict.fromkeys((*self.reported, *_hazards(self.nearby_dangers(same_place=True)))))

    @property
    def reported(self) -> tuple[Hazard, ...]:
        """The dangers that were reported of this call itself."""
        return tuple(hazard for hazard in self.hazards if hazard not in MEDICAL)

    @property
    def own_dangers(self) -> tuple[Hazard, ...]:
        """The dangers that this call tells calls close by: also what triage has not spoken of yet."""
        return tuple(dict.fromkeys((*self.reported, *self.alarming)))

    @property
    def all_dangers(self) -> tuple[Hazard, ...]:
        """All that a team must hear of: of this call, and of those close by."""
        return tuple(dict.fromkeys((*self.reported, *_hazards(self.nearby_dangers()))))

    def nearby_dangers(self, *, same_place: bool = False) -> dict[str, tuple[Hazard, ...]]:
        """Return the dangers in other calls that nobody has cleared here since, by those calls' ids.

        Args:
            same_place: only those at this call's own place.
        """
        found: dict[str, tuple[Hazard, ...]] = {}
        for other, one in self.nearby.items():
            here = tuple(
                hazard for hazard in one.hazards if hazard not in self.cleared or one.since > self.cleared[hazard]
            )
            if here and (one.same_place or not same_place):
                found[other] = here
        return found

    @property
    def menaced(self) -> bool:
        """Whether there is danger at the call's own place, or close by that nobody saw who sent a team all the same."""
        if not self.nearby:
            return False
        # Whoever sent a team saw the danger from further off: it is another once an address was corrected to the other.
        if self.nearby_dangers(same_place=True):
            return True
        seen = {} if self.reviewed is None else self.reviewed.nearby
        return any(not set(here) <= set(seen.get(other, ())) for other, here in self.nearby_dangers().items())

    @property
    def signs(self) -> tuple[Signal, ...]:
        """What the newest revision tells of, and what earlier ones left in doubt that this one does not say again."""
        said = {(one.hazard, one.code) for one in self.signals if one.certainty is not Certainty.DENIED}
        return (*self.signals, *(one for one in self.doubts if (one.hazard, one.code) not in said))

    @property
    def told_signs(self) -> tuple[Sign, ...]:
        """What there is to see for a reviewer: the signs that do not deny."""
        now = (self._worded(one) for one in self.signals)
        before = (_sign(one) for one in self.signs[len(self.signals) :])
        return tuple(one for one in dict.fromkeys((*now, *before)) if one.certainty is not Certainty.DENIED)

    @property
    def doubted(self) -> tuple[Sign, ...]:
        """The signs of danger in doubt that no reviewer saw."""
        found = (one for one in self.told_signs if one.certainty is Certainty.POSSIBLE and one.hazard not in MEDICAL)
        seen = () if self.reviewed is None else self.reviewed.signs
        return tuple(one for one in found if not one.is_among(seen))

    def _worded(self, signal: Signal) -> Sign:
        """Return a sign of the newest revision; the words of a doubt are known once the revision's own fact came."""
        sign = _sign(signal)
        doubt = signal.certainty is Certainty.POSSIBLE and signal.hazard not in MEDICAL and signal.from_words
        if not doubt or not self.complete or self.picture is None or self.private is None:
            return sign
        return sign.model_copy(update={"words": wording.digest(self.call_id, signal, self.picture, self.private)})

    @property
    def acuity(self) -> Acuity:
        """How soon, by the newest decision."""
        return Acuity.UNKNOWN if self.decision is None else self.decision.acuity

    @property
    def meant_for(self) -> Programme:
        """The programme: the desk's choice, else the decision's."""
        if self.programme is not None:
            return self.programme
        return Programme.NONE if self.decision is None else self.decision.programme

    @property
    def position(self) -> TeamPosition:
        """Where the team is, as far as it has said."""
        return POSITIONS.get(self.stage, TeamPosition.NOT_SENT)

    @property
    def holder(self) -> str:
        """Who has the call: ``psap``, or the provider that has acknowledged."""
        case = self.case
        return "psap" if case is None or case.acknowledged_at is None else case.provider

    @property
    def promises(self) -> bool:
        """Whether something still waits to be accepted or confirmed."""
        return bool(self.hand_offs or self.helps or self.recalls)

    @property
    def limit(self) -> datetime | None:
        """The limit by which the stage will change, or somebody be told: what CAD may rely on."""
        case = self.case
        if case is None:
            waits = (self.triage_by, self.review_by, self.held_until)
            return min((one for one in waits if one is not None), default=None)
        if case.acknowledged_at is None:
            return case.expires_at
        running = (case.en_route_by, case.on_scene_by, case.psap_check_at, case.close_by)
        return min((one for one in running if one is not None), default=None)

    def deadlines(self) -> Deadlines:
        """Return the limits that are running, as facts carry them."""
        case = self.case
        offered = case is not None and case.acknowledged_at is None
        waiting = (*self.hand_offs, *self.helps)
        return Deadlines(
            decide_by=None if self.concluded or (case is not None and not offered) else self.decide_by,
            answer_by=case.answer_by if case is not None and offered else None,
            en_route_by=None if case is None else case.en_route_by,
            on_scene_by=None if case is None else case.on_scene_by,
            check_by=None if case is None else case.check_by,
            accept_by=min((one.accept_by for one in waiting), default=None),
        )

    def due(self) -> tuple[Due, ...]:
        """Return every timer that runs."""
        found: list[Due] = []
        if self.triage_by is not None:
            found.append(Due(self.triage_by, timers.TRIAGE_OVERDUE))
        if self.review_by is not None:
            found.append(Due(self.review_by, timers.REVIEW_OVERDUE))
        if self.held_until is not None:
            found.append(Due(self.held_until, timers.HOLD_OVER))
        if self.observed_until is not None:
            found.append(Due(self.observed_until, timers.OBSERVATION_OVER))
        if self.case is not None:
            found += _of_case(self.case)
        found += [Due(one.accept_by, timers.Unaccepted(handoff_id=one.handoff_id)) for one in self.hand_offs]
        found += [Due(one.accept_by, timers.Unaccepted(handoff_id=one.handoff_id)) for one in self.helps]
        found += [Due(one.confirm_by, timers.RecallUnconfirmed(case_id=one.case_id)) for one in self.recalls]
        if self.forget_at is not None and self.private is not None:
            found.append(Due(self.forget_at, timers.PRIVATE_OUTLIVED))
        return tuple(found)

    def listing(self) -> Mapping[str, str | datetime | None]:
        """Return the columns of the open list: calls in routing's hands, and concluded ones with open promises."""
        if self.revision is None or (self.concluded and not self.promises):
            return {}
        return {
            "stage": self.stage,
            "agency": self.agency,
            "provider": self.provider if self.case is None else self.case.provider,
            "acuity": self.acuity,
        }


def _sign(signal: Signal) -> Sign:
    return Sign(hazard=signal.hazard, certainty=signal.certainty, code=signal.code)


def _hazards(found: Mapping[str, tuple[Hazard, ...]]) -> Iterator[Hazard]:
    return (hazard for hazards in found.values() for hazard in hazards)


def _of_case(case: Case) -> list[Due]:
    if case.acknowledged_at is None:
        return [Due(case.expires_at, timers.ANSWER_OVERDUE)]
    running: tuple[tuple[datetime | None, Timer], ...] = (
        (case.en_route_by, timers.EN_ROUTE_OVERDUE),
        (case.on_scene_by, timers.ARRIVAL_OVERDUE),
        (case.ring_at, timers.CHECK_UNANSWERED),
        (case.psap_check_at, timers.CHECK_MISSED),
        (case.close_by, timers.NOT_CLOSED),
    )
    return [Due(at, timer) for at, timer in running if at is not None]
