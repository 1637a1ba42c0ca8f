"""The lexicon as a document: the phrases that the reader of texts knows, and what each of them means."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from divert_contracts.vocabulary import Hazard
from divert_triage.domain.document import Known, Part

Word = Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
"""A word as the reader sees it: lower case, without accents and apostrophes."""
LongWord = Annotated[str, Field(pattern=r"^[a-z]{5,}$")]
Phrase = Annotated[str, Field(pattern=r"^[a-z0-9|<>().~ -]+$", max_length=400)]
"""Words with spaces between. ``a|b``: one of them; ``(a)``: may be left out; ``<group>``: a word of that group;
``..``: up to three words between, in the same clause; ``stab~``: also ``stabs``, ``stabbed`` and ``stabbing``; ``.`` at
the end: where nothing follows in the clause."""

GAP = ".."
STOP = "."
_MOST_WORDINGS = 20_000
_VOWELS = frozenset("aeiou")
_DOUBLED = frozenset("bdgmnprt")
"""Last letters that a short verb doubles: stab, stabbed."""


class Entry(Part):
    """Phrases that tell of the same danger."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    hazards: tuple[Known[Hazard], ...] = Field(min_length=1)
    certainty: Literal["present", "possible"] = "present"
    """``possible`` where a person must look even when nothing beside it puts it in doubt, as with a toy gun."""
    whole: bool = False
    """The words of its phrases tell of nothing else, as the attack in a heart attack."""
    text: str = Field(min_length=1)
    """What it is, in plain words."""
    phrases: tuple[Phrase, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hazards_are_known(self) -> Self:
        if Hazard.UNKNOWN in self.hazards:
            raise ValueError("an entry tells of a known hazard")
        return self


class Cue(Part):
    """Phrases that change how something is said: denied, in doubt, or confirmed after all."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    means: Literal["denied", "possible", "present", "limited"]
    """``possible``: unknown, past, hearsay, another's or a toy; ``limited``: what is denied of some cases alone."""
    reach: Literal["joined", "clause"] = "joined"
    """``joined``: across words that join alone; ``clause``: to the end of its clause."""
    text: str = Field(min_length=1)
    before: tuple[Phrase, ...] = ()
    """Phrases that stand before what they change."""
    after: tuple[Phrase, ...] = ()
    """Phrases that stand after it."""

    @model_validator(mode="after")
    def _only_what_is_near_is_denied(self) -> Self:
        if self.means == "denied" and self.reach != "joined":
            raise ValueError("a denial reaches across joining words alone")
        if not self.before and not self.after:
            raise ValueError("a cue without phrases")
        return self


class Retractions(Part):
    """Phrases that take denials back: whoever denies a weapon may be lying, and somebody else may have seen it."""

    before: tuple[Phrase, ...] = ()
    """Phrases that stand somewhere before what they take back."""
    after: tuple[Phrase, ...] = ()
    """Phrases that stand somewhere after it."""


class Lexicon(Part):
    """Everything that the reader knows. It is part of the triage policy, so that a decision cites one version."""

    passed_over: tuple[Word, ...] = ()
    """Words that may stand within any phrase, such as articles."""
    groups: dict[Word, tuple[Phrase, ...]] = Field(default={})
    """Words that phrases name together, as ``<group>``; each is one word, with its forms where ``~`` says so."""
    entries: tuple[Entry, ...] = Field(min_length=1)
    ordinary: tuple[Phrase, ...] = ()
    """Phrases that hold such a word and tell of no danger, such as ``flu shot``. What tells of danger within one that
    has a gap, or begins in one and ends after it, is in doubt."""
    cues: tuple[Cue, ...] = ()
    retractions: Retractions = Retractions()
    """They may be part of other phrases too."""
    ends: tuple[Phrase, ...] = ()
    """Phrases at which the reach of a cue ends, such as ``but``."""
    joins: tuple[Word, ...] = ()
    """Words that a ``joined`` cue reaches across."""
    concessions: tuple[Word, ...] = ()
    """Words across which a denial is doubt: who has not *used* a gun may have one."""
    definite: tuple[Word, ...] = ()
    """Words that, right before a weapon, say that there is one: who has not *the* gun with him may fetch it."""
    lists: tuple[Word, ...] = ()
    """Words that go on with a list, such as ``or``: what is denied before them is denied after them."""
    abbreviations: tuple[Word, ...] = ()
    """Words whose full stop ends no sentence."""
    corrected: tuple[LongWord, ...] = ()
    """Words of phrases that are understood also with one letter too many, too few, other or in the wrong place."""
    spelt: tuple[Word, ...] = ()
    """Other words so near to those that they must not be taken for them."""
    everyday: tuple[Word, ...] = ()
    """Everyday words of the languages that the reader knows; a text with next to none of them cannot be read."""

    def __hash__(self) -> int:
        """Hash by identity: equal lexicons are mostly one, and hashing thousands of phrases each time is slow."""
        return id(self)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [one.id for one in (*self.entries, *self.cues)]
        repeated = sorted({one for one in ids if ids.count(one) > 1})
        if repeated:
            raise ValueError(f"id twice: {', '.join(repeated)}")
        return self

    @model_validator(mode="after")
    def _groups_are_of_words(self) -> Self:
        for name, members in self.groups.items():
            for member in members:
                if any(len(wording) != 1 or GAP in wording for wording in wordings(member, {})):
                    raise ValueError(f"group {name}: {member!r} is not one word")
        return self

    @model_validator(mode="after")
    def _retractions_can_be_understood(self) -> Self:
        for phrase in (*self.retractions.before, *self.retractions.after):
            tuple(wordings(phrase, self.groups))
        return self

    @model_validator(mode="after")
    def _a_phrase_means_one_thing(self) -> Self:
        meant: dict[tuple[str, ...], str] = {}
        both_ways = self._both_ways()
        entries = {one.id for one in self.entries}
        for where, phrase in self.phrases():
            for wording in wordings(phrase, self.groups):
                before = meant.setdefault(wording, where)
                together = {before, where}
                # Under several entries a phrase tells of all their dangers.
                if before != where and together not in both_ways and not together <= entries:
                    raise ValueError(f"{' '.join(wording)!r} stands under {before} and under {where}")
        return self

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Yield every phrase with the place that it stands in."""
        yield from ((one.id, phrase) for one in self.entries for phrase in one.phrases)
        yield from (("ordinary", phrase) for phrase in self.ordinary)
        yield from (("ends", phrase) for phrase in self.ends)
        for cue in self.cues:
            yield from ((f"{cue.id} before", phrase) for phrase in cue.before)
            yield from ((f"{cue.id} after", phrase) for phrase in cue.after)

    def _both_ways(self) -> list[set[str]]:
        """Return the pairs of places that may share a phrase: a cue may stand before or after what it changes."""
        return [{f"{one.id} before", f"{other.id} after"} for one in self.cues for other in self.cues]


def wordings(phrase: str, groups: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each way to say a phrase; a group stays one element, as ``<group>``.

    Raises:
        ValueError: the phrase cannot be understood, names no group that there is, or has too many wordings.
    """
    ways: list[tuple[str, ...]] = [()]
    for element in phrase.split():
        optional = element.startswith("(") and element.endswith(")")
        inner = element[1:-1] if optional else element
        choices = [choice for one in inner.split("|") for choice in _forms(one, phrase, groups)]
        ways = [(*way, choice) for way in ways for choice in choices] + (ways if optional else [])
        if len(ways) > _MOST_WORDINGS:
            raise ValueError(f"{phrase!r} can be said in too many ways")
    for way in ways:
        said = way[:-1] if way[-1:] == (STOP,) else way
        if not said or GAP in (said[0], said[-1]) or STOP in said:
            raise ValueError(f"{phrase!r} must begin and end with a word")
        yield way


def _forms(element: str, phrase: str, groups: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if element in (GAP, STOP):
        return (element,)
    if element.startswith("<") and element.endswith(">"):
        if element[1:-1] not in groups:
            raise ValueError(f"{phrase!r} names the group {element}, which there is not")
        return (element,)
    stem = element.removesuffix("~")
    if not (stem.isascii() and stem.isalnum()):
        raise ValueError(f"{phrase!r} cannot be understood at {element!r}")
    return (stem,) if stem == element else inflected(stem)


def inflected(verb: str) -> tuple[str, ...]:
    """Return a regular verb's forms, and its bare ``-in`` as it is said: stab, stabs, stabbed, stabbing, stabbin."""
    stem = verb
    if verb.endswith("e"):
        stem = verb[:-1]
    elif len(verb) <= _SHORT and verb[-1] in _DOUBLED and verb[-2] in _VOWELS and verb[-3] not in _VOWELS:
        stem = verb + verb[-1]
    past = f"{verb[:-1]}ied" if _ends_in_consonant_y(verb) else f"{stem}ed"
    third = f"{verb[:-1]}ies" if _ends_in_consonant_y(verb) else f"{verb}{'es' if verb.endswith(_HISSING) else 's'}"
    return (verb, third, past, f"{stem}ing", f"{stem}in")


_SHORT = 4
_HISSING = ("s", "x", "z", "ch", "sh")


def _ends_in_consonant_y(verb: str) -> bool:
    return verb.endswith("y") and verb[-2] not in _VOWELS


@lru_cache(4)
def _validated(text: str) -> Lexicon:
    return Lexicon.model_validate(json.loads(text))


def _once(given: object, read: ValidatorFunctionWrapHandler) -> Lexicon | None:
    """Validate a lexicon once: versions of a policy mostly share theirs, and simulations publish it often."""
    if not isinstance(given, dict):
        return read(given)
    try:
        return _validated(json.dumps(given, sort_keys=True))
    except (TypeError, ValueError):
        return read(given)


OneLexicon = Annotated[Lexicon | None, WrapValidator(_once)]
