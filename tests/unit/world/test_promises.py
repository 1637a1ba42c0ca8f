"""The three promises, over whole histories: the real wiring tables in memory, any interleaving, any order, any lag."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from divert_chassis.memory import MemoryWorld
from divert_cli.checkout import ROOT
from divert_cli.prepare import SEEDS, seed_policy
from divert_contracts import ids
from divert_contracts.call import Address, Answered, Picture, Private, Revision
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.calls import (
    CallCancelled,
    CallClosedByCad,
    CallReceived,
    CallReopened,
    CallUpdated,
    HandoffAccepted,
    PictureFact,
    ResponderReported,
)
from divert_contracts.facts.cases import BackupRequested, CaseDeclined, CaseHandedBack, EmergencyRaised
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CaseOffered,
    CaseRecalled,
)
from divert_contracts.vocabulary import (
    Answer,
    CancelReason,
    Contact,
    DeclineReason,
    Direction,
    DirectionReason,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    Hazard,
    Origin,
    Question,
    Responder,
    ReviewReason,
)
from divert_provider_gateway import app as gateway
from divert_provider_gateway.domain import said
from divert_reporting import app as reporting
from divert_reporting.domain.outcome import outcome
from divert_reporting.domain.record import Record
from divert_routing import app as routing
from divert_routing.domain import desk
from divert_routing.domain.call import Call
from divert_routing.domain.given import Given, policy_published
from divert_routing.domain.neighbours import Neighbourhood
from divert_triage import app as triage

SOON = timedelta(seconds=1)
START = datetime(2026, 10, 5, 18, 0, tzinfo=UTC)
AGENCY = "lapd"
PROVIDERS = ("exodus", "alcott", "penny-lane", "circle", "crisis-line")
SCREENING = tuple(question for question in Question if question not in {Question.UNKNOWN, Question.UNHOUSED})
SERVED = ("1822", "0814", "0742", "2033", "1744")
LONGEST_LAG = timedelta(seconds=20)
POLICIES = tuple(seed_policy(kind, ROOT / path) for kind, path in SEEDS.items())
NEAR = Neighbourhood()
AFTER = timedelta(hours=26)
"""By then every deadline but that of forgetting has passed."""

WORDS: tuple[said.Said, ...] = (
    said.Acknowledge(epoch=0, arrive_in_seconds=600),
    said.Acknowledge(epoch=0, arrive_in_seconds=80_000),
    said.Decline(epoch=0, reason=DeclineReason.AT_CAPACITY),
    said.GoEnRoute(epoch=0),
    said.Arrive(),
    said.MakeContact(contact=Contact.IN_PERSON),
    said.MakeContact(contact=Contact.PHONE),
    said.AnswerSafetyCheck(),
    said.Ask(question=Question.WEAPON),
    said.RequestBackup(hazards=(Hazard.VIOLENCE,)),
    said.RaiseEmergency(hazards=(Hazard.WEAPON,)),
    said.ConfirmRecall(),
    said.HandBack(epoch=0, reason=HandBackReason.WEAPON),
    said.HandBack(epoch=0, reason=HandBackReason.NO_LONGER_ABLE),
    said.Close(epoch=0, disposition=Disposition.RESOLVED_ON_SCENE),
    said.Close(epoch=0, disposition=Disposition.REFERRED, contact=Contact.IN_PERSON),
)
"""What a provider may say; the epoch is that of the offer, give or take one."""

Answers = dict[Question, Answered]
CELLS = ("10:-10", "11:-9", "40:-40")
"""Two that touch, and one far away."""
PLACES = ("house", "hall")
LINES = ("a", "b")


def _but_for(answers: Answers, question: Question, answer: Answer) -> Answers:
    return {**answers, question: Answered(answer=answer)}


calm = st.just({question: Answered(answer=Answer.NO) for question in SCREENING})
troubled = st.builds(_but_for, calm, st.sampled_from(SCREENING), st.sampled_from((Answer.YES, Answer.UNKNOWN)))
silent: st.SearchStrategy[Answers] = st.just({})
pictures = st.builds(
    Picture,
    feed=st.sampled_from((Feed.DIVERTED, Feed.DIVERTED, Feed.DIVERTED, Feed.OBSERVED)),
    origin=st.sampled_from((Origin.NINE_ONE_ONE, Origin.NON_EMERGENCY, Origin.OFFICER_INITIATED)),
    recorded_late=st.sampled_from((False, False, False, False, True)),
    call_type=st.sampled_from(("918", "918", "507P", "918VM", "211", "ZZZ9", None)),
    reporting_district=st.sampled_from(("1822", "1822", "0814", "0742", "0612", "0101", None)),
    answers=st.one_of(calm, calm, calm, troubled, silent),
    exercise=st.sampled_from((False, False, False, True)),
    cell=st.sampled_from((None, None, *CELLS)),
    place=st.sampled_from((None, None, None, *PLACES)),
    line=st.sampled_from((None, None, None, *LINES)),
)


class World(RuleBasedStateMachine):
    """CAD, providers, dispatchers and the desk do anything, at any time, in any order."""

    calls = Bundle("calls")

    @initialize(seed=st.integers(0, 2**16), lag=st.sampled_from((0, 0, 2, 20)))
    def build(self, seed: int, lag: int) -> None:
        self.triage = triage.build()
        self.routing = routing.build()
        self.reporting = reporting.build()
        self.gateways = {provider: gateway.build(provider) for provider in PROVIDERS}
        self.world = MemoryWorld(
            [self.triage, self.routing, self.reporting, *self.gateways.values()],
            start=START,
            seed=seed,
            most_lag=timedelta(seconds=lag),
        )
        self.posted: list[tuple[UUID, CallFact]] = []
        self.accepted: set[UUID] = set()
        self.revisions: Counter[UUID] = Counter()
        self.checked = 0
        self.offers: dict[UUID, CaseOffered] = {}
        """The newest offer of each call."""
        self.ended: set[UUID] = set()
        """Cases that were recalled, declined or handed back."""
        self.helped: set[UUID] = set()
        """Cases whose team called for help."""
        self.concluded: dict[UUID, CallConcluded] = {}
        self.unaccepted: dict[UUID, CallHandedOff | AssistanceRequested] = {}
        self.given = Given()
        for policy in POLICIES:
            self.given = policy_published(self.given, policy)
            self.world.publish(policy, source="/divert/cli")
        self.world.publish(AgencyRegistered(occurred_at=START, agency=AGENCY, title="LAPD"), source="/divert/cli")

    # ------------------------------------------------------------------------------------------------------- CAD

    @rule(target=calls, picture=pictures, number=st.integers(0, 10**6))
    def posts(self, picture: Picture, number: int) -> UUID:
        call = ids.call_id(AGENCY, str(number))
        self._picture(CallReceived, call, str(number), picture)
        return call

    @rule(
        target=calls,
        district=st.sampled_from(SERVED),
        cell=st.sampled_from((None, *CELLS)),
        then=st.sampled_from((timedelta(), LONGEST_LAG)),
    )
    def posts_an_eligible_call(self, district: str, cell: str | None, then: timedelta) -> UUID:
        number = f"eligible-{len(self.posted)}"
        call = ids.call_id(AGENCY, number)
        self._picture(CallReceived, call, number, _calm(district, cell))
        if then:
            self.world.run_until(self.world.now + then)
        return call

    @rule(call=calls, district=st.sampled_from(SERVED))
    def sends_more_of_the_same(self, call: UUID, district: str) -> None:
        self._picture(CallUpdated, call, "detail", _calm(district))

    @rule(call=calls, picture=pictures)
    def sends_a_revision(self, call: UUID, picture: Picture) -> None:
        self._picture(CallUpdated, call, "later", picture)

    @rule(
        call=calls,
        district=st.sampled_from(SERVED),
        cell=st.sampled_from((None, *CELLS)),
        place=st.sampled_from((None, *PLACES)),
    )
    def corrects_an_address(self, call: UUID, district: str, cell: str | None, place: str | None) -> None:
        self._picture(CallUpdated, call, "address", _calm(district, cell, place))

    @rule(
        call=calls,
        question=st.sampled_from((Question.WEAPON, Question.VIOLENCE, Question.MEDICAL_EMERGENCY)),
        cell=st.sampled_from((None, *CELLS)),
        feed=st.sampled_from((Feed.DIVERTED, Feed.OBSERVED)),
    )
    def adds_danger(self, call: UUID, question: Question, cell: str | None, feed: Feed) -> None:
        picture = Picture(
            feed=feed,
            call_type="918",
            reporting_district="1822",
            cell=cell,
            answers={question: Answered(answer=Answer.YES)},
        )
        self._picture(CallUpdated, call, "danger", picture)

    @rule(target=calls, call=calls, picture=pictures)
    def reopens(self, call: UUID, picture: Picture) -> UUID:
        self.revisions[call] += 1
        new = ids.reopened_call_id(call, str(self.revisions[call]))
        self._picture(CallReopened, new, "again", picture, reopens=call)
        return new

    @rule(call=calls, reason=st.sampled_from(tuple(CancelReason)))
    def cancels(self, call: UUID, reason: CancelReason) -> None:
        self._post(CallCancelled(occurred_at=self.world.now, call_id=call, agency=AGENCY, reason=reason))

    @rule(call=calls)
    def closes(self, call: UUID) -> None:
        self._post(CallClosedByCad(occurred_at=self.world.now, call_id=call, agency=AGENCY))

    @rule(call=calls, responder=st.sampled_from(tuple(Responder)))
    def reports_a_responder(self, call: UUID, responder: Responder) -> None:
        self._post(
            ResponderReported(
                occurred_at=self.world.now,
                call_id=call,
                agency=AGENCY,
                responder=responder,
                arrived_at=self.world.now,
            )
        )

    @rule(data=st.data())
    def accepts_a_hand_off(self, data: st.DataObject) -> None:
        waiting = sorted(self.unaccepted)
        if waiting:
            self._accept(data.draw(st.sampled_from(waiting)))

    @rule(data=st.data())
    def repeats_what_was_said_before(self, data: st.DataObject) -> None:
        if self.posted:
            fact_id, fact = data.draw(st.sampled_from(self.posted))
            self.world.publish(fact, id=fact_id)

    # ------------------------------------------------------------------------------------------------- providers

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), seconds=st.sampled_from((60, 600, 1_100, 7_000)), then=st.integers(0, 4))
    def a_provider_takes_a_call(self, data: st.DataObject, seconds: int, then: int) -> None:
        offer = self._an_offer(data)
        self.world.run_until(self.world.now + LONGEST_LAG)
        steps: tuple[said.Said, ...] = (
            said.Acknowledge(epoch=offer.epoch, arrive_in_seconds=seconds),
            said.GoEnRoute(epoch=offer.epoch),
            said.Arrive(),
            said.MakeContact(contact=Contact.IN_PERSON),
            said.Close(epoch=offer.epoch, disposition=Disposition.RESOLVED_ON_SCENE),
        )
        for step in steps[: then + 1]:
            self._tell(offer, step)

    @precondition(lambda self: self.offers)
    @rule(
        data=st.data(),
        says=st.sampled_from(WORDS),
        off_by=st.sampled_from((0, 0, 0, 0, -1, 1)),
    )
    def a_provider_says(self, data: st.DataObject, says: said.Said, off_by: int) -> None:
        offer = self._an_offer(data)
        if isinstance(says, said.Answering):
            says = says.model_copy(update={"epoch": offer.epoch + off_by})
        self._tell(offer, says)

    @rule(provider=st.sampled_from(PROVIDERS), teams=st.integers(0, 1))
    def a_shift_changes(self, provider: str, teams: int) -> None:
        on = tuple(said.OnShift(team=str(number)) for number in range(teams))
        self.world.command(self.gateways[provider], said.ChangeShift(provider=provider, teams=on))

    # -------------------------------------------------------------------------------------------------- the desk

    @rule(call=calls, eligibility=st.sampled_from((Eligibility.ELIGIBLE, Eligibility.INELIGIBLE)))
    def a_person_reviews(self, call: UUID, eligibility: Eligibility) -> None:
        known = self.world.state(self.routing, Call, str(call))
        digest = "" if known is None or known.revision is None else known.revision.digest
        self.world.command(
            self.routing,
            desk.Review(
                call_id=call, by="d1", revision=digest, eligibility=eligibility, reason=ReviewReason.RECORD_IS_CLEAR
            ),
        )

    @rule(
        call=calls,
        direction=st.sampled_from((Direction.TAKE_BACK, Direction.REASSIGN, Direction.HOLD, Direction.EXTEND)),
        seconds=st.integers(1, 400),
    )
    def the_desk_directs(self, call: UUID, direction: Direction, seconds: int) -> None:
        self.world.command(
            self.routing,
            desk.Direct(
                call_id=call,
                by="d1",
                direction=direction,
                reason=DirectionReason.SUPERVISOR,
                until=self.world.now + timedelta(seconds=seconds),
            ),
        )

    @rule(call=calls)
    def danger_is_cleared(self, call: UUID) -> None:
        self.world.command(self.routing, desk.ClearDanger(call_id=call, by="d1", unit="18A5"))

    # ------------------------------------------------------------------------------------------------------ time

    @rule(seconds=st.sampled_from((1, 5, 30, 61, 91, 121, 300, 1_000, 3_000)))
    def time_passes(self, seconds: int) -> None:
        self.world.run_until(self.world.now + timedelta(seconds=seconds))

    @rule()
    def everything_is_delivered(self) -> None:
        self.world.run_until(self.world.now + LONGEST_LAG)

    @rule()
    def everybody_has_heard_of_danger_next_door(self) -> None:
        self.world.run_until(self.world.now + 3 * LONGEST_LAG + SOON)
        calls = self.world.states(self.routing, Call)
        stands = {key: NEAR.presence(call) for key, call in calls.items()}
        for key, call in calls.items():
            if call.case is None:
                continue
            for other, told in stands.items():
                near = any(
                    until is None or until > self.world.now
                    for place, until in told.told_at.items()
                    if stands[key].listens_at.intersection(NEAR.around(place, self.given, self.world.now))
                )
                if near and other != key:
                    assert other in call.nearby, "a provider has a call, and has not heard of danger close by"

    # ------------------------------------------------------------------------------------------------ the promises

    @invariant()
    def what_is_published_keeps_the_promises(self) -> None:
        for topic, envelope in self.world.log[self.checked :]:
            if topic in {"routing.v1", "cases.v1"}:
                self._look(envelope.fact)
        self.checked = len(self.world.log)

    @invariant()
    def nobody_is_left_with_known_danger(self) -> None:
        self.what_is_published_keeps_the_promises()
        for call in self.world.states(self.routing, Call).values():
            # A team that calls for help keeps its case: the dispatcher was asked for assistance instead.
            if call.dangers and call.case is not None:
                assert call.case.case_id in self.helped, "danger is known, and a provider has the call"
            if call.menaced:
                assert call.case is None, "there is danger close by that nobody saw, and a provider has the call"

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        # From here on every dispatcher and team answers at once, so that nothing is repeated for days.
        self.world.watch(self._answer)
        for handoff in sorted(self.unaccepted):
            self._accept(handoff)
        recalls = [one.fact for topic, one in self.world.log if topic == "routing.v1"]
        for recall in recalls:
            if isinstance(recall, CaseRecalled):
                self._confirm(recall)
        self.world.run_until(self.world.now + AFTER)
        self.what_is_published_keeps_the_promises()
        assert self.concluded.keys() >= self.accepted, "a call was accepted and has no outcome"
        assert not self.world.dead, "something was not understood"
        ids_of = Counter((topic, envelope.id) for topic, envelope in self.world.log if topic != "calls.v1")
        triaged_again = {key for key, count in ids_of.items() if count > 1 and key[0] != "triage.v1"}
        assert not triaged_again, "a fact was published twice"
        for key, record in self.world.states(self.reporting, Record).items():
            row, concluded = outcome(record), self.concluded.get(UUID(key))
            assert row is not None
            assert row.outcome == (None if concluded is None else concluded.outcome), "the table says something else"

    def _look(self, fact: Fact) -> None:
        match fact:
            case CallConcluded():
                assert fact.call_id not in self.concluded, "a call has two outcomes"
                self.concluded[fact.call_id] = fact
            case CaseOffered():
                before = self.offers.get(fact.call_id)
                assert before is None or before.case_id in self.ended, "two providers have the same call"
                assert fact.call_id not in self.concluded, "offered after its outcome"
                assert fact.deadlines.decide_by is not None
                assert fact.occurred_at < fact.deadlines.decide_by, "offered too late"
                assert fact.answer_by <= fact.deadlines.decide_by, "an offer outlives the decision"
                self.offers[fact.call_id] = fact
            case CaseRecalled() | CaseDeclined() | CaseHandedBack():
                self.ended.add(fact.case_id)
            case BackupRequested() | EmergencyRaised():
                self.helped.add(fact.case_id)
            case CallHandedOff() | AssistanceRequested():
                self.unaccepted[fact.handoff_id] = fact
            case _:
                pass

    def _an_offer(self, data: st.DataObject) -> CaseOffered:
        """Choose an offer, mostly one that may still be open."""
        newest = sorted(self.offers.values(), key=_case)
        return data.draw(st.sampled_from([one for one in newest if one.call_id not in self.concluded] or newest))

    def _tell(self, offer: CaseOffered, told: said.Said) -> None:
        self.world.command(self.gateways[offer.provider], said.Tell(case_id=offer.case_id, said=told))

    def _answer(self, topic: str, envelope: Envelope) -> None:
        fact = envelope.fact
        if topic == "routing.v1" and isinstance(fact, CallHandedOff | AssistanceRequested):
            self.unaccepted[fact.handoff_id] = fact
            self.world.at(self.world.now + SOON, lambda: self._accept(fact.handoff_id))
        elif topic == "routing.v1" and isinstance(fact, CaseRecalled):
            self.world.at(self.world.now + SOON, lambda: self._confirm(fact))

    def _confirm(self, recall: CaseRecalled) -> None:
        self.world.command(self.gateways[recall.provider], said.Tell(case_id=recall.case_id, said=said.ConfirmRecall()))

    def _accept(self, handoff: UUID) -> None:
        waiting = self.unaccepted.pop(handoff, None)
        if waiting is None:
            return
        self._post(
            HandoffAccepted(
                occurred_at=self.world.now, call_id=waiting.call_id, agency=AGENCY, handoff_id=handoff, by="p1"
            )
        )

    def _picture(self, kind: type[PictureFact], call: UUID, incident: str, picture: Picture, **more: UUID) -> None:
        self.revisions[call] += 1
        number = self.revisions[call]
        now = self.world.now
        self._post(
            kind(
                occurred_at=now,
                call_id=call,
                agency=AGENCY,
                incident_number=incident,
                revision=Revision(number=number, digest=f"{number:064}"),
                picture=picture,
                private=Private(narrative="words", address=Address(text="1 Example St")),
                decide_by=now + timedelta(seconds=300),
                **more,
            )
        )
        self.accepted.add(call)

    def _post(self, fact: CallFact) -> None:
        fact_id = uuid5(fact.call_id, f"test:{len(self.posted)}")
        self.posted.append((fact_id, fact))
        self.world.publish(fact, id=fact_id)


def _calm(district: str, cell: str | None = None, place: str | None = None) -> Picture:
    """Return the picture of a call that the rules find eligible."""
    answers = {question: Answered(answer=Answer.NO) for question in SCREENING}
    return Picture(
        feed=Feed.DIVERTED, call_type="918", reporting_district=district, cell=cell, place=place, answers=answers
    )


def _case(offer: CaseOffered) -> UUID:
    return offer.case_id


World.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
)
TestEveryHistoryKeepsThePromises = World.TestCase
