"""What becomes of a case when something is heard from routing, or a time has come."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field, JsonValue, ValidationError

from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.routing import CaseErased, CaseOffered, CaseRecalled, CaseUpdated, QuestionAnswered
from divert_contracts.model import Model
from divert_contracts.policy import must_be_usable
from divert_contracts.step import Next, Rejected
from divert_contracts.vocabulary import PolicyKind, RecallReason
from divert_provider_gateway.domain.case import (
    ENDED,
    AnswerOverdue,
    Case,
    CaseStage,
    Identity,
    Offer,
    Recall,
    Rules,
    TimeToForget,
    ended,
    settled,
)


class Limits(Model):
    """What the gateway wants to know of the routing policy's limits, in seconds."""

    private_for: timedelta = Field(gt=timedelta())


class Division(Model):
    """A police division as the routing policy names it."""

    number: int
    name: str


class RoutingPolicy(Model):
    """What the gateway wants to know of the routing policy."""

    limits: Limits
    divisions: tuple[Division, ...] = ()


def policy_published(rules: Rules, fact: PolicyPublished) -> Rules:
    """Know how long private words may stay, and what divisions and rules are called.

    Raises:
        Rejected: the document does not say how long, or may never come into force; what was known stays.
    """
    if fact.kind is PolicyKind.TRIAGE:
        if fact.shadow or fact.version in rules.words:
            return rules
        must_be_usable(fact)
        return replace(rules, words={**rules.words, fact.version: dict(_rule_words(fact.document))})
    if fact.kind is not PolicyKind.ROUTING or fact.shadow:
        return rules
    try:
        policy = RoutingPolicy.model_validate(fact.document)
    except ValidationError:
        raise Rejected("policy:routing:limits.private_for") from None
    return replace(
        rules,
        spans=rules.spans.published(fact, policy.limits.private_for),
        divisions={one.number: one.name for one in policy.divisions} or rules.divisions,
    )


def _rule_words(document: JsonValue) -> Iterator[tuple[str, str]]:
    """Yield id and text of every rule that a triage policy holds, wherever it stands."""
    match document:
        case {"id": str(rule), "text": str(text)}:
            yield rule, text.strip()
        case dict():
            for part in document.values():
                yield from _rule_words(part)
        case list():
            for part in document:
                yield from _rule_words(part)
        case _:
            return


FORGOTTEN: dict[str, object] = {"private": None, "notes": (), "forget_at": None}
"""A case without its private words."""


def offered(case: Case, fact: CaseOffered, rules: Rules, at: datetime) -> Next[Case]:
    """Show the offer to the provider, unless its recall came first or it comes too late to be taken."""
    if case.offer is not None:
        return Next(case)
    told = case.model_copy(
        update={
            "identity": Identity(call_id=fact.call_id, agency=fact.agency, provider=fact.provider, epoch=fact.epoch),
            "came_at": at,
            "offer": Offer(
                offered_at=fact.occurred_at,
                attempt=fact.attempt,
                incident_number=fact.incident_number,
                programme=fact.programme,
                acuity=fact.acuity,
                division=fact.division,
                decision=fact.decision,
                answer_by=fact.answer_by,
                en_route_within=fact.en_route_within,
                on_scene_within=fact.on_scene_within,
                check_after=fact.check_after,
                check_every=fact.check_every,
                unmet_needs=fact.unmet_needs,
                mutual_aid=fact.mutual_aid,
            ),
        }
    )
    told = _pictured(told, fact)
    if case.recall is not None:
        overdue = {"expired_at": at} if case.recall.reason is RecallReason.ANSWER_OVERDUE else {}
        told = told.model_copy(update=overdue)
        return Next(settled(ended(told, CaseStage.RECALLED, at), rules))
    if at > fact.answer_by:
        return Next(settled(ended(told, CaseStage.EXPIRED, at), rules))
    return Next(told.model_copy(update={"stage": CaseStage.OFFERED, "forget_at": None}))


