"""A new call by keyboard: where, what, the screening questions one at a time, until it is decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from starlette.responses import HTMLResponse, Response

from divert_chassis.access import OwnPage, requires
from divert_contracts.access import Scope
from divert_contracts.call import Answered, Picture
from divert_contracts.model import Model
from divert_contracts.step import Unavailable
from divert_contracts.vocabulary import Answer, Eligibility, Feed, Origin, Question
from divert_routing.adapters import Decided, Explained, Refused, Script
from divert_routing.domain.directory import DISTRICT_DIGITS, division_of_district
from divert_routing.domain.screening import next_question
from divert_routing.pages import words
from divert_routing.pages.desk import DeskPages, moved
from divert_routing.pages.person import NotUnderstood, Somebody, form

LONGEST = 4_000
"""Characters of what is happening."""
GIVEN = frozenset({Answer.YES, Answer.NO, Answer.UNKNOWN})
ANSWERS: TypeAdapter[dict[Question, Answered]] = TypeAdapter(dict[Question, Answered])


class CallForm(Model):
    """A call as it is typed, with the answers so far."""

    number: str = Field(pattern=r"^D\d{6}-\d{4,12}-[0-9A-F]{4}$")
    """Made with the page: however often the call is sent, it is one call."""
    agency: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    drill: bool = False
    address: str = Field(default="", max_length=500)
    area: str = Field(default="", max_length=64)
    call_type: str = Field(default="", max_length=32)
    narrative: str = Field(default="", max_length=LONGEST)
    number_back: str = Field(default="", max_length=64)
    origin: Origin = Origin.NINE_ONE_ONE
    answers: str = "{}"
    """The answers so far, as JSON."""
    question: Question | None = None
    """What was just asked."""
    answer: Answer | None = None
    undo: bool = False
    """Take the last answer back."""


def routes(pages: DeskPages) -> APIRouter:
    """Return the routes of the form."""
    router = pages.router()

    @router.get("/desk/new")
    @requires(Scope.USE_DESK)
    async def read_form(person: Somebody, drill: Annotated[str, Query(max_length=8)] = "") -> HTMLResponse:
        number, more = await pages.desk.next_number()
        return pages.shown(
            "new.html",
            person=person,
            page="new",
            rereviews=await pages.desk.rereviews(),
            number=f"D{pages.now:%y%m%d}-{number:04d}-{more}",
            agencies=sorted(pages.runtime.given.agencies),
            drill=drill == "yes",
            script=await _script(pages),
            divisions=pages.directory.divisions,
            origins=words.ORIGINS.items(),
            longest=LONGEST,
        )

    @router.post("/desk/new/screen", dependencies=[OwnPage])
    @requires(Scope.USE_DESK)
    async def screen(request: Request, person: Somebody) -> HTMLResponse:
        del person
        typed = await form(request, CallForm)
        answers = _answers(typed, pages.now)
        picture = _picture(pages, typed, answers)
        so_far, given = ANSWERS.dump_json(answers).decode(), _listed(answers)
        try:
            decided = await pages.triage.decide(picture, typed.narrative)
        except (Unavailable, Refused):
            return pages.shown("screen_down.html", answers=so_far, given=given, number=typed.number)
        missing = [one.question for one in decided.missing]
        heard = {one: said.answer for one, said in answers.items()}
        wanted = next_question(decided.decision.eligibility, missing, heard)
        if wanted is not None:
            left = sum(one not in answers for one in missing)
            asking = next(one for one in decided.missing if one.question is wanted)
            return pages.shown("screen_ask.html", asking=asking, left=left, answers=so_far, given=given)
        return pages.shown(
            "screen_decided.html",
            decision=decided.decision,
            programme=words.PROGRAMMES[decided.decision.programme],
            acuity=words.ACUITIES[decided.decision.acuity],
            explained=await _why(pages, picture, typed.narrative),
            unasked=sum(one not in answers for one in missing),
            division=_division(pages, typed),
            who=_who(pages, typed, decided),
            answers=so_far,
            given=given,
            number=typed.number,
        )

    @router.post("/desk/new/send", dependencies=[OwnPage])
    @requires(Scope.POST_CALL)
    async def send(request: Request, person: Somebody) -> Response:
        del person
        typed = await form(request, CallForm)
        answers = _answers(typed, pages.now)
        try:
            posted = await pages.intake.post(_body(pages, typed, answers))
        except Unavailable:
            return pages.shown(
                "send_down.html",
                answers=ANSWERS.dump_json(answers).decode(),
                number=typed.number,
            )
        except Refused:
            return pages.not_done("Intake refuses the call: its agency is not registered. Work it in CAD.")
        pages.calls.stale()
        return moved(request, f"/desk?call={posted.call_id}&entered={typed.number}")

    return router


def _answers(typed: CallForm, now: datetime) -> dict[Question, Answered]:
    """Return the answers so far, with the one that was just given, or without the last."""
    try:
        answers = ANSWERS.validate_json(typed.answers)
    except ValidationError:
        raise NotUnderstood from None
    if typed.undo and answers:
        answers.popitem()
    elif typed.question is not None and typed.answer in GIVEN and typed.answer is not None:
        answers[typed.question] = Answered(answer=typed.answer, at=now)
    return answers


def _picture(pages: DeskPages, typed: CallForm, answers: dict[Question, Answered]) -> Picture:
    district = _district(typed.area)
    return Picture(
        feed=Feed.DIVERTED,
        origin=typed.origin,
        exercise=typed.drill,
        call_type=typed.call_type.strip() or None,
        reporting_district=district,
        located_division=_division(pages, typed),
        answers=answers,
    )


def _body(pages: DeskPages, typed: CallForm, answers: dict[Question, Answered]) -> dict[str, JsonValue]:
    """Return the call as intake takes it; what was not typed is left out."""
    district = _district(typed.area)
    optional: Mapping[str, JsonValue] = {
        "call_type": typed.call_type.strip(),
        "reporting_district": district,
        "area": None if district else typed.area.strip(),
        "located_division": _division(pages, typed),
        "narrative": typed.narrative.strip(),
        "address": {"text": typed.address.strip()} if typed.address.strip() else None,
        "caller": {"number": typed.number_back.strip()} if typed.number_back.strip() else None,
    }
    return {
        "agency": typed.agency,
        "incident_number": typed.number,
        "feed": Feed.DIVERTED.value,
        "origin": typed.origin.value,
        "exercise": typed.drill,
        "answers": {
            question.value: {"answer": said.answer.value, **({} if said.at is None else {"at": said.at.isoformat()})}
            for question, said in answers.items()
        },
        **{name: value for name, value in optional.items() if value},
    }


def _district(area: str) -> str | None:
    text = area.strip()
    return text if len(text) == DISTRICT_DIGITS and division_of_district(text) is not None else None


def _division(pages: DeskPages, typed: CallForm) -> int | None:
    return division_of_district(_district(typed.area)) or pages.directory.division_named(typed.area)


def _listed(answers: Mapping[Question, Answered]) -> list[tuple[str, str]]:
    return [(words.QUESTIONS[question], words.ANSWERS[said.answer]) for question, said in answers.items()]


def _who(pages: DeskPages, typed: CallForm, decided: Decided) -> str | None:
    """Return who would be asked first, as far as the directory alone can say."""
    division = _division(pages, typed)
    if division is None or decided.decision.eligibility is not Eligibility.ELIGIBLE:
        return None
    found = pages.directory.routes(decided.decision.programme, division, pages.now)
    return found[0].provider.title if found else None


async def _script(pages: DeskPages) -> Script | None:
    try:
        return await pages.triage.script()
    except (Unavailable, Refused):
        return None


async def _why(pages: DeskPages, picture: Picture, narrative: str) -> Explained | None:
    try:
        return await pages.triage.why(picture, narrative)
    except (Unavailable, Refused):
        return None
