"""The triage policy as a document: validated, with plain words and a source for each rule. Deny by default."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from divert_contracts.vocabulary import (
    DANGER_ASKED_FOR,
    Acuity,
    AgeBand,
    Answer,
    CallerRelation,
    Eligibility,
    Hazard,
    Programme,
    Question,
)
from divert_triage.domain.document import Known, Part
from divert_triage.domain.lexicon import OneLexicon

CodePattern = Annotated[str, Field(pattern=r"^(\*[A-Z0-9]{1,8}|[A-Z0-9][A-Z0-9 /-]{0,31}\*?)$")]
"""A call type: whole (``918VM``), its beginning (``242*``) or, for danger alone, its end (``*SN``)."""
Flag = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9 _/-]{0,63}$")]
DivisionNumber = Annotated[int, Field(ge=1, le=21)]

SCALE = (Acuity.ROUTINE, Acuity.URGENT, Acuity.EMERGENT, Acuity.IMMEDIATE)
"""Acuities from the least to the most urgent."""

ALARMING = frozenset(
    {
        "ARMED",
        "ASSAULTIVE",
        "BARRICADE",
        "BARRICADED",
        "BOMB",
        "COMBATIVE",
        "FIREARM",
        "GUN",
        "GUNS",
        "HOSTAGE",
        "KNIFE",
        "KNIVES",
        "PISTOL",
        "RIFLE",
        "SHOOTING",
        "SHOTGUN",
        "SHOTS",
        "STABBING",
        "THREATS",
        "VIOLENCE",
        "VIOLENT",
        "WEAPON",
        "WEAPONS",
    }
)
"""Words that no policy may call harmless in a flag: what they tell of, no unarmed team meets."""


class Rule(Part):
    """A rule with what an auditor asks of it."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", max_length=40)
    text: str = Field(min_length=1)
    """What it says, in plain words."""
    source: str
    """Key of the document's ``sources``."""
    provisional: bool = False
    """Not confirmed by the city: the seed policy's own reading."""


class SafetyQuestion(Part):
    """A question that must have been answered before an unarmed team is sent."""

    question: Known[Question]
    ask: str
    """How the call-taker puts it."""
    unless_no: Known[Question] | None = None
    """Need not be asked when this other question was answered "no"."""


class Exclusion(Rule):
    """A danger that no unarmed team is sent to."""

    hazard: Known[Hazard]
    questions: tuple[Known[Question], ...] = ()
    """Questions that ask for it: "yes" excludes, "unknown" leads to review."""
    flags: tuple[Flag, ...] = ()
    """CAD flags that say it."""
    premise: Literal["ineligible", "needs_review"] = "ineligible"
    """What it means when CAD knows it of the place from before."""
    programme: Known[Programme] = Programme.NONE
    """Who is recommended instead; ``none`` is the police dispatcher's own choice."""
    acuity: Known[Acuity] = Acuity.IMMEDIATE


class CareType(Rule):
    """Call types that are what an unarmed team is for."""

    codes: tuple[CodePattern, ...]
    acuity: Known[Acuity]


class DangerType(Rule):
    """Call types that say danger by themselves."""

    codes: tuple[CodePattern, ...]
    hazards: tuple[Known[Hazard], ...] = Field(min_length=1)
    programme: Known[Programme] | None = None
    """Who is recommended instead, where it is not as the first hazard's exclusion says."""


class OtherType(Rule):
    """Call types that are somebody else's work, without danger, or that a person must look at."""

    codes: tuple[CodePattern, ...]


class CallTypes(Part):
    """What the call-type code says. The most exact pattern counts; patterns of an end count besides."""

    care: tuple[CareType, ...]
    danger: tuple[DangerType, ...]
    not_care: tuple[OtherType, ...]
    review: tuple[OtherType, ...]

    @property
    def rules(self) -> tuple[CareType | DangerType | OtherType, ...]:
        """Every call type's rule."""
        return (*self.care, *self.danger, *self.not_care, *self.review)


