"""Random histories of one call, straight on the steps: facts in any order, late, repeated or never; orders; time."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from divert_contracts.facts import cases
from divert_contracts.facts.base import CaseFact, Fact
from divert_contracts.facts.calls import PictureFact
from divert_contracts.facts.routing import (
    CallConcluded,
    CallHandedOff,
    CallReviewed,
    CallStatusChanged,
    CaseOffered,
    CaseRecalled,
    DangerCleared,
)
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Command
from divert_contracts.vocabulary import (
    MEDICAL,
    Acuity,
    Answer,
    CancelReason,
    Certainty,
    Contact,
    DeclineReason,
    Direction,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    Hazard,
    Origin,
    Outcome,
    OutcomeReason,
    Programme,
    Question,
    Stage,
)
from divert_routing.domain import desk
from divert_routing.domain.call import Call
from unit.routing.lives import (
    CALL,
    NOON,
    REMEMBERED,
    Life,
    accepted,
    by_provider,
    cancelled,
    clear,
    closed_by_cad,
    dangerous,
    direct,
    given,
    received,
    responder,
    review,
    seconds,
    triaged,
    with_shift,
)

REVISIONS = st.integers(1, 3)
DISTRICTS = st.sampled_from(["1822", "0822", "0722", "0101", None])
SPANS = st.sampled_from([0.5, 3, 3, 16, 31, 31, 65, 95, 125, 310, 950, 3000, 50_000])
BEGINNINGS = ["nothing", "lagging", "doubtful", "endangered", "cleared", "reviewed", "offered", "taken", "there"]
SELDOM = st.integers(0, 5).map(lambda one: one == 5)
"""So that most histories come to something before they end."""
ENDED_BY_PROVIDER = (cases.CaseDeclined, cases.CaseHandedBack, cases.CaseClosed)
NOT_HANDED_OFF = {
    OutcomeReason.CANCELLED,
    OutcomeReason.DUPLICATE,
    OutcomeReason.CANCELLED_AFTER_CONTACT,
    OutcomeReason.CLOSED,
    OutcomeReason.CLOSED_BY_CAD,
    OutcomeReason.RECORDED_LATE,
}
"""Reasons for which CAD itself, or a team that has served, ended the call."""
PROVIDERS_FACTS: list[tuple[type[CaseFact], dict[str, list[object]]]] = [
    (cases.CaseDeclined, {"reason": [DeclineReason.OTHER, DeclineReason.AT_CAPACITY]}),
    (cases.TeamAssigned, {"team": ["one"]}),
    (cases.TeamEnRoute, {}),
    (cases.TeamOnScene, {}),
    (cases.PersonContacted, {"contact": list(Contact)}),
    (cases.SafetyCheckAnswered, {}),
    (cases.QuestionAsked, {"question": [Question.WEAPON, Question.SUICIDAL, Question.MEDICAL_EMERGENCY]}),
    (cases.BackupRequested, {"hazards": [(), (Hazard.VIOLENCE,), (Hazard.MEDICAL,)], "medical": list(Answer)}),
    (cases.BackupArrived, {}),
    (cases.EmergencyRaised, {"hazards": [(), (Hazard.WEAPON,), (Hazard.OVERDOSE,)]}),
    (cases.RecallConfirmed, {}),
    (cases.CaseHandedBack, {"reason": list(HandBackReason), "hazards": [(), (Hazard.FIRE,)], "contact": list(Contact)}),
    (cases.CaseClosed, {"disposition": [Disposition.OTHER], "contact": list(Contact)}),
]


class Histories(RuleBasedStateMachine):
    """One call, and all that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.heard: list[Fact] = []
        self.own: set[str] = set()
        self.judgements: set[str] = set()
        self.decide_by = datetime.max.replace(tzinfo=UTC)
        self.live: set[int] = set()
        """Attempts that neither their provider nor a recall has ended."""
        self.seen = 0

    @initialize(begun=st.sampled_from(BEGINNINGS), nobody=SELDOM, lag=st.sampled_from([0, 0, 290, 299, 300, 310]))
    def begin(self, *, begun: str, nobody: bool, lag: float) -> None:
        if nobody:
            self.life.given = with_shift(given(), "exodus")
        if begun == "lagging":
            self._hear(received(at=NOON, reporting_district="0822"))
            self.life.now += seconds(lag)
            self._hear(triaged(at=NOON, reporting_district="0822"))
        elif begun == "doubtful":
            self.found_doubtful(number=1)
        elif begun in ("endangered", "cleared", "reviewed"):
            self._hear(received(at=NOON, feed=Feed.OBSERVED))
            self._hear(dangerous(at=NOON, feed=Feed.OBSERVED))
            if begun != "endangered":
                self.danger_cleared()
            if begun == "reviewed":
                self.found_eligible(number=2, district="0822")
                self.reviewed(number=2, eligibility=Eligibility.ELIGIBLE)
        elif begun != "nothing":
            self.found_eligible(number=1, district="0822")
        if begun in ("taken", "there"):
            self._say(cases.CaseAcknowledged, 0, {"arrive_by": self.life.now + seconds(60)})
        if begun == "there":
            self._say(cases.TeamOnScene, 0, {})

    @rule(
        number=REVISIONS,
        feed=st.sampled_from(list(Feed)),
        district=DISTRICTS,
        late=SELDOM,
        officer=SELDOM,
    )
    def revised(self, *, number: int, feed: Feed, district: str | None, late: bool, officer: bool) -> None:
        origin = Origin.OFFICER_INITIATED if officer else Origin.NINE_ONE_ONE
        changes: dict[str, object] = {"recorded_late": late, "origin": origin}
        self._hear(
            received(
                number,
                at=self._accepted(number),
                feed=feed,
                reporting_district=district,
                **changes,  # pyright: ignore[reportArgumentType]
            )
        )

    @rule(
        number=REVISIONS,
        eligibility=st.sampled_from(list(Eligibility)),
        programme=st.sampled_from(
            [Programme.UMCR, Programme.UMCR, Programme.PHONE, Programme.SMART, Programme.UNKNOWN]
        ),
        acuity=st.sampled_from(list(Acuity)),
        hazards=st.lists(st.sampled_from(list(Hazard)), max_size=2, unique=True),
        certainty=st.sampled_from([Certainty.PRESENT, Certainty.POSSIBLE, Certainty.DENIED]),
        hard=st.booleans(),
        feed=st.sampled_from([Feed.DIVERTED, Feed.DIVERTED, Feed.OBSERVED]),
        district=DISTRICTS,
    )
    def judged(
        self,
        *,
        number: int,
        eligibility: Eligibility,
        programme: Programme,
        acuity: Acuity,
        hazards: list[Hazard],
        certainty: Certainty,
        hard: bool,
        feed: Feed,
        district: str | None,
    ) -> None:
        self._hear(
            triaged(
                number,
                at=self._accepted(number),
                eligibility=eligibility,
                programme=programme,
                acuity=acuity,
                hazards=hazards,
                certainty=certainty,
                hard=hard and eligibility is Eligibility.INELIGIBLE,
                feed=feed,
                reporting_district=district,
            )
        )

    @rule(number=REVISIONS, district=st.sampled_from(["1822", "0822"]), unheard=SELDOM)
    def found_eligible(self, *, number: int, district: str, unheard: bool = False) -> None:
        at = self._accepted(number)
        if not unheard:
            self._hear(received(number, at=at, reporting_district=district))
        self._hear(triaged(number, at=at, reporting_district=district))

    @rule(number=REVISIONS)
    def found_dangerous(self, *, number: int) -> None:
        at = self._accepted(number)
        self._hear(received(number, at=at))
        self._hear(dangerous(number, at=at))

    @rule(number=REVISIONS)
    def found_doubtful(self, *, number: int) -> None:
        at = self._accepted(number)
        self._hear(received(number, at=at))
        self._hear(triaged(number, at=at, eligibility=Eligibility.NEEDS_REVIEW))

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def repeated(self, *, data: st.DataObject) -> None:
        self._hear(data.draw(st.sampled_from(self.heard)))

    @rule(reason=st.sampled_from(list(CancelReason)), really=SELDOM)
    def cancelled(self, *, reason: CancelReason, really: bool) -> None:
        if really:
            self._hear(cancelled(reason, at=self.life.now))

    @rule(really=SELDOM)
    def closed_by_cad(self, *, really: bool) -> None:
        if really:
            self._hear(closed_by_cad(at=self.life.now))

    @rule(came=st.booleans())
    def responded(self, *, came: bool) -> None:
        self._hear(responder(at=self.life.now, arrived_at=self.life.now if came else None))

    @rule(
        within=st.sampled_from([60.0, 60.0, 9000.0]),
        older=st.integers(0, 4).map(lambda one: max(one - 3, 0)),
        unnoticed=st.sampled_from([0, 0, 100]),
    )
    def acknowledged(self, *, within: float, older: int, unnoticed: float) -> None:
        self.life.now += seconds(unnoticed)
        self._say(cases.CaseAcknowledged, older, {"arrive_by": self.life.now + seconds(within)})

    @rule(
        data=st.data(),
        what=st.sampled_from(PROVIDERS_FACTS),
        older=st.integers(0, 5).map(lambda one: max(one - 3, 0)),
        delay=st.sampled_from([0, 0, 0, 120]),
    )
    def provider_says(
        self,
        *,
        data: st.DataObject,
        what: tuple[type[CaseFact], dict[str, list[object]]],
        older: int,
        delay: float,
    ) -> None:
        kind, choices = what
        chosen = {name: data.draw(st.sampled_from(values), label=name) for name, values in choices.items()}
        self._say(kind, older, {**chosen, "occurred_at": self.life.now - seconds(delay)})

    @precondition(lambda self: self.life.call.hand_offs or self.life.call.helps)
    @rule(data=st.data())
    def dispatcher_accepts(self, *, data: st.DataObject) -> None:
        waiting = [one.handoff_id for one in (*self.life.call.hand_offs, *self.life.call.helps)]
        self._hear(accepted(data.draw(st.sampled_from(waiting)), at=self.life.now))

    @rule(number=REVISIONS, eligibility=st.sampled_from([Eligibility.ELIGIBLE, Eligibility.INELIGIBLE]))
    def reviewed(self, *, number: int, eligibility: Eligibility) -> None:
        self._order(review(number, eligibility))

    @rule(
        direction=st.sampled_from(list(Direction)),
        provider=st.sampled_from([None, "alcott", "crisis-line"]),
        programme=st.sampled_from([Programme.PHONE, Programme.SMART]),
        until=SPANS,
    )
    def directed(self, *, direction: Direction, provider: str | None, programme: Programme, until: float) -> None:
        later = self.life.now + seconds(until)
        self._order(direct(direction, provider=provider, programme=programme, until=later))

    @rule()
    def danger_cleared(self) -> None:
        self._order(clear())

    @rule(
        question=st.sampled_from([Question.WEAPON, Question.SUICIDAL, Question.MEDICAL_EMERGENCY]),
        answer=st.sampled_from([Answer.YES, Answer.NO]),
    )
    def question_answered(self, *, question: Question, answer: Answer) -> None:
        self._order(desk.AnswerQuestion(call_id=CALL, by="desk-1", question=question, answer=answer))

    @rule(fact_type=st.sampled_from([None, cases.EmergencyRaised.type_name()]), really=SELDOM)
    def not_understood(self, *, fact_type: str | None, really: bool) -> None:
        if really:
            self.life.fail(fact_type)
            self._follow(None)

    @rule(span=SPANS)
    def time_passes(self, *, span: float) -> None:
        self.life.after(span)
        self._follow(None)

    @rule(span=st.sampled_from([20, 100, 400]))
    def time_passes_unnoticed(self, *, span: float) -> None:
        """Routing is away: what comes next is heard before any timer rings."""
        self.life.now += seconds(span)

    def _accepted(self, number: int) -> datetime:
        at = NOON + seconds(20 * (number - 1))
        self.life.now = max(self.life.now, at)
        return at

    def _hear(self, fact: Fact) -> None:
        before = self.life.call
        self.heard = [*self.heard[-9:], fact]
        if isinstance(fact, PictureFact | CallTriaged):
            (self.judgements if isinstance(fact, CallTriaged) else self.own).add(fact.revision.digest)
            if fact.picture.feed is not Feed.OBSERVED:
                self.decide_by = min(self.decide_by, fact.decide_by)
        self.life.hear(fact)
        if isinstance(fact, CallTriaged):
            self._look_for_danger(fact)
        if isinstance(fact, CaseFact):
            self._look_for_late_answer(before, fact)
        self._follow(fact)

    def _say(self, kind: type[CaseFact], older: int, fields: dict[str, object]) -> None:
        attempt = max(self.life.call.attempts - older, 1)
        self._hear(by_provider(self.life, kind, attempt=attempt, **fields))

    def _order(self, command: Command) -> None:
        chosen = REMEMBERED.steps[type(command)](self.life.call, command, self.life.given, self.life.now)
        if chosen.refused is None:
            self.life.order(command)
        else:
            self.life.refusal(command)
        self._follow(None)

    def _look_for_danger(self, fact: CallTriaged) -> None:
        cleared = {hazard: one.occurred_at for one in self.life.said(DangerCleared) for hazard in one.hazards}
        named = [one.hazard for one in fact.signals if one.certainty is Certainty.PRESENT]
        if fact.decision.hard_exclusion and not named:
            named = [Hazard.UNKNOWN]
        known = [
            one for one in named if one not in MEDICAL and not (one in cleared and fact.occurred_at <= cleared[one])
        ]
        assert not known or self.life.call.case is None, "danger is known, and somebody has the case"

    def _look_for_late_answer(self, before: Call, fact: CaseFact) -> None:
        case, now = before.case, self.life.call.case
        if case is None or case.acknowledged_at is not None or fact.occurred_at <= case.answer_by:
            return
        same = now is not None and now.case_id == case.case_id
        assert not same or self.life.call.holder == "psap", "a late answer was taken"

    def _follow(self, fact: Fact | None) -> None:
        """Check what was published since the last look."""
        if isinstance(fact, ENDED_BY_PROVIDER):
            self.live.discard(fact.epoch)
        for said in self.life.facts[self.seen :]:
            if isinstance(said, CaseRecalled):
                self.live.discard(said.epoch)
            elif isinstance(said, CaseOffered):
                assert not self.live, "two cases are alive"
                self.live.add(said.attempt)
                self._check_offer(said)
        self.seen = len(self.life.facts)

    def _check_offer(self, offer: CaseOffered) -> None:
        call = self.life.call
        assert call.revision is not None
        assert call.revision.digest in self.own & self.judgements, "the newest revision was not judged"
        assert offer.occurred_at < self.decide_by
        assert offer.answer_by <= self.decide_by
        assert offer.acuity not in (Acuity.IMMEDIATE, Acuity.UNKNOWN)
        assert not offer.picture.recorded_late or offer.attempt > 1
        assert not call.dangers
        assert not call.doubted
        order = [type(one) for one in self.life.facts if isinstance(one, DangerCleared | CallReviewed)]
        assert DangerCleared not in order or order[-1] is CallReviewed, "cleared, and no person has reviewed it since"

    @invariant()
    def there_is_one_outcome_at_most(self) -> None:
        concluded = self.life.said(CallConcluded)
        assert len(concluded) == (1 if self.life.stage is Stage.CONCLUDED else 0)
        if concluded and concluded[0].feed is Feed.DIVERTED and concluded[0].reason not in NOT_HANDED_OFF:
            over = concluded[0].recorded_late or concluded[0].reason is OutcomeReason.UNFINISHED
            ruled = concluded[0].outcome in (Outcome.INELIGIBLE, Outcome.NOT_TRIAGED)
            assert self.life.said(CallHandedOff) or over or (ruled and self.life.call.closed_by_cad)

    @invariant()
    def nobody_has_a_concluded_call(self) -> None:
        if self.life.stage is Stage.CONCLUDED:
            assert self.life.call.case is None
            assert not self.live, "a case lives on without a recall"

    @invariant()
    def cad_is_told_in_order_and_believes_nothing_that_has_passed(self) -> None:
        statuses = self.life.said(CallStatusChanged)
        assert [one.status_number for one in statuses] == list(range(1, len(statuses) + 1))
        if statuses and self.life.stage is Stage.CONCLUDED:
            assert statuses[-1].next_update_by is None
        elif statuses:
            assert statuses[-1].next_update_by is not None

    @invariant()
    def what_is_not_over_has_a_timer(self) -> None:
        call = self.life.call
        if call.stage is not Stage.CONCLUDED and call.revision is not None:
            assert call.due()
        assert len(call.hand_offs) + len(call.helps) + len(call.recalls) < 60

    def teardown(self) -> None:
        """Let every timer ring until nothing but promises and forgetting is left."""
        for _ in range(500):
            due = min((one.at for one in self.life.call.due()), default=None)
            if self.life.stage is Stage.CONCLUDED or due is None:
                break
            self._settle()
            self.life.until(due)
            self._follow(None)
        if self.life.call.revision is not None:
            assert self.life.stage is Stage.CONCLUDED
            assert len(self.life.said(CallConcluded)) == 1
        promised = [*self.life.call.hand_offs, *self.life.call.helps, *self.life.call.recalls]
        self._settle()
        assert not self.life.call.promises
        assert len(self.life.call.due()) <= 1, promised

    def _settle(self) -> None:
        """Accept and confirm all that waits."""
        for one in (*self.life.call.hand_offs, *self.life.call.helps):
            self.life.hear(accepted(one.handoff_id, at=self.life.now))
        for one in self.life.call.recalls:
            self.life.hear(by_provider(self.life, cases.RecallConfirmed, attempt=one.epoch, case_id=one.case_id))


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=300,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
