"""What comes when a call has its outcome, or when nobody has judged its newest revision."""

from uuid import uuid4

import pytest

from divert_contracts.call import Stamps
from divert_contracts.facts import calls, cases
from divert_contracts.facts.routing import CallOpened, CaseUpdated, ResponderRecorded
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    PoliceInvolvement,
    RecallReason,
    Responder,
    Stage,
)
from unit.routing.lives import (
    CALL,
    NOON,
    Life,
    by_provider,
    clear,
    going,
    observed,
    offered,
    received,
    reopened,
    responder,
    seconds,
    take_back,
    taken,
    there,
    triaged,
)


def test_a_revision_after_the_end_reaches_a_team_that_has_not_confirmed_its_recall() -> None:
    life = going().order(take_back()).forget_facts()
    life.hear(received(2, at=life.now, call_type="915"))
    told = life.only(CaseUpdated)
    assert (told.provider, told.case_id, told.epoch) == ("exodus", life.call.recalls[0].case_id, 1)
    # The call is not theirs any more, nor are its words.
    assert (told.picture.call_type, told.private) == ("915", None)
    assert told.stage is Stage.CONCLUDED
    life.hear(by_provider(life, cases.RecallConfirmed, attempt=1)).forget_facts()
    life.hear(received(3, at=life.now))
    assert not life.said(CaseUpdated)


def test_a_reopened_call_names_the_old_one_though_only_its_triage_came() -> None:
    old = uuid4()
    life = Life().hear(triaged().model_copy(update={"reopens": old})).after(20)
    assert life.stage is Stage.CONCLUDED
    assert life.only(CallOpened).reopens == old
    life = Life().hear(reopened(old)).after(20)
    assert life.only(CallOpened).reopens == old


def test_an_open_offer_whose_newest_revision_nobody_judges_is_withdrawn() -> None:
    life = offered().after(5)
    life.hear(received(2, at=life.now)).after(15)
    assert life.ending == ("not_triaged", "triage_overdue")
    assert life.recall.reason is RecallReason.NO_LONGER_ELIGIBLE
    assert life.hand_off.reason is HandOffReason.NOT_TRIAGED


def test_a_team_that_took_the_call_before_keeps_it_and_is_told() -> None:
    life = taken()
    life.hear(received(2, at=life.now)).after(15)
    assert life.stage is Stage.ACKNOWLEDGED
    assert life.said(CaseUpdated)


def test_an_offer_that_was_judged_and_whose_own_words_are_late_stays_open() -> None:
    life = offered().after(5)
    life.hear(triaged(2, at=life.now)).after(15)
    assert life.stage is Stage.OFFERED


def test_when_cad_says_that_somebody_went_it_is_recorded() -> None:
    stamps = Stamps(dispatched_at=NOON + seconds(60), arrived_at=NOON + seconds(300), closed_at=NOON + seconds(900))
    life = observed()
    life.hear(calls.CallClosedByCad(occurred_at=NOON, call_id=CALL, agency="lapd", disposition_code="X", stamps=stamps))
    recorded = life.only(ResponderRecorded)
    assert recorded.responder is Responder.UNKNOWN
    assert (recorded.dispatched_at, recorded.arrived_at, recorded.cleared_at) == (
        stamps.dispatched_at,
        stamps.arrived_at,
        stamps.closed_at,
    )


@pytest.mark.parametrize(
    ("medical", "hazards"),
    [(Answer.YES, ()), (Answer.NOT_ASKED, (Hazard.MEDICAL,)), (Answer.NOT_ASKED, (Hazard.OVERDOSE,))],
)
def test_an_ambulance_is_no_police(medical: Answer, hazards: tuple[Hazard, ...]) -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested, medical=medical, hazards=hazards))
    assert life.help.assistance is Assistance.MEDICAL
    life.hear(responder(Responder.LAFD, at=life.now, arrived_at=life.now))
    assert not life.said(cases.BackupArrived)
    assert life.call.police is PoliceInvolvement.NONE


def test_an_ambulance_and_police_are_both() -> None:
    life = there()
    life.hear(by_provider(life, cases.BackupRequested, medical=Answer.YES, hazards=(Hazard.VIOLENCE,)))
    assert life.call.police is PoliceInvolvement.BACKUP_REQUESTED


def test_an_observed_call_that_a_person_would_have_looked_at_says_so() -> None:
    life = observed().hear(triaged(eligibility=Eligibility.NEEDS_REVIEW, feed=Feed.OBSERVED)).after(24 * 3600)
    assert life.ending == ("not_triaged", "not_reviewed")


def test_danger_that_was_cleared_after_the_end_is_not_told_again_by_the_same_words() -> None:
    life = offered().hear(triaged(hazards=(Hazard.WEAPON,), hard=True, eligibility=Eligibility.INELIGIBLE))
    life.order(clear())
    assert not life.call.own_dangers
