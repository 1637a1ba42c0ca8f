"""Who is asked to take a call, in what order, and what an answer does."""

from dataclasses import replace
from datetime import time

import pytest

from divert_contracts import ids
from divert_contracts.call import Team
from divert_contracts.facts import cases
from divert_contracts.facts.routing import CallOpened, CaseOffered, CaseRecalled
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    DeclineReason,
    HandOffReason,
    Need,
    PoliceInvolvement,
    Programme,
    RecallReason,
    Responder,
    Stage,
)
from divert_routing.domain.directory import Day, Hours
from unit.routing.lives import (
    CALL,
    INCIDENT,
    NOON,
    PRIVATE,
    Life,
    acknowledged,
    by_provider,
    changed,
    closed,
    contacted,
    declined,
    directory,
    given,
    going,
    helped_by,
    knowing,
    offered,
    received,
    seconds,
    taken,
    there,
    triaged,
    with_shift,
)

WEST_LA = "0822"


def test_an_eligible_call_is_offered_to_the_provider_of_its_division_with_all_that_a_team_needs() -> None:
    life = offered()
    offer = life.only(CaseOffered)
    assert life.stage is Stage.OFFERED
    assert (offer.provider, offer.attempt, offer.epoch, offer.division) == ("exodus", 1, 1, 18)
    assert offer.case_id == ids.case_id(CALL, 1)
    assert offer.private == PRIVATE
    assert offer.incident_number == INCIDENT
    assert offer.answer_by == NOON + seconds(90)
    assert (offer.en_route_within, offer.on_scene_within) == (900.0, 2700.0)
    assert (offer.check_after, offer.check_every) == (600.0, 900.0)
    assert offer.deadlines.answer_by == offer.answer_by
    assert not offer.mutual_aid
    assert offer.without_private().private is None


def test_a_whole_plain_life_is_served_and_says_who_had_the_call() -> None:
    life = there()
    life.hear(contacted(life)).after(600).hear(closed(life))
    assert life.ending == ("served", "closed")
    concluded = life.hear().facts[-2]
    assert [one.stage for one in life.said(type(life.status))] == [
        Stage.AWAITING_TRIAGE,
        Stage.OFFERED,
        Stage.ACKNOWLEDGED,
        Stage.EN_ROUTE,
        Stage.ON_SCENE,
        Stage.CONCLUDED,
    ]
    assert concluded.model_dump(include={"provider", "contact", "attempts", "police", "policy", "routing_policy"}) == {
        "provider": "exodus",
        "contact": Contact.IN_PERSON,
        "attempts": 1,
        "police": PoliceInvolvement.NONE,
        "policy": "triage-1",
        "routing_policy": "routing-1",
    }
    assert not life.call.promises


@pytest.mark.parametrize(
    ("acuity", "open_for", "en_route", "on_scene"),
    [(Acuity.EMERGENT, 60, 300, 1200), (Acuity.URGENT, 90, 900, 2700), (Acuity.ROUTINE, 120, 3600, 5400)],
)
def test_acuity_chooses_the_limits(acuity: Acuity, open_for: float, en_route: float, on_scene: float) -> None:
    life = Life().hear(received(), triaged(acuity=acuity))
    assert life.offer.answer_by == NOON + seconds(open_for)
    life.after(20).hear(acknowledged(life, within=60))
    assert life.call.case is not None
    assert life.call.case.en_route_by == NOON + seconds(20 + en_route)
    assert life.call.case.on_scene_by == NOON + seconds(20 + on_scene)


@pytest.mark.parametrize("acuity", [Acuity.IMMEDIATE, Acuity.UNKNOWN])
def test_what_is_immediate_or_of_unknown_acuity_is_never_offered(acuity: Acuity) -> None:
    life = Life().hear(received(), triaged(acuity=acuity))
    assert not life.said(CaseOffered)
    assert life.ending == ("eligible_not_served", "other_programme")
    assert life.hand_off.urgent is (acuity is Acuity.IMMEDIATE)


@pytest.mark.parametrize(
    ("programme", "recommend"),
    [
        (Programme.SMART, Responder.MEU),
        (Programme.FIRE_EMS, Responder.LAFD),
        (Programme.NONE, Responder.PATROL),
        (Programme.UNKNOWN, Responder.PATROL),
    ],
)
def test_a_programme_without_a_gateway_is_a_hand_off_with_that_recommendation(
    programme: Programme, recommend: Responder
) -> None:
    life = Life().hear(received(), triaged(programme=programme))
    assert life.ending == ("eligible_not_served", "other_programme")
    assert (life.hand_off.reason, life.hand_off.recommend) == (HandOffReason.OTHER_PROGRAMME, recommend)


