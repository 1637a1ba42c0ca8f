"""Writes the sample evening: `python -m divert_sim.evening_writer > seeds/evening/evening.jsonl`.

Everybody and every address in it is made up; telephone numbers are from the range kept for fiction. The seed is fixed,
so the file comes out the same; it is written once and committed, because a recorded evening must not change with code.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import cast

Json = dict[str, object]

SEED = 20261114
_DATE = "261114"

CENTRES = {
    1: (34.045, -118.248),
    2: (34.062, -118.272),
    3: (34.012, -118.315),
    4: (34.068, -118.198),
    5: (33.755, -118.288),
    6: (34.098, -118.328),
    7: (34.052, -118.342),
    8: (34.045, -118.446),
    9: (34.187, -118.448),
    10: (34.193, -118.540),
    11: (34.115, -118.230),
    12: (33.972, -118.305),
    13: (34.010, -118.258),
    14: (33.985, -118.425),
    15: (34.175, -118.385),
    16: (34.250, -118.400),
    17: (34.250, -118.530),
    18: (33.935, -118.262),
    19: (34.270, -118.458),
    20: (34.052, -118.298),
    21: (34.215, -118.605),
}
"""About the middle of each division: degrees north and east."""

SERVED = (7, 8, 10, 17, 18, 20)
UNSERVED = tuple(division for division in CENTRES if division not in SERVED)

ROUTINE, DISTRESS, SOON = "routine", "distress", "soon"
TYPES = {
    ROUTINE: ("620N", "620M", "9212"),
    DISTRESS: ("918M", "918W", "415M", "WELCK"),
    SOON: ("918M", "918W"),
}
"""Call types by how pressing the call is; the answers do the rest."""

_SAFETY = (
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
_GIVEN = ("Amaya", "Bertrand", "Coralie", "Desmond", "Eulalia", "Fitz", "Greta", "Horatio", "Ilse", "Jericho", "Kesi")
_FAMILY = ("Brightwater", "Castellon", "Drummle", "Everdeane", "Fairweather", "Gladwyn", "Hollowell", "Ivanisevic")
_AREA_CODES = (213, 310, 323, 424, 818)
"""Each with the hundred numbers 555-0100 to 555-0199: nobody has another caller's."""
_STREETS = (
    "Alder Vale Ave",
    "Bluefinch St",
    "Candlewick Blvd",
    "Dovetail Ln",
    "Elderberry Way",
    "Foxglove Ter",
    "Gossamer Pl",
    "Hearthstone Dr",
    "Inkwell Ct",
    "Juniper Hollow Rd",
)
_STORIES = {
    ROUTINE: (
        "Two neighbours arguing over noise for the third night, no threats, caller asks for somebody to mediate.",
        "Roommates in dispute over a parking space, both calm now, would like somebody neutral to talk to.",
        "Man resting in the lobby and does not want to leave, polite, the clerk asks for help to find him a place.",
    ),
    DISTRESS: (
        "Brother off his medication, pacing and crying, has hurt nobody, asks for help himself.",
        "Woman talking to herself in the laundry room, frightened, calm when spoken to.",
        "Man on the bench weeping, says that he has not slept for days, wants to talk with somebody.",
        "Neighbour has not seen the older man upstairs for two days, mail piling up, asks for a check.",
    ),
    SOON: (
        "Daughter says that her father speaks of not wanting to live, no plan, no means at hand, alone at home.",
        "Caller says that he cannot go on tonight, has nothing with him, would talk with somebody.",
    ),
}


def clock(minutes: float) -> str:
    """Return minutes after the start as the file writes them."""
    seconds = round(abs(minutes) * 60)
    sign = "-" if minutes < 0 else "+"
    return f"T{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@dataclass(slots=True)
