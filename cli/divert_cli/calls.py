"""`divert calls`, `divert show` and `divert outcomes`: what the running stack knows, for people and for programs."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.table import Table

from divert_cli.bearers import bearers
from divert_cli.errors import StackError
from divert_cli.stack import Run, running

Json = dict[str, Any]

_console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
_PAGE = 1000
_MOST_OPEN = 2000
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def the_stack() -> Run:
    """Return the stack that runs.

    Raises:
        StackError: none does.
    """
    run = running()
    if run is None:
        raise StackError("nothing is running; start it with `divert up` or `divert demo`")
    return run


def get(url: str, *, auth: httpx.Auth | None = None, **query: str | int | bool | None) -> Json:
    """Return what a service answers; `auth` signs in, as to the stack that runs if left out.

    Raises:
        StackError: it does not, or with an error; the message says which.
    """
    asked = {name: value for name, value in query.items() if value is not None}
    return _answered(lambda: httpx.get(url, params=asked, timeout=30, trust_env=False, auth=auth or bearers()), url)


def post(url: str, body: Json, *, auth: httpx.Auth | None = None) -> Json:
    """Return what a service answers to a body; `auth` signs in, as in `get`.

    Raises:
        StackError: it does not, or with an error; the message says which.
    """
    return _answered(lambda: httpx.post(url, json=body, timeout=30, trust_env=False, auth=auth or bearers()), url)


def _answered(ask: Callable[[], httpx.Response], url: str) -> Json:
    try:
        answer = ask()
    except httpx.TransportError as error:
        raise StackError(f"{url} does not answer ({type(error).__name__}); `divert status` says what runs") from error
    if not answer.is_success:
        raise StackError(f"{url}: {answer.status_code} {_problem(answer)}")
    return cast("Json", answer.json())


def _problem(answer: httpx.Response) -> str:
    try:
        read = cast("Json", answer.json())
    except ValueError:
        return answer.reason_phrase
    return str(read.get("detail") or read.get("title") or answer.reason_phrase)


def rows(reporting: str, *, auth: httpx.Auth | None = None, **query: str | bool | None) -> Iterator[Json]:
    """Yield every row of reporting's outcomes, page by page; `auth` signs in, as in `get`."""
    after: str | None = None
    while True:
        page = get(f"{reporting}/v1/outcomes", auth=auth, limit=_PAGE, after=after, **query)
        yield from page["outcomes"]
        after = page["after"]
        if after is None:
            return


# ------------------------------------------------------------------------------------------------------------- calls


def calls(*, as_json: AsJson = False) -> None:
    """List the calls in routing's hands, what is due soonest first, and concluded ones with an open promise."""
    run = the_stack()
    open_ = cast("list[Json]", get(f"{run.urls['routing']}/v1/calls", limit=_MOST_OPEN)["calls"])
    if as_json:
        print(json.dumps(open_, indent=2))
        return
    if not open_:
        _console.print("No call is open.")
        return
    table = Table(
        "accepted", "call", "incident", "stage", "division", "acuity", "who has it", "next word by", "waiting"
    )
    for call in open_:
        waiting = int(call["waiting"]) + int(call["unconfirmed"])
        table.add_row(
            _clock(call.get("accepted_at")),
            call["call_id"],
            call["incident_number"],
            _words(call["stage"]),
            _text(call.get("division")),
            call["acuity"],
            call["holder"],
            _clock(call.get("next_update_by")),
            str(waiting or ""),
            style="bold" if waiting else None,
        )
    _console.print(table)
    _console.print(f"{len(open_)} open" + (", and perhaps more" if len(open_) == _MOST_OPEN else ""), style="dim")


def _status(run: Run, call_id: str) -> Json:
    """Return routing's status of a call; nothing of one that it does not know yet."""
    url = f"{run.urls['routing']}/v1/calls/{call_id}/status"
    answer = httpx.get(url, timeout=30, trust_env=False, auth=bearers())
    return cast("Json", answer.json()) if answer.is_success else {}


# -------------------------------------------------------------------------------------------------------------- show


