"""How CAD names the end of a call: by APCO's common codes, and by its agency's own."""

from divert_contracts.facts.policies import AgencyCodes
from divert_contracts.vocabulary import Contact, Disposition, Outcome, OutcomeReason
from divert_routing.domain.call import Call

_DISPOSITIONS = {
    Disposition.RESOLVED_ON_SCENE: "18",
    Disposition.RESOLVED_BY_PHONE: "05",
    Disposition.REFERRED: "15",
    Disposition.TRANSPORTED: "16",
    Disposition.PERSON_DECLINED: "18",
    Disposition.NOT_FOUND: "14",
    Disposition.NO_SERVICE_NEEDED: "35",
    Disposition.HANDED_TO_EMS: "15",
    Disposition.HANDED_TO_POLICE: "15",
    Disposition.OTHER: "18",
    Disposition.UNKNOWN: "18",
}
"""APCO 1.111.2; its codes about patients are not used."""
_SETTLED = {Contact.PHONE: "05", Contact.IN_PERSON: "18"}
_CANCELLED, _DUPLICATE = "10", "22"


def apco(call: Call) -> str | None:
    """Return the code of APCO 1.111.2 for how a call ended; null of one that is open or went back to the dispatcher."""
    if call.outcome is Outcome.WITHDRAWN:
        return _DUPLICATE if call.reason is OutcomeReason.DUPLICATE else _CANCELLED
    if call.outcome is not Outcome.SERVED:
        return None
    return _SETTLED.get(call.contact) if call.disposition is None else _DISPOSITIONS[call.disposition]


def own(call: Call, codes: AgencyCodes | None) -> str | None:
    """Return the agency's own code of where a call stands; null where it has none."""
    return None if codes is None else codes.code(call.stage, call.outcome, call.reason, call.disposition)
