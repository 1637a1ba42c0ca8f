"""Everybody that divert deals with, as far as there are teams: what is seen is answered by the capacity model.

A provider with a free team answers an offer by its shares and times; without one it declines, at capacity. Nobody
queues: a call that cannot be taken now is the next provider's, or the dispatcher's again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Answer,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    Hazard,
    Programme,
    ReviewReason,
)
from divert_provider_gateway.domain.said import (
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    RaiseEmergency,
    RequestBackup,
    Said,
)
from divert_sim.behaviour import Action, DeskReviews, DispatcherAccepts, Planned, ProviderSays
from divert_sim.whatif.capacity import Book, Capacity, End, chosen

ACCEPTS_AFTER = timedelta(seconds=10)
"""The dispatcher accepts hand-offs and calls for assistance, and providers confirm recalls, so soon."""
BEFORE_CHECK = 60.0
"""Seconds before a safety check is due in which a team says that it is well."""
HALF = 0.5


def luck(seed: int, call_id: UUID, matter: str) -> Random:
    """Return the chance of one matter of one call; equal arguments give equal chance."""
    return Random(f"{seed}:{call_id.hex}:{matter}")


class Crew:
    """The providers, the dispatcher and the desk of one run."""

    def __init__(self, seed: int, capacity: Capacity, book: Book, travels: Mapping[tuple[str, bool], float]) -> None:
        """Let the seed choose the luck.

        Args:
            seed: of the run.
            capacity: what they are able to do.
            book: the teams.
            travels: how many times as long as recorded a provider travels, in its own divisions and (true) in others'.
        """
        self._seed = seed
        self._capacity = capacity
        self._book = book
        self._travels = travels
        self._gone: set[UUID] = set()
        self._reviewed: set[tuple[UUID, str]] = set()

    def see(self, topic: str, envelope: Envelope) -> Sequence[Planned]:  # noqa: PLR0911  # one arm a fact
        """Return what somebody plans on seeing a fact on a topic."""
        match envelope.fact:
            case CaseOffered() as offer if topic.startswith("assignments."):
                return self._offered(offer)
            case CaseRecalled() as recall if topic.startswith("assignments."):
                self._gone.add(recall.case_id)
                clear = recall.occurred_at.timestamp() + self._capacity.clear_after.value
                self._book.release(recall.case_id, clear)
                if recall.confirm_by is None:
                    return ()
                said = ProviderSays(recall.provider, recall.case_id, ConfirmRecall(by="desk"))
                return (Planned(recall.occurred_at + ACCEPTS_AFTER, said),)
            case CallHandedOff() | AssistanceRequested() as asked if topic.startswith("handoffs."):
                accepts = DispatcherAccepts(asked.call_id, asked.handoff_id, by="dispatcher")
                return (Planned(asked.occurred_at + ACCEPTS_AFTER, accepts),)
            case CallTriaged() as triage if topic.startswith("triage."):
                return self._triaged(triage)
            case ShiftChanged() as shift:
                self._book.put_on(shift.provider, len(shift.teams))
                return ()
            case _:
                return ()

    def still_want(self, action: Action) -> bool:
        """Say whether there is still a reason to do it: of a recalled case only the recall is confirmed."""
        if not isinstance(action, ProviderSays) or action.case_id not in self._gone:
            return True
        return isinstance(action.said, ConfirmRecall)

    def _triaged(self, triage: CallTriaged) -> Sequence[Planned]:
        """Plan a review; of one revision there is one, however often it is heard of."""
        asked = triage.picture.feed is Feed.DIVERTED and triage.decision.eligibility is Eligibility.NEEDS_REVIEW
        key = triage.call_id, triage.revision.digest
        if not asked or key in self._reviewed:
            return ()
        self._reviewed.add(key)
        chance = luck(self._seed, triage.call_id, "review")
        reviews = self._capacity.reviews
        decided = chosen(reviews.decides, chance.random())
        if decided is None:
            return ()
        reason = ReviewReason.RECORD_IS_CLEAR if decided is Eligibility.ELIGIBLE else ReviewReason.CANNOT_TELL
        review = DeskReviews(triage.call_id, triage.revision.digest, decided, reason, by="desk")
        return (Planned(triage.occurred_at + timedelta(seconds=reviews.after.at(chance.random())), review),)

    def _offered(self, offer: CaseOffered) -> Sequence[Planned]:
        """Plan what a provider does about an offer; every number is drawn, used or not, so that luck never shifts."""
        capacity = self._capacity
        chance = luck(self._seed, offer.call_id, offer.provider)
        answers, after = chance.random(), capacity.answer_after.at(chance.random())
        answers_at = offer.occurred_at + timedelta(seconds=after)
        if answers < capacity.silent or answers_at >= offer.answer_by:
            return ()
        declined = chosen(capacity.declines, answers - capacity.silent)
        if declined is None and self._book.free(offer.provider, offer.occurred_at.timestamp()) <= 0:
            declined = DeclineReason.AT_CAPACITY
        if declined is not None:
            return (_says(offer, answers_at, Decline(epoch=offer.epoch, reason=declined, by="desk")),)
        plan = self._by_phone(offer, chance, answers_at)
        if plan is None:
            plan = self._visit(offer, chance, answers_at)
        last = plan[-1]
        if not isinstance(last.action, ProviderSays) or not isinstance(last.action.said, Decline):
            self._book.take(offer.provider, offer.case_id, last.at.timestamp() + capacity.clear_after.value)
        return plan

    def _by_phone(self, offer: CaseOffered, chance: Random, at: datetime) -> Sequence[Planned] | None:
        if offer.programme is not Programme.PHONE:
            return None
        lasts = timedelta(seconds=self._capacity.phone.at(chance.random()))
        close = Close(
            epoch=offer.epoch, disposition=Disposition.RESOLVED_BY_PHONE, contact=Contact.PHONE, by="counsellor"
        )
        return (
            _says(offer, at, Acknowledge(epoch=offer.epoch, arrive_in_seconds=60, by="counsellor")),
            _says(offer, at + lasts / 2, MakeContact(contact=Contact.PHONE, by="counsellor")),
            _says(offer, at + lasts, close),
        )

    def _visit(self, offer: CaseOffered, chance: Random, at: datetime) -> Sequence[Planned]:
        capacity, epoch = self._capacity, offer.epoch
        end = chosen(capacity.ends, chance.random()) or End.CLOSED
        reason, leaves = chance.random(), capacity.leaves_after.at(chance.random())
        factor = self._travels.get((offer.provider, offer.mutual_aid), 1.0)
        travels = capacity.travel.at(chance.random()) * factor
        contact, visit = capacity.contact_after.at(chance.random()), capacity.visit.at(chance.random())
        if leaves + travels >= offer.on_scene_within:
            # Whoever cannot be there in time says so, and does not promise it.
            return (_says(offer, at, Decline(epoch=epoch, reason=DeclineReason.AT_CAPACITY, by="desk")),)
        plan = _Plan(offer, at)
        plan.say(0, Acknowledge(epoch=epoch, arrive_in_seconds=leaves + travels + 1, by="team"))
        match end:
            case End.NEVER_LEAVES:
                # The team is lost to others until routing takes the case back.
                return (*plan.made, _says(offer, at + timedelta(seconds=offer.en_route_within + 60), Arrive(by="team")))
            case End.UNSEEN:
                plan.say(leaves, Close(epoch=epoch, disposition=Disposition.NO_SERVICE_NEEDED, by="team"))
                return plan.made
            case _:
                plan.say(leaves, GoEnRoute(epoch=epoch, by="team"))
        if end is End.BACK_BEFORE:
            why = chosen(capacity.back_before, reason) or HandBackReason.NO_LONGER_ABLE
            plan.say(travels * HALF, HandBack(epoch=epoch, reason=why, by="team"))
            return plan.made
        plan.say(travels, Arrive(by="team"))
        self._on_scene(plan, end, reason, contact, visit + capacity.visit_adds.value)
        return plan.made

    def _on_scene(self, plan: "_Plan", end: End, reason: float, contact: float, visit: float) -> None:
        offer = plan.offer
        epoch, arrived = offer.epoch, plan.at
        if end is End.NOT_FOUND:
            plan.say(contact, Close(epoch=epoch, disposition=Disposition.NOT_FOUND, by="team"))
            return
        plan.say(contact, MakeContact(contact=Contact.IN_PERSON, by="team"))
        if end in {End.EMERGENCY, End.BACK_AFTER}:
            why = chosen(self._capacity.back_after, reason) or HandBackReason.POLICE_NEEDED
            hazards: tuple[Hazard, ...] = ()
            plan.stay(visit * HALF, arrived)
            if end is End.EMERGENCY:
                why, hazards = HandBackReason.VIOLENCE, (Hazard.VIOLENCE,)
                plan.say(0, RaiseEmergency(hazards=hazards, by="team"))
            back = HandBack(epoch=epoch, reason=why, hazards=hazards, contact=Contact.IN_PERSON, by="team")
            plan.say(1, back)
            return
        if end is End.BACKUP:
            plan.say(1, RequestBackup(medical=Answer.YES, by="team"))
        plan.stay(visit, arrived)
        close = Close(epoch=epoch, disposition=Disposition.RESOLVED_ON_SCENE, contact=Contact.IN_PERSON, by="team")
        plan.say(0, close)


class _Plan:
    """What a team does, one thing after the other."""

    def __init__(self, offer: CaseOffered, at: datetime) -> None:
        self.offer = offer
        self.at = at
        self.made: list[Planned] = []

    def say(self, after: float, said: Said) -> None:
        self.at += timedelta(seconds=after)
        self.made.append(_says(self.offer, self.at, said))

    def stay(self, seconds: float, arrived: datetime) -> None:
        """Stay so long, answering the safety checks before they are due."""
        until = self.at + timedelta(seconds=seconds)
        check = arrived + timedelta(seconds=(self.offer.check_after or seconds) - BEFORE_CHECK)
        while self.offer.check_every is not None and check < until:
            if check > self.at:
                self.made.append(_says(self.offer, check, AnswerSafetyCheck(by="team")))
            check += timedelta(seconds=self.offer.check_every - BEFORE_CHECK)
        self.at = until


def _says(offer: CaseOffered, at: datetime, said: Said) -> Planned:
    return Planned(at, ProviderSays(offer.provider, offer.case_id, said))
