"""Calls as reporting hears of them."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid5

from divert_contracts import ids
from divert_contracts.call import Answered, Decision, Picture, Revision, RuleFired, SafetyBrief, Stamps
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import CaseFact, Fact, RoutingFact
from divert_contracts.facts.cases import (
    BackupArrived,
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    FollowUpDone,
    PersonContacted,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CaseOffered,
    CaseRecalled,
    HandoffConfirmed,
    ResponderRecorded,
)
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    FollowUp,
    HandOffReason,
    Hazard,
    Origin,
    Outcome,
    OutcomeReason,
    Programme,
    Question,
    RecallReason,
    Responder,
    Stage,
)
from divert_reporting.domain.record import NOTHING, Record, heard

NOON = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
CALL = ids.call_id("lapd", "26100100123")
R = TypeVar("R", bound=RoutingFact)
C = TypeVar("C", bound=CaseFact)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


PICTURE = Picture(
    feed=Feed.DIVERTED,
    origin=Origin.NINE_ONE_ONE,
    call_type="918",
    initial_call_type="507",
    reporting_district="0714",
    answers={Question.WEAPON: Answered(answer=Answer.NO)},
    stamps=Stamps(answered_at=after(-40), created_at=after(-20)),
    warnings=("priority",),
)
DECISION = Decision(
    eligibility=Eligibility.ELIGIBLE,
    programme=Programme.UMCR,
    acuity=Acuity.URGENT,
    rules=(RuleFired(rule="care-type-918", effect=Eligibility.ELIGIBLE),),
    policy="2026-10",
)


def triaged(
    number: int = 1, *, picture: Picture = PICTURE, decision: Decision = DECISION, at: float = 0
) -> CallTriaged:
    return CallTriaged(
        occurred_at=after(at),
        call_id=CALL,
        agency="lapd",
        incident_number="26100100123",
        revision=Revision(number=number, digest=f"{number:064x}"),
        picture=picture,
        decide_by=after(300),
        decision=decision,
    )


def opened(*, picture: Picture = PICTURE, stage: Stage = Stage.AWAITING_TRIAGE) -> CallOpened:
    return CallOpened(
        occurred_at=after(0.1),
        call_id=CALL,
        agency="lapd",
        stage=stage,
        epoch=0,
        incident_number="26100100123",
        picture=picture,
        accepted_at=NOON,
        division=7,
    )


def offered(attempt: int = 1, provider: str = "exodus", *, at: float = 0.2) -> CaseOffered:
    return CaseOffered(
        occurred_at=after(at),
        call_id=CALL,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=attempt,
        case_id=ids.case_id(CALL, attempt),
        provider=provider,
        attempt=attempt,
        incident_number="26100100123",
        programme=Programme.UMCR,
        acuity=Acuity.URGENT,
        division=7,
        picture=PICTURE,
        decision=DECISION,
        answer_by=after(at + 90),
        en_route_within=900,
        on_scene_within=2700,
    )


def recalled(attempt: int, reason: RecallReason, *, at: float, provider: str = "exodus") -> CaseRecalled:
    return CaseRecalled(
        occurred_at=after(at),
        call_id=CALL,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=attempt,
        case_id=ids.case_id(CALL, attempt),
        provider=provider,
        reason=reason,
    )


def of_case(kind: type[C], at: float, attempt: int = 1, provider: str = "exodus", **said: object) -> C:
    return kind.model_validate(
        {
            "occurred_at": after(at),
            "call_id": CALL,
            "agency": "lapd",
            "case_id": ids.case_id(CALL, attempt),
            "provider": provider,
            "epoch": attempt,
            **said,
        }
    )


def of_routing(kind: type[R], at: float, stage: Stage = Stage.CONCLUDED, **said: object) -> R:
    return kind.model_validate(
        {"occurred_at": after(at), "call_id": CALL, "agency": "lapd", "stage": stage, "epoch": 1, **said}
    )


def handed_off(at: float, **said: object) -> CallHandedOff:
    return of_routing(
        CallHandedOff,
        at,
        Stage.CONCLUDED,
        **{
            "handoff_id": ids.handoff_id(CALL, 1),
            "incident_number": "26100100123",
            "reason": HandOffReason.NOBODY_TOOK_IT,
            "recommend": Responder.PATROL,
            "brief": SafetyBrief(),
            "accept_by": after(at + 30),
            **said,
        },
    )


def concluded(at: float, outcome: Outcome, reason: OutcomeReason, **said: object) -> CallConcluded:
    return of_routing(
        CallConcluded,
        at,
        Stage.CONCLUDED,
        **{
            "outcome": outcome,
            "reason": reason,
            "feed": Feed.DIVERTED,
            "origin": Origin.NINE_ONE_ONE,
            "division": 7,
            "call_type": "918",
            "acuity": Acuity.URGENT,
            "programme": Programme.UMCR,
            "policy": "2026-10",
            "routing_policy": "2026-09",
            **said,
        },
    )


SERVED: tuple[Fact, ...] = (
    triaged(),
    opened(),
    offered(1, "exodus"),
    of_case(CaseDeclined, 20, reason=DeclineReason.AT_CAPACITY),
    recalled(1, RecallReason.REASSIGNED, at=20.1),
    offered(2, "alcott", at=20.2),
    of_case(CaseAcknowledged, 40, 2, "alcott", arrive_by=after(1200)),
    of_case(TeamEnRoute, 100, 2, "alcott"),
    of_case(TeamOnScene, 1100, 2, "alcott", said_at=after(1000)),
    of_case(PersonContacted, 1150, 2, "alcott", contact=Contact.IN_PERSON),
    of_case(BackupRequested, 1200, 2, "alcott", hazards=(Hazard.VIOLENCE,)),
    of_case(BackupArrived, 1300, 2, "alcott"),
    of_case(
        CaseClosed,
        2000,
        2,
        "alcott",
        disposition=Disposition.REFERRED,
        contact=Contact.IN_PERSON,
        follow_up_due=after(172_800),
    ),
    concluded(
        2000.1,
        Outcome.SERVED,
        OutcomeReason.CLOSED,
        provider="alcott",
        attempts=2,
        contact=Contact.IN_PERSON,
        disposition=Disposition.REFERRED,
    ),
    of_case(FollowUpDone, 90_000, 2, "alcott", result=FollowUp.CONNECTED),
)

NOBODY_ANSWERED: tuple[Fact, ...] = (
    triaged(),
    opened(),
    offered(),
    recalled(1, RecallReason.ANSWER_OVERDUE, at=91.2),
    # It came in time to the gateway, and too late to routing.
    of_case(CaseAcknowledged, 90, arrive_by=after(1200)),
    recalled(1, RecallReason.LATE_ANSWER, at=95),
    handed_off(91.3),
    of_routing(HandoffConfirmed, 100, handoff_id=ids.handoff_id(CALL, 1), by="d-12"),
    concluded(91.3, Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.TIMED_OUT, provider="exodus", attempts=1),
    of_routing(ResponderRecorded, 700, responder=Responder.PATROL, dispatched_at=after(200), arrived_at=after(600)),
    of_routing(ResponderRecorded, 900, responder=Responder.PATROL, cleared_at=after(890), arrest=Answer.YES),
)


def enveloped(facts: tuple[Fact, ...]) -> list[Envelope]:
    """Number the facts as their writers would."""
    counts: dict[str, int] = {}
    envelopes: list[Envelope] = []
    for number, fact in enumerate(facts):
        writer = "/divert/routing" if isinstance(fact, RoutingFact) else "/divert/triage"
        if isinstance(fact, CaseFact):
            writer = f"/divert/provider-gateway/{fact.provider}"
        counts[writer] = counts.get(writer, 0) + 1
        envelopes.append(
            Envelope(
                id=fact_id(number),
                source=writer,
                fact=fact,
                cause=fact_id(number - 1) if number else None,
                sequence=None if writer == "/divert/triage" else counts[writer],
            )
        )
    return envelopes


def fact_id(number: int) -> UUID:
    return uuid5(ids.NAMESPACE, f"test:{number}")


def record(envelopes: list[Envelope]) -> Record:
    """Return the record of a call after hearing facts in the order in which they are given."""
    known = Record(call_id=CALL)
    for envelope in envelopes:
        known = heard(known, envelope, NOTHING, NOON).state
    return known
