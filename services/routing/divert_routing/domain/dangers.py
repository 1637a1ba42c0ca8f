"""Danger is sticky: what any version, team or person reported counts until a named person clears it."""

from collections.abc import Iterable
from datetime import datetime

from divert_contracts.call import Picture, Signal
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    DANGER_ASKED_FOR,
    MEDICAL,
    Answer,
    Certainty,
    Hazard,
    Question,
    SignalSource,
)
from divert_routing.domain.call import Call
from divert_routing.domain.turn import Turn

SAFETY = DANGER_ASKED_FOR.keys() | {Question.SUICIDAL}
"""The questions whose answers a review rests on."""

ALARMING = frozenset(
    {
        Hazard.WEAPON,
        Hazard.VIOLENCE,
        Hazard.CRIME_IN_PROGRESS,
        Hazard.HOSTAGE,
        Hazard.DOMESTIC_VIOLENCE,
        Hazard.FIRE,
        Hazard.UNKNOWN,
    }
)
"""Hazards that no policy lets an unarmed team meet: a *yes* counts at once, whatever has become of its triage."""

ALARMING_PLACES = ALARMING - {Hazard.FIRE}
"""What a place known for it alarms with at once. One where it has burnt is not on fire: the policy says whether that
excludes or is for a person to weigh, and its triage is waited for."""

SURE = frozenset({Certainty.PRESENT, Certainty.UNKNOWN})
"""Certainties that exclude; ``possible`` is for a person to look at."""


def excluding(signals: Iterable[Signal]) -> tuple[Hazard, ...]:
    """Return the hazards that signals speak of with certainty, or with one that this version does not know."""
    return tuple(dict.fromkeys(signal.hazard for signal in signals if signal.certainty in SURE))


def of_triage(fact: CallTriaged) -> tuple[Hazard, ...]:
    """Return the hazards of a judged revision; a hard exclusion without any sign is a danger without a name."""
    hazards = excluding(fact.signals)
    return hazards if hazards or not fact.decision.hard_exclusion else (Hazard.UNKNOWN,)


def doubts_of(fact: CallTriaged) -> tuple[Signal, ...]:
    """Return the danger in doubt that outlasts a revision: told by anything but an answer, which the next one replaces.

    Where it stood is left out: the next revision has other words.
    """
    return tuple(
        one.model_copy(update={"start": None, "end": None})
        for one in fact.signals
        if one.certainty is Certainty.POSSIBLE and one.source is not SignalSource.ANSWER and one.hazard not in MEDICAL
    )


def of_picture(picture: Picture) -> tuple[Hazard, ...]:
    """Return the alarming hazards that a picture's own answers and premise speak of."""
    asked = (hazard for question, hazard in DANGER_ASKED_FOR.items() if picture.answer(question) is Answer.YES)
    said = (hazard for hazard in asked if hazard in ALARMING)
    return tuple(dict.fromkeys((*said, *(one for one in picture.premise_hazards if one in ALARMING_PLACES))))


def rule_of(fact: CallTriaged) -> str:
    """Return what to cite for the hazards of a judged revision: the rule that excluded, else the first sign."""
    if fact.decision.hard_exclusion and fact.decision.rules:
        return fact.decision.rules[0].rule
    return next((signal.code for signal in fact.signals if signal.certainty in SURE), "hard-exclusion")


def endangering(hazards: Iterable[Hazard]) -> bool:
    """Say whether one of the hazards is danger to an unarmed team."""
    return any(hazard not in MEDICAL for hazard in hazards)


def counting(call: Call, hazards: Iterable[Hazard], since: datetime) -> tuple[Hazard, ...]:
    """Leave out what a person has cleared after it was said."""
    return tuple(one for one in hazards if one not in call.cleared or since > call.cleared[one])


def doubt(call: Call, fact: CallTriaged) -> None:
    """Remember what a revision leaves in doubt, and let whoever has the call be told of what is new."""
    counted = counting(call, (one.hazard for one in fact.signals), fact.occurred_at)
    known = {(one.hazard, one.code) for one in call.doubts}
    fresh = [one for one in doubts_of(fact) if one.hazard in counted and (one.hazard, one.code) not in known]
    if fresh:
        call.doubts += tuple({(one.hazard, one.code): one for one in fresh}.values())
        call.told = False


def learn(turn: Turn, hazards: tuple[Hazard, ...], said_by: str) -> bool:
    """Remember hazards; return whether danger among them was not known before."""
    call = turn.call
    if endangering(hazards):
        call.danger_until = turn.at + turn.limits.nearby.counts_for
    fresh = tuple(hazard for hazard in hazards if hazard not in call.hazards)
    if not fresh:
        return False
    call.hazards += fresh
    if call.danger_rule is None and endangering(fresh):
        call.danger_rule = said_by
    return endangering(fresh)