class Evening:
    """The evening as it is being written."""

    chance: Random = field(default_factory=lambda: Random(SEED))
    entries: list[tuple[float, Json]] = field(default_factory=list[tuple[float, Json]])
    count: int = 0

    def add(self, minute: float, what: str, **more: object) -> None:
        """Write an entry."""
        self.entries.append((minute, {"at": clock(minute), "do": what, **more}))

    def number(self) -> str:
        """Return the next incident number."""
        self.count += 1
        return f"{_DATE}{4000 + self.count:06}"

    def picture(self, minute: float, division: int | None, pressing: str, **changes: object) -> Json:
        """Return a diverted call's picture with every question answered no; `changes` replace its fields."""
        chance = self.chance
        picture: Json = {
            "agency": "lapd",
            "incident_number": self.number(),
            "feed": "diverted",
            "origin": chance.choice(["911", "911", "non_emergency"]),
            "revision": 1,
            "call_type": chance.choice(TYPES[pressing]),
            "priority": "3",
            "caller_relation": chance.choice(["self", "family", "neighbour", "bystander", "staff"]),
            "age_band": chance.choice(["adult", "adult", "older"]),
            "language": chance.choice(["en", "en", "en", "es", "ko"]),
            "place_kind": chance.choice(["residence", "street", "business", "park", "transit"]),
            "people_present": chance.randint(1, 3),
            "answers": {question: {"answer": "no", "at": clock(minute - 0.5)} for question in _SAFETY},
            "stamps": {"answered_at": clock(minute - 2), "created_at": clock(minute - 0.2)},
            "narrative": chance.choice(_STORIES[pressing]),
            "caller": {
                "name": f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}",
                "number": f"+1{_AREA_CODES[self.count // 100]}55501{self.count % 100:02}",
                "ringing_is_safe": "yes",
            },
        }
        if division is not None:
            north, east = CENTRES[division]
            picture |= {
                "reporting_district": f"{division:02}{chance.randint(1, 99):02}",
                "area": str(division),
                "address": {
                    "text": f"{chance.randint(100, 9999)} {chance.choice(_STREETS)}",
                    "latitude": round(north + chance.uniform(-0.015, 0.015), 5),
                    "longitude": round(east + chance.uniform(-0.015, 0.015), 5),
                },
            }
        return picture | changes

    def call(self, minute: float, division: int | None, pressing: str, **changes: object) -> Json:
        """Write a call and return its picture."""
        picture = self.picture(minute, division, pressing, **changes)
        self.add(minute, "call", body=picture)
        return picture

    def update(self, minute: float, picture: Json, **changes: object) -> Json:
        """Write a newer picture of a call and return it."""
        newer = picture | {"revision": _revision(picture) + 1, "updated_at": clock(minute)} | changes
        self.add(minute, "update", incident=picture["incident_number"], body=newer)
        return newer


def _revision(picture: Json) -> int:
    number = picture["revision"]
    return number if isinstance(number, int) else 0


def answers(picture: Json, minute: float, **given: str) -> Json:
    """Return the answers of a picture with some replaced; ``-`` leaves a question unasked."""
    kept = dict(cast("Json", picture["answers"]))
    for question, answer in given.items():
        if answer == "-":
            kept.pop(question, None)
        else:
            kept[question] = {"answer": answer, "at": clock(minute)}
    return kept


def write() -> Iterator[str]:
    """Yield the lines of the evening, in the order of their times."""
    evening = Evening()
    _shifts(evening)
    _plain(evening)
    _not_served(evening)
    _reviewed(evening)
    _excluded(evening)
    _other_programmes(evening)
    _changing(evening)
    _cancelled(evening)
    _odd(evening)
    _observed(evening)
    for _, entry in sorted(evening.entries, key=lambda pair: pair[0]):
        yield json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _shifts(evening: Evening) -> None:
    for provider, teams in {"exodus": 4, "alcott": 4, "penny-lane": 4, "circle": 2, "crisis-line": 4}.items():
        on_duty = [
            {"team": f"{provider}-{n}", "unit": f"{provider}-{n}".upper(), "members": 2, "languages": ["en", "es"]}
            for n in range(1, teams + 1)
        ]
        evening.add(0, "shift", provider=provider, teams=on_duty)


def _plain(evening: Evening) -> None:
    """Calls that a provider is offered; what becomes of them is up to the provider."""
    for n in range(42):
        minute = 0.4 + n * 0.6
        pressing = (ROUTINE, DISTRESS, SOON)[n % 3]
        picture = evening.picture(minute, SERVED[n % len(SERVED)], pressing)
        if pressing == SOON:
            picture["answers"] = answers(picture, minute - 0.5, suicidal="yes")
        evening.add(minute, "call", body=picture)


