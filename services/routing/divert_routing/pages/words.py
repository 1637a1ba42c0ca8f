"""What the desk says: the words of the trade for codes."""

from collections.abc import Mapping

from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Assistance,
    Certainty,
    DirectionReason,
    HandOffReason,
    Hazard,
    Origin,
    Programme,
    Question,
    RecallReason,
    Responder,
    ReviewReason,
    SignalSource,
    Stage,
)

QUESTIONS: Mapping[Question, str] = {
    Question.WEAPON: "Weapon seen, mentioned or within reach",
    Question.VIOLENCE: "Anybody hurt, threatened or violent",
    Question.CRIME_IN_PROGRESS: "Crime in progress or suspect there",
    Question.MEDICAL_EMERGENCY: "Badly hurt or ill, not breathing",
    Question.OVERDOSE: "Overdose",
    Question.IN_TRAFFIC: "In or beside traffic or rails",
    Question.AT_HEIGHT: "On a roof, bridge or ledge",
    Question.IN_VEHICLE: "In control of a vehicle",
    Question.HOSTAGE: "Anybody held, or barricaded",
    Question.DOMESTIC_VIOLENCE: "Violence between partners or in the family",
    Question.FIRE: "Fire, smoke or gas",
    Question.SUICIDAL: "Speaks of ending their life",
    Question.SUICIDE_MEANS: "Has the means at hand",
    Question.JUVENILE: "Under 18",
    Question.INSIDE_RESIDENCE: "Inside a home",
    Question.THIRD_PARTY: "Caller is not with the person",
    Question.UNHOUSED: "Living without a home",
    Question.INDECENT_EXPOSURE: "Exposing themselves",
    Question.UNKNOWN: "A question that this version does not know",
}
ANSWERS: Mapping[Answer, str] = {
    Answer.YES: "yes",
    Answer.NO: "no",
    Answer.UNKNOWN: "caller does not know",
    Answer.NOT_ASKED: "nobody asked",
}
HAZARDS: Mapping[Hazard, str] = {
    Hazard.WEAPON: "weapon",
    Hazard.VIOLENCE: "violence",
    Hazard.CRIME_IN_PROGRESS: "crime in progress",
    Hazard.MEDICAL: "medical emergency",
    Hazard.OVERDOSE: "overdose",
    Hazard.TRAFFIC: "traffic",
    Hazard.HEIGHT: "height",
    Hazard.VEHICLE: "vehicle",
    Hazard.HOSTAGE: "hostage or barricade",
    Hazard.DOMESTIC_VIOLENCE: "domestic violence",
    Hazard.FIRE: "fire",
    Hazard.SUICIDE_MEANS: "means of suicide at hand",
    Hazard.UNKNOWN: "danger that this version has no word for",
}
CERTAINTIES: Mapping[Certainty, str] = {
    Certainty.PRESENT: "there",
    Certainty.POSSIBLE: "perhaps",
    Certainty.DENIED: "denied",
    Certainty.UNKNOWN: "unclear",
}
SOURCES: Mapping[SignalSource, str] = {
    SignalSource.ANSWER: "by the caller's answer",
    SignalSource.CALL_TYPE: "by the call type",
    SignalSource.FLAG: "by CAD's flag",
    SignalSource.NARRATIVE: "by the words of the call",
    SignalSource.PREMISE: "known of the place from before",
    SignalSource.NEARBY: "from another call close by",
    SignalSource.TEAM: "by the team",
    SignalSource.PERSON: "by a person at the desk",
    SignalSource.UNKNOWN: "by a source that this version does not know",
}
ACUITIES: Mapping[Acuity, str] = {
    Acuity.IMMEDIATE: "immediate",
    Acuity.EMERGENT: "emergent",
    Acuity.URGENT: "urgent",
    Acuity.ROUTINE: "routine",
    Acuity.UNKNOWN: "not judged yet",
}
STAGES: Mapping[Stage, str] = {
    Stage.AWAITING_TRIAGE: "with the rules",
    Stage.IN_REVIEW: "in review",
    Stage.HELD: "held at the desk",
    Stage.OFFERED: "offered",
    Stage.ACKNOWLEDGED: "taken",
    Stage.EN_ROUTE: "on the way",
    Stage.ON_SCENE: "on scene",
    Stage.OBSERVED: "only observed",
    Stage.CONCLUDED: "ended",
    Stage.UNKNOWN: "unknown",
}
ASSISTANCE: Mapping[Assistance, str] = {
    Assistance.EMERGENCY: "Team in danger",
    Assistance.BACKUP: "Team wants backup",
    Assistance.MEDICAL: "Team wants an ambulance",
    Assistance.CHECK_ON_TEAM: "Check on the team",
    Assistance.TEAM_PRESENT: "Team at a call not theirs",
    Assistance.RECALL_UNCONFIRMED: "Team may not have withdrawn",
    Assistance.UNKNOWN: "Team wants help",
}
HAND_OFFS: Mapping[HandOffReason, str] = {
    HandOffReason.DANGER: "danger",
    HandOffReason.MEDICAL: "medical emergency",
    HandOffReason.INELIGIBLE: "not for an unarmed team",
    HandOffReason.NOT_TRIAGED: "the rules did not answer in time",
    HandOffReason.REVIEW_EXPIRED: "nobody reviewed it in time",
    HandOffReason.NOT_UNDERSTOOD: "it could not be read",
    HandOffReason.NOBODY_TOOK_IT: "nobody took it",
    HandOffReason.NO_PROVIDER: "no provider there",
    HandOffReason.OTHER_PROGRAMME: "for another responder",
    HandOffReason.MISSED_EN_ROUTE: "no team set out in time",
    HandOffReason.MISSED_ARRIVAL: "no team arrived in time",
    HandOffReason.HANDED_BACK: "the team gave it back",
    HandOffReason.TAKEN_BACK: "the desk took it back",
    HandOffReason.NOT_CLOSED: "it was never closed",
    HandOffReason.DECIDED_TOO_LATE: "decided too late",
    HandOffReason.CLOSED_WITHOUT_CONTACT: "closed without contact",
    HandOffReason.UNKNOWN: "a reason that this version does not know",
}
RECALLS: Mapping[RecallReason, str] = {
    RecallReason.DANGER: "danger",
    RecallReason.CANCELLED: "cancelled",
    RecallReason.ANSWER_OVERDUE: "answered too late",
    RecallReason.LATE_ANSWER: "answered too late",
    RecallReason.MISSED_EN_ROUTE: "did not set out in time",
    RecallReason.MISSED_ARRIVAL: "did not arrive in time",
    RecallReason.ARRIVAL_TOO_LATE: "would arrive too late",
    RecallReason.TAKEN_BACK: "the desk took it back",
    RecallReason.REASSIGNED: "given to others",
    RecallReason.HELD: "held at the desk",
    RecallReason.NO_LONGER_ELIGIBLE: "no longer for an unarmed team",
    RecallReason.DIVISION_CHANGED: "another division",
    RecallReason.CLOSED_BY_CAD: "closed by CAD",
    RecallReason.NOT_CLOSED: "never closed",
    RecallReason.NOT_UNDERSTOOD: "could not be read",
    RecallReason.UNKNOWN: "a reason that this version does not know",
}
RESPONDERS: Mapping[Responder, str] = {
    Responder.PATROL: "patrol",
    Responder.LAFD: "LAFD",
    Responder.MEU: "MEU",
    Responder.CRISIS_LINE: "988",
    Responder.PROVIDER: "a provider",
    Responder.HOLD: "hold: look first",
    Responder.NOBODY: "nobody",
    Responder.UNKNOWN: "unknown",
}
PROGRAMMES: Mapping[Programme, str] = {
    Programme.UMCR: "UMCR",
    Programme.CIRCLE: "CIRCLE",
    Programme.PHONE: "988 by telephone",
    Programme.SMART: "SMART (officer and clinician)",
    Programme.FIRE_EMS: "fire and EMS",
    Programme.NONE: "no programme",
    Programme.UNKNOWN: "unknown programme",
}
ORIGINS: Mapping[Origin, str] = {
    Origin.NINE_ONE_ONE: "911",
    Origin.NON_EMERGENCY: "non-emergency line",
    Origin.POLICE_REQUESTED: "officers ask for it",
    Origin.NINE_EIGHT_EIGHT: "988",
    Origin.PROVIDER_LINE: "a provider's line",
}
"""Origins that are entered at the desk, in the order of the form."""
REVIEW_REASONS: Mapping[ReviewReason, str] = {
    ReviewReason.CALLER_ASKED_AGAIN: "Caller asked again",
    ReviewReason.RECORD_IS_CLEAR: "The record is clear",
    ReviewReason.DANGER_LIKELY: "Danger likely",
    ReviewReason.NOT_A_CRISIS_CALL: "Not a crisis call",
    ReviewReason.MEDICAL_FIRST: "Medical first",
    ReviewReason.CANNOT_TELL: "Cannot tell",
    ReviewReason.OTHER: "Other",
}
FOR = (ReviewReason.CALLER_ASKED_AGAIN, ReviewReason.RECORD_IS_CLEAR, ReviewReason.OTHER)
"""Reasons that speak for an unarmed team."""
AGAINST = (
    ReviewReason.DANGER_LIKELY,
    ReviewReason.NOT_A_CRISIS_CALL,
    ReviewReason.MEDICAL_FIRST,
    ReviewReason.CANNOT_TELL,
    ReviewReason.OTHER,
)
DIRECTION_REASONS: Mapping[DirectionReason, str] = {
    DirectionReason.NEW_INFORMATION: "New information",
    DirectionReason.SAFETY: "Safety",
    DirectionReason.PROVIDER_ASKED: "Provider asked",
    DirectionReason.PROVIDER_DOWN: "Provider down",
    DirectionReason.BETTER_MATCH: "Better match",
    DirectionReason.CALLER_ASKED: "Caller asked",
    DirectionReason.SUPERVISOR: "Supervisor",
    DirectionReason.OTHER: "Other",
}
