"""Versions of a policy document in memory: which one is in force for a call, and which may ever come into force.

Every service reads the same facts in the same order and asks the same questions here, so all of them have the same
versions in force.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic

from pydantic import JsonValue
from typing_extensions import TypeVar

from divert_contracts.facts.base import Fact
from divert_contracts.facts.policies import Approval, PolicyPublished
from divert_contracts.step import Rejected, Unavailable
from divert_contracts.vocabulary import PolicyKind

T = TypeVar("T")
F = TypeVar("F", bound=Fact)

LEAD: Final = timedelta(seconds=60)
"""A version is in force so long after it was published at the earliest: by then every process has read it."""
ROLES: Final = ("clinical", "psap", "provider")
"""Who must have approved a version, in this order; three people."""
APPROVED: Final = frozenset({PolicyKind.TRIAGE})
"""The kinds whose versions need approvals: those that say who meets an unarmed team."""


def digest(document: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 of the canonical document: JSON, keys sorted, no spaces, UTF-8.

    Raises:
        TypeError: it holds what JSON cannot.
        ValueError: it holds a number that is none.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def approved_backtest(approvals: Iterable[Approval], document_digest: str) -> str | None:
    """Return the back-test that every role approved for this very document; null when a role has not."""
    by_role = {one.role: one for one in approvals if one.digest == document_digest and one.backtest}
    if not by_role.keys() >= set(ROLES):
        return None
    people = {by_role[role].by for role in ROLES}
    backtests = {by_role[role].backtest for role in ROLES}
    return backtests.pop() if len(people) == len(ROLES) and len(backtests) == 1 else None


@dataclass(frozen=True)
class Versioned(Generic[T]):
    """One version of a document."""

    version: str
    in_force_from: datetime
    value: T


@dataclass(frozen=True)
class Versions(Generic[T]):
    """Every version that may come into force, oldest in force first. Published versions never change."""

    known: tuple[Versioned[T], ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether nothing was published yet."""
        return not self.known

    def published(self, fact: PolicyPublished, value: T) -> "Versions[T]":
        """Add a version as it was published; one that is known already stays as it was.

        The first version of all may be in force from any time on: nothing was in force before.

        Args:
            fact: says it.
            value: the fact's document, made ready.

        Raises:
            Rejected: it may never come into force; the message is a coded word. What was known stays.
        """
        if self.has(fact.version):
            return self
        must_be_usable(fact)
        if not self.empty:
            must_be_in_time(fact.occurred_at, fact.in_force_from)
        return self.with_version(fact.version, fact.in_force_from, value)

    def has(self, version: str) -> bool:
        """Say whether a version is known."""
        return any(one.version == version for one in self.known)

    def with_version(self, version: str, in_force_from: datetime, value: T) -> "Versions[T]":
        """Add a version; one that is known already stays as it was."""
        if self.has(version):
            return self
        return self.following(version, in_force_from, value)

    def following(self, version: str, in_force_from: datetime, value: T) -> "Versions[T]":
        """Add a version that may have been there before; of two from the same moment, the one added last counts."""
        others = (one for one in self.known if (one.version, one.in_force_from) != (version, in_force_from))
        added = Versioned(version, in_force_from, value)
        return Versions(tuple(sorted((*others, added), key=_moment)))

    def at(self, accepted_at: datetime) -> Versioned[T]:
        """Return the version in force for what was accepted then; the first one, before any was in force.

        Raises:
            Unavailable: nothing was published yet.
        """
        if not self.known:
            raise Unavailable("policy")
        return self.from_then(accepted_at) or self.known[0]

    def from_then(self, accepted_at: datetime) -> Versioned[T] | None:
        """Return the version in force for what was accepted then; null before any was in force."""
        in_force = None
        for one in self.known:
            if one.in_force_from <= accepted_at:
                in_force = one
        return in_force


def _moment(one: Versioned[T]) -> datetime:
    return one.in_force_from


def as_written(fact: F, written_at: datetime) -> F:
    """Return a fact that happened no sooner than it was written down, in domain time.

    What a writer says of its own time could put a policy in force for calls that were judged already.
    """
    return fact if fact.occurred_at >= written_at else fact.model_copy(update={"occurred_at": written_at})


def must_be_usable(fact: PolicyPublished) -> None:
    """See that a version is what it says, and was approved where that is wanted.

    Raises:
        Rejected: it is not; the message is a coded word.
    """
    if fact.digest != digest(fact.document):
        raise Rejected("policy:digest")
    if fact.document.get("version") != fact.version:
        raise Rejected("policy:version")
    if fact.shadow:
        return
    if _before_its_date(fact):
        raise Rejected("policy:before-its-date")
    if fact.kind in APPROVED and approved_backtest(fact.approvals, fact.digest) is None:
        raise Rejected("policy:not-approved")


def must_be_in_time(said_at: datetime, in_force_from: datetime) -> None:
    """See that every process can know of a change before it takes effect.

    Raises:
        Rejected: it cannot; the message is a coded word.
    """
    if in_force_from < said_at + LEAD:
        raise Rejected("policy:too-early")


def _before_its_date(fact: PolicyPublished) -> bool:
    """Say whether it would be in force sooner than its document, which is what was approved, says itself."""
    date = fact.document.get("in_force_from")
    if not isinstance(date, str):
        return False
    try:
        return fact.in_force_from < datetime.fromisoformat(date)
    except (ValueError, TypeError):
        raise Rejected("policy:in_force_from") from None
