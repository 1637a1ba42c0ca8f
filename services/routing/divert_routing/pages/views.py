"""What the desk's pages show of calls, in the words of the trade. Pure: the call, the directory, the time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from divert_contracts.call import Private, Signal
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Certainty,
    HandOffReason,
    Question,
    RecallReason,
    SignalSource,
    Stage,
)
from divert_routing.domain import claims, endings
from divert_routing.domain.attention import AT_ONCE, Kind, Need, needs
from divert_routing.domain.call import Call, Case
from divert_routing.domain.dangers import SAFETY
from divert_routing.domain.directory import Directory
from divert_routing.pages import words

LONGEST_LABEL = 48


@dataclass(frozen=True, slots=True)
class Row:
    """Something that needs somebody, as a line of the list."""

    id: str
    call_id: UUID
    icon: str
    word: str
    about: str
    """Why, in a few words."""
    place: str
    acuity: str
    at_once: bool
    since: datetime | None
    due: datetime | None
    due_word: str
    repeat: int
    drill: bool
    claimed_by: str | None
    """Somebody else, who looks after it now."""
    mine: bool
    gone: bool = False
    """Nothing is open any more; the line only keeps its place while somebody acts on the list."""


@dataclass(frozen=True, slots=True)
class Custody:
    """Who holds a call, and until when that is to be believed."""

    holder: str
    doing: str
    due_word: str = ""
    due: datetime | None = None
    with_provider: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the narrative; with a sign where the rules saw one."""

    text: str
    sign: str | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Something that can be done with the call now."""

    name: str
    key: str
    word: str
    about: str
    weighty: bool = False
    """It changes who is at risk, and is set apart from the rest."""
    at_once: bool = False
    """One key does it, without a reason."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A sign that the rules saw."""

    hazard: str
    certainty: str
    source: str
    denied: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What the caller was asked about safety."""

    unasked: tuple[str, ...]
    unknown: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as the middle and right columns show it."""

    custody: Custody
    place: str
    orders: tuple[Order, ...]
    pieces: tuple[Piece, ...]
    seen: tuple[Seen, ...]
    answers: Answers
    drill: bool
    acuity: str
    programme: str
    origin: str | None
    claimed_by: str | None
    claim_runs: bool
    mine: bool
    dangers: tuple[str, ...]
    cleared: tuple[str, ...]
    open_here: tuple[Row, ...]
    forgotten: bool
    """The private words were erased."""


