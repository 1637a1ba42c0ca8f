"""What people's actions are as HTTP requests of the services' public interfaces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from pydantic import JsonValue

from divert_contracts import ids
from divert_provider_gateway.domain.said import (
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    AssignTeam,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    RaiseEmergency,
    ReportBackup,
    RequestBackup,
    Said,
)
from divert_sim.behaviour import DeskReviews, DispatcherAccepts, DispatcherReports, Planned, ProviderSays
from divert_sim.evening import AGENCY, Entry

VERBS: Mapping[type[Said], str] = {
    Acknowledge: "acknowledge",
    Decline: "decline",
    AssignTeam: "team-assigned",
    GoEnRoute: "en-route",
    Arrive: "on-scene",
    MakeContact: "contacted",
    AnswerSafetyCheck: "safety-check",
    RequestBackup: "backup",
    RaiseEmergency: "emergency",
    ReportBackup: "backup-arrived",
    ConfirmRecall: "confirm-recall",
    HandBack: "hand-back",
    Close: "close",
}
"""The gateway's path for each thing that a provider says."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    to: str
    """``intake``, ``routing`` or ``provider-gateway-…``, as the stack names its processes."""
    method: Literal["POST", "PUT"]
    path: str
    body: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    key: UUID | None = None
    """Idempotency key, where the service takes one."""


def of_entry(entry: Entry, start: datetime) -> Request:
    """Return an entry of an evening that starts then as a request."""
    if entry.do == "shift":
        return Request(
            f"provider-gateway-{entry.provider}", "PUT", "/v1/shift", {"teams": [dict(team) for team in entry.teams]}
        )
    body = entry.body_at(start)
    if entry.do == "call":
        return Request("intake", "POST", "/v1/calls", body)
    if entry.do == "update":
        return Request("intake", "PUT", f"/v1/calls/{entry.call_id}", body)
    if "duplicate_of" in body:
        body["duplicate_of"] = str(ids.call_id(AGENCY, str(body["duplicate_of"])))
    return Request("intake", "POST", f"/v1/calls/{entry.call_id}/{entry.do}", {"agency": AGENCY, **body})


def of_action(planned: Planned) -> Request:
    """Return what somebody does as a request; what follows from the same fact twice is one request."""
    match planned.action:
        case ProviderSays() as action:
            verb = VERBS[type(action.said)]
            return Request(
                f"provider-gateway-{action.provider}",
                "POST",
                f"/v1/cases/{action.case_id}/{verb}",
                action.said.model_dump(mode="json", exclude_none=True),
                key=uuid5(planned.because or action.case_id, verb),
            )
        case DispatcherAccepts() as action:
            return Request(
                "intake",
                "POST",
                f"/v1/calls/{action.call_id}/handoff-accepted",
                {"agency": AGENCY, "handoff_id": str(action.handoff_id), "by": action.by},
            )
        case DispatcherReports() as action:
            return Request(
                "intake",
                "POST",
                f"/v1/calls/{action.call_id}/responder",
                {
                    "agency": AGENCY,
                    "responder": action.responder.value,
                    "unit": action.unit,
                    "dispatched_at": action.dispatched_at.isoformat(),
                    "arrived_at": action.arrived_at.isoformat(),
                    "arrest": action.arrest.value,
                    "force": action.force.value,
                },
            )
        case DeskReviews() as action:
            return Request(
                "routing",
                "POST",
                f"/v1/calls/{action.call_id}/review",
                {
                    "revision": action.digest,
                    "eligibility": action.eligibility.value,
                    "reason": action.reason.value,
                    "by": action.by,
                },
                key=uuid5(planned.because or action.call_id, "review"),
            )
