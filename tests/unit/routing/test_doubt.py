"""Danger in doubt is sticky too: somebody must look, whatever later versions leave out, and whoever has the call."""

from collections.abc import Callable

import pytest

from divert_contracts.call import Private, Signal
from divert_contracts.facts.routing import AssistanceRequested, CallConcluded, CaseOffered, CaseRecalled, CaseUpdated
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Assistance,
    Certainty,
    Direction,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    RecallReason,
    Responder,
    SignalSource,
    Stage,
)
from divert_routing.domain.attention import AT_ONCE, Kind, needs
from divert_routing.domain.erasing import forget
from divert_routing.pages.views import Views
from unit.routing.lives import (
    Life,
    accepted,
    clear,
    direct,
    directory,
    going,
    observed,
    offered,
    received,
    review,
    seconds,
    take_back,
    there,
    triaged,
    unclear,
)


def told(
    number: int, life: Life, hazard: Hazard = Hazard.WEAPON, certainty: Certainty = Certainty.POSSIBLE
) -> CallTriaged:
    """Return the triage of a revision whose words tell of danger, in doubt."""
    found = Signal(
        hazard=hazard, source=SignalSource.NARRATIVE, certainty=certainty, code=f"words-{hazard}", start=3, end=6
    )
    fact = triaged(number, at=life.now, eligibility=Eligibility.NEEDS_REVIEW, rule="R-TOLD")
    return fact.model_copy(update={"signals": (found,)})


def doubtful(life: Life, number: int = 2) -> Life:
    """Let a revision come that speaks of a weapon in doubt, with its triage."""
    return life.hear(received(number, at=life.now), told(number, life))


def clean(life: Life, number: int = 3) -> Life:
    """Let a revision come whose words speak of nothing, with its triage."""
    return life.hear(received(number, at=life.now), triaged(number, at=life.now))


def test_what_a_later_revision_does_not_say_again_is_not_forgotten() -> None:
    life = doubtful(Life(), 1).after(5)
    assert life.stage is Stage.IN_REVIEW
    clean(life, 2)
    assert life.stage is Stage.IN_REVIEW
    assert not life.said(CaseOffered)
    life.order(review(2))
    assert life.offer.signals[0].hazard is Hazard.WEAPON
    assert (life.offer.signals[0].start, life.offer.signals[0].end) == (None, None)


def test_an_offer_is_withdrawn_for_a_doubt_and_not_made_again_before_a_review() -> None:
    life = doubtful(offered().after(5)).after(1)
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE
    assert clean(life).stage is Stage.IN_REVIEW


def test_the_doubt_of_an_older_revision_counts_though_its_triage_is_late() -> None:
    life = offered().after(5)
    late = told(1, Life())
    life.hear(received(2, at=life.now), triaged(2, at=life.now), late)
    assert life.stage is Stage.IN_REVIEW


def test_a_doubt_that_a_reviewer_saw_is_settled_and_another_one_is_not() -> None:
    life = doubtful(Life(), 1).order(review(1)).after(5)
    assert clean(life, 2).stage is Stage.OFFERED
    life.hear(received(3, at=life.now), told(3, life, Hazard.VIOLENCE))
    assert life.stage is Stage.IN_REVIEW


def worded(life: Life, number: int, text: str, *doubted: str) -> Life:
    """Let a revision come with a text, in which a weapon is in doubt where some words stand."""
    found = [
        Signal(
            hazard=Hazard.WEAPON,
            source=SignalSource.NARRATIVE,
            certainty=Certainty.POSSIBLE,
            code="gun",
            start=text.index(words),
            end=text.index(words) + len(words),
        )
        for words in doubted
    ]
    own = received(number, at=life.now)
    judged = triaged(number, at=life.now, eligibility=Eligibility.NEEDS_REVIEW, rule="R-TOLD")
    return life.hear(
        own.model_copy(update={"private": Private(narrative=text)}),
        judged.model_copy(update={"signals": tuple(found)}),
    ).after(1)


PAST = "Had a gun years ago. He is crying."


