"""The words that divert uses: closed vocabularies, each with an ``unknown`` reading."""

from divert_contracts.model import Term


class Feed(Term):
    """How a call came to divert."""

    DIVERTED = "diverted"
    """The dispatcher chose it for an unarmed team; it may be offered."""
    OBSERVED = "observed"
    """Everything else: judged silently, never reviewed, offered or handed off."""
    UNKNOWN = "unknown"


class Origin(Term):
    """Where the call came from."""

    NINE_ONE_ONE = "911"
    NON_EMERGENCY = "non_emergency"
    POLICE_REQUESTED = "police_requested"
    SELF_INITIATED = "self_initiated"
    """A team came upon it."""
    NINE_EIGHT_EIGHT = "988"
    PROVIDER_LINE = "provider_line"
    OFFICER_INITIATED = "officer_initiated"
    """An officer's own activity; outside every denominator."""
    UNKNOWN = "unknown"


class Answer(Term):
    """An answer to a screening question. Only ``no`` is no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """Asked, and the caller does not know."""
    NOT_ASKED = "not_asked"


class Question(Term):
    """The questions of the screening script."""

    WEAPON = "weapon"
    """Is a weapon seen, mentioned or within reach?"""
    VIOLENCE = "violence"
    """Has anybody been hurt or threatened, or is somebody violent?"""
    CRIME_IN_PROGRESS = "crime_in_progress"
    """Is a crime being committed, or is a suspect there?"""
    MEDICAL_EMERGENCY = "medical_emergency"
    """Is somebody badly hurt or ill, unconscious or not breathing?"""
    OVERDOSE = "overdose"
    """Has somebody taken an overdose?"""
    IN_TRAFFIC = "in_traffic"
    """Is the person in or beside moving traffic or rails?"""
    AT_HEIGHT = "at_height"
    """Is the person on a roof, bridge, ledge or similar?"""
    IN_VEHICLE = "in_vehicle"
    """Is the person in control of a vehicle?"""
    HOSTAGE = "hostage"
    """Is anybody held, or is the person barricaded?"""
    DOMESTIC_VIOLENCE = "domestic_violence"
    """Is this violence between partners or in the family?"""
    FIRE = "fire"
    """Is there fire, smoke or gas?"""
    SUICIDAL = "suicidal"
    """Does the person speak of ending their life?"""
    SUICIDE_MEANS = "suicide_means"
    """Has the person the means at hand?"""
    JUVENILE = "juvenile"
    """Is the person under 18?"""
    INSIDE_RESIDENCE = "inside_residence"
    """Is it inside somebody's home?"""
    THIRD_PARTY = "third_party"
    """Is the caller somebody who is not with the person?"""
    UNHOUSED = "unhoused"
    """Is the person living without a home?"""
    INDECENT_EXPOSURE = "indecent_exposure"
    """Is the person exposing themselves?"""
    UNKNOWN = "unknown"


class Hazard(Term):
    """What a signal is about. All but ``medical`` and ``overdose`` are danger to an unarmed team."""

    WEAPON = "weapon"
    VIOLENCE = "violence"
    CRIME_IN_PROGRESS = "crime_in_progress"
    MEDICAL = "medical"
    OVERDOSE = "overdose"
    TRAFFIC = "traffic"
    HEIGHT = "height"
    VEHICLE = "vehicle"
    HOSTAGE = "hostage"
    DOMESTIC_VIOLENCE = "domestic_violence"
    FIRE = "fire"
    SUICIDE_MEANS = "suicide_means"
    UNKNOWN = "unknown"
    """A hazard that this version has no word for: danger."""


MEDICAL = frozenset({Hazard.MEDICAL, Hazard.OVERDOSE})
"""The hazards that call for an ambulance and are no danger to a team."""

