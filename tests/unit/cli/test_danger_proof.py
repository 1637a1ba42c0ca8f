"""What the proof of danger posts, and when it says that everybody heard in time."""

import pytest

from divert_cli.corpus import seed_reader
from divert_cli.proofs.danger import EXPECTED, Result, Waits, Where, telling
from divert_contracts.vocabulary import Certainty, Hazard, Question, SignalSource

QUICK = [Waits(f"{where.value}: {what}", 200, 30, 150, 400) for where in Where for what in ("recall", "hand-off")]


def test_a_narrative_alone_tells_of_a_weapon_that_every_answer_denies() -> None:
    post = telling(0, Where.NARRATIVE)
    assert post["answers"] == {one.value: "no" for one in Question if one is not Question.UNKNOWN}
    signals = seed_reader().read(str(post["narrative"]), SignalSource.NARRATIVE)
    assert [(one.hazard, one.certainty) for one in signals] == [(Hazard.WEAPON, Certainty.PRESENT)]


@pytest.mark.parametrize("where", [one for one in Where if one is not Where.NARRATIVE])
def test_the_other_kinds_are_told_by_an_answer_and_no_word(where: Where) -> None:
    post = telling(0, where)
    assert "'weapon': 'yes'" in str(post["answers"])
    assert not seed_reader().read(str(post["narrative"]), SignalSource.NARRATIVE)


def test_a_proof_in_which_everybody_heard_in_time_is_clean() -> None:
    assert Result(calls=800, waits=QUICK).clean


def test_one_slow_kind_one_team_that_never_heard_and_nothing_measured_are_held_against_it() -> None:
    slow = Waits(f"{Where.NARRATIVE.value}: recall", 200, 30, EXPECTED * 1000, 1200)
    assert not Result(calls=800, waits=[*QUICK, slow]).clean
    assert not Result(calls=800, waits=QUICK, not_heard=["a call"]).clean
    assert not Result().clean