@pytest.mark.parametrize(
    ("text", "doubted", "stage"),
    [
        (PAST, ("gun",), Stage.OFFERED),
        ("RP CALLED BACK\nHAD A GUN, YEARS AGO. He left the house.", ("GUN",), Stage.OFFERED),
        ("He is crying.", (), Stage.OFFERED),
        ("Might have a gun on him. He is crying.", ("gun",), Stage.IN_REVIEW),
        (PAST + " Might have a gun on him.", ("gun", "gun on"), Stage.IN_REVIEW),
    ],
)
def test_a_review_of_a_doubt_is_one_of_its_words(text: str, doubted: tuple[str, ...], stage: Stage) -> None:
    life = worded(Life(), 1, PAST, "gun").order(review(1)).after(1)
    assert life.stage is Stage.OFFERED
    assert worded(life, 2, text, *doubted).stage is stage


def test_the_team_and_the_desk_hear_of_a_doubt_in_new_words_at_once_and_once() -> None:
    life = worded(going(), 2, PAST, "gun").order(review(2)).after(1)
    assert life.call.review_by is None
    life = worded(life.forget_facts(), 3, "Might have a gun on him.", "gun")
    assert life.call.review_by is not None
    assert len(life.said(CaseUpdated)) == 1
    assert not life.said(CaseRecalled)


def test_no_word_is_kept_to_know_a_doubt_again() -> None:
    life = worded(Life(), 1, PAST, "gun").order(review(1))
    reviewed = life.call.reviewed
    assert reviewed is not None
    [sign] = reviewed.signs
    assert sign.words is not None
    assert len(sign.words) == 16
    forget(life.call)
    assert life.call.reviewed == reviewed.model_copy(update={"signs": (sign.without_words,)})


def test_a_doubt_that_was_an_answer_goes_when_the_caller_answers() -> None:
    life = Life().hear(received(), unclear()).after(5)
    assert clean(life, 2).stage is Stage.OFFERED


def test_a_denied_or_medical_sign_leaves_nothing_behind() -> None:
    life = Life()
    life.hear(received(), told(1, life, certainty=Certainty.DENIED)).after(1)
    life.hear(received(2, at=life.now), told(2, life, Hazard.MEDICAL)).after(1)
    assert clean(life).stage is Stage.OFFERED


def test_clearing_the_danger_clears_its_doubt_and_leaves_the_rest() -> None:
    life = observed()
    for number, hazard in ((2, Hazard.WEAPON), (3, Hazard.VIOLENCE)):
        fact = told(number, life, hazard)
        life.hear(fact.model_copy(update={"picture": fact.picture.model_copy(update={"feed": Feed.OBSERVED})}))
    life.hear(triaged(4, hazards=[Hazard.WEAPON], hard=True, feed=Feed.OBSERVED))
    life.order(clear(Hazard.WEAPON))
    assert [one.hazard for one in life.call.doubts] == [Hazard.VIOLENCE]


@pytest.mark.parametrize("story", [going, there])
def test_a_doubt_about_a_case_reaches_the_team_and_the_desk_at_once(story: Callable[[], Life]) -> None:
    life = doubtful(story().after(5).forget_facts())
    updated = life.only(CaseUpdated)
    assert (updated.signals[0].hazard, updated.signals[0].certainty) == (Hazard.WEAPON, Certainty.POSSIBLE)
    assert not life.said(CaseRecalled)
    [need] = needs(life.call, life.now)
    assert (need.kind, need.urgency, need.due) == (Kind.REVIEW, AT_ONCE, life.now + seconds(120))
    shown = Views(directory(), life.now, "desk-1").whole(life.call)
    assert [row.word for row in shown.open_here] == ["Danger in doubt"]
    assert {"eligible", "ineligible"} <= {one.name for one in shown.orders}


def test_a_doubt_does_not_wait_for_the_revisions_own_words() -> None:
    life = going().after(5).forget_facts()
    life.hear(told(2, life))
    assert life.only(CaseUpdated).private is None
    assert life.call.review_by is not None
    life.hear(received(2, at=life.now))
    assert life.last(CaseUpdated).private is not None
    assert len(life.said(CaseUpdated)) == 2


