"""What another policy would have decided: recorded pictures run through two policies, and what differs.

The report is canonical JSON: the same pictures, in any order, and the same policies give the same bytes, so its SHA-256
names the back-test that people have looked at.
"""

import gc
import hashlib
import heapq
import json
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from divert_cli.errors import StackError
from divert_contracts.call import Decision, Picture, Revision, Signal
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.model import Model
from divert_contracts.policy import Versioned
from divert_contracts.vocabulary import Change, Eligibility
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled, Judgement
from divert_triage.domain.policy import TriagePolicy

CHUNK: Final = 2_000
"""Pictures that a process works on at a time; two chunks a process are in memory."""
MOST_EXAMPLES: Final = 10
"""Calls that are named for each change; the smallest ids, so that no order has a say."""
DANGEROUS: Final = (Change.NEWLY_ELIGIBLE, Change.NO_LONGER_EXCLUDED, Change.DANGER_UNSEEN, Change.LESS_URGENT)
"""The changes by which an unarmed team may come nearer to danger."""
Key = TypeVar("Key", bound=tuple[Change, *tuple[object, ...]])
_MODULUS: Final = 1 << 256
_ORDER: Final = {change: place for place, change in enumerate(Change)}


class BacktestError(StackError):
    """A back-test cannot be made; the message says why."""


class _Recorded(Model):
    """What a back-test wants of a recorded picture."""

    occurred_at: AwareDatetime
    call_id: UUID
    revision: Revision
    picture: Picture
    signals: tuple[Signal, ...] = ()
    decision: Decision


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tested(_Part):
    """A policy that took part."""

    version: str
    digest: str


class Recording(_Part):
    """The pictures that were run."""

    pictures: int
    skipped: int = 0
    """Drills and what was entered afterwards: nobody is sent by them, so they count in nothing."""
    first: AwareDatetime | None
    last: AwareDatetime | None
    sha256: str
    """Sum of the SHA-256 of every picture's bytes, modulo 2^256: their order does not matter."""


class ByRule(_Part):
    """Changed pictures by the rule that decided before and the one that decides now."""

    change: Change
    before: str
    after: str
    pictures: int


class ByDivision(_Part):
    """Changed pictures by division; null where it is not known."""

    change: Change
    division: int | None
    pictures: int


class ByType(_Part):
    """Changed pictures by the call type's code; null where there is none."""

    change: Change
    call_type: str | None
    pictures: int


class Example(_Part):
    """A call whose answer changes."""

    change: Change
    call_id: UUID
    revision: str
    before: str
    """Eligibility and deciding rule before."""
    after: str


class Decided(_Part):
    """How many pictures a policy decides so, by its deciding rule."""

    eligibility: Eligibility
    rule: str
    pictures: int


class Report(_Part):
    """A back-test. Dangerous changes come first in every list."""

    format: Literal["divert-backtest-1"] = "divert-backtest-1"
    policy: Tested
    against: Tested | None
    """Null: against what was decided when the pictures were recorded."""
    recording: Recording
    changed: int
    dangerous: int
    """Changed in a dangerous direction."""
    by_change: dict[Change, int]
    by_rule: tuple[ByRule, ...]
    by_division: tuple[ByDivision, ...]
    by_type: tuple[ByType, ...]
    examples: tuple[Example, ...]
    decides: tuple[Decided, ...]
    """All that the policy decides, most first."""

    def canonical(self) -> bytes:
        """Return the report as it is hashed and kept."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def sha256(self) -> str:
        """What names this back-test."""
        return hashlib.sha256(self.canonical()).hexdigest()


class Entrant(NamedTuple):
    """A policy that takes part, as it can be handed to another process."""

    policy: TriagePolicy
    digest: str


@dataclass(slots=True)
class Tally:
    """Counts over some pictures; two of them can be added."""

    pictures: int = 0
    skipped: int = 0
    first: datetime | None = None
    last: datetime | None = None
    sum: int = 0
    rules: Counter[tuple[Change, str, str]] = field(default_factory=Counter[tuple[Change, str, str]])
    divisions: Counter[tuple[Change, int | None]] = field(default_factory=Counter[tuple[Change, int | None]])
    types: Counter[tuple[Change, str | None]] = field(default_factory=Counter[tuple[Change, str | None]])
    decides: Counter[tuple[Eligibility, str]] = field(default_factory=Counter[tuple[Eligibility, str]])
    examples: dict[Change, list[Example]] = field(default_factory=dict[Change, list[Example]])

    def add(self, other: "Tally") -> None:
        """Count what the other has counted too."""
        self.pictures += other.pictures
        self.skipped += other.skipped
        self.sum = (self.sum + other.sum) % _MODULUS
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        self.rules.update(other.rules)
        self.divisions.update(other.divisions)
        self.types.update(other.types)
        self.decides.update(other.decides)
        for change, examples in other.examples.items():
            self.examples[change] = _smallest([*self.examples.get(change, ()), *examples])


def beside(policy: Path) -> Path:
    """Return where the back-test of a policy is kept, for those who approve it."""
    return policy.with_name(f"{policy.stem}.backtest.json")


def run(
    lines: Iterable[bytes],
    policy: Entrant,
    *,
    against: Entrant | None = None,
    since: datetime | None = None,
    processes: int | None = None,
) -> Report:
    """Run recorded pictures through a policy and return what it decides otherwise.

    Signals that were read from texts are taken as they were recorded: the texts are forgotten.

    Args:
        lines: one ``CallTriaged`` each, as it stands on triage.v1; read as they are worked on, never all at once.
        policy: the one to try.
        against: the one to compare with; what was decided at the time, when left out.
        since: leave out what was accepted before.
        processes: how many work on it; one for each core when left out.

    Raises:
        BacktestError: a line is no recorded picture.
    """
    chunks = _chunks(lines)
    first = next(chunks, list[bytes]())
    total = Tally()
    if len(first) < CHUNK:
        total.add(_Worker(policy, against, since).tally(first))
    else:
        for tally in _side_by_side(first, chunks, (policy, against, since), processes or os.cpu_count() or 1):
            total.add(tally)
    return _report(total, policy, against)


def _side_by_side(
    first: list[bytes], chunks: Iterator[list[bytes]], work: tuple[Entrant, Entrant | None, datetime | None], count: int
) -> Iterator[Tally]:
    """Yield the tally of each chunk in order, a few of them being worked on at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=work) as pool:
        waiting: deque[Future[Tally]] = deque([pool.submit(_tally, first)])
        for chunk in chunks:
            waiting.append(pool.submit(_tally, chunk))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Worker:
    """Judges pictures by two policies."""

    def __init__(self, policy: Entrant, against: Entrant | None, since: datetime | None) -> None:
        self._policy = _ready(policy)
        self._against = None if against is None else _ready(against)
        self._since = since

    def tally(self, lines: Iterable[bytes]) -> Tally:
        tally = Tally()
        for line in lines:
            try:
                recorded = _Recorded.model_validate_json(line)
            except ValidationError:
                raise BacktestError(f"a line is no {CallTriaged.type_name()} fact") from None
            if self._since is not None and recorded.occurred_at < self._since:
                continue
            if recorded.picture.exercise or recorded.picture.recorded_late:
                tally.skipped += 1
            else:
                self._count(tally, line, recorded)
        return tally

    def _count(self, tally: Tally, line: bytes, recorded: _Recorded) -> None:
        tally.pictures += 1
        tally.sum = (tally.sum + int.from_bytes(hashlib.sha256(line.strip()).digest())) % _MODULUS
        at = recorded.occurred_at
        tally.first = at if tally.first is None else min(tally.first, at)
        tally.last = at if tally.last is None else max(tally.last, at)
        read = tuple(one for one in recorded.signals if one.from_words)
        after = judging.judge(recorded.picture, self._policy, read)
        tally.decides[after.decision.eligibility, after.decision.rules[0].rule] += 1
        if self._against is None:
            before = Judgement(recorded.decision, recorded.signals)
        else:
            before = judging.judge(recorded.picture, self._against, read)
        change = judging.changed(before, after)
        if change is None:
            return
        tally.rules[change, _deciding(before), _deciding(after)] += 1
        tally.divisions[change, judging.division(recorded.picture)] += 1
        tally.types[change, recorded.picture.call_type] += 1
        example = Example(
            change=change,
            call_id=recorded.call_id,
            revision=recorded.revision.digest,
            before=_said(before),
            after=_said(after),
        )
        tally.examples[change] = _smallest([*tally.examples.get(change, ()), example])


