"""What the portal shows of a case, worked out from the case and the time. Pure, and the same in every language."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import quote

from divert_contracts.call import Address, Answered, Picture, RuleFired, Signal
from divert_contracts.vocabulary import (
    Answer,
    Certainty,
    Contact,
    Eligibility,
    Hazard,
    Programme,
    Question,
    SignalSource,
)
from divert_provider_gateway.domain.case import HELD, Case, CaseStage, Recall, Rules
from divert_provider_gateway.pages.who import Device

ABOUT = (
    Question.JUVENILE,
    Question.INSIDE_RESIDENCE,
    Question.THIRD_PARTY,
    Question.UNHOUSED,
    Question.INDECENT_EXPOSURE,
)
"""Questions that say something about the person and the place, without danger in a yes."""
SAFETY = tuple(one for one in Question if one not in {*ABOUT, Question.UNKNOWN})
GRAVITY = {Answer.YES: 0, Answer.UNKNOWN: 1, Answer.NOT_ASKED: 2, Answer.NO: 3}
SOON = (10, 20, 30)
"""Minutes in which a team says that it will be there, one tap each."""
LATER = (45, 60, 75, 90)
STEPS = ("team-assigned", "en-route", "on-scene", "contacted", "close")
"""What is said of a case that was taken, in order."""
BY_PHONE = ("team-assigned", "contacted", "close")
"""The same for a crisis line."""


@dataclass(frozen=True, slots=True)
class SafetyLine:
    """A question of the script and its answer."""

    question: Question
    answer: Answer
    at: datetime | None = None
    """When it was given."""
    by_dispatcher: bool = False
    """It came back to a question of the team's."""
    waiting: bool = False
    """The team has asked the dispatcher, and no answer came yet."""


@dataclass(frozen=True, slots=True)
class RuleWords:
    """What a rule of the triage policy says."""

    rule: str
    text: str | None
    """As the policy has it; null where it was not heard."""
    effect: Eligibility


@dataclass(frozen=True, slots=True)
class View:
    """A case as a device shows it."""

    case: Case
    stage: CaseStage
    epoch: int
    mine: bool
    division: str | None
    """The division's name, or its number where no policy names it."""
    what: RuleWords | None
    """The rule that says what kind of call it is."""
    why: tuple[RuleWords, ...]
    look: tuple[SafetyLine, ...]
    """Safety answers that are not "no", gravest first."""
    rest: tuple[SafetyLine, ...]
    about: tuple[SafetyLine, ...]
    signals: tuple[Signal, ...]
    """What else speaks of danger."""
    map_link: str | None
    steps: tuple[str, ...]
    """What is still to be said of it, next first; empty for an offer, and when the case has ended."""
    soon: tuple[int, ...]
    """Arrival times in minutes that keep the limit."""
    later: tuple[int, ...]
    en_route_by: datetime | None
    on_scene_by: datetime | None
    on_scene_minutes: int | None
    check_by: datetime | None
    """When the next safety check is due."""
    recall: Recall | None
    """A recall that waits to be confirmed."""
    askable: tuple[SafetyLine, ...]
    """The script's questions, those without an answer first."""

    @property
    def id(self) -> str:
        """The case's id."""
        return str(self.case.case_id)

    @property
    def held(self) -> bool:
        """Say whether the provider has taken it and it has not ended."""
        return self.stage in HELD


