"""What the seed's lexicon must never do: let a harmless phrase, or a denial that concedes it, hide a weapon."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from divert_cli.corpus import CORPUS, load
from divert_cli.prepare import seed_policy
from divert_contracts.vocabulary import Certainty, Hazard, PolicyKind
from divert_triage.domain.lexicon import GAP, STOP, Lexicon, wordings
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
_RANK = (Certainty.DENIED, Certainty.POSSIBLE, Certainty.PRESENT)


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


@pytest.mark.parametrize(
    "text",
    [
        "DENIES WEAPONS BUT MOM SAYS YES",
        "SAYS NO WEAPONS BUT RP SAW ONE IN HIS BAG",
        "NO WEAPONS BUT GRANDMA IS NOT SO SURE ABOUT THE SHED",
        "NO WEAPONS // RP CB NOW HAS ONE",
        "DENIED HAVING GUN BUT RP SAW IT",
        "DISREGARD NO WEAPONS, HE HAS IT",
        "NO TRAE ARMA PERO DICE QUE SI TIENE",
        "NOT HITTING ANYONE BUT HE WAS",
        "HE'S LYING ABOUT NO WEAPONS",
        "RP DOESNT BELIEVE NO WEAPONS",
        "NEG WPNS. CALM.\nSUPP: SISTER CB, SHE FOUND IT",
        "NO WEAPONS EXCEPT A STICK",
        "NO WEAPONS ONLY A BAT",
        "NO WEAPONS, JUST A BAT",
        "NO WEAPONS OTHER THAN A CANE",
        "NO WEAPONS BESIDES A CANE",
        "NO WEAPONS APART FROM A BROOM",
        "NO TIENE ARMAS SALVO UN PALO",
        "NO TIENE ARMAS SOLO UN CUCHILLO",
        "NOT A TOY GUN",
        "NOT JUST A KNIFE",
        "ISNT JUST A KNIFE",
        "NO MENTION OF WEAPONS",
        "NOTHING SAID ABOUT WEAPONS",
        "NO HX OF VIOLENCE",
        "NOT VIOLENT YET",
        "NOT VIOLENT UNLESS APPROACHED",
        "NO VIOLENCE ONLY TOWARD SISTER",
        "NOT VIOLENT AT THIS TIME BUT WAS EARLIER",
        "NOT USUALLY VIOLENT",
        "NOT BEING VIOLENT RIGHT NOW, WAS EARLIER",
        "DENIES BEING VIOLENT BUT RP HAS BRUISES",
        "NO WEAPONS IN VIEW",
        "NO HAY ARMAS QUE YO SEPA",
        "NO TIENE ARMAS PERO LE VIERON UN PALO",
        "CAMERA SHOWS ONE IN HIS HAND, HE DENIES WEAPONS",
        "DENIES HITTING HER, SHE SAYS HE DID LAST NIGHT",
        "HAS NOT HIT STAFF, ONLY OTHER PATIENTS",
        "NOT THREATENING ANYONE BUT HIS MOTHER",
        "DIDNT HIT HER THIS TIME",
        "NO WEAPONS THAT RP COULD SEE",
        "NOTHING BUT A SCREWDRIVER ON HIM",
        "NO ESTA ARMADO PERO LA HERMANA DICE LO CONTRARIO",
        "NO TIENE PISTOLA, PERO TRAE ALGO EN LA MANO",
        "NOT A REAL GUN PER RP",
        "SAID NO TO WEAPONS BUT HESITATED",
        "NO KNIFE NOW RP NOT SO SURE",
        "NO WEAPONS SAVE FOR A WRENCH",
        "SHE NEVER SAID NO WEAPONS",
        "WEAPONS: NONE, WELL MAYBE A BAT",
    ],
)
def test_a_denial_that_is_taken_back_or_limited_or_was_never_made_reaches_a_person(text: str) -> None:
    assert GRAVE & told(text, reader())


@cache
def misspelt() -> dict[str, tuple[str, ...]]:
    """Return each corrected word's misspellings, but for those that may be another's."""
    near = {word: {*misspellings(word)} for word in seed().corrected}
    times = Counter(one for ways in near.values() for one in ways)
    right = {*seed().corrected, *seed().spelt, *seed().everyday}
    return {
        word: tuple(one for one in ways - right if times[one] == 1 and shorter(one).isdisjoint(right - {word}))
        for word, ways in near.items()
    }


def shorter(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(1, len(word))}


def misspellings(word: str) -> Iterator[str]:
    """Yield a word with a letter out, doubled or swapped with the next; the first letter stays."""
    for at in range(1, len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[: at + 1] + word[at:]
        yield word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


def test_a_misspelt_phrase_tells_at_least_what_the_right_one_tells() -> None:
    for danger in dangers():
        grave = GRAVE & told(" ".join(danger.words), reader())
        for at, word in enumerate(danger.words):
            for wrong in misspelt().get(word, ()):
                text = " ".join((*danger.words[:at], wrong, *danger.words[at + 1 :]))
                assert grave <= told(text, reader()), text


def test_a_misspelling_that_a_phrase_names_is_read_as_the_word_too() -> None:
    for text in ("ASSUALT", "ASSULT ON STAFF", "SHOOTIN", "THREATENIN STAFF", "KIDNAPED"):
        assert GRAVE & told(text, reader()), text


@cache
def denials() -> tuple[str, ...]:
    """Return the texts of the open half in which a weapon or violence is denied and nothing is taken back."""
    texts = (one.text for one in load(CORPUS) if not one.held_back)
    return tuple(text for text in texts if denied(text))


def denied(text: str) -> set[Hazard]:
    return {one.hazard for one in reader().read(text) if one.certainty is Certainty.DENIED and one.hazard in GRAVE}


@cache
def open_texts() -> tuple[str, ...]:
    return tuple(one.text.rstrip(" ?:=/") for one in load(CORPUS) if not one.held_back)


@settings(deadline=None, max_examples=300)
@generated(st.data())
def test_a_denial_stands_nowhere_before_what_takes_it_back(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(denials()))
    phrase = data.draw(st.sampled_from([one for phrase in seed().retractions.after for one in instances(phrase)]))
    between = data.draw(st.sampled_from([" ", ", ", ". ", "\n", " // ", ": "]))
    taken_back = " ".join(one for one in phrase if one not in (GAP, STOP))
    assert not denied(f"{text}. Talked.{between}{taken_back}"), taken_back


@settings(deadline=None, max_examples=300)
@generated(st.data())
def test_a_further_sentence_makes_nothing_less(data: st.DataObject) -> None:
    first, second = data.draw(st.sampled_from(open_texts())), data.draw(st.sampled_from(open_texts()))
    both = worst(f"{first}.\n{second}")
    for alone in (worst(first), worst(second)):
        assert all(_RANK.index(both[hazard]) >= _RANK.index(alone[hazard]) for hazard in alone), (first, second)


@cache
def meaningless() -> tuple[str, ...]:
    """Return everyday words that are part of no phrase after which something reads otherwise."""
    after = (phrase for cue in seed().cues for phrase in (*cue.before, *cue.after))
    telling = {
        word for phrase in (*after, *seed().ordinary) for words in wordings(phrase, seed().groups) for word in words
    }
    groups = {word for members in seed().groups.values() for one in members for (word,) in wordings(one, {})}
    return tuple(sorted({*seed().everyday} - telling - groups))


@settings(deadline=None, max_examples=300)
@generated(st.data())
def test_further_words_take_nothing_away_but_by_a_cue_or_a_harmless_phrase(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(open_texts()))
    more = " ".join(data.draw(st.lists(st.sampled_from(meaningless()), min_size=1, max_size=5)))
    # After a comma: "she says he did" ends there, and "she says he did not" is something else.
    before, after = worst(text), worst(f"{text}, {more}")
    assert all(_RANK.index(after[hazard]) >= _RANK.index(before[hazard]) for hazard in before), more


def worst(text: str) -> dict[Hazard, Certainty]:
    """Return the surest that a text tells of weapons and violence."""
    found: dict[Hazard, Certainty] = {}
    for one in sorted(reader().read(text), key=lambda one: _RANK.index(one.certainty)):
        if one.hazard in GRAVE:
            found[one.hazard] = one.certainty
    return found


def test_somebody_found_shot_is_not_thought_to_be_at_a_clinic() -> None:
    assert Hazard.WEAPON in told("RP FOUND HER SHOT", reader())


@pytest.mark.parametrize(
    "text",
    [
        "SUBJ IS A DANGER TO OTHERS",
        "HARM TO OTHERS",
        "5150 DTO",
        "HI/SI",
        "SI/HI",
        "PT ENDORSES HI",
        "MALE W/ 417",
        "CODE 417",
        "POSS 245",
        "POSS 187",
        "242 IN PROGRESS",
        "RP RPTG A 273.5",
        "WANTS REPORT FOR 242",
        "245 VICT AT LOC",
        "VICT OF 242 STANDING BY",
        "SUBJ 245'D HIS ROOMMATE",
        "PT DANGER TO SELF AND OTHERS",
        "HI W/ PLAN",
        "417PC",
        "245 PC",
        "SUBJ CUTTING",
        "A&B ON STAFF",
        "BATT ON RP",
        "GBI",
        "MAKING THRTS",
        "HEARD POPS",
        "RP HEARD A BANG",
        "AGGRESSIVE",
        "FEARS FOR HER LIFE",
        "HAS A 38",
        "KEEPS A .38 ON HIM",
        "9MM",
        "HAS A 45 CAL",
        "HE IS CARRYING",
        "HAS A SCREW DRIVER",
        "FIRE ARM",
        "ESTA AHORCANDO A SU MAMA",
        "LA AGARRO DEL CUELLO",
        "ESTA PATEANDO A LA GENTE",
        "LO EMPUJO",
        "LO APUÑALO",
        "ESTA GOLPEANDO",
        "ME PEGO",
        "BEATING ON HER MOTHER",
        "HITTING ON STAFF",
        "WALKING WITH A CANE SWINGING IT AT PEOPLE",
        "HEART ATTACK AFTER BEING PUNCHED",
        "BATTERY ON PARK RANGER",
    ],
)
def test_how_a_dispatcher_writes_of_danger_is_known(text: str) -> None:
    assert GRAVE & told(text, reader())


def test_shorthand_that_is_denied_stays_so() -> None:
    assert not GRAVE & told("DENIES SI/HI", reader())


@pytest.mark.parametrize("text", ["TOOK ALL HIS MEDS", "TOOK TOO MANY MEDS", "TOOK A BOTTLE OF MEDS", "TOOK 20 PILLS"])
def test_more_than_was_prescribed_is_an_overdose(text: str) -> None:
    assert Hazard.OVERDOSE in told(text, reader())


def test_indecent_exposure_by_its_name_alone_is_for_a_person_and_excludes_nothing() -> None:
    assert {one.certainty for one in reader().read("INDECENT EXPOSURE")} == {Certainty.POSSIBLE}


@pytest.mark.parametrize(
    "text", ["AFFRAY", "WOUNDING", "MAYHEM", "CSC", "CRIMINAL SEXUAL CONDUCT", "WANTON ENDANGERMENT"]
)
def test_published_names_of_violence_are_known(text: str) -> None:
    assert Hazard.VIOLENCE in told(text, reader())


@pytest.mark.parametrize(
    "text",
    [
        "242 MAIN ST",
        "AT 417 W 5TH",
        "LOC 245 S HILL ST",
        "BATTERY PARK",
        "HITTING ON WOMEN",
        "BEATING A DRUM",
        "CUTTING HAIR",
        "CUTTING THE GRASS",
        "CUTTING A CAKE",
        "PHONE BATT IS LOW",
        "WALKING WITH CANE",
        "TOOK HIS MEDS",
        "NOT VIOLENT, TOOK MEDS TODAY",
    ],
)
def test_addresses_and_everyday_doings_tell_of_no_danger(text: str) -> None:
    assert told(text, reader()) == set()


def test_a_heart_attack_is_an_illness() -> None:
    assert told("HEART ATTACK", reader()) == {Hazard.MEDICAL}


@pytest.mark.parametrize(
    "text",
    [
        "NO WEAPONS SEEN",
        "wpns: n",
        "wpns none seen",
        "weapons? none seen",
        "DENIES HAVING A GUN",
        "NO WEAPONS ON HIM",
        "NO WPNS NOT VIOLENT",
        "NEG WPNS NEG DRUGS NEG ETOH CALM",
        "DENIES SI/HI NO WPNS",
        "NOT VIOLENT AT THIS TIME",
        "NO WEAPONS, HE HAS BEEN DRINKING",
        "NO WEAPONS, JUST YELLING",
        "NO WEAPONS. SISTER IS WITH HIM",
        "NO WEAPONS, LYING ON SIDEWALK",
        "NO ONE IN THE HOUSE HAS A GUN",
        "no sign of a knife or gun",
        "got his flu shot today",
        "tattoo of a knife",
        "fighting with her insurance",
    ],
)
def test_what_is_denied_or_ordinary_stays_so(text: str) -> None:
    assert not GRAVE & told(text, reader())
