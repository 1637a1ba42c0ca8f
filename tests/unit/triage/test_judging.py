"""Who may take a call: a table of codes, the rules one by one, and what holds for every picture."""

import csv
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import JsonValue

from divert_chassis.clock import LogClock
from divert_cli.prepare import seed_policy
from divert_contracts.call import Answered, Person, Picture, Private, Revision, Signal
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import CallReceived, PictureFact
from divert_contracts.facts.policies import ClockSet, PolicyPublished, ShadowEnded
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered
from divert_contracts.policy import LEAD, Versioned, Versions
from divert_contracts.step import Rejected, Unavailable
from divert_contracts.vocabulary import (
    DANGER_ASKED_FOR,
    Acuity,
    AgeBand,
    Answer,
    CallerRelation,
    Certainty,
    Change,
    Eligibility,
    Feed,
    Hazard,
    PolicyKind,
    Programme,
    Question,
    SignalSource,
)
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled, Given, Judgement, compiled
from divert_triage.domain.policy import TriagePolicy
from publishing import a_version

ROOT = Path(__file__).parents[3]
OBSERVED_TYPES = ROOT.parent / "shared/data/lapd/lapd_call_types_observed.csv"
ACCEPTED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
unhurried = settings(deadline=None)
STRICTNESS = {Eligibility.ELIGIBLE: 0, Eligibility.NEEDS_REVIEW: 1, Eligibility.INELIGIBLE: 2}
RESTRICTIVE = {Answer.NO: 0, Answer.NOT_ASKED: 1, Answer.UNKNOWN: 1, Answer.YES: 2}


@lru_cache(1)
def document() -> dict[str, JsonValue]:
    return seed_policy(PolicyKind.TRIAGE).document


@lru_cache(1)
def seed() -> Versioned[Compiled]:
    policy = TriagePolicy.model_validate(document())
    return Versioned(policy.version, policy.in_force_from, compiled(policy))


SAFETY = [one.question for one in seed().value.policy.safety_questions]
CODES = sorted({code.strip("*") for rule in seed().value.policy.call_types.rules for code in rule.codes})


def picture(call_type: str | None = "918", **answers: str) -> Picture:
    """Return a picture whose safety questions are answered "no" but for the given ones; ``""`` leaves one out."""
    words = {question.value: "no" for question in SAFETY} | answers
    given = {Question(name): Answered(answer=Answer(word)) for name, word in words.items() if word}
    return Picture(feed=Feed.DIVERTED, call_type=call_type, answers=given)


def judge(one: Picture) -> Judgement:
    return judging.judge(one, seed())


def rules(judgement: Judgement) -> list[str]:
    return [fired.rule for fired in judgement.decision.rules]


