"""What is known of a call: the structured picture, and apart from it the private part."""

from typing import Self, cast
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue, field_validator

from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    Acuity,
    AgeBand,
    Answer,
    CallerRelation,
    Certainty,
    Eligibility,
    Feed,
    Hazard,
    Need,
    Origin,
    PlaceKind,
    Programme,
    Question,
    SignalSource,
    TeamPosition,
)

HISTORY_REMOVED = "history-removed"
"""The code of intake's warning that it took criminal history out of a text."""


class Revision(Model):
    """Which version of a call's picture this is. Order: CAD's number, else its time of update, else arrival."""

    number: int | None = None
    """CAD's own revision number, counting up from any start."""
    updated_at: AwareDatetime | None = None
    """When CAD last changed the call."""
    digest: str
    """SHA-256 of the canonical content, in hexadecimal: the same revision with other content is another fact."""

    def is_older_than(self, other: "Revision") -> bool:
        """Say whether CAD itself orders this revision before the other one; arrival decides where it does not."""
        if self.number is not None and other.number is not None and self.number != other.number:
            return self.number < other.number
        if self.updated_at is not None and other.updated_at is not None:
            return self.updated_at < other.updated_at
        return False


class Answered(Model):
    """One answer of the screening script."""

    answer: Answer
    at: AwareDatetime | None = None
    """When it was given."""


class Stamps(Model):
    """CAD's own times of a call."""

    answered_at: AwareDatetime | None = None
    """When 911 answered the caller."""
    created_at: AwareDatetime | None = None
    """When CAD created the call."""
    dispatched_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None


class Signal(Model):
    """One sign of danger or need, and where it was read."""

    hazard: Hazard
    source: SignalSource
    certainty: Certainty
    code: str
    """What said it: a question, a call type, a flag or a lexicon entry. Never free text."""
    start: int | None = None
    """First character in the text that was read, counting from 0: the narrative, or with source ``call_type`` the call
    type. Null when it is not from text, or from another text."""
    end: int | None = None
    """One past the last character."""

    @property
    def from_words(self) -> bool:
        """Whether it was read from words, and so cannot be found again when they are forgotten."""
        return self.source is SignalSource.NARRATIVE or (
            self.source is SignalSource.CALL_TYPE and self.start is not None
        )


class Picture(Model):
    """The structured part of a call: codes, answers, flags, area and times; no free text, no person, no address."""

    feed: Feed
    origin: Origin = Origin.UNKNOWN
    exercise: bool = False
    """A drill: through everything, in no figure."""
    recorded_late: bool = False
    """Entered after it was over; its outcome comes from its stamps and it is never offered."""
    assumed_screening: bool = False
    """The answers were filled in by an import, not given by a caller."""
    call_type: str | None = None
    """CAD's type code, which decides."""
    call_type_text: str | None = None
    """What a published table calls that type; it can tell of danger, and decides nothing else. What CAD itself writes
    beside its code may be anybody's words, and is in the private part."""
    initial_call_type: str | None = None
    priority: str | None = None
    reporting_district: str | None = None
    """Four digits; the first two are the division."""
    area: str | None = None
    """The area as CAD names it: number or name."""
    located_division: int | None = None
    """The division that a map gave, 1 to 21, where one was asked."""
    cell: str | None = None
    """Coarse cell of the map (about 150 m), for danger next door."""
    place: str | None = None
    """Keyed hash of the address; the key is destroyed yearly."""
    line: str | None = None
    """Keyed hash of the call-back number."""
    place_kind: PlaceKind = PlaceKind.UNKNOWN
    answers: dict[Question, Answered] = Field(default={})
    """What was asked; a question that is absent was not asked."""
    flags: tuple[str, ...] = ()
    """CAD's flags and modifiers, upper case."""
    premise_hazards: tuple[Hazard, ...] = ()
    """What CAD knows of the place from before."""
    police_present: Answer = Answer.NOT_ASKED
    ems_present: Answer = Answer.NOT_ASKED
    caller_relation: CallerRelation = CallerRelation.UNKNOWN
    age_band: AgeBand = AgeBand.UNKNOWN
    language: str | None = None
    """BCP 47 tag of the language that the person speaks."""
    needs: tuple[Need, ...] = ()
    people_present: int | None = None
    stamps: Stamps = Stamps()
    warnings: tuple[str, ...] = ()
    """Coded names of what could not be read, as answered to CAD."""

    @field_validator("answers", mode="before")
    @classmethod
    def _gravest_of_what_is_not_known(cls, answers: object) -> object:
        """Keep the gravest answer where a newer writer asked several questions that this version has no word for."""
        if not isinstance(answers, dict):
            return answers
        given = cast("dict[object, object]", answers)
        strange = [question for question in given if question not in _QUESTIONS]
        if len(strange) < _SEVERAL:
            return given
        gravest = max((given[question] for question in strange), key=_gravity)
        return {
            **{question: one for question, one in given.items() if question not in strange},
            Question.UNKNOWN: gravest,
        }

    def after(self, earlier: "Picture") -> Self:
        """Return the picture as the one that follows another of its call.

        A call is a drill, or was entered after it was over, only if all of its pictures say so: what was once told as
        real is real. Where a picture names no place or number, what the earlier one named still holds.
        """
        return self.model_copy(
            update={
                "exercise": earlier.exercise and self.exercise,
                "recorded_late": earlier.recorded_late and self.recorded_late,
                "cell": self.cell or earlier.cell,
                "place": self.place or earlier.place,
                "line": self.line or earlier.line,
            }
        )

    def answer(self, question: Question) -> Answer:
        """Return the answer to a question; what is absent was not asked."""
        answered = self.answers.get(question)
        return Answer.NOT_ASKED if answered is None else answered.answer


