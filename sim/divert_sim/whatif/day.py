"""A made-up day of calls for the whole city. A log of real calls is better, where there is one.

Every number here is made up, as the report says. Calls come through intake's own functions, as CAD would post them; no
two share an address.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random

from pydantic import JsonValue

from divert_sim.evening import AGENCY, Entry
from divert_sim.evening_writer import CENTRES, DISTRESS, ROUTINE, SOON, TYPES, clock
from divert_sim.load import OBSERVED_TYPES, QUESTIONS, UNSCREENED

PER_DAY = 2_250
HOURS: Sequence[int] = (34, 30, 27, 24, 22, 22, 25, 31, 38, 43, 46, 48, 50, 51, 52, 54, 56, 58, 59, 58, 55, 50, 44, 39)
"""How the calls of a day are spread over its hours, from midnight."""
MIX: Mapping[str, int] = {
    "observed": 46,
    "late": 6,
    "excluded": 10,
    "review": 6,
    "eligible": 22,
    "danger": 2,
    "cancelled": 3,
    "unhoused": 3,
    "phone": 2,
}
"""How many calls in a hundred are of each kind."""
DAY = timedelta(days=1)
_EXCLUDING = ("weapon", "violence", "crime_in_progress", "hostage", "medical_emergency", "fire")
Body = dict[str, JsonValue]


def entries(per_day: int, seed: int) -> list[Entry]:
    """Return what CAD sends on a day, from midnight, in the order of its times; equal arguments give equal days."""
    writing = _Day(seed)
    for number in range(per_day):
        writing.call(number)
    return sorted(writing.entries, key=lambda one: one.at)


class _Day:
    """A day as it is being written."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self.entries: list[Entry] = []

    def call(self, number: int) -> None:
        chance = self._chance
        hour = chance.choices(range(24), HOURS)[0]
        at = timedelta(hours=hour, seconds=round(chance.uniform(0, 3_600), 3))
        kind = chance.choices(list(MIX), list(MIX.values()))[0]
        pressing = chance.choices((ROUTINE, DISTRESS, SOON), (5, 4, 1))[0]
        picture = self._picture(number, at, chance.choice(list(CENTRES)), pressing)
        later = at + timedelta(seconds=chance.uniform(30, 2_400))
        match kind:
            case "observed":
                self._observed(at, picture)
                return
            case "late":
                stamps: Body = {"created_at": _clock(at, -9_000), "closed_at": _clock(at, -6_000)}
                picture |= {"feed": "observed", "recorded_late": True, "stamps": stamps}
            case "excluded":
                picture["answers"] = _answers(at, **{chance.choice(_EXCLUDING): "yes"})
            case "review":
                picture["answers"] = _answers(at, **{chance.choice(_EXCLUDING): "unknown"})
            case "unhoused":
                picture |= {"place_kind": "street", "answers": _answers(at, unhoused="yes")}
            case "phone":
                caller: Body = {"number": f"+1213555{number % 10_000:04}", "ringing_is_safe": "yes"}
                picture |= {"caller_relation": "self", "call_type": chance.choice(TYPES[SOON]), "caller": caller}
                picture["answers"] = _answers(at, suicidal="yes", inside_residence="yes")
            case "danger":
                danger = {chance.choice(("weapon", "violence")): "yes"}
                newer = {"revision": 2, "updated_at": _clock(later), "answers": _answers(later, **danger)}
                self._add(later, "update", picture, {**picture, **newer})
            case "cancelled":
                self._add(later, "cancel", picture, {"reason": "caller"})
            case _:
                pass  # an eligible call of which nothing more is heard
        self.entries.append(Entry(at=at, do="call", body=picture))

    def _observed(self, at: timedelta, picture: Body) -> None:
        """A call that nobody diverted, until CAD closes it; a part could have been a team's."""
        chance = self._chance
        picture |= {"feed": "observed", "call_type": chance.choice(OBSERVED_TYPES)}
        if chance.random() < UNSCREENED:
            del picture["answers"]
        self.entries.append(Entry(at=at, do="call", body=picture))
        closed = at + timedelta(seconds=chance.uniform(900, 5_400))
        stamps: Body = {"dispatched_at": _clock(at, 300), "arrived_at": _clock(at, 800), "closed_at": _clock(closed)}
        self._add(closed, "close", picture, {"disposition_code": "CLEAR", "stamps": stamps})

    def _picture(self, number: int, at: timedelta, division: int, pressing: str) -> Body:
        chance = self._chance
        north, east = CENTRES[division]
        picture: Body = {
            "agency": AGENCY,
            "incident_number": f"W{number:08}",
            "feed": "diverted",
            "origin": chance.choice(("911", "911", "non_emergency")),
            "revision": 1,
            "call_type": chance.choice(TYPES[pressing]),
            "priority": "3",
            "caller_relation": "bystander",
            "age_band": "adult",
            "language": "en",
            "place_kind": "residence",
            "reporting_district": f"{division:02}{chance.randint(1, 99):02}",
            "area": str(division),
            "answers": _answers(at, suicidal="yes") if pressing == SOON else _answers(at),
            "stamps": {"answered_at": _clock(at, -90), "created_at": _clock(at, -5)},
            "address": {
                "text": f"{number} Made Up Way",
                "latitude": round(north + chance.uniform(-0.03, 0.03), 5),
                "longitude": round(east + chance.uniform(-0.03, 0.03), 5),
            },
        }
        return picture

    def _add(self, at: timedelta, do: str, picture: Body, body: Body) -> None:
        incident = str(picture["incident_number"])
        self.entries.append(Entry.model_validate({"at": at, "do": do, "incident": incident, "body": body}))


def _clock(at: timedelta, later: float = 0) -> str:
    return clock((at.total_seconds() + later) / 60)


def _answers(at: timedelta, **given: str) -> dict[str, JsonValue]:
    when = _clock(at, -20)
    return {question: {"answer": given.get(question, "no"), "at": when} for question in QUESTIONS}