@pytest.mark.parametrize(
    ("district", "programme", "provider"),
    [
        ("1822", Programme.UMCR, "exodus"),
        ("0801", Programme.UMCR, "exodus"),
        ("0775", Programme.UMCR, "alcott"),
        ("2015", Programme.UMCR, "alcott"),
        ("1799", Programme.UMCR, "penny-lane"),
        ("1001", Programme.UMCR, "penny-lane"),
        ("0642", Programme.CIRCLE, "circle"),
        ("1401", Programme.CIRCLE, "circle"),
        ("0942", Programme.PHONE, "crisis-line"),
    ],
)
def test_each_programme_has_its_provider_in_each_division(district: str, programme: Programme, provider: str) -> None:
    life = Life().hear(received(reporting_district=district), triaged(programme=programme, reporting_district=district))
    assert life.offer.provider == provider


def test_fifteen_divisions_have_no_provider_and_end_as_eligible_not_served() -> None:
    unserved = 0
    for division in range(1, 22):
        district = f"{division:02}42"
        life = Life().hear(received(reporting_district=district), triaged(reporting_district=district))
        if life.stage is Stage.CONCLUDED:
            unserved += 1
            assert life.ending == ("eligible_not_served", "no_provider_in_area")
            assert life.hand_off.reason is HandOffReason.NO_PROVIDER
    assert unserved == 15


@pytest.mark.parametrize(
    "where",
    [
        {"reporting_district": None},
        {"reporting_district": None, "area": "0"},
        {"reporting_district": "0000", "area": "Outside"},
        {"reporting_district": "2211"},
    ],
)
def test_without_a_usable_area_a_call_is_not_routable(where: dict[str, str | None]) -> None:
    life = Life().hear(received(**where), triaged(**where))  # pyright: ignore[reportArgumentType]
    assert life.ending == ("eligible_not_served", "not_routable")
    assert life.hand_off.reason is HandOffReason.NO_PROVIDER


def test_the_reporting_district_beats_the_named_area_and_the_disagreement_is_flagged() -> None:
    life = offered(area="Wilshire")
    opened = life.only(CallOpened)
    assert (life.offer.provider, opened.division, opened.division_disputed) == ("exodus", 18, True)
    assert offered(area="Southeast").only(CallOpened).division_disputed is False


def test_who_declines_is_followed_by_who_has_an_agreement() -> None:
    life = offered(reporting_district=WEST_LA).after(20)
    life.hear(declined(life, DeclineReason.AT_CAPACITY))
    assert [(one.provider, one.mutual_aid, one.epoch) for one in life.said(CaseOffered)] == [
        ("exodus", False, 1),
        ("alcott", True, 2),
    ]
    assert not life.said(CaseRecalled)
    life.hear(acknowledged(life))
    assert life.call.holder == "alcott"


def test_who_does_not_answer_is_recalled_and_followed_one_second_after_the_gateway_stopped_taking_answers() -> None:
    life = offered(reporting_district=WEST_LA).until(NOON + seconds(90))
    assert life.call.attempts == 1
    life.after(1)
    assert (life.recall.provider, life.recall.reason) == ("exodus", RecallReason.ANSWER_OVERDUE)
    assert life.recall.confirm_by is None
    assert life.offer.provider == "alcott"
    assert not life.call.promises


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([DeclineReason.AT_CAPACITY, DeclineReason.NO_TEAM], "at_capacity"),
        ([DeclineReason.AT_CAPACITY, DeclineReason.NOT_SAFE], "declined_by_all"),
        ([DeclineReason.OUT_OF_SCOPE, DeclineReason.OTHER], "declined_by_all"),
        ([DeclineReason.OTHER, None], "timed_out"),
        ([None, DeclineReason.OTHER], "timed_out"),
    ],
)
def test_when_all_were_asked_the_reason_says_how_they_answered(
    answers: list[DeclineReason | None], reason: str
) -> None:
    life = offered(reporting_district=WEST_LA)
    for answer in answers:
        if answer is None:
            life.until(life.offer.answer_by + seconds(1))
        else:
            life.after(5).hear(declined(life, answer))
    assert life.ending == ("eligible_not_served", reason)
    assert life.hand_off.reason is HandOffReason.NOBODY_TOOK_IT