class Switch(Rule):
    """Something that cities decide differently."""

    question: Known[Question]
    age_bands: tuple[Known[AgeBand], ...] = ()
    """Age bands that mean the same as "yes"."""
    effect: Known[Eligibility]
    """What "yes" means; unless that is ``eligible``, "unknown" leads to review."""


class When(Part):
    """Conditions that must all hold; one that is absent always holds."""

    call_types: tuple[str, ...] = ()
    """Ids of care types."""
    answers: dict[Known[Question], tuple[Known[Answer], ...]] = Field(default={})
    callers: tuple[Known[CallerRelation], ...] = ()
    age_bands: tuple[Known[AgeBand], ...] = ()
    divisions: tuple[DivisionNumber, ...] = ()
    acuities: tuple[Known[Acuity], ...] = ()
    told: tuple[Known[Hazard], ...] = ()
    """The text tells of one of these, plainly or in doubt."""


class AcuityRule(Rule):
    """Raises the acuity."""

    at_least: Known[Acuity]
    when: When


class ProgrammeRule(Rule):
    """Chooses the programme of a call that may be, or may become, eligible; the first that fits counts."""

    programme: Known[Programme]
    acuity: Known[Acuity] | None = None
    """The acuity in this programme, where it is not the call type's."""
    when: When = When()


class Always(Part):
    """Rules that every policy has, whatever its lists say. All of them lead to review."""

    unanswered: Rule
    """A safety question was not asked."""
    unclear: Rule
    """A question was answered with "unknown"."""
    known_from_before: Rule
    """A danger that CAD knows of the place, where that alone does not exclude."""
    no_code: Rule
    """The call has no type."""
    unknown_code: Rule
    """The call's type, or its first type, is on no list."""
    unknown_flag: Rule
    """CAD set a flag that is on no list."""
    not_understood: Rule
    """Something that came with the call was not understood."""
    told_unclear: Rule
    """The text tells of danger, but not plainly as present."""
    unreadable: Rule
    """There is a text, and it cannot be read."""
    history_removed: Rule
    """Intake took criminal history out of the text."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Each of them."""
        return (
            self.unanswered,
            self.unclear,
            self.known_from_before,
            self.no_code,
            self.unknown_code,
            self.unknown_flag,
            self.not_understood,
            self.told_unclear,
            self.unreadable,
            self.history_removed,
        )