def view(case: Case, device: Device, rules: Rules, at: datetime, *, map_url: str) -> View:
    """Return what a device shows of a case at a time.

    Args:
        case: as remembered.
        device: who looks.
        rules: what policies call divisions and rules.
        at: the domain time.
        map_url: as in the settings.
    """
    stage = case.stage_at(at)
    picture = case.picture or _NOTHING
    offer = case.offer
    lines = _answers(case, picture)
    why = () if offer is None else tuple(_why(offer.decision.rules, rules.words.get(offer.decision.policy, {})))
    minutes = None if offer is None else ceil(offer.on_scene_within / 60)
    taken = case.acknowledged_at
    division = None if offer is None or offer.division is None else offer.division
    return View(
        case=case,
        stage=stage,
        epoch=0 if case.identity is None else case.identity.epoch,
        mine=device.works_on(case),
        division=None if division is None else rules.divisions.get(division, str(division)),
        what=next((one for one in why if one.effect is Eligibility.ELIGIBLE), None),
        why=why,
        look=tuple(line for line in lines if _wants_a_look(line, picture)),
        rest=tuple(line for line in lines if not _wants_a_look(line, picture)),
        about=tuple(_line(case, picture, one) for one in ABOUT),
        signals=tuple(_signals(case.signals)),
        map_link=_map_link(None if case.private is None else case.private.address, map_url),
        steps=_steps(case, stage),
        soon=tuple(one for one in SOON if minutes is None or one <= minutes),
        later=_later(minutes),
        en_route_by=case.deadlines.en_route_by or _limit(taken, None if offer is None else offer.en_route_within),
        on_scene_by=case.deadlines.on_scene_by or _limit(taken, None if offer is None else offer.on_scene_within),
        on_scene_minutes=minutes,
        check_by=_check_by(case, stage),
        recall=case.recall if case.must_confirm else None,
        askable=tuple(sorted((_line(case, picture, one) for one in (*SAFETY, *ABOUT)), key=_unanswered_first)),
    )


def _limit(taken: datetime | None, within: float | None) -> datetime | None:
    return None if taken is None or within is None else taken + timedelta(seconds=within)


_NOTHING = Picture.model_validate({"feed": "unknown"})


def in_order(cases: Iterable[Case], at: datetime) -> list[Case]:
    """Return live cases and recalls: recalls first, then offers by what is left of them, then cases as they came."""
    shown = [case for case in cases if case.must_confirm or case.stage_at(at) in {CaseStage.OFFERED, *HELD}]
    return sorted(shown, key=_rank)


def _rank(case: Case) -> tuple[int, str]:
    if case.must_confirm:
        return 0, str(case.case_id)
    if case.stage is CaseStage.OFFERED and case.offer is not None:
        return 1, case.offer.answer_by.isoformat()
    return 2, "" if case.acknowledged_at is None else case.acknowledged_at.isoformat()


def focus(cases: Iterable[Case], device: Device, wanted: Case | None) -> Case | None:
    """Return the case that a device shows whole: the one that was asked for, its team's own, or the only one there is.

    Args:
        cases: what is shown on the device, in order.
        device: who looks.
        wanted: the case that was asked for by its address.
    """
    if wanted is not None:
        return wanted
    shown = list(cases)
    own = next((case for case in shown if device.works_on(case)), None)
    return own or (shown[0] if len(shown) == 1 else None)


def stops(cases: Iterable[Case], device: Device) -> list[Case]:
    """Return the recalls that cover a device until they are confirmed, its own team's first.

    One that no team was named for may be anybody's, so it covers the desk and every team that has no case of its own. A
    team at work goes on with that: its screen and its calls for help are about where it is.
    """
    live = list(cases)
    recalled = sorted((case for case in live if case.must_confirm), key=device.has, reverse=True)
    at_work = any(device.works_on(case) for case in live)
    return [case for case in recalled if device.has(case) or not at_work]


def aim(cases: Iterable[Case], device: Device, shown: Case | None) -> Case | None:
    """Return the case that a call for help is about.

    That is its team's own, a recalled one first; else the one that is shown; last a recalled one that no team was named
    for. Never an offer: nobody is there. Null where the device tells of none; it may remember the last that it had.
    """
    live = list(cases)
    recalled = [case for case in live if case.must_confirm]
    own = [*filter(device.has, recalled), *filter(device.works_on, live)]
    taken = [] if shown is None or shown.acknowledged_at is None else [shown]
    return next(iter([*own, *taken, *recalled]), None)


