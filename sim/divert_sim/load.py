"""A load of made-up calls that goes on until it is told to end: what CAD sends, in the order of its times.

Unlike the recorded evening it has no length of its own. Every call that it begins it also finishes saying: the revision
with danger, the cancellation, CAD's own closing of an observed call.
"""

import heapq
from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random

from pydantic import JsonValue

from divert_sim.evening import AGENCY, Entry
from divert_sim.evening_writer import CENTRES, DISTRESS, ROUTINE, SERVED, SOON, TYPES, UNSERVED, clock

Body = dict[str, JsonValue]

MIX: Mapping[str, int] = {
    "observed": 46,
    "late": 9,
    "excluded": 9,
    "review": 6,
    "taken": 12,
    "news": 3,
    "danger": 4,
    "cancelled": 3,
    "reopened": 1,
    "diverted_later": 2,
    "unserved": 3,
    "other_programme": 2,
}
"""How many calls in a hundred are of each kind."""
TEAMS: Mapping[str, int] = {"exodus": 4, "alcott": 4, "penny-lane": 4, "circle": 2, "crisis-line": 4}
REPEATED_OF = 20
"""CAD posts one call in so many twice, with the same content."""
QUESTIONS = (
    "weapon",
    "violence",
    "crime_in_progress",
    "medical_emergency",
    "overdose",
    "in_traffic",
    "at_height",
    "in_vehicle",
    "hostage",
    "domestic_violence",
    "fire",
    "suicidal",
    "suicide_means",
    "juvenile",
    "inside_residence",
    "third_party",
    "unhoused",
    "indecent_exposure",
)
UNSCREENED = 0.5
"""The share of observed calls whose answers are missing."""
_EXCLUDING = ("weapon", "violence", "crime_in_progress", "hostage", "medical_emergency", "fire")
OBSERVED_TYPES = ("918M", "507P", "415M", "242SN", "459X", "906B1", "904A", "620D", "484SN", "415W", "594SN", "006")
_STREETS = ("Alder Vale Ave", "Bluefinch St", "Candlewick Blvd", "Dovetail Ln", "Elderberry Way", "Foxglove Ter")


