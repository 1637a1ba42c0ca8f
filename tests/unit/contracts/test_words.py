"""Vocabularies, revisions, versions and identities."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from divert_contracts import ids, vocabulary
from divert_contracts.call import Answered, Picture, Revision
from divert_contracts.facts.policies import ClockSet
from divert_contracts.model import Term
from divert_contracts.policy import Versions
from divert_contracts.step import Unavailable
from divert_contracts.vocabulary import Answer, Feed, Hazard, Question

AT = datetime(2026, 11, 7, 3, tzinfo=UTC)
DIGEST = "0" * 64

TERMS = [
    one for one in vars(vocabulary).values() if isinstance(one, type) and issubclass(one, Term) and one is not Term
]


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.__name__)
def test_every_vocabulary_reads_a_word_that_it_does_not_know_as_unknown(term: type[Term]) -> None:
    assert term("never-heard-of") is term("unknown")
    with pytest.raises(ValueError, match="valid"):
        term(7)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.__name__)
def test_words_are_lower_case_and_name_themselves(term: type[Term]) -> None:
    assert all(word.value == word.value.lower() for word in term)
    assert len({word.value for word in term}) == len(term.__members__)


def test_an_unknown_word_within_a_picture_is_unknown_and_the_rest_is_kept() -> None:
    picture = Picture.model_validate_json(
        '{"feed": "diverted", "premise_hazards": ["lasers", "weapon"], "answers": {"lasers": {"answer": "maybe"}}}'
    )
    assert picture.feed is Feed.DIVERTED
    assert picture.premise_hazards == (Hazard.UNKNOWN, Hazard.WEAPON)
    assert picture.answers == {Question.UNKNOWN: Answered(answer=Answer.UNKNOWN)}
    assert picture.answer(Question.WEAPON) is Answer.NOT_ASKED


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        (("no", "yes"), "yes"),
        (("yes", "no"), "yes"),
        (("not_asked", "unheard of"), "unknown"),
        (("no", "not_asked"), "not_asked"),
        (("no", "no"), "no"),
    ],
)
def test_of_several_questions_that_are_not_known_the_gravest_answer_counts(said: tuple[str, str], counts: str) -> None:
    answers = {f"question-{number}": {"answer": answer} for number, answer in enumerate(said)}
    read = Picture.model_validate({"feed": "diverted", "answers": {**answers, "weapon": {"answer": "no"}}})
    assert read.answers == {
        Question.UNKNOWN: Answered(answer=Answer(counts)),
        Question.WEAPON: Answered(answer=Answer.NO),
    }
    assert Picture.model_validate_json(read.model_dump_json()) == read


def revision(number: int | None, minutes: int | None) -> Revision:
    updated_at = None if minutes is None else AT + timedelta(minutes=minutes)
    return Revision(number=number, updated_at=updated_at, digest=DIGEST)


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        (revision(1, 9), revision(2, 1), True),
        (revision(2, 1), revision(1, 9), False),
        (revision(1, 1), revision(1, 2), True),
        (revision(None, 1), revision(7, 2), True),
        (revision(None, 2), revision(7, 1), False),
        (revision(None, None), revision(7, 1), False),
        (revision(1, None), revision(1, None), False),
    ],
)
def test_revisions_are_ordered_by_number_then_time_else_not(one: Revision, other: Revision, *, older: bool) -> None:
    assert one.is_older_than(other) is older


revisions = st.builds(revision, st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))


@given(revisions, revisions)
def test_of_two_revisions_at_most_one_is_older(one: Revision, other: Revision) -> None:
    assert not (one.is_older_than(other) and other.is_older_than(one))
    assert not one.is_older_than(one)


def test_the_version_in_force_is_that_of_the_time() -> None:
    versions = Versions[str]().with_version("b", AT + timedelta(days=1), "later").with_version("a", AT, "first")
    assert versions.at(AT).value == "first"
    assert versions.at(AT + timedelta(days=1)).version == "b"
    assert versions.at(AT - timedelta(days=1)).value == "first"


def test_a_published_version_never_changes() -> None:
    versions = Versions[str]().with_version("a", AT, "first").with_version("a", AT, "changed")
    assert versions.at(AT).value == "first"


def test_before_any_version_the_work_must_wait() -> None:
    with pytest.raises(Unavailable):
        Versions[str]().at(AT)


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_publishing_does_not_matter(order: list[str]) -> None:
    versions = Versions[str]()
    for version in order:
        versions = versions.with_version(version, AT + timedelta(days=ord(version)), version)
    assert [one.version for one in versions.known] == ["a", "b", "c"]


def test_identities_are_the_same_each_time_and_differ() -> None:
    call = ids.call_id("lapd", "261107000512")
    assert call == UUID("ef831dd4-f5ae-538f-be2a-d4a521321d4b")
    assert ids.call_id("lapd", "261107000512") == call
    others = {
        ids.call_id("lapd", "261107000513"),
        ids.call_id("lafd", "261107000512"),
        ids.reopened_call_id(call, "9"),
        ids.case_id(call, 1),
        ids.case_id(call, 2),
        ids.handoff_id(call, 1),
        ids.fact_id(call, "triage", "divert.CallTriaged.v1", 0),
        ids.fact_id(call, "triage", "divert.CallTriaged.v1", 1),
        ids.foreign_id("/x", str(call)),
        call,
    }
    assert len(others) == 10


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_domain_time_cannot_stand_still_or_go_back(rate: float) -> None:
    with pytest.raises(ValidationError):
        ClockSet(occurred_at=AT, real_from=AT, domain_from=AT, rate=rate)
