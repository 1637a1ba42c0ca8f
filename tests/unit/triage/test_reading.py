"""How a text is read: phrases, and what puts them in doubt. By a lexicon of its own, so that the seed's may change."""

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from divert_contracts.call import Signal
from divert_contracts.vocabulary import Certainty, Hazard, SignalSource
from divert_triage.domain.lexicon import Cue, Entry, Lexicon, Retractions, inflected, wordings
from divert_triage.domain.reading import UNREADABLE, Reader

LEXICON = Lexicon(
    passed_over=("a", "the", "his", "any"),
    groups={"person": ("mother", "man", "staff")},
    entries=(
        Entry(id="gun", hazards=(Hazard.WEAPON,), text="A firearm.", phrases=("gun|guns|pistol",)),
        Entry(id="knife", hazards=(Hazard.WEAPON,), text="A knife.", phrases=("knife|knives",)),
        Entry(
            id="toy",
            hazards=(Hazard.WEAPON,),
            certainty="possible",
            text="A toy.",
            phrases=("toy gun|pistol", "bb gun"),
        ),
        Entry(id="weapon", hazards=(Hazard.WEAPON,), text="Some weapon.", phrases=("weapon|weapons|wpns",)),
        Entry(
            id="blow",
            hazards=(Hazard.VIOLENCE,),
            text="Somebody hits another.",
            phrases=("hit <person>", "stab~", "threatening .. kill", "fight|fighting|fights"),
        ),
        Entry(id="breath", hazards=(Hazard.MEDICAL,), text="No breath.", phrases=("not breathing",)),
    ),
    ordinary=("gun shop", "flu shot", "painting .. wall", "feels bad not"),
    cues=(
        Cue(id="no", means="denied", text="No.", before=("no|not|neg|denies", "w o"), after=("no|neg|none|denied",)),
        Cue(id="unsure", means="possible", text="Not known.", before=("unk|poss",), after=("unk|unknown",)),
        Cue(id="whether", means="possible", reach="clause", text="Asks.", before=("not sure", "unk if")),
        Cue(
            id="past",
            means="possible",
            reach="clause",
            text="Past.",
            before=("yesterday", "last week"),
            after=("yesterday", "last week"),
        ),
        Cue(id="limited", means="limited", reach="clause", text="For now.", after=("yet",)),
        Cue(id="yes", means="present", text="Yes.", after=("yes", "confirmed")),
    ),
    retractions=Retractions(before=("lied about",), after=("has it", "but .. does .")),
    ends=("but", "now"),
    joins=("seen", "signs", "of", "been", "was", "and", "has", "having", "involved"),
    concessions=("holding", "used"),
    definite=("the", "his"),
    lists=("or", "nor"),
    abbreviations=("poss", "neg"),
    corrected=("knife", "weapon", "fighting", "fight"),
    spelt=("night", "light"),
    everyday=("he", "is", "at", "door", "in", "and", "with", "who", "there", "wants", "to", "help", "please", "street"),
)
READER = Reader(LEXICON)
PRESENT, POSSIBLE, DENIED = Certainty.PRESENT, Certainty.POSSIBLE, Certainty.DENIED