DANGER_ASKED_FOR = {
    Question.WEAPON: Hazard.WEAPON,
    Question.VIOLENCE: Hazard.VIOLENCE,
    Question.CRIME_IN_PROGRESS: Hazard.CRIME_IN_PROGRESS,
    Question.MEDICAL_EMERGENCY: Hazard.MEDICAL,
    Question.OVERDOSE: Hazard.OVERDOSE,
    Question.IN_TRAFFIC: Hazard.TRAFFIC,
    Question.AT_HEIGHT: Hazard.HEIGHT,
    Question.IN_VEHICLE: Hazard.VEHICLE,
    Question.HOSTAGE: Hazard.HOSTAGE,
    Question.DOMESTIC_VIOLENCE: Hazard.DOMESTIC_VIOLENCE,
    Question.FIRE: Hazard.FIRE,
    Question.SUICIDE_MEANS: Hazard.SUICIDE_MEANS,
    Question.UNKNOWN: Hazard.UNKNOWN,
}
"""What a *yes* to a question means that asks for danger. Of those that are absent the policy alone says it."""


class SignalSource(Term):
    """What a signal was read from."""

    ANSWER = "answer"
    CALL_TYPE = "call_type"
    FLAG = "flag"
    NARRATIVE = "narrative"
    PREMISE = "premise"
    NEARBY = "nearby"
    TEAM = "team"
    PERSON = "person"
    """A dispatcher or reviewer said so."""
    UNKNOWN = "unknown"


class Certainty(Term):
    """How a signal was said."""

    PRESENT = "present"
    POSSIBLE = "possible"
    """Unknown, past, hearsay, another's or a toy: a person must look."""
    DENIED = "denied"
    UNKNOWN = "unknown"


class Acuity(Term):
    """How soon, on the UK mental health triage scale."""

    IMMEDIATE = "immediate"
    """A: life at risk; never offered."""
    EMERGENT = "emergent"
    """B: risk soon."""
    URGENT = "urgent"
    """C: distress, no danger."""
    ROUTINE = "routine"
    """D to G."""
    UNKNOWN = "unknown"


class Eligibility(Term):
    """Whether an unarmed team may take the call."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    NEEDS_REVIEW = "needs_review"
    UNKNOWN = "unknown"


class Programme(Term):
    """Who is meant to take the call."""

    UMCR = "umcr"
    """Unarmed Model of Crisis Response: three providers by division."""
    CIRCLE = "circle"
    """Crisis and Incident Response through Community-Led Engagement."""
    PHONE = "phone"
    """A crisis line, 988."""
    SMART = "smart"
    """LAPD's Mental Evaluation Unit: officer with clinician."""
    FIRE_EMS = "fire_ems"
    NONE = "none"
    UNKNOWN = "unknown"


class Responder(Term):
    """Who goes, or went."""

    PATROL = "patrol"
    LAFD = "lafd"
    MEU = "meu"
    CRISIS_LINE = "988"
    PROVIDER = "provider"
    HOLD = "hold"
    """Nobody yet: the PSAP keeps the call."""
    NOBODY = "nobody"
    UNKNOWN = "unknown"


class Stage(Term):
    """Where a call stands in routing."""

    AWAITING_TRIAGE = "awaiting_triage"
    IN_REVIEW = "in_review"
    HELD = "held"
    """Eligible; the desk holds the offer back for a while."""
    OFFERED = "offered"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    OBSERVED = "observed"
    CONCLUDED = "concluded"
    UNKNOWN = "unknown"


class Outcome(Term):
    """What became of a call: exactly one."""

    SERVED = "served"
    WITHDRAWN = "withdrawn"
    ELIGIBLE_NOT_SERVED = "eligible_not_served"
    INELIGIBLE = "ineligible"
    NOT_TRIAGED = "not_triaged"
    UNKNOWN = "unknown"


