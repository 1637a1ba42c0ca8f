"""`divert prove`: what divert promises, tried out; the figures go to bench/results/proofs/."""

import asyncio
import json
import os
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from divert_bench.report import machine
from divert_cli.calls import the_stack
from divert_cli.checkout import ROOT, STATE
from divert_cli.demo import SEED
from divert_cli.prepare import prepare
from divert_cli.proofs import board as board_proof
from divert_cli.proofs import danger as danger_proof
from divert_cli.proofs import faults as faults_proof
from divert_cli.proofs import history as history_proof
from divert_cli.proofs import memory as memory_proof
from divert_cli.proofs import misbehaviour as misbehaviour_proof
from divert_cli.proofs import rebuild as rebuild_proof
from divert_cli.proofs import recount as recount_proof
from divert_cli.proofs import ways as ways_proof
from divert_cli.stack import LocalStack, discard

RESULTS = ROOT / "bench" / "results" / "proofs"
_SHOWN = 10

prove = typer.Typer(
    help="Proofs that take a while.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

_console = Console(highlight=False)
_aside = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Seed = Annotated[int, typer.Option(help="Chooses what everybody does.")]


@prove.command()
def faults(
    *,
    seconds: Annotated[float, typer.Option(min=1, help="Load for at least so long.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, max=500, help="New calls a second.")] = 50.0,
    speed: Annotated[float, typer.Option(min=1, max=60, help="Fictional seconds in a real one.")] = 20.0,
    seed: Seed = SEED,
    as_json: AsJson = False,
) -> None:
    """Kill everything in turn under load: nothing may be lost, nothing concluded twice, nothing left open."""
    with _folder() as data:
        result = asyncio.run(faults_proof.prove(data, seconds=seconds, rate=rate, speed=speed, seed=seed, say=_say))
        asked = {"seconds": seconds, "rate": rate, "speed": speed, "seed": seed}
        _conclude("faults", {**asked, **asdict(result)}, result, _show_faults, as_json=as_json)


@prove.command()
def danger(
    *,
    calls: Annotated[int, typer.Option(min=2, help="Teams on their way, for each kind of danger.")] = 200,
    rate: Annotated[float, typer.Option(min=1, max=100, help="Posts of danger a second.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Post danger while teams are on their way: each must be recalled and handed off within a second."""
    with _folder() as data:
        result = asyncio.run(danger_proof.prove(data, calls=calls, rate=rate, say=_say))
        _conclude("danger", {"rate": rate, **asdict(result)}, result, _show_danger, as_json=as_json)


@prove.command()
def rebuild(
    *,
    copies: Annotated[int, typer.Option(min=1, help="How many evenings the log has.")] = 10,
    against_running: Annotated[
        bool, typer.Option(help="Take the log of the stack that runs, and compare with its tables too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the log into empty databases, with one worker and with three: the tables must be equal bit for bit."""
    with _folder() as data:
        result = asyncio.run(_rebuild(data, None if against_running else copies))
        _conclude("rebuild", asdict(result), result, _show_rebuilt, as_json=as_json)


@prove.command()
def recount(*, as_json: AsJson = False) -> None:
    """Count every figure and hour of the stack that runs again from its log, by a script that shares no code."""
    run = the_stack()
    with _folder() as data:
        data.mkdir(parents=True)
        result = asyncio.run(recount_proof.prove(run.kafka, run.postgres, data, _say))
        _conclude("recount", asdict(result), result, _show_recounted, as_json=as_json)


@prove.command()
def memory(
    *,
    speed: Annotated[float, typer.Option(min=1, max=60, help="Fictional seconds in a real one.")] = 30.0,
    against_running: Annotated[
        bool, typer.Option(help="Compare with the stack that runs after `divert demo`; else with one of its own.")
    ] = False,
    seed: Seed = SEED,
    as_json: AsJson = False,
) -> None:
    """Play the evening in memory and on Kafka: the same outcome, reason and provider of every call."""
    runs: dict[str, memory_proof.Endings] = {}
    for order, lag in memory_proof.INTERLEAVINGS:
        name = f"memory, order {order}, lag up to {lag:.1f} s"
        _say(name)
        runs[name] = memory_proof.in_memory(order, lag, seed)
    if against_running:
        runs["the stack that runs"] = memory_proof.of_running(the_stack().urls["reporting"])
    else:
        _say("Kafka")
        with _folder() as data:
            runs["Kafka"] = asyncio.run(memory_proof.on_kafka(data, speed, seed))
    result = memory_proof.compare(runs)
    _conclude("memory", asdict(result), result, _show_compared, as_json=as_json)


@prove.command()
def ways(
    *,
    calls: Annotated[int, typer.Option(min=1, max=1000, help="How many calls by each way.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Play the same calls by HTTP, by webhook and by Kafka: the same must become of each."""
    with _folder() as data:
        result = asyncio.run(ways_proof.prove(data, calls=calls, say=_say))
        _conclude("ways", asdict(result), result, _show_ways, as_json=as_json)


@prove.command()
def misbehaviour(
    *,
    pairs: Annotated[int, typer.Option(min=1, max=9, help="Rounds with and without each misbehaviour.")] = 5,
    calls: Annotated[int, typer.Option(min=2, max=100, help="Calls for each provider in a round.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Let one provider misbehave in every way: the others must not feel it, and its calls move on in time."""
    with _folder() as data:
        result = asyncio.run(misbehaviour_proof.prove(data, pairs=pairs, calls=calls, say=_say))
        _conclude("misbehaviour", asdict(result), result, _show_misbehaviour, as_json=as_json)


@prove.command()
def board(
    *,
    calls: Annotated[int, typer.Option(min=10, max=5_000, help="Calls in flight, at the least.")] = 2_000,
    minutes: Annotated[float, typer.Option(min=1, max=600, help="Fictional minutes.")] = 60.0,
    speed: Annotated[float, typer.Option(min=1, max=60, help="Fictional seconds in a real one.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Look at a full board through a real browser for an hour at speed: nothing may jump, grow, or come late."""
    with _folder() as data:
        result = asyncio.run(board_proof.prove(data, calls=calls, minutes=minutes, speed=speed, say=_say))
        _conclude("board", {**asdict(result), "faults": result.faults}, result, _show_board, as_json=as_json)


@prove.command()
def history(
    *,
    calls: Annotated[int, typer.Option(min=148, max=10_000_000, help="Calls of history, about.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Write a long history, read it anew with one worker, and look at every page while facts flow."""
    with _folder() as data:
        result = asyncio.run(history_proof.prove(data, calls=calls, say=_say))
        _conclude("history", {"rate": result.rate, **asdict(result)}, result, _show_history, as_json=as_json)


async def _rebuild(data: Path, copies: int | None) -> rebuild_proof.Result:
    if copies is None:
        run = the_stack()
        records = await asyncio.to_thread(rebuild_proof.log_of, run.kafka)
    else:
        run = None
        records = rebuild_proof.evenings(copies)
    async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
        await prepare(stack.kafka, stack.postgres)
        await rebuild_proof.write(stack.kafka, records)
        result = await rebuild_proof.rebuild(stack, _say)
    if run is not None:
        result.running = await rebuild_proof.tables(run.postgres)
    return result


def _say(line: str) -> None:
    _aside.print(line, style="dim", markup=False)


@contextmanager
def _folder() -> Generator[Path]:
    """Give a data folder, and delete it unless something went wrong: then its logs say more."""
    data = STATE / "proofs" / uuid.uuid4().hex[:8]
    try:
        yield data
    except BaseException:
        _say(f"what ran, and its logs, are left in {data}")
        raise
    discard(data)


class _Result(Protocol):
    @property
    def clean(self) -> bool: ...


R = TypeVar("R", bound=_Result)


def _conclude(name: str, document: Mapping[str, Any], result: R, show: Callable[[R], None], *, as_json: bool) -> None:
    """File what was seen, show it to a person or a program, and fail where it proves nothing."""
    _file(name, document, clean=result.clean, as_json=as_json)
    if not as_json:
        show(result)
    if not result.clean:
        raise typer.Exit(1)


def _file(name: str, result: Mapping[str, Any], *, clean: bool, as_json: bool) -> None:
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "clean": clean,
        **result,
        "machine": {**machine(), "load_average": os.getloadavg()[0]},
    }
    text = json.dumps(document, indent=2, default=str)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)


# ------------------------------------------------------------------------------------------------------------- tables


def _show_faults(result: faults_proof.Result) -> None:
    struck = Table("fault", "calls in flight", "all ready after", "caught up after")
    for column in struck.columns[1:]:
        column.justify = "right"
    for one in result.recoveries:
        ready = "" if one.ready_after is None else f"{one.ready_after:.1f} s"
        struck.add_row(one.fault, str(one.open), ready, f"{one.caught_up_after:.1f} s")
    _console.print(struck)
    seen = Table("what", "count")
    seen.columns[1].justify = "right"
    drained = "not at all" if result.drained_after is None else f"{result.drained_after:.1f} s"
    rows: dict[str, object] = {
        "seconds of load": f"{result.load_seconds:.1f}",
        "calls posted": result.posted,
        "accepted (202)": result.accepted,
        "requests made again": result.requests_repeated,
        "all concluded after": drained,
        **result.counts,
        **{f"outcome {name}": count for name, count in result.outcomes.items()},
        **{f"refused {name}": count for name, count in result.refused.items()},
        **{f"restarts of {name}": count for name, count in result.restarts.items()},
    }
    for name, value in rows.items():
        seen.add_row(name, str(value))
    seen.add_section()
    for name, wrong in result.faults.items():
        seen.add_row(name, str(len(wrong)), style="bold red" if wrong else None)
    _console.print(seen)
    for name, wrong in result.faults.items():
        for one in wrong[:_SHOWN]:
            _console.print(f"{name}: {one}", markup=False)
    _verdict(result.clean, "every accepted call has exactly one outcome, and reporting says the same")


def _show_board(result: board_proof.Result) -> None:
    table = Table("what", "seen")
    seen = {**asdict(result), **result.seen}
    del seen["seen"]
    for name, value in seen.items():
        table.add_row(name.replace("_", " "), str(value))
    _console.print(table)
    for name in (name for name, broken in result.faults.items() if broken):
        _console.print(f"broken: {name}", style="bold red")
    _verdict(result.clean, f"{result.calls_in_flight} calls in flight, and nothing jumps, grows or comes late")


def _show_history(result: history_proof.Result) -> None:
    table = Table("looked at, while facts flow", "p50", "p95", "bytes")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in result.looked:
        table.add_row(one.path, f"{one.p50 * 1000:.0f} ms", f"{one.p95 * 1000:.0f} ms", f"{one.bytes:,}")
    _console.print(table)
    _console.print(f"{result.flowed:,.0f} facts a second meanwhile; the report took {result.report_seconds:.1f} s")
    for name in (name for name, broken in result.faults.items() if broken):
        _console.print(f"broken: {name}", style="bold red")
    _verdict(result.clean, f"{result.calls:,} calls read anew at {result.rate:,.0f} facts a second")


def _show_danger(result: danger_proof.Result) -> None:
    table = Table("danger told by: heard as", "calls", "p50", "p99", "longest")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in result.waits:
        table.add_row(one.what, str(one.calls), *(f"{value:.0f} ms" for value in (one.p50, one.p99, one.longest)))
    _console.print(table)
    for one in result.not_heard[:_SHOWN]:
        _console.print(f"not heard: {one}", markup=False)
    _verdict(result.clean, f"{result.calls} teams were recalled and handed off, 99 of 100 within a second")


def _show_rebuilt(result: rebuild_proof.Result) -> None:
    table = Table("read by", "seconds", "killed at", "table", Column("SHA-256", overflow="fold"))
    for one in result.rebuilt:
        killed = "" if one.killed_at is None else f"{one.killed_at:.0%}"
        for name, digest in one.digests.items():
            table.add_row(one.by, f"{one.seconds:.1f}", killed, name, digest)
    for name, digest in (result.running or {}).items():
        table.add_row("the stack that runs", "", "", name, digest)
    _console.print(table)
    _verdict(result.clean, f"{result.records} records, {result.calls} calls: the tables are equal bit for bit")


def _show_recounted(result: recount_proof.Result) -> None:
    for one in result.differing[:_SHOWN]:
        _console.print(one, markup=False)
    _verdict(result.clean, f"{result.records:,} records: all {result.numbers:,} numbers are what the script counts")


def _show_compared(result: memory_proof.Result) -> None:
    for one in result.differences:
        _console.print(f"{one.call_id}: {one.memory} in memory, {one.other} in {one.run}", markup=False)
    _console.print("\n".join(result.runs), markup=False)
    _verdict(result.clean, f"{result.calls} calls: the same outcome, reason and provider of each in every run")


def _show_ways(result: ways_proof.Result) -> None:
    table = Table("scene", "ended as, by every way")
    for scene, ending in result.endings.items():
        table.add_row(scene, ending)
    _console.print(table)
    for one in result.differences[:_SHOWN]:
        _console.print(f"{one.scene} ({one.number}): {one.what} is {dict(one.by_way)}", markup=False)
    _verdict(result.clean, f"{result.calls} calls by each of {len(result.concluded)} ways: the same became of each")


def _show_misbehaviour(result: misbehaviour_proof.Result) -> None:
    table = Table(
        "misbehaviour", "others expired", "others p50 without", "with", "its expired", "moved on after at most"
    )
    for one in result.rounds:
        late = "" if one.moved_on_after is None else f"{one.moved_on_after:.2f} s"
        table.add_row(
            f"{one.behaviour}, by {one.way}",
            str(one.healthy_expired),
            f"{one.p50_without * 1000:.0f} ms",
            f"{one.p50_with * 1000:.0f} ms",
            str(one.expired),
            late,
        )
    _console.print(table)
    _verdict(result.clean, "no healthy provider's offer expired, and expired offers moved on in time")


def _verdict(clean: bool, says: str) -> None:  # noqa: FBT001  # the verdict itself
    _console.print(f"Proved: {says}." if clean else "Not proved; see above.", style="green" if clean else "bold red")
