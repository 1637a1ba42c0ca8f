"""What an agency's CAD is told of a call: all of it, in order, and what a dispatcher must accept before the rest."""

import json
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from divert_chassis.memory import MemoryWorld
from divert_contracts.call import Private, SafetyBrief
from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import CallHandedOff, CallStatusChanged, PrivateErased
from divert_contracts.topics import FEEDBACK, HANDOFFS
from divert_contracts.vocabulary import HandOffReason, Responder, Stage
from divert_provider_gateway.app import build, build_for_agency
from divert_provider_gateway.domain import webhook
from divert_provider_gateway.domain.case import Rules
from divert_provider_gateway.domain.webhook import (
    AGAIN_EVERY,
    AGENCY_NEWS_LASTS,
    MOST_WAITING,
    TRIES,
    ClaimDelivery,
    Deliveries,
    DeliveryOver,
    DeliveryTried,
    Ending,
    Result,
)
from divert_provider_gateway.settings import Settings

from .test_case import CALL, NOON

RULES = Rules()


def a_status(number: int, *, agency: str = "lapd") -> CallStatusChanged:
    return CallStatusChanged(
        occurred_at=NOON,
        call_id=CALL,
        agency=agency,
        incident_number="261123000001",
        stage=Stage.OFFERED,
        status_number=number,
        holder="psap",
    )


def a_hand_off(handoff: UUID, repeat: int = 0) -> CallHandedOff:
    return CallHandedOff(
        occurred_at=NOON,
        call_id=CALL,
        agency="lapd",
        stage=Stage.CONCLUDED,
        epoch=1,
        handoff_id=handoff,
        incident_number="261123000001",
        reason=HandOffReason.DANGER,
        recommend=Responder.PATROL,
        brief=SafetyBrief(),
        accept_by=NOON + timedelta(seconds=30),
        repeat=repeat,
        private=Private(narrative="words"),
    )


def heard(deliveries: Deliveries, fact: CallStatusChanged | CallHandedOff, at: datetime = NOON) -> Deliveries:
    envelope = Envelope(id=uuid4(), source="/divert/routing", fact=fact)
    return webhook.told_agency(deliveries, envelope, RULES, at).state


def tried(deliveries: Deliveries, result: Result, at: datetime) -> tuple[Deliveries, str | None]:
    """Try what is ready, and return its type and number as one word."""
    head = deliveries.ready(at)
    if head is None:
        return deliveries, None
    claim = ClaimDelivery(case_id=CALL, message=head.id, until=at + timedelta(seconds=15))
    deliveries = webhook.claimed(deliveries, claim, RULES, at).state
    report = DeliveryTried(case_id=CALL, message=head.id, result=result, seconds=0)
    said = json.loads(head.body)["data"]
    word = str(said.get("status_number", f"handoff-{said.get('repeat')}"))
    return webhook.tried(TRIES, deliveries, report, RULES, at).state, word


def run(deliveries: Deliveries, result: Result, since: datetime, seconds: float) -> tuple[Deliveries, list[str]]:
    """Look every second; return what was sent."""
    sent: list[str] = []
    for second in range(int(seconds) + 1):
        deliveries, word = tried(deliveries, result, since + timedelta(seconds=second))
        sent += [] if word is None else [word]
    return deliveries, sent


def test_it_reads_its_own_agencys_topics_and_writes_nothing() -> None:
    gateway = build_for_agency("lapd")
    assert gateway.reads == (HANDOFFS, FEEDBACK)
    assert gateway.names_of(gateway.reads) == ("handoffs.lapd.v1", "feedback.lapd.v1")
    assert gateway.writes == ()
    assert gateway.group == "agency-gateway-lapd"


def test_a_gateway_is_for_a_provider_or_for_an_agency() -> None:
    places = {"kafka": "k:1", "postgres": "postgres://p", "valkey": "redis://v", "port": 1}
    assert Settings.model_validate({**places, "agency": "lapd"}).member == "lapd"
    assert Settings.model_validate({**places, "provider": "exodus"}).member == "exodus"
    for wrong in ({}, {"agency": "lapd", "provider": "exodus"}):
        with pytest.raises(ValidationError, match="one of them"):
            Settings.model_validate({**places, **wrong})


def test_other_agencies_calls_do_not_reach_it() -> None:
    lapd, nopd, exodus = build_for_agency("lapd"), build_for_agency("nopd"), build("exodus")
    world = MemoryWorld([lapd, nopd, exodus], start=NOON)
    world.publish(a_status(1), source="/divert/routing")
    world.run_until(NOON)
    assert world.state(nopd, Deliveries, str(CALL)) is None
    assert world.states(exodus, Deliveries) == {}
    told = world.state(lapd, Deliveries, str(CALL))
    assert told is not None
    assert [one.type for one in told.waiting] == ["divert.CallStatusChanged.v1"]


