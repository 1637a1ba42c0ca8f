"""How well texts are read: figures with bounds, no miss of a weapon or violence on the open half, and the report."""

from pathlib import Path

import pytest

from divert_cli.corpus import CORPUS, REPORT, Handling, Share, bounds, figures, load, read, seed_reader
from divert_cli.errors import StackError
from divert_contracts.vocabulary import Hazard


def test_the_bounds_are_clopper_and_pearsons() -> None:
    assert bounds(0, 300) == pytest.approx((0.0, 0.01222), abs=1e-4)
    assert bounds(300, 300)[0] == pytest.approx(1 - 0.01222, abs=1e-4)
    assert bounds(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert bounds(0, 0) == (0.0, 1.0)
    assert str(Share(0, 0)) == "none"


def test_no_weapon_and_no_violence_of_the_open_half_is_missed_and_the_report_is_of_this_lexicon() -> None:
    result = read(load(CORPUS), seed_reader())
    assert min(len(result.open_half), len(result.held_back)) > 400
    assert result.missed == []
    for hazard in (Hazard.WEAPON, Hazard.VIOLENCE):
        recall = figures(hazard, result.open_half)["recall"]
        assert recall.hits == recall.of > 90
    assert all(one.handlings != (Handling.EXCLUDE, Handling.NONE) for one in result.open_half)
    assert REPORT.read_bytes() == result.canonical(), (
        "run `divert corpus --out bench/results/reader/corpus.json` after a change to the lexicon"
    )


def test_a_corpus_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text('{"id": "N1"}\n')
    with pytest.raises(StackError, match=r"corpus\.jsonl:1: Field required"):
        load(file)
    with pytest.raises(StackError, match="cannot be read"):
        load(tmp_path / "missing.jsonl")
