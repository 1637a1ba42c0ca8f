"""Criminal history that a system pasted in is taken out of a text, and named; what is said of today stays."""

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from divert_intake.domain.history import REMOVED, without_history

TODAY = [
    "Male weeping on the bench, no shoes.",
    "RP says he has a knife in his hand.",
    "Caller: he was arrested for assault last year, now he sleeps in my yard.",
    "Poss 245 PC victim bleeding at the corner.",
    "415 man at 2205 Alder Vale Ave, apt 12.",
    "Subject has priors per neighbor. He is calm.",
]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "CLETS RETURN: NAM/DOE,JOHN DOB/19800101 CII/A01234567. 245(A)(1) PC ADW 2003. CONV. RP says he is cold.",
            f"{REMOVED} RP says he is cold.",
        ),
        (
            """Man in the lobby.
ARR/DET/CITE: NAM:01 DOB:19800101
20050312 CAPD LOS ANGELES
CNT:01 #1234567
  211 PC-ROBBERY
DISPO:CONVICTED
* * * END OF MESSAGE * * *
He asks for water.""",
            f"Man in the lobby.\n{REMOVED} He asks for water.",
        ),
        (
            "SEX/M RAC/W HGT/510 CHARGE: 187 PC DISPO: PRISON. Male is lost.",
            f"{REMOVED} Male is lost.",
        ),
        ("RAP SHEET: 417 PC 2009 subject now swings a pipe", f"{REMOVED} subject now swings a pipe"),
        ("NCIC NEG", REMOVED),
    ],
)
def test_what_a_system_pasted_in_is_taken_out(text: str, left: str) -> None:
    assert without_history(text) == (left, True)


@pytest.mark.parametrize("text", TODAY)
def test_what_a_person_says_stays_as_it_is(text: str) -> None:
    assert without_history(text) == (text, False)


@generated(st.sampled_from(TODAY), st.sampled_from(TODAY))
def test_what_is_said_around_a_record_stays(before: str, after: str) -> None:
    left, removed = without_history(f"{before}\nCLETS: 245 PC 1999 CONV\nDISPO: PRISON\n\n{after}")
    assert removed
    assert left.startswith(before)
    assert left.endswith(after)
    assert "1999" not in left


@generated(st.text(max_size=200))
def test_any_text_is_taken_and_comes_back_whole_or_named(text: str) -> None:
    left, removed = without_history(text)
    assert removed or left == text
