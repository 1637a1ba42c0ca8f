"""Whether an unarmed team may take a call, and why. Pure: the picture and the policy in force.

Each rule that has something to say of a call is a finding; findings only ever restrict, and the most restrictive one
decides. So more danger can never make a call more eligible, and what is unknown never counts as "no".
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from pydantic import ValidationError

from divert_contracts.call import HISTORY_REMOVED, Decision, Picture, Private, RuleFired, Signal
from divert_contracts.facts.calls import CallReopened, PictureFact
from divert_contracts.facts.policies import PolicyPublished, ShadowEnded
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered
from divert_contracts.policy import Versioned, Versions, must_be_in_time, must_be_usable
from divert_contracts.step import Rejected, Unavailable
from divert_contracts.vocabulary import (
    DANGER_ASKED_FOR,
    Acuity,
    AgeBand,
    Answer,
    Certainty,
    Change,
    Eligibility,
    Feed,
    Hazard,
    PolicyKind,
    Programme,
    Question,
    SignalSource,
)
from divert_triage.domain.policy import SCALE, CareType, DangerType, Rule, TriagePolicy, When
from divert_triage.domain.reading import UNREAD, Reader, not_read

MOST_CODES_REMEMBERED = 4096
"""Call types whose reading is kept; a city has a few hundred, and rubbish must not fill the memory."""

ENDED = "ended"
"""Stands for a version from when on nothing is tried beside the policy in force."""

_ANSWERED = frozenset((Answer.YES, Answer.NO))
_URGENCY = {acuity: urgency for urgency, acuity in enumerate(SCALE)}
_DIVISIONS = range(1, 22)
_DIGITS = 3


Read: TypeAlias = Callable[[str, SignalSource], tuple[Signal, ...]]
"""Reads a text for what it tells of."""


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
    told: Mapping[tuple[Hazard, Certainty], Finding]
    """What a signal from text means; what is denied means nothing, and is not there."""
    history_removed: Said
    read: Read
    type_text: Callable[[str], tuple[Signal, ...]]
    """What a call type's own words tell of."""
    unanswered: Finding
    asked: tuple[tuple[Question, Question | None], ...]
    """Every safety question in order, with the one whose "no" makes it needless."""
    acuities: tuple[Choice, ...]
    programmes: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What triage has learnt."""

    policies: Versions[Compiled] = field(default_factory=Versions[Compiled])
    shadows: Versions[Compiled | None] = field(default_factory=Versions[Compiled | None])
    """What is tried beside; null from when a trial has ended."""


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Learn a version of the triage policy, or one that is tried beside it.

    Raises:
        Rejected: the document does not fit, or may never come into force; what was in force stays in force.
    """
    if fact.kind is not PolicyKind.TRIAGE:
        return given
    try:
        policy = TriagePolicy.model_validate(fact.document)
    except ValidationError as error:
        raise Rejected(f"policy:{error.error_count()}-errors") from None
    if not fact.shadow:
        return replace(given, policies=given.policies.published(fact, compiled(policy)))
    must_be_usable(fact)
    must_be_in_time(fact.occurred_at, fact.in_force_from)
    return replace(given, shadows=given.shadows.following(fact.version, fact.in_force_from, compiled(policy)))


def shadow_ended(given: Given, fact: ShadowEnded) -> Given:
    """Learn from when on nothing is tried beside any more.

    Raises:
        Rejected: that is too soon for every process to know of it.
    """
    if fact.kind is not PolicyKind.TRIAGE:
        return given
    must_be_in_time(fact.occurred_at, fact.ends_from)
    return replace(given, shadows=given.shadows.following(ENDED, fact.ends_from, None))


def triaged(fact: PictureFact, given: Given) -> tuple[()] | tuple[CallTriaged] | tuple[CallTriaged, ShadowDiffered]:
    """Judge a revision, its text included, by the policy that was in force when it was accepted.

    Where another policy is tried beside it and answers otherwise, that is said too. What was accepted before any policy
    was in force nobody judges: it goes back to the dispatcher when its time to be judged has passed.

    Raises:
        Unavailable: no policy was published yet; the one that comes may have been in force by then.
    """
    if given.policies.empty:
        raise Unavailable("policy")
    in_force = given.policies.from_then(fact.occurred_at)
    if in_force is None:
        return ()
    triaged = judged(fact, in_force)
    shadow = given.shadows.from_then(fact.occurred_at)
    if shadow is None or shadow.value is None:
        return (triaged,)
    beside = Versioned(shadow.version, shadow.in_force_from, shadow.value)
    tried = judge(fact.picture, beside, read_texts(fact.private, shadow.value))
    change = changed(Judgement(triaged.decision, triaged.signals), tried)
    if change is None:
        return (triaged,)
    differed = ShadowDiffered(
        occurred_at=fact.occurred_at,
        call_id=fact.call_id,
        agency=fact.agency,
        revision=fact.revision,
        in_force=triaged.decision,
        shadow=tried.decision,
        change=change,
    )
    return triaged, differed


