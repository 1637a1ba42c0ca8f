"""Triage's interface: the same pure decision for the desk's screening, and the reasons in plain words."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import AwareDatetime

from divert_chassis.access import guarded, requires
from divert_chassis.http import strictly
from divert_chassis.problems import refused
from divert_chassis.run import Runtime
from divert_contracts.access import Scope
from divert_contracts.call import Decision, Picture, Private, Signal
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.model import Model
from divert_contracts.policy import Versioned
from divert_contracts.step import Refusal, Unavailable
from divert_contracts.vocabulary import Change, Eligibility, PolicyKind, Question
from divert_triage.domain import explaining, judging
from divert_triage.domain.explaining import Alteration, Fired, Thing, WhatIf
from divert_triage.domain.judging import Compiled, Given
from divert_triage.domain.policy import TriagePolicy

NO_POLICY = Refusal("no-policy", "No policy was in force yet at that time.", 422)


class Asked(Model):
    """A picture to be judged."""

    picture: Picture
    narrative: str | None = None
    """The caller's words, read for danger; nothing of them is kept."""
    read: tuple[Signal, ...] = ()
    """What was read from texts before that are forgotten now."""
    accepted_at: AwareDatetime | None = None
    """Judge by the policy that was in force then; now, when it is left out."""


class NextQuestion(Model):
    """A safety question that still has no answer."""

    question: Question
    ask: str
    """How the call-taker puts it."""


class Decided(Model):
    """The decision as it stands, and what has not been asked."""

    decision: Decision
    signals: tuple[Signal, ...]
    missing: tuple[NextQuestion, ...]
    """In the order of the script. When the call is ineligible, no answer to them can change that."""


class Altered(Model):
    """One thing about the call that might have been otherwise."""

    thing: Thing
    name: str
    """The question, flag, code of a signal, hazard or warning; for a call type, the code that the call has."""
    to: str
    """What it would be; empty where it would not be there."""
    words: str
    """It, in plain words."""


class Reason(Model):
    """A rule that fired, or that could have."""

    rule: str
    effect: Eligibility
    """What the rule says of the call; ``eligible`` restricts nothing."""
    text: str
    """The rule in plain words."""
    source: str
    """What it rests on."""
    provisional: bool
    """Not confirmed by the city."""
    because: tuple[Altered, ...] = ()
    """A smallest set of things without which it would not have fired; for one that could have, with which it would."""


class Otherwise(Model):
    """What the answer would have been."""

    altered: tuple[Altered, ...]
    change: Change
    decision: Decision


class Explained(Model):
    """A decision with its reasons, and what would have changed it. Every claim was found by deciding it."""

    decision: Decision
    signals: tuple[Signal, ...]
    reasons: tuple[Reason, ...]
    """The deciding one first."""
    could: tuple[Reason, ...]
    """Rules that the answer to an open question could still have brought up."""
    changes: tuple[Otherwise, ...]
    """Single things that would have changed the answer; those that lead to eligible first."""
    to_eligible: Otherwise | None
    """A smallest set of things that leads to eligible; null when the call is eligible already, or nothing would."""
    answers_suffice: bool
    """Whether that set is of answers alone."""
    policy_title: str


class CallTypeKnown(Model):
    """A call type that may be for an unarmed team."""

    code: str
    text: str
    """Its rule in plain words."""


class Script(Model):
    """What a call-taker needs before the first answer."""

    policy: str
    """Version in force now."""
    questions: tuple[NextQuestion, ...]
    """The safety questions in order; ``decide`` says which are still needed."""
    call_types: tuple[CallTypeKnown, ...]


class PolicyKnown(Model):
    """A version of the policy that this process has read."""

    version: str
    title: str
    in_force_from: AwareDatetime
    in_force: bool
    """Whether calls that are accepted now are judged by it, or tried by it beside."""
    shadow: bool = False
    """Tried beside the one in force: it decides nothing."""
    refused: str | None = None
    """Why it may never come into force, as a coded word; null for one that may."""


EXAMPLE = {
    "picture": {
        "feed": "diverted",
        "origin": "911",
        "call_type": "918",
        "reporting_district": "0723",
        "answers": {"weapon": {"answer": "no"}, "violence": {"answer": "no"}, "suicidal": {"answer": "unknown"}},
        "caller_relation": "family",
    },
    "narrative": "My brother has not slept for days and is talking to himself. No weapons in the house.",
}


