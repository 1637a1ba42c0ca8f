"""`divert what-if`: the same calls under other arrangements, side by side."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import JsonValue
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from divert_cli.checkout import ROOT
from divert_cli.demo import EVENING, SEED
from divert_cli.errors import StackError
from divert_cli.prepare import agency_fact, seed_policies
from divert_cli.report import ASSUMPTIONS, LABELS, read_assumptions, read_labels
from divert_contracts.facts.base import Fact
from divert_contracts.vocabulary import PolicyKind
from divert_reporting.pages.report.screen import html
from divert_reporting.settings import ZONE
from divert_routing.domain.directory import Directory
from divert_sim import evening
from divert_sim.in_memory import MemoryEvening
from divert_sim.load import TEAMS
from divert_sim.whatif import calls as what
from divert_sim.whatif import capacity as abilities
from divert_sim.whatif import day, fit, runs, scenario, selfcheck
from divert_sim.whatif.calls import Calls, LogError
from divert_sim.whatif.capacity import CapacityError, Extra
from divert_sim.whatif.page import CHANGED, Result, Words, page, text, without_small_cells
from divert_sim.whatif.play import Player, Study, shift_hours
from divert_sim.whatif.scenario import AS_IT_IS, ScenarioError
from divert_sim.whatif.summary import MEASURES, Measure, Measured, summed

CAPACITY = ROOT / "seeds" / "assumptions" / "capacity.yaml"
DAY = datetime(2026, 11, 17, tzinfo=ZONE)
"""A Tuesday: when a made-up day begins."""
EVENING_AT = datetime(2026, 11, 14, 2, tzinfo=UTC)
ON_EVENING = "the sample evening (fictional people)"
STAYS = Extra(
    text="An assumption: an unarmed team stays longer than a patrol. No source is published.",
    low=600,
    value=1_800,
    high=3_600,
)
SHOWN = frozenset(
    {
        "eligible",
        "served",
        "served_share",
        "unarmed_share",
        "missed",
        "response_median",
        "response_p90",
        "shift_hours",
        "busy_share",
        "hand_offs",
        "desk_actions",
    }
)
"""The measures that the terminal shows; the files have them all, with their ranges."""
CLEARS = Extra(text="An assumption.", low=0, value=600, high=1_200)

_console = Console(highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """How it ended."""

    DOES_NOT_REPRODUCE = 3


Scenarios = Annotated[list[Path] | None, typer.Argument(help="Files such as those in seeds/scenarios.")]
Log = Annotated[Path | None, typer.Option("--calls", help="What `divert export log` wrote; else a made-up day.")]
PerDay = Annotated[int, typer.Option(min=1, help="Calls of the made-up day.")]
Seeds = Annotated[int, typer.Option(min=1, help="Runs of each arrangement.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
Publish = Annotated[bool, typer.Option("--publish", help="Leave small cells out, as the report does.")]
FitTo = Annotated[Path | None, typer.Option("--fit", help="Only fit the capacity model, into this file.")]
Times = Annotated[list[Path] | None, typer.Option("--times", help="With --fit: exports with dispatch and arrival.")]


def what_if(
    scenarios: Scenarios = None,
    *,
    log: Log = None,
    per_day: PerDay = day.PER_DAY,
    seeds: Seeds = 20,
    workers: Workers = 2,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    publish: Publish = False,
    capacity: Annotated[Path | None, typer.Option(help="Another capacity model than the seed's or the log's.")] = None,
    assumptions: Annotated[Path, typer.Option(help="What cost figures assume.")] = ASSUMPTIONS,
    fit_to: FitTo = None,
    times: Times = None,
) -> None:
    """Play calls under other directories, teams and limits, beside the directory as it is.

    It first plays what was recorded as it was recorded; where that does not come out as it did, it says so and exits 3.
    """
    try:
        if fit_to is not None:
            fit_to.write_text(_fitted(log, times or []), encoding="utf-8")
            _console.print(str(fit_to))
            return
        proposed = [scenario.read(file) for file in scenarios or []]
        if len({one.name for one in (AS_IT_IS, *proposed)}) <= len(proposed):
            raise StackError("two scenarios have the same name")
        study, check = _study(log, per_day, capacity)
        started = time.monotonic()
        result = _played(study, check, proposed, seeds=seeds, workers=workers, assumptions=assumptions, publish=publish)
        _console.print(f"{seeds * len(result.scenarios)} runs in {time.monotonic() - started:.0f} s", style="dim")
    except (CapacityError, LogError, ScenarioError) as error:
        raise StackError(str(error)) from error
    words = Words(read_labels(LABELS), read_assumptions(assumptions))
    out.mkdir(parents=True, exist_ok=True)
    _show(result)
    for file, content in {
        out / "divert-what-if.html": html(page(result, words)),
        out / "divert-what-if.json": json.dumps(result.model_dump(mode="json"), indent=2, sort_keys=True) + "\n",
    }.items():
        file.write_text(content, encoding="utf-8")
        _console.print(str(file))
    if not result.holds:
        raise typer.Exit(Exit.DOES_NOT_REPRODUCE)


def _played(
    study: Study,
    check: selfcheck.SelfCheck,
    proposed: list[scenario.Scenario],
    *,
    seeds: int,
    workers: int,
    assumptions: Path,
    publish: bool,
) -> Result:
    calls = study.calls
    document = _documents()[PolicyKind.ROUTING]
    configurations = [scenario.configured(one, document, study.teams, calls.since) for one in (AS_IT_IS, *proposed)]
    _say(check)
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("runs", total=seeds * len(configurations))
        played = runs.played(
            study, configurations, seeds, workers=workers, progress=lambda done: progress.update(task, advance=done)
        )
    again = replace(Player(study, configurations[0]).round_trip(0), endings={})
    hours = [shift_hours(study, one) for one in configurations]
    days = (calls.until - calls.since) / timedelta(days=1)
    assumed = read_assumptions(assumptions)
    found = tuple(
        summed(configuration, mine, played[0], spent, hours[0], days=days, assumed=assumed)
        for configuration, mine, spent in zip(configurations, played, hours, strict=True)
    )
    return Result(
        calls=calls.name,
        count=calls.count,
        days=round(days, 4),
        seeds=seeds,
        capacity=study.capacity,
        self_check=check,
        through_codec=again == played[0][0],
        holds=check.holds and again == played[0][0],
        unsafe_offers=round(sum(run.counts["unsafe"] for group in played for run in group)),
        for_publishing=publish,
        scenarios=without_small_cells(found) if publish else found,
    )


def _study(log: Path | None, per_day: int, capacity: Path | None) -> tuple[Study, selfcheck.SelfCheck]:
    """Return the study, and how far the model reproduces a record: the log itself, or the sample evening."""
    documents = _documents()
    directory = Directory.model_validate(documents[PolicyKind.ROUTING])
    record = what.of_log(log) if log is not None else evening_recorded()
    model = fit.fitted(
        record.recorded,
        version="fitted-to-the-record",
        source=f"Everything from {record.name}.",
        command="divert what-if",
    )
    recorded = Study(record, model, documents[PolicyKind.TRIAGE], directory, record.teams)
    if capacity is not None:
        recorded = Study(record, abilities.read(capacity), documents[PolicyKind.TRIAGE], directory, record.teams)
    as_recorded = scenario.configured(AS_IT_IS, documents[PolicyKind.ROUTING], record.teams, record.since)
    check = selfcheck.checked(record.name, Player(recorded, as_recorded), record.recorded)
    if log is not None:
        return recorded, check
    calls = what.staffed(
        what.of_entries(
            f"A made-up day of {per_day:,} calls",
            day.entries(per_day, seed=0),
            DAY,
            policies=policies(),
            lasts=day.DAY,
        ),
        TEAMS,
    )
    model = abilities.read(capacity or CAPACITY)
    return Study(calls, model, documents[PolicyKind.TRIAGE], directory, calls.teams), check


def policies() -> list[Fact]:
    """Return what the services know from the beginning."""
    return [*seed_policies(), agency_fact()]


def evening_recorded() -> Calls:
    """Return the sample evening as its log would have it: played through whole services, codec and all."""
    playing = MemoryEvening(policies(), EVENING_AT, seed=SEED)
    playing.play(evening.load(EVENING))
    return what.recorded(ON_EVENING, [one for topic, one in playing.world.log if topic in what.KEPT])


def _documents() -> dict[PolicyKind, dict[str, JsonValue]]:
    return {one.kind: dict(one.document) for one in seed_policies()}


def _fitted(log: Path | None, times: list[Path]) -> str:
    """Return a capacity model as a file: of a log, or of the sample evening with times of a city's export."""
    record = what.of_log(log) if log is not None else evening_recorded()
    command = " ".join(
        [
            "divert what-if --fit FILE",
            *([] if log is None else [f"--calls {log.name}"]),
            *(f"--times {one.name}" for one in times),
        ]
    )
    model = fit.fitted(
        record.recorded, version="capacity-1", source=f"Shares and times from {record.name}.", command=command
    )
    if times:
        try:
            travel, visit = fit.of_city(times)
        except (OSError, KeyError) as error:
            raise StackError(f"times cannot be read: {error}") from error
        source = (
            f"Travel and time on scene: {travel.n} calls with dispatch, arrival and closing in "
            f"{', '.join(one.name for one in times)} (a police department's; far too few to rely on)."
        )
        model = model.model_copy(
            update={
                "travel": travel,
                "visit": visit,
                "visit_adds": STAYS,
                "clear_after": CLEARS,
                "cases_a_team": 1.0,
                "source": (*model.source, source, "One case a team at a time: an assumption."),
            }
        )
    return _HEAD + yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


