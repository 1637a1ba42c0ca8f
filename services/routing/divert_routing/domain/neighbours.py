"""Danger next door: how calls stand near each other, and what one hears of another's danger.

A call stands in a cell of the map, at an address, at a call-back number (both keyed hashes), and by the call that it
reopens. What it tells there counts for a time; what a reopened call hears of its old one counts until it is cleared.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from divert_contracts.call import Picture
from divert_contracts.facts.base import CaseFact, Fact
from divert_contracts.facts.calls import CallReopened, PictureFact
from divert_contracts.facts.cases import BackupRequested, CaseHandedBack, EmergencyRaised
from divert_contracts.facts.routing import NeighbourReported
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Command, Neighbour, Next, Presence, Timer
from divert_contracts.vocabulary import Hazard, Stage
from divert_routing.domain import dangers, endings, promises
from divert_routing.domain.call import Call, Nearby
from divert_routing.domain.decisions import consider
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn, is_diverted

CELL = "cell"
DRILL = "drill/"
"""Drills and real calls never hear of each other."""
NOWHERE = Presence()
NO_PLACES = frozenset[str]()
TOLD_BY_TEAMS = (BackupRequested, CaseHandedBack, EmergencyRaised)
IN_HAND = frozenset({Stage.IN_REVIEW, Stage.HELD})
"""Stages in which somebody works on the call by what was known when they began."""


class Neighbourhood:
    """How calls stand near each other."""

    def presence(self, call: Call) -> Presence:
        """Return where a call stands, and what danger it tells of there."""
        picture = call.picture
        if picture is None:
            return Presence()
        told = call.own_dangers
        listens_at = frozenset(_heard_at(call, picture)) if _listens(call) else frozenset[str]()
        if not told:
            return Presence(listens_at=listens_at) if listens_at else NOWHERE
        # What was entered afterwards is over, but for the call that comes back to it.
        here = () if picture.recorded_late else _places(picture)
        told_at: dict[str, datetime | None] = dict.fromkeys(here, call.danger_until)
        told_at |= {_of_call(one, picture): None for one in (call.call_id, call.reopens) if one is not None}
        return Presence(" ".join(told), told_at, listens_at)

    def around(self, place: str, given: Given, at: datetime) -> Iterable[str]:
        """Return a cell with its neighbours, as far as policy says; any other place is near itself alone."""
        kind, _, name = place.rpartition("=")
        row, _, column = name.partition(":")
        if not kind.endswith(CELL) or not (_whole(row) and _whole(column)):
            return (place,)
        reach = given.directories.at(at).value.limits.nearby.cells
        return [
            f"{kind}={int(row) + up}:{int(column) + along}"
            for up in range(-reach, reach + 1)
            for along in range(-reach, reach + 1)
        ]

    def approached(self, call: Call, what: Fact | Command | Timer) -> frozenset[str]:
        """Return the places at which a call is going to listen: its own, and those that the fact's picture names."""
        places = set[str]() if call.picture is None else set(_heard_at(call, call.picture))
        if isinstance(what, PictureFact | CallTriaged):
            if _is_over(call) or not (call.diverted or is_diverted(what.picture)):
                return NO_PLACES
            picture = call.following(what.picture)
            places.update(_heard_at(call, picture))
            if isinstance(what, CallReopened | CallTriaged) and what.reopens is not None:
                places.add(_of_call(what.reopens, picture))
        elif not (isinstance(what, CaseFact) and call.diverted and _is_over(call)):
            # After the end a team that is not to be there makes the call listen again; else only pictures move it.
            return NO_PLACES
        return frozenset(places) - self.presence(call).listens_at

    def may_tell_at(self, call: Call, what: Fact | Command | Timer) -> frozenset[str]:
        """Return where a call may begin to tell of danger, or cease to, by a fact that speaks of it or moves it."""
        pictured = isinstance(what, PictureFact | CallTriaged)
        if isinstance(what, CallTriaged):
            speaks = dangers.endangering(dangers.of_triage(what))
        elif isinstance(what, PictureFact):
            speaks = bool(dangers.of_picture(what.picture))
        else:
            speaks = isinstance(what, TOLD_BY_TEAMS)
        if not speaks and not (pictured and call.own_dangers):
            return NO_PLACES
        places = set(self.presence(call).told_at)
        picture = call.following(what.picture) if pictured else call.picture
        if picture is not None:
            reopens = what.reopens if isinstance(what, CallReopened | CallTriaged) else call.reopens
            places.update(() if picture.recorded_late else _places(picture))
            places.update(_of_call(one, picture) for one in (call.call_id, reopens) if one is not None)
        return frozenset(places)

    def meets(self, call: Call, neighbours: Sequence[Neighbour], given: Given, at: datetime) -> Call:
        """Return the call with the dangers that it finds at the places it comes to."""
        del given
        met = call.model_copy()
        for other in sorted({one.key for one in neighbours}):
            told = [one for one in neighbours if one.key == other]
            hazards = tuple(Hazard(word) for word in told[0].tells.split())
            _note(met, other, hazards, same_place=any(not _is_cell(one.place) for one in told), at=at)
        return met

    def told(self, call: Call, listener: str, places: frozenset[str], at: datetime) -> NeighbourReported:
        """Return what a call that stands near is to hear."""
        return NeighbourReported(
            occurred_at=at,
            call_id=UUID(listener),
            agency=call.agency,
            other_call_id=call.call_id,
            hazards=call.own_dangers,
            same_place=any(not _is_cell(place) for place in places),
        )