def routes(runtime: Runtime[Given]) -> APIRouter:
    """Return the API over what the running service knows."""
    router = guarded(prefix="/v1", tags=["triage"])

    def in_force(accepted_at: datetime | None = None) -> Versioned[Compiled]:
        policies = runtime.given.policies
        policy = policies.from_then(accepted_at or runtime.clock.now())
        if policy is not None:
            return policy
        if accepted_at is None or not policies.known:
            raise Unavailable("policy")
        raise refused(NO_POLICY)

    def read(asked: Asked, policy: Versioned[Compiled]) -> tuple[Signal, ...]:
        return (*asked.read, *judging.read_texts(Private(narrative=asked.narrative), policy.value))

    @router.post("/decide", summary="Decide a picture; nothing is kept", dependencies=[strictly(Asked)])
    @requires(Scope.DECIDE)
    async def decide(asked: Annotated[Asked, Body(examples=[EXAMPLE])]) -> Decided:
        policy = in_force(asked.accepted_at)
        judgement = judging.judge(asked.picture, policy, read(asked, policy))
        script = {one.question: one.ask for one in policy.value.policy.safety_questions}
        return Decided(
            decision=judgement.decision,
            signals=judgement.signals,
            missing=tuple(
                NextQuestion(question=question, ask=script[question]) for question in judgement.decision.missing
            ),
        )

    @router.post(
        "/explain",
        summary="Decide a picture, with each rule's words and what would have changed the answer",
        dependencies=[strictly(Asked)],
    )
    @requires(Scope.EXPLAIN)
    async def explain(asked: Annotated[Asked, Body(examples=[EXAMPLE])]) -> Explained:
        policy = in_force(asked.accepted_at)
        explanation = explaining.explain(asked.picture, policy, read(asked, policy))
        document = policy.value.policy
        return Explained(
            decision=explanation.judgement.decision,
            signals=explanation.judgement.signals,
            reasons=tuple(_reason(one, document) for one in explanation.fired),
            could=tuple(_reason(one, document) for one in explanation.could),
            changes=tuple(_otherwise(one) for one in explanation.changes),
            to_eligible=None if explanation.to_eligible is None else _otherwise(explanation.to_eligible),
            answers_suffice=explanation.answers_suffice,
            policy_title=document.title,
        )

    @router.get("/script", summary="The screening script in force, and the call types that it is for")
    @requires(Scope.READ_SCRIPT)
    async def script() -> Script:
        known = in_force()
        policy = known.value.policy
        return Script(
            policy=known.version,
            questions=tuple(NextQuestion(question=one.question, ask=one.ask) for one in policy.safety_questions),
            call_types=tuple(
                CallTypeKnown(code=code, text=rule.text) for rule in policy.call_types.care for code in rule.codes
            ),
        )

    @router.get("/policies", summary="The versions of the triage policy that were read, refused ones among them")
    @requires(Scope.READ_POLICIES)
    async def policies() -> list[PolicyKnown]:
        given, now = runtime.given, runtime.clock.now()
        in_force = given.policies.from_then(now)
        tried = given.shadows.from_then(now)
        return [
            *(_known(one, one.value, in_force=one is in_force) for one in given.policies.known),
            *(
                _known(one, one.value, in_force=one is tried, shadow=True)
                for one in given.shadows.known
                if one.value is not None
            ),
            *(
                PolicyKnown(
                    version=fact.version,
                    title=str(fact.document.get("title", "")),
                    in_force_from=fact.in_force_from,
                    in_force=False,
                    shadow=fact.shadow,
                    refused=reason,
                )
                for fact, reason in runtime.not_learnt
                if isinstance(fact, PolicyPublished) and fact.kind is PolicyKind.TRIAGE
            ),
        ]

    return router


def _known(
    one: Versioned[Compiled] | Versioned[Compiled | None], value: Compiled, *, in_force: bool, shadow: bool = False
) -> PolicyKnown:
    return PolicyKnown(
        version=one.version,
        title=value.policy.title,
        in_force_from=one.in_force_from,
        in_force=in_force,
        shadow=shadow,
    )


def _reason(one: Fired, document: TriagePolicy) -> Reason:
    return Reason(
        rule=one.rule.id,
        effect=one.effect,
        text=one.rule.text,
        source=document.sources[one.rule.source],
        provisional=one.rule.provisional,
        because=_altered(one.because),
    )


def _otherwise(one: WhatIf) -> Otherwise:
    return Otherwise(altered=_altered(one.alterations), change=one.change, decision=one.decision)


def _altered(alterations: tuple[Alteration, ...]) -> tuple[Altered, ...]:
    return tuple(Altered(thing=one.thing, name=one.name, to=one.to, words=one.words) for one in alterations)
