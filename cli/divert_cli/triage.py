"""`divert triage`: decides the rows of a file, without a running system, by the same code as the running one."""

import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer
from rich.console import Console

from divert_cli import city_map
from divert_cli.checkout import ROOT
from divert_cli.city_map import CityMap
from divert_cli.errors import StackError
from divert_cli.policy import files
from divert_cli.prepare import SEEDS, seed_policy
from divert_contracts.call import Signal
from divert_contracts.facts.calls import CallReceived
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versioned
from divert_contracts.vocabulary import PolicyKind, Question, SignalSource
from divert_intake.domain import calls
from divert_intake.domain import given as intake_given
from divert_intake.domain.calls import Intake
from divert_intake.domain.reading import LONGEST_CODE, Refused
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled

AGENCY = "offline"
_TEXTS = ("narrative", "call_type_text")
_FIELDS = (
    "incident_number",
    "call_type",
    "call_type_text",
    "initial_call_type",
    "narrative",
    "priority",
    "reporting_district",
    "area",
    "caller_relation",
    "age_band",
    "feed",
    "flags",
)
_QUESTIONS = tuple(question.value for question in Question if question is not Question.UNKNOWN)
_ALIASES = {"text": "narrative", "description": "call_type_text"}
_CELL_BYTES = 64 * 1024 * 1024
_SHOWN = 20
_errors = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How the file is written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file."""

    line: int
    """Where it begins, counted from 1."""
    call: Mapping[str, object] | bytes
    """A call as intake takes it, or bytes that are none."""
    bad: str | None = None
    """Why it cannot be read."""


@dataclass(slots=True)
class Counts:
    """What became of the rows."""

    decided: Counter[str] = field(default_factory=Counter[str])
    """By eligibility."""
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


def triage(
    file: Annotated[str, typer.Argument(help="The file; - for what is piped in.")],
    *,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="csv or jsonl; by the file's ending when left out.")
    ] = None,
    map_name: Annotated[
        str | None, typer.Option("--map", help="csv: how the city's export reads; a name in seeds/maps or a file.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="csv: FIELD=HEADING, again for each field, such as --column narrative='Call Notes'."),
    ] = None,
    delimiter: Annotated[str, typer.Option(help="csv: what stands between cells.")] = ",",
    policy: Annotated[Path | None, typer.Option(help="Another triage policy than the seed's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the decisions go; to standard output when left out.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many rows at most.")] = None,
) -> None:
    """Decide every row of a file offline and write one JSON object a row. Exits 1 when any row could not be read.

    FIELD is one of: incident_number, call_type, call_type_text, initial_call_type, narrative, priority,
    reporting_district, area, caller_relation, age_band, feed, flags, or a safety question such as weapon or suicidal
    (yes, no, unknown). Headings that are named like a field need no --column. A row is judged as observed, by its type
    and words alone, unless its feed says diverted: then unanswered safety questions lead to review, as they do live.

    Each decision has: line, incident_number, eligibility, programme, acuity, rules (the deciding one first), signals
    (hazard, certainty, source, code of the lexicon's entry, start, end, words), missing, warnings and policy. A row
    that cannot be read has line and error instead.
    """
    file_format = file_format or _by_ending(file)
    by = given_policy(policy)
    city = None if map_name is None else city_map.load(map_name)
    if file_format is Format.JSONL and (city is not None or column):
        raise StackError("--map and --column are for csv; a line of jsonl names its fields itself")
    columns = dict(map(_column, column or []))
    counts = Counts()
    began = time.monotonic()
    with _opened(file) as text, _written(out) as target:
        rows = json_rows(text) if file_format is Format.JSONL else csv_rows(text, file, city, columns, delimiter)
        for decided in decide(islice(rows, limit), by, counts):
            target.write(json.dumps(decided, ensure_ascii=False, separators=(",", ":")) + "\n")
    _summary(counts, time.monotonic() - began)
    if counts.bad:
        raise typer.Exit(1)


def decide(rows: Iterable[Row], by: Versioned[Compiled], counts: Counts) -> Iterator[dict[str, object]]:
    """Yield what is decided of each row, as JSON, and count it.

    Args:
        rows: of any number; each is let go before the next is read.
        by: the policy, whatever its date.
        counts: what became of them, added to.
    """
    routing = seed_policy(PolicyKind.ROUTING)
    known = intake_given.policy_published(intake_given.Given(frozenset((AGENCY,))), routing)
    intake = Intake(known, None, datetime.now(UTC))
    for row in rows:
        number = None if isinstance(row.call, bytes) else row.call.get("incident_number")
        bad = row.bad
        if bad is None:
            body = row.call if isinstance(row.call, bytes) else json.dumps(row.call).encode("utf-8", "surrogatepass")
            taken = calls.received(body, intake)
            if isinstance(taken, Refused):
                bad = f"{taken.code}: {taken.detail}"
            else:
                triaged = judging.judged(taken.fact, by)
                counts.decided[triaged.decision.eligibility] += 1
                yield {"line": row.line, "incident_number": number, **_decision(taken.fact, triaged)}
        if bad is not None:
            counts.bad.append((row.line, bad))
            yield {"line": row.line, "error": bad}


def _decision(fact: CallReceived, triaged: CallTriaged) -> dict[str, object]:
    decision = triaged.decision
    return {
        "call_type": fact.picture.call_type,
        "eligibility": decision.eligibility,
        "programme": decision.programme,
        "acuity": decision.acuity,
        "hard_exclusion": decision.hard_exclusion,
        "unscreened": decision.unscreened,
        "rules": [one.rule for one in decision.rules],
        "signals": [_signal(one, fact) for one in triaged.signals],
        "missing": list(decision.missing),
        "warnings": list(fact.picture.warnings),
        "policy": decision.policy,
    }


def _signal(signal: Signal, fact: CallReceived) -> dict[str, object]:
    said = signal.model_dump(mode="json", exclude_none=True)
    text = None
    if signal.source is SignalSource.NARRATIVE:
        text = None if fact.private is None else fact.private.narrative
    else:
        beside = None if fact.private is None else fact.private.call_type_text
        text = beside or fact.picture.call_type if None in {beside, fact.picture.call_type} else None
    if text is not None and signal.start is not None:
        said["words"] = text[signal.start : signal.end]
    return said


# ----------------------------------------------------------------------------------------------------------- reading


def json_rows(text: TextIO) -> Iterator[Row]:
    """Yield the lines of a file of calls as intake takes them; a name or feed that is missing is filled in."""
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            given = cast("object", json.loads(line))
        except (ValueError, RecursionError):
            yield Row(number, b"", "unreadable: this line is not JSON")
            continue
        if not isinstance(given, dict):
            yield Row(number, b"", "unreadable: this line is not a JSON object")
            continue
        call = {_ALIASES.get(name, name): value for name, value in cast("dict[str, object]", given).items()}
        yield Row(number, _call(call, number))


def csv_rows(
    text: TextIO, name: str, city: CityMap | None, columns: Mapping[str, str], delimiter: str
) -> Iterator[Row]:
    """Yield the rows of a table.

    Raises:
        StackError: the file has no heading that is wanted, or none that says what a call is.
    """
    csv.field_size_limit(_CELL_BYTES)
    reader = csv.reader(text, delimiter=delimiter)
    headings = [heading.strip().lstrip("\ufeff") for heading in next(reader, list[str]())]
    wanted = _wanted(name, headings, city, columns)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(first, b"", f"unreadable: {error}")
            continue
        if not any(cells):
            continue
        if len(cells) != len(headings):
            yield Row(first, b"", f"cells: {len(cells)}, where there are {len(headings)} headings")
            continue
        row = dict(zip((heading.lower() for heading in headings), cells, strict=True))
        call: dict[str, object] = {}
        if city is not None:
            call = city.call(row, first, agency=AGENCY, divert=False)
        _add(call, {field: row[heading] for field, heading in wanted.items() if row[heading].strip()})
        yield Row(first, _call(call, first))


def _wanted(name: str, headings: Sequence[str], city: CityMap | None, columns: Mapping[str, str]) -> dict[str, str]:
    """Return for each field the heading that it stands under, in lower case."""
    there = {heading.lower() for heading in headings}
    if len(there) != len(headings):
        raise StackError(f"{name}: two columns have the same heading")
    missing = [heading for heading in columns.values() if heading.lower() not in there]
    if city is not None:
        missing += city.missing(there)
    if missing:
        raise StackError(f"{name} has no column for {'; '.join(missing)}. Its columns are: {', '.join(headings)}")
    wanted = {field: heading.lower() for field, heading in columns.items()}
    if city is None:
        named = {_ALIASES.get(one, one): one for one in there}
        wanted = {one: named[one] for one in (*_FIELDS, *_QUESTIONS) if one in named} | wanted
    if city is None and not {"call_type", *_TEXTS} & wanted.keys():
        raise StackError(
            f"{name}: which column holds the call's type or words? Say so, for instance --column "
            f"call_type_text={headings[0] if headings else 'Description'!r}. Its columns are: {', '.join(headings)}"
        )
    return wanted


def _add(call: dict[str, object], fields: Mapping[str, str]) -> None:
    answers = {name: text.strip().lower() for name, text in fields.items() if name in _QUESTIONS}
    call |= {name: text for name, text in fields.items() if name not in _QUESTIONS}
    if answers:
        call["answers"] = answers
    if "flags" in fields:
        call["flags"] = [flag.strip() for flag in fields["flags"].replace(";", ",").split(",") if flag.strip()]


def _call(call: dict[str, object], line: int) -> Mapping[str, object]:
    """Return a row as intake takes it: with a name, a feed, and no description too long to be one."""
    for name in ("call_type", "call_type_text"):
        words = call.get(name)
        if isinstance(words, str) and len(words.strip()) > LONGEST_CODE:
            # Intake would not read it; a description of that length is a narrative.
            del call[name]
            narrative = call.get("narrative")
            call["narrative"] = f"{words}\n{narrative}" if isinstance(narrative, str) else words
    return {"feed": "observed", "incident_number": f"LINE-{line}", **call, "agency": AGENCY}


# ----------------------------------------------------------------------------------------------------------- options


def _by_ending(file: str) -> Format:
    ending = Path(file).suffix.lower()
    if ending in (".csv", ".tsv", ".txt"):
        return Format.CSV
    if ending in (".jsonl", ".ndjson", ".json"):
        return Format.JSONL
    raise StackError(f"{file}: say --format csv or --format jsonl; the name does not tell")


def _column(given: str) -> tuple[str, str]:
    name, equals, heading = given.partition("=")
    name = _ALIASES.get(name.strip(), name.strip())
    if not equals or not heading.strip():
        raise StackError(f"--column {given!r}: FIELD=HEADING is wanted, such as narrative='Call Notes'")
    if name not in (*_FIELDS, *_QUESTIONS):
        raise StackError(f"--column {given!r}: {name!r} is no field; fields are {', '.join((*_FIELDS, *_QUESTIONS))}")
    return name, heading.strip()


def given_policy(file: Path | None) -> Versioned[Compiled]:
    """Return the policy of a file; the seed's when there is none.

    Raises:
        StackError: the file is missing or no valid triage policy.
    """
    policy = files.triage_policy(file or ROOT / SEEDS[PolicyKind.TRIAGE])
    return Versioned(policy.version, policy.in_force_from, judging.compiled(policy))


def _opened(file: str) -> "nullcontext[TextIO] | TextIO":
    if file == "-":
        return nullcontext(sys.stdin)
    try:
        return Path(file).open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from None


def _written(out: Path | None) -> "nullcontext[TextIO] | TextIO":
    if out is None:
        return nullcontext(sys.stdout)
    try:
        return out.open("w", encoding="utf-8")
    except OSError as error:
        raise StackError(f"{out} cannot be written: {error.strerror}") from None


def _summary(counts: Counts, seconds: float) -> None:
    total = counts.decided.total()
    shares = ", ".join(f"{name} {count:,}" for name, count in counts.decided.most_common())
    _errors.print(
        f"{total:,} rows decided in {seconds:.1f} s ({total / max(seconds, 1e-9):,.0f}/s): {shares or 'none'}"
    )
    for line, why in counts.bad[:_SHOWN]:
        _errors.print(f"line {line}: {why}", style="bold red", markup=False)
    if counts.bad:
        more = f", {len(counts.bad) - _SHOWN} of them not shown" if len(counts.bad) > _SHOWN else ""
        _errors.print(f"{len(counts.bad):,} rows could not be read{more}", style="bold red")