@pytest.mark.parametrize(
    ("code", "eligibility", "programme", "rule"),
    [
        ("918", Eligibility.ELIGIBLE, Programme.UMCR, "C-MENTAL"),
        ("918m ", Eligibility.ELIGIBLE, Programme.UMCR, "C-MENTAL"),
        ("918VM", Eligibility.INELIGIBLE, Programme.SMART, "D-MENTAL-VIOLENT"),
        ("918V", Eligibility.INELIGIBLE, Programme.SMART, "D-MENTAL-VIOLENT"),
        ("918A", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-MENTAL"),
        ("5150W", Eligibility.ELIGIBLE, Programme.UMCR, "C-MENTAL"),
        ("5150", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-MENTAL"),
        ("WELCK", Eligibility.ELIGIBLE, Programme.UMCR, "C-WELFARE"),
        ("415M", Eligibility.ELIGIBLE, Programme.UMCR, "C-DISTURBANCE"),
        ("415W", Eligibility.ELIGIBLE, Programme.UMCR, "C-DISTURBANCE"),
        ("415F", Eligibility.ELIGIBLE, Programme.UMCR, "C-FAMILY"),
        ("415N", Eligibility.ELIGIBLE, Programme.UMCR, "C-DISPUTE"),
        ("415G", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-GROUP"),
        ("415M8W", Eligibility.INELIGIBLE, Programme.NONE, "D-ASSAULT-DISPUTE"),
        ("390", Eligibility.ELIGIBLE, Programme.UMCR, "C-INTOXICATED"),
        ("9212", Eligibility.ELIGIBLE, Programme.UMCR, "C-TRESPASS"),
        ("620N", Eligibility.ELIGIBLE, Programme.UMCR, "C-DISPUTE"),
        ("620FR", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-DISPUTE"),
        ("620D", Eligibility.INELIGIBLE, Programme.NONE, "D-DOMESTIC-VIOLENCE"),
        ("242D", Eligibility.INELIGIBLE, Programme.NONE, "D-DOMESTIC-VIOLENCE"),
        ("242SN", Eligibility.INELIGIBLE, Programme.NONE, "D-VIOLENT-CRIME"),
        ("245SN", Eligibility.INELIGIBLE, Programme.NONE, "D-DEADLY-ASSAULT"),
        ("211S", Eligibility.INELIGIBLE, Programme.NONE, "D-ROBBERY"),
        ("246H", Eligibility.INELIGIBLE, Programme.NONE, "D-SHOOTING"),
        ("459I", Eligibility.INELIGIBLE, Programme.NONE, "D-BURGLARY"),
        ("459P1S", Eligibility.INELIGIBLE, Programme.NONE, "D-BURGLARY"),
        ("484SN", Eligibility.INELIGIBLE, Programme.NONE, "D-CRIME-NOW"),
        ("484", Eligibility.INELIGIBLE, Programme.NONE, "N-PROPERTY"),
        ("594O", Eligibility.INELIGIBLE, Programme.NONE, "N-PROPERTY"),
        ("187", Eligibility.INELIGIBLE, Programme.NONE, "D-VIOLENT-CRIME"),
        ("1101", Eligibility.INELIGIBLE, Programme.NONE, "D-NARCOTICS"),
        ("904A", Eligibility.INELIGIBLE, Programme.FIRE_EMS, "D-MEDICAL"),
        ("907A2", Eligibility.INELIGIBLE, Programme.FIRE_EMS, "D-OVERDOSE"),
        ("999F", Eligibility.INELIGIBLE, Programme.NONE, "D-OFFICER-HELP"),
        ("006", Eligibility.INELIGIBLE, Programme.NONE, "N-OFFICER"),
        ("6", Eligibility.INELIGIBLE, Programme.NONE, "N-OFFICER"),
        ("902", Eligibility.INELIGIBLE, Programme.NONE, "N-OFFICER"),
        ("906B1C", Eligibility.INELIGIBLE, Programme.NONE, "N-ALARM"),
        ("507P", Eligibility.INELIGIBLE, Programme.NONE, "N-NOISE"),
        ("507F", Eligibility.INELIGIBLE, Programme.NONE, "N-FIREWORKS"),
        ("900", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-UNKNOWN-TROUBLE"),
        ("314M", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-INDECENT"),
        ("647", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-DISORDERLY"),
        ("ZZ99", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-UNKNOWN-CODE"),
        ("MENTAL ILLNESS", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-UNKNOWN-CODE"),
        ("", Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-NO-CODE"),
        (None, Eligibility.NEEDS_REVIEW, Programme.UMCR, "R-NO-CODE"),
    ],
)
def test_the_code_decides_a_fully_answered_call(
    code: str | None, eligibility: Eligibility, programme: Programme, rule: str
) -> None:
    judgement = judge(picture(code))
    decision = judgement.decision
    assert (decision.eligibility, decision.programme, rules(judgement)[0]) == (eligibility, programme, rule)


@pytest.mark.skipif(not OBSERVED_TYPES.exists(), reason="the shared test data are not beside this checkout")
def test_every_type_seen_in_real_rows_is_on_a_list() -> None:
    with OBSERVED_TYPES.open(newline="") as file:
        codes = {row["call_type_code"] for row in csv.DictReader(file)}
    unknown = {code for code in codes if rules(judge(picture(code)))[0] == "R-UNKNOWN-CODE"}
    assert len(codes) > 30
    assert unknown == set()


def test_a_call_type_that_says_danger_is_a_hard_exclusion_with_its_signals() -> None:
    judgement = judge(picture("245SN"))
    assert judgement.decision.hard_exclusion
    assert judgement.decision.acuity is Acuity.IMMEDIATE
    assert [(one.hazard, one.source, one.certainty, one.code) for one in judgement.signals] == [
        (Hazard.WEAPON, SignalSource.CALL_TYPE, Certainty.PRESENT, "245SN"),
        (Hazard.VIOLENCE, SignalSource.CALL_TYPE, Certainty.PRESENT, "245SN"),
        (Hazard.CRIME_IN_PROGRESS, SignalSource.CALL_TYPE, Certainty.PRESENT, "245SN"),
    ]


def test_somebody_elses_work_without_danger_is_no_hard_exclusion() -> None:
    judgement = judge(picture("906B1"))
    assert not judgement.decision.hard_exclusion
    assert judgement.signals == ()


def test_the_danger_of_the_first_call_type_stays() -> None:
    judgement = judge(picture("415M").model_copy(update={"initial_call_type": "245"}))
    assert judgement.decision.hard_exclusion
    assert rules(judgement)[0] == "D-DEADLY-ASSAULT"


def test_a_harmless_first_call_type_does_not_count() -> None:
    assert judge(picture("918").model_copy(update={"initial_call_type": "507P"})) == judge(picture("918"))


def test_an_unknown_first_call_type_is_looked_at() -> None:
    judgement = judge(picture("918").model_copy(update={"initial_call_type": "QQ"}))
    assert rules(judgement)[0] == "R-UNKNOWN-CODE"


@pytest.mark.parametrize("question", [one for one in SAFETY if one is not Question.SUICIDAL])
def test_any_danger_answered_with_yes_excludes_and_is_told(question: Question) -> None:
    judgement = judge(picture(**{question.value: "yes"}))
    assert judgement.decision.hard_exclusion
    assert judgement.decision.eligibility is Eligibility.INELIGIBLE
    assert [one.code for one in judgement.signals] == [question.value]


@pytest.mark.parametrize("question", SAFETY)
def test_a_safety_question_answered_with_unknown_leads_to_review(question: Question) -> None:
    judgement = judge(picture(**{question.value: "unknown"}))
    if question is Question.SUICIDE_MEANS:
        assert judgement.decision.missing == ()
    else:
        assert question in judgement.decision.missing
    assert judgement.decision.eligibility is Eligibility.NEEDS_REVIEW
    assert "R-UNCLEAR" in rules(judgement)


@pytest.mark.parametrize("question", [one for one in SAFETY if one is not Question.SUICIDE_MEANS])
def test_a_missing_safety_answer_means_review_in_the_diverted_feed(question: Question) -> None:
    judgement = judge(picture(**{question.value: ""}))
    assert judgement.decision.eligibility is Eligibility.NEEDS_REVIEW
    assert rules(judgement)[0] == "R-UNANSWERED"
    assert question in judgement.decision.missing
    assert not judgement.decision.unscreened


def test_a_missing_safety_answer_means_unscreened_in_the_observed_feed() -> None:
    judgement = judge(Picture(feed=Feed.OBSERVED, call_type="918"))
    assert judgement.decision.eligibility is Eligibility.ELIGIBLE
    assert judgement.decision.unscreened
    assert judgement.decision.missing == tuple(SAFETY)


def test_an_unknown_feed_counts_as_diverted() -> None:
    judgement = judge(Picture(feed=Feed.UNKNOWN, call_type="918"))
    assert judgement.decision.eligibility is Eligibility.NEEDS_REVIEW


def test_means_need_not_be_asked_for_when_nobody_is_suicidal() -> None:
    assert judge(picture(suicide_means="")).decision.eligibility is Eligibility.ELIGIBLE
    judgement = judge(picture(suicidal="yes", suicide_means=""))
    assert judgement.decision.missing == (Question.SUICIDE_MEANS,)
    assert judgement.decision.eligibility is Eligibility.NEEDS_REVIEW


def test_a_suicidal_person_without_means_is_seen_soon() -> None:
    decision = judge(picture(suicidal="yes", suicide_means="no")).decision
    assert decision.eligibility is Eligibility.ELIGIBLE
    assert (decision.programme, decision.acuity) == (Programme.UMCR, Acuity.EMERGENT)


def test_a_suicidal_person_with_means_goes_to_officer_and_clinician_at_once() -> None:
    decision = judge(picture(suicidal="yes", suicide_means="yes")).decision
    assert decision.hard_exclusion
    assert (decision.programme, decision.acuity) == (Programme.SMART, Acuity.IMMEDIATE)


def test_a_weapon_outweighs_who_else_would_have_gone() -> None:
    decision = judge(picture("918VM", weapon="yes", overdose="yes")).decision
    assert decision.programme is Programme.NONE


@pytest.mark.parametrize("code", ["918", "415M"])
def test_somebody_without_a_home_goes_to_circle_where_circle_works(code: str) -> None:
    unhoused = picture(code, unhoused="yes")
    hollywood = unhoused.model_copy(update={"reporting_district": "0646"})
    wilshire = unhoused.model_copy(update={"reporting_district": "0723"})
    by_map = unhoused.model_copy(update={"located_division": 14})
    assert judge(hollywood).decision.programme is Programme.CIRCLE
    assert judge(wilshire).decision.programme is Programme.UMCR
    assert judge(by_map).decision.programme is Programme.CIRCLE
    assert judge(unhoused).decision.programme is Programme.UMCR


def test_an_adult_who_calls_for_themselves_can_be_helped_by_phone() -> None:
    caller = {"caller_relation": CallerRelation.SELF, "age_band": AgeBand.ADULT}
    decision = judge(picture().model_copy(update=caller)).decision
    assert (decision.programme, decision.acuity) == (Programme.PHONE, Acuity.ROUTINE)
    suicidal = judge(picture(suicidal="yes", suicide_means="no").model_copy(update=caller)).decision
    assert (suicidal.programme, suicidal.acuity) == (Programme.UMCR, Acuity.EMERGENT)


@pytest.mark.parametrize("band", [AgeBand.CHILD, AgeBand.YOUTH])
def test_a_person_decides_about_the_young(band: AgeBand) -> None:
    judgement = judge(picture().model_copy(update={"age_band": band}))
    assert rules(judgement)[0] == "S-JUVENILE"
    assert judgement.decision.eligibility is Eligibility.NEEDS_REVIEW


@pytest.mark.parametrize(("question", "rule"), [("juvenile", "S-JUVENILE"), ("indecent_exposure", "S-INDECENT")])
def test_a_restricting_switch_leads_to_review(question: str, rule: str) -> None:
    assert rules(judge(picture(**{question: "yes"})))[0] == rule
    assert judge(picture(**{question: "unknown"})).decision.eligibility is Eligibility.NEEDS_REVIEW
    assert judge(picture(**{question: "no"})).decision.eligibility is Eligibility.ELIGIBLE


@pytest.mark.parametrize("question", ["inside_residence", "third_party"])
def test_an_open_switch_restricts_nothing(question: str) -> None:
    assert judge(picture(**{question: "yes"})).decision.eligibility is Eligibility.ELIGIBLE
    assert judge(picture(**{question: "unknown"})).decision.eligibility is Eligibility.ELIGIBLE


def test_a_flag_that_says_danger_excludes() -> None:
    judgement = judge(picture().model_copy(update={"flags": ("MENTAL", "GUN")}))
    assert judgement.decision.hard_exclusion
    expected = Signal(hazard=Hazard.WEAPON, source=SignalSource.FLAG, certainty=Certainty.PRESENT, code="GUN")
    assert judgement.signals == (expected,)


def test_a_flag_that_is_on_no_list_is_looked_at() -> None:
    assert rules(judge(picture().model_copy(update={"flags": ("MENTAL", "X7")})))[0] == "R-UNKNOWN-FLAG"


@pytest.mark.parametrize("hazard", [Hazard.WEAPON, Hazard.VIOLENCE, Hazard.UNKNOWN])
def test_danger_that_cad_knows_of_the_place_excludes(hazard: Hazard) -> None:
    judgement = judge(picture().model_copy(update={"premise_hazards": (hazard,)}))
    assert judgement.decision.hard_exclusion
    assert [(one.hazard, one.source) for one in judgement.signals] == [(hazard, SignalSource.PREMISE)]


def test_an_earlier_overdose_at_the_place_is_weighed_by_a_person() -> None:
    judgement = judge(picture().model_copy(update={"premise_hazards": (Hazard.OVERDOSE,)}))
    assert rules(judgement)[0] == "R-PREMISE"
    assert [one.certainty for one in judgement.signals] == [Certainty.POSSIBLE]


def test_what_intake_did_not_understand_is_looked_at() -> None:
    warned = picture().model_copy(update={"warnings": ("unknown-field",)})
    assert rules(judge(warned))[0] == "R-NOT-UNDERSTOOD"
    harmless = picture().model_copy(update={"warnings": ("time-in-future:/stamps/created_at", "text-repaired")})
    assert judge(harmless) == judge(picture())


def told(hazard: Hazard, certainty: Certainty) -> Signal:
    return Signal(hazard=hazard, source=SignalSource.NARRATIVE, certainty=certainty, code="entry", start=3, end=8)


@pytest.mark.parametrize("hazard", list(Hazard))
def test_danger_that_the_text_tells_of_excludes_and_doubt_is_reviewed(hazard: Hazard) -> None:
    plain = judging.judge(picture(), seed(), (told(hazard, Certainty.PRESENT),))
    assert plain.decision.hard_exclusion
    assert plain.signals == (told(hazard, Certainty.PRESENT),)
    for certainty in (Certainty.POSSIBLE, Certainty.UNKNOWN):
        doubtful = judging.judge(picture(), seed(), (told(hazard, certainty),))
        rule = "R-UNREADABLE" if hazard is Hazard.UNKNOWN else "R-TOLD"
        assert (doubtful.decision.eligibility, rules(doubtful)[0]) == (Eligibility.NEEDS_REVIEW, rule)
    denied = judging.judge(picture(), seed(), (told(hazard, Certainty.DENIED),))
    assert denied.decision == judge(picture()).decision


SENTENCES = [
    "He has a gun in his hand.",
    "No weapons seen, not violent.",
    "Unk weapons.",
    "She sits by the fountain and weeps.",
    "Yesterday he hit his brother.",
    "Smoke is coming from the kitchen, nobody is hurt.",
    "그 사람은 아무 말도 하지 않아요.",
]


def tell(one: Picture, narrative: str | None) -> Judgement:
    return judging.judge(one, seed(), judging.read_texts(Private(narrative=narrative), seed().value))


def test_what_the_caller_said_outweighs_an_answer_and_the_code() -> None:
    judgement = tell(picture(), "Neighbor says he is calm. He has a gun in his hand.")
    assert rules(judgement)[0] == "X-WEAPON"
    (gun,) = judgement.signals
    assert (gun.source, gun.certainty, gun.start, gun.end) == (SignalSource.NARRATIVE, Certainty.PRESENT, 35, 50)


def test_what_the_caller_denied_changes_nothing() -> None:
    judgement = tell(picture(), "No weapons seen, not violent.")
    assert judgement.decision == judge(picture()).decision
    assert {one.certainty for one in judgement.signals} == {Certainty.DENIED}


def test_doubt_is_reviewed_and_soon() -> None:
    judgement = tell(picture("620N"), "Unk weapons.")
    assert (rules(judgement)[0], judgement.decision.acuity) == ("R-TOLD", Acuity.EMERGENT)


def test_a_text_that_cannot_be_read_is_read_by_a_person() -> None:
    assert rules(tell(picture(), "그 사람은 아무 말도 하지 않아요."))[0] == "R-UNREADABLE"


def test_a_policy_without_a_lexicon_lets_a_person_read() -> None:
    without = TriagePolicy.model_validate({name: part for name, part in document().items() if name != "lexicon"})
    version = Versioned("x", ACCEPTED, compiled(without))
    read = judging.read_texts(Private(narrative="She weeps."), version.value)
    assert rules(judging.judge(picture(), version, read))[0] == "R-UNREADABLE"
    assert judging.judge(picture(), version, judging.read_texts(Private(), version.value)).decision == (
        judging.judge(picture(), version).decision
    )


def test_every_private_word_is_read_and_only_the_narrative_is_pointed_into() -> None:
    private = Private(
        narrative="She weeps.",
        people_animals_access="Brother with a shotgun in the back room",
        persons=(Person(description="carries a machete"),),
    )
    read = judging.read_texts(private, seed().value)
    assert {(one.code, one.start) for one in read} == {("gun", None), ("blade", None)}
    assert judging.judge(picture(), seed(), read).decision.hard_exclusion


@pytest.mark.parametrize(
    ("code", "text", "rule"),
    [
        ("DISTURBANCE - WEAPON INVOLVED", None, "X-WEAPON"),
        (None, "ARMED SUBJECT", "X-WEAPON"),
        ("918", "MENTAL HEALTH CRISIS VIOLENT", "X-VIOLENCE"),
        ("242 DOM VIOL", None, "X-DOMESTIC-VIOLENCE"),
        ("415 FIGHT", None, "X-VIOLENCE"),
        ("918", "MENTAL", "C-MENTAL"),
        ("918", "BB GUN", "R-TOLD"),
        ("WELFARE CHK", None, "R-UNKNOWN-CODE"),
    ],
)
def test_words_of_a_call_type_can_tell_of_danger_and_of_nothing_else(
    code: str | None, text: str | None, rule: str
) -> None:
    assert rules(judge(picture(code).model_copy(update={"call_type_text": text})))[0] == rule
    private = judging.read_texts(Private(call_type_text=text), seed().value)
    assert rules(judging.judge(picture(code), seed(), private))[0] == rule


def test_what_was_read_from_words_is_told_from_what_a_code_says() -> None:
    read = judging.read_texts(Private(narrative="he has a gun", call_type_text="ARMED SUBJECT"), seed().value)
    assert len(read) > 1
    assert all(one.from_words for one in read)
    assert not any(one.from_words for one in judge(picture("211")).signals)


def test_criminal_history_that_was_taken_out_is_looked_at() -> None:
    warned = picture().model_copy(update={"warnings": ("history-removed:/narrative",)})
    assert rules(judge(warned))[0] == "R-HISTORY"


def test_an_unknown_question_answered_with_yes_is_danger() -> None:
    judgement = judge(picture(unknown="yes"))
    assert judgement.decision.hard_exclusion
    assert judge(picture(unknown="unknown")).decision.eligibility is Eligibility.NEEDS_REVIEW


# what holds for every picture

answer_words = st.sampled_from(list(Answer))
pictures = st.builds(
    Picture,
    feed=st.sampled_from(list(Feed)),
    call_type=st.none() | st.sampled_from(CODES) | st.text(max_size=6) | st.sampled_from(["918", "WELCK", "415M"]),
    initial_call_type=st.none() | st.sampled_from(CODES),
    answers=st.dictionaries(st.sampled_from(list(Question)), st.builds(Answered, answer=answer_words)).map(
        lambda given: {question: Answered(answer=Answer.NO) for question in SAFETY} | given
    )
    | st.dictionaries(st.sampled_from(list(Question)), st.builds(Answered, answer=answer_words)),
    flags=st.lists(st.sampled_from(["MENTAL", "GUN", "O/D", "JUMPER", "X7"]), max_size=3).map(tuple),
    premise_hazards=st.lists(st.sampled_from(list(Hazard)), max_size=2).map(tuple),
    age_band=st.sampled_from(list(AgeBand)),
    caller_relation=st.sampled_from(list(CallerRelation)),
    reporting_district=st.none() | st.sampled_from(["0646", "0723", "99999", "", "abc", "²"]),
    warnings=st.lists(st.sampled_from(["unknown-field", "time-in-future:/updated_at"]), max_size=2).map(tuple),
)


def _strictness(one: Picture) -> int:
    return STRICTNESS[judge(one).decision.eligibility]


@unhurried
@generated(pictures)
def test_a_diverted_call_is_eligible_only_as_a_care_type_with_every_safety_answer(one: Picture) -> None:
    decision = judge(one).decision
    if decision.eligibility is Eligibility.ELIGIBLE:
        care = {rule.id for rule in seed().value.policy.call_types.care}
        assert decision.rules[0].rule in care
        assert not decision.hard_exclusion
        assert one.feed is Feed.OBSERVED or decision.missing == ()
        hazards = {question for x in seed().value.policy.exclusions for question in x.questions}
        assert all(one.answer(question) in (Answer.NO, Answer.NOT_ASKED) for question in hazards)
        assert decision.acuity in (Acuity.EMERGENT, Acuity.URGENT, Acuity.ROUTINE)
        assert decision.programme in (Programme.UMCR, Programme.CIRCLE, Programme.PHONE)


@unhurried
@generated(pictures, st.sampled_from(list(Question)), answer_words, answer_words)
def test_unknown_never_counts_as_no_and_more_danger_never_as_less(
    one: Picture, question: Question, some: Answer, more: Answer
) -> None:
    if RESTRICTIVE[some] > RESTRICTIVE[more]:
        some, more = more, some
    less = one.model_copy(update={"answers": {**one.answers, question: Answered(answer=some)}})
    stricter = one.model_copy(update={"answers": {**one.answers, question: Answered(answer=more)}})
    if RESTRICTIVE[some] != RESTRICTIVE[more] and not (question is Question.SUICIDAL and more is Answer.YES):
        assert _strictness(less) <= _strictness(stricter)
    if question in SAFETY and question is not Question.SUICIDAL:
        no = one.model_copy(update={"answers": {**one.answers, question: Answered(answer=Answer.NO)}})
        assert _strictness(no) <= _strictness(less)


@unhurried
@generated(pictures, st.sampled_from(list(Hazard)), st.sampled_from(["GUN", "FIRE", "X7"]), st.sampled_from(CODES))
def test_more_signs_never_make_a_call_more_eligible(one: Picture, hazard: Hazard, flag: str, first: str) -> None:
    before = _strictness(one)
    assert before <= _strictness(one.model_copy(update={"premise_hazards": (*one.premise_hazards, hazard)}))
    assert before <= _strictness(one.model_copy(update={"flags": (*one.flags, flag)}))
    assert before <= _strictness(one.model_copy(update={"warnings": (*one.warnings, "unknown-word:/area")}))
    if one.initial_call_type is None:
        assert before <= _strictness(one.model_copy(update={"initial_call_type": first}))


@unhurried
@generated(pictures, st.sampled_from(SENTENCES), st.lists(st.sampled_from(SENTENCES), max_size=3))
def test_a_further_sentence_never_makes_a_call_more_eligible(one: Picture, more: str, words: list[str]) -> None:
    without, before = judge(one), tell(one, " ".join(words))
    after = tell(one, " ".join([*words, more]))
    strictness = [STRICTNESS[each.decision.eligibility] for each in (without, before, after)]
    assert strictness == sorted(strictness)
    if any(signal.certainty is Certainty.PRESENT for signal in after.signals):
        assert after.decision.hard_exclusion


@unhurried
@generated(pictures, st.sampled_from(SENTENCES), st.integers(1, 9))
def test_a_later_policy_never_changes_an_earlier_decision(one: Picture, words: str, days: int) -> None:
    given = judging.policy_published(Given(), published("now", ACCEPTED - timedelta(days=1)))
    told = received(one, narrative=words)
    before = judging.triaged(told, given)
    stricter = published("later", ACCEPTED + timedelta(days=days), harmless_flags=[], switches=[])
    assert judging.triaged(told, judging.policy_published(given, stricter)) == before


@unhurried
@generated(pictures)
def test_a_hard_exclusion_always_has_a_signal_that_is_present(one: Picture) -> None:
    judgement = judge(one)
    present = any(signal.certainty is Certainty.PRESENT for signal in judgement.signals)
    if judgement.decision.hard_exclusion:
        assert present
    assert judgement.decision.eligibility is Eligibility.INELIGIBLE or not judgement.decision.hard_exclusion


@pytest.mark.parametrize("question", sorted(DANGER_ASKED_FOR))
def test_a_danger_that_was_told_goes_to_a_person_also_where_no_rule_names_its_question(question: Question) -> None:
    policy = seed().value.policy
    silent = policy.model_copy(
        update={
            "safety_questions": tuple(one for one in policy.safety_questions if one.question is not question),
            "exclusions": tuple(one.model_copy(update={"questions": ()}) for one in policy.exclusions),
        }
    )
    for word, rule in (("yes", "R-NOT-UNDERSTOOD"), ("unknown", "R-UNCLEAR")):
        judgement = judging.judge(picture(**{question: word}), Versioned("silent", ACCEPTED, compiled(silent)))
        assert (judgement.decision.eligibility, rules(judgement)[0]) == (Eligibility.NEEDS_REVIEW, rule)
        assert [signal.hazard for signal in judgement.signals] == [DANGER_ASKED_FOR[question]]


# the step


def published(version: str, in_force_from: datetime, **changes: JsonValue) -> PolicyPublished:
    return a_version(
        PolicyKind.TRIAGE,
        {**document(), **changes},
        version=version,
        said_at=min(ACCEPTED, in_force_from - LEAD),
        in_force_from=in_force_from,
    )


def received(one: Picture, at: datetime = ACCEPTED, narrative: str = "He sits by the fountain.") -> CallReceived:
    return CallReceived(
        occurred_at=at,
        call_id=UUID(int=7),
        agency="lapd",
        incident_number="261123000007",
        revision=Revision(number=3, digest="ab" * 32),
        picture=one,
        private=Private(narrative=narrative),
        decide_by=at + timedelta(seconds=300),
    )


def answer(fact: PictureFact, given: Given) -> CallTriaged:
    [first, *_] = judging.triaged(fact, given) or (None,)
    assert isinstance(first, CallTriaged)
    return first


@unhurried
@generated(pictures)
def test_the_same_cause_always_gives_the_same_bytes(one: Picture) -> None:
    given = Given(Versions[Compiled]().with_version("a", ACCEPTED, seed().value))
    told = received(one, narrative="Somebody saw a gun, and Herbert is asleep.")
    envelope = Envelope(id=UUID(int=1), source="/divert/intake", fact=told)
    _, value, headers = encode(envelope)
    again = decode(value, headers).fact
    assert isinstance(again, CallReceived)
    first, second = answer(told, given), answer(again, given)
    assert first.model_dump_json() == second.model_dump_json()
    assert first.occurred_at == ACCEPTED
    assert "Herbert" not in first.model_dump_json()
    assert first.decision.hard_exclusion


def test_the_policy_in_force_when_the_revision_was_accepted_decides() -> None:
    given = Given()
    for fact in (published("earlier", ACCEPTED), published("later", ACCEPTED + timedelta(hours=1))):
        given = judging.policy_published(given, fact)
    assert answer(received(picture()), given).decision.policy == "earlier"
    late = received(picture(), ACCEPTED + timedelta(hours=2))
    assert answer(late, given).decision.policy == "later"


def test_before_its_date_not_even_the_first_policy_decides() -> None:
    given = judging.policy_published(Given(), published("first", ACCEPTED))
    assert judging.triaged(received(picture(), ACCEPTED - timedelta(seconds=1)), given) == ()
    assert answer(received(picture()), given).decision.policy == "first"


def test_without_a_policy_triage_waits() -> None:
    with pytest.raises(Unavailable):
        judging.triaged(received(picture()), Given())


def test_a_policy_that_does_not_fit_is_refused_and_the_old_one_stays() -> None:
    given = judging.policy_published(Given(), published("good", ACCEPTED))
    with pytest.raises(Rejected):
        judging.policy_published(given, published("bad", ACCEPTED, exclusions=[]))
    assert answer(received(picture()), given).decision.policy == "good"


def test_a_routing_policy_is_none_of_triages_business() -> None:
    fact = published("r", ACCEPTED).model_copy(update={"kind": PolicyKind.ROUTING})
    assert judging.policy_published(Given(), fact) == Given()


later_versions = st.lists(
    st.tuples(st.integers(-7200, 7200), st.integers(-120, 7200), st.booleans(), st.booleans()), max_size=5
)


@settings(deadline=None, max_examples=15)
@generated(later_versions, st.integers(0, 3600))
def test_a_later_policy_never_changes_an_earlier_decisions_record(
    versions: list[tuple[int, int, bool, bool]], at: int
) -> None:
    accepted = ACCEPTED + timedelta(seconds=at)
    given = Given(Versions[Compiled]().with_version("first", ACCEPTED - timedelta(days=1), seed().value))
    before = judging.triaged(received(picture(), accepted), given)
    for number, (said, lead, approved, shadow) in enumerate(versions):
        # Published after the call was accepted: whatever it says of its date, it comes too late for this call.
        said_at = accepted + timedelta(seconds=abs(said))
        fact = a_version(
            PolicyKind.TRIAGE,
            {**document(), "switches": [], "lexicon": None},
            version=f"later-{number}",
            said_at=said_at,
            in_force_from=said_at + timedelta(seconds=lead),
            shadow=shadow,
        )
        with suppress(Rejected):
            given = judging.policy_published(given, fact if approved else fact.model_copy(update={"approvals": ()}))
    assert judging.triaged(received(picture(), accepted), given) == before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"approvals": ()}, "not-approved"),
        ({"digest": "0" * 64}, "digest"),
        ({"version": "newer"}, "version"),
        ({"occurred_at": ACCEPTED - timedelta(seconds=59)}, "too-early"),
        ({"in_force_from": ACCEPTED - timedelta(seconds=1)}, "before-its-date"),
    ],
)
def test_a_version_that_may_not_come_into_force_is_refused_and_the_old_one_stays(
    changes: dict[str, object], reason: str
) -> None:
    given = judging.policy_published(Given(), published("old", ACCEPTED - timedelta(days=1)))
    fact = published("new", ACCEPTED)
    with pytest.raises(Rejected, match=reason):
        judging.policy_published(given, fact.model_copy(update=changes))
    assert judging.policy_published(given, fact).policies.at(ACCEPTED).version == "new"
    assert given.policies.at(ACCEPTED).version == "old"


@pytest.mark.parametrize("rate", [1.0, 30.0])
def test_a_version_is_in_force_a_minute_after_the_broker_wrote_it_down_whatever_its_writer_says(
    rate: float,
) -> None:
    # Sent an hour of domain time after the call, and stamped four hours before it.
    sent = ACCEPTED + timedelta(hours=1)
    late = published("late", ACCEPTED - timedelta(hours=4))
    soon = published("soon", sent + LEAD - timedelta(seconds=1))
    fair = published("fair", sent + LEAD)
    clock_set = ClockSet(occurred_at=ACCEPTED, real_from=ACCEPTED, domain_from=ACCEPTED, rate=rate)
    written = (ACCEPTED + (sent - ACCEPTED) / rate).timestamp()
    log: list[tuple[Fact, float]] = [(clock_set, ACCEPTED.timestamp()), (published("old", ACCEPTED), written)]
    log += [(one, written) for one in (late, soon, fair)]
    reader, given = LogClock(), Given()
    refused: list[str] = []
    for fact, at in log:
        counts = reader.read(fact, at)
        if isinstance(counts, PolicyPublished):
            try:
                given = judging.policy_published(given, counts)
            except Rejected as why:
                refused.append(str(why))
    assert (given.policies.at(sent).version, given.policies.at(sent + LEAD).version) == ("old", "fair")
    assert refused == ["policy:too-early"] * 2


def test_approvals_of_two_back_tests_or_by_one_person_twice_are_none() -> None:
    fact = published("new", ACCEPTED)
    first, second, third = fact.approvals
    for approvals in (
        (first, second),
        (first, second, third.model_copy(update={"backtest": "c" * 64})),
        (first, second, third.model_copy(update={"by": first.by})),
        (first, second, third.model_copy(update={"digest": "0" * 64})),
    ):
        with pytest.raises(Rejected, match="not-approved"):
            judging.policy_published(Given(), fact.model_copy(update={"approvals": approvals}))


def stricter(version: str, said_at: datetime, *, shadow: bool = True) -> PolicyPublished:
    """Return a policy by which calls of mental health are reviewed."""
    types = cast("dict[str, list[dict[str, JsonValue]]]", document()["call_types"])
    care = [rule for rule in types["care"] if rule["id"] != "C-MENTAL"]
    changed = cast("JsonValue", {**types, "care": care})
    programmes = [one for one in cast("list[dict[str, JsonValue]]", document()["programmes"]) if one["id"] != "P-PHONE"]
    return a_version(
        PolicyKind.TRIAGE,
        {**document(), "call_types": changed, "programmes": cast("JsonValue", programmes)},
        version=version,
        said_at=said_at,
        in_force_from=said_at + LEAD,
        shadow=shadow,
    )


def test_a_policy_that_is_tried_beside_decides_nothing_and_says_what_it_would_have_changed() -> None:
    given = judging.policy_published(Given(), published("old", ACCEPTED - timedelta(days=1)))
    given = judging.policy_published(given, stricter("tried", ACCEPTED - LEAD))
    triaged = answer(received(picture()), given)
    assert triaged.decision.policy == "old"
    [one] = (one for one in judging.triaged(received(picture()), given) if isinstance(one, ShadowDiffered))
    assert (one.in_force, one.shadow.policy) == (triaged.decision, "tried")
    assert one.change is Change.NO_LONGER_ELIGIBLE
    assert len(judging.triaged(received(picture("WELCK")), given)) == 1
    assert len(judging.triaged(received(picture(), ACCEPTED - timedelta(seconds=1)), given)) == 1


def test_a_trial_ends_at_its_time_and_not_sooner_than_every_process_can_know() -> None:
    given = judging.policy_published(Given(), published("old", ACCEPTED - timedelta(days=1)))
    given = judging.policy_published(given, stricter("tried", ACCEPTED - LEAD))
    ends = ACCEPTED + timedelta(hours=1)
    with pytest.raises(Rejected, match="too-early"):
        judging.shadow_ended(
            given, ShadowEnded(occurred_at=ends, kind=PolicyKind.TRIAGE, ends_from=ends + timedelta(seconds=59))
        )
    given = judging.shadow_ended(given, ShadowEnded(occurred_at=ACCEPTED, kind=PolicyKind.TRIAGE, ends_from=ends))
    assert len(judging.triaged(received(picture(), ends - timedelta(seconds=1)), given)) == 2
    assert len(judging.triaged(received(picture(), ends), given)) == 1
