"""What a fact says in plain words."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from divert_chassis.words import lasted, plain, titled
from divert_contracts.facts.base import Fact
from divert_reporting.pages.words import sentence

from .stories import NOBODY_ANSWERED, SERVED

CITY = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize("story", [SERVED, NOBODY_ANSWERED], ids=["served", "nobody answered"])
def test_every_fact_of_a_story_is_a_sentence(story: tuple[Fact, ...]) -> None:
    for fact in story:
        said = sentence(fact, CITY)
        assert said.endswith(".")
        assert "_" not in said


def test_times_are_told_in_the_city() -> None:
    assert sentence(SERVED[6], CITY) == "Alcott has it, arriving 05:20:00."


def test_codes_read_as_words() -> None:
    assert plain("eligible_not_served") == "eligible not served"
    assert titled("penny-lane") == "Penny Lane"
    assert plain(None) == titled(None)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=42), "42 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=3, minutes=5), "3 h 05 min"),
        (timedelta(seconds=-1), "0 s"),
    ],
)
def test_lengths_of_time_are_short(span: timedelta, words: str) -> None:
    assert lasted(span) == words