class TriagePolicy(Part):
    """A whole policy. Eligible is only a care type whose safety questions were all answered and show no danger."""

    kind: Literal["triage"]
    version: str = Field(min_length=1, max_length=64)
    in_force_from: AwareDatetime
    title: str
    sources: dict[str, str]
    """What the rules rest on."""
    safety_questions: tuple[SafetyQuestion, ...] = Field(min_length=1)
    """In the order in which they are asked."""
    exclusions: tuple[Exclusion, ...]
    """One for each hazard; the first that fires names the recommendation."""
    call_types: CallTypes
    switches: tuple[Switch, ...] = ()
    acuities: tuple[AcuityRule, ...] = ()
    programmes: tuple[ProgrammeRule, ...] = Field(min_length=1)
    """In order; the last one has no conditions."""
    review_acuity: Known[Acuity] = Acuity.URGENT
    """How soon a reviewer must look at a call that is no known care type."""
    always: Always
    harmless_flags: tuple[Flag, ...] = ()
    """CAD flags that say nothing of danger."""
    harmless_warnings: tuple[str, ...] = ()
    """Codes of intake's warnings that need no review."""
    lexicon: OneLexicon = None
    """How texts are read; without one, whoever wrote a text must be heard by a person."""

    @property
    def rules(self) -> dict[str, Rule]:
        """Every rule by its id."""
        return {rule.id: rule for rule in self._rules()}

    @property
    def restricting_switches(self) -> tuple[Switch, ...]:
        """The switches that are set to restrict."""
        return tuple(one for one in self.switches if one.effect is not Eligibility.ELIGIBLE)

    def _rules(self) -> Iterator[Rule]:
        yield from (*self.exclusions, *self.call_types.rules, *self.switches, *self.acuities, *self.programmes)
        yield from self.always.rules

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _once("rule id", (rule.id for rule in self._rules()))
        return self

    @model_validator(mode="after")
    def _sources_are_named(self) -> Self:
        missing = {rule.id for rule in self._rules() if rule.source not in self.sources}
        if missing:
            raise ValueError(f"rules without a named source: {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _each_hazard_has_its_exclusion(self) -> Self:
        _once("exclusion of hazard", (one.hazard for one in self.exclusions))
        missing = set(Hazard) - {one.hazard for one in self.exclusions}
        if missing:
            raise ValueError(f"hazards without an exclusion: {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _every_danger_is_asked_for(self) -> Self:
        asked = [one.question for one in self.safety_questions]
        _once("safety question", asked)
        # A question that this version has no word for cannot be asked, yet a later writer may have its answer.
        unasked = {question for one in self.exclusions for question in one.questions} - {*asked, Question.UNKNOWN}
        if unasked:
            raise ValueError(f"exclusions by questions that are no safety questions: {', '.join(sorted(unasked))}")
        return self

    @model_validator(mode="after")
    def _every_danger_that_is_told_has_a_rule(self) -> Self:
        excluding = {question for one in self.exclusions for question in one.questions}
        ruled = excluding | {one.question for one in self.restricting_switches}
        if without := DANGER_ASKED_FOR.keys() - ruled:
            raise ValueError(f"questions for danger whose yes no rule names: {', '.join(sorted(without))}")
        asked = {one.question for one in self.safety_questions}
        if unasked := DANGER_ASKED_FOR.keys() - {*asked, Question.UNKNOWN}:
            raise ValueError(f"questions for danger that are no safety questions: {', '.join(sorted(unasked))}")
        return self

    @model_validator(mode="after")
    def _nothing_alarming_is_harmless(self) -> Self:
        alarming = [flag for flag in self.harmless_flags if not ALARMING.isdisjoint(re.split(r"[ _/-]", flag))]
        if alarming:
            raise ValueError(f"flags that tell of danger and are called harmless: {', '.join(sorted(alarming))}")
        return self

    @model_validator(mode="after")
    def _a_question_means_one_thing(self) -> Self:
        excluding = [question for one in self.exclusions for question in one.questions]
        _once("excluding or switching question", [*excluding, *(one.question for one in self.switches)])
        return self

    @model_validator(mode="after")
    def _patterns_are_unambiguous(self) -> Self:
        _once("call type", (code for rule in self.call_types.rules for code in rule.codes))
        ends = {
            code
            for rule in (*self.call_types.care, *self.call_types.not_care, *self.call_types.review)
            for code in rule.codes
            if code.startswith("*")
        }
        if ends:
            raise ValueError(f"only danger is told by the end of a code: {', '.join(sorted(ends))}")
        _once("flag", (flag for flags in (self.harmless_flags, *(x.flags for x in self.exclusions)) for flag in flags))
        return self

    @model_validator(mode="after")
    def _conditions_name_care_types(self) -> Self:
        known = {rule.id for rule in self.call_types.care}
        named = {name for rule in (*self.acuities, *self.programmes) for name in rule.when.call_types}
        if named - known:
            raise ValueError(f"conditions on unknown care types: {', '.join(sorted(named - known))}")
        return self

    @model_validator(mode="after")
    def _every_call_has_a_programme(self) -> Self:
        if self.programmes[-1].when != When():
            raise ValueError("the last programme rule must have no conditions")
        return self

    @model_validator(mode="after")
    def _nobody_is_offered_what_is_immediate(self) -> Self:
        given = [
            *(rule.acuity for rule in self.call_types.care),
            *(rule.at_least for rule in self.acuities),
            *(rule.acuity for rule in self.programmes if rule.acuity is not None),
            self.review_acuity,
        ]
        if any(acuity not in SCALE[:-1] for acuity in given):
            raise ValueError("an acuity that can be offered is routine, urgent or emergent")
        return self


def _once(what: str, names: Iterable[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"{what} twice: {', '.join(repeated)}")
