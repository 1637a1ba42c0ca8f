"""Whether an unarmed team may take a call, and why. Pure: the picture and the policy in force.

Each rule that has something to say of a call is a finding; findings only ever restrict, and the most restrictive one
decides. So more danger can never make a call more eligible, and what is unknown never counts as "no".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from pydantic import ValidationError

from divert_contracts.call import Decision, Picture, RuleFired, Signal
from divert_contracts.facts.calls import CallReopened, PictureFact
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.policy import Versioned, Versions
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import (
    Acuity,
    AgeBand,
    Answer,
    Certainty,
    Eligibility,
    Feed,
    Hazard,
    PolicyKind,
    Programme,
    Question,
    SignalSource,
)
from divert_triage.domain.policy import SCALE, CareType, DangerType, Rule, TriagePolicy, When

MOST_CODES_REMEMBERED = 4096
"""Call types whose reading is kept; a city has a few hundred, and rubbish must not fill the memory."""

_ANSWERED = frozenset((Answer.YES, Answer.NO))
_URGENCY = {acuity: urgency for urgency, acuity in enumerate(SCALE)}
_DIVISIONS = range(1, 22)
_DIGITS = 3


class Finding(NamedTuple):
    """What one rule says of a call."""

    rank: int
    """The rule's own number; lower decides before higher: hard exclusions, other exclusions, reviews, care types."""
    fired: RuleFired
    hard: bool = False
    programme: Programme = Programme.NONE
    acuity: Acuity = Acuity.ROUTINE


_rank = attrgetter("rank")


class Said(NamedTuple):
    """What one word of a picture says."""

    finding: Finding
    signal: Signal | None = None


class TypeReading(NamedTuple):
    """What a call type says."""

    findings: tuple[Finding, ...]
    signals: tuple[Signal, ...] = ()
    care: CareType | None = None


class Choice(NamedTuple):
    """A rule that chooses acuity or programme."""

    fired: RuleFired
    answers: tuple[tuple[Question, tuple[Answer, ...]], ...]
    """The answers that it needs, looked at first: most rules do not get beyond them."""
    when: When
    acuity: Acuity
    """``unknown`` where the rule leaves it as it is."""
    programme: Programme = Programme.UNKNOWN


