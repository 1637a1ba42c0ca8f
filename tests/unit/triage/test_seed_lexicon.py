"""What the seed's lexicon must never do: let a harmless phrase, or a denial that concedes it, hide a weapon."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from divert_cli.prepare import seed_policy
from divert_contracts.vocabulary import Certainty, Hazard, PolicyKind
from divert_triage.domain.lexicon import GAP, Lexicon, wordings
from divert_triage.domain.policy import TriagePolicy
from divert_triage.domain.reading import Reader

GRAVE = frozenset({Hazard.WEAPON, Hazard.VIOLENCE})
VAGUE = (
    "tattoo|tattoos .. gun|pistol|knife|sword|rifle",
    "mural|painting .. gun|knife",
    "take|took|need|needs .. shot|shots of|clinic",
    "needs .. shot",
    "fighting .. insurance|bank",
    "shooting .. video|film|movie|pool",
    "shot .. film|photo",
    "her|his|the shot (of|is|was)",
    "was fired",
    "killing me",
)
"""Harmless phrases with a gap or a vague end, as a city may write them."""
_MOST = 12


class Danger(NamedTuple):
    """A way to tell of danger."""

    words: tuple[str, ...]
    hazards: frozenset[Hazard]


@cache
def seed() -> Lexicon:
    lexicon = TriagePolicy.model_validate(seed_policy(PolicyKind.TRIAGE).document).lexicon
    assert lexicon is not None
    return lexicon


@cache
def reader() -> Reader:
    return Reader(seed())


@cache
def vague_reader() -> Reader:
    """Return a reader that knows harmless phrases with gaps and vague ends too."""
    return Reader(seed().model_copy(update={"ordinary": (*seed().ordinary, *VAGUE)}))


def instances(phrase: str) -> Iterator[tuple[str, ...]]:
    """Yield some ways to say a phrase, each group as its first word."""
    for wording in islice(wordings(phrase, seed().groups), _MOST):
        words = (_member(one) if one.startswith("<") else one for one in wording)
        yield tuple(words)


def _member(group: str) -> str:
    first = seed().groups[group[1:-1]][0]
    return next(wordings(first, {}))[0]


@cache
def dangers() -> tuple[Danger, ...]:
    return tuple(
        Danger(words, GRAVE & frozenset(entry.hazards))
        for entry in seed().entries
        if GRAVE & frozenset(entry.hazards)
        for phrase in entry.phrases
        for words in instances(phrase)
        if GAP not in words
    )


@cache
def harmless() -> tuple[tuple[str, ...], ...]:
    """Return every phrase of the lexicon that tells of no danger: ordinary ones, cues and ends."""
    entries = {one.id for one in seed().entries}
    phrases = [phrase for where, phrase in seed().phrases() if where not in entries]
    return tuple(words for phrase in (*VAGUE, *phrases) for words in instances(phrase))


@cache
def overlapping() -> tuple[tuple[tuple[str, ...], Danger], ...]:
    """Return the ordinary phrases, each with the ways to tell of danger that begin with its last word."""
    beginning: dict[str, list[Danger]] = {}
    for one in dangers():
        if len(one.words) > 1:
            beginning.setdefault(one.words[0], []).append(one)
    return tuple(
        (words, danger)
        for phrase in (*VAGUE, *seed().ordinary)
        for words in instances(phrase)
        if GAP not in words
        for danger in beginning.get(words[-1], ())[:_MOST]
    )


def told(text: str, by: Reader) -> set[Hazard]:
    """Return what a text tells of so that at least a person looks."""
    return {one.hazard for one in by.read(text) if one.certainty is not Certainty.DENIED}


@settings(deadline=None, max_examples=400)
@generated(st.data())
def test_what_stands_in_the_gap_of_a_harmless_phrase_is_told_of(data: st.DataObject) -> None:
    phrase = data.draw(st.sampled_from([one for one in harmless() if GAP in one]))
    danger = data.draw(st.sampled_from([one for one in dangers() if len(one.words) == 1]))
    # With nonsense on both sides, so that the word is part of no other phrase.
    within = " ".join("zzq " + danger.words[0] + " zzq" if one == GAP else one for one in phrase)
    assert danger.hazards <= told(within, vague_reader()), within


@settings(deadline=None, max_examples=400)
@generated(st.data())
def test_what_begins_in_an_ordinary_phrase_and_ends_after_it_is_told_of(data: st.DataObject) -> None:
    phrase, danger = data.draw(st.sampled_from(overlapping()))
    text = " ".join((*phrase, *danger.words[1:]))
    assert GRAVE & told(text, vague_reader()), text


def test_no_ordinary_phrase_of_the_seed_has_a_gap() -> None:
    assert [one for one in seed().ordinary if GAP in one.split()] == []


@pytest.mark.parametrize(
    "text",
    [
        "WM TATTOOS ON ARMS W/ KNIFE",
        "SHOOTING AT THE POOL",
        "NEEDS HELP SON SHOT",
        "RP FOUND HER SHOT IN THE HEAD",
        "FIGHTING WITH SECURITY AT BANK",
        "HUSBAND IS KILLING ME",
        "CAR WAS FIRED ON",
        "BM RED SHIRT WITH GUN",
        "HEARD MALE W/GUN SAY HELLO",
        "SUSP SAID HE HAS A GUN, NOT SEEN",
        "SAYS HE HAS A GUN, NONE SEEN",
        "HAS A GUN NOT DISPLAYED",
        "STABBED EARLIER, KNIFE NOT FOUND",
        "DOESNT WANT TO USE THE GUN",
        "NOT HOLDING A KNIFE AT THIS TIME",
        "doesnt have the gun on him",
        "not have the knife with him",
        "NO TIENE LA PISTOLA",
        "HAS NO ACCESS TO HIS GUNS",
        "SENT PICTURE OF GUN TO RP",
        "NOT POINTING THE GUN AT ANYONE",
        "HASNT USED THE KNIFE",
        "DIDNT BRING THE GUN INSIDE",
        "DOES NOT DENY HAVING A GUN",
        "NEVER WITHOUT HIS GUN",
        "NEVER GOES ANYWHERE WITHOUT HIS GUN",
        "YELLING N SWINGING A BAT",
        "BACKPACK N KNIFE",
        "PERSON W/ 10-32",
    ],
)
def test_a_weapon_that_is_spoken_of_reaches_a_person(text: str) -> None:
    assert GRAVE & told(text, reader())
    assert GRAVE & told(text, vague_reader())


def test_somebody_found_shot_is_not_thought_to_be_at_a_clinic() -> None:
    assert Hazard.WEAPON in told("RP FOUND HER SHOT", reader())


@pytest.mark.parametrize(
    "text", ["AFFRAY", "WOUNDING", "MAYHEM", "CSC", "CRIMINAL SEXUAL CONDUCT", "WANTON ENDANGERMENT"]
)
def test_published_names_of_violence_are_known(text: str) -> None:
    assert Hazard.VIOLENCE in told(text, reader())


@pytest.mark.parametrize(
    "text",
    [
        "NO WEAPONS SEEN",
        "wpns: n",
        "wpns none seen",
        "weapons? none seen",
        "DENIES HAVING A GUN",
        "NO WEAPONS ON HIM",
        "NO ONE IN THE HOUSE HAS A GUN",
        "no sign of a knife or gun",
        "got his flu shot today",
        "tattoo of a knife",
        "fighting with her insurance",
    ],
)
def test_what_is_denied_or_ordinary_stays_so(text: str) -> None:
    assert not GRAVE & told(text, reader())
