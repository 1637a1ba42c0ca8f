"""`divert verify`: an independent reconciliation of what stands on Kafka with what stands in Postgres.

It reads both directly and shares no counter, interface or decision with the services: only the names of topics, facts
and tables. What is in flight at the moment of reading looks like a fault, so a fault counts only when it is still there
after `--settle` seconds of reading on.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from divert_cli import kafka_admin
from divert_cli.errors import StackError
from divert_cli.kafka_admin import Record
from divert_cli.stack import running
from divert_contracts import envelope
from divert_contracts.step import Rejected

PICTURES = frozenset({"CallReceived", "CallUpdated", "CallReopened"})
"""Facts by which intake accepts a call."""
TOLD_ROUTING = frozenset(
    {
        "CallReceived",
        "CallUpdated",
        "CallCancelled",
        "CallReopened",
        "CallClosedByCad",
        "HandoffAccepted",
        "ResponderReported",
        "CallTriaged",
        "NeighbourReported",
        "CaseAcknowledged",
        "CaseDeclined",
        "TeamAssigned",
        "TeamEnRoute",
        "TeamOnScene",
        "PersonContacted",
        "SafetyCheckAnswered",
        "QuestionAsked",
        "BackupRequested",
        "EmergencyRaised",
        "BackupArrived",
        "RecallConfirmed",
        "CaseHandedBack",
        "CaseClosed",
    }
)
"""What routing must have taken in of those topics, each fact: a cancellation or a call for help that went missing is as
bad as a call."""
TOLD_ON = frozenset({"calls.v1", "triage.v1", "neighbours.v1", "cases.v1"})
INBOX_REACHES_BACK = timedelta(days=6)
"""How old a fact may be to be looked for in routing's inbox, which is kept for a day longer."""
WRITTEN_FOR_REPORTING = "reporting"
OVERDUE = timedelta(seconds=10)
"""Domain time after which a timer that has not rung is a fault."""
_SHOWN = 10


# -------------------------------------------------------------------------------------------------- what Kafka says


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a call's conclusion says, as far as it is compared."""

    fact_id: str
    outcome: str
    reason: str


