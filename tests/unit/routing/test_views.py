"""What the desk's pages show of calls."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.call import Private, Signal
from divert_contracts.facts import cases
from divert_contracts.model import Term
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Assistance,
    Certainty,
    DirectionReason,
    HandOffReason,
    Hazard,
    Programme,
    Question,
    RecallReason,
    Responder,
    ReviewReason,
    SignalSource,
    Stage,
)
from divert_routing.domain.attention import needs
from divert_routing.pages import words
from divert_routing.pages.views import Piece, Views
from unit.routing.lives import (
    PRIVATE,
    Life,
    by_provider,
    directory,
    going,
    in_review,
    observed,
    offered,
    take_back,
    taken,
    there,
)


def views(life: Life, person: str = "desk-1") -> Views:
    return Views(directory(), life.now, person)


def sign(start: int, end: int, hazard: Hazard = Hazard.WEAPON, certainty: Certainty = Certainty.PRESENT) -> Signal:
    return Signal(hazard=hazard, source=SignalSource.NARRATIVE, certainty=certainty, code="knife", start=start, end=end)


@pytest.mark.parametrize(
    ("life", "holder", "doing"),
    [
        (in_review(), "The dispatcher holds it", "somebody must decide"),
        (offered(), "The dispatcher holds it", "offered to Exodus Recovery"),
        (taken(), "Exodus Recovery has it", "preparing"),
        (going(), "Exodus Recovery has it", "on the way"),
        (there(), "Exodus Recovery has it", "on scene"),
        (there().order(take_back()), "The dispatcher holds it", "nobody there has accepted it yet"),
    ],
    ids=["in review", "offered", "taken", "on the way", "on scene", "taken back"],
)
def test_the_custody_line_says_who_holds_it_and_what_happens(life: Life, holder: str, doing: str) -> None:
    custody = views(life).custody(life.call)
    assert (custody.holder, custody.doing) == (holder, doing)
    assert custody.due is not None
    assert custody.due > life.now


def test_only_what_can_be_done_is_offered_to_be_done() -> None:
    def names(life: Life) -> list[str]:
        return [one.name for one in views(life).orders(life.call)]

    assert names(in_review()) == ["eligible", "ineligible", "claim", "take_back"]
    assert names(offered()) == ["hold", "reassign", "other_programme", "take_back"]
    assert names(there()) == ["extend", "take_back"]
    assert names(there().order(take_back())) == ["accept", "claim"]
    assert names(observed()) == []


def test_every_order_has_a_key_of_its_own() -> None:
    for life in (in_review(), offered(), going(), there().order(take_back())):
        keys = [one.key for one in views(life).orders(life.call)]
        assert len(set(keys)) == len(keys)
        assert not {"j", "k", "n", "g", "l", "b", "w"} & set(keys)


def test_the_words_are_marked_where_the_rules_saw_something() -> None:
    private = Private(narrative="he had a knife, no gun seen")
    signals = [sign(9, 14), sign(16, 27, certainty=Certainty.DENIED), sign(11, 14, Hazard.VIOLENCE), sign(90, 99)]
    assert views(offered()).marked(private, signals) == [
        Piece("he had a "),
        Piece("knife", "weapon there, violence there"),
        Piece(", "),
        Piece("no gun seen", "weapon denied", denied=True),
    ]


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70)), max_size=8))
def test_marking_never_loses_or_changes_a_word(text: str, spans: list[tuple[int, int]]) -> None:
    pieces = views(offered()).marked(Private(narrative=text), [sign(start, end) for start, end in spans])
    assert "".join(one.text for one in pieces) == text


def test_what_is_forgotten_is_said_to_be() -> None:
    life = offered().order(take_back())
    assert views(life).whole(life.call).forgotten is False
    gone = life.call.model_copy(update={"private": None})
    later = Views(directory(), life.now + timedelta(days=31), "desk-1")
    assert later.whole(gone).forgotten
    assert not later.whole(gone).pieces
    assert life.call.private == PRIVATE


def test_lines_keep_their_place_while_somebody_acts_on_them() -> None:
    first, second = in_review(), there()
    second.hear(by_provider(second, cases.BackupRequested))
    found = [*needs(second.call, second.now), *needs(first.call, second.now)]
    both = [one.id for one in found]
    shown = views(second).rows([second.call], found[:1], [both[1], "review-gone"])
    assert [(one.id, one.gone) for one in shown] == [(both[1], True), ("review-gone", True), (both[0], False)]


def test_a_call_that_nobody_could_locate_has_no_division() -> None:
    life = offered()
    life.call.division = None
    assert views(life).place(life.call) == "No division"


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        (Question, words.QUESTIONS),
        (Answer, words.ANSWERS),
        (Hazard, words.HAZARDS),
        (Certainty, words.CERTAINTIES),
        (SignalSource, words.SOURCES),
        (Acuity, words.ACUITIES),
        (Stage, words.STAGES),
        (Assistance, words.ASSISTANCE),
        (HandOffReason, words.HAND_OFFS),
        (RecallReason, words.RECALLS),
        (Responder, words.RESPONDERS),
        (Programme, words.PROGRAMMES),
    ],
)
def test_every_code_that_can_be_shown_has_words(vocabulary: type[Term], said: dict[Term, str]) -> None:
    assert set(vocabulary) == said.keys()


def test_every_reason_but_unknown_can_be_given() -> None:
    assert {*words.REVIEW_REASONS, ReviewReason.UNKNOWN} == set(ReviewReason)
    assert {*words.DIRECTION_REASONS, DirectionReason.UNKNOWN} == set(DirectionReason)
    assert {*words.FOR, *words.AGAINST} == set(words.REVIEW_REASONS)
