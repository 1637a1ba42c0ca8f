"""A call's life told step by step: facts, orders and time go through routing's own wiring table."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import yaml

from divert_chassis.core import document
from divert_contracts import ids
from divert_contracts.call import (
    Address,
    Answered,
    Decision,
    Person,
    Picture,
    Private,
    Revision,
    RuleFired,
    Signal,
    Stamps,
    Team,
)
from divert_contracts.facts import calls, cases
from divert_contracts.facts.base import CaseFact, Fact
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CallStatusChanged,
    CaseOffered,
    CaseRecalled,
)
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versions
from divert_contracts.step import Command, Failure, Next, Refusal
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    CancelReason,
    Certainty,
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
    Programme,
    Question,
    Responder,
    ReviewReason,
    SignalSource,
    Stage,
)
from divert_routing.app import build
from divert_routing.domain import desk
from divert_routing.domain.call import Call
from divert_routing.domain.directory import Directory
from divert_routing.domain.given import Given

F = TypeVar("F", bound=Fact)

NOON = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
"""Noon of a Friday in Los Angeles; every call is accepted then, unless a test says otherwise."""
AGENCY = "lapd"
INCIDENT = "2611200001"
CALL = ids.call_id(AGENCY, INCIDENT)
ROUTING = build()
REMEMBERED = ROUTING.kinds[0]
SEEDS = Path(__file__).parents[3] / "seeds"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@cache
def directory() -> Directory:
    return Directory.model_validate(yaml.safe_load((SEEDS / "policy" / "routing.yaml").read_text()))


@cache
def given() -> Given:
    """What routing knows in most tests: the seed directory, no shifts, one agency."""
    return knowing(directory())


def changed(**parts: object) -> Directory:
    """Return the seed directory with other parts."""
    return Directory.model_validate(directory().model_dump() | parts)


def knowing(one: Directory) -> Given:
    known: Versions[Directory] = Versions()
    return Given(known.with_version(one.version, one.in_force_from, one), {}, frozenset({AGENCY}))


PRIVATE = Private(
    narrative="he is shouting at the bus stop",
    address=Address(text="100 Main St", unit="4"),
    caller=Person(name="A Caller", number="555"),
)


class Life:
    """Folds what happens to one call, and keeps what was published. States go through their codec at each step."""

    def __init__(self, *, at: datetime = NOON, given_: Given | None = None, call_id: UUID = CALL) -> None:
        self.given = given_ or given()
        self.now = at
        self.call = Call.blank(str(call_id))
        self.facts: list[Fact] = []

    def hear(self, *facts: Fact) -> "Life":
        """Let facts come now, one after the other."""
        for fact in facts:
            self._take(REMEMBERED.steps[type(fact)](self.call, fact, self.given, self.now))
        return self

    def order(self, command: Command) -> "Life":
        """Order something that is done."""
        done = self._take(REMEMBERED.steps[type(command)](self.call, command, self.given, self.now))
        assert done.refused is None, done.refused
        assert done.answer is not None
        return self

    def refusal(self, command: Command) -> Refusal:
        """Order something that is refused, and changes nothing."""
        before = document(self.call)
        done = self._take(REMEMBERED.steps[type(command)](self.call, command, self.given, self.now))
        assert done.refused is not None
        assert not done.facts
        assert document(self.call) == before
        return done.refused

    def fail(self, fact_type: str | None = None, agency: str | None = None) -> "Life":
        """Let a fact come that cannot be handled."""
        assert REMEMBERED.failed is not None
        self._take(REMEMBERED.failed(self.call, Failure(fact_type, "value:missing", agency), self.given, self.now))
        return self

    def until(self, time: datetime) -> "Life":
        """Let time pass, and every timer ring when it is due."""
        for _ in range(10_000):
            due = min((one for one in self.call.due() if one.at <= time), key=lambda one: one.at, default=None)
            if due is None:
                self.now = max(self.now, time)
                return self
            self.now = max(self.now, due.at)
            self._take(REMEMBERED.steps[type(due.timer)](self.call, due.timer, self.given, self.now))
        raise AssertionError("timers never end")

    def after(self, number: float) -> "Life":
        """Let seconds pass."""
        return self.until(self.now + seconds(number))

    def said(self, kind: type[F]) -> list[F]:
        """Return what was published of a kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def only(self, kind: type[F]) -> F:
        """Return the one fact of a kind that was published."""
        found = self.said(kind)
        assert len(found) == 1, [type(fact).__name__ for fact in self.facts]
        return found[0]

    def last(self, kind: type[F]) -> F:
        """Return the newest fact of a kind."""
        return self.said(kind)[-1]

    def forget_facts(self) -> "Life":
        """Look only at what is published from now on."""
        self.facts.clear()
        return self

    @property
    def stage(self) -> Stage:
        return self.call.stage

    @property
    def ending(self) -> tuple[str, str]:
        """Return outcome and reason."""
        concluded = self.only(CallConcluded)
        return str(concluded.outcome), str(concluded.reason)

    @property
    def status(self) -> CallStatusChanged:
        """Return what CAD was told last."""
        return self.last(CallStatusChanged)

    @property
    def hand_off(self) -> CallHandedOff:
        """Return the hand-off, as it was said last."""
        return self.last(CallHandedOff)

    @property
    def help(self) -> AssistanceRequested:
        """Return the call for assistance that was said last."""
        return self.last(AssistanceRequested)

    @property
    def offer(self) -> CaseOffered:
        """Return the newest offer."""
        return self.last(CaseOffered)

    @property
    def recall(self) -> CaseRecalled:
        """Return the newest recall."""
        return self.last(CaseRecalled)

    def _take(self, chosen: Next[Call]) -> Next[Call]:
        assert set(chosen.state.__dict__) == set(Call.model_fields)
        self.call = Call.model_validate_json(document(chosen.state))
        self.facts += chosen.facts
        return chosen