def _not_served(evening: Evening) -> None:
    """Eligible calls of the divisions that no provider serves, and calls without a usable area."""
    for n, division in enumerate(UNSERVED):
        evening.call(0.9 + n * 1.6, division, (ROUTINE, DISTRESS)[n % 2])
    for minute, area in ((6.1, "0"), (12.7, "Outside"), (19.3, None)):
        picture = evening.picture(minute, None, ROUTINE)
        if area is not None:
            picture["area"] = area
        evening.add(minute, "call", body=picture)


def _reviewed(evening: Evening) -> None:
    """Calls with a safety question that nobody asked, or that the caller could not answer."""
    gaps = ("weapon", "violence", "overdose", "medical_emergency", "suicide_means")
    for n in range(12):
        minute = 1.3 + n * 2.0
        picture = evening.picture(minute, SERVED[(n * 5) % len(SERVED)], (DISTRESS, ROUTINE)[n % 2])
        said = "-" if n % 3 else "unknown"
        picture["answers"] = answers(picture, minute - 0.5, **{gaps[n % len(gaps)]: said})
        evening.add(minute, "call", body=picture)


def _excluded(evening: Evening) -> None:
    """Calls that no unarmed team may be sent to."""
    for n, question in enumerate(("weapon", "violence", "crime_in_progress", "hostage", "medical_emergency", "fire")):
        minute = 2.2 + n * 3.7
        picture = evening.picture(minute, SERVED[n % len(SERVED)], DISTRESS)
        picture["answers"] = answers(picture, minute - 0.5, **{question: "yes"})
        evening.add(minute, "call", body=picture)
    evening.call(14.4, 12, DISTRESS, call_type="245SN", narrative="Caller reports a fight with injuries at the corner.")


def _other_programmes(evening: Evening) -> None:
    """Calls for CIRCLE, the crisis line, and the co-response teams of the police."""
    for n, division in enumerate((6, 14, 1, 13, 9)):
        minute = 3.1 + n * 3.9
        picture = evening.picture(minute, division, ROUTINE, place_kind="street")
        picture["answers"] = answers(picture, minute - 0.5, unhoused="yes")
        evening.add(minute, "call", body=picture)
    for n, division in enumerate((4, 7, 16, 19)):
        minute = 4.6 + n * 4.4
        picture = evening.picture(minute, division, SOON, caller_relation="self", place_kind="residence")
        picture["answers"] = answers(picture, minute - 0.5, suicidal="yes", inside_residence="yes")
        evening.add(minute, "call", body=picture)
    for n, division in enumerate((3, 20)):
        minute = 8.8 + n * 7.1
        picture = evening.picture(minute, division, SOON)
        picture["answers"] = answers(picture, minute - 0.5, suicidal="yes", suicide_means="yes")
        evening.add(minute, "call", body=picture)


def _changing(evening: Evening) -> None:
    """Calls of which more becomes known: danger at every stage, and plain news."""
    for n, after in enumerate((1.0, 1.3, 4.0, 8.5, 9.5)):
        minute = 2.6 + n * 2.9
        picture = evening.call(minute, SERVED[(n * 2 + 1) % len(SERVED)], (DISTRESS, ROUTINE)[n % 2])
        danger = ("weapon", "violence")[n % 2]
        later = minute + after
        evening.update(later, picture, answers=answers(picture, later, **{danger: "yes"}))
    for n in range(4):
        minute = 5.2 + n * 4.1
        picture = evening.call(minute, SERVED[(n * 3) % len(SERVED)], DISTRESS)
        evening.update(
            minute + 1.5,
            picture,
            people_present=2,
            narrative=f"{picture['narrative']} Caller adds: the dog is locked away, ring at the side gate.",
        )
    # A revision that was overtaken by a newer one on the way.
    picture = evening.call(11.5, 8, ROUTINE)
    older = picture | {"revision": 2, "updated_at": clock(12.5), "people_present": 4}
    evening.update(12.6, picture | {"revision": 2}, people_present=1)
    evening.add(12.8, "update", incident=picture["incident_number"], body=older)