@dataclass(slots=True)
class Log:
    """What stands on the topics, as far as it is reconciled."""

    records: int = 0
    accepted: dict[str, float] = field(default_factory=dict[str, float])
    """Call id to the real time at which the first record of it was written."""
    opened: set[str] = field(default_factory=set[str])
    concluded: dict[str, list[Conclusion]] = field(default_factory=lambda: defaultdict[str, list[Conclusion]](list))
    ids: set[str] = field(default_factory=set[str])
    told: dict[str, float] = field(default_factory=dict[str, float])
    """Id of each fact that routing must take in to the real time at which it was first written."""
    causes: dict[str, tuple[str, datetime | None]] = field(default_factory=dict[str, tuple[str, datetime | None]])
    """Fact id to the id of the fact that caused it and the domain time; without facts caused by commands and timers."""
    dead: list[str] = field(default_factory=list[str])
    """``topic/partition/offset: reason`` of each dead letter."""
    clocks: list[tuple[datetime, datetime, float]] = field(default_factory=list[tuple[datetime, datetime, float]])
    """Real moment, domain time at it, rate."""
    calls_from: float | None = None
    """When the oldest record that is left on calls.v1 was written, where older ones have gone."""

    def add(self, record: Record) -> None:
        """Take in one record."""
        self.records += 1
        if record.topic.endswith(".dead"):
            reason = record.headers.get("divert-reason", b"?")
            self.dead.append(f"{record.topic}/{record.partition}/{record.offset}: {reason.decode(errors='replace')}")
            return
        try:
            attributes, data = envelope.read(record.value, record.headers.items())
        except Rejected:
            return  # foreign bytes: their dead letter is counted
        ours = attributes["source"].startswith(envelope.OWN)
        fact_id = attributes["id"] if ours else str(envelope.identity(attributes, data))
        kind = attributes["type"].removeprefix("divert.").partition(".")[0]
        self.ids.add(fact_id)
        cause = attributes.get("causationid")
        if cause is not None and attributes.get("causationkind", "fact") == "fact":
            self.causes.setdefault(fact_id, (cause, _time(attributes.get("time"))))
        body = _object(data)
        call = body.get("call_id")
        if kind == "ClockSet":
            self._clock(body)
        if not isinstance(call, str):
            return
        if record.topic in TOLD_ON and kind in TOLD_ROUTING:
            self.told[fact_id] = min(self.told.get(fact_id, record.written_at), record.written_at)
        if record.topic == "calls.v1" and kind in PICTURES:
            self.accepted[call] = min(self.accepted.get(call, record.written_at), record.written_at)
        elif record.topic == "routing.v1" and kind == "CallOpened":
            self.opened.add(call)
            self.accepted.setdefault(call, record.written_at)
        elif record.topic == "routing.v1" and kind == "CallConcluded":
            self._conclude(call, Conclusion(fact_id, str(body.get("outcome")), str(body.get("reason"))))

    def _conclude(self, call: str, conclusion: Conclusion) -> None:
        # The relay may send a fact twice; under the same id that is the same conclusion.
        if all(known.fact_id != conclusion.fact_id for known in self.concluded[call]):
            self.concluded[call].append(conclusion)

    def _clock(self, body: Mapping[str, Any]) -> None:
        real, domain = _time(body.get("real_from")), _time(body.get("domain_from"))
        if real is not None and domain is not None:
            self.clocks.append((real, domain, float(body.get("rate", 1))))

    def domain_now(self, real: datetime) -> datetime:
        """Return the domain time at a real time, from the clock facts on the log."""
        reached = [clock for clock in self.clocks if clock[0] <= real]
        if not reached:
            return real
        since, domain, rate = max(reached, key=lambda clock: clock[0])
        return domain + (real - since) * rate


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        read = cast("object", json.loads(value or b"null"))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


# ----------------------------------------------------------------------------------------------- what Postgres says


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands in the services' tables, as far as it is reconciled."""

    calls: Mapping[str, str | None]
    """Call id to its stage, of every call that routing remembers."""
    outcomes: Mapping[str, Sequence[tuple[str | None, str | None]]]
    """Call id to outcome and reason of each row that reporting has."""
    outbox: Mapping[str, int]
    """Schema to the number of facts that wait to be sent."""
    due: Sequence[tuple[str, str, datetime]]
    """Table, key and time of every timer."""
    inbox: frozenset[str]
    """Ids of the facts that routing has taken in."""
    without_timer: Sequence[str]
    """Calls that routing works on and that nothing would ever wake."""


async def stored(dsn: str) -> Stored:
    """Read the services' tables in one snapshot.

    Raises:
        StackError: routing or reporting has no tables there.
    """
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _stored(connection)
    finally:
        await connection.close()


async def _stored(connection: "asyncpg.Connection[asyncpg.Record]") -> Stored:
    rows = await connection.fetch(
        "SELECT table_schema, table_name, array_agg(column_name::text) AS columns FROM information_schema.columns "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY 1, 2"
    )
    tables: dict[tuple[str, str], list[str]] = {(row[0], row[1]): row[2] for row in rows}
    for wanted in (("routing", "state_call"), (WRITTEN_FOR_REPORTING, "call_outcomes")):
        if wanted not in tables:
            raise StackError(f"Postgres has no table {'.'.join(wanted)}: has this stack ever been up?")
    calls = await connection.fetch('SELECT key, stage FROM routing."state_call"')
    outcomes: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for row in await connection.fetch("SELECT call_id::text, outcome::text, reason::text FROM reporting.call_outcomes"):
        outcomes[row[0]].append((row[1], row[2]))
    outbox: dict[str, int] = {}
    due: list[tuple[str, str, datetime]] = []
    for (schema, table), columns in sorted(tables.items()):
        if table == "outbox":
            outbox[schema] = cast("int", await connection.fetchval(f'SELECT count(*) FROM "{schema}".outbox'))  # noqa: S608  # names from the catalogue
        elif table.startswith("state_") and "due" in columns:
            query = f'SELECT key, due FROM "{schema}"."{table}" WHERE due IS NOT NULL'  # noqa: S608  # as above
            due += [(f"{schema}.{table}", row[0], row[1]) for row in await connection.fetch(query)]
    inbox = await connection.fetch("SELECT id::text FROM routing.inbox")
    asleep = await connection.fetch(
        "SELECT key FROM routing.state_call WHERE stage IS NOT NULL AND due IS NULL ORDER BY key"
    )
    return Stored(
        calls={row[0]: row[1] for row in calls},
        outcomes=outcomes,
        outbox=outbox,
        due=due,
        inbox=frozenset(row[0] for row in inbox),
        without_timer=[row[0] for row in asleep],
    )


