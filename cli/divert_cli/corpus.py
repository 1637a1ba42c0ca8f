"""`divert corpus`: how well the reader of texts reads, on the labelled corpus, with bounds and every error."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import comb
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table

from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.prepare import seed_policy
from divert_contracts.call import Signal
from divert_contracts.model import Model
from divert_contracts.vocabulary import Certainty, Hazard, PolicyKind, SignalSource
from divert_intake.domain.history import without_history
from divert_triage.domain.policy import TriagePolicy
from divert_triage.domain.reading import Reader

CORPUS = ROOT / "seeds/corpus/narratives.jsonl"
REPORT = ROOT / "bench/results/reader/corpus.json"
_HELD_BACK = frozenset("89abcdef")
_console = Console(highlight=False)


class Handling(IntEnum):
    """What a text leads to, from nothing to the worst."""

    NONE = 0
    REVIEW = 1
    EXCLUDE = 2


_LEADS_TO = {
    Certainty.DENIED: Handling.NONE,
    Certainty.POSSIBLE: Handling.REVIEW,
    Certainty.UNKNOWN: Handling.REVIEW,
    Certainty.PRESENT: Handling.EXCLUDE,
}


class Label(Model):
    """What a text says of one hazard."""

    hazard: Hazard
    certainty: Certainty
    because: str
    words: str


class Labelled(Model):
    """A text with its labels; see the corpus's README."""

    id: str
    kind: str
    text: str
    hard: bool
    traits: tuple[str, ...]
    says: tuple[Label, ...]
    handling: Annotated[str, Field(pattern="^(none|review|exclude)$")]
    taught: bool = False
    """Written to teach the lexicon something: always in the open half."""

    @property
    def held_back(self) -> bool:
        """Whether the lexicon must never be adjusted to it."""
        return not self.taught and hashlib.sha256(f"{self.id}:{self.text}".encode()).hexdigest()[0] in _HELD_BACK


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its bounds."""

    hits: int
    of: int

    def document(self) -> dict[str, float | int | None]:
        """Return it as JSON: null for a share of nothing."""
        low, high = bounds(self.hits, self.of)
        share = None if not self.of else round(self.hits / self.of, 4)
        return {"hits": self.hits, "of": self.of, "share": share, "low": round(low, 4), "high": round(high, 4)}

    def __str__(self) -> str:
        """Return it in words for a table."""
        if not self.of:
            return "none"
        low, high = bounds(self.hits, self.of)
        return f"{self.hits}/{self.of} = {self.hits / self.of:.1%} ({low:.1%} to {high:.1%})"


def bounds(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact bounds of a share (Clopper and Pearson, 1934): each side is wrong in 2.5% of cases at most."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _root(lambda share: 1 - _at_most(hits - 1, of, share) - tail)
    high = 1.0 if hits == of else _root(lambda share: tail - _at_most(hits, of, share))
    return low, high


def _at_most(hits: int, of: int, share: float) -> float:
    """Return the chance of so many hits or fewer."""
    return sum(comb(of, one) * share**one * (1 - share) ** (of - one) for one in range(hits + 1))


def _root(rises: Callable[[float], float]) -> float:
    """Return where a function that rises from 0 to 1 crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < 0 else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Compared:
    """A text, what its labels say, and what was read."""

    entry: Labelled
    wanted: Mapping[Hazard, Handling]
    read: Mapping[Hazard, Handling]
    signals: tuple[Signal, ...]

    @property
    def errors(self) -> list[tuple[Hazard, Handling, Handling]]:
        """Hazard, what was wanted and what was read, where they differ."""
        both = sorted({*self.wanted, *self.read})
        pairs = ((one, self.wanted.get(one, Handling.NONE), self.read.get(one, Handling.NONE)) for one in both)
        return [(one, wanted, read) for one, wanted, read in pairs if wanted is not read]

    @property
    def handlings(self) -> tuple[Handling, Handling]:
        """What the whole text was to lead to, and does."""
        return Handling[self.entry.handling.upper()], max(self.read.values(), default=Handling.NONE)


