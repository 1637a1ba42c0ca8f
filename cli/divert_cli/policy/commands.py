"""The commands of `divert policy`: write, check, compare, back-test, approve, publish, try beside."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from divert_bench.report import machine
from divert_cli import corpus
from divert_cli.calls import Json, get, the_stack
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.policy import approvals, backtest, differences, files, publishing, recording
from divert_cli.policy.backtest import DANGEROUS, Entrant, Report
from divert_cli.policy.files import PolicyFileError
from divert_cli.prepare import SEEDS
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import ROLES
from divert_contracts.vocabulary import Change, PolicyKind
from divert_triage.domain.policy import TriagePolicy
from divert_triage.domain.reading import Reader

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The life of a policy: check, compare, back-test, approve, publish, try beside.",
)
_console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
_notes = Console(stderr=True, highlight=False, soft_wrap=True)
RESULT = ROOT / "bench" / "results" / "backtest.json"
IN_FORCE = "in-force"
"""Stands for the policy that a running stack has in force now."""

_KEPT = (
    "Recorded pictures hold no texts: what was read from them is kept as it was, and the lexicon is not back-tested."
)

PolicyPath = Annotated[Path, typer.Option("--policy", help="The policy's YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Since = Annotated[str | None, typer.Option(help="Only what was accepted from then on: 2026-11-01 or with a time.")]
FromJsonl = Annotated[Path | None, typer.Option(help="A recording of `divert policy record`, instead of the stack.")]
Evening = Annotated[bool, typer.Option("--evening", help="The sample evening, without any running stack.")]


@app.command()
def check(paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Policies' YAML files.")]) -> None:
    """Say what is wrong with policy files, by file, line and field; exits 1 if anything is."""
    broken = False
    for path in paths:
        try:
            policy = files.read(path)
            files.checked(policy)
        except PolicyFileError as error:
            broken = True
            print(error)
        else:
            print(f"{path}: {policy.kind} policy {policy.version} is valid, sha256 {policy.digest}")
    if broken:
        raise typer.Exit(1)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="The one before.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="The one after.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show in plain words what distinguishes two triage policies, and what single words come to mean."""
    before, after = files.triage_policy(old), files.triage_policy(new)
    rules = list(differences.differences(before, after))
    effects = differences.effects(before, after)
    lexicons = [differences.lexicon_of(one) for one in (before, after)]
    if as_json:
        document = {
            "rules": [one._asdict() for one in rules],
            "effects": [one._asdict() for one in effects],
            "lexicons": lexicons,
        }
        print(json.dumps(document, indent=2))
        return
    for one in rules:
        style = {"+": "green", "-": "red"}.get(one.sign)
        _console.print(f"{one.sign} {one.what}: {one.text}", style=style, markup=False)
    if not rules:
        _console.print("The rules are the same.")
    if effects:
        _console.print(
            "\nWhat that means, in a call of a care type without any other danger, all questions answered “no”:"
        )
        table = Table("change", "what the call has", "before", "after")
        for effect in effects:
            table.add_row(_words(effect.change), effect.thing, effect.before, effect.after, style=_style(effect.change))
        _console.print(table)
    if len(set(lexicons)) > 1:
        _console.print(
            f"{_other_lexicon(*lexicons)}. What texts come to mean is not shown: `divert corpus --policy {new}`"
        )


@app.command()
def record(
    out: Annotated[Path, typer.Option(help="Where to write it: one JSON a line.")],
    *,
    since: Since = None,
    evening: Evening = False,
) -> None:
    """Write the pictures that triage has judged to a file. They hold no names, addresses or narratives."""
    lines = recording.of_evening() if evening else recording.of_stack(the_stack().kafka)
    count = recording.write(lines, out, since=_since(since))
    print(f"{count} pictures in {out}")