class OutcomeReason(Term):
    """Why a call ended as it did."""

    # served
    CLOSED = "closed"
    CANCELLED_AFTER_CONTACT = "cancelled_after_contact"
    RECALLED_AFTER_CONTACT = "recalled_after_contact"
    TAKEN_BACK_AFTER_CONTACT = "taken_back_after_contact"
    HANDED_BACK_AFTER_CONTACT = "handed_back_after_contact"
    NOT_CLOSED_AFTER_CONTACT = "not_closed_after_contact"
    # withdrawn
    CANCELLED = "cancelled"
    DUPLICATE = "duplicate"
    # eligible, not served
    DECLINED_BY_ALL = "declined_by_all"
    AT_CAPACITY = "at_capacity"
    TIMED_OUT = "timed_out"
    RECALLED = "recalled"
    TAKEN_BACK = "taken_back"
    HANDED_BACK = "handed_back"
    MISSED_EN_ROUTE = "missed_en_route"
    MISSED_ARRIVAL = "missed_arrival"
    CLOSED_WITHOUT_CONTACT = "closed_without_contact"
    NO_PROVIDER_IN_AREA = "no_provider_in_area"
    NOT_ROUTABLE = "not_routable"
    """No usable area: none given, 0 or outside the city."""
    OUTSIDE_HOURS = "outside_hours"
    NO_TEAM_ON_SHIFT = "no_team_on_shift"
    PROVIDER_OUTAGE = "provider_outage"
    """Its provider had declared that it takes no calls for now."""
    NOT_REFERRED = "not_referred"
    """Eligible by the rules, and nobody diverted it (observed feed)."""
    OTHER_PROGRAMME = "other_programme"
    """Sent to a programme without a gateway here: MEU or LAFD."""
    NOT_CLOSED = "not_closed"
    DECIDED_TOO_LATE = "decided_too_late"
    CLOSED_BY_CAD = "closed_by_cad"
    RECORDED_LATE = "recorded_late"
    """Entered afterwards; its stamps show no contact."""
    NOT_UNDERSTOOD_AFTER_TRIAGE = "not_understood_after_triage"
    # ineligible
    HARD_EXCLUSION = "hard_exclusion"
    RULE = "rule"
    REVIEWED = "reviewed"
    # not triaged
    TRIAGE_OVERDUE = "triage_overdue"
    REVIEW_EXPIRED = "review_expired"
    UNFINISHED = "unfinished"
    """CAD closed it, or it was taken back, before triage or review had finished."""
    NOT_REVIEWED = "not_reviewed"
    """Observed: the rules would have asked a person, and observed calls are never reviewed."""
    NOT_UNDERSTOOD = "not_understood"
    """A fact of this call could not be read."""
    UNKNOWN = "unknown"


class Contact(Term):
    """Whether the team spoke with the person."""

    IN_PERSON = "in_person"
    PHONE = "phone"
    NONE = "none"
    UNKNOWN = "unknown"


class PoliceInvolvement(Term):
    """What part the police had while a team had the call; the last and most far-reaching counts."""

    NONE = "none"
    JOINT = "joint"
    """Officers were there, or came along, from the start."""
    BACKUP_REQUESTED = "backup_requested"
    BACKUP_ARRIVED = "backup_arrived"
    HANDED_BACK_BEFORE_ARRIVAL = "handed_back_before_arrival"
    HANDED_BACK_AFTER_ARRIVAL = "handed_back_after_arrival"
    TAKEN_BACK = "taken_back"
    UNKNOWN = "unknown"


class Disposition(Term):
    """How a team closed a case."""

    RESOLVED_ON_SCENE = "resolved_on_scene"
    RESOLVED_BY_PHONE = "resolved_by_phone"
    REFERRED = "referred"
    TRANSPORTED = "transported"
    """Taken, of their own will, to a service, shelter or home."""
    PERSON_DECLINED = "person_declined"
    NOT_FOUND = "not_found"
    NO_SERVICE_NEEDED = "no_service_needed"
    HANDED_TO_EMS = "handed_to_ems"
    HANDED_TO_POLICE = "handed_to_police"
    OTHER = "other"
    UNKNOWN = "unknown"


class DeclineReason(Term):
    """Why a provider does not take an offer."""

    AT_CAPACITY = "at_capacity"
    NO_TEAM = "no_team"
    OUT_OF_AREA = "out_of_area"
    UNMET_NEED = "unmet_need"
    """No team with the language or skill that is needed."""
    NOT_SAFE = "not_safe"
    OUT_OF_SCOPE = "out_of_scope"
    OTHER = "other"
    UNKNOWN = "unknown"