@dataclass(frozen=True, slots=True)
class Result:
    """A corpus as a reader reads it."""

    open_half: Sequence[Compared]
    held_back: Sequence[Compared]

    @property
    def missed(self) -> list[str]:
        """Ids of the open half's texts that tell of a weapon or violence and lead to nothing."""
        return [one.entry.id for one in self.open_half if any(_is_grave(*error) for error in one.errors)]

    def canonical(self) -> bytes:
        """Return the report as it is hashed and kept."""
        report = {"open_half": document(self.open_half), "held_back": document(self.held_back)}
        return json.dumps(report, indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def sha256(self) -> str:
        """What names this result."""
        return hashlib.sha256(self.canonical()).hexdigest()


def corpus(
    *,
    file: Annotated[Path, typer.Option(help="The labelled corpus.")] = CORPUS,
    policy: Annotated[Path | None, typer.Option(help="Another triage policy than the seed's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the whole report as JSON, such as the one in bench.")] = None,
    errors: Annotated[bool, typer.Option(help="List the errors of the open half.")] = True,
) -> None:
    """Read every text of the labelled corpus and report precision and recall for each hazard and each handling.

    The half that is held back, by the hash of each entry, never adjusts the lexicon: of it only figures are shown;
    its errors stand in the report. Exits 1 when a weapon or violence of the open half is missed.
    """
    result = read(load(file), seed_reader(policy))
    for name, half in (("open half", result.open_half), ("half held back", result.held_back)):
        _show(name, half)
    if errors:
        for one in result.open_half:
            if one.errors:
                _console.print(_error_line(one), markup=False, soft_wrap=True)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(result.canonical())
    if result.missed:
        _console.print(f"missed: {', '.join(result.missed)}", style="bold red")
        raise typer.Exit(1)


def load(file: Path) -> list[Labelled]:
    """Read a corpus.

    Raises:
        StackError: it is missing, or a line is no entry.
    """
    entry = TypeAdapter(Labelled)
    found: list[Labelled] = []
    try:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                found.append(entry.validate_json(line))
            except ValidationError as error:
                raise StackError(f"{file}:{number}: {error.errors()[0]['msg']}") from None
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from None
    return found


def read(entries: Sequence[Labelled], reader: Reader) -> Result:
    """Read every text of a corpus."""
    compared = [compare(one, reader) for one in entries]
    return Result(
        open_half=[one for one in compared if not one.entry.held_back],
        held_back=[one for one in compared if one.entry.held_back],
    )


def compare(entry: Labelled, reader: Reader) -> Compared:
    """Read a text as intake and triage would, and set it beside its labels."""
    text, _ = without_history(entry.text)
    source = SignalSource.CALL_TYPE if entry.kind == "call_type" else SignalSource.NARRATIVE
    signals = reader.read(text, source)
    return Compared(
        entry,
        _worst((one.hazard, _LEADS_TO[one.certainty]) for one in entry.says),
        _worst((one.hazard, _LEADS_TO[one.certainty]) for one in signals),
        signals,
    )


def _worst(found: Iterable[tuple[Hazard, Handling]]) -> dict[Hazard, Handling]:
    worst: dict[Hazard, Handling] = {}
    for hazard, handling in found:
        worst[hazard] = max(handling, worst.get(hazard, Handling.NONE))
    return worst


def document(half: Sequence[Compared]) -> dict[str, object]:
    """Return a half's figures and errors as JSON."""
    return {
        "texts": len(half),
        "hazards": {hazard: _hazard_document(hazard, half) for hazard in _hazards(half)},
        "handling": {
            f"{wanted.name.lower()} read as {read.name.lower()}": count
            for (wanted, read), count in sorted(Counter(one.handlings for one in half).items())
        },
        "errors": [
            {
                "id": one.entry.id,
                "errors": [
                    {"hazard": hazard, "wanted": wanted.name.lower(), "read": read.name.lower()}
                    for hazard, wanted, read in one.errors
                ],
            }
            for one in half
            if one.errors
        ],
    }


def _hazards(half: Sequence[Compared]) -> list[Hazard]:
    return sorted({hazard for one in half for hazard in (*one.wanted, *one.read)})


def _hazard_document(hazard: Hazard, half: Sequence[Compared]) -> dict[str, object]:
    return {name: share.document() for name, share in figures(hazard, half).items()}


def figures(hazard: Hazard, half: Sequence[Compared]) -> dict[str, Share]:
    """Return a hazard's shares.

    ``recall``: of the texts that say it is present, those that lead to exclusion or review; ``excluded``: to exclusion.
    ``doubt``: of those in doubt, the ones that lead to review or exclusion. ``precision``: of the texts that are read
    as telling of it, plainly or in doubt, those that do. ``precision_present``: of those read as present, those that
    are labelled so.
    """
    pairs = [(one.wanted.get(hazard, Handling.NONE), one.read.get(hazard, Handling.NONE)) for one in half]
    present = [read for wanted, read in pairs if wanted is Handling.EXCLUDE]
    doubtful = [read for wanted, read in pairs if wanted is Handling.REVIEW]
    told = [wanted for wanted, read in pairs if read is not Handling.NONE]
    told_present = [wanted for wanted, read in pairs if read is Handling.EXCLUDE]
    return {
        "recall": Share(sum(read is not Handling.NONE for read in present), len(present)),
        "excluded": Share(sum(read is Handling.EXCLUDE for read in present), len(present)),
        "doubt": Share(sum(read is not Handling.NONE for read in doubtful), len(doubtful)),
        "precision": Share(sum(wanted is not Handling.NONE for wanted in told), len(told)),
        "precision_present": Share(sum(wanted is Handling.EXCLUDE for wanted in told_present), len(told_present)),
    }


def _is_grave(hazard: Hazard, wanted: Handling, read: Handling) -> bool:
    danger = hazard in (Hazard.WEAPON, Hazard.VIOLENCE)
    return danger and wanted is Handling.EXCLUDE and read is Handling.NONE


def seed_reader(policy: Path | None = None) -> Reader:
    """Return the reader of a policy.

    Raises:
        StackError: it is not valid, or has no lexicon.
    """
    try:
        lexicon = TriagePolicy.model_validate(seed_policy(PolicyKind.TRIAGE, policy).document).lexicon
    except ValidationError as error:
        raise StackError(f"{policy or 'the seed policy'} is not valid: {error}") from None
    if lexicon is None:
        raise StackError(f"{policy or 'the seed policy'} has no lexicon to read with")
    return Reader(lexicon)


def _show(name: str, half: Sequence[Compared]) -> None:
    table = Table("hazard", "recall", "of them excluded", "precision", title=f"{name}: {len(half)} texts")
    for hazard in _hazards(half):
        found = figures(hazard, half)
        table.add_row(hazard, str(found["recall"]), str(found["excluded"]), str(found["precision"]))
    _console.print(table)
    for (wanted, read), count in sorted(Counter(one.handlings for one in half).items()):
        _console.print(f"{wanted.name.lower()} read as {read.name.lower()}: {count}")


def _error_line(one: Compared) -> str:
    what = ", ".join(
        f"{hazard} {wanted.name.lower()} read as {read.name.lower()}" for hazard, wanted, read in one.errors
    )
    return f"{one.entry.id}: {what} | {one.entry.text}"
