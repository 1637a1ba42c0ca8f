"""An agency's own codes: a file that says one for everything, and nothing that divert has no word for."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from divert_cli import cad_codes
from divert_cli.cad_codes import CodesError
from divert_cli.checkout import ROOT
from divert_cli.prepare import agency_fact
from divert_contracts.vocabulary import Disposition, Outcome, OutcomeReason, Stage

SEED = ROOT / "seeds" / "cad" / "lapd.yaml"


def changed(tmp_path: Path, **fields: object) -> Path:
    document = cast("dict[str, Any]", yaml.safe_load(SEED.read_text()))
    file = tmp_path / "codes.yaml"
    file.write_text(yaml.safe_dump({**document, **fields}))
    return file


def without(field: str, word: str) -> dict[str, str]:
    found = cast("dict[str, Any]", yaml.safe_load(SEED.read_text()))[field]
    return {name: code for name, code in found.items() if name != word}


def test_the_seed_gives_a_code_for_whatever_can_become_of_a_call() -> None:
    codes = cad_codes.load(SEED)
    assert agency_fact().codes == codes
    for stage in set(Stage) - {Stage.CONCLUDED, Stage.OBSERVED}:
        assert codes.code(stage, None, None, None)
    for outcome in Outcome:
        for reason in OutcomeReason:
            assert codes.code(Stage.CONCLUDED, outcome, reason, None)
            assert all(codes.code(Stage.CONCLUDED, outcome, reason, one) for one in Disposition)


def test_the_more_exact_code_counts() -> None:
    codes = cad_codes.load(SEED)
    ended = Stage.CONCLUDED
    assert codes.code(ended, Outcome.SERVED, OutcomeReason.CLOSED, Disposition.NOT_FOUND) == "GOA"
    assert codes.code(ended, Outcome.SERVED, OutcomeReason.HANDED_BACK_AFTER_CONTACT, None) == "HANDBACK"
    assert codes.code(ended, Outcome.WITHDRAWN, OutcomeReason.DUPLICATE, None) == "DUP"
    assert codes.code(ended, Outcome.WITHDRAWN, OutcomeReason.CANCELLED, None) == "CANCEL"
    assert codes.code(Stage.ON_SCENE, None, None, None) == "CODE 6"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"dispositions": without("dispositions", "not_found")}, "no code for not_found"),
        ({"outcomes": without("outcomes", "served")}, "no code for served"),
        ({"stages": without("stages", "en_route")}, "no code for en_route"),
        ({"reasons": {"because": "X"}}, "because: no such word"),
        ({"reasons": {"duplicate": "a long story about somebody"}}, "reasons"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_slip_in_the_file_is_named(tmp_path: Path, fields: dict[str, object], says: str) -> None:
    with pytest.raises(CodesError, match=says):
        cad_codes.load(changed(tmp_path, **fields))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CodesError, match=r"gone\.yaml"):
        cad_codes.load(tmp_path / "gone.yaml")