def updated(case: Case, fact: CaseUpdated, rules: Rules, at: datetime) -> Next[Case]:
    """Show the newest picture to whoever has the case."""
    if case.stage in ENDED:
        return Next(case)
    told = _pictured(case, fact)
    if told is not case and told.offer is not None:
        told = told.model_copy(update={"offer": _tightened(told.offer, fact)})
    if case.offer is None:
        # The offer may never come; its private words must go all the same.
        told = told.model_copy(update={"forget_at": at + rules.private_for(at)})
    return Next(told)


def _pictured(case: Case, fact: CaseOffered | CaseUpdated) -> Case:
    """Return the case with the fact's picture, unless a newer one is there."""
    if case.pictured_at is not None and case.pictured_at > fact.occurred_at:
        return case
    return case.model_copy(
        update={
            "picture": fact.picture,
            "signals": fact.signals,
            "pictured_at": fact.occurred_at,
            "private": None if case.erased else fact.private,
            "deadlines": fact.deadlines,
        }
    )


def _tightened(offer: Offer, fact: CaseUpdated) -> Offer:
    """Return the offer with the limits of a revision; what an update does not name stays."""
    named = {
        "acuity": fact.acuity,
        "answer_by": fact.deadlines.answer_by,
        "en_route_within": fact.en_route_within,
        "on_scene_within": fact.on_scene_within,
    }
    return offer.model_copy(update={name: one for name, one in named.items() if one is not None})


def recalled(case: Case, fact: CaseRecalled, rules: Rules, at: datetime) -> Next[Case]:
    """Take the case from the provider; for an offer that has not come yet this is its tombstone."""
    before = case.recall
    if before is not None and before.at > fact.occurred_at:
        return Next(case)
    # What was confirmed before this was said has to be confirmed again: the team may have come back.
    still = before is not None and before.confirmed_at is not None and before.confirmed_at >= fact.occurred_at
    told = case.model_copy(
        update={
            "identity": case.identity
            or Identity(call_id=fact.call_id, agency=fact.agency, provider=fact.provider, epoch=fact.epoch),
            "recall": Recall(
                reason=fact.reason,
                at=fact.occurred_at,
                urgent=fact.urgent,
                withdraw_if_safe=fact.withdraw_if_safe,
                hazards=fact.hazards,
                confirm_by=fact.confirm_by,
                repeat=fact.repeat,
                confirmed_at=before.confirmed_at if before is not None and still else None,
            ),
            "deadlines": fact.deadlines,
        }
    )
    if fact.reason is RecallReason.ANSWER_OVERDUE and case.offer is not None and case.acknowledged_at is None:
        told = told.model_copy(update={"expired_at": case.expired_at or at})
    over_already = case.stage in {CaseStage.DECLINED, CaseStage.HANDED_BACK, CaseStage.CLOSED}
    if over_already and fact.confirm_by is None:
        return Next(told)
    return Next(settled(ended(told, CaseStage.RECALLED, at), rules))


def question_answered(case: Case, fact: QuestionAnswered, _rules: Rules, _at: datetime) -> Next[Case]:
    """Show the dispatcher's answer to the team."""
    return Next(
        case.model_copy(
            update={
                "asked": tuple(question for question in case.asked if question is not fact.question),
                "answers": {**case.answers, fact.question: fact.answer},
                "answered_at": {**case.answered_at, fact.question: fact.occurred_at},
            }
        )
    )


def answer_overdue(case: Case, _timer: AnswerOverdue, rules: Rules, at: datetime) -> Next[Case]:
    """Close the offer to answers; routing recalls it by its own timer."""
    return Next(settled(ended(case, CaseStage.EXPIRED, at), rules))


def time_to_forget(case: Case, _timer: TimeToForget, _rules: Rules, _at: datetime) -> Next[Case]:
    """Let the private words go."""
    return Next(case.model_copy(update=FORGOTTEN))


def erased(case: Case, _fact: CaseErased, _rules: Rules, _at: datetime) -> Next[Case]:
    """Let the private words go before their time, and take none in again."""
    return Next(case.model_copy(update={**FORGOTTEN, "erased": True}))
