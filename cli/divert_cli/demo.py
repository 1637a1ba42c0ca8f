"""`divert demo`: a busy evening in under two minutes, and what became of every call."""

import asyncio
import json
import os
import shutil
import sys
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast
from urllib.parse import urlencode
from uuid import UUID

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from divert_chassis.clock import DomainClock
from divert_chassis.issuer import LocalIssuer
from divert_cli.bearers import Bearers
from divert_cli.calls import show_outcomes
from divert_cli.checkout import ROOT, STATE
from divert_cli.errors import StackError
from divert_cli.prepare import agency_fact, publish_beforehand, seed_policies, seed_policy, set_clock
from divert_cli.simulated import simulated
from divert_cli.stack import Run
from divert_cli.stack.serve import refuse_second, start_detached
from divert_cli.token import signed_in
from divert_contracts.access import Role
from divert_contracts.facts.policies import ClockSet, PolicyPublished
from divert_contracts.policy import LEAD, digest
from divert_contracts.vocabulary import PolicyKind
from divert_sim import evening, live, scripts
from divert_sim.evening import Ending
from divert_sim.in_memory import MemoryEvening
from divert_sim.live import LiveEvening, UnfinishedError
from divert_sim.scripts import Step

DATA = STATE / "demo"
EVENING = ROOT / "seeds" / "evening" / "evening.jsonl"
SEED = 11
RATE = 30.0
APART = "alcott"
"""The provider that `tools/provider-sim` plays: by webhook, and knowing the public contract alone."""
LENGTH = timedelta(minutes=50)
"""Domain time from the start of the evening until nearly every call has come to its end."""
TRIAGE_WITHIN = 120
"""Seconds of domain time that triage may take in the demonstration: four real ones."""
_SOON = timedelta(seconds=1.5)
"""Real time until a change of the clock takes effect: every process has read it by then."""
_TO_SPARE = 150.0
"""Real seconds by which the evening may last longer than its length at that rate."""

_console = Console(highlight=False)


def demo(
    *,
    rate: Annotated[float, typer.Option(min=1, max=60, help="Fictional seconds in a real one.")] = RATE,
    seed: Annotated[int, typer.Option(help="Chooses what providers, dispatcher and desk do.")] = SEED,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the evening's page, where there is a browser.")
    ] = True,
) -> None:
    """Start a fresh stack, play a busy evening on it, show what became of every call, and leave the stack running."""
    refuse_second()
    entries = evening.load(EVENING)
    shutil.rmtree(DATA, ignore_errors=True)
    began = time.monotonic()
    run = start_detached(DATA, _say)
    took = time.monotonic() - began
    _say(f"the stack is up after {took:.0f} s; playing an evening at {rate:.0f} times its speed")
    try:
        played = asyncio.run(_play(run, entries, rate, seed))
    except UnfinishedError as failed:
        raise StackError(f"{failed}\nthe stack is left running; `divert logs` and `divert verify` say more") from failed
    _console.print()
    show_outcomes(run.urls["reporting"], _console)
    link = evening_link(run, played.began, played.ended)
    _what_next(run, played.endings, link)
    if open_ and _has_browser():
        webbrowser.open(link)


@dataclass(frozen=True, slots=True)
class Played:
    """An evening that is over."""

    endings: Mapping[UUID, Ending]
    began: datetime
    """In domain time."""
    ended: datetime


def evening_link(run: Run, began: datetime, ended: datetime) -> str:
    """Return a link to what became of the evening's calls, signed in as operations are."""
    since = began.replace(second=0, microsecond=0)
    until = ended.replace(second=0, microsecond=0) + timedelta(minutes=1)
    to = f"/today?{urlencode({'since': since.isoformat(), 'until': until.isoformat()})}"
    return signed_in(run, Role.OPERATIONS, None, LocalIssuer(run.data).token(Role.OPERATIONS), to=to)


def _has_browser() -> bool:
    graphical = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return graphical and sys.stdout.isatty()