# What CAD says.


def picture(**changes: object) -> Picture:
    """Return a diverted call from Southeast, which Exodus serves and nobody helps."""
    whole: dict[str, object] = {
        "feed": Feed.DIVERTED,
        "origin": Origin.NINE_ONE_ONE,
        "call_type": "918",
        "reporting_district": "1822",
        "answers": {Question.WEAPON: Answered(answer=Answer.NO)},
    }
    return Picture.model_validate(whole | changes)


def revision(number: int) -> Revision:
    return Revision(number=number, digest=f"digest-{number}")


def received(
    number: int = 1, *, at: datetime = NOON, decide_by: datetime | None = None, **changes: object
) -> calls.PictureFact:
    kind = calls.CallReceived if number == 1 else calls.CallUpdated
    return kind(
        occurred_at=at,
        call_id=CALL,
        agency=AGENCY,
        incident_number=INCIDENT,
        revision=revision(number),
        picture=picture(**changes),
        private=PRIVATE,
        decide_by=decide_by or at + seconds(300),
    )


def reopened(old: UUID, *, at: datetime = NOON) -> calls.CallReopened:
    return calls.CallReopened(**dict(received(at=at)), reopens=old)


def triaged(
    number: int = 1,
    *,
    at: datetime = NOON,
    eligibility: Eligibility = Eligibility.ELIGIBLE,
    programme: Programme = Programme.UMCR,
    acuity: Acuity = Acuity.URGENT,
    hazards: Sequence[Hazard] = (),
    certainty: Certainty = Certainty.PRESENT,
    hard: bool = False,
    rule: str = "care-918",
    unscreened: bool = False,
    **changes: object,
) -> CallTriaged:
    return CallTriaged(
        occurred_at=at,
        call_id=CALL,
        agency=AGENCY,
        incident_number=INCIDENT,
        revision=revision(number),
        picture=picture(**changes),
        decide_by=at + seconds(300),
        signals=tuple(
            Signal(hazard=one, source=SignalSource.ANSWER, certainty=certainty, code=f"answer-{one}") for one in hazards
        ),
        decision=Decision(
            eligibility=eligibility,
            programme=programme,
            acuity=acuity,
            rules=(RuleFired(rule=rule, effect=eligibility),),
            hard_exclusion=hard,
            unscreened=unscreened,
            policy="triage-1",
        ),
    )


def dangerous(
    number: int = 1, *, at: datetime = NOON, hazard: Hazard = Hazard.WEAPON, **changes: object
) -> CallTriaged:
    """Return the triage of a revision with a hard exclusion."""
    return triaged(
        number,
        at=at,
        eligibility=Eligibility.INELIGIBLE,
        hazards=(hazard,),
        hard=True,
        rule=f"exclude-{hazard}",
        **changes,  # pyright: ignore[reportArgumentType]
    )


def unclear(number: int = 1, *, at: datetime = NOON) -> CallTriaged:
    """Return the triage of a revision that a person must look at."""
    return triaged(
        number, at=at, eligibility=Eligibility.NEEDS_REVIEW, hazards=(Hazard.WEAPON,), certainty=Certainty.POSSIBLE
    )


def cancelled(
    reason: CancelReason = CancelReason.CALLER, *, at: datetime = NOON, of: UUID | None = None
) -> calls.CallCancelled:
    return calls.CallCancelled(occurred_at=at, call_id=CALL, agency=AGENCY, reason=reason, duplicate_of=of)


def closed_by_cad(*, at: datetime = NOON) -> calls.CallClosedByCad:
    return calls.CallClosedByCad(occurred_at=at, call_id=CALL, agency=AGENCY)


def accepted(handoff_id: UUID, *, at: datetime = NOON) -> calls.HandoffAccepted:
    return calls.HandoffAccepted(
        occurred_at=at, call_id=CALL, agency=AGENCY, handoff_id=handoff_id, by="dispatcher-7", unit="12A45"
    )


