"""What an explanation claims is what the decision does: each claim is applied and judged again."""

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from divert_contracts.call import Picture, Signal
from divert_contracts.vocabulary import Certainty, Eligibility, Feed, Hazard, Question, SignalSource
from divert_triage.domain import judging
from divert_triage.domain.explaining import Alteration, Explanation, Sight, Thing, altered, explain
from unit.triage.test_judging import picture, pictures, rules, seed

told = st.lists(
    st.builds(
        Signal,
        hazard=st.sampled_from([one for one in Hazard if one is not Hazard.UNKNOWN]),
        source=st.just(SignalSource.NARRATIVE),
        certainty=st.sampled_from(list(Certainty)),
        code=st.sampled_from(["T-GUN", "T-KNIFE", "T-PILLS"]),
    ),
    max_size=2,
).map(tuple)


def explained(one: Picture, *read: Signal) -> Explanation:
    return explain(one, seed(), read)


def judged(one: Picture, read: tuple[Signal, ...], *alterations: Alteration) -> judging.Judgement:
    sight = altered(Sight(one, read), alterations)
    return judging.judge(sight.picture, seed(), sight.read)


@settings(deadline=None, max_examples=60)
@generated(pictures, told)
def test_every_claimed_change_really_changes_the_answer(one: Picture, read: tuple[Signal, ...]) -> None:
    explanation = explain(one, seed(), read)
    assert explanation.judgement == judging.judge(one, seed(), read)
    for what_if in explanation.changes:
        after = judged(one, read, *what_if.alterations)
        assert after.decision == what_if.decision
        assert judging.changed(explanation.judgement, after) is what_if.change


@settings(deadline=None, max_examples=60)
@generated(pictures, told)
def test_the_way_to_eligible_leads_there_and_no_step_of_it_can_be_left_out(
    one: Picture, read: tuple[Signal, ...]
) -> None:
    explanation = explain(one, seed(), read)
    way = explanation.to_eligible
    if explanation.judgement.decision.eligibility is Eligibility.ELIGIBLE:
        assert way is None
        return
    assert way is not None
    assert judged(one, read, *way.alterations).decision.eligibility is Eligibility.ELIGIBLE
    for left_out in way.alterations:
        others = [step for step in way.alterations if step != left_out]
        assert judged(one, read, *others).decision.eligibility is not Eligibility.ELIGIBLE
    assert explanation.answers_suffice is all(step.thing is Thing.ANSWER for step in way.alterations)


@settings(deadline=None, max_examples=60)
@generated(pictures, told)
def test_a_rule_would_not_have_fired_without_its_causes_and_would_have_with_what_could_bring_it_up(
    one: Picture, read: tuple[Signal, ...]
) -> None:
    explanation = explain(one, seed(), read)
    assert [fired.rule.id for fired in explanation.fired] == rules(explanation.judgement)
    for fired in explanation.fired:
        if fired.because:
            assert fired.rule.id not in rules(judged(one, read, *fired.because))
        else:
            # Only what the call is for needs no cause.
            assert fired.effect is Eligibility.ELIGIBLE
    for could in explanation.could:
        assert could.rule.id not in rules(explanation.judgement)
        assert could.rule.id in rules(judged(one, read, *could.because))


def words(explanation: Explanation) -> list[str]:
    assert explanation.to_eligible is not None
    return [one.words for one in explanation.to_eligible.alterations]


def test_several_missing_answers_are_all_named() -> None:
    explanation = explained(picture(weapon="", violence="unknown"))
    assert words(explanation) == ["“weapon” answered no", "“violence” answered no"]
    assert explanation.answers_suffice
    assert {one.rule.id for one in explanation.could} >= {"X-WEAPON", "X-VIOLENCE"}


def test_an_answer_that_makes_another_needless_is_named_alone() -> None:
    assert words(explained(picture(suicidal="unknown", suicide_means=""))) == ["“suicidal” answered no"]


@pytest.mark.parametrize(
    ("one", "way"),
    [
        (picture(), []),
        (picture("918VM"), ["call type 918 instead of 918VM"]),
        (picture().model_copy(update={"flags": ("GUN",)}), ["without the flag GUN"]),
        (picture().model_copy(update={"initial_call_type": "245"}), ["not first entered as 245"]),
        (picture().model_copy(update={"premise_hazards": (Hazard.WEAPON,)}), ["the place not known for weapon"]),
        (picture().model_copy(update={"warnings": ("unknown-word:/x",)}), ["without the warning unknown-word"]),
    ],
)
def test_what_stands_in_the_way_is_said_in_plain_words(one: Picture, way: list[str]) -> None:
    explanation = explained(one)
    assert ([] if explanation.to_eligible is None else words(explanation)) == way


def test_what_was_read_from_text_is_named_by_its_entry() -> None:
    gun = Signal(
        hazard=Hazard.WEAPON, source=SignalSource.NARRATIVE, certainty=Certainty.PRESENT, code="gun", start=3, end=6
    )
    explanation = explained(picture(), gun)
    assert explanation.judgement.decision.hard_exclusion
    assert words(explanation) == ["without “gun” in what was written"]


def test_a_call_that_was_only_observed_is_explained_too() -> None:
    explanation = explained(Picture(feed=Feed.OBSERVED, call_type="918"))
    assert explanation.judgement.decision.unscreened
    assert {one.rule.id for one in explanation.could} >= {"X-WEAPON", "X-VIOLENCE"}
    assert any(one.alterations[0].name == Question.WEAPON for one in explanation.changes)
