"""Facts of one call come in any order, more than once, late or never."""

from datetime import timedelta
from itertools import permutations

import pytest

from divert_contracts import ids
from divert_contracts.call import Revision
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import (
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CallStatusChanged,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
)
from divert_contracts.vocabulary import (
    Acuity,
    Eligibility,
    Feed,
    HandOffReason,
    Origin,
    Programme,
    RecallReason,
    Stage,
)
from unit.routing.lives import (
    CALL,
    NOON,
    PRIVATE,
    Life,
    acknowledged,
    cancelled,
    closed_by_cad,
    in_review,
    observed,
    offered,
    received,
    reopened,
    seconds,
    taken,
    triaged,
    unclear,
)


def test_a_decision_before_its_call_waits_for_the_calls_own_words() -> None:
    life = Life().hear(triaged())
    assert not life.facts
    life.hear(received())
    assert life.stage is Stage.OFFERED
    assert life.offer.private == PRIVATE
    assert life.only(CallOpened).accepted_at == NOON


def test_a_call_is_opened_once() -> None:
    life = Life().hear(received(), triaged(), received(2, at=NOON + seconds(1)))
    assert life.only(CallOpened).division == 18


def test_an_offer_needs_the_triage_of_the_newest_revision() -> None:
    life = Life().hear(received(), received(2, at=NOON + seconds(1)), triaged(1))
    assert life.stage is Stage.AWAITING_TRIAGE
    life.hear(triaged(2, at=NOON + seconds(1)))
    assert life.offer.decision.policy == "triage-1"


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_two_revisions_and_their_decisions_lead_to_one_offer_in_any_order(order: tuple[int, ...]) -> None:
    later = NOON + seconds(1)
    facts: list[Fact] = [
        received(),
        triaged(),
        received(2, at=later, call_type="918B"),
        triaged(2, at=later, call_type="918B"),
    ]
    life = Life(at=later)
    for number in order:
        life.hear(facts[number])
    live = [one.attempt for one in life.said(CaseOffered)]
    assert live == [1]
    newest = life.said(CaseUpdated)[-1].picture if life.said(CaseUpdated) else life.offer.picture
    assert newest.call_type == "918B"
    assert life.call.told


def test_revisions_without_a_number_are_ordered_by_their_time_and_then_by_acceptance() -> None:
    def numbered(digest: str, updated: float | None) -> Revision:
        at = None if updated is None else NOON + seconds(updated)
        return Revision(updated_at=at, digest=digest)

    newer = received(2, at=NOON, call_type="new").model_copy(update={"revision": numbered("b", 10)})
    older = received(2, at=NOON + seconds(3), call_type="old").model_copy(update={"revision": numbered("a", 5)})
    life = Life(at=NOON + seconds(3)).hear(newer, older)
    assert life.call.picture is not None
    assert life.call.picture.call_type == "new"

    first = received(2, at=NOON, call_type="old").model_copy(update={"revision": numbered("z", None)})
    second = received(2, at=NOON + seconds(1), call_type="new").model_copy(update={"revision": numbered("a", None)})
    for facts in ((first, second), (second, first)):
        life = Life(at=NOON + seconds(1)).hear(*facts)
        assert life.call.picture is not None
        assert life.call.picture.call_type == "new"


def test_a_revision_that_stays_eligible_reaches_whoever_was_offered_the_call() -> None:
    life = offered().after(5)
    life.hear(received(2, at=life.now, call_type="918B"), triaged(2, at=life.now, call_type="918B"))
    updated = life.only(CaseUpdated)
    assert (updated.provider, updated.picture.call_type, updated.private) == ("exodus", "918B", PRIVATE)
    assert not life.said(CaseRecalled)


@pytest.mark.parametrize(
    ("number", "change", "reason", "provider"),
    [
        (2, {"reporting_district": "0722"}, RecallReason.DIVISION_CHANGED, "alcott"),
        (2, {"programme": Programme.PHONE}, RecallReason.NO_LONGER_ELIGIBLE, "crisis-line"),
    ],
    ids=["another division", "another programme"],
)
def test_before_acknowledgement_a_call_for_somebody_else_moves_on(
    number: int, change: dict[str, object], reason: RecallReason, provider: str
) -> None:
    life = offered().after(5)
    where = {name: value for name, value in change.items() if name != "programme"}
    life.hear(
        received(number, at=life.now, **where),  # pyright: ignore[reportArgumentType]
        triaged(number, at=life.now, **change),  # pyright: ignore[reportArgumentType]
    )
    assert (life.recall.reason, life.recall.confirm_by) == (reason, None)
    assert (life.offer.provider, life.offer.attempt) == (provider, 2)