class HandBackReason(Term):
    """Why a team gives a case back."""

    WEAPON = "weapon"
    VIOLENCE = "violence"
    MEDICAL = "medical"
    POLICE_NEEDED = "police_needed"
    NO_LONGER_ABLE = "no_longer_able"
    OUT_OF_SCOPE = "out_of_scope"
    NOT_FOUND = "not_found"
    OTHER = "other"
    UNKNOWN = "unknown"


class CancelReason(Term):
    """Why CAD cancels a call."""

    CALLER = "caller"
    DUPLICATE = "duplicate"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


class RecallReason(Term):
    """Why routing takes an offer or a case away from a provider."""

    DANGER = "danger"
    CANCELLED = "cancelled"
    ANSWER_OVERDUE = "answer_overdue"
    LATE_ANSWER = "late_answer"
    """An acknowledgement of an offer that had ended."""
    MISSED_EN_ROUTE = "missed_en_route"
    MISSED_ARRIVAL = "missed_arrival"
    ARRIVAL_TOO_LATE = "arrival_too_late"
    """Acknowledged with an arrival time beyond the limit."""
    TAKEN_BACK = "taken_back"
    REASSIGNED = "reassigned"
    HELD = "held"
    """The desk holds the offer back for a while."""
    NO_LONGER_ELIGIBLE = "no_longer_eligible"
    DIVISION_CHANGED = "division_changed"
    CLOSED_BY_CAD = "closed_by_cad"
    NOT_CLOSED = "not_closed"
    NOT_UNDERSTOOD = "not_understood"
    UNKNOWN = "unknown"


class HandOffReason(Term):
    """Why a call goes back to the police dispatcher."""

    DANGER = "danger"
    MEDICAL = "medical"
    INELIGIBLE = "ineligible"
    NOT_TRIAGED = "not_triaged"
    REVIEW_EXPIRED = "review_expired"
    NOT_UNDERSTOOD = "not_understood"
    NOBODY_TOOK_IT = "nobody_took_it"
    NO_PROVIDER = "no_provider"
    OTHER_PROGRAMME = "other_programme"
    MISSED_EN_ROUTE = "missed_en_route"
    MISSED_ARRIVAL = "missed_arrival"
    HANDED_BACK = "handed_back"
    TAKEN_BACK = "taken_back"
    NOT_CLOSED = "not_closed"
    DECIDED_TOO_LATE = "decided_too_late"
    CLOSED_WITHOUT_CONTACT = "closed_without_contact"
    UNKNOWN = "unknown"


class Verb(Term):
    """What a provider can say of a case: the HTTP routes' names."""

    ACKNOWLEDGE = "acknowledge"
    DECLINE = "decline"
    TEAM_ASSIGNED = "team-assigned"
    EN_ROUTE = "en-route"
    ON_SCENE = "on-scene"
    CONTACTED = "contacted"
    SAFETY_CHECK = "safety-check"
    QUESTION = "question"
    BACKUP = "backup"
    EMERGENCY = "emergency"
    BACKUP_ARRIVED = "backup-arrived"
    CONFIRM_RECALL = "confirm-recall"
    HAND_BACK = "hand-back"
    CLOSE = "close"
    FOLLOW_UP = "follow-up"
    SAFETY_EVENT = "safety-event"
    NOTE = "note"
    UNKNOWN = "unknown"


class Assistance(Term):
    """What help a team needs from the PSAP while it keeps the case."""

    EMERGENCY = "emergency"
    BACKUP = "backup"
    MEDICAL = "medical"
    CHECK_ON_TEAM = "check_on_team"
    """A safety check on scene was not answered, or nobody looked into danger in doubt."""
    TEAM_PRESENT = "team_present"
    """A team is at a call that is no longer theirs."""
    RECALL_UNCONFIRMED = "recall_unconfirmed"
    """A team was told to withdraw and has not said that it did."""
    UNKNOWN = "unknown"


class Direction(Term):
    """What the desk can order."""

    TAKE_BACK = "take_back"
    REASSIGN = "reassign"
    HOLD = "hold"
    EXTEND = "extend"
    OTHER_PROGRAMME = "other_programme"
    UNKNOWN = "unknown"