def neighbour_reported(call: Call, fact: NeighbourReported, given: Given, at: datetime) -> Next[Call]:
    """Do at once what another call's danger demands of a call that is alive; forget it when it was cleared."""
    turn = Turn(call, given, at)
    now = turn.call
    if not now.diverted:
        return turn.done()
    news = _note(now, str(fact.other_call_id), fact.hazards, same_place=fact.same_place, at=at)
    turn.tell_nearby()
    if now.concluded:
        if news:
            # Whoever was told to come back, and has not said that they did, hears of this too.
            promises.warn_again(turn)
    elif news and now.stage in IN_HAND:
        endings.by_danger(turn)
    else:
        consider(turn)
    return turn.done()


def _note(call: Call, other: str, hazards: tuple[Hazard, ...], *, same_place: bool, at: datetime) -> bool:
    """Remember what another call tells; return whether any of it is news."""
    known = call.nearby.get(other)
    rest = {key: one for key, one in call.nearby.items() if key != other}
    if not hazards:
        call.nearby = rest
        return False
    nearer = same_place and known is not None and not known.same_place
    fresh = known is None or nearer or not set(hazards) <= set(known.hazards)
    if known is None or fresh:
        call.nearby = rest | {other: Nearby(hazards=hazards, same_place=same_place, since=at)}
    else:
        call.nearby = rest | {other: known.model_copy(update={"hazards": hazards})}
    return fresh


def _listens(call: Call) -> bool:
    picture = call.picture
    return call.diverted and picture is not None and not picture.recorded_late and not _is_over(call)


def _is_over(call: Call) -> bool:
    return call.concluded and not call.recalls


def _places(picture: Picture) -> list[str]:
    drill = DRILL if picture.exercise else ""
    named = ((CELL, picture.cell), ("place", picture.place), ("line", picture.line))
    return [f"{drill}{kind}={name}" for kind, name in named if name]


def _heard_at(call: Call, picture: Picture) -> list[str]:
    return [*_places(picture), *([] if call.reopens is None else [_of_call(call.reopens, picture)])]


def _of_call(call_id: UUID, picture: Picture) -> str:
    return f"{DRILL if picture.exercise else ''}call={call_id}"


def _is_cell(place: str) -> bool:
    return place.removeprefix(DRILL).startswith(f"{CELL}=")


def _whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal()