def judged(fact: PictureFact, by: Versioned[Compiled]) -> CallTriaged:
    """Judge a revision, its text included, by a version of the policy."""
    judgement = judge(fact.picture, by, read_texts(fact.private, by.value))
    return CallTriaged(
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
    )


def changed(before: Judgement, after: Judgement) -> Change | None:
    """Say how one policy's answer differs from another's, the most dangerous difference first; null where not at all.

    Other rules for the same answer are no difference.
    """
    old, new = before.decision, after.decision
    if old.eligibility is not new.eligibility:
        if new.eligibility is Eligibility.ELIGIBLE:
            return Change.NEWLY_ELIGIBLE
        if old.eligibility is Eligibility.INELIGIBLE:
            return Change.NO_LONGER_EXCLUDED
        return Change.NO_LONGER_ELIGIBLE if old.eligibility is Eligibility.ELIGIBLE else Change.NEWLY_EXCLUDED
    if old.hard_exclusion is not new.hard_exclusion:
        return Change.NO_LONGER_EXCLUDED if old.hard_exclusion else Change.NEWLY_EXCLUDED
    seen, sees = _hazards(before), _hazards(after)
    more_urgent = _URGENCY[new.acuity] - _URGENCY[old.acuity]
    differences = (
        (Change.DANGER_UNSEEN, seen - sees),
        (Change.LESS_URGENT, more_urgent < 0),
        (Change.OTHER_PROGRAMME, old.programme is not new.programme),
        (Change.MORE_URGENT, more_urgent > 0),
        (Change.DANGER_SEEN, sees - seen),
    )
    return next((change for change, differs in differences if differs), None)


def _hazards(judgement: Judgement) -> set[Hazard]:
    return {signal.hazard for signal in judgement.signals if is_told(signal)}


def judge(picture: Picture, in_force: Versioned[Compiled], read: tuple[Signal, ...] = ()) -> Judgement:
    """Decide one picture; ``read`` are the signals that were read from its text, which can only restrict."""
    rules = in_force.value
    reading = rules.type_reading(picture.call_type)
    findings = list(reading.findings)
    signals = list(reading.signals)
    if picture.call_type_text is not None:
        read = (*rules.type_text(picture.call_type_text), *read)
    if picture.initial_call_type is not None and picture.initial_call_type != picture.call_type:
        first = rules.first_type_reading(picture.initial_call_type)
        findings += first.findings
        signals += first.signals
    for said in _said(picture, rules):
        findings.append(said.finding)
        if said.signal is not None:
            signals.append(said.signal)
    for signal in read:
        signals.append(signal)
        if is_told(signal):
            findings.append(rules.told[signal.hazard, signal.certainty])
    missing = _missing(picture, rules)
    if missing and picture.feed is not Feed.OBSERVED:
        findings.append(rules.unanswered)
    findings.sort(key=_rank)
    deciding = findings[0]
    fired = [deciding.fired]
    fired += [after.fired for before, after in pairwise(findings) if after.rank != before.rank]
    programme, acuity = deciding.programme, deciding.acuity
    if deciding.fired.effect is not Eligibility.INELIGIBLE:
        told = {signal.hazard for signal in read if is_told(signal)}
        programme, acuity = _service(picture, reading.care, told, rules, fired)
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


def read_texts(private: Private | None, rules: Compiled) -> tuple[Signal, ...]:
    """Return what the private words of a call tell of; those from narrative and call type say where they stand."""
    if private is None:
        return ()
    read: list[Signal] = []
    if private.narrative:
        read += rules.read(private.narrative, SignalSource.NARRATIVE)
    if private.call_type_text:
        read += rules.type_text(private.call_type_text)
    people = (private.caller, *private.persons)
    beside = (private.people_animals_access, *(one.description for one in people if one is not None))
    for text in beside:
        if text:
            told = rules.read(text, SignalSource.NARRATIVE)
            read += (signal.model_copy(update={"start": None, "end": None}) for signal in told)
    return tuple(read)


def is_told(signal: Signal) -> bool:
    """Say whether a signal counts: all but what is denied."""
    return signal.certainty is not Certainty.DENIED


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
    for warning in picture.warnings:
        code = warning.partition(":")[0]
        if code == HISTORY_REMOVED:
            yield rules.history_removed
        elif code not in rules.harmless_warnings:
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
    picture: Picture, care: CareType | None, told: Collection[Hazard], rules: Compiled, fired: list[RuleFired]
) -> tuple[Programme, Acuity]:
    """Choose programme and acuity of a call that is, or after a review may be, eligible; add the rules that chose."""
    acuity = rules.policy.review_acuity if care is None else care.acuity
    for rule in rules.acuities:
        if _URGENCY[rule.acuity] > _URGENCY[acuity] and _holds(rule, picture, care, told, acuity):
            acuity = rule.acuity
            fired.append(rule.fired)
    chosen = next(rule for rule in rules.programmes if _holds(rule, picture, care, told, acuity))
    fired.append(chosen.fired)
    return chosen.programme, acuity if chosen.acuity is Acuity.UNKNOWN else chosen.acuity