class Judgement(NamedTuple):
    """A decision with the signs that it rests on."""

    decision: Decision
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A policy made ready: everything that follows from a single word is looked up, not searched for."""

    policy: TriagePolicy
    rules: Mapping[str, Rule]
    type_reading: Callable[[str | None], TypeReading]
    first_type_reading: Callable[[str], TypeReading]
    """Of the type that the call had at first: only danger, or that it is unknown."""
    answers: Mapping[Answer, Mapping[Question, Said]]
    flags: Mapping[str, Said | None]
    unknown_flag: Said
    premises: Mapping[Hazard, Said]
    age_bands: Mapping[AgeBand, tuple[Said, ...]]
    harmless_warnings: frozenset[str]
    not_understood: Said
    unanswered: Finding
    asked: tuple[tuple[Question, Question | None], ...]
    """Every safety question in order, with the one whose "no" makes it needless."""
    acuities: tuple[Choice, ...]
    programmes: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What triage has learnt."""

    policies: Versions[Compiled] = field(default_factory=Versions[Compiled])


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Learn a version of the triage policy.

    Raises:
        Rejected: the document does not fit; what was in force stays in force.
    """
    if fact.kind is not PolicyKind.TRIAGE:
        return given
    try:
        policy = TriagePolicy.model_validate(fact.document)
    except ValidationError as error:
        raise Rejected(f"policy:{error.error_count()}-errors") from None
    return Given(given.policies.with_version(fact.version, fact.in_force_from, compiled(policy)))


def triaged(fact: PictureFact, given: Given) -> tuple[CallTriaged]:
    """Judge a revision by the policy that was in force when it was accepted."""
    judgement = judge(fact.picture, given.policies.at(fact.occurred_at))
    return (
        CallTriaged(
            occurred_at=fact.occurred_at,
            call_id=fact.call_id,
            agency=fact.agency,
            incident_number=fact.incident_number,
            revision=fact.revision,
            picture=fact.picture,
            decide_by=fact.decide_by,
            signals=judgement.signals,
            decision=judgement.decision,
            reopens=fact.reopens if isinstance(fact, CallReopened) else None,
        ),
    )


def judge(picture: Picture, in_force: Versioned[Compiled]) -> Judgement:
    """Decide one picture."""
    rules = in_force.value
    reading = rules.type_reading(picture.call_type)
    findings = list(reading.findings)
    signals = list(reading.signals)
    if picture.initial_call_type is not None and picture.initial_call_type != picture.call_type:
        first = rules.first_type_reading(picture.initial_call_type)
        findings += first.findings
        signals += first.signals
    for said in _said(picture, rules):
        findings.append(said.finding)
        if said.signal is not None:
            signals.append(said.signal)
    missing = _missing(picture, rules)
    if missing and picture.feed is not Feed.OBSERVED:
        findings.append(rules.unanswered)
    findings.sort(key=_rank)
    deciding = findings[0]
    fired = [deciding.fired]
    fired += [after.fired for before, after in pairwise(findings) if after.rank != before.rank]
    programme, acuity = deciding.programme, deciding.acuity
    if deciding.fired.effect is not Eligibility.INELIGIBLE:
        programme, acuity = _service(picture, reading.care, rules, fired)
    decision = Decision(
        eligibility=deciding.fired.effect,
        programme=programme,
        acuity=acuity,
        rules=tuple(fired),
        hard_exclusion=deciding.hard,
        unscreened=bool(missing) and picture.feed is Feed.OBSERVED,
        missing=missing,
        policy=in_force.version,
    )
    return Judgement(decision, tuple(dict.fromkeys(signals)) if len(signals) > 1 else tuple(signals))


def explained(judgement: Judgement, rules: Compiled) -> tuple[tuple[RuleFired, Rule], ...]:
    """Return each rule that fired with its words, the deciding one first."""
    return tuple((fired, rules.rules[fired.rule]) for fired in judgement.decision.rules)


def division(picture: Picture) -> int | None:
    """Return the division, 1 to 21, by reporting district first and by the map second; null outside the city."""
    district = picture.reporting_district
    if district is not None and district.isascii() and district.isdigit():
        by_district = int(district) // 100
        if by_district in _DIVISIONS:
            return by_district
    return picture.located_division


def type_code(text: str) -> str:
    """Return a call type as the policy spells it: upper case, its number with at least three digits (``6`` is 006)."""
    code = text.strip().upper()
    digits = len(code) - len(code.lstrip("0123456789"))
    return "0" * (_DIGITS - digits) + code if digits else code


def _said(picture: Picture, rules: Compiled) -> Iterator[Said]:
    """Yield what answers, flags, the place, the person's age and intake's warnings say."""
    for question, answered in picture.answers.items():
        said = rules.answers[answered.answer].get(question)
        if said is not None:
            yield said
    for flag in picture.flags:
        said = rules.flags.get(flag, rules.unknown_flag)
        if said is not None:
            yield said
    for hazard in picture.premise_hazards:
        yield rules.premises[hazard]
    yield from rules.age_bands.get(picture.age_band, ())
    if any(warning.partition(":")[0] not in rules.harmless_warnings for warning in picture.warnings):
        yield rules.not_understood


def _missing(picture: Picture, rules: Compiled) -> tuple[Question, ...]:
    """Return the safety questions without a yes or no, in the order of the script."""
    answers = picture.answers
    return tuple(
        question
        for question, first in rules.asked
        if ((answered := answers.get(question)) is None or answered.answer not in _ANSWERED)
        and (first is None or picture.answer(first) is not Answer.NO)
    )


def _service(
    picture: Picture, care: CareType | None, rules: Compiled, fired: list[RuleFired]
) -> tuple[Programme, Acuity]:
    """Choose programme and acuity of a call that is, or after a review may be, eligible; add the rules that chose."""
    acuity = rules.policy.review_acuity if care is None else care.acuity
    for rule in rules.acuities:
        if _URGENCY[rule.acuity] > _URGENCY[acuity] and _holds(rule, picture, care, acuity):
            acuity = rule.acuity
            fired.append(rule.fired)
    chosen = next(rule for rule in rules.programmes if _holds(rule, picture, care, acuity))
    fired.append(chosen.fired)
    return chosen.programme, acuity if chosen.acuity is Acuity.UNKNOWN else chosen.acuity


def _holds(rule: Choice, picture: Picture, care: CareType | None, acuity: Acuity) -> bool:
    for question, answers in rule.answers:
        if picture.answer(question) not in answers:
            return False
    when = rule.when
    return (
        (not when.acuities or acuity in when.acuities)
        and (not when.call_types or (care is not None and care.id in when.call_types))
        and (not when.callers or picture.caller_relation in when.callers)
        and (not when.age_bands or picture.age_band in when.age_bands)
        and (not when.divisions or division(picture) in when.divisions)
    )


def compiled(policy: TriagePolicy) -> Compiled:
    """Make a policy ready for use."""
    findings = _Findings(policy)
    types = _Types(policy, findings)
    always = policy.always
    return Compiled(
        policy=policy,
        rules=policy.rules,
        type_reading=lru_cache(MOST_CODES_REMEMBERED)(types.read),
        first_type_reading=lru_cache(MOST_CODES_REMEMBERED)(types.read_first),
        answers={
            Answer.YES: _if_yes(policy, findings),
            Answer.UNKNOWN: _if_unknown(policy, findings),
            Answer.NO: {},
            Answer.NOT_ASKED: {},
        },
        flags={
            **dict.fromkeys(policy.harmless_flags),
            **{
                flag: Said(findings.of[one.id], _signal(one.hazard, SignalSource.FLAG, flag))
                for one in policy.exclusions
                for flag in one.flags
            },
        },
        unknown_flag=Said(findings.of[always.unknown_flag.id]),
        premises=_premises(policy, findings),
        age_bands={
            band: tuple(Said(findings.of[one.id]) for one in policy.restricting_switches if band in one.age_bands)
            for band in AgeBand
        },
        harmless_warnings=frozenset(policy.harmless_warnings),
        not_understood=Said(findings.of[always.not_understood.id]),
        unanswered=findings.of[always.unanswered.id],
        asked=tuple((one.question, one.unless_no) for one in policy.safety_questions),
        acuities=tuple(_choice(one, one.when, one.at_least) for one in policy.acuities),
        programmes=tuple(
            _choice(one, one.when, one.acuity or Acuity.UNKNOWN, one.programme) for one in policy.programmes
        ),
    )


class _Findings:
    """The finding of each rule, ranked; rules that only choose acuity or programme find nothing."""

    def __init__(self, policy: TriagePolicy) -> None:
        self.of: dict[str, Finding] = {}
        """By rule id."""
        self.exclusion: dict[Hazard, Finding] = {}
        """By hazard."""
        types, switches = policy.call_types, policy.restricting_switches
        for exclusion in policy.exclusions:
            for danger in types.danger:
                # A type that says danger is more telling than the exclusion that follows from it.
                if danger.hazards[0] is exclusion.hazard:
                    self._hard(danger, danger.programme or exclusion.programme, exclusion.acuity)
            self._hard(exclusion, exclusion.programme, exclusion.acuity)
            self.exclusion[exclusion.hazard] = self.of[exclusion.id]
        excluding = [one for one in switches if one.effect is Eligibility.INELIGIBLE]
        reviewing = [one for one in switches if one.effect is Eligibility.NEEDS_REVIEW]
        self._soft(Eligibility.INELIGIBLE, (*types.not_care, *excluding))
        self._soft(Eligibility.NEEDS_REVIEW, (*types.review, *reviewing, *policy.always.rules))
        self._soft(Eligibility.ELIGIBLE, types.care)

    def _hard(self, rule: Rule, programme: Programme, acuity: Acuity) -> None:
        fired = RuleFired(rule=rule.id, effect=Eligibility.INELIGIBLE)
        self.of[rule.id] = Finding(len(self.of), fired, hard=True, programme=programme, acuity=acuity)

    def _soft(self, effect: Eligibility, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self.of[rule.id] = Finding(len(self.of), RuleFired(rule=rule.id, effect=effect))


class _Types:
    """Reads call types: the whole code, else its longest known beginning; and dangers told by its end."""

    def __init__(self, policy: TriagePolicy, findings: _Findings) -> None:
        self._findings = findings
        self._no_code = findings.of[policy.always.no_code.id]
        self._unknown = findings.of[policy.always.unknown_code.id]
        self._by_pattern = {code: rule for rule in policy.call_types.rules for code in rule.codes}
        self._ends = tuple(
            (code[1:], rule) for rule in policy.call_types.danger for code in rule.codes if code.startswith("*")
        )

    def read(self, text: str | None) -> TypeReading:
        code = "" if text is None else type_code(text)
        if not code:
            return TypeReading((self._no_code,))
        rule = self._rule(code)
        findings: list[Finding] = []
        signals: list[Signal] = []
        for danger in self._dangers(code, rule):
            findings.append(self._findings.of[danger.id])
            findings += (self._findings.exclusion[hazard] for hazard in danger.hazards)
            signals += (_signal(hazard, SignalSource.CALL_TYPE, code) for hazard in danger.hazards)
        if rule is None:
            findings.append(self._unknown)
        elif not isinstance(rule, DangerType):
            findings.append(self._findings.of[rule.id])
        return TypeReading(tuple(findings), tuple(signals), rule if isinstance(rule, CareType) else None)

    def read_first(self, text: str) -> TypeReading:
        reading = self.read(text)
        telling = (one for one in reading.findings if one.hard or one is self._unknown)
        return TypeReading(tuple(telling), reading.signals)

    def _rule(self, code: str) -> Rule | None:
        exact = self._by_pattern.get(code)
        if exact is not None:
            return exact
        beginnings = (f"{code[:length]}*" for length in range(len(code), 0, -1))
        return next((self._by_pattern[one] for one in beginnings if one in self._by_pattern), None)

    def _dangers(self, code: str, rule: Rule | None) -> tuple[DangerType, ...]:
        by_end = tuple(danger for end, danger in self._ends if code.endswith(end) and danger is not rule)
        return (rule, *by_end) if isinstance(rule, DangerType) else by_end


def _if_yes(policy: TriagePolicy, findings: _Findings) -> dict[Question, Said]:
    said = {one.question: Said(findings.of[one.id]) for one in policy.restricting_switches}
    for one in policy.exclusions:
        for question in one.questions:
            said[question] = Said(findings.of[one.id], _signal(one.hazard, SignalSource.ANSWER, question))
    return said


def _if_unknown(policy: TriagePolicy, findings: _Findings) -> dict[Question, Said]:
    unclear = findings.of[policy.always.unclear.id]
    said = {one.question: Said(unclear) for one in (*policy.safety_questions, *policy.restricting_switches)}
    for one in policy.exclusions:
        for question in one.questions:
            signal = _signal(one.hazard, SignalSource.ANSWER, question, Certainty.POSSIBLE)
            said[question] = Said(unclear, signal)
    return said


def _premises(policy: TriagePolicy, findings: _Findings) -> dict[Hazard, Said]:
    weighed = findings.of[policy.always.known_from_before.id]
    return {
        one.hazard: (
            Said(findings.of[one.id], _signal(one.hazard, SignalSource.PREMISE, one.hazard))
            if one.premise == "ineligible"
            else Said(weighed, _signal(one.hazard, SignalSource.PREMISE, one.hazard, Certainty.POSSIBLE))
        )
        for one in policy.exclusions
    }


def _choice(rule: Rule, when: When, acuity: Acuity, programme: Programme = Programme.UNKNOWN) -> Choice:
    fired = RuleFired(rule=rule.id, effect=Eligibility.ELIGIBLE)
    return Choice(fired, tuple(when.answers.items()), when, acuity, programme)


def _signal(hazard: Hazard, source: SignalSource, code: str, certainty: Certainty = Certainty.PRESENT) -> Signal:
    return Signal(hazard=hazard, source=source, certainty=certainty, code=str(code))