def read(text: str) -> list[tuple[str, Certainty]]:
    return [(one.code, one.certainty) for one in READER.read(text)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("male with a gun", [("gun", PRESENT)]),
        ("MALE W/GUN", [("gun", PRESENT)]),
        ("no gun seen", [("gun", DENIED)]),
        ("w/o gun", [("gun", DENIED)]),
        ("neg. wpns", [("weapon", DENIED)]),
        ("no signs of any weapons", [("weapon", DENIED)]),
        ("wpns neg", [("weapon", DENIED)]),
        ("weapons: no", [("weapon", DENIED)]),
        ("weapons seen? none", [("weapon", DENIED)]),
        ("weapons?", [("weapon", POSSIBLE)]),
        ("weapons?\nhe is at the door", [("weapon", POSSIBLE)]),
        ("weapons: unknown", [("weapon", POSSIBLE)]),
        ("unk weapons", [("weapon", POSSIBLE)]),
        ("weapons - unk", [("weapon", POSSIBLE)]),
        ("not sure who is at the door with a gun", [("gun", POSSIBLE)]),
        ("not sure who is there, man has a gun", [("gun", PRESENT)]),
        ("no shirt and has a gun", [("gun", PRESENT)]),
        ("no weapons but a knife", [("weapon", DENIED), ("knife", PRESENT)]),
        ("no weapons. knife", [("weapon", DENIED), ("knife", PRESENT)]),
        ("no gun or knife", [("gun", DENIED), ("knife", DENIED)]),
        ("no gun/knife", [("gun", DENIED), ("knife", POSSIBLE)]),
        ("no gun, knife or weapons", [("gun", DENIED), ("knife", DENIED), ("weapon", DENIED)]),
        ("no gun, knife", [("gun", DENIED), ("knife", POSSIBLE)]),
        ("no gun and knife", [("gun", DENIED), ("knife", POSSIBLE)]),
        ("guns or knives not seen", [("gun", PRESENT), ("knife", PRESENT)]),
        ("guns or knives: none", [("gun", DENIED), ("knife", DENIED)]),
        ("knife no shirt", [("knife", PRESENT)]),
        ("knife, no shirt", [("knife", PRESENT)]),
        ("wpns neg gun", [("weapon", POSSIBLE), ("gun", DENIED)]),
        ("weapons no fighting: yes", [("weapon", POSSIBLE), ("blow", PRESENT)]),
        ("weapons: no fighting: yes", [("weapon", DENIED), ("blow", PRESENT)]),
        ("weapons: yes", [("weapon", PRESENT)]),
        ("unk weapons, confirmed", [("weapon", PRESENT)]),
        ("had a gun yesterday", [("gun", POSSIBLE)]),
        ("yesterday, he had a gun", [("gun", POSSIBLE)]),
        ("yesterday he was there now with a gun", [("gun", PRESENT)]),
        ("denies gun last week", [("gun", POSSIBLE)]),
        ("toy gun", [("toy", POSSIBLE)]),
        ("no toy gun", [("toy", DENIED)]),
        ("at the gun shop", []),
        ("painting the wall", []),
        ("painting of a gun on the wall", [("gun", POSSIBLE)]),
        ("feels bad not", []),
        ("feels bad not breathing", [("breath", POSSIBLE)]),
        ("not holding the knife", [("knife", POSSIBLE)]),
        ("no knife on him", [("knife", DENIED)]),
        ("not the knife", [("knife", POSSIBLE)]),
        ("has not his toy gun", [("toy", POSSIBLE)]),
        ("not the flu", []),
        ("no knife or gun used", [("knife", DENIED), ("gun", DENIED)]),
        ("has a gun, none", [("gun", POSSIBLE)]),
        ("no gun yet", [("gun", POSSIBLE)]),
        ("has a gun yet", [("gun", PRESENT)]),
        ("no gun, not there yet", [("gun", DENIED)]),
        ("no gun. No help.\nHe has it", [("gun", POSSIBLE)]),
        ("has it, no gun", [("gun", DENIED)]),
        ("he lied about it. No gun", [("gun", POSSIBLE)]),
        ("no gun, he lied about it", [("gun", DENIED)]),
        ("no gun but he does", [("gun", POSSIBLE)]),
        ("no gun but he does, at the door", [("gun", POSSIBLE)]),
        ("no gun but he does want help", [("gun", DENIED)]),
        ("has it in the bag", []),
        ("hit his mother", [("blow", PRESENT)]),
        ("hit the street", []),
        ("threatening to come and kill", [("blow", PRESENT)]),
        ("threatening with a knife to kill", [("blow", PRESENT), ("knife", PRESENT)]),
        ("stabbing", [("blow", PRESENT)]),
        ("not breathing", [("breath", PRESENT)]),
        ("has a kinfe", [("knife", PRESENT)]),
        ("has a knifee", [("knife", PRESENT)]),
        ("weapn", [("weapon", PRESENT)]),
        ("fghting", [("blow", PRESENT)]),
        ("at night in the light", []),
        ("PÍSTOL", [("gun", PRESENT)]),
        ("", []),
        ("?!", []),
    ],
)
def test_what_a_text_tells_of(text: str, told: list[tuple[str, Certainty]]) -> None:
    assert read(text) == told


def test_a_signal_says_where_it_stands_in_the_text_as_it_came() -> None:
    text = "İ said: HE\u2019S there. No weapons,\n but a  K\u00ednfe was seen"
    spans = {one.code: text[one.start : one.end] for one in READER.read(text) if one.end is not None}
    assert spans == {"weapon": "weapons", "knife": "K\u00ednfe"}


def test_the_same_word_again_is_one_signal_and_in_doubt_another_in_each_sentence() -> None:
    assert read("gun, gun, gun. unk gun") == [("gun", PRESENT), ("gun", POSSIBLE)]
    assert read("gun. gun") == [("gun", PRESENT)]
    assert read("unk gun, unk gun. poss. gun") == [("gun", POSSIBLE), ("gun", POSSIBLE)]