# ------------------------------------------------------------------------------------------------------ reconciling


@dataclass(frozen=True, slots=True)
class Findings:
    """What the reconciliation found."""

    counts: Mapping[str, int]
    faults: Mapping[str, Sequence[str]]
    """Kind of fault to what it concerns: call ids, fact ids, places. Kinds without a fault have no ids."""

    @property
    def clean(self) -> bool:
        """Say whether nothing is off."""
        return not any(self.faults.values())


def reconcile(log: Log, tables: Stored, *, real: datetime, grace: float) -> Findings:
    """Compare what Kafka says with what Postgres says.

    Args:
        log: all topics up to some moment.
        tables: the tables at that moment or later.
        real: the real time now.
        grace: real seconds within which a call that was just accepted need not be known to routing.
    """
    concluded = {call for call, conclusions in log.concluded.items() if conclusions}
    open_ = {
        call for call in log.accepted if call not in concluded and tables.calls.get(call) not in (None, "concluded")
    }
    left = log.accepted.keys() - concluded - open_
    lost = [call for call in left if real.timestamp() - log.accepted[call] > grace]
    now = log.domain_now(real)
    untold = [
        fact
        for fact in log.told.keys() - tables.inbox
        if grace < real.timestamp() - log.told[fact] < INBOX_REACHES_BACK.total_seconds()
    ]
    return Findings(
        counts={
            "records read": log.records,
            "accepted": len(log.accepted),
            "concluded": len(concluded),
            "open": len(open_),
            "facts for routing": len(log.told),
            "just accepted": len(left) - len(lost),
            "rows of reporting": sum(len(rows) for rows in tables.outcomes.values()),
        },
        faults={
            "lost": sorted(lost),
            "facts that routing never took in": sorted(untold),
            "concluded twice": sorted(call for call, known in log.concluded.items() if len(known) > 1),
            "concluded without having been accepted": sorted(concluded - log.accepted.keys()),
            "facts without cause": _without_cause(log),
            "reporting differs": sorted(_differing(log, tables.outcomes)),
            "unsent outbox": [f"{schema}: {count}" for schema, count in tables.outbox.items() if count],
            "overdue timers": [
                f"{table} {key} {due.isoformat()}" for table, key, due in tables.due if now - due > OVERDUE
            ],
            "open calls without a timer": tables.without_timer,
            "dead letters": log.dead,
        },
    )


def _without_cause(log: Log) -> list[str]:
    """Return facts whose cause stands on no topic, those apart whose cause may have gone with its retention."""
    gone_before = None if log.calls_from is None else log.domain_now(datetime.fromtimestamp(log.calls_from, UTC))
    return sorted(
        fact
        for fact, (cause, at) in log.causes.items()
        if cause not in log.ids and (gone_before is None or (at is not None and at > gone_before))
    )


def _differing(log: Log, outcomes: Mapping[str, Sequence[tuple[str | None, str | None]]]) -> Iterable[str]:
    for call, conclusions in log.concluded.items():
        rows = outcomes.get(call, ())
        said = {(one.outcome, one.reason) for one in conclusions}
        if len(rows) != 1 or rows[0] not in said:
            yield call
    for call, rows in outcomes.items():
        if call not in log.concluded and any(outcome is not None for outcome, _ in rows):
            yield call