def test_nobody_is_asked_twice() -> None:
    life = Life(given_=helped_by("penny-lane", "exodus", 8))
    life.hear(received(reporting_district=WEST_LA), triaged(reporting_district=WEST_LA))
    life.hear(declined(life))
    assert life.offer.provider == "penny-lane"
    life.hear(declined(life))
    assert life.ending == ("eligible_not_served", "declined_by_all")
    assert len(life.said(CaseOffered)) == 2


def test_an_empty_shift_is_passed_over_and_an_unknown_one_is_asked() -> None:
    empty = with_shift(given(), "exodus")
    life = Life(given_=empty).hear(received(reporting_district=WEST_LA), triaged(reporting_district=WEST_LA))
    assert life.offer.provider == "alcott"
    alone = Life(given_=empty).hear(received(), triaged())
    assert alone.ending == ("eligible_not_served", "no_team_on_shift")
    staffed = Life(given_=with_shift(given(), "exodus", "team-1")).hear(received(), triaged())
    assert staffed.offer.provider == "exodus"


def test_outside_its_hours_a_provider_is_not_asked() -> None:
    nights = Hours(days=(Day.THU,), opens=time(22), closes=time(6))
    providers = [one.model_copy(update={"hours": (nights,)}) for one in directory().providers]
    nightly = knowing(changed(providers=providers))
    assert Life(given_=nightly).hear(received(), triaged()).ending == ("eligible_not_served", "outside_hours")
    at_four = NOON - seconds(8 * 3600)
    night = Life(at=at_four, given_=nightly).hear(received(at=at_four), triaged(at=at_four))
    assert night.offer.provider == "exodus"


def test_needs_that_nobody_on_shift_is_known_to_meet_are_told() -> None:
    assert offered(needs=(Need.ASL,)).offer.unmet_needs == (Need.ASL,)
    staffed = replace(given(), shifts={"exodus": (Team(team="one", needs=(Need.ASL,)),)})
    life = Life(given_=staffed).hear(received(needs=(Need.ASL,)), triaged(needs=(Need.ASL,)))
    assert life.offer.unmet_needs == ()


def test_an_arrival_promised_too_late_is_recalled_and_the_next_is_asked() -> None:
    life = offered(reporting_district=WEST_LA).after(10)
    life.hear(acknowledged(life, within=2701))
    assert life.recall.reason is RecallReason.ARRIVAL_TOO_LATE
    assert life.recall.confirm_by == life.now + seconds(30)
    assert (life.offer.provider, life.call.holder) == ("alcott", "psap")
    life.hear(by_provider(life, cases.RecallConfirmed, attempt=1), acknowledged(life, within=2700))
    assert life.call.holder == "alcott"
    assert not life.call.promises


def test_an_arrival_promised_too_late_by_the_last_one_counts_as_at_capacity() -> None:
    life = offered().after(10)
    life.hear(acknowledged(life, within=3600))
    assert life.ending == ("eligible_not_served", "at_capacity")


def test_an_acknowledgement_in_time_counts_however_late_it_is_heard() -> None:
    life = offered()
    said = acknowledged(life).model_copy(update={"occurred_at": NOON + seconds(90)})
    life.now = NOON + seconds(200)
    life.hear(said)
    assert life.call.holder == "exodus"


def test_an_acknowledgement_said_after_answer_by_is_late_even_if_it_is_heard_first() -> None:
    life = offered()
    said = acknowledged(life).model_copy(update={"occurred_at": NOON + seconds(91)})
    life.now = NOON + seconds(91)
    life.hear(said)
    assert (life.recall.reason, life.recall.confirm_by) == (RecallReason.LATE_ANSWER, NOON + seconds(121))
    assert life.ending == ("eligible_not_served", "timed_out")


def test_a_late_answer_gets_the_recall_again_and_must_confirm_it() -> None:
    life = offered(reporting_district=WEST_LA).after(91)
    life.hear(acknowledged(life, attempt=1))
    late = life.recall
    assert (late.provider, late.reason, late.epoch) == ("exodus", RecallReason.LATE_ANSWER, 1)
    assert late.confirm_by is not None
    assert life.call.case is not None
    assert life.call.case.provider == "alcott"
    life.hear(acknowledged(life))
    assert life.call.holder == "alcott"


def test_a_late_decline_of_an_earlier_offer_changes_nothing() -> None:
    life = offered(reporting_district=WEST_LA).after(91).forget_facts()
    life.hear(by_provider(life, cases.CaseDeclined, attempt=1, provider="exodus", reason=DeclineReason.OTHER))
    assert not life.facts
    assert life.stage is Stage.OFFERED