_HEAD = """\
# What providers, teams and the desk are able to do in `divert what-if`: fitted, or assumed where it says so. A line of
# eleven numbers is the deciles of a length of time in seconds. Fit it to records of your own: a log of your stack.
"""


def _say(check: selfcheck.SelfCheck) -> None:
    _console.print(f"Self-check on {check.on}: {check.calls:,} calls, {check.seeds} seeds")
    for one in check.checks:
        mark = "ok  " if one.holds else "OFF "
        _console.print(f"  {mark}{one.what}: {one.recorded:.6g}, simulated {one.simulated:.4g} ({one.bound})")
    if not check.holds:
        _console.print("It does NOT reproduce what was recorded: do not rely on what follows.", style="bold red")


def _show(result: Result) -> None:
    table = Table(title=f"{result.calls}: {result.count:,} calls, {result.seeds} runs each; means, and the difference")
    table.add_column("")
    for one in result.scenarios:
        table.add_column(one.title, justify="right")
    for measure in (one for one in MEASURES if one.name in SHOWN):
        if all(measure.name in one.measures for one in result.scenarios):
            found = [one.measures[measure.name] for one in result.scenarios]
            table.add_row(measure.title, *(_short(measure, one) for one in found))
    Console().print(table)
    _console.print(f"Offers of calls that the rules exclude: {result.unsafe_offers}")
    codec = "equal" if result.through_codec else "DIFFERENT: do not rely on any of it"
    _console.print(f"The first run, with every fact and state through its codec: {codec}")


def _short(measure: Measure, found: Measured) -> str:
    mean = text(measure, found.value.mean)
    return mean if found.change is None else f"{mean}\n{CHANGED[measure.unit](found.change.mean)}"