async def _play(run: Run, entries: Sequence[evening.Entry], rate: float, seed: int) -> Played:
    bearers, clock = Bearers(run), DomainClock()
    script = run.data / f"{APART}.json"
    script.write_text(json.dumps(await asyncio.to_thread(_scripted, entries, seed, rate)), encoding="utf-8")
    async with simulated(run, "webhook", APART, "--script", str(script)):
        real_from = datetime.now(UTC) + 2 * _SOON
        start = real_from + LENGTH / rate - LENGTH
        fast = ClockSet(occurred_at=start, real_from=real_from, domain_from=start, rate=rate)
        clock.learn(fast)
        await publish_beforehand(run.kafka, hurried(seed_policy(PolicyKind.ROUTING), start), fast)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=_console) as shown:
            sent = shown.add_task("sent by CAD and desks", total=len(entries))
            ended = shown.add_task("calls concluded", total=None)

            def told(progress: live.Progress) -> None:
                shown.update(sent, completed=progress.sent)
                shown.update(ended, completed=len(progress.endings), total=len(progress.opened))

            playing = LiveEvening(
                run.kafka, run.urls, clock, seed=seed, told=told, bearing=bearers.headers, apart={APART}
            )
            # Time runs backwards until the new clock is in force: nothing is sent before.
            await asyncio.sleep((real_from - datetime.now(UTC)).total_seconds())
            endings = await playing.play(entries, start, within=LENGTH.total_seconds() / rate + _TO_SPARE)
            over = clock.now()
    for line in playing.progress.refused:
        _say(f"refused: {line}")
    await _at_real_speed(run, clock, rate)
    return Played(endings, start, over)


def _scripted(entries: Sequence[evening.Entry], seed: int, rate: float) -> dict[str, list[Step]]:
    """Return what the provider that plays apart does, from the same evening in memory."""
    play = MemoryEvening([*seed_policies(), agency_fact()], datetime.now(UTC), seed=seed)
    play.play(entries)
    return scripts.script(play.world.log, APART, seed=seed, rate=rate)


def hurried(policy: PolicyPublished, start: datetime) -> PolicyPublished:
    """Return the routing policy for an evening that starts then and is played fast.

    Between posting and triage there is transport alone, which does not hurry: at thirty times the speed, the 15 s that
    it may take would be half a second. Every other limit is as in the policy.
    """
    limits = cast("dict[str, JsonValue]", policy.document["limits"])
    version = f"{policy.version}-demo"
    document: dict[str, JsonValue] = {
        **policy.document,
        "version": version,
        "in_force_from": start.isoformat(),
        "limits": {**limits, "triage_within": TRIAGE_WITHIN},
    }
    known = {"version": version, "in_force_from": start, "document": document, "digest": digest(document)}
    return policy.model_copy(update={"occurred_at": start - LEAD, **known})


async def _at_real_speed(run: Run, clock: DomainClock, rate: float) -> None:
    """Let domain time be real time from now on; where it has run ahead, it stays ahead, for it must not go back."""
    real_from = datetime.now(UTC) + _SOON
    ahead = clock.now() + _SOON * rate
    domain_from = max(real_from, ahead)
    await set_clock(run.kafka, ClockSet(occurred_at=domain_from, real_from=real_from, domain_from=domain_from, rate=1))
    await asyncio.sleep(_SOON.total_seconds())


def _say(line: str) -> None:
    _console.print(line, style="dim", markup=False)


def _what_next(run: Run, endings: Mapping[UUID, Ending], link: str) -> None:
    served = next((call for call, ending in sorted(endings.items()) if ending.outcome == "served"), None)
    _console.print(f"\n{len(endings)} calls, each with exactly one outcome. The stack is still running:")
    for name, url in run.urls.items():
        _console.print(f"  {name:<30} {url}", markup=False)
    _console.print("\nTry next:")
    tries = {
        "./divert token desk --link": "a link to the dispatcher's desk, signed in",
        "./divert token operations --link": "the same to the board",
        "./divert report": "the evening as a page and a PDF that could be published",
        f"./divert show {served}": "the story of a call, with causes",
        "./divert verify": "is every call accounted for?",
        "./divert outcomes --json": "every row",
        "./divert down": "stop it",
    }
    for command, why in tries.items():
        _console.print(f"  {command:<60} {why}", markup=False)
    _console.print("\nWhat became of the evening, on a page of the board; the link signs you in:")
    # Whole, also on a narrow terminal, so that it can be taken as it stands.
    _console.print(f"  {link}", markup=False, soft_wrap=True)
