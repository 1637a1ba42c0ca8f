"""The provider's books: follow-ups owed, what went wrong, and why offers expired."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_chassis.memory import MemoryWorld
from divert_contracts.facts.cases import FollowUpDone, SafetyEventReported
from divert_contracts.vocabulary import Contact, DeclineReason, Disposition, FollowUp, RecallReason, SafetyEvent
from divert_provider_gateway.app import build
from divert_provider_gateway.domain import books, happened
from divert_provider_gateway.domain.books import ENDS_FOLLOW_UP, Entry, ExpiryCause
from divert_provider_gateway.domain.case import AnswerOverdue, Case, CaseStage, TimeToForget
from divert_provider_gateway.domain.said import (
    Acknowledge,
    Close,
    Decline,
    ReportFollowUp,
    ReportSafetyEvent,
    Said,
    Tell,
    WriteNote,
)
from divert_provider_gateway.domain.told import told
from divert_provider_gateway.domain.webhook import Delivery, Ending, Result, Try

from .test_case import ANSWER_BY, CASE, EPOCH, NOON, RULES, SOON, a_recall, after, an_offer

TAKEN = Acknowledge(epoch=EPOCH, arrive_in_seconds=600)
DUE = SOON + timedelta(hours=48)
CLOSED = Close(
    epoch=EPOCH, disposition=Disposition.REFERRED, contact=Contact.IN_PERSON, follow_up_due=DUE, referral="housing"
)
LATE = ANSWER_BY + timedelta(seconds=7)


def offered(came: datetime = NOON) -> Case:
    return happened.offered(Case(case_id=CASE), an_offer(), RULES, came).state


def written(case: Case) -> Entry:
    found = books.entry(case)
    assert found is not None
    return found


def expired(came: datetime = NOON) -> Case:
    at = max(came, ANSWER_BY + timedelta(milliseconds=1))
    case = offered(came)
    return case if case.stage is CaseStage.EXPIRED else happened.answer_overdue(case, AnswerOverdue(), RULES, at).state


def too_late(case: Case, said: Said, at: datetime = LATE) -> Case:
    step = told(case, Tell(case_id=CASE, said=said), RULES, at)
    assert step.refused is not None
    return step.state


def delivery(*results: Result, ending: Ending, at: datetime = SOON) -> Delivery:
    tries = tuple(Try(at=at, result=one, seconds=0.1) for one in results)
    return Delivery(id=uuid4(), type=books.OFFERED, came_at=NOON, tries=tries, ending=ending, ended_at=SOON)


def test_there_is_nothing_to_keep_books_of_before_a_case_is_taken() -> None:
    assert books.entry(Case(case_id=CASE)) is None
    assert books.entry(offered()) is None
    assert books.entry(after(offered(), Decline(epoch=EPOCH, reason=DeclineReason.NO_TEAM))) is None
    assert written(after(offered(), TAKEN)).taken_at is not None


@given(st.lists(st.sampled_from(FollowUp), max_size=6))
def test_a_follow_up_is_owed_until_somebody_was_reached_connected_or_declined(results: list[FollowUp]) -> None:
    case = after(offered(), TAKEN, CLOSED, *(ReportFollowUp(result=one, by="desk") for one in results))
    entry = written(case)
    assert entry.owed is (not results or results[-1] not in ENDS_FOLLOW_UP)
    assert entry.follow_up_tries == len(results)
    assert (entry.follow_up_due, entry.follow_up_by) == (DUE, "desk" if results else None)


def test_nothing_is_owed_of_a_case_that_was_closed_without_one() -> None:
    case = after(offered(), TAKEN, CLOSED.model_copy(update={"follow_up_due": None}))
    assert not written(case).owed


def test_what_went_wrong_is_entered_at_any_time_and_stays_when_private_words_go() -> None:
    gateway = build("exodus")
    world = MemoryWorld([gateway], start=NOON)
    world.publish(an_offer(), source="/divert/routing")
    world.run_until(SOON)
    for said in (
        TAKEN,
        WriteNote(text="words"),
        ReportSafetyEvent(event=SafetyEvent.NEAR_MISS, by="west-1"),
        CLOSED,
        ReportSafetyEvent(event=SafetyEvent.CLIENT_INJURY, by="desk"),
        ReportFollowUp(result=FollowUp.CONNECTED),
    ):
        assert world.command(gateway, Tell(case_id=CASE, said=said)).refusal is None
    world.run()
    case = world.state(gateway, Case, str(CASE))
    assert case is not None
    assert case.notes == ()
    entry = written(case)
    assert [one.event for one in entry.events] == [SafetyEvent.NEAR_MISS, SafetyEvent.CLIENT_INJURY]
    assert entry.noted_at == entry.events[-1].at
    told_of = [type(envelope.fact) for topic, envelope in world.log if topic == "cases.v1"]
    assert (told_of.count(SafetyEventReported), told_of.count(FollowUpDone)) == (2, 1)


def test_an_entry_holds_no_private_words() -> None:
    case = after(offered(), TAKEN, WriteNote(text="canary-note"), CLOSED)
    assert case.private is not None
    said = written(case).model_dump_json()
    assert "canary-note" not in said
    assert [word for word in case.private.model_dump_json().split('"') if len(word) > 12 and word in said] == []
    forgotten = happened.time_to_forget(case, TimeToForget(), RULES, SOON).state
    assert written(forgotten) == written(case)


@pytest.mark.parametrize(
    ("case", "deliveries", "teams", "cause"),
    [
        (expired(), (), 2, ExpiryCause.NOT_ANSWERED),
        (expired(), (), None, ExpiryCause.NOT_ANSWERED),
        (expired(), (), 0, ExpiryCause.NOBODY_ON_DUTY),
        (too_late(expired(), TAKEN), (), 0, ExpiryCause.ANSWERED_LATE),
        (too_late(expired(), Decline(epoch=EPOCH, reason=DeclineReason.NO_TEAM)), (), 2, ExpiryCause.ANSWERED_LATE),
        (
            too_late(expired(), TAKEN),
            (delivery(Result.TIMED_OUT, Result.FAILED, ending=Ending.GIVEN_UP),),
            2,
            ExpiryCause.NOT_DELIVERED,
        ),
        (expired(), (delivery(Result.FAILED, Result.DELIVERED, ending=Ending.DELIVERED),), 2, ExpiryCause.NOT_ANSWERED),
        (expired(), (delivery(ending=Ending.GIVEN_UP),), 2, ExpiryCause.NOT_ANSWERED),
        (expired(NOON + timedelta(seconds=60)), (), 2, ExpiryCause.CAME_LATE),
        (expired(LATE), (), 2, ExpiryCause.CAME_LATE),
    ],
)
def test_each_expiry_has_its_cause(
    case: Case, deliveries: tuple[Delivery, ...], teams: int | None, cause: ExpiryCause
) -> None:
    found = books.expiry(written(case), deliveries, teams)
    assert found is not None
    assert found.cause is cause
    assert found.seconds_late == (7.0 if case.answered_late_at else None)


@pytest.mark.parametrize(
    ("deliveries", "cause"),
    [
        ((), ExpiryCause.NOT_ANSWERED),
        ((delivery(ending=Ending.GIVEN_UP),), ExpiryCause.NOT_DELIVERED),
        ((delivery(Result.DELIVERED, ending=Ending.DELIVERED),), ExpiryCause.NOT_ANSWERED),
        ((delivery(Result.DELIVERED, ending=Ending.DELIVERED, at=LATE),), ExpiryCause.NOT_DELIVERED),
    ],
)
def test_what_webhooks_did_not_bring_in_time_was_not_delivered(
    deliveries: tuple[Delivery, ...], cause: ExpiryCause
) -> None:
    found = books.expiry(written(expired()), deliveries, 2, by_webhook=True)
    assert found is not None
    assert found.cause is cause


def test_an_offer_that_routing_recalls_as_unanswered_before_the_gateways_own_timer_counts_once() -> None:
    overdue = a_recall().model_copy(update={"reason": RecallReason.ANSWER_OVERDUE})
    by_routing = happened.recalled(offered(), overdue, RULES, ANSWER_BY).state
    assert by_routing.expired_at == ANSWER_BY
    both = happened.recalled(expired(), overdue, RULES, LATE).state
    assert both.expired_at == expired().expired_at
    tombstone = happened.recalled(Case(case_id=CASE), overdue, RULES, ANSWER_BY).state
    assert tombstone.expired_at is None
    assert happened.offered(tombstone, an_offer(), RULES, LATE).state.expired_at == LATE


@pytest.mark.parametrize("reason", [RecallReason.CANCELLED, RecallReason.DANGER, RecallReason.TAKEN_BACK])
def test_an_offer_that_was_withdrawn_did_not_expire(reason: RecallReason) -> None:
    case = happened.recalled(offered(), a_recall().model_copy(update={"reason": reason}), RULES, SOON).state
    assert case.expired_at is None
    assert books.entry(case) is None
