"""What the portal shows of a case, and to whom; and that what somebody said stays words."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import JsonValue

from divert_chassis.run import Runtime
from divert_contracts.call import Address, Answered, Person, Picture, Private, RuleFired, Signal, Team
from divert_contracts.facts.routing import CaseOffered, QuestionAnswered
from divert_contracts.vocabulary import (
    Answer,
    Certainty,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    Hazard,
    PolicyKind,
    Programme,
    Question,
    SignalSource,
    Stage,
)
from divert_provider_gateway import pages
from divert_provider_gateway.app import build
from divert_provider_gateway.domain import happened
from divert_provider_gateway.domain.case import Case, CaseStage, Roster, Rules, TimeToForget
from divert_provider_gateway.domain.said import (
    VERBS,
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    Ask,
    AssignTeam,
    Close,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    RaiseEmergency,
    RequestBackup,
    SafetyReport,
    Said,
    WriteNote,
)
from divert_provider_gateway.pages import Portal
from divert_provider_gateway.pages.view import View, aim, focus, in_order, stops, view
from divert_provider_gateway.pages.who import Device, named
from divert_provider_gateway.pages.words import read
from divert_provider_gateway.settings import Settings

from .test_case import CALL, CASE, EPOCH, NOON, RULES, SOON, a_policy, a_recall, after, an_offer

DESK = Device(None)
WEST = Device("west-1")
EAST = Device("east-2")
TAKEN = Acknowledge(epoch=EPOCH, arrive_in_seconds=600)
GEO = "geo:{latitude},{longitude}?q={query}"


def offered(offer: CaseOffered | None = None) -> Case:
    return happened.offered(Case(case_id=CASE), offer or an_offer(), RULES, NOON).state


def pictured(picture: Picture, **changes: object) -> Case:
    return offered(an_offer().model_copy(update={"picture": picture, **changes}))


def seen(case: Case, device: Device = DESK, at: datetime = SOON, rules: Rules = RULES) -> View:
    return view(case, device, rules, at, map_url=GEO)


def answers(**given: Answer) -> dict[Question, Answered]:
    return {Question(question): Answered(answer=answer, at=NOON) for question, answer in given.items()}


def test_an_answer_that_is_not_no_wants_a_look_gravest_first() -> None:
    told = answers(weapon=Answer.NO, violence=Answer.UNKNOWN, fire=Answer.YES)
    shown = seen(pictured(Picture(feed=Feed.DIVERTED, answers=told)))
    assert [line.answer for line in shown.look] == sorted(
        (line.answer for line in shown.look), key=[Answer.YES, Answer.UNKNOWN, Answer.NOT_ASKED].index
    )
    assert (shown.look[0].question, shown.look[0].at) == (Question.FIRE, NOON)
    assert [line.question for line in shown.rest] == [Question.WEAPON]
    assert len(shown.look) + len(shown.rest) + len(shown.about) == len(Question) - 1


def test_a_question_of_a_newer_script_is_shown() -> None:
    shown = seen(pictured(Picture(feed=Feed.DIVERTED, answers=answers(unknown=Answer.YES))))
    assert shown.look[0].question is Question.UNKNOWN


@pytest.mark.parametrize(("suicidal", "wants_a_look"), [(Answer.NO, False), (Answer.UNKNOWN, True), (Answer.YES, True)])
def test_the_means_matter_unless_there_is_no_talk_of_suicide(suicidal: Answer, wants_a_look: bool) -> None:  # noqa: FBT001 (a column)
    shown = seen(pictured(Picture(feed=Feed.DIVERTED, answers=answers(suicidal=suicidal))))
    assert (Question.SUICIDE_MEANS in {line.question for line in shown.look}) is wants_a_look


def test_the_dispatchers_answer_counts_until_the_caller_says_something_newer() -> None:
    case = after(pictured(Picture(feed=Feed.DIVERTED)), Ask(question=Question.WEAPON))
    assert [line for line in seen(case).look if line.waiting] != []
    answer = QuestionAnswered(
        occurred_at=SOON,
        call_id=CALL,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=EPOCH,
        case_id=CASE,
        provider="exodus",
        question=Question.WEAPON,
        answer=Answer.NO,
        by="desk-1",
    )
    case = happened.question_answered(case, answer, RULES, SOON).state
    line = next(line for line in seen(case).rest if line.question is Question.WEAPON)
    assert (line.answer, line.at, line.by_dispatcher, line.waiting) == (Answer.NO, SOON, True, False)
    newer = {Question.WEAPON: Answered(answer=Answer.YES, at=SOON + timedelta(seconds=5))}
    case = case.model_copy(update={"picture": Picture(feed=Feed.DIVERTED, answers=newer)})
    assert seen(case).look[0].answer is Answer.YES


def test_a_denied_signal_and_one_that_an_answer_tells_are_not_told_twice() -> None:
    def signal(source: SignalSource, certainty: Certainty) -> Signal:
        return Signal(hazard=Hazard.WEAPON, source=source, certainty=certainty, code="x")

    signals = (
        signal(SignalSource.NARRATIVE, Certainty.DENIED),
        signal(SignalSource.ANSWER, Certainty.PRESENT),
        signal(SignalSource.FLAG, Certainty.POSSIBLE),
        signal(SignalSource.FLAG, Certainty.PRESENT),
    )
    shown = seen(pictured(Picture(feed=Feed.DIVERTED), signals=signals)).signals
    assert [(one.source, one.certainty) for one in shown] == [(SignalSource.FLAG, Certainty.POSSIBLE)]


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ((), ()),
        ((TAKEN,), ("team-assigned", "en-route", "on-scene", "contacted", "close")),
        ((TAKEN, AssignTeam(epoch=EPOCH, team="west-1")), ("en-route", "on-scene", "contacted", "close")),
        ((TAKEN, GoEnRoute(epoch=EPOCH)), ("on-scene", "contacted", "close")),
        ((TAKEN, MakeContact(contact=Contact.PHONE), GoEnRoute(epoch=EPOCH)), ("on-scene", "close")),
        ((TAKEN, Arrive()), ("contacted", "close")),
        ((TAKEN, Arrive(), MakeContact(contact=Contact.IN_PERSON)), ("close",)),
        ((Decline(epoch=EPOCH, reason=DeclineReason.NO_TEAM),), ()),
    ],
)
def test_what_is_still_to_be_said_follows_from_what_was(said: tuple[Said, ...], steps: tuple[str, ...]) -> None:
    assert seen(after(offered(), *said)).steps == steps


def test_a_crisis_line_goes_nowhere() -> None:
    case = after(offered(an_offer().model_copy(update={"programme": Programme.PHONE})), TAKEN)
    assert seen(case).steps == ("team-assigned", "contacted", "close")


@pytest.mark.parametrize(
    ("limit", "soon", "later"),
    [
        (1200, (10, 20), ()),
        (1800, (10, 20, 30), ()),
        (2700, (10, 20, 30), (45,)),
        (5400, (10, 20, 30), (45, 60, 75, 90)),
        (300, (), (5,)),
    ],
)
def test_only_arrival_times_within_the_limit_are_offered(
    limit: float, soon: tuple[int, ...], later: tuple[int, ...]
) -> None:
    shown = seen(offered(an_offer().model_copy(update={"on_scene_within": limit})))
    assert (shown.soon, shown.later) == (soon, later)


def test_the_next_safety_check_is_counted_as_routing_counts_it() -> None:
    case = offered(an_offer().model_copy(update={"check_after": 600.0, "check_every": 900.0}))
    case = after(case, TAKEN)
    assert seen(case).check_by is None
    case = after(case, Arrive())
    assert seen(case).check_by == SOON + timedelta(seconds=600)
    case = after(case, AnswerSafetyCheck(), at=SOON + timedelta(seconds=90))
    assert seen(case).check_by == SOON + timedelta(seconds=990)


def test_a_map_is_asked_for_a_point_or_else_for_the_address_and_for_nothing_more() -> None:
    def link(**address: str | float) -> str | None:
        private = Private(address=Address.model_validate(address))
        return seen(pictured(Picture(feed=Feed.DIVERTED), private=private)).map_link

    assert link(text='5 A&B "St"', latitude=34.05, longitude=-118.24) == "geo:34.05,-118.24?q=5%20A%26B%20%22St%22"
    assert link(text="5 {latitude} St") == "geo:0,0?q=5%20%7Blatitude%7D%20St"
    assert link(latitude=34.05, longitude=-118.24) == "geo:34.05,-118.24?q=34.05%2C-118.24"
    assert link(unit="12") is None


def test_why_it_is_yours_is_told_in_the_words_of_the_policy() -> None:
    document: dict[str, JsonValue] = {"call_types": {"care": [{"id": "C-NEW", "codes": ["1"], "text": "New words. "}]}}
    policy = a_policy(document, PolicyKind.TRIAGE)
    rules = happened.policy_published(RULES, policy)
    decision = an_offer().decision.model_copy(
        update={"policy": policy.version, "rules": (RuleFired(rule="C-NEW", effect=Eligibility.ELIGIBLE),)}
    )
    shown = seen(offered(an_offer().model_copy(update={"decision": decision})), rules=rules)
    assert [(one.rule, one.text) for one in shown.why] == [("C-NEW", "New words.")]
    assert shown.what == shown.why[0]


def test_a_team_sees_offers_what_waits_for_a_team_and_its_own() -> None:
    offer, taken = offered(), after(offered(), TAKEN)
    given = after(taken, AssignTeam(epoch=EPOCH, team="west-1"))
    assert [WEST.sees(case) for case in (offer, taken, given)] == [True, True, True]
    assert [EAST.sees(case) for case in (offer, taken, given)] == [True, True, False]
    assert [DESK.sees(case) for case in (offer, taken, given)] == [True, True, True]
    assert [device.works_on(given) for device in (WEST, EAST, DESK)] == [True, False, False]


def test_recalls_come_first_then_offers_by_what_is_left_then_cases() -> None:
    taken = after(offered(), TAKEN)
    late = an_offer().model_copy(update={"case_id": uuid4(), "answer_by": NOON + timedelta(seconds=120)})
    later = happened.offered(Case(case_id=late.case_id), late, RULES, NOON).state
    recalled = happened.recalled(taken, a_recall(confirm_by=SOON), RULES, SOON).state
    closed = after(taken, Close(epoch=EPOCH, disposition=Disposition.OTHER, contact=Contact.PHONE))
    assert in_order([taken, later, offered(), closed, recalled], SOON) == [recalled, offered(), later, taken]
    assert in_order([offered()], NOON + timedelta(seconds=91)) == []


def test_a_device_shows_the_case_asked_for_else_its_own_else_the_only_one() -> None:
    own = after(offered(), TAKEN, AssignTeam(epoch=EPOCH, team="west-1"))
    other = offered().model_copy(update={"case_id": uuid4()})
    assert focus([other, own], WEST, other) is other
    assert focus([other, own], WEST, None) is own
    assert focus([other, own], DESK, None) is None
    assert focus([other], DESK, None) is other


def another(*said: Said) -> Case:
    """Return another case, after what was said of it."""
    case = happened.offered(Case(case_id=uuid4()), an_offer(), RULES, NOON).state
    return after(case, TAKEN, *said)


def stopped(case: Case) -> Case:
    """Return a case after a recall that must be confirmed."""
    return happened.recalled(case, a_recall(confirm_by=SOON), RULES, SOON).state


def test_a_recall_that_no_team_was_named_for_covers_no_team_that_is_at_work_elsewhere() -> None:
    own = another(Arrive(), AssignTeam(epoch=EPOCH, team="west-1"))
    nobodys, of_west = stopped(another()), stopped(another(AssignTeam(epoch=EPOCH, team="west-1")))
    assert stops([nobodys, own], WEST) == []
    assert aim([nobodys, own], WEST, own) is own
    assert stops([nobodys, of_west, own], WEST) == [of_west]
    assert aim([nobodys, of_west, own], WEST, own) is of_west
    assert stops([nobodys, of_west], WEST) == [of_west, nobodys]
    # It may be theirs: they took it and did not say who goes.
    assert stops([nobodys], EAST) == [nobodys]
    assert aim([nobodys], EAST, None) is nobodys
    assert stops([nobodys, of_west, own], DESK) == [nobodys, of_west]
    assert aim([nobodys, own], DESK, own) is own


def test_a_team_at_work_still_sees_that_a_case_without_a_team_was_recalled() -> None:
    own, nobodys = another(AssignTeam(epoch=EPOCH, team="west-1")), stopped(another())
    page = Elements()
    roster = Roster(provider="exodus")
    page.feed(str(portal().live(read()["en"], WEST, [nobodys, own], None, roster)["live"]))
    attributes = dict(page.attributes)
    assert "inert" not in attributes
    assert "alertdialog" not in {value for _, value in page.attributes}
    assert ("data-case", str(own.case_id)) in page.attributes
    assert "data-unsure" not in attributes
    assert "Stop: " in page.text
    page = Elements()
    page.feed(str(portal().live(read()["en"], EAST, [nobodys, own], None, roster)["live"]))
    assert {"inert", "data-unsure"} <= dict(page.attributes).keys()
    assert "alertdialog" in {value for _, value in page.attributes}


def test_a_desk_that_looks_at_one_case_is_told_that_help_is_not_for_the_recalled_one() -> None:
    own, nobodys = another(AssignTeam(epoch=EPOCH, team="west-1")), stopped(another())
    for asked, told in ((own, True), (None, False)):
        page = Elements()
        page.feed(str(portal().live(read()["en"], DESK, [nobodys, own], asked, Roster(provider="exodus"))["live"]))
        assert ("below are for another case: " in page.text) is told


def test_when_its_session_is_over_a_team_hears_of_its_case_and_of_recalls_and_a_desk_of_nothing() -> None:
    offer, taken, own = offered(), another(), another(AssignTeam(epoch=EPOCH, team="west-1"))
    cases = [offer, taken, own, stopped(own), stopped(taken)]
    assert [WEST.minds(case) for case in cases] == [False, True, True, True, True]
    assert [EAST.minds(case) for case in cases] == [False, True, False, False, True]
    assert [DESK.minds(case) for case in cases] == [False] * 5


def test_the_script_knows_every_report_that_is_never_refused() -> None:
    script = (Path(pages.__file__).parent / "assets" / "portal.js").read_text()
    named = {
        name: set(re.findall(r'"([a-z-]+)"', re.findall(rf"const {name} = \[(.*?)\];", script, re.DOTALL)[0]))
        for name in ("URGENT", "SAFETY")
    }
    reports = {verb.value for verb, kind in VERBS.items() if issubclass(kind, SafetyReport)}
    assert named["URGENT"] | named["SAFETY"] == reports


def test_a_call_for_help_is_about_where_the_team_is_and_never_about_an_offer() -> None:
    own = after(offered(), TAKEN, AssignTeam(epoch=EPOCH, team="west-1"))
    offer = offered().model_copy(update={"case_id": uuid4()})
    recalled = happened.recalled(own, a_recall(confirm_by=SOON), RULES, SOON).state
    closed = after(own, Close(epoch=EPOCH, disposition=Disposition.OTHER, contact=Contact.PHONE))
    assert aim([offer, own], WEST, offer) is own
    assert aim([offer], WEST, offer) is None
    assert aim([recalled, offer], WEST, offer) is recalled
    assert aim([], DESK, closed) is closed
    assert aim([own], DESK, None) is None


@pytest.mark.parametrize("team", ["", " ", "team:x y", "ä", "-x", "x" * 65, "a\nb", 'a"b'])
def test_what_is_no_teams_id_is_no_device(team: str) -> None:
    assert named(team) is None


# The pages themselves, from real templates, without a server.

EVIL = "</p><script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover='alert(3)' x=\"{{7*7}}"


def portal() -> Portal:
    settings = Settings(provider="exodus", kafka="127.0.0.1:1", valkey="redis://127.0.0.1:1/0")
    return Portal(Runtime(build("exodus"), settings), settings)


@dataclass
class Elements(HTMLParser):
    """What a browser would make of a page."""

    names: list[str] = field(default_factory=list[str])
    attributes: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(case: Case, language: str, device: Device = DESK) -> Elements:
    roster = Roster(provider="exodus", teams=(Team(team="west-1"), Team(team="east-2")))
    page = Elements()
    page.feed(str(portal().live(read()[language], device, [case], case, roster, wanted=case.case_id)["live"]))
    return page


def lives(offer: CaseOffered) -> list[Case]:
    """Return a case at every stage of its life, with all that a page may show of it."""
    case = offered(offer)
    there = after(
        case,
        TAKEN,
        AssignTeam(epoch=EPOCH, team="west-1"),
        GoEnRoute(epoch=EPOCH),
        Arrive(),
        Ask(question=Question.FIRE),
        RequestBackup(),
        RaiseEmergency(),
        WriteNote(text=EVIL, by="west-1"),
    )
    closing = Close(epoch=EPOCH, disposition=Disposition.REFERRED, contact=Contact.IN_PERSON)
    danger = a_recall(confirm_by=SOON, repeat=1).model_copy(
        update={"hazards": (Hazard.WEAPON,), "urgent": True, "withdraw_if_safe": True}
    )
    return [
        case,
        after(case, TAKEN),
        after(case, TAKEN, GoEnRoute(epoch=EPOCH)),
        there,
        after(there, MakeContact(contact=Contact.IN_PERSON)),
        after(there, closing),
        after(there, HandBack(epoch=EPOCH)),
        after(case, Decline(epoch=EPOCH, reason=DeclineReason.NOT_SAFE)),
        happened.recalled(there, danger, RULES, SOON).state,
        happened.time_to_forget(after(there, closing), TimeToForget(), RULES, SOON).state,
    ]


def an_evil_offer() -> CaseOffered:
    person = Person(name=EVIL, number=EVIL, description=EVIL)
    return an_offer(at=datetime.now(NOON.tzinfo)).model_copy(
        update={
            "answer_by": datetime.now(NOON.tzinfo) + timedelta(seconds=90),
            "incident_number": EVIL,
            "picture": Picture(
                feed=Feed.DIVERTED,
                call_type=EVIL,
                language=EVIL,
                exercise=True,
                premise_hazards=(Hazard.VIOLENCE,),
                answers=answers(weapon=Answer.UNKNOWN, fire=Answer.NO),
            ),
            "signals": (
                Signal(hazard=Hazard.FIRE, source=SignalSource.NARRATIVE, certainty=Certainty.POSSIBLE, code="smoke"),
            ),
            "private": Private(
                narrative=EVIL,
                address=Address(text=EVIL, unit=EVIL, gate=EVIL, cross_street=EVIL, latitude=34.0, longitude=-118.0),
                caller=person,
                persons=(person,),
                people_animals_access=EVIL,
            ),
        }
    )


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("device", [DESK, WEST], ids=["desk", "team"])
def test_every_stage_has_its_page_and_what_was_said_stays_words(language: str, device: Device) -> None:
    for case in lives(an_evil_offer()):
        page = rendered(case, language, device)
        assert "script" not in page.names
        assert "img" not in page.names
        assert [name for name, _ in page.attributes if name.startswith("on")] == []
        assert [value for name, value in page.attributes if name == "href" and value and "javascript" in value] == []
        assert "49" not in page.text.replace(EVIL, "")
        if case.private is not None:
            assert EVIL in page.text


def test_an_offer_tells_all_that_somebody_would_ring_back_for() -> None:
    told = (
        "Apt 12", "#4471", "5 Main St", "W 104th St", "+1 213 555 0142", "Ringing is safe", "Two dogs",
        "Known of this place", "Officers there", "Family", "18 to 64", "vi", "Wheelchair", "There within 45 min",
        "A mental health crisis, without violence", "Distress, no danger", "He weeps.",
    )  # fmt: skip
    picture = Picture.model_validate(
        {
            "feed": "diverted",
            "premise_hazards": ["weapon"],
            "police_present": "yes",
            "caller_relation": "family",
            "age_band": "adult",
            "language": "vi",
            "needs": ["wheelchair"],
            "people_present": 3,
        }
    )
    private = Private.model_validate(
        {
            "narrative": "He weeps.",
            "address": {"text": "5 Main St", "unit": "Apt 12", "gate": "#4471", "cross_street": "W 104th St"},
            "caller": {"number": "+1 213 555 0142", "ringing_is_safe": "yes"},
            "people_animals_access": "Two dogs",
        }
    )
    offer = an_evil_offer()
    decision = offer.decision.model_copy(update={"rules": (RuleFired(rule="C-MENTAL", effect=Eligibility.ELIGIBLE),)})
    case = offered(offer.model_copy(update={"picture": picture, "private": private, "decision": decision}))
    page = rendered(case, "en", WEST)
    assert [words for words in told if words not in page.text] == []


def test_a_number_that_is_not_safe_to_ring_is_no_link() -> None:
    private = Private(caller=Person(number="+1 213 555 0142", ringing_is_safe=Answer.NO))
    case = offered(an_evil_offer().model_copy(update={"private": private}))
    page = rendered(case, "en")
    assert "Do not ring" in page.text
    assert [value for name, value in page.attributes if name == "href" and value and value.startswith("tel:")] == []


def test_a_case_of_another_team_is_not_told_of() -> None:
    case = after(offered(), TAKEN, AssignTeam(epoch=EPOCH, team="west-1"))
    roster = Roster(provider="exodus")
    shown = portal().live(read()["en"], EAST, [case], None, roster, wanted=case.case_id)
    assert shown["missing"] is True
    assert "somebody is crying" not in str(shown["live"])
    assert case.stage is CaseStage.ACKNOWLEDGED
