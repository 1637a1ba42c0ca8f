"""Versions of a policy document in memory: which one is in force for a call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from typing_extensions import TypeVar

from divert_contracts.step import Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class Versioned(Generic[T]):
    """One version of a document."""

    version: str
    in_force_from: datetime
    value: T


@dataclass(frozen=True)
class Versions(Generic[T]):
    """Every version that was published, oldest in force first. Published versions never change."""

    known: tuple[Versioned[T], ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether nothing was published yet."""
        return not self.known

    def with_version(self, version: str, in_force_from: datetime, value: T) -> "Versions[T]":
        """Add a version; one that is known already stays as it was."""
        if any(one.version == version for one in self.known):
            return self
        added = Versioned(version, in_force_from, value)
        return Versions(tuple(sorted((*self.known, added), key=lambda one: (one.in_force_from, one.version))))

    def at(self, accepted_at: datetime) -> Versioned[T]:
        """Return the version in force for what was accepted then; the first one, before any was in force.

        Raises:
            Unavailable: nothing was published yet.
        """
        if not self.known:
            raise Unavailable("policy")
        in_force = self.known[0]
        for one in self.known:
            if one.in_force_from <= accepted_at:
                in_force = one
        return in_force
