"""Strips and alarms in the words of the trade. No name, no address and no free text has a place here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from divert_chassis.words import UNSAID, plain, titled
from divert_contracts.vocabulary import Acuity, Stage
from divert_reporting.adapters.alarms import Acknowledged, Note
from divert_reporting.domain.city import NAMES
from divert_reporting.domain.pipeline import GATEWAY
from divert_reporting.domain.strips import PERSON_IN_DANGER, Alarm, AlarmKind, Lane, Strip

LANES: Mapping[Lane, str] = {
    Lane.TRIAGED: "Triaged",
    Lane.OFFERED: "Offered",
    Lane.ON_THE_WAY: "On the way",
    Lane.ON_SCENE: "On scene",
    Lane.HANDING_BACK: "Handing back",
}
EMPTY: Mapping[Lane, str] = {
    Lane.TRIAGED: "Nothing waits for a decision.",
    Lane.OFFERED: "No offer is open.",
    Lane.ON_THE_WAY: "No team is on its way.",
    Lane.ON_SCENE: "No team is with anybody.",
    Lane.HANDING_BACK: "Nothing waits for the dispatcher.",
}
CUSTODY: Mapping[Stage, tuple[str, str]] = {
    Stage.IN_REVIEW: ("The desk must decide", "decide in"),
    Stage.HELD: ("Held at the desk", "decide in"),
    Stage.OFFERED: ("{who} is asked{again}", "answer in"),
    Stage.ACKNOWLEDGED: ("{who} has it{arriving}", "set off in"),
    Stage.EN_ROUTE: ("{who} coming{arriving}", "there in"),
    Stage.ON_SCENE: ("{who} is there", "check in"),
}
"""Who has a call at each stage, and what is to be done by its limit."""
LATE: Mapping[Lane, str] = {
    Lane.TRIAGED: "Undecided",
    Lane.OFFERED: "No answer",
    Lane.ON_THE_WAY: "Late",
    Lane.ON_SCENE: "No word",
    Lane.HANDING_BACK: "Unaccepted",
}
LATE_TEAM: Mapping[AlarmKind, str] = {
    AlarmKind.UNCONFIRMED_RECALL: "Unconfirmed",
    AlarmKind.MISSED_SAFETY_CHECK: "No word",
}
"""What is late of a team that the call was taken from."""
ACUITIES: Mapping[Acuity, str] = {
    Acuity.IMMEDIATE: "immediate",
    Acuity.EMERGENT: "emergent",
    Acuity.URGENT: "urgent",
    Acuity.ROUTINE: "routine",
    Acuity.UNKNOWN: "not judged",
}
ALARMS: Mapping[AlarmKind, str] = {
    AlarmKind.UNANSWERED_OFFER: "Offer not answered",
    AlarmKind.UNCONFIRMED_RECALL: "Recall not confirmed",
    AlarmKind.UNACCEPTED_HAND_OFF: "Hand-off not accepted",
    AlarmKind.UNACCEPTED_ASSISTANCE: "Help not accepted",
    AlarmKind.MISSED_SAFETY_CHECK: "Safety check missed",
    AlarmKind.DEAD_LETTER: "Record not understood",
    AlarmKind.STAGE_LAG: "Service behind or down",
    AlarmKind.PROVIDER_DOWN: "Provider down",
    AlarmKind.WEBHOOK_GONE: "Takes no more webhooks",
    AlarmKind.UNKNOWN: "Alarm",
}
ICONS: Mapping[AlarmKind, str] = {
    AlarmKind.UNANSWERED_OFFER: "extension",
    AlarmKind.UNCONFIRMED_RECALL: "recall",
    AlarmKind.UNACCEPTED_HAND_OFF: "hand_off",
    AlarmKind.UNACCEPTED_ASSISTANCE: "assistance",
    AlarmKind.MISSED_SAFETY_CHECK: "check",
}
NOTES: Mapping[Note, str] = {
    Note.LOOKING_INTO_IT: "Looking into it",
    Note.RANG_PROVIDER: "Rang the provider",
    Note.RANG_DISPATCHER: "Rang the dispatcher",
    Note.SENT_SOMEBODY: "Sent somebody",
    Note.KNOWN_OUTAGE: "A known outage",
    Note.FALSE_ALARM: "A false alarm",
    Note.DRILL: "A drill",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A strip as it is shown."""

    call_id: UUID
    type: str
    acuity: str
    drill: bool
    place: str
    incident: str
    custody: str
    """Who has it and what happens, in a sentence without its end."""
    due: datetime | None
    due_word: str
    late: str | None
    """What was not done in time."""
    danger: bool
    """A team out there may be in danger."""
    threat: str | None
    """What threatens it, where the custody line does not say so."""
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Bell:
    """An alarm as it is shown."""

    id: str
    call_id: UUID | None
    icon: str
    word: str
    about: str
    danger: bool
    raised_at: datetime
    seen: Acknowledged | None
    note: str