_QUESTIONS = frozenset(question for question in Question if question is not Question.UNKNOWN)
_SEVERAL = 2
_GRAVITY = {Answer.NO: 0, Answer.NOT_ASKED: 1, Answer.YES: 3}


def _gravity(answered: object) -> int:
    """Return how grave an answer is, as it was written; what cannot be read is graver than "not asked"."""
    if isinstance(answered, dict):
        said: object = cast("dict[str, object]", answered).get("answer")
    else:
        said = answered.answer if isinstance(answered, Answered) else None
    return _GRAVITY.get(Answer(said), 2) if isinstance(said, str) else 2


class Address(Model):
    """Where the person is."""

    text: str | None = None
    unit: str | None = None
    gate: str | None = None
    """Gate code or how to get in."""
    cross_street: str | None = None
    latitude: float | None = None
    """Degrees north, WGS 84."""
    longitude: float | None = None
    """Degrees east, WGS 84."""


class Person(Model):
    """Somebody of the call."""

    name: str | None = None
    number: str | None = None
    """Telephone number, as given."""
    ringing_is_safe: Answer = Answer.NOT_ASKED
    description: str | None = None


class Private(Model):
    """The private words of a call. They live only where they are forgotten (design, principle 9)."""

    narrative: str | None = None
    address: Address | None = None
    caller: Person | None = None
    persons: tuple[Person, ...] = ()
    people_animals_access: str | None = None
    """Who and what else is there, and how to get in."""
    call_type_text: str | None = None
    """What CAD wrote beside the code of the call type; it can tell of danger, and decides nothing else."""
    not_understood: dict[str, JsonValue] = Field(default={})
    """What came with the call and was not understood, unchanged."""
    eido: str | None = None
    """The text of the EIDO that told this picture, as it came, to be given back."""

    def for_others(self) -> Self:
        """Return what those need to know who are sent there: all but the document that it was read from."""
        return self if self.eido is None else self.model_copy(update={"eido": None})


class RuleFired(Model):
    """A rule of the policy that had a say."""

    rule: str
    """Id of the rule in the policy."""
    effect: Eligibility
    """What the rule says of the call."""


class Decision(Model):
    """What triage decided of one revision, and why."""

    eligibility: Eligibility
    programme: Programme
    acuity: Acuity
    rules: tuple[RuleFired, ...] = ()
    """Every rule that fired, the deciding one first."""
    hard_exclusion: bool = False
    unscreened: bool = False
    """Observed, and the safety questions were not asked: shown apart."""
    missing: tuple[Question, ...] = ()
    """Safety questions that were not answered."""
    policy: str
    """Version of the triage policy in force when the revision was accepted."""


class Team(Model):
    """A team on shift."""

    team: str
    """The provider's own id of the team."""
    unit: str | None = None
    members: int | None = None
    languages: tuple[str, ...] = ()
    """BCP 47 tags."""
    needs: tuple[Need, ...] = ()
    """What needs it can meet."""


class SafetyBrief(Model):
    """What a dispatcher must know to keep people safe. Closed vocabulary; never diagnosis, treatment or substances."""

    hazards: tuple[Hazard, ...] = ()
    in_doubt: tuple[Hazard, ...] = ()
    """Told of, but not surely, and nobody has looked into it."""
    place_kind: PlaceKind = PlaceKind.UNKNOWN
    people_present: int | None = None
    injuries: Answer = Answer.NOT_ASKED
    language: str | None = None
    needs: tuple[Need, ...] = ()
    team_position: TeamPosition = TeamPosition.NOT_SENT
    unit: str | None = None


class Custody(Model):
    """Who holds the call, and until when. When ``next_update_by`` passes unheard, CAD owns the call."""

    holder: str
    """``psap``, or the provider's id once it has acknowledged."""
    next_update_by: AwareDatetime | None = None
    """Null when nothing more will come."""
    case_id: UUID | None = None
