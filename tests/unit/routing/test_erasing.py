"""Erasing a call's private words before their time."""

from uuid import uuid4

from divert_contracts.facts.routing import CallConcluded, CallStatusChanged, CaseErased, PrivateErased
from divert_contracts.vocabulary import Contact
from divert_routing.domain.erasing import Erase

from .lives import (
    CALL,
    PRIVATE,
    Life,
    accepted,
    acknowledged,
    closed,
    declined,
    helped_by,
    offered,
    received,
    taken,
    triaged,
)

ERASE = Erase(call_id=CALL, by="records-04")


def over() -> Life:
    """Return a call that one provider declined and the next one served."""
    life = Life(given_=helped_by("penny-lane", "exodus", 18)).hear(received(), triaged())
    life.hear(declined(life))
    life.hear(acknowledged(life)).after(60)
    return life.hear(closed(life, Contact.IN_PERSON)).after(60)


def test_a_call_that_is_over_is_erased_here_and_with_everybody_who_was_offered_it() -> None:
    life = over()
    assert life.call.private == PRIVATE
    before = life.only(CallConcluded)
    life.forget_facts().order(ERASE)
    assert life.call.private is None
    assert life.only(PrivateErased).by == "records-04"
    told = life.said(CaseErased)
    assert [one.case_id for one in told] == list(life.call.offered)
    assert [one.provider for one in told] == list(life.call.offered.values())
    assert len({one.provider for one in told}) == 2
    assert (life.call.outcome, life.call.reason) == (before.outcome, before.reason)
    assert not life.said(CallStatusChanged)


def test_erasing_twice_is_erasing_once() -> None:
    life = over().order(ERASE)
    once = life.call.erased_at
    life.forget_facts().after(10).order(ERASE)
    assert life.call.erased_at == once
    assert not life.facts


def test_no_words_come_back_however_they_come() -> None:
    life = over().order(ERASE)
    life.hear(received(), triaged(), received(2, at=life.now), triaged(2, at=life.now))
    life.after(40 * 24 * 3600)
    assert life.call.private is None
    assert not life.call.due()


def test_an_open_call_is_not_erased() -> None:
    for life in (offered(), taken()):
        assert life.refusal(ERASE).code == "still-open"
        assert life.call.private == PRIVATE


def test_a_call_whose_hand_off_nobody_has_accepted_is_not_erased_until_somebody_has() -> None:
    life = Life().hear(received(reporting_district=None), triaged(reporting_district=None))
    handed = life.hand_off
    assert life.call.concluded
    assert life.refusal(ERASE).code == "still-open"
    life.hear(accepted(handed.handoff_id, at=life.now)).order(ERASE)
    assert life.call.private is None
    assert not life.said(CaseErased)


def test_a_call_that_nobody_knows_is_not_erased() -> None:
    refusal = Life(call_id=(unknown := uuid4())).refusal(Erase(call_id=unknown, by="records-04"))
    assert (refusal.code, refusal.status) == ("unknown-call", 404)


def test_what_routing_has_forgotten_by_itself_can_still_be_erased_elsewhere() -> None:
    life = over().after(31 * 24 * 3600)
    assert life.call.private is None
    assert life.call.erased_at is None
    life.forget_facts().order(ERASE)
    assert len(life.said(CaseErased)) == 2
