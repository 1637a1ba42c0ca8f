"""Triage's interface: the same pure decision for the desk's screening, and the reasons in plain words."""

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import AwareDatetime

from divert_chassis.run import Runtime
from divert_contracts.call import Decision, Picture, Private, Signal
from divert_contracts.model import Model
from divert_contracts.policy import Versioned
from divert_contracts.vocabulary import Eligibility, Question
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled, Given, Judgement


class Asked(Model):
    """A picture to be judged."""

    picture: Picture
    narrative: str | None = None
    """The caller's words, read for danger; nothing of them is kept."""
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


class Reason(Model):
    """A rule that fired."""

    rule: str
    effect: Eligibility
    """What the rule says of the call; ``eligible`` restricts nothing."""
    text: str
    """The rule in plain words."""
    source: str
    """What it rests on."""
    provisional: bool
    """Not confirmed by the city."""


class Explained(Model):
    """A decision with its reasons."""

    decision: Decision
    signals: tuple[Signal, ...]
    reasons: tuple[Reason, ...]
    """The deciding one first."""
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
    """Whether calls that are accepted now are judged by it."""


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
    router = APIRouter(prefix="/v1", tags=["triage"])

    def in_force(asked: Asked) -> Versioned[Compiled]:
        return runtime.given.policies.at(asked.accepted_at or runtime.clock.now())

    def judged(asked: Asked, policy: Versioned[Compiled]) -> Judgement:
        read = judging.read_texts(Private(narrative=asked.narrative), policy.value)
        return judging.judge(asked.picture, policy, read)

    @router.post("/decide", summary="Decide a picture; nothing is kept")
    async def decide(asked: Annotated[Asked, Body(examples=[EXAMPLE])]) -> Decided:
        policy = in_force(asked)
        judgement = judged(asked, policy)
        script = {one.question: one.ask for one in policy.value.policy.safety_questions}
        return Decided(
            decision=judgement.decision,
            signals=judgement.signals,
            missing=tuple(
                NextQuestion(question=question, ask=script[question]) for question in judgement.decision.missing
            ),
        )

    @router.post("/explain", summary="Decide a picture, with each rule that fired, its text and its source")
    async def explain(asked: Annotated[Asked, Body(examples=[EXAMPLE])]) -> Explained:
        policy = in_force(asked)
        judgement = judged(asked, policy)
        document = policy.value.policy
        return Explained(
            decision=judgement.decision,
            signals=judgement.signals,
            reasons=tuple(
                Reason(
                    rule=rule.id,
                    effect=fired.effect,
                    text=rule.text,
                    source=document.sources[rule.source],
                    provisional=rule.provisional,
                )
                for fired, rule in judging.explained(judgement, policy.value)
            ),
            policy_title=document.title,
        )

    @router.get("/script", summary="The screening script in force, and the call types that it is for")
    async def script() -> Script:
        known = runtime.given.policies.at(runtime.clock.now())
        policy = known.value.policy
        return Script(
            policy=known.version,
            questions=tuple(NextQuestion(question=one.question, ask=one.ask) for one in policy.safety_questions),
            call_types=tuple(
                CallTypeKnown(code=code, text=rule.text) for rule in policy.call_types.care for code in rule.codes
            ),
        )

    @router.get("/policies", summary="The versions of the triage policy that were read")
    async def policies() -> list[PolicyKnown]:
        known = runtime.given.policies
        now = None if known.empty else known.at(runtime.clock.now()).version
        return [
            PolicyKnown(
                version=one.version,
                title=one.value.policy.title,
                in_force_from=one.in_force_from,
                in_force=one.version == now,
            )
            for one in known.known
        ]

    return router
