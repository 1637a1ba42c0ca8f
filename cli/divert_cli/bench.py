"""`divert bench`."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from divert_bench import measures, report
from divert_bench.measures import FULL, QUICK, Result, Size
from divert_bench.processes import Backing
from divert_cli.checkout import ROOT
from divert_cli.prepare import agency_fact, prepare, seed_policies
from divert_cli.stack import LocalStack
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import digest
from divert_contracts.vocabulary import PolicyKind

_console = Console(stderr=True, highlight=False)


def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Measure less, in about a minute.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where a step spends its time; no measuring.")
    ] = False,
) -> None:
    """Measure how fast divert is on this machine, on a stack of its own; the figures go to bench/results/."""
    if profile:
        # Not needed, and so not imported, by a measurement.
        from divert_bench.profile import profile as profiled  # noqa: PLC0415

        print(profiled([*seed_policies(), agency_fact()]))
        return
    results = asyncio.run(_measure(QUICK if quick else FULL))
    filed = report.document(results, quick=quick)
    path = report.file(filed, ROOT / "bench" / "results")
    if as_json:
        print(json.dumps(filed, indent=2))
    else:
        report.show(results, Console(highlight=False))
        _console.print(f"filed as {path.relative_to(ROOT)}")
    if any(one.verdict == "below half" for one in results):
        raise typer.Exit(1)


def _say(line: str) -> None:
    _console.print(line, style="dim", markup=False)


async def _measure(size: Size) -> Sequence[Result]:
    _say("codec")
    return [
        *measures.codec(),
        *await _on_a_fresh_stack(lambda backing: measures.by_codes(backing, size, _say), _codes_alone()),
        *await _on_a_fresh_stack(lambda backing: measures.drained(backing, size, _say)),
        *await _on_a_fresh_stack(lambda backing: measures.taken_in(backing, size, _say)),
        *await _on_a_fresh_stack(lambda backing: measures.latency(backing, size, _say)),
    ]


def _codes_alone() -> Sequence[PolicyPublished]:
    """Return the seed policies, of which the one for triage reads no texts."""
    return [_without_lexicon(one) if one.kind is PolicyKind.TRIAGE else one for one in seed_policies()]


def _without_lexicon(policy: PolicyPublished) -> PolicyPublished:
    document = {name: part for name, part in policy.document.items() if name != "lexicon"}
    changed = digest(document)
    approvals = tuple(one.model_copy(update={"digest": changed}) for one in policy.approvals)
    return policy.model_copy(update={"document": document, "digest": changed, "approvals": approvals})


async def _on_a_fresh_stack(
    measure: Callable[[Backing], Awaitable[Sequence[Result]]], policies: Sequence[PolicyPublished] | None = None
) -> Sequence[Result]:
    with tempfile.TemporaryDirectory(prefix="divert-bench-") as folder:
        async with LocalStack(Path(folder), services=False, preferred_ports=False, environment={}) as stack:
            await prepare(stack.kafka, stack.postgres, policies)
            return await measure(Backing(stack.kafka, stack.postgres, stack.valkey, Path(folder) / "logs"))