@pytest.mark.parametrize(
    "text",
    [
        "남자가 칼을 들고 있어요",
        "человек держит нож",
        "qsdf azerty hjkl poiu wxcv mlkj",
        "Mi ne scias kion li volas cxi tie hodiaux",
    ],
)
def test_a_text_that_cannot_be_read_says_so(text: str) -> None:
    assert READER.read(text)[0] == Signal(
        hazard=Hazard.UNKNOWN, source=SignalSource.NARRATIVE, certainty=POSSIBLE, code=UNREADABLE
    )


def test_a_short_text_is_not_said_to_be_unreadable() -> None:
    assert read("MPLS XYZ") == []


words = st.sampled_from(
    ["gun", "no", "knife", "he", "is", "but", "unk", "weapons", "none", "yes", "or", ",", ".", "?", ":", "/", "zzz"]
)


@settings(deadline=None)
@generated(st.lists(words, max_size=14).map(" ".join))
def test_a_further_sentence_takes_nothing_away(text: str) -> None:
    before = {(one.hazard, one.certainty, one.code) for one in READER.read(f"{text} .")}
    after = {(one.hazard, one.certainty, one.code) for one in READER.read(f"{text} . The man has a gun. No help!")}
    assert before | {(Hazard.WEAPON, PRESENT, "gun")} <= after | {(Hazard.UNKNOWN, POSSIBLE, UNREADABLE)}


@settings(deadline=None)
@generated(st.text(max_size=60))
def test_any_text_can_be_read_and_its_spans_lie_within_it(text: str) -> None:
    for one in READER.read(text):
        assert one.start is None or (one.end is not None and 0 <= one.start < one.end <= len(text))


def test_a_phrase_is_a_short_way_to_write_many() -> None:
    assert set(wordings("a|b (c) d", {})) == {("a", "c", "d"), ("b", "c", "d"), ("a", "d"), ("b", "d")}
    assert inflected("stab") == ("stab", "stabs", "stabbed", "stabbing", "stabbin")
    assert inflected("choke")[2:4] == ("choked", "choking")
    assert inflected("punch")[1] == "punches"
    assert inflected("carry")[1:3] == ("carries", "carried")


@pytest.mark.parametrize(
    "phrase",
    [
        "a <nobody>",
        "a&b",
        ".. gun",
        "gun ..",
        "(gun)",
        ".",
        "gun .. .",
        "a . b",
        "a|b|c|d a|b|c|d a|b|c|d a|b|c|d a|b|c|d " * 2,
    ],
)
def test_a_phrase_that_cannot_be_understood_is_refused(phrase: str) -> None:
    with pytest.raises(ValidationError):
        Lexicon(entries=(Entry(id="x", hazards=(Hazard.WEAPON,), text="X.", phrases=(phrase,)),))
    with pytest.raises(ValidationError):
        LEXICON.model_validate(LEXICON.model_dump() | {"retractions": {"after": (phrase,)}})


def test_a_phrase_means_one_thing() -> None:
    gun = Entry(id="gun", hazards=(Hazard.WEAPON,), text="A gun.", phrases=("gun",))
    with pytest.raises(ValidationError, match="'gun' stands under gun and under ends"):
        Lexicon(entries=(gun,), ends=("gun",))
    with pytest.raises(ValidationError, match="stands under gun and under ordinary"):
        Lexicon(entries=(gun,), ordinary=("gun",))


def test_a_phrase_under_several_entries_tells_of_all_their_dangers() -> None:
    doubtful = Entry(id="doubtful", hazards=(Hazard.WEAPON,), certainty="possible", text="X.", phrases=("shot",))
    wound = Entry(id="wound", hazards=(Hazard.MEDICAL, Hazard.VIOLENCE), text="X.", phrases=("shot", "shot dead"))
    arms = Entry(id="arms", hazards=(Hazard.WEAPON,), text="X.", phrases=("shot",))
    reader = Reader(Lexicon(entries=(doubtful, wound, arms)))
    told = {(one.hazard, one.certainty) for one in reader.read("shot dead")}
    assert told == {(Hazard.WEAPON, PRESENT), (Hazard.MEDICAL, PRESENT), (Hazard.VIOLENCE, PRESENT)}
    assert {one.certainty for one in reader.read("shot")} == {PRESENT}


def test_no_entry_is_about_an_unknown_danger_and_no_denial_reaches_far() -> None:
    with pytest.raises(ValidationError):
        Entry(id="x", hazards=(Hazard.UNKNOWN,), text="X.", phrases=("x",))
    with pytest.raises(ValidationError):
        Cue(id="x", means="denied", reach="clause", text="X.", before=("x",))
    with pytest.raises(ValidationError):
        Cue(id="x", means="denied", text="X.")
