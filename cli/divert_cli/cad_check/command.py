"""The command: which sides are looked at, and what is said of them."""

import asyncio
import json
import threading
import time
from typing import Annotated

import typer
from rich.console import Console

from divert_cli.bearers import bearers_to
from divert_cli.cad_check import intake, receiver, stand_in
from divert_cli.cad_check.findings import Finding
from divert_cli.errors import StackError
from divert_cli.prepare import AGENCY
from divert_cli.stack import running

_console = Console(highlight=False)
_TITLES = {"receiver": "Your receiver", "intake": "Intake", "cad": "Your CAD, posting"}


def cad_check(
    url: Annotated[str | None, typer.Argument(help="Of your webhook receiver; without it that side is left.")] = None,
    *,
    secret: Annotated[str | None, typer.Option(envvar="DIVERT_CAD_SECRET", help="whsec_…, as it knows it.")] = None,
    read_back: Annotated[str | None, typer.Option(help="URL with {call_id}: what your sandbox has of a call.")] = None,
    intake_url: Annotated[str | None, typer.Option("--intake", help="An intake; else the running stack's.")] = None,
    listen: Annotated[int | None, typer.Option(help="Port to stand in for intake at, for your CAD to post to.")] = None,
    seconds: Annotated[float, typer.Option("--for", min=1, help="How long to stand in.")] = 120.0,
    agency: Annotated[str, typer.Option(help="Whose CAD it is, as registered.")] = AGENCY,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say in plain words what is wrong between a CAD and divert, both ways. Exits 1 when anything is."""
    if url is not None and secret is None:
        raise StackError("a receiver is checked with its secret: --secret whsec_… or DIVERT_CAD_SECRET")
    run = running()
    intake_url = intake_url or (None if run is None else run.urls.get("intake"))
    if url is None and intake_url is None and listen is None:
        raise StackError("nothing to check: give your receiver's URL, --intake or --listen, or start a stack")
    found: list[Finding] = []
    if url is not None and secret is not None:
        found += asyncio.run(receiver.check(url, secret, agency=agency, read_back=read_back)).found
    if intake_url is not None:
        found += asyncio.run(intake.check(intake_url, agency, auth=bearers_to(intake_url, agency=agency))).found
    if listen is not None:
        found += _stood_in(agency, listen, seconds)
    wrong = [one for one in found if one.looked_at and one.wrong is not None]
    if as_json:
        told = [{"part": one.part, "what": one.what, "wrong": one.wrong, "looked_at": one.looked_at} for one in found]
        print(json.dumps({"well": not wrong, "findings": told}, indent=2))
    else:
        _show(found)
    if wrong:
        raise typer.Exit(1)


def _stood_in(agency: str, port: int, seconds: float) -> list[Finding]:
    try:
        server, heard = stand_in.listen(agency, "127.0.0.1", port)
    except OSError as error:
        raise StackError(f"port {port} cannot be listened at: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    Console(stderr=True).print(f"standing in for intake at {address} for {seconds:.0f} s", markup=False)
    try:
        time.sleep(seconds)
    finally:
        server.shutdown()
        server.server_close()
    return stand_in.judge(heard, time.monotonic()).found


def _show(found: list[Finding]) -> None:
    for part, title in _TITLES.items():
        of_part = [one for one in found if one.part == part]
        if not of_part:
            continue
        _console.print(f"\n{title}", style="bold")
        for one in of_part:
            if one.wrong is None:
                _console.print(f"  well   {one.what}", markup=False)
            elif one.looked_at:
                _console.print(f"  WRONG  {one.what}\n         {one.wrong}", markup=False, style="bold red")
            else:
                _console.print(f"  left   {one.what}\n         {one.wrong}", markup=False, style="dim")
    wrong = sum(one.looked_at and one.wrong is not None for one in found)
    _console.print(f"\n{wrong} of {len(found)} are wrong." if wrong else "\nAll is well.")