class Views:
    """Shows calls by a directory, at a time, to a person."""

    def __init__(self, directory: Directory, at: datetime, person: str) -> None:
        """Look at calls now."""
        self._directory = directory
        self._at = at
        self._person = person

    def rows(self, calls: Iterable[Call], found: Iterable[Need], keep: Sequence[str] = ()) -> list[Row]:
        """Return the lines of a list of needs.

        Args:
            calls: those that the needs are of.
            found: in their order.
            keep: ids of lines that keep their place, because somebody acts on the list; others come after them.
        """
        by_id = {call.call_id: call for call in calls}
        rows = {need.id: self._row(by_id[need.call_id], need) for need in found}
        if not keep:
            return list(rows.values())
        kept = [rows.pop(one) if one in rows else _gone(one) for one in keep]
        return kept + list(rows.values())

    def whole(self, call: Call) -> CallView:
        """Return all that is shown of one call."""
        claim, picture = call.claim, call.picture
        return CallView(
            custody=self.custody(call),
            place=self.place(call),
            orders=tuple(self.orders(call)),
            pieces=tuple(self.marked(call.private, call.signals)),
            seen=tuple(self.seen(call.signs)),
            answers=self.answers(call),
            drill=is_drill(call),
            acuity=words.ACUITIES[call.acuity],
            programme=words.PROGRAMMES[call.meant_for],
            origin=None if picture is None else words.ORIGINS.get(picture.origin),
            claimed_by=None if claim is None else claim.by,
            claim_runs=claim is not None and self._at < claim.until,
            mine=claim is not None and claim.by == self._person,
            dangers=tuple(words.HAZARDS[one] for one in call.dangers),
            cleared=tuple(words.HAZARDS[one] for one in call.cleared),
            open_here=tuple(self.rows([call], needs(call, self._at))),
            forgotten=call.private is None and call.forget_at is not None and self._at >= call.forget_at,
        )

    def place(self, call: Call) -> str:
        """Return where a call is, as far as divisions go."""
        return "No division" if call.division is None else self._directory.division(call.division).name

    def provider(self, provider_id: str | None) -> str:
        """Return a provider's name."""
        provider = None if provider_id is None else self._directory.provider(provider_id)
        return (provider_id or "nobody") if provider is None else provider.title

    def custody(self, call: Call) -> Custody:
        """Return who holds the call, what is happening, and the limit that runs."""
        case = call.case
        if call.concluded:
            return self._after_the_end(call)
        if case is not None and case.acknowledged_at is not None:
            return self._with_provider(call, case)
        offered_to = "somebody" if case is None else self.provider(case.provider)
        doing, due_word, due = {
            Stage.OFFERED: (f"offered to {offered_to}", "answer in", None if case is None else case.answer_by),
            Stage.IN_REVIEW: ("somebody must decide", "decide in", call.review_by),
            Stage.HELD: ("held at the desk", "offered again in", call.held_until),
            Stage.OBSERVED: ("only observed: divert has no part in it", "", None),
        }.get(call.stage, ("the rules are being asked", "answer in", call.triage_by))
        return Custody("The dispatcher holds it", doing, due_word, due)

    def orders(self, call: Call) -> list[Order]:
        """Return what can be done now, what is most likely wanted first."""
        found = [*self._wanted(call)]
        if not call.diverted or call.concluded:
            return found
        case = call.case
        taken = case is not None and case.acknowledged_at is not None
        early = call.decide_by is not None and self._at < call.decide_by and not endings.reached(call)
        movable = call.stage in (Stage.OFFERED, Stage.HELD, Stage.ACKNOWLEDGED, Stage.EN_ROUTE) and early
        if early and call.stage in (Stage.OFFERED, Stage.HELD):
            found.append(Order("hold", "h", "Hold", "Keep the offer back for a while"))
        if movable and call.complete:
            found.append(Order("reassign", "r", "Reassign", "Offer it to another provider"))
            found.append(Order("other_programme", "p", "Other programme", "Send it to another kind of help"))
        if taken:
            found.append(Order("extend", "x", "Extend", "Give the team more time"))
        found.append(Order("take_back", "t", "Take back", "The police dispatcher has it at once", weighty=True))
        return found

    def marked(self, private: Private | None, signals: Iterable[Signal]) -> list[Piece]:
        """Return the narrative in pieces, those marked that the rules saw a sign in; overlapping signs are joined."""
        text = "" if private is None or private.narrative is None else private.narrative
        spans = [
            (one.start, one.end, one)
            for one in signals
            if one.source is SignalSource.NARRATIVE and one.start is not None and one.end is not None
            if 0 <= one.start < one.end <= len(text)
        ]
        return _pieces(text, sorted(spans, key=lambda span: span[:2]))

    def seen(self, signals: Iterable[Signal]) -> list[Seen]:
        """Return the signs that the rules saw, each kind once."""
        found = {
            (one.hazard, one.certainty, one.source, one.code): Seen(
                hazard=words.HAZARDS[one.hazard],
                certainty=words.CERTAINTIES[one.certainty],
                source=_source(one),
                denied=one.certainty is Certainty.DENIED,
            )
            for one in signals
        }
        return list(dict.fromkeys(found.values()))

    def answers(self, call: Call) -> Answers:
        """Return what was asked about safety, and what was not."""
        given = {} if call.picture is None else call.picture.answers
        missing = () if call.decision is None else call.decision.missing
        unasked = tuple(words.QUESTIONS[one] for one in missing if one not in given)

        def answered(wanted: Answer) -> tuple[str, ...]:
            return tuple(
                words.QUESTIONS[question]
                for question in Question
                if question in given
                and given[question].answer is wanted
                and (question in SAFETY or wanted is Answer.YES)
            )

        return Answers(unasked, answered(Answer.UNKNOWN), answered(Answer.YES), answered(Answer.NO))

    def _row(self, call: Call, need: Need) -> Row:
        claim = claims.held_by_another(call, self._person, self._at)
        mine = call.claim is not None and call.claim.by == self._person
        word, about, due_word = self._said(call, need)
        return Row(
            id=need.id,
            call_id=need.call_id,
            icon=need.kind.value,
            word=word,
            about=about,
            place=self.place(call),
            acuity=words.ACUITIES[call.acuity],
            at_once=need.urgency == AT_ONCE,
            since=need.since,
            due=need.due,
            due_word=due_word,
            repeat=need.repeat,
            drill=is_drill(call),
            claimed_by=None if claim is None else claim.by,
            mine=mine,
        )

    def _said(self, call: Call, need: Need) -> tuple[str, str, str]:
        team = self.provider(need.provider)
        asked = "" if need.recommend is None else f", asks for {words.RESPONDERS[need.recommend]}"
        return {
            Kind.ASSISTANCE: (words.ASSISTANCE[need.assistance or Assistance.UNKNOWN], team + asked, "said again in"),
            Kind.CHECK: ("Ring the team", f"{team} did not answer its safety check", "PSAP checks in"),
            Kind.RECALL: (
                "Recall not confirmed",
                f"{team}: {words.RECALLS[need.recall or RecallReason.UNKNOWN]}",
                "said again in",
            ),
            Kind.HAND_OFF: (
                "Hand-off not accepted",
                words.HAND_OFFS[need.hand_off or HandOffReason.UNKNOWN],
                "said again in",
            ),
            Kind.QUESTION: ("Team asks", "; ".join(words.QUESTIONS[one] for one in need.questions), ""),
            Kind.REVIEW: self._to_decide(call),
            Kind.HOLD: ("Held at the desk", "then it is offered again", "ends in"),
            Kind.EXTENSION: ("Limit moved", f"{team} was given more time", "ends in"),
        }[need.kind]

    def _to_decide(self, call: Call) -> tuple[str, str, str]:
        why = self._why_review(call)
        if call.case is None:
            return "Decide", why, "decide in"
        return "Danger in doubt", f"{self.provider(call.case.provider)} has it: {why}", "PSAP checks in"

    def _why_review(self, call: Call) -> str:
        for one in call.signs:
            if one.certainty is not Certainty.DENIED:
                return f"{words.HAZARDS[one.hazard]} {words.CERTAINTIES[one.certainty]}, {_source(one)}"
        if call.case is not None and not call.judged:
            return "the rules have not judged its newest words"
        if call.decision is not None and call.decision.missing:
            asked = len(call.decision.missing)
            return f"{asked} safety {'question' if asked == 1 else 'questions'} without an answer"
        return "the rules would not decide"

    def _wanted(self, call: Call) -> list[Order]:
        found: list[Order] = []
        kinds = {one.kind for one in needs(call, self._at)}
        if call.review_by is not None and claims.held_by_another(call, self._person, self._at) is None:
            has_team = call.case is not None
            may = "The team keeps it" if has_team else "An unarmed team may take it: it is offered"
            may_not = "The team is called back at once" if has_team else "It goes back to the police dispatcher"
            found.append(Order("eligible", "e", "Eligible", may))
            found.append(Order("ineligible", "i", "Not eligible", may_not))
        if Kind.QUESTION in kinds:
            found.append(Order("answer", "a", "Answer the team", "They wait for it"))
        if kinds & {Kind.HAND_OFF, Kind.ASSISTANCE}:
            found.append(Order("accept", "o", "Accept", "A dispatcher has it from now on"))
        if kinds:
            found.append(Order("claim", "c", "Claim", "You look after it; the others see so", at_once=True))
        if call.dangers:
            found.append(Order("clear", "d", "Danger cleared", "A unit has made the scene safe", weighty=True))
        return found

    def _with_provider(self, call: Call, case: Case) -> Custody:
        who = f"{self.provider(case.provider)} has it"
        unit = "" if case.unit is None else f"team {case.unit} "
        match call.stage:
            case Stage.EN_ROUTE:
                return Custody(who, f"{unit}on the way", "must be there in", case.on_scene_by, with_provider=True)
            case Stage.ON_SCENE:
                return Custody(who, f"{unit}on scene", "safety check in", case.check_by, with_provider=True)
            case _ if case.en_route_by is not None:
                return Custody(who, f"{unit}preparing", "must set out in", case.en_route_by, with_provider=True)
            case _:
                return Custody(who, f"{unit}at work", "must close in", case.close_by, with_provider=True)

    def _after_the_end(self, call: Call) -> Custody:
        if call.hand_offs:
            due = min(one.accept_by for one in call.hand_offs)
            return Custody("The dispatcher holds it", "nobody there has accepted it yet", "said again in", due)
        if call.recalls:
            due = min(one.confirm_by for one in call.recalls)
            who = ", ".join(dict.fromkeys(self.provider(one.provider) for one in call.recalls))
            return Custody("The dispatcher holds it", f"{who} has not confirmed the recall", "said again in", due)
        outcome = "" if call.outcome is None else call.outcome.replace("_", " ")
        reason = "" if call.reason is None else call.reason.replace("_", " ")
        return Custody("Ended", f"{outcome}: {reason}")