# ------------------------------------------------------------------------------------------------------ the command


class Reader:
    """Reads all topics, and later what has come since."""

    def __init__(self, kafka: str) -> None:
        """Read from the broker at host:port."""
        self.log = Log()
        self._kafka = kafka
        self._read: dict[tuple[str, int], int] = {}

    def catch_up(self) -> None:
        """Read every topic up to its end as it is now.

        Raises:
            BrokerError: Kafka does not answer.
        """
        marks = kafka_admin.ends(self._kafka, sorted(kafka_admin.topics(self._kafka)))
        wanted = {place: (max(first, self._read.get(place, first)), end) for place, (first, end) in marks.items()}
        trimmed = any(topic == "calls.v1" and first > 0 for (topic, _), (first, _) in marks.items())
        for record in kafka_admin.read(self._kafka, wanted):
            self.log.add(record)
            if trimmed and record.topic == "calls.v1" and self.log.calls_from is None:
                self.log.calls_from = record.written_at
        self._read.update({place: end for place, (_, end) in marks.items()})


async def findings(kafka: str, postgres: str, *, grace: float = 15.0, settle: float = 20.0) -> Findings:
    """Reconcile; a fault that is gone within `settle` real seconds of reading on was only in flight.

    Raises:
        BrokerError: Kafka does not answer.
        StackError: the tables are not there.
        OSError: Postgres does not answer.
    """
    reader = Reader(kafka)
    until = time.monotonic() + settle
    while True:
        await asyncio.to_thread(reader.catch_up)
        found = reconcile(reader.log, await stored(postgres), real=datetime.now(UTC), grace=grace)
        # Dead letters and second conclusions never heal.
        lasting = found.faults["dead letters"] or found.faults["concluded twice"]
        if found.clean or lasting or time.monotonic() > until:
            return found
        await asyncio.sleep(1)


def verify(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds that a new call has to reach routing.")] = 15.0,
    settle: Annotated[float, typer.Option(help="Seconds to read on while something looks off.")] = 20.0,
    kafka: Annotated[str | None, typer.Option(help="host:port; else that of the running stack.")] = None,
    postgres: Annotated[str | None, typer.Option(help="DSN; else that of the running stack.")] = None,
) -> None:
    """Reconcile Kafka and Postgres: is every call accounted for? Exits 1, with the ids, when anything is off."""
    run = running()
    if kafka is None or postgres is None:
        if run is None:
            raise StackError("nothing is running; start it with `divert up`, or give --kafka and --postgres")
        kafka, postgres = kafka or run.kafka, postgres or run.postgres
    found = asyncio.run(findings(kafka, postgres, grace=grace, settle=settle))
    if as_json:
        print(json.dumps({"clean": found.clean, **found.counts, "faults": found.faults}, default=list, indent=2))
    else:
        _show(found, Console(highlight=False))
    if not found.clean:
        raise typer.Exit(1)


def _show(found: Findings, console: Console) -> None:
    table = Table("what", "count")
    table.columns[1].justify = "right"
    for name, count in found.counts.items():
        table.add_row(name, str(count))
    table.add_section()
    for name, ids in found.faults.items():
        table.add_row(name, str(len(ids)), style="bold red" if ids else None)
    console.print(table)
    for name, ids in found.faults.items():
        if ids:
            console.print(f"{name}:", style="bold")
            for one in ids[:_SHOWN]:
                console.print(f"  {one}", markup=False)
            if len(ids) > _SHOWN:
                console.print(f"  … and {len(ids) - _SHOWN} more (all with --json)")
    console.print(
        "Clean: every call is accounted for."
        if found.clean
        else "Something is off; the ids are above, `divert show CALL_ID` tells a call's story."
    )
    console.print("calls.v1 keeps 30 days; older calls are counted from CallOpened on routing.v1.", style="dim")