def show(
    call_id: Annotated[UUID, typer.Argument(help="As `divert calls` lists it.")], *, as_json: AsJson = False
) -> None:
    """Show one call: where it stands, and its timeline with causes."""
    run = the_stack()
    story = get(f"{run.urls['reporting']}/v1/calls/{call_id}")
    status = _status(run, str(call_id))
    if as_json:
        print(json.dumps({**story, "status": status}, indent=2))
        return
    row = cast("Json", story["outcome"])
    _console.print(f"[bold]{row.get('incident_number') or call_id}[/] of {row['agency']}, {row['feed']}")
    if row.get("outcome"):
        _console.print(f"{_words(row['outcome'])}: {_words(row['reason'])}" + _by(row))
    else:
        _console.print(f"{_words(row['stage'])}" + _by(row))
    if status.get("holder"):
        until = f" until {_clock(status['next_update_by'])}" if status.get("next_update_by") else ""
        _console.print(f"with {status['holder']}{until}")
    table = Table("time", "written by", "what", "says", "because of")
    facts = cast("list[Json]", story["facts"])
    numbers = {fact["id"]: str(number) for number, fact in enumerate(facts, 1)}
    for number, fact in enumerate(facts, 1):
        table.add_row(
            _clock(fact["occurred_at"]),
            str(fact["source"]).removeprefix("/divert/"),
            f"{number} {_name(fact['type'])}",
            _gist(fact["content"]),
            numbers.get(str(fact.get("cause")), ""),
        )
    _console.print(table)


_TOLD = (
    "eligibility",
    "programme",
    "acuity",
    "stage",
    "provider",
    "reason",
    "outcome",
    "disposition",
    "contact",
    "recommend",
    "responder",
    "team",
    "hazards",
)


def _gist(content: Json) -> str:
    """Return what matters most of a fact."""
    flat = {**content, **cast("Json", content.get("decision") or {})}
    told: list[str] = []
    for name in _TOLD:
        value = flat.get(name)
        if isinstance(value, list):
            value = ", ".join(str(one) for one in cast("list[object]", value))
        if value:
            told.append(f"{name} {_words(value)}")
    return "; ".join(told)


# ---------------------------------------------------------------------------------------------------------- outcomes


def outcomes(
    *,
    as_json: AsJson = False,
    agency: Annotated[str | None, typer.Option(help="Only this agency's calls.")] = None,
) -> None:
    """Show how far calls came and what became of them; with --json every call's row too."""
    run = the_stack()
    if as_json:
        funnel = get(f"{run.urls['reporting']}/v1/funnel", agency=agency)
        print(json.dumps({**funnel, "calls": list(rows(run.urls["reporting"], agency=agency))}, indent=2))
        return
    show_outcomes(run.urls["reporting"], _console, agency=agency)


def show_outcomes(reporting: str, console: Console, *, agency: str | None = None) -> None:
    """Print the funnel and the table of endings.

    Args:
        reporting: its base URL.
        console: where to.
        agency: only this agency's calls.
    """
    funnel = get(f"{reporting}/v1/funnel", agency=agency)
    steps = cast("list[Json]", funnel["steps"])
    most = max((int(step["calls"]) for step in steps), default=0)
    table = Table("how far calls came", "calls", "", title_justify="left")
    table.columns[1].justify = "right"
    for step in steps:
        share = int(step["calls"]) / most if most else 0
        table.add_row(_words(step["step"]), str(step["calls"]), "█" * round(30 * share))
    console.print(table)
    table = Table("what became of them", "why", "calls")
    table.columns[2].justify = "right"
    for ending in cast("list[Json]", funnel["endings"]):
        table.add_row(_words(ending["outcome"]), _words(ending["reason"]), str(ending["calls"]))
    for stage, count in cast("Json", funnel["in_flight"]).items():
        table.add_row("in flight", _words(stage), str(count), style="dim")
    console.print(table)
    outside = get(f"{reporting}/v1/funnel", agency=agency, denominator="exercise")["denominators"]
    officers = get(f"{reporting}/v1/funnel", agency=agency, denominator="officer_initiated")["denominators"]
    for name, count in {**outside, **officers}.items():
        console.print(f"outside every figure: {count} {_words(name)}", style="dim")


def _by(row: Json) -> str:
    return f", {row['provider']}" if row.get("provider") else ""


def _name(kind: str) -> str:
    return kind.removeprefix("divert.").partition(".")[0]


def _words(word: object) -> str:
    return str(word).replace("_", " ")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _clock(text: object) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S") if isinstance(text, str) else ""
