"""`divert reconcile`: a nightly export of a CAD against what divert knows of the same calls, both ways."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from divert_cli import city_map, prepare
from divert_cli.calls import rows, the_stack
from divert_cli.city_map import CityMap
from divert_cli.errors import StackError
from divert_cli.replay import CELL_BYTES, Format, headings_fit, json_lines
from divert_contracts.facts.policies import AgencyCodes, AgencyRegistered
from divert_contracts.vocabulary import Disposition, Outcome, OutcomeReason, Stage

STAMPS = ("created_at", "dispatched_at", "arrived_at", "closed_at")
"""The times of a call that CAD and divert both may have, by CAD's names; divert's rows have them with ``cad_``."""
DENOMINATORS = ("in", "exercise", "officer_initiated")
SLACK = timedelta(hours=1)
"""CAD's clock and intake's may differ so much, and a call must still be found."""
_SHOWN = 20
_console = Console(highlight=False)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CadCall:
    """A call as the export has it."""

    line: int
    number: str
    """Its incident number."""
    stamps: Mapping[str, datetime | None]
    """By the names of ``STAMPS``; null of a time that cannot be read."""
    disposition: str | None = None
    """CAD's own code."""

    @property
    def began_at(self) -> datetime | None:
        """The earliest of its times."""
        return min((at for at in self.stamps.values() if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of which CAD and divert say different things."""

    number: str
    call_id: str
    field: str
    cad: str | None
    divert: str | None


@dataclass(slots=True)
class Reconciliation:
    """What the comparison found."""

    in_cad: int = 0
    """Calls of the export."""
    in_divert: int = 0
    """Calls of divert that began in the export's time."""
    only_cad: list[str] = field(default_factory=list[str])
    """Incident numbers that divert does not know."""
    only_divert: list[str] = field(default_factory=list[str])
    """Incident numbers that the export does not have."""
    differences: list[Difference] = field(default_factory=list[Difference])
    twice: list[str] = field(default_factory=list[str])
    """Incident numbers that stand in the export more than once."""
    unreadable: list[int] = field(default_factory=list[int])
    """Lines of the export without a number, or that cannot be read."""

    @property
    def agrees(self) -> bool:
        """Say whether nothing was found."""
        return not (self.only_cad or self.only_divert or self.differences or self.twice or self.unreadable)


def reconcile(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The export.")],
    *,
    file_format: Annotated[Format, typer.Option("--format", help="How the file is written.")],
    map_name: Annotated[str | None, typer.Option("--map", help="For csv: a shipped map's name, or a file.")] = None,
    agency: Annotated[str | None, typer.Option(help="Whose calls; else the map's, else lapd.")] = None,
    since: Annotated[datetime | None, typer.Option(help="UTC. Else the export's first time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="UTC. Else the export's last time.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Seconds by which times may differ.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare a CAD's export with divert's calls, both ways. Exits 1 when anything differs."""
    if (file_format is Format.CSV) != (map_name is not None):
        raise StackError("--format csv and --map go together, such as --map lapd-nightly")
    city = None if map_name is None else city_map.load(map_name)
    agency = agency or (prepare.AGENCY if city is None else city.agency)
    found = Reconciliation()
    calls = list(from_json(file, found) if city is None else from_csv(file, city, found))
    period = _period(calls, since, until)
    run = the_stack()
    known: list[Json] = []
    for denominator in DENOMINATORS:
        asked_from = (period[0] - SLACK).isoformat()
        known += rows(run.urls["reporting"], agency=agency, denominator=denominator, since=asked_from)
    compare(calls, known, period, codes_of(agency, run.kafka), timedelta(seconds=tolerance), found)
    if as_json:
        print(json.dumps(_document(found, agency, period), indent=2))
    else:
        _show(found, agency, period)
    if not found.agrees:
        raise typer.Exit(1)


def codes_of(agency: str, kafka: str) -> AgencyCodes | None:
    """Return the codes that an agency was registered with last; null where it has none.

    Raises:
        BrokerError: Kafka does not answer.
    """
    said = [one for one in prepare.read_policies(kafka) if isinstance(one, AgencyRegistered) and one.agency == agency]
    return said[-1].codes if said else None


# ---------------------------------------------------------------------------------------------------------- the export


def from_csv(file: Path, city: CityMap, found: Reconciliation) -> Iterator[CadCall]:
    """Yield the calls of an export that a map describes; lines without a number are noted."""
    headings_fit(file, city)
    csv.field_size_limit(CELL_BYTES)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text)
        headings = [name.strip().lower() for name in next(reader, list[str]())]
        for cells in reader:
            if not any(cells):
                continue
            row = dict(zip(headings, cells, strict=False))
            number = None if city.incident_number is None else city.incident_number.read(row)
            if number is None:
                found.unreadable.append(reader.line_num)
                continue
            call = city.call(row, reader.line_num, agency=city.agency, divert=False)
            disposition = None if city.disposition is None else city.disposition.read(row)
            yield CadCall(reader.line_num, number, _stamps(call.get("stamps")), disposition)


def from_json(file: Path, found: Reconciliation) -> Iterator[CadCall]:
    """Yield the calls of an export in lines of JSON, as intake takes them; lines that cannot be read are noted."""
    for line in json_lines(file):
        try:
            given: object = json.loads(line.body)
        except (ValueError, RecursionError):
            given = None
        call = cast("Json", given) if isinstance(given, dict) else {}
        number = str(call.get("incident_number") or "").strip()
        if not number:
            found.unreadable.append(line.number)
            continue
        code = call.get("disposition_code")
        yield CadCall(line.number, number, _stamps(call.get("stamps")), code if isinstance(code, str) else None)


def _stamps(given: object) -> dict[str, datetime | None]:
    told = cast("Json", given) if isinstance(given, dict) else {}
    return {name: _time(told[name]) for name in STAMPS if told.get(name)}


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    # A time without a zone is nobody's time.
    return at if at is not None and at.tzinfo is not None else None


def _period(calls: Sequence[CadCall], since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    times = [at for call in calls if (at := call.began_at) is not None]
    if not times and (since is None or until is None):
        raise StackError("the export has no times to tell its period by: give --since and --until")
    first = min(times) if since is None else since.replace(tzinfo=since.tzinfo or UTC)
    last = max(times) if until is None else until.replace(tzinfo=until.tzinfo or UTC)
    return first, last


# --------------------------------------------------------------------------------------------------------- comparing


def compare(  # noqa: PLR0917 (each is one side of the comparison)
    calls: Iterable[CadCall],
    known: Iterable[Json],
    period: tuple[datetime, datetime],
    codes: AgencyCodes | None,
    tolerance: timedelta,
    found: Reconciliation,
) -> None:
    """Note where CAD and divert differ.

    Args:
        calls: of the export.
        known: divert's rows, of the period and beyond.
        period: first and last time of the export; what began outside it need not stand there.
        codes: the agency's own, to tell what divert says of an ending; null leaves dispositions uncompared.
        tolerance: by which times may differ.
        found: where it is noted.
    """
    by_number: dict[str, Json] = {}
    # A call that was reopened has several rows of one number: the newest is what CAD has.
    for row in sorted(known, key=lambda one: str(one.get("accepted_at") or "")):
        by_number[str(row.get("incident_number") or "")] = row
    exported: Counter[str] = Counter()
    for call in calls:
        exported[call.number] += 1
        row = by_number.get(call.number)
        if exported[call.number] > 1:
            continue
        if row is None:
            found.only_cad.append(call.number)
        else:
            found.differences += _differences(call, row, codes, tolerance)
    found.in_cad = len(exported)
    found.twice += [number for number, count in exported.items() if count > 1]
    inside = [number for number, row in by_number.items() if _inside(row, period, tolerance)]
    found.in_divert = len(inside)
    found.only_divert += sorted(number for number in inside if number not in exported)


def _inside(row: Json, period: tuple[datetime, datetime], tolerance: timedelta) -> bool:
    began = _time(row.get("cad_created_at")) or _time(row.get("accepted_at"))
    return began is not None and period[0] - tolerance <= began <= period[1] + tolerance


def _differences(call: CadCall, row: Json, codes: AgencyCodes | None, tolerance: timedelta) -> Iterator[Difference]:
    call_id = str(row["call_id"])
    over = row.get("outcome") is not None
    if call.stamps.get("closed_at") is not None and not over:
        yield Difference(call.number, call_id, "state", "closed", str(row["stage"]))
    for name, at in call.stamps.items():
        if at is None:
            yield Difference(call.number, call_id, name, "cannot be read", None)
            continue
        ours = _time(row.get(f"cad_{name}"))
        if ours is not None and abs(at - ours) > tolerance:
            yield Difference(call.number, call_id, name, at.isoformat(), ours.isoformat())
    ours = _code(row, codes) if over else None
    if call.disposition is not None and ours is not None and call.disposition != ours:
        yield Difference(call.number, call_id, "disposition", call.disposition, ours)


def _code(row: Json, codes: AgencyCodes | None) -> str | None:
    """Return the agency's own code of what became of a diverted call; of others CAD was told nothing."""
    if codes is None or row.get("feed") != "diverted":
        return None
    disposition = row.get("disposition")
    return codes.code(
        Stage.CONCLUDED,
        Outcome(str(row["outcome"])),
        OutcomeReason(str(row["reason"])),
        None if disposition is None else Disposition(str(disposition)),
    )


# ----------------------------------------------------------------------------------------------------------- showing


def _document(found: Reconciliation, agency: str, period: tuple[datetime, datetime]) -> Json:
    return {
        "agency": agency,
        "since": period[0].isoformat(),
        "until": period[1].isoformat(),
        "agrees": found.agrees,
        "in_cad": found.in_cad,
        "in_divert": found.in_divert,
        "only_cad": found.only_cad,
        "only_divert": found.only_divert,
        "differences": [
            {"incident_number": one.number, "call_id": one.call_id, "field": one.field, "cad": one.cad}
            | {"divert": one.divert}
            for one in found.differences
        ],
        "twice": found.twice,
        "unreadable_lines": found.unreadable,
    }


def _show(found: Reconciliation, agency: str, period: tuple[datetime, datetime]) -> None:
    _console.print(f"{agency}, {period[0].isoformat()} to {period[1].isoformat()}", style="dim", markup=False)
    table = Table("", "calls")
    table.columns[1].justify = "right"
    for name, count in (
        ("in the export", found.in_cad),
        ("in divert, of that time", found.in_divert),
        ("in the export and not in divert", len(found.only_cad)),
        ("in divert and not in the export", len(found.only_divert)),
        ("said differently", len({one.number for one in found.differences})),
        ("more than once in the export", len(found.twice)),
        ("lines that cannot be read", len(found.unreadable)),
    ):
        table.add_row(name, f"{count:,}")
    _console.print(table)
    _list("in the export and not in divert", found.only_cad)
    _list("in divert and not in the export", found.only_divert)
    told = (f"{one.number} {one.field}: CAD {one.cad}, divert {one.divert or '-'}" for one in found.differences)
    _list("said differently", list(told))
    _list("more than once in the export", found.twice)
    _list("lines that cannot be read", [str(one) for one in found.unreadable])
    if found.agrees:
        _console.print("CAD and divert agree.")


def _list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    _console.print(f"\n{title}:", style="bold")
    for line in lines[:_SHOWN]:
        _console.print(f"  {line}", markup=False)
    if len(lines) > _SHOWN:
        _console.print(f"  … and {len(lines) - _SHOWN} more (all with --json)")
