"""`divert explain`: why a call was decided so, and what would have changed it; for a clinician and for an auditor."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, cast
from uuid import UUID

import typer
from rich.console import Console

from divert_cli.calls import Json, get, post, the_stack
from divert_cli.errors import StackError
from divert_contracts.call import Signal
from divert_contracts.facts.routing import CallConcluded, CallDirected, CallReviewed, DangerCleared, DangerNearby
from divert_contracts.facts.triage import CallTriaged

_console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
_EFFECTS = {"ineligible": "excludes", "needs_review": "leads to review", "eligible": "allows"}


def explain(
    call_id: Annotated[UUID, typer.Argument(help="As `divert calls` lists it.")],
    *,
    revision: Annotated[
        str | None, typer.Option(help="The revision's number or the beginning of its digest; the newest if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Explain a call's decision: every rule that fired or could have, and what would have changed the answer."""
    run = the_stack()
    story = get(f"{run.urls['reporting']}/v1/calls/{call_id}")
    recorded = chosen(story, revision)
    read = [one for one in recorded["signals"] if Signal.model_validate(one).from_words]
    asked: Json = {"picture": recorded["picture"], "read": read, "accepted_at": recorded["occurred_at"]}
    explained = post(f"{run.urls['triage']}/v1/explain", asked)
    same = explained["decision"] == recorded["decision"]
    if as_json:
        print(json.dumps({"recorded": recorded, "same_as_recorded": same, "explanation": explained}, indent=2))
        return
    for line in (*told(recorded, explained, same=same), *after(story)):
        _console.print(line, markup=False)


def told(recorded: Json, explained: Json, *, same: bool) -> Iterator[str]:
    """Yield an explanation line by line.

    Args:
        recorded: the ``CallTriaged`` fact.
        explained: what triage's ``/v1/explain`` says of it.
        same: whether triage decides today as was recorded.
    """
    decision = cast("Json", explained["decision"])
    yield f"Call {recorded['incident_number']} of {recorded['agency']}, accepted {recorded['occurred_at']}"
    yield f"{_answer(decision)}, by the policy {decision['policy']} ({explained['policy_title']})"
    if not same:
        recorded_answer = _answer(cast("Json", recorded["decision"]))
        yield f"! It was recorded as {recorded_answer}: triage judges otherwise now than it did then."
    yield ""
    yield "Why"
    for number, reason in enumerate(cast("list[Json]", explained["reasons"])):
        yield from _reason(reason, "decides: " if number == 0 else "")
    signals = [one for one in cast("list[Json]", explained["signals"]) if one["certainty"] != "denied"]
    if signals:
        yield ""
        yield "What was seen"
        for one in signals:
            where = "" if one.get("start") is None else f", characters {one['start']} to {one['end']}"
            yield f"  {_words(one['hazard'])} ({one['certainty']}), from {_words(one['source'])} {one['code']}{where}"
    yield ""
    yield "What would have changed the answer"
    yield from _changes(explained, decision)
    could = cast("list[Json]", explained["could"])
    if could:
        yield ""
        yield "What an open question could still have brought up"
        for reason in could:
            yield from _reason(reason, "", joined="if ")


def _changes(explained: Json, decision: Json) -> Iterator[str]:
    way = cast("Json | None", explained["to_eligible"])
    if way is not None:
        kind = "" if explained["answers_suffice"] else "; answers alone would not do"
        yield f"  To be eligible it would have taken: {_altered(way)}{kind}"
    elif decision["eligibility"] != "eligible":
        yield "  Nothing that can be altered would have made it eligible."
    for one in cast("list[Json]", explained["changes"]):
        yield f"  {_altered(one)}: {_answer(cast('Json', one['decision']))}"


def _reason(reason: Json, first: str, joined: str = "because not ") -> Iterator[str]:
    mark = " (provisional: not confirmed by the city)" if reason["provisional"] else ""
    yield f"  {first}{reason['rule']} {_EFFECTS.get(reason['effect'], reason['effect'])}: {reason['text']}{mark}"
    if reason["because"]:
        yield f"      {joined}{_altered(reason, 'because')}"
    yield f"      source: {' '.join(str(reason['source']).split())}"


def _altered(one: Json, field: str = "altered") -> str:
    return " and ".join(str(each["words"]) for each in cast("list[Json]", one[field]))


def _answer(decision: Json) -> str:
    hard = ", hard exclusion" if decision.get("hard_exclusion") else ""
    return f"{_words(decision['eligibility'])} ({_words(decision['programme'])}, {_words(decision['acuity'])}{hard})"


def after(story: Json) -> Iterator[str]:
    """Yield what else decided what became of the call: persons, danger close by, and the rule of its ending."""
    lines = [
        f"  {fact['occurred_at']}: {words}"
        for fact in cast("list[Json]", story["facts"])
        if (words := _decided(str(fact["type"]), cast("Json", fact["content"]))) is not None
    ]
    if lines:
        yield ""
        yield "What became of it"
        yield from lines


def _decided(kind: str, said: Json) -> str | None:
    hazards = ", ".join(_words(one) for one in cast("list[str]", said.get("hazards") or ()))
    if kind == CallReviewed.type_name():
        return f"{said['by']} reviewed it: {_words(said['eligibility'])} ({_words(said['reason'])})"
    if kind == CallDirected.type_name():
        return f"{said['by']} ordered: {_words(said['direction'])} ({_words(said['reason'])})"
    if kind == DangerNearby.type_name():
        where = "at the same place" if said.get("same_place", True) else "close by"
        return f"danger {where} counts here too: {hazards}, told by the call {said['other_call_id']}"
    if kind == DangerCleared.type_name():
        return f"{said['by']} said that it is over, made safe by {said['unit']}: {hazards}"
    if kind == CallConcluded.type_name():
        rule = "" if said.get("rule") is None else f", by the rule {said['rule']}"
        return f"it ended as {_words(said['outcome'])}: {_words(said['reason'])}{rule}"
    return None


def chosen(story: Json, revision: str | None) -> Json:
    """Return the judgement of a revision, the newest unless one is named, as its fact says it.

    Raises:
        StackError: there is none.
    """
    triaged = [
        {**cast("Json", fact["content"]), "occurred_at": fact["occurred_at"]}
        for fact in cast("list[Json]", story["facts"])
        if fact["type"] == CallTriaged.type_name()
    ]
    if revision is not None:
        triaged = [one for one in triaged if _is(cast("Json", one["revision"]), revision)]
    if not triaged:
        raise StackError("triage has judged no such call or revision yet")
    return triaged[-1]


def _is(revision: Json, named: str) -> bool:
    return str(revision.get("number")) == named or str(revision["digest"]).startswith(named)


def _words(code: object) -> str:
    return str(code).replace("_", " ")
