"""Deterministic identities: the same cause always has the same id."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f1d2f0e-6d0c-5c55-9b1f-3f2b8a1f7c11")
"""Divert's own namespace for UUID version 5."""

AGENCY_URN = "urn:divert:agency:"
"""Begins the name of an agency in documents that leave divert."""


def call_id(agency: str, incident_number: str) -> UUID:
    """Return the id of a call; an agency's incident numbers are unique for ever."""
    return uuid5(NAMESPACE, f"call:{agency}:{incident_number}")


def reopened_call_id(old: UUID, revision: str) -> UUID:
    """Return the id of the call that reopens another one."""
    return uuid5(old, f"reopened:{revision}")


def case_id(call: UUID, attempt: int) -> UUID:
    """Return the id of a provider's handling of a call: the nth offer."""
    return uuid5(call, f"case:{attempt}")


def handoff_id(call: UUID, number: int) -> UUID:
    """Return the id of the nth hand-off or call for assistance of a call."""
    return uuid5(call, f"handoff:{number}")


def fact_id(cause: UUID, service: str, fact_type: str, number: int) -> UUID:
    """Return the id of the nth fact of a type that a service publishes for one cause."""
    return uuid5(cause, f"{service}:{fact_type}:{number}")


def foreign_id(source: str, given: str) -> UUID:
    """Return our id for a message that somebody else numbered."""
    return uuid5(NAMESPACE, f"foreign:{source}:{given}")