def _answers(case: Case, picture: Picture) -> list[SafetyLine]:
    strange = [_line(case, picture, Question.UNKNOWN)] if Question.UNKNOWN in picture.answers else []
    lines = [*strange, *(_line(case, picture, one) for one in SAFETY)]
    return sorted(lines, key=lambda line: GRAVITY[line.answer])


def _line(case: Case, picture: Picture, question: Question) -> SafetyLine:
    """Return the newer of the caller's answer and the dispatcher's."""
    said = picture.answers.get(question, _NOT_ASKED)
    told, told_at = case.answers.get(question), case.answered_at.get(question)
    waiting = question in case.asked
    if told is None or (said.at is not None and told_at is not None and said.at > told_at):
        return SafetyLine(question, said.answer, said.at, waiting=waiting)
    return SafetyLine(question, told, told_at, by_dispatcher=True, waiting=waiting)


_NOT_ASKED = Answered(answer=Answer.NOT_ASKED)


def _wants_a_look(line: SafetyLine, picture: Picture) -> bool:
    """Say whether an answer is not "no"; nobody asks for the means when there is no talk of suicide."""
    if line.question is Question.SUICIDE_MEANS and line.answer is Answer.NOT_ASKED:
        return picture.answer(Question.SUICIDAL) is not Answer.NO
    return line.answer is not Answer.NO


def _unanswered_first(line: SafetyLine) -> bool:
    return line.answer in {Answer.YES, Answer.NO}


def _why(fired: Iterable[RuleFired], words: Mapping[str, str]) -> Iterator[RuleWords]:
    for one in fired:
        yield RuleWords(one.rule, words.get(one.rule), one.effect)


def _signals(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Yield each danger once that was not denied and stands in no answer."""
    seen: set[tuple[Hazard, SignalSource]] = set()
    for one in signals:
        if one.certainty is Certainty.DENIED or one.source is SignalSource.ANSWER:
            continue
        if (one.hazard, one.source) not in seen:
            seen.add((one.hazard, one.source))
            yield one


def _map_link(address: Address | None, map_url: str) -> str | None:
    if address is None:
        return None
    pointed = address.latitude is not None and address.longitude is not None
    if not pointed and not address.text:
        return None
    latitude, longitude = (address.latitude, address.longitude) if pointed else (0, 0)
    query = address.text or f"{latitude},{longitude}"
    filled = {"latitude": str(latitude), "longitude": str(longitude), "query": quote(query, safe="")}
    for name, value in filled.items():
        map_url = map_url.replace("{" + name + "}", value)
    return map_url


def _steps(case: Case, stage: CaseStage) -> tuple[str, ...]:
    if stage not in HELD:
        return ()
    said = {
        "team-assigned": case.team is not None or stage is not CaseStage.ACKNOWLEDGED,
        "en-route": stage is not CaseStage.ACKNOWLEDGED,
        "on-scene": stage is CaseStage.ON_SCENE,
        "contacted": case.contact not in {Contact.NONE, Contact.UNKNOWN},
        "close": False,
    }
    by_phone = case.offer is not None and case.offer.programme is Programme.PHONE
    return tuple(step for step in (BY_PHONE if by_phone else STEPS) if not said[step])


def _later(minutes: int | None) -> tuple[int, ...]:
    if minutes is None or minutes <= max(SOON):
        return () if minutes is None or minutes in SOON else (minutes,)
    return tuple(sorted({*(one for one in LATER if one <= minutes), minutes}))


def _check_by(case: Case, stage: CaseStage) -> datetime | None:
    """Return when routing expects to hear that the team is well, counting as it does."""
    offer = case.offer
    if stage is not CaseStage.ON_SCENE or offer is None or case.on_scene_at is None:
        return None
    if case.checked_at is not None and case.checked_at >= case.on_scene_at:
        return None if offer.check_every is None else case.checked_at + timedelta(seconds=offer.check_every)
    return None if offer.check_after is None else case.on_scene_at + timedelta(seconds=offer.check_after)