def test_before_acknowledgement_lost_eligibility_withdraws_the_offer() -> None:
    life = offered().after(5)
    life.hear(received(2, at=life.now), triaged(2, at=life.now, eligibility=Eligibility.INELIGIBLE))
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE
    assert life.ending == ("ineligible", "rule")
    doubtful = offered().after(5)
    doubtful.hear(received(2, at=doubtful.now), unclear(2, at=doubtful.now))
    assert doubtful.recall.reason is RecallReason.NO_LONGER_ELIGIBLE
    assert (doubtful.stage, doubtful.call.review_by) == (Stage.IN_REVIEW, NOON + seconds(125))


def test_a_more_urgent_revision_shortens_the_limits_of_an_open_offer() -> None:
    life = Life().hear(received(), triaged(acuity=Acuity.ROUTINE)).after(5)
    life.hear(received(2, at=life.now), triaged(2, at=life.now, acuity=Acuity.EMERGENT))
    updated = life.only(CaseUpdated)
    assert (updated.acuity, updated.deadlines.answer_by) == (Acuity.EMERGENT, NOON + seconds(65))
    assert (updated.en_route_within, updated.on_scene_within) == (300, 1_200)
    life.after(5)
    life.hear(acknowledged(life))
    assert life.call.case is not None
    assert life.call.case.en_route_by == NOON + seconds(310)
    assert life.call.case.on_scene_by == NOON + seconds(1_210)


def test_an_offer_that_became_more_urgent_goes_on_to_the_next_sooner() -> None:
    life = Life().hear(received(), triaged(acuity=Acuity.ROUTINE)).after(5)
    life.hear(received(2, at=life.now), triaged(2, at=life.now, acuity=Acuity.EMERGENT)).after(61)
    assert life.recall.reason is RecallReason.ANSWER_OVERDUE


@pytest.mark.parametrize("acuity", [Acuity.EMERGENT, Acuity.IMMEDIATE])
def test_a_more_urgent_revision_shortens_the_limits_of_a_team_from_then_on(acuity: Acuity) -> None:
    life = Life().hear(received(), triaged(acuity=Acuity.ROUTINE)).after(5)
    life.hear(acknowledged(life, within=5_000)).after(600)
    life.hear(received(2, at=life.now), triaged(2, at=life.now, acuity=acuity))
    updated = life.only(CaseUpdated)
    assert updated.acuity is acuity
    assert updated.deadlines.en_route_by == life.now + seconds(300)
    assert updated.deadlines.on_scene_by == life.now + seconds(1_200)


@pytest.mark.parametrize("acuity", [Acuity.URGENT, Acuity.ROUTINE, Acuity.UNKNOWN])
def test_no_other_revision_changes_the_limits_of_a_team(acuity: Acuity) -> None:
    life = taken().after(60)
    before = life.call.deadlines()
    life.hear(received(2, at=life.now), triaged(2, at=life.now, acuity=acuity))
    assert life.only(CaseUpdated).acuity is Acuity.URGENT
    assert life.call.deadlines() == before


def test_a_call_that_became_immediate_while_offered_goes_back() -> None:
    life = offered().after(5)
    life.hear(received(2, at=life.now), triaged(2, at=life.now, acuity=Acuity.IMMEDIATE))
    assert life.ending == ("eligible_not_served", "other_programme")
    assert life.said(CaseRecalled)


def test_after_acknowledgement_a_changed_division_is_only_told() -> None:
    life = taken().after(5)
    life.hear(received(2, at=life.now, reporting_district="0722"), triaged(2, at=life.now, reporting_district="0722"))
    assert (life.stage, life.call.holder) == (Stage.ACKNOWLEDGED, "exodus")
    assert life.only(CaseUpdated).picture.reporting_district == "0722"


def test_a_review_that_became_eligible_is_offered_without_a_reviewer() -> None:
    life = in_review().after(10)
    life.hear(received(2, at=life.now), triaged(2, at=life.now))
    assert life.stage is Stage.OFFERED
    assert life.call.review_by is None


def test_a_cancellation_that_comes_first_waits_for_its_call() -> None:
    life = Life().hear(cancelled())
    assert not life.facts
    assert not life.call.due()
    life.hear(received())
    assert life.ending == ("withdrawn", "cancelled")
    assert not life.said(CaseOffered)
    for facts in ((cancelled(), triaged()), (triaged(), cancelled())):
        assert Life().hear(*facts).ending == ("withdrawn", "cancelled")


def test_a_close_that_comes_first_waits_for_its_call_and_its_decision() -> None:
    life = Life().hear(closed_by_cad(), received(feed=Feed.OBSERVED))
    assert life.stage is Stage.OBSERVED
    life.hear(triaged(feed=Feed.OBSERVED))
    assert life.ending == ("eligible_not_served", "not_referred")
    unjudged = observed().hear(closed_by_cad()).after(15)
    assert unjudged.ending == ("not_triaged", "unfinished")