def test_setting_out_implies_that_the_call_was_taken() -> None:
    life = offered().after(30)
    life.hear(by_provider(life, cases.TeamEnRoute))
    assert (life.stage, life.call.holder) == (Stage.EN_ROUTE, "exodus")
    assert life.call.case is not None
    assert life.call.case.on_scene_by == NOON + seconds(30 + 2700)


def test_arriving_implies_the_steps_before_it() -> None:
    life = offered().after(30)
    life.hear(by_provider(life, cases.TeamOnScene))
    assert (life.stage, life.call.holder) == (Stage.ON_SCENE, "exodus")


def test_contact_in_person_implies_arrival_and_contact_by_telephone_does_not() -> None:
    life = taken()
    life.hear(contacted(life, Contact.PHONE))
    assert life.stage is Stage.ACKNOWLEDGED
    life.hear(contacted(life))
    assert life.stage is Stage.ON_SCENE


def test_a_telephone_programme_needs_nobody_to_set_out() -> None:
    life = Life().hear(received(), triaged(programme=Programme.PHONE)).after(10)
    life.hear(acknowledged(life)).after(30)
    life.hear(contacted(life, Contact.PHONE)).after(3 * 3600)
    assert life.stage is Stage.ACKNOWLEDGED
    life.hear(closed(life))
    assert life.ending == ("served", "closed")


def test_officers_who_are_there_from_the_start_make_it_a_joint_response() -> None:
    life = taken(police_present=Answer.YES)
    assert life.call.police is PoliceInvolvement.JOINT


def test_a_unit_and_a_newer_promise_are_passed_on() -> None:
    life = taken()
    life.hear(by_provider(life, cases.TeamAssigned, team="t-3", unit="EX3"))
    assert life.status.unit == "EX3"
    life.hear(by_provider(life, cases.TeamEnRoute, arrive_by=life.now + seconds(120)))
    assert life.status.arrive_by == life.now + seconds(120)


def test_a_second_acknowledgement_changes_nothing() -> None:
    life = taken().after(5).forget_facts()
    life.hear(acknowledged(life))
    assert not life.facts


def test_a_decline_after_acknowledging_hands_the_call_back() -> None:
    life = taken().after(5)
    life.hear(declined(life))
    assert life.ending == ("eligible_not_served", "handed_back")


def test_nothing_is_offered_at_or_after_decide_by_whatever_the_lag() -> None:
    late = Life(at=NOON + seconds(300)).hear(received(), triaged())
    assert not late.said(CaseOffered)
    assert late.ending == ("eligible_not_served", "decided_too_late")
    assert late.hand_off.reason is HandOffReason.DECIDED_TOO_LATE
    just = Life(at=NOON + seconds(299)).hear(received(), triaged())
    assert just.offer.answer_by == NOON + seconds(300)


def test_an_offer_is_never_open_longer_than_there_is_time_to_decide() -> None:
    life = offered(reporting_district=WEST_LA)
    life.until(NOON + seconds(250))
    assert life.call.attempts == 2
    fresh = Life(at=NOON + seconds(250)).hear(received(), triaged(acuity=Acuity.ROUTINE))
    assert fresh.offer.answer_by == NOON + seconds(300)
    fresh.until(NOON + seconds(302))
    assert fresh.ending == ("eligible_not_served", "timed_out")


def test_when_there_is_no_time_for_the_next_one_the_call_was_decided_too_late() -> None:
    life = Life(at=NOON + seconds(295))
    life.hear(received(reporting_district=WEST_LA), triaged(reporting_district=WEST_LA)).after(5)
    life.hear(declined(life))
    assert life.ending == ("eligible_not_served", "decided_too_late")


def test_the_promise_made_to_cad_counts_where_it_is_shorter_than_the_policy() -> None:
    life = Life().hear(received(decide_by=NOON + seconds(60)), triaged())
    assert life.offer.answer_by == NOON + seconds(60)


def test_a_team_that_only_reached_the_place_has_served() -> None:
    life = there()
    life.hear(closed(life))
    assert life.ending == ("served", "closed")
    assert not life.call.hand_offs


def test_on_the_way_nothing_was_served() -> None:
    life = going()
    life.hear(closed(life))
    assert life.ending == ("eligible_not_served", "closed_without_contact")
    assert life.hand_off.reason is HandOffReason.CLOSED_WITHOUT_CONTACT