def test_a_doubt_from_before_reaches_a_team_that_has_a_newer_revision() -> None:
    life = going().after(5)
    late = told(2, life)
    clean(life).forget_facts().hear(late)
    assert life.only(CaseUpdated).signals[0].hazard is Hazard.WEAPON
    assert life.call.review_by is not None


def test_the_team_keeps_a_case_whose_doubt_somebody_settles() -> None:
    life = doubtful(going().after(5)).order(review(2))
    assert (life.stage, life.call.review_by, needs(life.call, life.now)) == (Stage.EN_ROUTE, None, [])
    clean(life.after(5))
    life.after(200)
    assert life.stage is Stage.EN_ROUTE
    assert not life.said(AssistanceRequested)


def test_a_doubt_that_somebody_confirms_is_danger_to_the_team() -> None:
    life = doubtful(going().after(5)).order(review(2, Eligibility.INELIGIBLE))
    assert (life.recall.reason, life.recall.urgent, life.recall.hazards) == (
        RecallReason.DANGER,
        True,
        (Hazard.WEAPON,),
    )
    assert (life.hand_off.reason, life.hand_off.urgent) == (HandOffReason.DANGER, True)
    assert life.hand_off.brief.hazards == (Hazard.WEAPON,)
    assert life.only(CallConcluded).reason == "recalled"


def test_a_doubt_that_nobody_looks_at_is_the_psaps_to_check_and_ends_no_case() -> None:
    life = doubtful(there().after(5).forget_facts()).after(121)
    asked = life.only(AssistanceRequested)
    assert (asked.assistance, asked.recommend) == (Assistance.CHECK_ON_TEAM, Responder.PATROL)
    assert (asked.brief.hazards, asked.brief.in_doubt) == ((), (Hazard.WEAPON,))
    assert life.stage is Stage.ON_SCENE
    life.hear(accepted(asked.handoff_id, at=life.now))
    clean(life).after(200)
    assert len(life.said(AssistanceRequested)) == 1
    life.hear(received(4, at=life.now), told(4, life, Hazard.VIOLENCE))
    assert life.call.review_by is not None


def test_a_doubt_in_an_answer_about_a_case_goes_when_the_caller_answers() -> None:
    life = going().after(5)
    life.hear(received(2, at=life.now), unclear(2, at=life.now))
    assert life.call.review_by is not None
    assert clean(life).call.review_by is None


def test_a_case_in_doubt_is_not_moved_to_another_team_and_the_dispatcher_hears_of_the_doubt() -> None:
    life = doubtful(going(reporting_district="0814").after(5))
    assert life.refusal(direct(Direction.REASSIGN)).code == "not-eligible"
    life.order(take_back())
    assert (life.call.review_by, life.hand_off.brief.in_doubt) == (None, (Hazard.WEAPON,))


@pytest.mark.parametrize("story", [going, there])
def test_words_that_the_rules_never_judged_are_looked_at_while_a_team_has_the_call(story: Callable[[], Life]) -> None:
    life = story().after(5)
    life.hear(received(2, at=life.now)).forget_facts().after(61)
    assert life.call.case is not None
    assert life.call.review_by is not None
    [need] = needs(life.call, life.now)
    assert need.kind is Kind.REVIEW
    life.after(121)
    assert (life.help.assistance, life.help.recommend) == (Assistance.CHECK_ON_TEAM, Responder.PATROL)


def test_the_rules_late_word_ends_that() -> None:
    life = going().after(5)
    life.hear(received(2, at=life.now)).after(61)
    life.hear(triaged(2))
    assert life.call.review_by is None


@pytest.mark.parametrize("eligibility", [Eligibility.INELIGIBLE, Eligibility.ELIGIBLE])
def test_what_somebody_says_who_read_them_counts(eligibility: Eligibility) -> None:
    life = going().after(5)
    life.hear(received(2, at=life.now)).after(61).order(review(2, eligibility))
    if eligibility is Eligibility.INELIGIBLE:
        assert (life.recall.reason, life.recall.hazards) == (RecallReason.DANGER, (Hazard.UNKNOWN,))
    else:
        assert (life.call.review_by, life.stage) == (None, Stage.EN_ROUTE)