def test_a_diverted_call_that_cad_closes_is_judged_before_it_counts() -> None:
    life = Life().hear(received(), closed_by_cad(), triaged())
    assert life.ending == ("eligible_not_served", "closed_by_cad")
    assert not life.said(CaseOffered)
    assert not life.said(CallHandedOff)


def test_an_observed_call_is_never_offered_told_or_handed_off() -> None:
    for fact in (triaged(feed=Feed.OBSERVED), unclear(), triaged(eligibility=Eligibility.INELIGIBLE)):
        observing = fact.model_copy(update={"picture": fact.picture.model_copy(update={"feed": Feed.OBSERVED})})
        life = observed().hear(observing).after(24 * 3600)
        assert {type(one) for one in life.facts} == {CallOpened, CallConcluded}
        assert not life.call.due() or life.call.forget_at is not None


def test_an_observed_call_that_the_dispatcher_diverts_may_be_offered_from_then_on() -> None:
    life = observed().hear(triaged(feed=Feed.OBSERVED)).after(3600)
    life.hear(received(2, at=life.now))
    assert life.stage is Stage.AWAITING_TRIAGE
    assert life.call.decide_by == life.now + seconds(300)
    assert life.call.observed_until is None
    life.hear(triaged(2, at=life.now))
    assert life.stage is Stage.OFFERED


def test_a_diverted_call_stays_diverted() -> None:
    life = offered().after(5)
    life.hear(received(2, at=life.now, feed=Feed.OBSERVED), triaged(2, at=life.now, feed=Feed.OBSERVED))
    assert life.stage is Stage.OFFERED
    assert life.after(100).only(CallConcluded).feed is Feed.DIVERTED


def test_decide_by_counts_from_the_first_diverted_revision() -> None:
    life = offered().after(100)
    life.hear(received(2, at=life.now), triaged(2, at=life.now))
    assert life.call.decide_by == NOON + seconds(300)


def test_what_officers_began_and_a_dispatcher_diverts_is_not_left_to_silence() -> None:
    life = Life().hear(received(origin=Origin.OFFICER_INITIATED))
    assert life.call.triage_by is not None
    life.hear(triaged(origin=Origin.OFFICER_INITIATED))
    assert life.stage is Stage.OFFERED
    life = Life().hear(received(origin=Origin.OFFICER_INITIATED)).after(15)
    assert life.hand_off.reason is HandOffReason.NOT_TRIAGED
    assert life.only(CallConcluded).origin is Origin.OFFICER_INITIATED


def test_what_officers_began_themselves_is_only_observed() -> None:
    beat = {"origin": Origin.OFFICER_INITIATED, "feed": Feed.OBSERVED}
    life = Life().hear(received(**beat), triaged(**beat))  # pyright: ignore[reportArgumentType]
    assert life.stage is Stage.OBSERVED
    life.after(24 * 3600)
    concluded = life.only(CallConcluded)
    assert (concluded.origin, concluded.feed) == (Origin.OFFICER_INITIATED, Feed.OBSERVED)


def test_a_feed_that_is_not_known_is_not_left_to_silence() -> None:
    life = Life().hear(received(feed=Feed.UNKNOWN), triaged(feed=Feed.UNKNOWN))
    assert life.ending == ("not_triaged", "not_understood")
    assert not life.said(CaseOffered)


def test_a_reopened_call_is_a_new_one_that_names_the_old() -> None:
    old = ids.call_id("lapd", "another")
    life = Life().hear(triaged(), reopened(old))
    assert life.only(CallOpened).reopens == old
    assert life.stage is Stage.OFFERED


def test_the_same_decision_again_changes_nothing() -> None:
    life = offered().forget_facts()
    life.hear(triaged(), received())
    assert not life.facts
    life.hear(acknowledged(life)).forget_facts().hear(triaged(), received())
    assert not life.facts


def test_the_words_of_an_older_revision_are_better_than_none() -> None:
    life = Life().hear(triaged(2, at=NOON + seconds(1)), received()).after(16)
    assert life.hand_off.private == PRIVATE


def test_a_status_is_sent_only_when_something_changed_for_cad() -> None:
    life = taken().after(5)
    count = len(life.said(CallStatusChanged))
    life.hear(received(2, at=life.now), triaged(2, at=life.now))
    # One for the revision: the answer to it named a time by which CAD is to hear of the call.
    assert len(life.said(CallStatusChanged)) == count + 1


def test_a_revision_after_the_outcome_goes_with_the_open_hand_off() -> None:
    life = offered().after(91)
    life.hear(received(2, at=life.now, call_type="415M")).after(30)
    assert life.hand_off.picture is not None
    assert life.hand_off.picture.call_type == "415M"


def test_an_unknown_call_has_no_outcome() -> None:
    life = Life().hear(closed_by_cad()).after(timedelta(days=40).total_seconds())
    assert not life.facts
    assert life.call.call_id == CALL
