"""`divert up`, `down`, `status` and `logs`."""

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from divert_cli.checkout import DATA
from divert_cli.stack import Run, StackError, kafka, postgres, running, valkey
from divert_cli.stack.local import service_answers
from divert_cli.stack.record import ProcessState
from divert_cli.stack.serve import SUPERVISOR_LOG, refuse_second, serve, start_detached, stop
from divert_cli.stack.services import SERVICES
from divert_cli.stack.supervise import tail

_console = Console(highlight=False, soft_wrap=True)
Data = Annotated[Path, typer.Option("--data", help="Folder for everything the stack keeps.", file_okay=False)]


def _say(line: str) -> None:
    _console.print(line, markup=False)


def _addresses(run: Run) -> None:
    for name, url in run.urls.items():
        _say(f"  {name:<28} {url}")
    _say(f"  {'kafka':<28} {run.kafka}")
    _say(f"  {'postgres':<28} {run.postgres}")
    _say(f"  {'valkey':<28} {run.valkey}")
    _say(f"  {'data':<28} {run.data}")


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it running in the background.")] = False,
    data: Data = DATA,
) -> None:
    """Start Kafka, Postgres, Valkey and all services, and show where they are.

    Without --detach they run until Ctrl-C.
    """
    if detach:
        run = start_detached(data, _say)
        _say(f"divert is up, supervised by process {run.pid}")
        _addresses(run)
        return

    def ready(run: Run) -> None:
        _say("divert is up; Ctrl-C stops it")
        _addresses(run)

    refuse_second()
    asyncio.run(serve(data, progress=_say, ready=ready))
    _say("divert has stopped")


def down() -> None:
    """Stop what `up` started; its data stays."""
    _say("divert has stopped" if stop(_say) else "nothing is running")


async def _looked_at(run: Run) -> Run:
    """Return `run` with the readiness that each process shows when asked now."""
    probes = {
        "kafka": partial(kafka.answers, run.kafka),
        "postgres": partial(postgres.answers, run.postgres),
        "valkey": partial(valkey.answers, run.valkey),
        **{
            one.name: partial(service_answers, run.urls[one.name] + one.ready)
            for one in SERVICES
            if one.name in run.urls
        },
    }

    async def ask(one: ProcessState) -> ProcessState:
        try:
            ready = await asyncio.wait_for(probes[one.name](), 5)
        except (OSError, TimeoutError):
            ready = False
        return one.model_copy(update={"ready": ready})

    return run.model_copy(update={"processes": tuple(await asyncio.gather(*map(ask, run.processes)))})


def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what runs: process, port, readiness, restarts. Exits 1 unless everything is ready."""
    run = running()
    if run is not None:
        run = asyncio.run(_looked_at(run))
    if as_json:
        print(json.dumps({"running": run is not None, **(run.model_dump(mode="json") if run else {})}, indent=2))
    elif run is None:
        _say("nothing is running")
    else:
        _say(f"{run.state}, process {run.pid}, since {run.started_at}, data in {run.data}")
        if _console.is_terminal:
            table = Table("process", "pid", "port", "ready", "restarts")
            for one in run.processes:
                ready = "[green]yes" if one.ready else "[red]no"
                table.add_row(one.name, str(one.pid or "-"), str(one.port), ready, str(one.restarts))
            _console.print(table)
        else:
            for one in run.processes:
                ready = "ready" if one.ready else "not-ready"
                _say(f"{one.name} pid={one.pid or '-'} port={one.port} {ready} restarts={one.restarts}")
    if run is None or run.state != "ready" or not all(one.ready for one in run.processes):
        raise typer.Exit(1)


def _follow(files: dict[str, Path], width: int) -> None:
    """Print what is added to `files` until Ctrl-C; a file that was cut short is read from its start."""
    at = {name: file.stat().st_size for name, file in files.items()}
    try:
        while True:
            for name, file in files.items():
                size = file.stat().st_size
                if size < at[name]:
                    at[name] = 0
                with file.open("rb") as log:
                    log.seek(at[name])
                    complete, newline, _ = log.read().rpartition(b"\n")
                at[name] += len(complete) + len(newline)
                if newline:
                    _print(name, width, complete.decode(errors="replace"))
            time.sleep(0.2)
    except KeyboardInterrupt:
        return


def _print(name: str, width: int, text: str) -> None:
    for line in text.splitlines():
        print(f"{name:<{width}} {line}" if width else line)


def logs(
    name: Annotated[str | None, typer.Argument(help="One process, as `status` names it; all when left out.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is said.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines of each.")] = 50,
    data: Data = DATA,
) -> None:
    """Print what the processes have said lately."""
    run = running()
    folder = (run.data if run else data.absolute()) / "logs"
    files = {file.stem: file for file in sorted(folder.glob("*.log")) if not file.stem.endswith(".1")}
    if SUPERVISOR_LOG.exists():
        files["supervisor"] = SUPERVISOR_LOG
    if name is not None:
        if name not in files:
            known = ", ".join(files) or "none yet"
            raise StackError(f"there is no log of {name!r}; logs: {known}")
        files = {name: files[name]}
    width = 0 if name else max((len(each) for each in files), default=0)
    for each, file in files.items():
        if lines:
            _print(each, width, tail(file, lines))
    if follow:
        _follow(files, width)