@app.command("backtest")
def run_backtest(
    policy: PolicyPath,
    *,
    against: Annotated[
        str | None,
        typer.Option(help="Another policy's file, or `in-force`; what was decided at the time when left out."),
    ] = None,
    since: Since = None,
    from_jsonl: FromJsonl = None,
    evening: Evening = False,
    synthetic: Annotated[
        int | None,
        typer.Option(min=1, help="So many made-up pictures; measures and files the result under bench/results."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the report goes; beside the policy when left out, for its approvers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run recorded pictures through a policy and show which calls it decides otherwise, the dangerous ones first."""
    file = files.read(policy)
    tried = Entrant(files.triage_policy(policy), file.digest)
    other = None if against is None else _entrant(against)
    if synthetic is not None:
        _measure(tried, other or tried, synthetic)
        return
    report = backtest.run(_lines(from_jsonl, evening=evening), tried, against=other, since=_since(since))
    path = out or backtest.beside(policy)
    path.write_bytes(report.canonical())
    if as_json:
        print(report.canonical().decode(), end="")
    else:
        _show(report)
    _notes.print(f"report: {path}\nback-test: {report.sha256}", style="dim", markup=False)
    _say_what_was_not_tested(tried, other)


@app.command()
def approve(
    policy: PolicyPath,
    *,
    role: Annotated[str, typer.Option(help=f"For whom: {', '.join(ROLES)}.")],
    by: Annotated[str, typer.Option(help="The id of the person who approves; never a name.")],
    backtest_hash: Annotated[str, typer.Option("--backtest", help="SHA-256 of the back-test that the person saw.")],
) -> None:
    """Record that somebody approves a policy after seeing its back-test. Three people must, one for each role.

    Recorded pictures hold no texts, so no back-test sees the lexicon: it reads the labelled corpus first, and a policy
    that misses a weapon or violence of its open half cannot be approved.
    """
    file = files.read(policy)
    read = _read(files.triage_policy(policy))
    report = publishing.of_file(file)
    if report.sha256 != backtest_hash:
        raise StackError(f"the back-test beside {policy} is {report.sha256}, not the one that was seen")
    at = datetime.now(UTC)
    sha256 = None if read is None else read.sha256
    path = approvals.approve(file, role=role, by=by, backtest=backtest_hash, at=at, corpus=sha256)
    given = {one.role for one in approvals.recorded(file)}
    missing = [one for one in ROLES if one not in given]
    print(f"recorded in {path}; " + (f"still missing: {', '.join(missing)}" if missing else "ready to be published"))


@app.command()
def publish(path: Annotated[Path, typer.Argument(metavar="FILE", help="The policy's YAML file.")]) -> None:
    """Publish a policy that is valid and approved, and say from when on it is in force."""
    file = files.read(path)
    files.checked(file)
    since = asyncio.run(publishing.publish(the_stack().kafka, file))
    print(f"{file.kind} policy {file.version} is published; it is in force for calls accepted from {since:%c %Z} on")


@app.command()
def shadow(
    path: Annotated[Path | None, typer.Argument(metavar="FILE", help="The policy to be tried beside.")] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Try none any more.")] = False,
) -> None:
    """Try a second triage policy beside the one in force: only what it would have decided otherwise is published."""
    if (path is None) is not off:
        raise StackError("name the policy's file, or say --off")
    kafka = the_stack().kafka
    if path is None:
        since = asyncio.run(publishing.try_no_more(kafka))
        print(f"nothing is tried beside the policy in force for calls accepted from {since:%c %Z} on")
        return
    file = files.read(path)
    files.checked(file)
    since = asyncio.run(publishing.try_beside(kafka, file))
    print(f"{file.version} is tried beside the policy in force for calls accepted from {since:%c %Z} on")


@app.command("list")
def list_policies(*, as_json: AsJson = False) -> None:
    """Show the versions that triage has read: which is in force, which is tried beside, which were refused and why."""
    known = get(f"{the_stack().urls['triage']}/v1/policies")
    rows = cast("list[Json]", known)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("version", "in force from", "state", "title")
    for one in rows:
        table.add_row(one["version"], one["in_force_from"], _state(one), one["title"])
    _console.print(table)


def _read(policy: TriagePolicy) -> corpus.Result | None:
    """Return how a policy's lexicon reads the corpus; null where it has none, and every text goes to a person.

    Raises:
        StackError: it misses a weapon or violence of the open half.
    """
    if policy.lexicon is None:
        return None
    result = corpus.read(corpus.load(corpus.CORPUS), Reader(policy.lexicon))
    if result.missed:
        raise StackError(
            f"not approved: the lexicon of {policy.version} misses a weapon or violence in {', '.join(result.missed)} "
            "of the labelled corpus; see `divert corpus --policy FILE`"
        )
    found = f"the lexicon misses no weapon and no violence in {len(result.open_half)} texts"
    _notes.print(f"{found}\ncorpus: {result.sha256}\n{_KEPT}", style="dim", markup=False)
    return result


def _say_what_was_not_tested(tried: Entrant, other: Entrant | None) -> None:
    """Say where a back-test is blind: to another lexicon, or to whether it is another."""
    after = differences.lexicon_of(tried.policy)
    if other is None:
        _notes.print(_KEPT)
        return
    before = differences.lexicon_of(other.policy)
    if before != after:
        _notes.print(f"{_other_lexicon(before, after)}. {_KEPT}", style="bold", markup=False)


def _other_lexicon(before: str, after: str) -> str:
    return f"The lexicon differs: sha256 {before[:12]} → {after[:12]}"


def _state(one: Json) -> str:
    if one["refused"] is not None:
        return f"refused: {one['refused']}"
    beside = "tried beside" if one["shadow"] else ""
    now = "in force" if one["in_force"] else ""
    return ", ".join(filter(None, (beside, now)))


def _entrant(named: str) -> Entrant:
    if named == IN_FORCE:
        return _published(publishing.in_force(the_stack().kafka))
    path = Path(named)
    return Entrant(files.triage_policy(path), files.read(path).digest)


def _published(fact: PolicyPublished) -> Entrant:
    return Entrant(TriagePolicy.model_validate(fact.document), fact.digest)


def _lines(path: Path | None, *, evening: bool) -> Iterator[bytes]:
    if path is not None:
        return recording.of_file(path)
    return recording.of_evening() if evening else recording.of_stack(the_stack().kafka)


def _since(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        time_given = datetime.fromisoformat(given)
    except ValueError:
        raise StackError(f"--since is no time: {given}") from None
    return time_given if time_given.tzinfo is not None else time_given.astimezone()


def _measure(policy: Entrant, against: Entrant, count: int) -> None:
    """Measure how long so many made-up pictures take, and file it."""
    lines = recording.made_up(count)
    began = time.monotonic()
    report = backtest.run(lines, policy, against=against)
    took = time.monotonic() - began
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"divert policy backtest --policy {SEEDS[PolicyKind.TRIAGE]} --synthetic {count}",
        "machine": machine(),
        "pictures": report.recording.pictures,
        "seconds": round(took, 1),
        "pictures_a_second": round(count / took),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{count} pictures through two policies in {took:.1f} s, {count / took:.0f} a second")


def _show(report: Report) -> None:
    against = "what was decided then" if report.against is None else report.against.version
    _console.print(
        f"{report.policy.version} against {against}: {report.recording.pictures} pictures "
        f"({report.recording.skipped} drills and late entries skipped), "
        f"{report.changed} decided otherwise, [bold]{report.dangerous}[/] of them in a dangerous direction"
    )
    by_rule = Table("change", "decided before by", "decides now", "pictures")
    for one in report.by_rule:
        by_rule.add_row(_words(one.change), one.before, one.after, str(one.pictures), style=_style(one.change))
    by_place = Table("change", "division", "pictures")
    for one in report.by_division:
        by_place.add_row(_words(one.change), str(one.division or "-"), str(one.pictures), style=_style(one.change))
    by_type = Table("change", "call type", "pictures")
    for one in report.by_type:
        by_type.add_row(_words(one.change), one.call_type or "-", str(one.pictures), style=_style(one.change))
    calls = Table("change", "call", "before", "after")
    for one in report.examples:
        calls.add_row(_words(one.change), str(one.call_id), one.before, one.after, style=_style(one.change))
    for table in (by_rule, by_place, by_type, calls):
        if table.row_count:
            _console.print(table)
    decides = ", ".join(f"{one.rule} {one.pictures}" for one in report.decides)
    _console.print(f"decides by: {decides}", style="dim", markup=False)


def _words(change: Change) -> str:
    return change.value.replace("_", " ")


def _style(change: Change) -> str | None:
    return "bold red" if change in DANGEROUS else None
