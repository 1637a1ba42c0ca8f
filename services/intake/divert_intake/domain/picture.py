"""From a document to the picture of a call and its private part."""

from datetime import timedelta

from divert_contracts.call import HISTORY_REMOVED, Address, Answered, Person, Picture, Private, Revision, Stamps
from divert_contracts.vocabulary import (
    AgeBand,
    Answer,
    CallerRelation,
    Feed,
    Hazard,
    Need,
    Origin,
    PlaceKind,
    Question,
)
from divert_intake.domain.history import without_history
from divert_intake.domain.place import cell, hashed_line, hashed_place
from divert_intake.domain.reading import Notes, Section

UPDATES_BELIEVED_WITHIN = timedelta(days=1)
"""An update time further ahead would make every later revision look old."""
MOST_PEOPLE = 100_000
DIVISIONS = 21
_SIGNED_64 = 2**63
_DISTRICT_DIGITS = 4
_QUESTIONS: dict[str, Question] = {one.value: one for one in Question if one is not Question.UNKNOWN}


def revision(call: Section, notes: Notes, digest: str) -> Revision:
    """Read which version of the picture it is."""
    return Revision(
        number=call.whole("revision", -_SIGNED_64, _SIGNED_64 - 1),
        updated_at=call.moment("updated_at", latest=notes.at + UPDATES_BELIEVED_WITHIN),
        digest=digest,
    )


def read(call: Section, notes: Notes, key: bytes | None) -> tuple[Picture, Private]:
    """Read picture and private part, whatever there is.

    Args:
        call: the call, its identity and revision taken out; nothing is left in it afterwards.
        notes: of this document; what was not understood is added.
        key: for the hashes of address and number; without it there are none.
    """
    address = _address(call.section("address"), notes)
    caller = _person(call.section("caller"), notes)
    persons = [_person(one, notes) for one in call.sections("persons")]
    narrative = _today(call, notes, "narrative")
    people_animals_access = _today(call, notes, "people_animals_access")
    call_type_text = call.code("call_type_text")
    text = None if address is None else address.text
    number = None if caller is None else caller.number
    picture = Picture(
        feed=_feed(call),
        origin=call.word("origin", Origin, Origin.UNKNOWN),
        exercise=call.truth("exercise"),
        recorded_late=call.truth("recorded_late"),
        assumed_screening=call.truth("assumed_screening"),
        call_type=call.code("call_type"),
        initial_call_type=call.code("initial_call_type"),
        priority=call.code("priority"),
        reporting_district=_district(call),
        area=call.code("area"),
        located_division=call.whole("located_division", 1, DIVISIONS),
        cell=_cell(address),
        place=None if key is None or text is None else hashed_place(key, text),
        line=None if key is None or number is None else hashed_line(key, number),
        place_kind=call.word("place_kind", PlaceKind, PlaceKind.UNKNOWN),
        answers=_answers(call.section("answers")),
        flags=call.codes("flags"),
        premise_hazards=call.words("premise_hazards", Hazard),
        police_present=call.word("police_present", Answer, Answer.NOT_ASKED),
        ems_present=call.word("ems_present", Answer, Answer.NOT_ASKED),
        caller_relation=call.word("caller_relation", CallerRelation, CallerRelation.UNKNOWN),
        age_band=call.word("age_band", AgeBand, AgeBand.UNKNOWN),
        language=call.language("language"),
        needs=call.words("needs", Need),
        people_present=call.whole("people_present", 0, MOST_PEOPLE),
        stamps=stamps(call.section("stamps")),
    )
    call.close()
    if notes.warned:
        picture = picture.model_copy(update={"warnings": notes.for_picture()})
    private = Private(
        narrative=narrative,
        address=address,
        caller=caller,
        persons=tuple(person for person in persons if person is not None),
        people_animals_access=people_animals_access,
        call_type_text=call_type_text,
        not_understood=notes.kept,
    )
    return picture, private


def _today(section: Section, notes: Notes, name: str) -> str | None:
    """Take a text without the criminal history that some systems paste in."""
    text, removed = without_history(section.text(name) or "")
    if removed:
        notes.warn(HISTORY_REMOVED, section.pointer(name), section.place(name))
    return text or None


def stamps(given: Section | None) -> Stamps:
    """Read CAD's own times."""
    if given is None:
        return Stamps()
    read = Stamps(
        answered_at=given.moment("answered_at"),
        created_at=given.moment("created_at"),
        dispatched_at=given.moment("dispatched_at"),
        arrived_at=given.moment("arrived_at"),
        closed_at=given.moment("closed_at"),
    )
    given.close()
    return read


def _feed(call: Section) -> Feed:
    """Read the feed; without a known one a person must look, which only diverted calls are sure of."""
    if call.absent("feed"):
        call.missing("feed")
        return Feed.DIVERTED
    feed = call.word("feed", Feed, Feed.DIVERTED)
    return Feed.DIVERTED if feed is Feed.UNKNOWN else feed


def _answers(given: Section | None) -> dict[Question, Answered]:
    """Read the answers; a question that we do not know, or an answer to any that is not understood, is ``unknown``."""
    if given is None:
        return {}
    answers: dict[Question, Answered] = {}
    for name in given.names():
        if given.absent(name):
            continue
        if name in _QUESTIONS:
            answers[_QUESTIONS[name]] = _answered(given, name)
        else:
            # Left for ``close``, which names and keeps it.
            answers[Question.UNKNOWN] = Answered(answer=Answer.UNKNOWN)
    given.close()
    return answers


def _answered(given: Section, name: str) -> Answered:
    if not given.holds_section(name):
        return Answered(answer=given.word(name, Answer, Answer.UNKNOWN))
    one = given.section(name)
    if one is None:
        return Answered(answer=Answer.UNKNOWN)
    if one.absent("answer"):
        one.missing("answer")
    answered = Answered(answer=one.word("answer", Answer, Answer.UNKNOWN), at=one.moment("at"))
    one.close()
    return answered


def _district(call: Section) -> str | None:
    district = call.code("reporting_district")
    if district is not None and district.isascii() and district.isdigit():
        return district.zfill(_DISTRICT_DIGITS)
    return district


def _address(given: Section | None, notes: Notes) -> Address | None:
    if given is None:
        return None
    latitude, longitude = given.real("latitude", -90, 90), given.real("longitude", -180, 180)
    if latitude == 0 and longitude == 0:
        # Where maps put what they could not find.
        notes.keep("out-of-range", [0, 0], "/address/latitude")
        latitude = longitude = None
    address = Address(
        text=given.text("text"),
        unit=given.text("unit"),
        gate=given.text("gate"),
        cross_street=given.text("cross_street"),
        latitude=latitude,
        longitude=longitude,
    )
    given.close()
    return address


def _cell(address: Address | None) -> str | None:
    if address is None or address.latitude is None or address.longitude is None:
        return None
    return cell(address.latitude, address.longitude)


def _person(given: Section | None, notes: Notes) -> Person | None:
    if given is None:
        return None
    person = Person(
        name=given.text("name"),
        number=given.code("number"),
        ringing_is_safe=given.word("ringing_is_safe", Answer, Answer.NOT_ASKED),
        description=_today(given, notes, "description"),
    )
    given.close()
    return person