def is_drill(call: Call) -> bool:
    """Say whether a call is an exercise."""
    return call.picture is not None and call.picture.exercise


def _source(signal: Signal) -> str:
    known = words.SOURCES[signal.source]
    if signal.source in (SignalSource.CALL_TYPE, SignalSource.FLAG):
        return f"{known} {signal.code}"[:LONGEST_LABEL]
    return known


def _gone(row_id: str) -> Row:
    """Return a line that keeps its place and holds nothing."""
    return Row(
        id=row_id,
        call_id=UUID(int=0),
        icon="yes",
        word="Done",
        about="",
        place="",
        acuity="",
        at_once=False,
        since=None,
        due=None,
        due_word="",
        repeat=0,
        drill=False,
        claimed_by=None,
        mine=False,
        gone=True,
    )


def _pieces(text: str, spans: Sequence[tuple[int, int, Signal]]) -> list[Piece]:
    found: list[Piece] = []
    at = 0
    index = 0
    while index < len(spans):
        start, end, _ = spans[index]
        joined = [spans[index][2]]
        index += 1
        while index < len(spans) and spans[index][0] < end:
            joined.append(spans[index][2])
            end = max(end, spans[index][1])
            index += 1
        if start > at:
            found.append(Piece(text[at:start]))
        said = dict.fromkeys(f"{words.HAZARDS[one.hazard]} {words.CERTAINTIES[one.certainty]}" for one in joined)
        denied = all(one.certainty is Certainty.DENIED for one in joined)
        found.append(Piece(text[start:end], ", ".join(said), denied))
        at = end
    if at < len(text):
        found.append(Piece(text[at:]))
    return found