class Load:
    """What CAD and the providers' desks send: an iterable to be gone through once, while it is told to end."""

    def __init__(self, seed: int, every: timedelta) -> None:
        """Begin.

        Args:
            seed: equal seeds give equal loads.
            every: domain time from one new call to the next.
        """
        self.begun = 0
        """Calls that were begun until now."""
        self._chance = Random(seed)
        self._every = every
        self._ended = False
        self._agenda: list[tuple[timedelta, int, Entry]] = []
        self._count = 0

    def end(self) -> None:
        """Begin no more calls."""
        self._ended = True

    def __iter__(self) -> Iterator[Entry]:
        """Yield what is sent: every provider's shift, then calls until the end, then what is left to say of them."""
        for provider, teams in TEAMS.items():
            on_duty: list[dict[str, JsonValue]] = [
                {"team": f"{provider}-{n}", "unit": f"{provider}-{n}".upper(), "members": 2, "languages": ["en", "es"]}
                for n in range(1, teams + 1)
            ]
            yield Entry(at=timedelta(), do="shift", provider=provider, teams=tuple(on_duty))
        following = timedelta(seconds=1)
        while not self._ended:
            yield from self._said_before(following)
            self._begin(following)
            following += self._every
        while self._agenda:
            yield heapq.heappop(self._agenda)[2]

    def _said_before(self, at: timedelta) -> Iterator[Entry]:
        while self._agenda and self._agenda[0][0] <= at:
            yield heapq.heappop(self._agenda)[2]

    def _begin(self, at: timedelta) -> None:
        """Plan all that is said of a call which is posted then."""
        self.begun += 1
        kind = self._chance.choices(list(MIX), list(MIX.values()))[0]
        match kind:
            case "observed":
                self._observed(at)
            case "late":
                self._late(at)
            case "excluded":
                call = self._picture(at, self._chance.choice(SERVED), DISTRESS)
                self._call(at, _with(call, answers=_answers(at, **{self._chance.choice(_EXCLUDING): "yes"})))
            case "review":
                call = self._picture(at, self._chance.choice(SERVED), DISTRESS)
                self._call(at, _with(call, answers=_answers(at, **{self._chance.choice(_EXCLUDING): "unknown"})))
            case "unserved":
                self._call(at, self._picture(at, self._chance.choice(UNSERVED), ROUTINE))
            case "other_programme":
                call = self._picture(at, self._chance.choice((1, 6, 14)), ROUTINE, place_kind="street")
                self._call(at, _with(call, answers=_answers(at, unhoused="yes")))
            case _:
                self._taken(at, kind)

    def _observed(self, at: timedelta) -> None:
        """A call that nobody diverted, until CAD closes it."""
        chance = self._chance
        call = self._picture(at, chance.randint(1, 21), ROUTINE, feed="observed")
        call["call_type"] = chance.choice(OBSERVED_TYPES)
        if chance.random() < UNSCREENED:
            del call["answers"]
        self._call(at, call)
        closed = at + timedelta(seconds=chance.uniform(60, 400))
        body: Body = {
            "disposition_code": "CLEAR",
            "stamps": {"dispatched_at": _clock(at, 40), "arrived_at": _clock(at, 55), "closed_at": _clock(closed)},
        }
        self._add(closed, "close", call, body)

    def _late(self, at: timedelta) -> None:
        """A call that was entered when it was over."""
        stamps: Body = {"created_at": _clock(at, -9_000), "closed_at": _clock(at, -6_000)}
        if self._chance.random() < 0.7:  # noqa: PLR2004  # most were reached
            stamps["arrived_at"] = _clock(at, -8_000)
        call = self._picture(at, self._chance.randint(1, 21), ROUTINE, feed="observed")
        self._call(at, _with(call, recorded_late=True, stamps=stamps))

    def _taken(self, at: timedelta, kind: str) -> None:
        """A call that a provider is offered, and what CAD hears of it later."""
        chance = self._chance
        pressing = chance.choice((ROUTINE, DISTRESS, SOON))
        call = self._picture(at, chance.choice(SERVED), pressing)
        if pressing == SOON:
            call["answers"] = _answers(at, suicidal="yes")
        if kind == "diverted_later":
            call["feed"] = "observed"
        self._call(at, call)
        later = at + timedelta(seconds=chance.uniform(20, 400))
        newer = _with(call, revision=2, updated_at=_clock(later))
        match kind:
            case "news":
                self._add(later, "update", call, _with(newer, people_present=4))
            case "diverted_later":
                self._add(later, "update", call, _with(newer, feed="diverted"))
            case "danger":
                danger = chance.choice(("weapon", "violence"))
                self._add(later, "update", call, _with(newer, answers=_answers(later, **{danger: "yes"})))
            case "cancelled" | "reopened":
                self._add(later, "cancel", call, {"reason": "caller"})
                if kind == "reopened":
                    again = later + timedelta(seconds=60)
                    self._add(again, "reopen", call, _with(newer, updated_at=_clock(again)))
            case _:
                pass  # CAD has nothing to add

    def _picture(self, at: timedelta, division: int, pressing: str, **changes: JsonValue) -> Body:
        """Return a diverted call's picture with every question answered no; nobody shares place or number."""
        chance, number = self._chance, self.begun
        north, east = CENTRES[division]
        return {
            "agency": AGENCY,
            "incident_number": f"L{number:08}",
            "feed": "diverted",
            "origin": "911",
            "revision": 1,
            "call_type": chance.choice(TYPES[pressing]),
            "priority": "3",
            "caller_relation": "bystander",
            "age_band": "adult",
            "language": "en",
            "place_kind": "residence",
            "reporting_district": f"{division:02}{chance.randint(1, 99):02}",
            "area": str(division),
            "answers": _answers(at),
            "stamps": {"answered_at": _clock(at, -90), "created_at": _clock(at, -5)},
            "narrative": "Made up: asks for somebody to talk with.",
            "address": {
                "text": f"{number} {chance.choice(_STREETS)}",
                "latitude": round(north + chance.uniform(-0.03, 0.03), 5),
                "longitude": round(east + chance.uniform(-0.03, 0.03), 5),
            },
            "caller": {"number": f"+1{200 + number // 10_000:03}555{number % 10_000:04}", "ringing_is_safe": "yes"},
            **changes,
        }

    def _call(self, at: timedelta, picture: Body) -> None:
        entry = Entry(at=at, do="call", body=picture)
        self._plan(entry)
        if self._chance.randrange(REPEATED_OF) == 0:
            self._plan(entry.model_copy(update={"at": at + timedelta(seconds=self._chance.uniform(0.1, 30))}))

    def _add(self, at: timedelta, do: str, picture: Body, body: Body) -> None:
        incident = str(picture["incident_number"])
        self._plan(Entry.model_validate({"at": at, "do": do, "incident": incident, "body": body}))

    def _plan(self, entry: Entry) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (entry.at, self._count, entry))


def _clock(at: timedelta, later: float = 0) -> str:
    """Return a time as an evening's bodies have it."""
    return clock((at.total_seconds() + later) / 60)


def _with(picture: Body, **changes: JsonValue) -> Body:
    """Return a picture with some fields replaced."""
    return {**picture, **changes}


def _answers(at: timedelta, **given: str) -> dict[str, JsonValue]:
    when = _clock(at, -20)
    return {question: {"answer": given.get(question, "no"), "at": when} for question in QUESTIONS}