_workers: list[_Worker] = []
"""The one worker of a process of the pool."""


def _begin(policy: Entrant, against: Entrant | None, since: datetime | None) -> None:
    _workers.append(_Worker(policy, against, since))
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # pictures are many small objects without cycles


def _tally(lines: list[bytes]) -> Tally:
    return _workers[0].tally(lines)


def _ready(entrant: Entrant) -> Versioned[Compiled]:
    policy = entrant.policy
    return Versioned(policy.version, policy.in_force_from, judging.compiled(policy))


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _deciding(judgement: Judgement) -> str:
    """Return the rule that decided; other versions' facts may name none."""
    rules = judgement.decision.rules
    return rules[0].rule if rules else ""


def _said(judgement: Judgement) -> str:
    return f"{judgement.decision.eligibility.value} {_deciding(judgement)}"


def _smallest(examples: list[Example]) -> list[Example]:
    """Return the examples with the smallest ids, each once."""
    distinct = {(one.call_id, one.revision): one for one in examples}
    return heapq.nsmallest(MOST_EXAMPLES, distinct.values(), key=lambda one: (one.call_id, one.revision))


def _report(tally: Tally, policy: Entrant, against: Entrant | None) -> Report:
    by_change = Counter[Change]()
    for (change, _, _), pictures in tally.rules.items():
        by_change[change] += pictures
    return Report(
        policy=Tested(version=policy.policy.version, digest=policy.digest),
        against=None if against is None else Tested(version=against.policy.version, digest=against.digest),
        recording=Recording(
            pictures=tally.pictures,
            skipped=tally.skipped,
            first=tally.first,
            last=tally.last,
            sha256=f"{tally.sum:064x}",
        ),
        changed=by_change.total(),
        dangerous=sum(by_change[change] for change in DANGEROUS),
        by_change={change: by_change[change] for change in Change if by_change[change]},
        by_rule=tuple(
            ByRule(change=change, before=before, after=after, pictures=pictures)
            for (change, before, after), pictures in _ordered(tally.rules)
        ),
        by_division=tuple(
            ByDivision(change=change, division=division, pictures=pictures)
            for (change, division), pictures in _ordered(tally.divisions)
        ),
        by_type=tuple(
            ByType(change=change, call_type=call_type, pictures=pictures)
            for (change, call_type), pictures in _ordered(tally.types)
        ),
        examples=tuple(example for change in Change for example in tally.examples.get(change, ())),
        decides=tuple(
            Decided(eligibility=eligibility, rule=rule, pictures=pictures)
            for (eligibility, rule), pictures in sorted(tally.decides.items(), key=lambda one: (-one[1], one[0]))
        ),
    )


def _ordered(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    return sorted(counts.items(), key=lambda one: (_ORDER[one[0][0]], -one[1], str(one[0])))