def service(name: str) -> str:
    """Return what people call a service."""
    return titled(name.removeprefix(GATEWAY))


def alarm_id(alarm: str) -> str:
    """Return an alarm's name as an element's id."""
    return re.sub(r"[^a-zA-Z0-9-]", "-", alarm)


def padded(number: int, digits: int = 3) -> str:
    """Return a number with the room of so many digits, so that what stands there stays when another digit comes."""
    return f"{number:{digits}d}".replace(" ", "\N{FIGURE SPACE}")


def place(division: int | None) -> str:
    """Return a division's name."""
    return "no usable area" if division is None else NAMES.get(division, f"division {division}")


def card(strip: Strip, at: datetime, zone: ZoneInfo) -> Card:
    """Return a strip as it is shown at a time."""
    custody, due_word = _custody(strip, zone)
    return Card(
        call_id=strip.call_id,
        type=strip.call_type or UNSAID,
        acuity=ACUITIES[strip.acuity],
        drill=strip.drill,
        place=place(strip.division),
        incident=strip.incident_number or UNSAID,
        custody=custody,
        due=strip.due,
        due_word=due_word,
        late=_late(strip) if strip.is_late(at) else None,
        danger=strip.emergency or bool(_dangers(strip, at)),
        threat=_threat(strip, at),
        accepted_at=strip.accepted_at,
    )


def _dangers(strip: Strip, at: datetime) -> list[AlarmKind]:
    return [one.kind for one in strip.alarms if one.stands(at) and one.kind in PERSON_IN_DANGER]


def _threat(strip: Strip, at: datetime) -> str | None:
    if strip.emergency:
        return "Team in danger"
    found = [one for one in _dangers(strip, at) if strip.lane is not Lane.HANDING_BACK]
    return ALARMS[found[0]] if found else None


def _late(strip: Strip) -> str:
    first = _first(strip) if strip.lane is Lane.HANDING_BACK else None
    return LATE[strip.lane] if first is None else LATE_TEAM.get(first.kind, LATE[strip.lane])


def _first(strip: Strip) -> Alarm | None:
    return min(strip.alarms, key=lambda one: one.raised_at, default=None)


def _custody(strip: Strip, zone: ZoneInfo) -> tuple[str, str]:
    if strip.stage is Stage.CONCLUDED:
        return _handing_back(strip)
    says, due_word = CUSTODY.get(strip.stage, ("The rules are being asked", "decide in"))
    return says.format(
        who=titled(strip.provider),
        arriving="" if strip.arrive_by is None else f", by {strip.arrive_by.astimezone(zone):%H:%M}",
        again=f", offer {strip.attempt}" if strip.attempt > 1 else "",
    ), due_word


def _handing_back(strip: Strip) -> tuple[str, str]:
    first = _first(strip)
    if first is None:
        return f"{titled(strip.provider)} has not said that it is out", ""
    if first.kind is AlarmKind.UNCONFIRMED_RECALL:
        return f"{titled(first.about)} to confirm recall", "confirm in"
    if first.kind is AlarmKind.MISSED_SAFETY_CHECK:
        return f"{titled(first.about)} has not answered its check", ""
    return "Dispatcher must accept", "accept in"


def bell(alarm: Alarm, strip: Strip | None, seen: Acknowledged | None) -> Bell:
    """Return an alarm as it is shown."""
    about = service(alarm.about)
    if strip is not None:
        who = "" if alarm.kind is AlarmKind.UNACCEPTED_HAND_OFF else f"{about}, "
        about = f"{who}{place(strip.division)}, {strip.incident_number or plain(None)}"
    return Bell(
        id=alarm.id,
        call_id=alarm.call_id,
        icon=ICONS.get(alarm.kind, "assistance"),
        word=ALARMS[alarm.kind],
        about=about,
        danger=alarm.kind in PERSON_IN_DANGER,
        raised_at=alarm.raised_at,
        seen=seen,
        note="" if seen is None else NOTES.get(seen.note, plain(seen.note)),
    )
