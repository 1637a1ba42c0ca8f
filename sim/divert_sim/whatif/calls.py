"""The calls of a study: what intake accepted, in order, and what is recorded of how it went."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ValidationError

from divert_contracts.call import Signal, Team
from divert_contracts.envelope import Envelope, UnknownType, decode
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.facts.calls import CallCancelled, CallClosedByCad, CallReceived, CallReopened, CallUpdated
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.routing import CallConcluded, CallOpened
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Rejected
from divert_contracts.topics import CASES, ROUTING, SHIFTS, TRIAGE
from divert_contracts.vocabulary import CancelReason, Feed, OutcomeReason, SignalSource
from divert_intake.domain import given as intake_given
from divert_intake.domain.calls import Accepted, Intake
from divert_provider_gateway.domain.said import ChangeShift
from divert_sim.evening import Entry
from divert_sim.in_memory import PLACE_KEY, taken
from divert_sim.requests import of_entry

KEPT = frozenset({TRIAGE.name, ROUTING.name, CASES.name, SHIFTS.name})
"""The topics that are read of a log."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When nothing happened."""
OBSERVED_FOR = timedelta(hours=24)
"""An observed call that ended later ended by itself, and not because CAD closed it."""
CANCELLED = {
    OutcomeReason.CANCELLED: CancelReason.CALLER,
    OutcomeReason.CANCELLED_AFTER_CONTACT: CancelReason.CALLER,
    OutcomeReason.DUPLICATE: CancelReason.DUPLICATE,
}


class LogError(ValueError):
    """A log cannot be read; the message names file and line."""


class Said(NamedTuple):
    """Something that CAD said, or a provider of its shift, with its id."""

    id: UUID | None
    fact: Fact


Revised = tuple[UUID, str]
"""A revision: the call's id and the digest."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What happened, whatever the configuration."""

    name: str
    """In words, for the report."""
    said: tuple[Said, ...]
    """In the order of its times."""
    since: datetime
    until: datetime
    """Between these shifts are counted."""
    teams: Mapping[str, int]
    """On shift as it is, by provider; the most at any time."""
    read: Mapping[Revised, tuple[Signal, ...]] = field(default_factory=dict[Revised, tuple[Signal, ...]])
    """What was read from texts, where the texts themselves are gone."""
    recorded: tuple[Envelope, ...] = ()
    """The log itself, where there is one."""

    @property
    def count(self) -> int:
        """How many calls there are."""
        return len({one.fact.call_id for one in self.said if isinstance(one.fact, CallReceived | CallReopened)})


def of_entries(
    name: str, entries: Sequence[Entry], start: datetime, *, policies: Sequence[Fact], lasts: timedelta
) -> Calls:
    """Return what an evening or day sends, as intake accepts it.

    Args:
        name: in words.
        entries: what is sent.
        start: when the first hour begins.
        policies: the policy and agency facts that intake knows.
        lasts: how long shifts are counted.
    """
    given = intake_given.Given()
    for fact in policies:
        if isinstance(fact, PolicyPublished):
            given = intake_given.policy_published(given, fact)
        elif isinstance(fact, AgencyRegistered):
            given = intake_given.agency_registered(given, fact)
    said: list[Said] = []
    teams: dict[str, int] = {}
    for entry in entries:
        at = start + entry.at
        if entry.do == "shift":
            shift = ChangeShift.model_validate({"provider": entry.provider, "teams": entry.teams})
            on_duty = tuple(Team(team=one.team, members=one.members, languages=one.languages) for one in shift.teams)
            said.append(Said(None, ShiftChanged(occurred_at=at, provider=shift.provider, teams=on_duty)))
            teams[shift.provider] = max(len(shift.teams), teams.get(shift.provider, 0))
        else:
            accepted = taken(of_entry(entry, start), Intake(given, PLACE_KEY, at))
            if isinstance(accepted, Accepted):
                said.append(Said(accepted.id, accepted.fact))
    return Calls(name, tuple(said), start, start + lasts, teams)


class _Line(BaseModel):
    """A line of ``divert export log``."""

    topic: str
    headers: dict[str, str]
    value: str | None