@given(st.lists(st.booleans(), max_size=40))
def test_a_cad_that_was_down_gets_every_status_in_order(downs: list[bool]) -> None:
    deliveries, sent, at = Deliveries(case_id=CALL), list[str](), NOON
    for number, down in enumerate(downs, 1):
        deliveries = heard(deliveries, a_status(number), at)
        at += timedelta(seconds=30)
        deliveries, word = tried(deliveries, Result.UNREACHABLE if down else Result.DELIVERED, at)
        sent += [word] if word is not None and not down else []
    deliveries, later = run(deliveries, Result.DELIVERED, at + AGAIN_EVERY, len(downs) + 60)
    assert sent + later == [str(number) for number in range(1, len(downs) + 1)]
    assert deliveries.waiting == ()


def test_what_a_dispatcher_must_accept_goes_before_the_statuses_and_a_repeat_replaces_the_one_before() -> None:
    deliveries = heard(heard(Deliveries(case_id=CALL), a_status(1)), a_status(2))
    first, second = uuid4(), uuid4()
    for fact in (a_hand_off(first), a_hand_off(second), a_hand_off(first, repeat=1)):
        deliveries = heard(deliveries, fact)
    assert [one.urgent for one in deliveries.waiting] == [True, True, False, False]
    assert [one.ending for one in deliveries.log] == [Ending.SUPERSEDED]
    _, sent = run(deliveries, Result.DELIVERED, NOON, 10)
    assert sent == ["handoff-0", "handoff-1", "1", "2"]


def test_a_status_that_is_refused_makes_way_and_one_that_is_alone_is_tried_on() -> None:
    alone, sent = run(heard(Deliveries(case_id=CALL), a_status(1)), Result.REFUSED, NOON, 120)
    assert len(alone.waiting) == 1
    assert len(sent) > len(TRIES)
    both = heard(heard(Deliveries(case_id=CALL), a_status(1)), a_status(2))
    left, sent = run(both, Result.REFUSED, NOON, 60)
    assert sent[: len(TRIES) + 1] == ["1"] * len(TRIES) + ["2"]
    assert [one.ending for one in left.log] == [Ending.GIVEN_UP]
    down, _ = run(both, Result.UNREACHABLE, NOON, 600)
    assert len(down.waiting) == len(both.waiting)


def test_a_hand_off_that_is_refused_is_tried_on_and_holds_up_no_status() -> None:
    deliveries = heard(heard(heard(Deliveries(case_id=CALL), a_hand_off(uuid4())), a_status(1)), a_status(2))
    sent, at = list[str](), NOON
    for second in range(121):
        at = NOON + timedelta(seconds=second)
        head = deliveries.ready(at)
        wanted = Result.REFUSED if head is not None and head.urgent else Result.DELIVERED
        deliveries, word = tried(deliveries, wanted, at)
        sent += [] if word is None else [word]
    assert sent[:4] == ["handoff-0", "handoff-0", "handoff-0", "1"]
    assert [word for word in sent if word != "handoff-0"] == ["1", "2"]
    assert sent.count("handoff-0") > len(TRIES)
    assert [one.urgent for one in deliveries.waiting] == [True]


def test_a_hand_off_that_does_not_get_through_keeps_its_place() -> None:
    deliveries = heard(heard(Deliveries(case_id=CALL), a_hand_off(uuid4())), a_status(1))
    after, sent = run(deliveries, Result.UNREACHABLE, NOON, 300)
    assert set(sent) == {"handoff-0"}
    assert len(after.waiting) == len(deliveries.waiting)


def test_what_is_urgent_is_listed_apart() -> None:
    statuses = heard(Deliveries(case_id=CALL), a_status(1))
    assert statuses.listing() == {"delivery": webhook.WAITING}
    assert heard(statuses, a_hand_off(uuid4())).listing() == {"delivery": webhook.URGENT}


def test_what_cannot_be_told_in_a_day_goes_with_its_private_words() -> None:
    deliveries = heard(heard(Deliveries(case_id=CALL), a_status(1)), a_hand_off(uuid4()))
    due = deliveries.due()[0]
    assert due.at == NOON + AGENCY_NEWS_LASTS
    over = webhook.delivery_over(deliveries, DeliveryOver(), RULES, due.at).state
    assert over.waiting == ()
    assert "words" not in over.model_dump_json()


def test_more_statuses_than_are_kept_leave_a_gap_at_the_beginning() -> None:
    deliveries = Deliveries(case_id=CALL)
    for number in range(1, MOST_WAITING + 6):
        deliveries = heard(deliveries, a_status(number))
    assert len(deliveries.waiting) == MOST_WAITING
    assert json.loads(deliveries.waiting[0].body)["data"]["status_number"] == len(deliveries.log) + 1


def test_after_an_erasure_nothing_private_waits_for_cad_or_is_taken_in_again() -> None:
    deliveries = heard(heard(Deliveries(case_id=CALL), a_status(1)), a_hand_off(uuid4()))
    erasure = PrivateErased(
        occurred_at=NOON, call_id=CALL, agency="lapd", stage=Stage.CONCLUDED, epoch=1, by="records-04"
    )
    deliveries = webhook.private_erased(deliveries, erasure, RULES, NOON).state
    assert [one.ending for one in deliveries.log] == [Ending.SUPERSEDED]
    deliveries = heard(deliveries, a_hand_off(uuid4()))
    assert [one.type for one in deliveries.waiting] == ["divert.CallHandedOff.v1", "divert.CallStatusChanged.v1"]
    assert not any("words" in one.body for one in deliveries.waiting)
