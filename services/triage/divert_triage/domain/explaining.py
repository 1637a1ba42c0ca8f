"""Why a picture was judged so, and what would have changed the answer. Pure, and found by judging altered pictures.

Nothing here knows what a rule does: each claim is a judgement of the very picture with something about it altered, by
the function that decides calls. So no explanation can say what the decision would not do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from divert_contracts.call import Answered, Decision, Picture, Signal
from divert_contracts.model import Term
from divert_contracts.policy import Versioned
from divert_contracts.vocabulary import AgeBand, Answer, Change, Eligibility, Question
from divert_triage.domain import judging
from divert_triage.domain.judging import Compiled, Judgement
from divert_triage.domain.policy import Rule

_WORDS: Mapping[Answer, str] = {Answer.YES: "yes", Answer.NO: "no", Answer.UNKNOWN: "unknown"}
_OPEN = frozenset((Answer.UNKNOWN, Answer.NOT_ASKED))


class Thing(Term):
    """What about a call can be altered."""

    ANSWER = "answer"
    CALL_TYPE = "call_type"
    TYPE_TEXT = "type_text"
    FIRST_TYPE = "first_type"
    FLAG = "flag"
    TEXT = "text"
    PREMISE = "premise"
    AGE = "age"
    WARNING = "warning"
    UNKNOWN = "unknown"


_SAID: Mapping[Thing, str] = {
    Thing.ANSWER: "“{name}” answered {to}",
    Thing.CALL_TYPE: "call type {to} instead of {name}",
    Thing.TYPE_TEXT: "without the words that CAD has for the call type",
    Thing.FIRST_TYPE: "not first entered as {name}",
    Thing.FLAG: "without the flag {name}",
    Thing.TEXT: "without “{name}” in what was written",
    Thing.PREMISE: "the place not known for {name}",
    Thing.AGE: "the person {to}, not of age “{name}”",
    Thing.WARNING: "without the warning {name}",
    Thing.UNKNOWN: "something else",
}


@dataclass(frozen=True, slots=True)
class Alteration:
    """One thing that might have been otherwise."""

    thing: Thing
    name: str
    """The question, flag, code of a signal, hazard or warning; for a call type, the code it has."""
    to: str = ""
    """What it would be; empty where it would not be there."""

    @property
    def words(self) -> str:
        """It, in plain words."""
        return _SAID[self.thing].format(name=_spoken(self.name) or "none", to=self.to)


class Sight(NamedTuple):
    """What is judged: a picture, and the signals that were read from its text."""

    picture: Picture
    read: tuple[Signal, ...]


class WhatIf(NamedTuple):
    """What the answer would have been, with something altered."""

    alterations: tuple[Alteration, ...]
    decision: Decision
    change: Change


class Fired(NamedTuple):
    """A rule that fired, or that could have."""

    rule: Rule
    effect: Eligibility
    because: tuple[Alteration, ...]
    """Of a rule that fired: a smallest set of alterations without which it would not have. Of one that could have: the
    one with which it would."""


class Explanation(NamedTuple):
    """A judgement with its reasons."""

    judgement: Judgement
    fired: tuple[Fired, ...]
    """The deciding one first."""
    could: tuple[Fired, ...]
    """What an answer to an open question could still have brought up."""
    changes: tuple[WhatIf, ...]
    """Single things that would have changed the answer; those that lead to eligible first."""
    to_eligible: WhatIf | None
    """A smallest set that leads to eligible, of answers alone where these suffice; null when the call is eligible, or
    nothing would."""
    answers_suffice: bool
    """Whether that set is of answers alone."""


def explain(picture: Picture, in_force: Versioned[Compiled], read: tuple[Signal, ...] = ()) -> Explanation:
    """Explain the judgement of a picture.

    Args:
        picture: what is judged.
        in_force: by which version.
        read: what was read from texts; what the picture still tells by itself is read from it alone, so that it is
            altered with it.
    """
    itself = set(judging.judge(picture, in_force).signals)
    sight = Sight(picture, tuple(one for one in read if one not in itself))
    subject = _Subject(sight, in_force)
    alterations = tuple(_alterations(sight, in_force.value))
    single = [(one, subject.with_(one)) for one in alterations]
    to_eligible, answers_suffice = subject.to_eligible(alterations)
    return Explanation(
        judgement=subject.judgement,
        fired=tuple(subject.fired(alterations)),
        could=tuple(subject.could(single)),
        changes=tuple(
            sorted(
                (
                    WhatIf((one,), judged.decision, change)
                    for one, judged in single
                    if (change := judging.changed(subject.judgement, judged)) is not None
                ),
                key=lambda one: one.decision.eligibility is not Eligibility.ELIGIBLE,
            )
        ),
        to_eligible=to_eligible,
        answers_suffice=answers_suffice,
    )


def altered(sight: Sight, alterations: Iterable[Alteration]) -> Sight:
    """Return a picture as it would have been."""
    picture, read = sight
    for one in alterations:
        match one.thing:
            case Thing.ANSWER:
                answers = {**picture.answers, Question(one.name): Answered(answer=Answer(one.to))}
                picture = picture.model_copy(update={"answers": answers})
            case Thing.CALL_TYPE:
                picture = picture.model_copy(update={"call_type": one.to, "call_type_text": None})
            case Thing.TYPE_TEXT:
                picture = picture.model_copy(update={"call_type_text": None})
            case Thing.FIRST_TYPE:
                picture = picture.model_copy(update={"initial_call_type": None})
            case Thing.FLAG:
                picture = picture.model_copy(update={"flags": tuple(x for x in picture.flags if x != one.name)})
            case Thing.TEXT:
                read = tuple(x for x in read if x.code != one.name)
            case Thing.PREMISE:
                hazards = tuple(x for x in picture.premise_hazards if x != one.name)
                picture = picture.model_copy(update={"premise_hazards": hazards})
            case Thing.AGE:
                picture = picture.model_copy(update={"age_band": AgeBand(one.to)})
            case _:
                warnings = tuple(x for x in picture.warnings if x.partition(":")[0] != one.name)
                picture = picture.model_copy(update={"warnings": warnings})
    return Sight(picture, read)


class _Subject:
    """A picture under a policy, to be judged again and again."""

    def __init__(self, sight: Sight, in_force: Versioned[Compiled]) -> None:
        self._sight = sight
        self._in_force = in_force
        self.judgement = self.with_()

    def with_(self, *alterations: Alteration) -> Judgement:
        picture, read = altered(self._sight, alterations)
        return judging.judge(picture, self._in_force, read)

    def fired(self, alterations: Sequence[Alteration]) -> Iterator[Fired]:
        relaxed = _relaxing(alterations, self._in_force.value)
        rules = self._in_force.value.rules
        for fired in self.judgement.decision.rules:
            because = self._smallest(relaxed, lambda one, name=fired.rule: name not in _names(one))
            yield Fired(rules[fired.rule], fired.effect, because or ())

    def could(self, single: Sequence[tuple[Alteration, Judgement]]) -> Iterator[Fired]:
        seen = set(_names(self.judgement))
        for one, judged in single:
            if one.thing is not Thing.ANSWER or self._sight.picture.answer(Question(one.name)) not in _OPEN:
                continue
            for fired in judged.decision.rules:
                if fired.rule not in seen and fired.effect is not Eligibility.ELIGIBLE:
                    seen.add(fired.rule)
                    yield Fired(self._in_force.value.rules[fired.rule], fired.effect, (one,))

    def to_eligible(self, alterations: Sequence[Alteration]) -> tuple[WhatIf | None, bool]:
        if self.judgement.decision.eligibility is Eligibility.ELIGIBLE:
            return None, False
        relaxed = _relaxing(alterations, self._in_force.value)
        of_answers = [one for one in relaxed if one.thing is Thing.ANSWER]
        for candidates in (of_answers, relaxed):
            found = self._smallest(candidates, _is_eligible)
            if found is not None:
                decision = self.with_(*found)
                change = judging.changed(self.judgement, decision) or Change.UNKNOWN
                return WhatIf(found, decision.decision, change), candidates is of_answers
        return None, False

    def _smallest(
        self, candidates: Sequence[Alteration], holds: Callable[[Judgement], bool]
    ) -> tuple[Alteration, ...] | None:
        """Return a set of alterations that brings something about, none of which can be left out; null if none does."""
        left = list(candidates)
        if not holds(self.with_(*left)):
            return None
        for one in reversed(candidates):
            without = [other for other in left if other is not one]
            if holds(self.with_(*without)):
                left = without
        return tuple(left)


def _is_eligible(judgement: Judgement) -> bool:
    return judgement.decision.eligibility is Eligibility.ELIGIBLE


def _names(judgement: Judgement) -> tuple[str, ...]:
    return tuple(fired.rule for fired in judgement.decision.rules)


def _alterations(sight: Sight, rules: Compiled) -> Iterator[Alteration]:
    """Yield every single thing that is worth altering, in the order of the script."""
    picture, read = sight
    for question in _questions(picture, rules):
        now = picture.answer(question)
        yield from (Alteration(Thing.ANSWER, question, word) for answer, word in _WORDS.items() if answer is not now)
    for flag in dict.fromkeys(picture.flags):
        yield Alteration(Thing.FLAG, flag)
    for code in dict.fromkeys(signal.code for signal in read if judging.is_told(signal)):
        yield Alteration(Thing.TEXT, code)
    for hazard in dict.fromkeys(picture.premise_hazards):
        yield Alteration(Thing.PREMISE, hazard)
    for warning in dict.fromkeys(one.partition(":")[0] for one in picture.warnings):
        yield Alteration(Thing.WARNING, warning)
    if picture.age_band is not AgeBand.ADULT:
        yield Alteration(Thing.AGE, picture.age_band, AgeBand.ADULT)
    if picture.call_type_text is not None:
        yield Alteration(Thing.TYPE_TEXT, picture.call_type_text)
    if picture.initial_call_type is not None:
        # Also where it is the type that the call still has: that may be altered besides.
        yield Alteration(Thing.FIRST_TYPE, picture.initial_call_type)
    now_rule = rules.type_reading(picture.call_type).findings[0].fired.rule
    for code in _one_of_each_class(rules, now_rule):
        yield Alteration(Thing.CALL_TYPE, picture.call_type or "", code)


def _questions(picture: Picture, rules: Compiled) -> dict[Question, None]:
    """Return every question that has a say: those of the script, of switches, of conditions, and those answered."""
    policy = rules.policy
    conditions = (question for rule in (*policy.acuities, *policy.programmes) for question in rule.when.answers)
    asked = (one.question for one in policy.safety_questions)
    return dict.fromkeys((*asked, *(one.question for one in policy.switches), *conditions, *picture.answers))


def _one_of_each_class(rules: Compiled, but_for: str) -> Iterator[str]:
    """Yield a code of each class of call types, of a rule that does not speak of this call already."""
    types = rules.policy.call_types
    for group in (types.care, types.review, types.not_care, types.danger):
        of_others = (code.strip("*") for rule in group if rule.id != but_for for code in rule.codes)
        code = next((one for one in of_others if one), None)
        if code is not None:
            yield code


def _relaxing(alterations: Sequence[Alteration], rules: Compiled) -> list[Alteration]:
    """Return the alterations that take something away: answers become "no", a call type that of a care type.

    What comes first stays longest in a smallest set: answers before all else, then what was said besides.
    """
    care = {code.strip("*") for rule in rules.policy.call_types.care for code in rule.codes}
    taking = {Thing.ANSWER: {_WORDS[Answer.NO]}, Thing.CALL_TYPE: care}
    return [one for one in alterations if one.thing not in taking or one.to in taking[one.thing]]


def _spoken(name: str) -> str:
    return name.replace("_", " ")
