"""Recorded pictures: what triage judged, as it stands on triage.v1. A recording is a file of them, one JSON a line."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from divert_cli import kafka_admin
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.policy import files
from divert_cli.prepare import SEEDS, agency_fact, seed_policies
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versioned
from divert_contracts.topics import TRIAGE
from divert_contracts.vocabulary import AgeBand, CallerRelation, PolicyKind, Question
from divert_sim import evening, in_memory
from divert_sim.evening import Entry
from divert_triage.domain import judging
from divert_triage.domain.policy import TriagePolicy

EVENING = ROOT / "seeds" / "evening" / "evening.jsonl"
EVENING_AT = datetime(2026, 11, 14, 2, tzinfo=UTC)
"""When the sample evening starts, wherever figures over it must be the same again."""
PICTURE = CallTriaged.type_name().encode()
_NEWLINE = b"\n"
_DISTINCT = 20_000
"""Different pictures that are made up; more of them are the same ones again."""


class RecordingError(StackError):
    """A recording cannot be read or written; the message says why."""


def of_stack(kafka: str, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Yield every picture that a running stack has judged.

    Raises:
        BrokerError: Kafka does not answer.
    """
    for record in kafka_admin.read(kafka, kafka_admin.ends(kafka, [TRIAGE.name]), progress):
        if record.value is not None and record.headers.get("ce_type") == PICTURE:
            yield record.value


def of_file(path: Path) -> Iterator[bytes]:
    """Yield the pictures of a recording.

    Raises:
        RecordingError: the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    yield line
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error


def of_evening() -> Iterator[bytes]:
    """Yield the pictures of the sample evening, judged by the seed policy as the running system would."""
    return _judged(evening.load(EVENING))


def made_up(count: int) -> Iterator[bytes]:
    """Return so many made-up pictures, always the same ones, of which 20,000 at the most are different."""
    chance = random.Random(0)  # noqa: S311  # repeatable on purpose
    types = files.triage_policy(ROOT / SEEDS[PolicyKind.TRIAGE]).call_types
    codes = (
        [code.strip("*") for rule in types.care for code in rule.codes],
        [code.strip("*") for rule in types.rules for code in rule.codes],
    )
    distinct = min(count, _DISTINCT)
    pool = list(_judged([_made_up(number, chance, chance.choice(codes)) for number in range(distinct)]))
    return (pool[number % len(pool)] for number in range(count))


def _judged(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Yield the pictures of an evening as triage publishes them by the seed policy."""
    policies = [*seed_policies(), agency_fact()]
    triage = next(one for one in policies if isinstance(one, PolicyPublished) and one.kind is PolicyKind.TRIAGE)
    policy = judging.compiled(TriagePolicy.model_validate(triage.document))
    by = Versioned(triage.version, triage.in_force_from, policy)
    for fact in in_memory.pictures(entries, policies, EVENING_AT):
        yield judging.judged(fact, by).model_dump_json(exclude_none=True).encode()


def write(lines: Iterator[bytes], path: Path, *, since: datetime | None = None) -> int:
    """Write a recording and return how many pictures it holds.

    Raises:
        RecordingError: the file cannot be written.
    """
    count = 0
    try:
        with path.open("wb") as file:
            for line in lines:
                if since is None or CallTriaged.model_validate_json(line).occurred_at >= since:
                    file.write(line.rstrip(_NEWLINE) + _NEWLINE)
                    count += 1
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}") from error
    return count


def _made_up(number: int, chance: random.Random, codes: Sequence[str]) -> Entry:
    answers = chance.choices(("no", "yes", "unknown", None), (90, 2, 4, 4), k=len(Question))
    body: dict[str, JsonValue] = {
        "agency": evening.AGENCY,
        "incident_number": f"MADE-UP-{number}",
        "feed": chance.choice(("diverted", "observed")),
        "origin": "911",
        "call_type": chance.choice(codes),
        "reporting_district": f"{chance.randint(1, 21):02}{chance.randint(0, 99):02}",
        "answers": {
            question.value: answer
            for question, answer in zip(Question, answers, strict=True)
            if answer is not None and question is not Question.UNKNOWN
        },
        "flags": list(chance.choices(("MENTAL", "GUN", "JUVENILE", "CRISIS"), k=chance.randint(0, 1))),
        "caller_relation": chance.choice(list(CallerRelation)).value,
        "age_band": chance.choice(list(AgeBand)).value,
    }
    return Entry(at=timedelta(seconds=number), do="call", body=body)
