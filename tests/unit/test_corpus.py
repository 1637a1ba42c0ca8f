"""The labelled corpus keeps its own rules: it is the yardstick of the narrative reader."""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Annotated, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, StringConstraints

from divert_cli.checkout import ROOT
from divert_contracts.vocabulary import Certainty, Hazard

FILE = ROOT / "seeds/corpus/narratives.jsonl"
Trait = Literal[
    "negation",
    "scope",
    "unknown",
    "past",
    "hearsay",
    "other_person",
    "toy",
    "figurative",
    "history_text",
    "buried",
    "abbreviation",
    "misspelling",
    "spanish",
    "upper_case",
    "plain",
]
Because = Literal["now", "denied", "unknown", "past", "hearsay", "other_person", "toy"]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

CERTAINTIES: dict[Because, set[Certainty]] = {
    "now": {Certainty.PRESENT},
    "denied": {Certainty.DENIED},
    "unknown": {Certainty.UNKNOWN, Certainty.POSSIBLE},
    "past": {Certainty.POSSIBLE},
    "hearsay": {Certainty.POSSIBLE},
    "other_person": {Certainty.POSSIBLE},
    "toy": {Certainty.POSSIBLE},
}
TRAIT_OF: dict[Because, Trait] = {
    "denied": "negation",
    "unknown": "unknown",
    "past": "past",
    "hearsay": "hearsay",
    "other_person": "other_person",
    "toy": "toy",
}


class Saying(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    hazard: Hazard
    certainty: Certainty
    because: Because
    words: Text


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[NC]\d{3}$")]
    kind: Literal["narrative", "call_type"]
    text: Text
    hard: bool
    traits: tuple[Trait, ...]
    says: tuple[Saying, ...]
    handling: Literal["exclude", "review", "none"]
    taught: Literal[True] | None = None

    @property
    def held_back(self) -> bool:
        return not self.taught and sha256(f"{self.id}:{self.text}".encode()).hexdigest()[0] in "89abcdef"

    def tells(self, hazard: Hazard, *certainties: Certainty) -> bool:
        return any(said.hazard is hazard and said.certainty in certainties for said in self.says)


SHARES: dict[str, tuple[Callable[[Entry], bool], int]] = {
    "weapon present": (lambda entry: entry.tells(Hazard.WEAPON, Certainty.PRESENT), 150),
    "weapon denied": (lambda entry: entry.tells(Hazard.WEAPON, Certainty.DENIED), 60),
    "weapon possible": (lambda entry: entry.tells(Hazard.WEAPON, Certainty.POSSIBLE, Certainty.UNKNOWN), 60),
    "violence present": (lambda entry: entry.tells(Hazard.VIOLENCE, Certainty.PRESENT), 150),
    "no danger told": (lambda entry: entry.handling == "none", 200),
    "hard": (lambda entry: entry.hard, 300),
    "all": (lambda _: True, 640),
}
"""What there must be enough of: which entries, and how many."""


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return [Entry.model_validate_json(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def worst(entry: Entry) -> str:
    certainties = {said.certainty for said in entry.says}
    if Certainty.PRESENT in certainties:
        return "exclude"
    return "review" if certainties & {Certainty.POSSIBLE, Certainty.UNKNOWN} else "none"


def mislabelled(entry: Entry) -> Iterator[str]:
    """Name each rule of the corpus that the entry breaks."""
    for said in entry.says:
        if said.words not in entry.text:
            yield f"{said.words!r} is not in the text"
        if said.hazard is Hazard.UNKNOWN:
            yield "a hazard outside the vocabulary"
        if said.certainty not in CERTAINTIES[said.because]:
            yield f"{said.because} is never {said.certainty}"
        if said.because in TRAIT_OF and TRAIT_OF[said.because] not in entry.traits:
            yield f"lacks the trait {TRAIT_OF[said.because]}"
    if len(set(entry.says)) < len(entry.says) or len(set(entry.traits)) < len(entry.traits):
        yield "says something twice"
    if entry.handling != worst(entry):
        yield f"handling is {entry.handling}, the worst of it {worst(entry)}"
    if "plain" in entry.traits and entry.says:
        yield "plain, and yet says something"
    if (entry.kind == "call_type") != entry.id.startswith("C"):
        yield "an id of the other kind"


def test_every_entry_keeps_the_rules_of_labelling(entries: list[Entry]) -> None:
    assert {entry.id: list(mislabelled(entry)) for entry in entries if list(mislabelled(entry))} == {}


@pytest.mark.parametrize(
    "change",
    [
        {"says": ({"hazard": "weapon", "certainty": "present", "because": "now", "words": "a cannon"},)},
        {"says": ({"hazard": "dragon", "certainty": "present", "because": "now", "words": "a knife"},)},
        {"says": ({"hazard": "weapon", "certainty": "denied", "because": "now", "words": "a knife"},)},
        {"says": ({"hazard": "weapon", "certainty": "possible", "because": "toy", "words": "a knife"},)},
        {"handling": "none"},
        {"traits": ("plain",)},
        {"kind": "call_type"},
    ],
)
def test_a_wrong_label_would_be_seen(change: dict[str, object]) -> None:
    said = {"hazard": "weapon", "certainty": "present", "because": "now", "words": "a knife"}
    right = {"id": "N001", "kind": "narrative", "text": "has a knife", "hard": False, "traits": ()}
    right |= {"says": (said,), "handling": "exclude"}
    assert list(mislabelled(Entry.model_validate(right))) == []
    assert list(mislabelled(Entry.model_validate(right | change))) != []


def test_ids_and_texts_are_unique(entries: list[Entry]) -> None:
    assert [key for key, n in Counter(entry.id for entry in entries).items() if n > 1] == []
    assert [text for text, n in Counter(entry.text.casefold() for entry in entries).items() if n > 1] == []


def test_it_is_large_and_at_least_half_of_it_hard(entries: list[Entry]) -> None:
    assert len(entries) >= 640
    assert sum(entry.hard for entry in entries) * 2 >= len(entries)
    assert sum(entry.kind == "call_type" for entry in entries) >= 60


def test_every_trait_and_every_hazard_is_met_often_enough(entries: list[Entry]) -> None:
    traits = Counter(trait for entry in entries for trait in entry.traits)
    assert {trait: traits[trait] for trait in get_args(Trait) if traits[trait] < 8} == {}
    hazards = Counter(hazard for entry in entries for hazard in {said.hazard for said in entry.says})
    assert {hazard: hazards[hazard] for hazard in Hazard if hazard is not Hazard.UNKNOWN and hazards[hazard] < 15} == {}


@pytest.mark.parametrize(("counts", "at_least"), SHARES.values(), ids=SHARES)
def test_there_is_enough_of_it_and_on_both_sides(
    entries: list[Entry], counts: Callable[[Entry], bool], at_least: int
) -> None:
    chosen = [entry for entry in entries if counts(entry)]
    assert len(chosen) >= at_least
    assert 0.35 <= sum(entry.held_back for entry in chosen) / len(chosen) <= 0.65
