"""Who stands near whom: the one thing that states of different keys share, under locks of places instead of keys.

A state that begins to listen at a place finds what others tell near it; a state that begins to tell finds who listens
near it, and publishes a fact for each. Both look and write under the locks of the places they look at: whichever
commits second finds the other. Keys are locked first, then places, each in order; nobody waits in a circle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from divert_contracts.step import Neighbour, Presence


class Stand(NamedTuple):
    """What a state does at one place."""

    tells: str
    until: datetime | None
    """When what it tells there no longer counts; null: never."""
    listens: bool


@dataclass(slots=True)
class Unheld(Exception):
    """A step needs places that the transaction has not locked: lock them in order, and do the whole again."""

    looked_at: frozenset[str] = frozenset()
    """Where it must know what is told."""
    spoken_at: frozenset[str] = frozenset()
    """Where it must know who listens."""


@dataclass(slots=True)
class Vicinity:
    """What one transaction holds of the places, and how it changes them."""

    everywhere: bool = False
    """All places are held: in memory."""
    looked_at: set[str] = field(default_factory=set[str])
    spoken_at: set[str] = field(default_factory=set[str])
    stands: dict[str, dict[str, Stand]] = field(default_factory=dict[str, dict[str, Stand]])
    """By place, then by key: those who tell where it is looked at, those who listen where it is spoken."""
    changed: dict[tuple[str, str], Stand | None] = field(default_factory=dict[tuple[str, str], Stand | None])
    """By place and key; null: it no longer stands there."""

    def tellers(self, places: Iterable[str], *, but: str, at: datetime) -> list[Neighbour]:
        """Return what others tell at places, in order.

        Raises:
            Unheld: a place is not locked.
        """
        wanted = sorted(set(places))
        if not self.everywhere and (missing := frozenset(wanted) - self.looked_at):
            raise Unheld(looked_at=missing)
        return [
            Neighbour(key, place, stand.tells)
            for place in wanted
            for key, stand in sorted(self.stands.get(place, {}).items())
            if key != but and stand.tells and (stand.until is None or stand.until > at)
        ]

    def listeners(self, places: Iterable[str], *, but: str) -> Mapping[str, frozenset[str]]:
        """Return the keys that listen at places, in order, each with those places.

        Raises:
            Unheld: a place is not locked.
        """
        wanted = set(places)
        if not self.everywhere and (missing := frozenset(wanted) - self.spoken_at):
            raise Unheld(spoken_at=missing)
        found: dict[str, set[str]] = {}
        for place in wanted:
            for key, stand in self.stands.get(place, {}).items():
                if stand.listens and key != but:
                    found.setdefault(key, set()).add(place)
        return {key: frozenset(at) for key, at in sorted(found.items())}

    def learn(self, found: Mapping[str, Mapping[str, Stand]], held: Unheld) -> None:
        """Take in who stood at places that are held from now on; what has changed since the beginning stays."""
        self.looked_at |= held.looked_at
        self.spoken_at |= held.spoken_at
        for place, stands in found.items():
            here = self.stands.setdefault(place, {})
            here.update({key: stand for key, stand in stands.items() if (place, key) not in self.changed})

    def move(self, key: str, before: Presence, after: Presence) -> None:
        """Let a state stand where it stands from now on."""
        stood, stands = _stands(before), _stands(after)
        for place in stood.keys() - stands.keys():
            self._put(place, key, None)
        for place, stand in stands.items():
            if stand != stood.get(place):
                self._put(place, key, stand)

    def _put(self, place: str, key: str, stand: Stand | None) -> None:
        if not self.everywhere:
            self.changed[place, key] = stand
        here = self.stands.setdefault(place, {})
        if stand is None:
            here.pop(key, None)
        else:
            here[key] = stand


def _stands(presence: Presence) -> dict[str, Stand]:
    return {
        place: Stand(
            presence.tells if place in presence.told_at else "",
            presence.told_at.get(place),
            place in presence.listens_at,
        )
        for place in presence.listens_at | presence.told_at.keys()
    }
