"""The provider gateway, wired together."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from divert_chassis.service import Remembered, Service, own_key
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallHandedOff,
    CallStatusChanged,
    CaseErased,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
    PrivateErased,
    QuestionAnswered,
)
from divert_contracts.facts.statuses import CaseStatusSaid, ShiftSaid
from divert_provider_gateway.adapters import PostgresCasebook, PostgresDuty
from divert_provider_gateway.domain import happened, stated, told, webhook
from divert_provider_gateway.domain.case import AnswerOverdue, Case, OfferMissing, Roster, Rules, TimeToForget
from divert_provider_gateway.domain.said import ChangeShift, SignOff, SignOn, Tell
from divert_provider_gateway.domain.webhook import Deliveries, Endpoint

FactOfCase = CaseOffered | CaseUpdated | CaseRecalled | QuestionAnswered | CaseErased | CaseStatusSaid


def build(provider: str, tries: Sequence[timedelta] = webhook.TRIES) -> Service[Rules]:
    """Return the wiring table of one provider's gateway."""
    gateway = Service("provider-gateway", given=Rules(), member=provider)
    gateway.learns(PolicyPublished, happened.policy_published)

    cases = gateway.remembers(
        Case,
        blank=lambda key: Case(case_id=UUID(key)),
        key=case_of,
        lists=("stage", "acuity", "open"),
        projection=PostgresCasebook(),
    )
    cases.on(CaseOffered, stated.made_known(provider, happened.offered))
    cases.on(CaseUpdated, happened.updated)
    cases.on(CaseRecalled, stated.made_known(provider, happened.recalled))
    cases.on(QuestionAnswered, happened.question_answered)
    cases.on(CaseErased, happened.erased)
    cases.on(Tell, told.told)
    cases.on(CaseStatusSaid, partial(stated.case_status_said, provider))
    cases.on(OfferMissing, partial(stated.offer_missing, provider))
    cases.on(AnswerOverdue, happened.answer_overdue)
    cases.on(TimeToForget, happened.time_to_forget)

    roster = gateway.remembers(
        Roster, blank=lambda key: Roster(provider=key), key=lambda _: provider, projection=PostgresDuty()
    )
    roster.on(ChangeShift, told.shift_changed)
    roster.on(SignOn, told.signed_on)
    roster.on(SignOff, told.signed_off)
    roster.on(ShiftSaid, partial(stated.shift_said, provider))

    deliveries = _webhooks(gateway, provider, tries, key=case_of)
    deliveries.on_each((CaseOffered, CaseUpdated, CaseRecalled, QuestionAnswered, CaseErased), webhook.told)
    return gateway


def build_for_agency(agency: str, tries: Sequence[timedelta] = webhook.TRIES) -> Service[Rules]:
    """Return the wiring table of the gateway that tells one agency's CAD of its calls."""
    gateway = Service("agency-gateway", given=Rules(), member=agency)
    deliveries = _webhooks(gateway, agency, tries, key=own_key)
    deliveries.on_each((CallStatusChanged, CallHandedOff, AssistanceRequested), webhook.told_agency)
    deliveries.on(PrivateErased, webhook.private_erased)
    return gateway


def _webhooks(
    gateway: Service[Rules], member: str, tries: Sequence[timedelta], *, key: Callable[[Any], str]
) -> Remembered[Deliveries, Rules]:
    """Let a gateway send webhooks: one endpoint, and a line of messages for each key."""
    endpoint = gateway.remembers(Endpoint, blank=lambda key: Endpoint(provider=key), key=lambda _: member)
    endpoint.on(webhook.RegisterEndpoint, webhook.registered)
    endpoint.on(webhook.RotateSecret, webhook.rotated)
    endpoint.on(webhook.RemoveEndpoint, webhook.removed)
    endpoint.on(webhook.EndpointHeard, webhook.heard)
    endpoint.on(webhook.SecretOver, webhook.secret_over)

    deliveries = gateway.remembers(
        Deliveries, blank=lambda key: Deliveries(case_id=UUID(key)), key=key, lists=("delivery",)
    )
    deliveries.on(webhook.ClaimDelivery, webhook.claimed)
    deliveries.on(webhook.DeliveryTried, partial(webhook.tried, tries))
    deliveries.on(webhook.DeliveryOver, webhook.delivery_over)
    return deliveries


def case_of(fact: FactOfCase) -> str:
    """Return the key of the case that a fact is about."""
    return str(fact.case_id)
