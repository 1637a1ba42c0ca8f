"""What distinguishes two triage policies: their rules in plain words, and what single words come to mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, JsonValue

from divert_contracts.call import Answered, Picture
from divert_contracts.policy import Versioned, digest
from divert_contracts.vocabulary import AgeBand, Answer, Change, Feed, Hazard, Question
from divert_triage.domain import judging
from divert_triage.domain.judging import Judgement
from divert_triage.domain.policy import CallTypes, Rule, TriagePolicy

_OF_RULES = {"version", "in_force_from", "exclusions", "call_types", "switches", "acuities", "programmes", "always"}
"""Fields that are compared rule by rule, or that always differ."""
_ORDER = {change: place for place, change in enumerate(Change)}


class Difference(NamedTuple):
    """Something that one policy says and the other does not, or says otherwise."""

    sign: str
    """``+`` added, ``-`` removed, ``~`` changed."""
    what: str
    """A rule's id, or a field of the policy."""
    text: str
    """In plain words."""


class Effect(NamedTuple):
    """What one thing about a call comes to mean."""

    change: Change
    thing: str
    """Such as ``call type 918``, in a call without any other danger whose questions were all answered "no"."""
    before: str
    after: str


def differences(old: TriagePolicy, new: TriagePolicy) -> Iterator[Difference]:
    """Yield what was added, removed and changed: rules first, then everything else."""
    before, after = _rules(old), _rules(new)
    for name, (kind, rule) in before.items():
        if name not in after:
            yield Difference("-", name, f"{kind} no longer: {_flat(rule.text)}")
    for name, (kind, rule) in after.items():
        if name not in before:
            yield Difference("+", name, f"{kind}: {_flat(rule.text)}{_details(rule)}")
            continue
        old_kind, old_rule = before[name]
        if old_kind != kind:
            yield Difference("~", name, f"was {old_kind}, is {kind}")
        yield from (Difference("~", name, text) for text in _changes(old_rule, rule))
    for kind, names in _orders(new).items():
        common = [name for name in names if name in before]
        earlier = [name for name in _orders(old)[kind] if name in after]
        if sorted(common) == sorted(earlier) and common != earlier:
            yield Difference("~", kind, f"in another order: {', '.join(common)}")
    was, becomes = (one.model_dump(mode="json", exclude=_OF_RULES) for one in (old, new))
    for field in was:
        for text in _value(was[field], becomes[field]):
            yield Difference("~", field, text)


def effects(old: TriagePolicy, new: TriagePolicy) -> list[Effect]:
    """Return each single thing about a call whose meaning changes, the dangerous changes first.

    Looked at are all call types, flags, premise hazards and age bands that either policy names, and every answer to
    every question.
    """
    before, after = (Versioned(one.version, one.in_force_from, judging.compiled(one)) for one in (old, new))
    found: list[Effect] = []
    for thing, picture in _pictures(old, new):
        was, becomes = judging.judge(picture, before), judging.judge(picture, after)
        change = judging.changed(was, becomes)
        if change is not None:
            found.append(Effect(change, thing, _said(was), _said(becomes)))
    return sorted(found, key=lambda one: _ORDER[one.change])


def lexicon_of(policy: TriagePolicy) -> str:
    """Return the SHA-256 of a policy's lexicon, or ``none``."""
    lexicon = policy.lexicon
    return "none" if lexicon is None else digest(lexicon.model_dump(mode="json"))


def _pictures(old: TriagePolicy, new: TriagePolicy) -> Iterator[tuple[str, Picture]]:
    asked = dict.fromkeys(one.question for policy in (old, new) for one in policy.safety_questions)
    answers = {question: Answered(answer=Answer.NO) for question in asked}
    care = next(code for rule in new.call_types.care for code in rule.codes)
    plain = Picture(feed=Feed.DIVERTED, call_type=care.strip("*"), answers=answers)
    codes = dict.fromkeys(
        code.strip("*") for policy in (old, new) for rule in policy.call_types.rules for code in rule.codes
    )
    for code in (*codes, None, "?"):
        thing = {None: "no call type", "?": "a call type on no list"}.get(code, f"call type {code}")
        yield thing, plain.model_copy(update={"call_type": code})
    for question in Question:
        for answer in (Answer.YES, Answer.UNKNOWN, Answer.NOT_ASKED):
            given = {**answers, question: Answered(answer=answer)}
            yield f"{question}: {answer}", plain.model_copy(update={"answers": given})
    flags = dict.fromkeys(
        flag
        for policy in (old, new)
        for flags in (policy.harmless_flags, *(x.flags for x in policy.exclusions))
        for flag in flags
    )
    for flag in (*flags, "?"):
        thing = "a flag on no list" if flag == "?" else f"flag {flag}"
        yield thing, plain.model_copy(update={"flags": (flag,)})
    for hazard in Hazard:
        yield f"premise known for {hazard}", plain.model_copy(update={"premise_hazards": (hazard,)})
    for band in AgeBand:
        yield f"age {band}", plain.model_copy(update={"age_band": band})


def _said(judgement: Judgement) -> str:
    decision = judgement.decision
    return f"{decision.eligibility} ({decision.rules[0].rule}), {decision.programme}, {decision.acuity}"


def _rules(policy: TriagePolicy) -> Mapping[str, tuple[str, Rule]]:
    """Return every rule with what kind of rule it is."""
    types: CallTypes = policy.call_types
    groups: tuple[tuple[str, Sequence[Rule]], ...] = (
        ("hard exclusion", policy.exclusions),
        ("care type", types.care),
        ("danger by call type", types.danger),
        ("somebody else's work", types.not_care),
        ("call type for review", types.review),
        ("city switch", policy.switches),
        ("acuity rule", policy.acuities),
        ("programme rule", policy.programmes),
        ("safeguard", policy.always.rules),
    )
    return {rule.id: (kind, rule) for kind, rules in groups for rule in rules}


def _orders(policy: TriagePolicy) -> Mapping[str, list[str]]:
    """Return the ids of rules whose order has a say."""
    return {
        "exclusions": [rule.id for rule in policy.exclusions],
        "programmes": [rule.id for rule in policy.programmes],
    }


def _changes(old: Rule, new: Rule) -> Iterator[str]:
    before, after = _json(old), _json(new)
    for name in dict.fromkeys((*before, *after)):
        for text in _value(before.get(name), after.get(name)):
            yield f"{name}: {text}"


def _json(model: BaseModel) -> dict[str, JsonValue]:
    return model.model_dump(mode="json")


def _value(old: JsonValue, new: JsonValue) -> Iterator[str]:
    """Yield how a value has changed: what a list has gained and lost, or both values."""
    if old == new:
        return
    if isinstance(old, list) and isinstance(new, list):
        lost = [_text(one) for one in old if one not in new]
        gained = [_text(one) for one in new if one not in old]
        if lost:
            yield f"no longer {', '.join(lost)}"
        if gained:
            yield f"now also {', '.join(gained)}"
        if not lost and not gained:
            yield f"in another order: {_text(new)}"
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            for text in _value(old.get(name), new.get(name)):
                yield f"{name}: {text}"
    else:
        yield f"{_text(old)} → {_text(new)}"


def _details(rule: Rule) -> str:
    """Return what a new rule looks at."""
    said = rule.model_dump(mode="json", exclude=set(Rule.model_fields), exclude_defaults=True)
    joined = "; ".join(f"{name} {_text(value)}" for name, value in said.items())
    return f" ({joined})" if joined else ""


def _text(value: JsonValue) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items() if one) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return _flat(str(value))


def _flat(text: str) -> str:
    return " ".join(text.split())