class DirectionReason(Term):
    """Why the desk ordered it."""

    NEW_INFORMATION = "new_information"
    SAFETY = "safety"
    PROVIDER_ASKED = "provider_asked"
    PROVIDER_DOWN = "provider_down"
    BETTER_MATCH = "better_match"
    CALLER_ASKED = "caller_asked"
    SUPERVISOR = "supervisor"
    OTHER = "other"
    UNKNOWN = "unknown"


class ReviewReason(Term):
    """Why a reviewer decided as they did."""

    CALLER_ASKED_AGAIN = "caller_asked_again"
    RECORD_IS_CLEAR = "record_is_clear"
    DANGER_LIKELY = "danger_likely"
    NOT_A_CRISIS_CALL = "not_a_crisis_call"
    MEDICAL_FIRST = "medical_first"
    CANNOT_TELL = "cannot_tell"
    OTHER = "other"
    UNKNOWN = "unknown"


class PlaceKind(Term):
    """What kind of place, for a safety brief."""

    RESIDENCE = "residence"
    STREET = "street"
    BUSINESS = "business"
    PARK = "park"
    TRANSIT = "transit"
    SCHOOL = "school"
    HOSPITAL = "hospital"
    VEHICLE = "vehicle"
    OTHER = "other"
    UNKNOWN = "unknown"


class TeamPosition(Term):
    """Where the team is, as far as it has said."""

    NOT_SENT = "not_sent"
    PREPARING = "preparing"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


class CallerRelation(Term):
    """What the caller is to the person."""

    SELF = "self"
    FAMILY = "family"
    FRIEND = "friend"
    NEIGHBOUR = "neighbour"
    BYSTANDER = "bystander"
    STAFF = "staff"
    AGENCY = "agency"
    UNKNOWN = "unknown"


class AgeBand(Term):
    """How old the person seems."""

    CHILD = "child"
    """Under 13."""
    YOUTH = "youth"
    """13 to 17."""
    ADULT = "adult"
    """18 to 64."""
    OLDER = "older"
    """65 and over."""
    UNKNOWN = "unknown"


class Need(Term):
    """What the person needs of a team to be understood and safe."""

    ASL = "asl"
    MINOR = "minor"
    CULTURAL = "cultural"
    WHEELCHAIR = "wheelchair"
    LANGUAGE = "language"
    """To be spoken to in the language that the picture names."""
    UNKNOWN = "unknown"


class SafetyEvent(Term):
    """What went wrong on a case."""

    STAFF_INJURY = "staff_injury"
    CLIENT_INJURY = "client_injury"
    FORCE = "force"
    DEATH = "death"
    NEAR_MISS = "near_miss"
    UNKNOWN = "unknown"


class FollowUp(Term):
    """How a follow-up within 48 hours ended."""

    CONNECTED = "connected"
    REACHED = "reached"
    DECLINED = "declined"
    NOT_REACHED = "not_reached"
    UNKNOWN = "unknown"


class PolicyKind(Term):
    """What a policy document decides."""

    TRIAGE = "triage"
    ROUTING = "routing"
    """Providers, divisions, hours, agreements and every time limit."""
    DIVISIONS = "divisions"
    """The divisions as polygons of a map."""
    UNKNOWN = "unknown"


class Change(Term):
    """How one policy's answer differs from another's; the dangerous ones first. The first that fits counts."""

    NEWLY_ELIGIBLE = "newly_eligible"
    """May be offered now, and might not before."""
    NO_LONGER_EXCLUDED = "no_longer_excluded"
    """A person may let it through now, or the exclusion is no hard one any more."""
    DANGER_UNSEEN = "danger_unseen"
    """A danger that was seen before is not seen now."""
    LESS_URGENT = "less_urgent"
    OTHER_PROGRAMME = "other_programme"
    MORE_URGENT = "more_urgent"
    DANGER_SEEN = "danger_seen"
    """A danger is seen that was not before."""
    NEWLY_EXCLUDED = "newly_excluded"
    """No person may let it through now, or the exclusion has become a hard one."""
    NO_LONGER_ELIGIBLE = "no_longer_eligible"
    """Might be offered before, and may not now."""
    UNKNOWN = "unknown"
