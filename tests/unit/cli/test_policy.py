"""A policy's file, its back-test and its approvals, without any running stack."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from typer.testing import CliRunner

from divert_cli.checkout import ROOT
from divert_cli.corpus import REPORT
from divert_cli.policy import approvals, backtest, differences, files, recording
from divert_cli.policy.approvals import ApprovalError
from divert_cli.policy.backtest import BacktestError, Entrant, Report
from divert_cli.policy.commands import app
from divert_cli.policy.files import PolicyFileError
from divert_cli.prepare import SEEDS, seed_policies
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versions, approved_backtest
from divert_contracts.vocabulary import Change, PolicyKind
from divert_triage.domain.policy import TriagePolicy

SEED = ROOT / SEEDS[PolicyKind.TRIAGE]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Document = dict[str, JsonValue]


@lru_cache(1)
def evening() -> tuple[bytes, ...]:
    return tuple(recording.of_evening())


@lru_cache(1)
def seed() -> Entrant:
    return Entrant(files.triage_policy(SEED), files.read(SEED).digest)


@lru_cache(1)
def written_once() -> str:
    return json.dumps({**files.read(SEED).document, "lexicon": None})


def document() -> Document:
    """Return the seed policy without its lexicon: what it does here, it does without texts."""
    return cast("Document", json.loads(written_once()))


@lru_cache(1)
def plain() -> Entrant:
    return entrant(document())


@lru_cache(1)
def made_up() -> tuple[bytes, ...]:
    return tuple(recording.made_up(2_500))


def entrant(changed: Document) -> Entrant:
    return Entrant(TriagePolicy.model_validate(changed), "0" * 64)


def lines(document: Document, *path: str) -> list[Document]:
    found: JsonValue = document
    for name in path:
        found = cast("Document", found)[name]
    return cast("list[Document]", found)


def with_flags(*flags: str) -> Entrant:
    """Return the seed policy with further flags that mean a weapon."""
    changed = document()
    weapon = next(one for one in lines(changed, "exclusions") if one["hazard"] == "weapon")
    weapon["flags"] = [*cast("list[JsonValue]", weapon["flags"]), *flags]
    changed["harmless_flags"] = [one for one in cast("list[JsonValue]", changed["harmless_flags"]) if one not in flags]
    return entrant(changed)


def written(path: Path, change: Callable[[str], str]) -> Path:
    """Write a changed seed policy, its lexicon beside it."""
    for part in files.read(SEED).parts.values():
        (path.parent / part.path.name).write_bytes(part.path.read_bytes())
    path.write_text(change(SEED.read_text()))
    return path


# the file


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("hazard: hostage", "hazzard: hostage", "hazzard: hostage", "exclusions.0.hazzard: Extra inputs"),
        ("acuity: routine", "acuity: rutine", "acuity: rutine", "acuity: no such word: rutine"),
        ("source: portland-psr-2022", "source: portland", "id: X-WEAPON", "rules without a named source: X-WEAPON"),
        ("id: X-VIOLENCE", "id: X-WEAPON", "id: X-WEAPON", "the whole document: rule id twice: X-WEAPON"),
        ("questions: [at_height]", "", "question: at_height", "whose yes no rule names: at_height"),
        ("harmless_flags: [MENTAL", "harmless_flags: [GUNS", "harmless_flags: [GUNS", "called harmless: GUNS"),
        ("kind: triage", "kind: triage\nkind: triage", "kind: triage", "'kind' stands there twice"),
        ("kind: triage", "kind: triarge", "kind: triarge", "kind: must be"),
        ("review_acuity: urgent", "review_acuity: urgent\n\tx: y", "x: y", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: str, complaint: str
) -> None:
    path = written(tmp_path / "broken.yaml", lambda text: text.replace(old, new, 1))
    with pytest.raises(PolicyFileError) as refused:
        files.checked(files.read(path))
    first = next(one for one in str(refused.value).splitlines() if complaint in one)
    number = int(first.removeprefix(f"{path}:").partition(":")[0])
    assert line in path.read_text().splitlines()[number - 1]


def test_both_seed_policies_are_valid_by_command_and_a_broken_one_fails(tmp_path: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(app, ["check", *(str(ROOT / path) for path in SEEDS.values())])
    assert (good.exit_code, good.output.count("is valid")) == (0, 2)
    broken = written(tmp_path / "broken.yaml", lambda text: text.replace("hazard: weapon", "hazard: wepon"))
    bad = runner.invoke(app, ["check", str(broken)])
    assert bad.exit_code == 1
    assert f"{broken}:" in bad.output


# the back-test


def test_the_seed_approvals_name_the_back_test_of_the_sample_evening() -> None:
    policy = files.read(SEED)
    report = backtest.run(evening(), seed())
    assert backtest.beside(SEED).read_bytes() == report.canonical(), "run tools/approve_seed.py"
    assert approved_backtest(approvals.recorded(policy), policy.digest) == report.sha256, "run tools/approve_seed.py"
    read = sha256(REPORT.read_bytes()).hexdigest()
    assert {one.corpus for one in approvals.recorded(policy)} == {read}, "run tools/approve_seed.py"


def test_the_seed_policies_come_into_force_on_a_fresh_stack() -> None:
    for fact in seed_policies():
        assert Versions[str]().published(fact, "x").at(NOW).version == fact.version


def test_a_report_is_the_same_whatever_the_order_of_the_pictures() -> None:
    tried = with_flags("MENTAL")
    report = backtest.run(evening(), tried, against=plain())
    again = backtest.run(tuple(reversed(evening())), tried, against=plain())
    assert report.canonical() == again.canonical()
    assert Report.model_validate_json(report.canonical()).sha256 == report.sha256


def test_many_pictures_are_shared_among_processes_with_the_same_result() -> None:
    many = evening() * 30
    tried = with_flags("MENTAL")
    report = backtest.run(many, tried, against=plain(), processes=2)
    alone = backtest.run(evening(), tried, against=plain())
    assert len(many) > 2 * backtest.CHUNK
    assert report.recording.pictures == 30 * alone.recording.pictures
    assert report.by_change == {change: 30 * count for change, count in alone.by_change.items()}
    assert report.examples == alone.examples


@settings(deadline=None, max_examples=10)
@given(st.sets(st.sampled_from(["MENTAL", "CRISIS", "REPEAT", "NEW"])))
def test_against_itself_a_policy_changes_nothing(flags: set[str]) -> None:
    tried = with_flags(*flags)
    report = backtest.run(evening(), tried, against=tried)
    assert (report.changed, report.by_rule, report.examples) == (0, (), ())


@settings(deadline=None, max_examples=10)
@given(st.sets(st.sampled_from(["MENTAL", "CRISIS", "REPEAT", "UNHOUSED", "NEW"]), min_size=1))
def test_a_stricter_policy_lets_no_further_call_through(flags: set[str]) -> None:
    pictures = (*evening(), *made_up()[:500])
    report = backtest.run(pictures, with_flags(*flags), against=plain())
    assert Change.NEWLY_ELIGIBLE not in report.by_change
    assert Change.NO_LONGER_EXCLUDED not in report.by_change
    back = backtest.run(pictures, plain(), against=with_flags(*flags))
    assert Change.NO_LONGER_ELIGIBLE not in back.by_change
    assert back.changed == report.changed


def test_dangerous_changes_come_first_and_are_counted_by_rule_division_and_type() -> None:
    report = backtest.run(made_up(), with_flags("MENTAL"), against=with_flags("CRISIS"))
    assert {Change.NEWLY_ELIGIBLE, Change.NO_LONGER_ELIGIBLE} <= set(report.by_change)
    assert report.by_rule[0].change is Change.NEWLY_ELIGIBLE
    assert report.by_rule[0].before == "X-WEAPON"
    for table in (report.by_rule, report.by_division, report.by_type):
        assert sum(one.pictures for one in table) == report.changed == sum(report.by_change.values())
    assert report.dangerous < report.changed


@pytest.mark.parametrize("kind", ["exercise", "recorded_late"])
def test_drills_and_what_was_entered_afterwards_are_skipped_and_their_number_is_said(kind: str) -> None:
    fact = next(one for one in map(CallTriaged.model_validate_json, evening()) if not one.picture.exercise)
    skipped = fact.model_copy(update={"picture": fact.picture.model_copy(update={kind: True})})
    lines = [one.model_dump_json().encode() for one in (fact, skipped)]
    alone = backtest.run(lines[:1], seed()).recording
    assert backtest.run(lines, seed()).recording == alone.model_copy(update={"skipped": 1})


def test_pictures_before_a_time_are_left_out_and_what_is_none_is_refused() -> None:
    times = sorted(CallTriaged.model_validate_json(line).occurred_at for line in evening())
    report = backtest.run(evening(), seed(), since=times[100])
    recorded = report.recording
    assert recorded.pictures + recorded.skipped == len([time for time in times if time >= times[100]])
    assert report.recording.first == times[100]
    with pytest.raises(BacktestError):
        backtest.run([b"{}"], seed())


# approvals


def test_three_people_approve_one_document_and_one_back_test(tmp_path: Path) -> None:
    path = written(tmp_path / "new.yaml", lambda text: text.replace("version: triage-", "version: new-"))
    policy = files.read(path)
    with pytest.raises(ApprovalError, match="clinical, psap, provider missing"):
        approvals.must_be_approved(policy)
    for role in ("clinical", "psap"):
        approvals.approve(policy, role=role, by=f"{role}-1", backtest="b" * 64, at=NOW)
    with pytest.raises(ApprovalError, match="three people"):
        approvals.approve(policy, role="provider", by="psap-1", backtest="b" * 64, at=NOW)
    with pytest.raises(ApprovalError, match="no such role"):
        approvals.approve(policy, role="mayor", by="m", backtest="b" * 64, at=NOW)
    approvals.approve(policy, role="provider", by="provider-1", backtest="b" * 64, at=NOW)
    assert len(approvals.must_be_approved(policy)) == 3
    other = files.read(written(path, lambda text: text.replace("title: Seed", "title: Changed")))
    with pytest.raises(ApprovalError, match="missing"):
        approvals.must_be_approved(other)


def test_the_whole_way_by_command(tmp_path: Path) -> None:
    path = written(tmp_path / "new.yaml", lambda text: text.replace("version: triage-", "version: new-"))
    runner = CliRunner()
    tested = runner.invoke(app, ["backtest", "--policy", str(path), "--evening", "--json"])
    assert tested.exit_code == 0, tested.output
    seen = Report.model_validate_json(backtest.beside(path).read_bytes()).sha256
    wrong = ["approve", "--policy", str(path), "--role", "psap", "--by", "p-1", "--backtest", "0" * 64]
    assert runner.invoke(app, wrong).exit_code != 0
    right = ["approve", "--policy", str(path), "--role", "psap", "--by", "p-1", "--backtest", seen]
    assert "still missing: clinical, provider" in runner.invoke(app, right).output
    assert [one.corpus for one in approvals.recorded(files.read(path))] == [sha256(REPORT.read_bytes()).hexdigest()]


def without_knives(path: Path) -> Path:
    """Write the seed policy with a lexicon that does not know the word."""
    policy = written(path, lambda text: text.replace("version: triage-", "version: blunt-"))
    lexicon = policy.with_name(files.read(policy).parts["lexicon"].path.name)
    lexicon.write_text(lexicon.read_text().replace("kni", "spoo"))
    return policy


def test_a_lexicon_that_misses_a_weapon_of_the_corpus_is_not_approved(tmp_path: Path) -> None:
    path = without_knives(tmp_path / "new.yaml")
    runner = CliRunner()
    assert runner.invoke(app, ["backtest", "--policy", str(path), "--evening"]).exit_code == 0
    seen = Report.model_validate_json(backtest.beside(path).read_bytes()).sha256
    refused = runner.invoke(
        app, ["approve", "--policy", str(path), "--role", "psap", "--by", "p-1", "--backtest", seen]
    )
    assert "misses a weapon or violence in" in str(refused.exception)
    assert approvals.recorded(files.read(path)) == ()


def test_another_lexicon_is_told_wherever_policies_are_compared(tmp_path: Path) -> None:
    path = without_knives(tmp_path / "new.yaml")
    runner = CliRunner()
    tested = ["backtest", "--policy", str(path), "--evening", "--against"]
    assert "The lexicon differs: sha256" in runner.invoke(app, ["diff", str(SEED), str(path)]).output
    assert "The lexicon differs: sha256" in runner.invoke(app, [*tested, str(SEED)]).output
    assert "The lexicon differs" not in runner.invoke(app, [*tested, str(path)]).output
    assert "the lexicon is not back-tested" in runner.invoke(app, tested[:-1]).output


# the difference between two


def test_a_difference_is_told_by_rule_and_by_what_it_does() -> None:
    changed = document()
    lines(changed, "call_types", "care").pop(1)
    lines(changed, "exclusions")[1]["flags"] = ["WEAPON"]
    changed["review_acuity"] = "routine"
    new = TriagePolicy.model_validate(changed)
    told = {(one.sign, one.what): one.text for one in differences.differences(plain().policy, new)}
    assert told["-", "C-WELFARE"].startswith("care type no longer: A welfare check")
    assert "no longer" in told["~", "X-WEAPON"]
    assert told["~", "review_acuity"] == "urgent → routine"
    effects = {one.thing: one for one in differences.effects(plain().policy, new)}
    assert effects["call type WELCK"].change is Change.NO_LONGER_ELIGIBLE
    assert effects["flag GUN"].change is Change.NO_LONGER_EXCLUDED


def test_a_policy_does_not_differ_from_itself() -> None:
    assert list(differences.differences(seed().policy, seed().policy)) == []
    assert differences.effects(seed().policy, seed().policy) == []


def test_a_recording_holds_what_the_evening_said(tmp_path: Path) -> None:
    path = tmp_path / "evening.jsonl"
    assert recording.write(iter(evening()), path) == len(evening())
    assert backtest.run(recording.of_file(path), seed()) == backtest.run(evening(), seed())
    assert yaml.safe_load(path.read_text().splitlines()[0])["picture"]