def _cancelled(evening: Evening) -> None:
    """Calls that CAD cancels, early and late, and duplicates of others."""
    for n, after in enumerate((1.0, 1.5, 5.0, 11.0)):
        minute = 3.4 + n * 3.3
        picture = evening.call(minute, SERVED[(n + 2) % len(SERVED)], (ROUTINE, DISTRESS)[n % 2])
        evening.add(minute + after, "cancel", incident=picture["incident_number"], body={"reason": "caller"})
    for n in range(2):
        minute = 7.3 + n * 8.2
        master = evening.call(minute, SERVED[n], DISTRESS)
        again = evening.call(minute + 1.0, SERVED[n], DISTRESS, address=master["address"])
        evening.add(
            minute + 2.0,
            "cancel",
            incident=again["incident_number"],
            body={"reason": "duplicate", "duplicate_of": master["incident_number"]},
        )
    # Cancelled in error, and back as a new call.
    picture = evening.call(4.9, 17, DISTRESS)
    evening.add(5.9, "cancel", incident=picture["incident_number"], body={"reason": "entered_in_error"})
    again = picture | {"revision": 2, "updated_at": clock(9.0)}
    evening.add(9.0, "reopen", incident=picture["incident_number"], body=again)


def _odd(evening: Evening) -> None:
    """Drills, calls entered afterwards, and words that nobody understands."""
    for minute, division in ((10.3, 7), (16.9, 18)):
        evening.call(minute, division, DISTRESS, exercise=True)
    for n, division in enumerate((7, 8, 12)):
        minute = 13.2 + n * 3.0
        began = minute - 180
        stamps = {"created_at": clock(began), "dispatched_at": clock(began + 4), "closed_at": clock(began + 45)}
        if n < 2:  # noqa: PLR2004  # the last one was never reached
            stamps["arrived_at"] = clock(began + 15)
        evening.call(minute, division, ROUTINE, recorded_late=True, feed="observed", stamps=stamps)
    picture = evening.call(8.2, 10, DISTRESS, call_type="ZZ99", language="", area="North by northwest")
    picture = evening.picture(15.6, 20, DISTRESS, color="blue")
    picture["answers"] = answers(picture, 15.1, weapon="perhaps", violence="nope")
    evening.add(15.6, "call", body=picture)


def _observed(evening: Evening) -> None:
    """Calls that nobody diverted: judged silently, until CAD closes them."""
    codes = ("918M", "507P", "415M", "242SN", "459X", "906B1", "904A", "620D", "484SN", "415W", "918M", "594SN")
    for n in range(24):
        minute = 0.7 + n * 1.05
        picture = evening.picture(minute, n % 21 + 1, ROUTINE, feed="observed", call_type=codes[n % len(codes)])
        if n % 2:
            picture.pop("answers")
        picture["narrative"] = "Entered by the dispatcher; see the call type."
        evening.add(minute, "call", body=picture)
        closed = minute + 9 + n % 7
        stamps = {"dispatched_at": clock(minute + 2), "arrived_at": clock(minute + 5), "closed_at": clock(closed)}
        evening.add(
            closed, "close", incident=picture["incident_number"], body={"disposition_code": "CLEAR", "stamps": stamps}
        )
    for n in range(6):
        minute = 1.9 + n * 3.9
        picture = evening.picture(
            minute, n * 3 + 1, ROUTINE, feed="observed", origin="officer_initiated", call_type=("006", "902")[n % 2]
        )
        picture.pop("answers")
        picture["narrative"] = None
        evening.add(minute, "call", body=picture)
        evening.add(minute + 8, "close", incident=picture["incident_number"], body={"disposition_code": "CODE4"})
    # The dispatcher thinks again, and diverts a call that was only observed.
    picture = evening.call(6.8, 20, DISTRESS, feed="observed")
    evening.update(8.0, picture, feed="diverted")


def main() -> None:
    """Write the evening to standard output."""
    for line in write():
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
