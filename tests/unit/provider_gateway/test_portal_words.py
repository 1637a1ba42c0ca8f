"""The portal's catalogues: complete in each language, and nothing in them that no page says."""

import re
import string
from pathlib import Path

import pytest

import divert_provider_gateway.pages as portal
from divert_contracts.model import Term
from divert_contracts.step import Refusal
from divert_contracts.vocabulary import (
    Acuity,
    AgeBand,
    Answer,
    CallerRelation,
    Certainty,
    Contact,
    DeclineReason,
    Disposition,
    FollowUp,
    HandBackReason,
    Hazard,
    Need,
    PlaceKind,
    Question,
    RecallReason,
    SafetyEvent,
    SignalSource,
)
from divert_provider_gateway.domain import told
from divert_provider_gateway.domain.books import ExpiryCause
from divert_provider_gateway.domain.case import CaseStage
from divert_provider_gateway.domain.webhook import Result
from divert_provider_gateway.pages.view import STEPS
from divert_provider_gateway.pages.words import Words, chosen, read

LANGUAGES = read()
SAID: dict[str, type[Term]] = {
    "acuity": Acuity,
    "age": AgeBand,
    "answer": Answer,
    "cause": ExpiryCause,
    "certainty": Certainty,
    "event": SafetyEvent,
    "follow": FollowUp,
    "hazard": Hazard,
    "need": Need,
    "place": PlaceKind,
    "question": Question,
    "recallreason": RecallReason,
    "relation": CallerRelation,
    "result": Result,
    "source": SignalSource,
    "stage": CaseStage,
}
"""Vocabularies of which a page may say any word, ``unknown`` too."""
CHOSEN: dict[str, type[Term]] = {
    "contact": Contact,
    "decline": DeclineReason,
    "disposition": Disposition,
    "handback": HandBackReason,
}
"""Vocabularies that a team chooses from."""


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_and_spanish_have_the_same_words_with_the_same_values() -> None:
    assert set(LANGUAGES) == {"en", "es"}
    english, spanish = LANGUAGES["en"].entries, LANGUAGES["es"].entries
    assert english.keys() == spanish.keys()
    assert {key for key in english if fields(english[key]) != fields(spanish[key])} == set()
    assert {key for words in (english, spanish) for key, text in words.items() if not text.strip()} == set()


def test_what_differs_between_the_languages_is_most_of_it() -> None:
    english, spanish = LANGUAGES["en"].entries, LANGUAGES["es"].entries
    same = {key for key in english if english[key] == spanish[key]}
    assert len(same) < 15, same


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_every_code_that_a_page_may_show_has_words(words: Words) -> None:
    for section, kind in SAID.items():
        assert [one for one in kind if not words.has(section, one)] == []
    for section, kind in CHOSEN.items():
        assert [one for one in kind if one.value != "unknown" and not words.has(section, one)] == []
    for section, codes in (("transport", portal.TRANSPORTS), ("referral", portal.REFERRALS), ("step", STEPS)):
        assert [one for one in codes if not words.has(section, one)] == []


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_every_refusal_of_a_tap_has_words(words: Words) -> None:
    refusals = [one for one in vars(told).values() if isinstance(one, Refusal)]
    assert len(refusals) > 10
    forms_never_leave_out = {"no-arrival-time", "no-contact", "follow-up-time", "team-twice"}
    missing = {one.code for one in refusals if not words.has("refusal", one.code)}
    assert missing <= forms_never_leave_out


def test_no_words_are_kept_that_no_page_says() -> None:
    folder = Path(portal.__file__).parent
    sources = [*folder.glob("*.py"), *folder.glob("templates/*"), *folder.glob("assets/*.js")]
    said = set(re.findall(r"""["']([a-z]+\.[a-zA-Z0-9_-]+)["']""", "\n".join(path.read_text() for path in sources)))
    by_code = {*SAID, *CHOSEN, "ended", "refusal", "transport", "referral", "rule", "what"}
    assert {key for key in LANGUAGES["en"].entries if key not in said and key.partition(".")[0] not in by_code} == set()


@pytest.mark.parametrize(
    ("cookie", "accepts", "language"),
    [
        ("es", "en-US,en", "es"),
        (None, "es-MX,es;q=0.9,en;q=0.8", "es"),
        (None, "fr;q=0.9, es;q=0.8", "es"),
        ("xx", "", "en"),
        (None, "", "en"),
    ],
)
def test_the_language_is_the_chosen_one_then_the_browsers(cookie: str | None, accepts: str, language: str) -> None:
    assert chosen(LANGUAGES, cookie, accepts).language == language
