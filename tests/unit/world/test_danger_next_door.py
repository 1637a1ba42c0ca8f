"""Danger in one call counts for those close by, whichever comes first: routing's own table in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import pytest

from divert_chassis.memory import MemoryWorld
from divert_cli.checkout import ROOT
from divert_cli.prepare import SEEDS, seed_policy
from divert_contracts import ids
from divert_contracts.call import Answered, Decision, Picture, Private, Revision, RuleFired, Signal
from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import CallReceived, CallReopened, CallUpdated, PictureFact
from divert_contracts.facts.cases import CaseAcknowledged, TeamOnScene
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.facts.routing import CallHandedOff, CaseOffered, CaseRecalled, DangerNearby
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Certainty,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    Origin,
    Programme,
    Question,
    RecallReason,
    ReviewReason,
    SignalSource,
    Stage,
)
from divert_routing import app as routing
from divert_routing.domain import desk
from divert_routing.domain.call import Call

F = TypeVar("F", bound=Fact)
START = datetime(2026, 10, 5, 18, 0, tzinfo=UTC)
AGENCY = "lapd"
HERE = "100:-200"
POLICIES = tuple(seed_policy(kind, ROOT / path) for kind, path in SEEDS.items())
NEAR = [
    {"cell": HERE},
    {"cell": "101:-201"},
    {"cell": "99:-199"},
    {"place": "house"},
    {"line": "number"},
]
FAR: list[dict[str, str]] = [{"cell": "102:-200"}, {"cell": "100:-198"}, {"place": "barn"}, {"line": "other"}, {}]
WHOLE = {"cell": HERE, "place": "house", "line": "number"}


NOWHERE: Mapping[str, object] = {}


class Street:
    """Calls close to each other, and what routing makes of them."""

    def __init__(self) -> None:
        self.routing = routing.build()
        self.world = MemoryWorld([self.routing], start=START)
        for policy in POLICIES:
            self.world.publish(policy, source="/divert/cli")
        self.world.publish(AgencyRegistered(occurred_at=START, agency=AGENCY, title="LAPD"), source="/divert/cli")

    def call(
        self,
        name: str,
        where: Mapping[str, object] = NOWHERE,
        *,
        own: bool = True,
        judged: bool = True,
        reopens: UUID | None = None,
        **changes: object,
    ) -> UUID:
        """Let a quiet call come, or a further picture of it."""
        return self._picture(name, (), own=own, judged=judged, reopens=reopens, changes={**where, **changes})

    def danger(self, name: str, where: Mapping[str, object] = NOWHERE, *hazards: Hazard, **changes: object) -> UUID:
        """Let a call come whose rules say danger, or a further picture of it."""
        return self._picture(
            name, hazards or (Hazard.WEAPON,), own=True, judged=True, reopens=None, changes={**where, **changes}
        )

    def taken(self, name: str, where: Mapping[str, object] = NOWHERE) -> UUID:
        """Let a call come, be offered and be acknowledged."""
        call = self.call(name, where)
        self.take(call)
        return call

    def there(self, name: str, where: Mapping[str, object] = NOWHERE) -> UUID:
        """Let a call have its team on scene."""
        call = self.taken(name, where)
        self._team(TeamOnScene, self.said(CaseOffered, call)[-1])
        return call

    def take(self, call: UUID) -> None:
        """Let the offer of a call be acknowledged."""
        offer = self.said(CaseOffered, call)[-1]
        self._team(CaseAcknowledged, offer, arrive_by=self.world.now + timedelta(seconds=600))

    def let_go(self, call: UUID) -> None:
        """Let a person find a call eligible."""
        seen = self.state(call).revision
        assert seen is not None
        self.world.command(
            self.routing,
            desk.Review(
                call_id=call,
                by="r",
                revision=seen.digest,
                eligibility=Eligibility.ELIGIBLE,
                reason=ReviewReason.RECORD_IS_CLEAR,
            ),
        )

    def after(self, seconds: float) -> None:
        self.world.run_until(self.world.now + timedelta(seconds=seconds))

    def state(self, call: UUID) -> Call:
        found = self.world.state(self.routing, Call, str(call))
        assert found is not None
        return found

    def said(self, kind: type[F], call: UUID) -> list[F]:
        found = [envelope.fact for topic, envelope in self.world.log if topic == "routing.v1"]
        return [fact for fact in found if isinstance(fact, kind) and fact.key == str(call)]

    def _picture(
        self,
        name: str,
        hazards: tuple[Hazard, ...],
        *,
        own: bool,
        judged: bool,
        reopens: UUID | None,
        changes: dict[str, object],
    ) -> UUID:
        call = ids.call_id(AGENCY, name)
        known = self.world.state(self.routing, Call, str(call))
        number = 1 if known is None or known.revision is None else (known.revision.number or 0) + int(own)
        whole: dict[str, object] = {
            "feed": Feed.DIVERTED,
            "origin": Origin.NINE_ONE_ONE,
            "call_type": "918",
            "reporting_district": "1822",
            "answers": {Question.WEAPON: Answered(answer=Answer.NO)},
        }
        common: dict[str, object] = {
            "occurred_at": self.world.now,
            "call_id": call,
            "agency": AGENCY,
            "incident_number": name,
            "revision": Revision(number=number, digest=f"{name}-{number}"),
            "picture": Picture.model_validate(whole | changes),
            "decide_by": self.world.now + timedelta(seconds=300),
        }
        kind: type[PictureFact] = CallReceived if number == 1 else CallUpdated
        more: dict[str, object] = {"private": Private(narrative="words")}
        if reopens is not None:
            kind, more = CallReopened, more | {"reopens": reopens}
        if own:
            self.world.publish(kind.model_validate(common | more))
        if judged:
            eligibility = Eligibility.INELIGIBLE if hazards else Eligibility.ELIGIBLE
            signals = [
                Signal(hazard=one, source=SignalSource.NARRATIVE, certainty=Certainty.PRESENT, code="x")
                for one in hazards
            ]
            decision = Decision(
                eligibility=eligibility,
                programme=Programme.UMCR,
                acuity=Acuity.URGENT,
                rules=(RuleFired(rule="a-rule", effect=eligibility),),
                hard_exclusion=bool(hazards),
                policy="one",
            )
            self.world.publish(
                CallTriaged.model_validate(common | {"signals": signals, "decision": decision}),
                source="/divert/triage",
            )
        self.world.run_until(self.world.now)
        return call

    def _team(self, kind: type[Fact], offer: CaseOffered, **more: object) -> None:
        common = {"occurred_at": self.world.now, "agency": AGENCY, "call_id": offer.call_id, "case_id": offer.case_id}
        fact = kind.model_validate({**common, "provider": offer.provider, "epoch": offer.epoch, **more})
        self.world.publish(fact, source=f"/divert/provider-gateway/{offer.provider}")
        self.world.run_until(self.world.now)


@pytest.mark.parametrize("where", NEAR)
@pytest.mark.parametrize("feed", [Feed.DIVERTED, Feed.OBSERVED])
def test_danger_close_by_takes_a_team_back_at_once(where: dict[str, str], feed: Feed) -> None:
    street = Street()
    call = street.there("a", WHOLE)
    other = street.danger("b", where, feed=feed)
    nearby = street.said(DangerNearby, call)[0]
    assert (nearby.other_call_id, nearby.hazards) == (other, (Hazard.WEAPON,))
    assert nearby.same_place == ("cell" not in where)
    recall = street.said(CaseRecalled, call)[0]
    assert (recall.reason, recall.hazards, recall.withdraw_if_safe) == (RecallReason.DANGER, (Hazard.WEAPON,), True)
    handed = street.said(CallHandedOff, call)[0]
    assert (handed.reason, handed.urgent, handed.brief.hazards) == (HandOffReason.DANGER, True, (Hazard.WEAPON,))


@pytest.mark.parametrize("where", FAR)
def test_danger_further_away_changes_nothing(where: dict[str, str]) -> None:
    street = Street()
    call = street.taken("a", WHOLE)
    street.danger("b", where)
    assert street.state(call).stage is Stage.ACKNOWLEDGED


def test_danger_close_by_ends_an_open_offer() -> None:
    street = Street()
    call = street.call("a", cell=HERE)
    street.danger("b", cell=HERE)
    assert street.state(call).stage is Stage.CONCLUDED
    assert street.said(CaseRecalled, call)[0].reason is RecallReason.DANGER


@pytest.mark.parametrize("where", [{"place": "house"}, {"line": "number"}])
@pytest.mark.parametrize("triage_first", [False, True])
def test_a_call_from_a_place_of_known_danger_is_not_offered(where: dict[str, str], triage_first: bool) -> None:  # noqa: FBT001 (a case of a test)
    street = Street()
    street.danger("b", where, feed=Feed.OBSERVED)
    call = street.call("a", WHOLE, own=not triage_first, judged=triage_first)
    street.call("a", WHOLE, own=triage_first, judged=not triage_first)
    assert not street.said(CaseOffered, call)
    assert street.state(call).stage is Stage.CONCLUDED
    assert street.said(CallHandedOff, call)[0].reason is HandOffReason.DANGER


def test_a_call_from_close_by_known_danger_is_for_a_person_to_decide() -> None:
    street = Street()
    street.danger("b", cell="99:-200")
    call = street.call("a", cell=HERE)
    assert street.state(call).stage is Stage.IN_REVIEW
    street.let_go(call)
    assert street.state(call).stage is Stage.OFFERED
    street.danger("c", {"cell": HERE}, Hazard.VIOLENCE)
    assert street.state(call).stage is Stage.CONCLUDED


def test_danger_that_comes_during_a_review_is_not_left_to_a_reviewer_who_had_not_seen_it() -> None:
    street = Street()
    street.danger("b", cell="99:-200")
    call = street.call("a", cell=HERE)
    street.danger("c", cell="101:-200")
    assert street.state(call).stage is Stage.CONCLUDED
    assert not street.said(CaseOffered, call)


def test_danger_counts_for_an_hour() -> None:
    street = Street()
    street.danger("b", WHOLE)
    street.after(3_599)
    assert not street.said(CaseOffered, street.call("a", WHOLE))
    street.after(2)
    assert street.said(CaseOffered, street.call("c", WHOLE))


def test_danger_that_is_spoken_of_again_counts_from_then() -> None:
    street = Street()
    street.danger("b", WHOLE)
    street.after(3_000)
    street.danger("b", WHOLE)
    street.after(3_000)
    assert not street.said(CaseOffered, street.call("a", WHOLE))


def test_danger_that_was_cleared_counts_no_more_and_a_call_that_waited_for_a_person_is_offered() -> None:
    street = Street()
    other = street.danger("b", WHOLE)
    ended = street.call("a", WHOLE)
    waiting = street.call("d", cell=HERE)
    assert street.state(waiting).stage is Stage.IN_REVIEW
    street.world.command(street.routing, desk.ClearDanger(call_id=other, by="s", unit="18L20"))
    street.world.run_until(street.world.now)
    assert street.state(waiting).stage is Stage.OFFERED
    assert street.state(ended).stage is Stage.CONCLUDED
    assert street.said(CaseOffered, street.call("c", WHOLE))


def test_drills_and_real_calls_never_hear_of_each_other() -> None:
    street = Street()
    street.danger("b", WHOLE, exercise=True)
    assert street.said(CaseOffered, street.call("a", WHOLE))
    drill = street.call("c", WHOLE, exercise=True)
    assert not street.said(CaseOffered, drill)


def test_what_was_entered_afterwards_is_no_danger_now() -> None:
    street = Street()
    street.danger("b", WHOLE, feed=Feed.OBSERVED, recorded_late=True)
    assert street.said(CaseOffered, street.call("a", WHOLE))


def test_a_call_that_reopens_one_with_danger_is_never_offered_however_long_ago_that_was() -> None:
    street = Street()
    old = street.danger("b")
    street.after(50_000)
    new = street.call("b again", reopens=old)
    assert not street.said(CaseOffered, new)
    assert street.said(DangerNearby, new)[0].other_call_id == old
    street.world.command(street.routing, desk.ClearDanger(call_id=old, by="s", unit="18L20"))
    assert street.said(CaseOffered, street.call("b once more", reopens=old))


def test_a_team_that_has_not_confirmed_its_recall_is_warned() -> None:
    street = Street()
    call = street.taken("a", WHOLE)
    street.after(20_000)  # nobody set out: recalled, and not confirmed
    before = len(street.said(CaseRecalled, call))
    street.danger("b", WHOLE)
    assert street.said(CaseRecalled, call)[-1].hazards == (Hazard.WEAPON,)
    assert len(street.said(CaseRecalled, call)) == before + 1


def test_a_call_that_moves_to_a_place_of_danger_is_taken_back() -> None:
    street = Street()
    street.danger("b", WHOLE)
    call = street.taken("a", {"cell": "500:500"})
    street.call("a", WHOLE)
    assert street.state(call).stage is Stage.CONCLUDED
    assert street.said(CaseRecalled, call)[0].reason is RecallReason.DANGER


def test_an_observed_call_that_is_diverted_later_has_heard_of_danger_by_then() -> None:
    street = Street()
    call = street.call("a", WHOLE, feed=Feed.OBSERVED)
    street.danger("b", WHOLE)
    street.call("a", WHOLE)
    assert not street.said(CaseOffered, call)
    assert street.state(call).stage is Stage.CONCLUDED


@pytest.mark.parametrize("mover", ["a", "b"])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_danger_that_a_reviewer_saw_further_off_takes_a_team_back_from_its_own_place(
    mover: str,
    acknowledged: bool,  # noqa: FBT001 (a case of a test)
) -> None:
    street = Street()
    street.danger("b", cell="99:-200", place="barn")
    call = street.call("a", WHOLE)
    street.let_go(call)
    if acknowledged:
        street.take(call)
    assert street.state(call).case is not None
    if mover == "a":
        street.call("a", cell=HERE, place="barn")
    else:
        street.danger("b", WHOLE)
    assert street.state(call).stage is Stage.CONCLUDED
    assert street.said(CaseRecalled, call)[0].reason is RecallReason.DANGER
    assert street.said(CallHandedOff, call)[0].reason is HandOffReason.DANGER
    assert [one.same_place for one in street.said(DangerNearby, call)] == [False, True]


@pytest.mark.parametrize("later", [{**WHOLE, "exercise": True}, {**WHOLE, "recorded_late": True}, {}])
@pytest.mark.parametrize("where", [{"place": "house"}, {"line": "number"}])
def test_danger_at_an_address_outlasts_a_revision_that_calls_it_a_drill_or_over_or_names_no_place(
    later: dict[str, object], where: dict[str, object]
) -> None:
    street = Street()
    street.danger("b", WHOLE, feed=Feed.OBSERVED)
    street.call("b", later, feed=Feed.OBSERVED)
    call = street.call("a", where)
    assert not street.said(CaseOffered, call)
    assert street.said(CallHandedOff, call)[0].reason is HandOffReason.DANGER


@pytest.mark.parametrize("later", [{**WHOLE, "exercise": True}, {**WHOLE, "recorded_late": True}, {}])
def test_a_team_hears_of_danger_also_after_such_a_revision(later: dict[str, object]) -> None:
    street = Street()
    call = street.taken("a", WHOLE)
    street.call("a", later)
    assert street.state(call).stage is Stage.ACKNOWLEDGED
    street.danger("b", WHOLE)
    assert street.state(call).stage is Stage.CONCLUDED


def test_danger_goes_with_a_corrected_address() -> None:
    street = Street()
    street.danger("b", WHOLE, feed=Feed.OBSERVED)
    street.call("b", cell="500:500", place="barn", line="number", feed=Feed.OBSERVED)
    assert street.said(CaseOffered, street.call("a", cell=HERE, place="house"))
    assert not street.said(CaseOffered, street.call("c", place="barn"))