def responder(
    who: Responder = Responder.PATROL, *, at: datetime = NOON, arrived_at: datetime | None = None
) -> calls.ResponderReported:
    return calls.ResponderReported(
        occurred_at=at, call_id=CALL, agency=AGENCY, responder=who, unit="12A45", arrived_at=arrived_at
    )


def stamps(*, arrived_at: datetime | None) -> Stamps:
    return Stamps(created_at=NOON - timedelta(hours=2), arrived_at=arrived_at, closed_at=NOON - timedelta(hours=1))


# What providers say, of the newest offer unless told otherwise.

C = TypeVar("C", bound=CaseFact)


def by_provider(life: Life, kind: type[C], *, attempt: int | None = None, **more: object) -> C:
    """Return a fact of the provider's, said now."""
    epoch = life.call.attempts if attempt is None else attempt
    offers = [one for one in life.said(CaseOffered) if one.attempt == epoch]
    return kind.model_validate(
        {
            "occurred_at": life.now,
            "call_id": CALL,
            "agency": AGENCY,
            "case_id": ids.case_id(CALL, epoch),
            "provider": offers[0].provider if offers else life.call.provider or "exodus",
            "epoch": epoch,
            **more,
        }
    )


def acknowledged(life: Life, *, within: float = 600, attempt: int | None = None) -> cases.CaseAcknowledged:
    return by_provider(life, cases.CaseAcknowledged, attempt=attempt, arrive_by=life.now + seconds(within))


def declined(life: Life, reason: DeclineReason = DeclineReason.OTHER) -> cases.CaseDeclined:
    return by_provider(life, cases.CaseDeclined, reason=reason)


def contacted(life: Life, contact: Contact = Contact.IN_PERSON, attempt: int | None = None) -> cases.PersonContacted:
    return by_provider(life, cases.PersonContacted, contact=contact, attempt=attempt)


def handed_back(
    life: Life,
    reason: HandBackReason = HandBackReason.NO_LONGER_ABLE,
    *,
    hazards: Sequence[Hazard] = (),
    attempt: int | None = None,
) -> cases.CaseHandedBack:
    return by_provider(life, cases.CaseHandedBack, reason=reason, hazards=hazards, attempt=attempt)


def closed(life: Life, contact: Contact = Contact.NONE, attempt: int | None = None) -> cases.CaseClosed:
    return by_provider(
        life, cases.CaseClosed, disposition=Disposition.RESOLVED_ON_SCENE, contact=contact, attempt=attempt
    )


# What the desk orders.


def review(number: int = 1, eligibility: Eligibility = Eligibility.ELIGIBLE) -> desk.Review:
    return desk.Review(
        call_id=CALL,
        by="reviewer-1",
        revision=f"digest-{number}",
        eligibility=eligibility,
        reason=ReviewReason.CALLER_ASKED_AGAIN,
    )


def direct(
    direction: Direction,
    *,
    provider: str | None = None,
    programme: Programme | None = None,
    until: datetime | None = None,
) -> desk.Direct:
    return desk.Direct(
        call_id=CALL,
        by="desk-1",
        direction=direction,
        reason=DirectionReason.SUPERVISOR,
        provider=provider,
        programme=programme,
        until=until,
    )


def take_back() -> desk.Direct:
    return direct(Direction.TAKE_BACK)


def clear(*hazards: Hazard) -> desk.ClearDanger:
    return desk.ClearDanger(call_id=CALL, by="sergeant-2", unit="18L20", hazards=hazards)


# Lives up to a point.


def offered(**changes: object) -> Life:
    """A call that was offered at noon: to Exodus, unless its picture says otherwise."""
    return Life().hear(received(**changes), triaged(**changes))  # pyright: ignore[reportArgumentType]


def taken(**changes: object) -> Life:
    """A call that was acknowledged ten seconds after noon."""
    life = offered(**changes).after(10)
    return life.hear(acknowledged(life))


def going(**changes: object) -> Life:
    """A call whose team set out a minute after noon."""
    life = taken(**changes).after(50)
    return life.hear(by_provider(life, cases.TeamEnRoute))


def there(**changes: object) -> Life:
    """A call whose team arrived five minutes after noon."""
    life = going(**changes).after(240)
    return life.hear(by_provider(life, cases.TeamOnScene))


def in_review() -> Life:
    """A call that waits for a reviewer since noon."""
    return Life().hear(received(), unclear())


def observed(**changes: object) -> Life:
    """A call that came in the observed feed at noon, not judged yet."""
    return Life().hear(received(feed=Feed.OBSERVED, **changes))  # pyright: ignore[reportArgumentType]


def helped_by(provider: str, helps: str, division: int) -> Given:
    """Return what routing knows with one mutual-aid agreement only."""
    return knowing(changed(mutual_aid=[{"provider": provider, "helps": helps, "divisions": [division]}]))


def with_shift(known: Given, provider: str, *teams: str) -> Given:
    return replace(known, shifts={**known.shifts, provider: tuple(Team(team=one) for one in teams)})