def of_log(file: Path) -> Calls:
    """Return the calls of a file that ``divert export log`` wrote.

    Raises:
        LogError: a line cannot be read, or it holds no call.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LogError(f"{file}: {error.strerror}") from error
    found: list[Envelope] = []
    for number, text in enumerate(lines, 1):
        try:
            line = _Line.model_validate(json.loads(text))
            if line.topic in KEPT:
                headers = tuple((name, value.encode("latin-1")) for name, value in line.headers.items())
                found.append(decode(None if line.value is None else line.value.encode(), headers))
        except UnknownType:
            continue  # of a later version
        except (ValueError, ValidationError, Rejected) as error:
            raise LogError(f"{file}:{number}: {type(error).__name__}: {str(error)[:80]}") from None
    calls = recorded(file.name, found)
    if not calls.count:
        raise LogError(f"{file}: it holds no call")
    return calls


def recorded(name: str, log: Iterable[Envelope]) -> Calls:
    """Return the calls of a log, told again: pictures as they were triaged, and what CAD's word is known by.

    The log that is kept for ever has no calls.v1: cancellations and closings by CAD are known where they ended a call,
    reports of responders and what the desk ordered are not replayed.
    """
    seen: dict[UUID, Envelope] = {}
    for one in log:
        seen.setdefault(one.id, one)
    ordered = sorted(seen.values(), key=lambda one: (one.fact.occurred_at, one.source, one.sequence or 0, str(one.id)))
    said: list[Said] = []
    read: dict[Revised, tuple[Signal, ...]] = {}
    known: set[UUID] = set()
    feeds: dict[UUID, tuple[Feed, datetime]] = {}
    teams: dict[str, int] = {}
    for one in ordered:
        match one.fact:
            case CallTriaged() as triage:
                said.append(Said(one.id, _picture(triage, known)))
                key = triage.call_id, triage.revision.digest
                read[key] = tuple(signal for signal in triage.signals if signal.source is SignalSource.NARRATIVE)
            case CallOpened() as opened:
                feeds[opened.call_id] = opened.picture.feed, opened.accepted_at
            case CallConcluded() as ended:
                ending = _ended_by_cad(ended, feeds.get(ended.call_id))
                if ending is not None:
                    said.append(Said(one.id, ending))
            case ShiftChanged() as shift:
                said.append(Said(one.id, shift))
                teams[shift.provider] = max(len(shift.teams), teams.get(shift.provider, 0))
            case _:
                pass  # what followed from the rest
    said.sort(key=lambda one: one.fact.occurred_at)
    since = said[0].fact.occurred_at if said else LONG_AGO
    until = ordered[-1].fact.occurred_at if ordered else since
    return Calls(name, tuple(said), since, until, teams, read, tuple(ordered))


def _picture(triage: CallTriaged, known: set[UUID]) -> CallFact:
    """Return the picture that was triaged as its own fact, without its private part."""
    first = triage.call_id not in known
    known.add(triage.call_id)
    kind = CallReceived if first else CallUpdated
    if first and triage.reopens is not None:
        return CallReopened(
            occurred_at=triage.occurred_at,
            call_id=triage.call_id,
            agency=triage.agency,
            incident_number=triage.incident_number,
            revision=triage.revision,
            picture=triage.picture,
            decide_by=triage.decide_by,
            reopens=triage.reopens,
        )
    return kind(
        occurred_at=triage.occurred_at,
        call_id=triage.call_id,
        agency=triage.agency,
        incident_number=triage.incident_number,
        revision=triage.revision,
        picture=triage.picture,
        decide_by=triage.decide_by,
    )


def _ended_by_cad(ended: CallConcluded, opened: tuple[Feed, datetime] | None) -> CallFact | None:
    if ended.reason in CANCELLED:
        return CallCancelled(
            occurred_at=ended.occurred_at,
            call_id=ended.call_id,
            agency=ended.agency,
            reason=CANCELLED[ended.reason],
            duplicate_of=ended.duplicate_of,
        )
    observed = (
        opened is not None
        and ended.feed is Feed.OBSERVED
        and not ended.recorded_late
        and ended.occurred_at - opened[1] < OBSERVED_FOR
    )
    if ended.reason is OutcomeReason.CLOSED_BY_CAD or observed:
        return CallClosedByCad(occurred_at=ended.occurred_at, call_id=ended.call_id, agency=ended.agency)
    return None


def staffed(calls: Calls, teams: Mapping[str, int]) -> Calls:
    """Return the calls with as many teams on shift as are told, for all the time."""
    return replace(calls, teams=dict(teams))