def _holds(rule: Choice, picture: Picture, care: CareType | None, told: Collection[Hazard], acuity: Acuity) -> bool:
    for question, answers in rule.answers:
        if picture.answer(question) not in answers:
            return False
    when = rule.when
    return (
        (not when.acuities or acuity in when.acuities)
        and (not when.told or any(one in told for one in when.told))
        and (not when.call_types or (care is not None and care.id in when.call_types))
        and (not when.callers or picture.caller_relation in when.callers)
        and (not when.age_bands or picture.age_band in when.age_bands)
        and (not when.divisions or division(picture) in when.divisions)
    )


def compiled(policy: TriagePolicy) -> Compiled:
    """Make a policy ready for use."""
    findings = _Findings(policy)
    read = _unread if policy.lexicon is None else _reader(policy.lexicon).read
    types = _Types(policy, findings, read)
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
        told=findings.told,
        history_removed=Said(findings.of[always.history_removed.id]),
        read=read,
        type_text=lru_cache(MOST_CODES_REMEMBERED)(partial(read, source=SignalSource.CALL_TYPE)),
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
        doubtful, unreadable = self.of[policy.always.told_unclear.id], self.of[policy.always.unreadable.id]
        self.told: dict[tuple[Hazard, Certainty], Finding] = {
            (hazard, certainty): unreadable if hazard is Hazard.UNKNOWN else doubtful
            for hazard in Hazard
            for certainty in (Certainty.POSSIBLE, Certainty.UNKNOWN)
        }
        """By what a text tells of and how; what is denied is not there."""
        self.told |= {(hazard, Certainty.PRESENT): finding for hazard, finding in self.exclusion.items()}

    def _hard(self, rule: Rule, programme: Programme, acuity: Acuity) -> None:
        fired = RuleFired(rule=rule.id, effect=Eligibility.INELIGIBLE)
        self.of[rule.id] = Finding(len(self.of), fired, hard=True, programme=programme, acuity=acuity)

    def _soft(self, effect: Eligibility, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self.of[rule.id] = Finding(len(self.of), RuleFired(rule=rule.id, effect=effect))


class _Types:
    """Reads call types: the whole code, else its longest known beginning; and dangers told by its end."""

    def __init__(self, policy: TriagePolicy, findings: _Findings, read: Read) -> None:
        self._findings = findings
        self._read = read
        self._always = {one.id for one in policy.always.rules}
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
        if code not in self._by_pattern:
            # Some systems write words where others have codes, or both: 242 DOM VIOL.
            told = self._read(code, SignalSource.CALL_TYPE)
            findings += (self._findings.told[one.hazard, one.certainty] for one in told if is_told(one))
            signals += told
        return TypeReading(tuple(findings), tuple(signals), rule if isinstance(rule, CareType) else None)

    def read_first(self, text: str) -> TypeReading:
        reading = self.read(text)
        telling = (one for one in reading.findings if one.hard or one.fired.rule in self._always)
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
    # A danger that somebody told us of goes to a person at least, also where no rule of the policy names it.
    not_understood = findings.of[policy.always.not_understood.id]
    said = {
        question: Said(not_understood, _signal(hazard, SignalSource.ANSWER, question))
        for question, hazard in DANGER_ASKED_FOR.items()
    }
    said |= {one.question: Said(findings.of[one.id]) for one in policy.restricting_switches}
    for one in policy.exclusions:
        for question in one.questions:
            said[question] = Said(findings.of[one.id], _signal(one.hazard, SignalSource.ANSWER, question))
    return said


def _if_unknown(policy: TriagePolicy, findings: _Findings) -> dict[Question, Said]:
    unclear = findings.of[policy.always.unclear.id]
    said = {
        question: Said(unclear, _signal(hazard, SignalSource.ANSWER, question, Certainty.POSSIBLE))
        for question, hazard in DANGER_ASKED_FOR.items()
    }
    said |= {one.question: Said(unclear) for one in (*policy.safety_questions, *policy.restricting_switches)}
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


_reader = lru_cache(4)(Reader)
"""Policies mostly share their lexicon, and its automaton takes a while to make."""


def _unread(text: str, source: SignalSource) -> tuple[Signal, ...]:
    """Stand in for a reader where the policy has no lexicon: whoever wrote a text must be heard."""
    return (not_read(UNREAD, source),) if text and source is SignalSource.NARRATIVE else ()


def _choice(rule: Rule, when: When, acuity: Acuity, programme: Programme = Programme.UNKNOWN) -> Choice:
    fired = RuleFired(rule=rule.id, effect=Eligibility.ELIGIBLE)
    return Choice(fired, tuple(when.answers.items()), when, acuity, programme)


def _signal(hazard: Hazard, source: SignalSource, code: str, certainty: Certainty = Certainty.PRESENT) -> Signal:
    return Signal(hazard=hazard, source=source, certainty=certainty, code=str(code))
