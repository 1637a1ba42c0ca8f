"""What a provider may say of a case, stage by stage."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import JsonValue

from divert_contracts.call import Decision, Picture, Private, Team
from divert_contracts.facts.base import Deadlines, Fact
from divert_contracts.facts.cases import (
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseHandedBack,
    EmergencyRaised,
    RecallConfirmed,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.routing import CaseErased, CaseOffered, CaseRecalled, CaseUpdated, QuestionAnswered
from divert_contracts.facts.shifts import ShiftChanged, SignedOff
from divert_contracts.ids import case_id
from divert_contracts.step import Next, Rejected
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    FollowUp,
    HandBackReason,
    Hazard,
    PolicyKind,
    Programme,
    Question,
    RecallReason,
    SafetyEvent,
    Stage,
    TeamPosition,
)
from divert_provider_gateway.domain import happened, told
from divert_provider_gateway.domain.case import AnswerOverdue, Case, CaseStage, Roster, Rules, TimeToForget
from divert_provider_gateway.domain.said import (
    MOST_NOTES,
    MOST_TEAMS,
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    Ask,
    AssignTeam,
    CaseStatus,
    ChangeShift,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    OnShift,
    RaiseEmergency,
    ReportBackup,
    ReportFollowUp,
    ReportSafetyEvent,
    RequestBackup,
    Said,
    SignOff,
    SignOn,
    Tell,
    WriteNote,
)
from publishing import a_version

NOON = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
ANSWER_BY = NOON + timedelta(seconds=90)
SOON = NOON + timedelta(seconds=30)
RULES = Rules()
CALL = UUID("5f9c1d52-0000-5000-8000-000000000001")
CASE = case_id(CALL, 1)
EPOCH = 1


def an_offer(*, at: datetime = NOON) -> CaseOffered:
    return CaseOffered(
        occurred_at=at,
        call_id=CALL,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=EPOCH,
        case_id=CASE,
        provider="exodus",
        attempt=1,
        incident_number="26100100123",
        programme=Programme.UMCR,
        acuity=Acuity.URGENT,
        division=7,
        picture=Picture(feed=Feed.DIVERTED),
        decision=Decision(
            eligibility=Eligibility.ELIGIBLE, programme=Programme.UMCR, acuity=Acuity.URGENT, policy="2026-10"
        ),
        answer_by=ANSWER_BY,
        en_route_within=900,
        on_scene_within=2700,
        private=Private(narrative="somebody is crying on the steps"),
    )


def a_recall(
    reason: RecallReason = RecallReason.DANGER,
    *,
    confirm_by: datetime | None = None,
    repeat: int = 0,
    at: datetime = SOON,
) -> CaseRecalled:
    return CaseRecalled(
        occurred_at=at,
        call_id=CALL,
        agency="lapd",
        stage=Stage.CONCLUDED,
        epoch=EPOCH + 1,
        case_id=CASE,
        provider="exodus",
        reason=reason,
        confirm_by=confirm_by,
        repeat=repeat,
    )


def an_update(*, at: datetime, call_type: str, narrative: str = "newer words") -> CaseUpdated:
    return CaseUpdated(
        occurred_at=at,
        call_id=CALL,
        agency="lapd",
        stage=Stage.ACKNOWLEDGED,
        epoch=EPOCH,
        case_id=CASE,
        provider="exodus",
        picture=Picture(feed=Feed.DIVERTED, call_type=call_type),
        private=Private(narrative=narrative),
    )


def say(case: Case, said: Said, at: datetime = SOON) -> Next[Case]:
    return told.told(case, Tell(case_id=CASE, said=said), RULES, at)


def after(case: Case, *said: Said, at: datetime = SOON) -> Case:
    for one in said:
        step = say(case, one, at)
        assert step.refused is None
        case = step.state
    return case


BLANK = Case(case_id=CASE)
OFFERED = happened.offered(BLANK, an_offer(), RULES, NOON).state
TAKE = Acknowledge(epoch=EPOCH, arrive_in_seconds=1200)
GO = GoEnRoute(epoch=EPOCH)
GIVE_BACK = HandBack(epoch=EPOCH, reason=HandBackReason.NO_LONGER_ABLE)
FINISH = Close(epoch=EPOCH, disposition=Disposition.RESOLVED_ON_SCENE, contact=Contact.IN_PERSON)
REFUSE = Decline(epoch=EPOCH, reason=DeclineReason.AT_CAPACITY)
TAKEN = after(OFFERED, TAKE)

CASES: dict[CaseStage, Case] = {
    CaseStage.UNKNOWN: BLANK,
    CaseStage.OFFERED: OFFERED,
    CaseStage.ACKNOWLEDGED: TAKEN,
    CaseStage.EN_ROUTE: after(TAKEN, GO),
    CaseStage.ON_SCENE: after(TAKEN, GO, Arrive()),
    CaseStage.EXPIRED: happened.answer_overdue(OFFERED, AnswerOverdue(), RULES, ANSWER_BY).state,
    CaseStage.DECLINED: after(OFFERED, REFUSE),
    CaseStage.RECALLED: happened.recalled(TAKEN, a_recall(), RULES, SOON).state,
    CaseStage.HANDED_BACK: after(TAKEN, GIVE_BACK),
    CaseStage.CLOSED: after(TAKEN, FINISH),
}

YES, TWICE, KEPT = "done", "repeated", "kept"
NONE, EARLY, HELD, NOT_OVER, NOT_CALLED = (
    "unknown-case",
    "not-acknowledged",
    "acknowledged",
    "not-ended",
    "not-recalled",
)
LATE, GONE, OVER = "expired", "recalled", "closed"

# Written out by hand, not derived: unknown, offered, acknowledged, en route, on scene,
#                                    expired, declined, recalled, handed back, closed
EXPECTED: dict[str, tuple[Said, tuple[str, ...]]] = {
    "acknowledge": (TAKE, (NONE, YES, TWICE, TWICE, TWICE, LATE, OVER, GONE, OVER, OVER)),
    "decline": (REFUSE, (NONE, YES, HELD, HELD, HELD, LATE, TWICE, GONE, OVER, OVER)),
    "team assigned": (
        AssignTeam(epoch=EPOCH, team="west-2"),
        (NONE, EARLY, YES, YES, YES, LATE, OVER, GONE, OVER, OVER),
    ),
    "en route": (GO, (NONE, YES, YES, TWICE, TWICE, LATE, OVER, GONE, OVER, OVER)),
    "hand back": (GIVE_BACK, (NONE, EARLY, YES, YES, YES, LATE, OVER, GONE, TWICE, OVER)),
    "close": (FINISH, (NONE, EARLY, YES, YES, YES, LATE, OVER, GONE, OVER, OVER)),
    "contacted": (
        MakeContact(contact=Contact.PHONE),
        (NONE, EARLY, YES, YES, YES, LATE, OVER, YES, YES, YES),
    ),
    "question": (Ask(question=Question.WEAPON), (NONE, YES, YES, YES, YES, LATE, OVER, GONE, OVER, OVER)),
    "follow-up": (
        ReportFollowUp(result=FollowUp.REACHED),
        (NONE, EARLY, NOT_OVER, NOT_OVER, NOT_OVER, LATE, OVER, YES, YES, YES),
    ),
    "note": (WriteNote(text="words"), (NONE, EARLY, KEPT, KEPT, KEPT, LATE, OVER, KEPT, KEPT, KEPT)),
    "on scene": (Arrive(), (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES)),
    "safety check": (AnswerSafetyCheck(), (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES)),
    "backup": (RequestBackup(), (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES)),
    "emergency": (RaiseEmergency(), (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES)),
    "backup arrived": (ReportBackup(), (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES)),
    "safety event": (
        ReportSafetyEvent(event=SafetyEvent.NEAR_MISS),
        (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES),
    ),
    "hand back with danger": (
        HandBack(epoch=EPOCH, reason=HandBackReason.OTHER, hazards=(Hazard.WEAPON,)),
        (NONE, YES, YES, YES, YES, YES, YES, YES, YES, YES),
    ),
    "confirm recall": (
        ConfirmRecall(),
        (NONE, *(NOT_CALLED,) * 6, YES, NOT_CALLED, NOT_CALLED),
    ),
}


@pytest.mark.parametrize(
    ("stage", "said", "expected"),
    [
        pytest.param(stage, said, expected, id=f"{name} when {stage}")
        for name, (said, row) in EXPECTED.items()
        for stage, expected in zip(CASES, row, strict=True)
    ],
)
def test_each_thing_is_taken_or_refused_by_the_stage_of_the_case(stage: CaseStage, said: Said, expected: str) -> None:
    case = CASES[stage]
    assert case.stage is stage
    step = say(case, said)
    if expected == YES:
        assert step.refused is None
        assert len(step.facts) == 1
        assert isinstance(step.answer, CaseStatus)
        assert not step.answer.repeated
    elif expected == KEPT:
        assert step.facts == ()
        assert [note.text for note in step.state.notes] == ["words"]
    elif expected == TWICE:
        assert step.state == case
        assert step.facts == ()
        assert isinstance(step.answer, CaseStatus)
        assert step.answer.repeated
    else:
        assert step.state.model_copy(update={"answered_late_at": None}) == case
        assert step.facts == ()
        assert step.refused is not None
        assert step.refused.code == expected
        assert "exodus" not in step.refused.detail.lower()


def test_the_table_has_a_row_for_everything_that_can_be_said() -> None:
    def leaves(kind: type[Said]) -> set[type[Said]]:
        below = kind.__subclasses__()
        return {leaf for one in below for leaf in leaves(one)} if below else {kind}

    assert set(told.TABLE) == leaves(Said)
    assert {type(said) for said, _ in EXPECTED.values()} == leaves(Said)


def test_an_acknowledgement_at_the_deadline_is_in_time_and_one_after_it_is_not() -> None:
    assert say(OFFERED, TAKE, ANSWER_BY).state.stage is CaseStage.ACKNOWLEDGED
    late = say(OFFERED, TAKE, ANSWER_BY + timedelta(milliseconds=1))
    assert late.refused is not None
    assert late.refused.code == "expired"


def test_an_acknowledgement_publishes_the_promised_arrival() -> None:
    (fact,) = say(OFFERED, TAKE).facts
    assert isinstance(fact, CaseAcknowledged)
    assert fact.arrive_by == SOON + timedelta(seconds=1200)
    assert (fact.call_id, fact.case_id, fact.epoch, fact.provider) == (CALL, CASE, EPOCH, "exodus")
    assert fact.occurred_at == SOON


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Acknowledge(epoch=EPOCH), "no-arrival-time"),
        (Acknowledge(epoch=EPOCH, arrive_by=NOON), "arrival-time"),
        (Acknowledge(epoch=EPOCH, arrive_by=datetime.max.replace(tzinfo=UTC)), "arrival-time"),
        (GoEnRoute(epoch=EPOCH, arrive_by=datetime.min.replace(tzinfo=UTC)), "arrival-time"),
        (GoEnRoute(epoch=EPOCH + 1), "other-epoch"),
        (Acknowledge(epoch=EPOCH - 1, arrive_in_seconds=60), "other-epoch"),
    ],
)
def test_an_answer_that_does_not_fit_the_offer_is_refused(said: Said, code: str) -> None:
    step = say(OFFERED, said)
    assert step.refused is not None
    assert step.refused.code == code
    assert step.state == OFFERED


def test_en_route_takes_an_offer_that_was_not_acknowledged() -> None:
    step = say(OFFERED, GO)
    assert step.state.stage is CaseStage.EN_ROUTE
    assert step.state.acknowledged_at == SOON
    assert [type(fact) for fact in step.facts] == [TeamEnRoute]


def test_an_arrival_at_an_open_offer_takes_it() -> None:
    step = say(OFFERED, Arrive())
    assert step.state.stage is CaseStage.ON_SCENE
    assert step.state.acknowledged_at == SOON


def test_an_arrival_after_the_end_is_published_and_changes_no_stage() -> None:
    for stage in (CaseStage.EXPIRED, CaseStage.RECALLED, CaseStage.CLOSED):
        step = say(CASES[stage], Arrive())
        assert [type(fact) for fact in step.facts] == [TeamOnScene]
        assert step.state.stage is stage
        assert step.state.on_scene_at == SOON


def test_a_recall_that_comes_before_its_offer_leaves_a_tombstone() -> None:
    tombstone = happened.recalled(BLANK, a_recall(), RULES, NOON).state
    assert tombstone.stage is CaseStage.RECALLED
    buried = happened.offered(tombstone, an_offer(), RULES, SOON).state
    assert buried.stage is CaseStage.RECALLED
    assert buried.private is None
    refused = say(buried, TAKE).refused
    assert refused is not None
    assert refused.code == "recalled"
    assert say(tombstone, RaiseEmergency()).facts
    assert say(buried, RaiseEmergency()).facts


def test_an_offer_that_comes_after_its_deadline_is_expired_at_once() -> None:
    case = happened.offered(BLANK, an_offer(), RULES, ANSWER_BY + timedelta(seconds=1)).state
    assert case.stage is CaseStage.EXPIRED
    assert case.private is None


def test_a_recall_for_no_answer_reads_as_expired() -> None:
    case = happened.recalled(CASES[CaseStage.EXPIRED], a_recall(RecallReason.ANSWER_OVERDUE), RULES, ANSWER_BY).state
    refused = say(case, TAKE).refused
    assert refused is not None
    assert refused.code == "expired"


def test_a_repeated_offer_changes_nothing() -> None:
    assert happened.offered(TAKEN, an_offer(), RULES, SOON).state == TAKEN


def test_a_recall_that_crosses_a_closing_is_shown_only_if_it_must_be_confirmed() -> None:
    closed = CASES[CaseStage.CLOSED]
    assert happened.recalled(closed, a_recall(), RULES, SOON).state.stage is CaseStage.CLOSED
    to_confirm = happened.recalled(closed, a_recall(confirm_by=SOON), RULES, SOON).state
    assert to_confirm.stage is CaseStage.RECALLED
    assert to_confirm.listing()["stage"] == "recalled"


def test_a_confirmed_recall_leaves_the_list() -> None:
    case = happened.recalled(TAKEN, a_recall(confirm_by=SOON + timedelta(seconds=30)), RULES, SOON).state
    assert case.listing()["stage"] == "recalled"
    step = say(case, ConfirmRecall())
    (fact,) = step.facts
    assert isinstance(fact, RecallConfirmed)
    assert fact.position is TeamPosition.WITHDRAWN
    assert step.state.listing() == {}


def test_an_older_recall_does_not_undo_a_newer_one() -> None:
    newer = happened.recalled(TAKEN, a_recall(at=SOON + timedelta(seconds=30)), RULES, SOON).state
    assert happened.recalled(newer, a_recall(repeat=3), RULES, SOON).state == newer


def test_a_recall_that_follows_a_confirmation_must_be_confirmed_again() -> None:
    def recall(seconds: float) -> CaseRecalled:
        return a_recall(at=SOON + timedelta(seconds=seconds), confirm_by=SOON + timedelta(seconds=seconds + 30))

    case = happened.recalled(TAKEN, recall(0), RULES, SOON).state
    confirmed = after(case, ConfirmRecall(), at=SOON + timedelta(seconds=10))
    crossing = happened.recalled(confirmed, recall(5), RULES, SOON).state
    assert crossing.listing() == {}
    later = happened.recalled(confirmed, recall(20), RULES, SOON).state
    assert later.listing()["stage"] == "recalled"


def test_a_case_that_was_taken_and_then_taken_away_for_no_answer_reads_as_recalled() -> None:
    case = happened.recalled(TAKEN, a_recall(RecallReason.ANSWER_OVERDUE), RULES, SOON).state
    refused = say(case, GO).refused
    assert refused is not None
    assert refused.code == "recalled"


def a_policy(document: dict[str, JsonValue], kind: PolicyKind = PolicyKind.ROUTING) -> PolicyPublished:
    return a_version(kind, document, version="1", said_at=NOON, in_force_from=NOON)


def test_the_routing_policy_says_how_long_private_words_stay() -> None:
    rules = happened.policy_published(RULES, a_policy({"limits": {"private_for": 86_400}, "providers": []}))
    assert rules.private_for(SOON) == timedelta(days=1)
    closed = told.told(TAKEN, Tell(case_id=CASE, said=FINISH), rules, SOON).state
    assert [due.at for due in closed.due()] == [SOON + timedelta(days=1)]


def test_notes_go_with_the_private_words() -> None:
    closed = after(TAKEN, WriteNote(text="left her number", by="west-1"), FINISH)
    assert (closed.notes[0].text, closed.notes[0].by, closed.notes[0].at) == ("left her number", "west-1", SOON)
    forgotten = happened.time_to_forget(closed, TimeToForget(), RULES, SOON).state
    assert (forgotten.notes, forgotten.private, forgotten.due()) == ((), None, ())
    late = after(forgotten, WriteNote(text="rang back"), at=SOON + timedelta(days=40))
    assert [due.at for due in late.due()] == [SOON + timedelta(days=30)]


def test_an_erased_case_has_no_private_words_and_takes_none_in_again() -> None:
    closed = after(TAKEN, WriteNote(text="left her number"), FINISH)
    erasure = CaseErased(
        occurred_at=SOON, call_id=CALL, agency="lapd", stage=Stage.CONCLUDED, epoch=1, case_id=CASE, provider="exodus"
    )
    for before in (closed, BLANK):
        erased = happened.erased(before, erasure, RULES, SOON).state
        assert (erased.private, erased.notes, erased.due()) == (None, (), ())
        late = happened.offered(erased, an_offer(), RULES, SOON).state
        late = happened.updated(late, an_update(at=SOON, call_type="918"), RULES, SOON).state
        assert late.private is None
    refused = say(happened.erased(closed, erasure, RULES, SOON).state, WriteNote(text="again")).refused
    assert refused is not None
    assert refused.code == "erased"


def test_a_note_for_a_case_that_was_never_taken_is_refused() -> None:
    recalled = happened.recalled(OFFERED, a_recall(), RULES, SOON).state
    refused = say(recalled, WriteNote(text="words")).refused
    assert refused is not None
    assert refused.code == "never-taken"


def test_a_case_has_no_notes_without_end() -> None:
    full = after(TAKEN, *[WriteNote(text="words")] * MOST_NOTES)
    refused = say(full, WriteNote(text="words")).refused
    assert refused is not None
    assert refused.code == "too-many-notes"


def test_a_case_knows_when_help_was_called_and_came() -> None:
    called = after(TAKEN, RequestBackup(), RaiseEmergency())
    assert (called.backup_at, called.emergency_at, called.backup_arrived_at) == (SOON, SOON, None)
    come = after(called, ReportBackup(), at=SOON + timedelta(seconds=60))
    assert come.backup_arrived_at == SOON + timedelta(seconds=60)
    assert after(come, RaiseEmergency()).backup_arrived_at is None


def test_policies_say_what_divisions_and_rules_are_called() -> None:
    divisions: list[JsonValue] = [{"number": 7, "name": "Wilshire", "spellings": ["WIL"]}]
    rules = happened.policy_published(RULES, a_policy({"limits": {"private_for": 1}, "divisions": divisions}))
    nested: dict[str, JsonValue] = {"a": [{"id": "C-1", "text": "One. "}, {"b": {"id": "X-2", "text": "Two."}}, 3]}
    rules = happened.policy_published(rules, a_policy({**nested, "id": 1}, PolicyKind.TRIAGE))
    assert rules.divisions == {7: "Wilshire"}
    assert rules.words == {"1": {"C-1": "One.", "X-2": "Two."}}
    other = a_policy({"id": "C-1", "text": "Other."}, PolicyKind.TRIAGE)
    assert happened.policy_published(rules, other) == rules
    with pytest.raises(Rejected, match="not-approved"):
        happened.policy_published(RULES, other.model_copy(update={"approvals": ()}))


def test_a_policy_that_says_nothing_of_private_words_is_rejected_and_an_unknown_kind_is_ignored() -> None:
    assert happened.policy_published(RULES, a_policy({}, PolicyKind.UNKNOWN)) == RULES
    with pytest.raises(Rejected):
        happened.policy_published(RULES, a_policy({"limits": {}}))


def test_only_open_cases_are_listed() -> None:
    assert OFFERED.listing() == {"stage": "offered", "acuity": "urgent", "open": "going_on"}
    for stage in (CaseStage.UNKNOWN, CaseStage.EXPIRED, CaseStage.DECLINED, CaseStage.CLOSED, CaseStage.HANDED_BACK):
        assert CASES[stage].listing() == {}


def test_recalls_that_wait_to_be_confirmed_are_listed_apart_from_what_goes_on() -> None:
    recall = a_recall().model_copy(update={"confirm_by": ANSWER_BY})
    assert happened.recalled(OFFERED, recall, RULES, SOON).state.listing()["open"] == "stopped"


def test_the_offer_expires_by_its_timer() -> None:
    (due,) = OFFERED.due()
    assert due.at > ANSWER_BY
    assert isinstance(due.timer, AnswerOverdue)
    expired = happened.answer_overdue(OFFERED, AnswerOverdue(), RULES, due.at).state
    assert expired.due() == ()
    assert expired.private is None


def test_private_words_go_thirty_days_after_the_end_of_a_case_that_was_taken() -> None:
    closed = CASES[CaseStage.CLOSED]
    assert closed.private is not None
    (due,) = closed.due()
    assert isinstance(due.timer, TimeToForget)
    assert due.at == SOON + timedelta(days=30)
    forgotten = happened.time_to_forget(closed, TimeToForget(), RULES, due.at).state
    assert forgotten.private is None
    assert forgotten.due() == ()


def test_private_words_of_a_case_that_was_never_taken_go_at_once() -> None:
    assert CASES[CaseStage.DECLINED].private is None
    assert happened.recalled(OFFERED, a_recall(), RULES, SOON).state.private is None


def test_private_words_of_an_update_without_an_offer_go_too() -> None:
    early = happened.updated(BLANK, an_update(at=SOON, call_type="918"), RULES, SOON).state
    (due,) = early.due()
    assert happened.time_to_forget(early, TimeToForget(), RULES, due.at).state.private is None


def test_the_newest_picture_stays_whichever_comes_first() -> None:
    newer = an_update(at=SOON, call_type="918")
    forward = happened.updated(OFFERED, newer, RULES, SOON).state
    backward = happened.offered(happened.updated(BLANK, newer, RULES, SOON).state, an_offer(), RULES, SOON).state
    for case in (forward, backward):
        assert case.stage is CaseStage.OFFERED
        assert case.picture is not None
        assert case.picture.call_type == "918"
        assert case.private == Private(narrative="newer words")
    older = an_update(at=NOON - timedelta(seconds=1), call_type="242")
    assert happened.updated(forward, older, RULES, SOON).state == forward


def test_a_more_urgent_update_shortens_the_offer() -> None:
    by = NOON + timedelta(seconds=45)
    sooner = {"acuity": Acuity.EMERGENT, "on_scene_within": 1_200.0, "deadlines": Deadlines(answer_by=by)}
    update = an_update(at=SOON, call_type="918").model_copy(update=sooner)
    offer = happened.updated(OFFERED, update, RULES, SOON).state.offer
    assert OFFERED.offer is not None
    assert offer == OFFERED.offer.model_copy(
        update={"acuity": Acuity.EMERGENT, "on_scene_within": 1_200.0, "answer_by": by}
    )


def test_an_update_after_the_end_brings_no_private_words_back() -> None:
    closed = CASES[CaseStage.CLOSED]
    assert happened.updated(closed, an_update(at=SOON, call_type="918"), RULES, SOON).state == closed


def test_an_answer_takes_its_question_from_the_list() -> None:
    asked = after(TAKEN, Ask(question=Question.WEAPON), Ask(question=Question.WEAPON))
    assert asked.asked == (Question.WEAPON,)
    answer = QuestionAnswered(
        occurred_at=SOON,
        call_id=CALL,
        agency="lapd",
        stage=Stage.ACKNOWLEDGED,
        epoch=EPOCH,
        case_id=CASE,
        provider="exodus",
        question=Question.WEAPON,
        answer=Answer.NO,
        by="desk-7",
    )
    case = happened.question_answered(asked, answer, RULES, SOON).state
    assert case.asked == ()
    assert case.answers == {Question.WEAPON: Answer.NO}


@pytest.mark.parametrize(
    ("stage", "position"),
    [
        (CaseStage.OFFERED, TeamPosition.UNKNOWN),
        (CaseStage.EN_ROUTE, TeamPosition.EN_ROUTE),
        (CaseStage.ON_SCENE, TeamPosition.ON_SCENE),
    ],
)
def test_a_call_for_help_tells_where_the_team_was_last(stage: CaseStage, position: TeamPosition) -> None:
    (fact,) = say(CASES[stage], RaiseEmergency()).facts
    assert isinstance(fact, EmergencyRaised)
    assert fact.position is position


def test_rubbish_in_a_call_for_help_is_read_as_danger_and_never_refused() -> None:
    said = RaiseEmergency.model_validate(
        {"hazards": "gun", "position": 7, "said_at": "yesterday", "by": "\x00", "epoch": "x"}
    )
    assert said.hazards == (Hazard.UNKNOWN,)
    assert said.position is TeamPosition.UNKNOWN
    assert (said.said_at, said.by) == (None, None)
    backup = RequestBackup.model_validate({"hazards": ["chainsaw"], "medical": ["?"]})
    assert backup.hazards == (Hazard.UNKNOWN,)
    (fact,) = say(TAKEN, backup).facts
    assert isinstance(fact, BackupRequested)
    assert fact.medical is Answer.UNKNOWN


def test_danger_in_a_hand_back_is_told_whatever_epoch_it_names() -> None:
    said = HandBack(epoch=99, reason=HandBackReason.WEAPON)
    step = say(CASES[CaseStage.ON_SCENE], said)
    assert step.state.stage is CaseStage.HANDED_BACK
    (fact,) = step.facts
    assert isinstance(fact, CaseHandedBack)
    assert fact.epoch == EPOCH
    assert say(CASES[CaseStage.RECALLED], said).state.stage is CaseStage.RECALLED


def test_a_hand_back_that_cannot_be_read_is_one_for_danger() -> None:
    said = HandBack.model_validate({"epoch": "x", "reason": ["?"], "contact": 3, "by": "\x00"})
    assert said.tells_of_danger
    (fact,) = say(CASES[CaseStage.ON_SCENE], said).facts
    assert isinstance(fact, CaseHandedBack)
    assert fact.reason is HandBackReason.UNKNOWN
    assert fact.epoch == EPOCH


def test_a_hand_back_without_danger_or_epoch_is_about_no_offer_that_stands() -> None:
    said = HandBack.model_validate({"reason": "no_longer_able"})
    assert not say(CASES[CaseStage.ON_SCENE], said).facts


@pytest.mark.parametrize(
    ("said_at", "believed"),
    [
        (SOON - timedelta(minutes=10), True),
        (SOON + timedelta(seconds=30), True),
        (SOON + timedelta(hours=1), False),
        (SOON - timedelta(days=30), False),
        (datetime.max.replace(tzinfo=UTC), False),
    ],
)
def test_a_devices_time_is_kept_where_it_can_be_true(said_at: datetime, believed: bool) -> None:  # noqa: FBT001
    (fact,) = say(TAKEN, GoEnRoute(epoch=EPOCH, said_at=said_at)).facts
    assert isinstance(fact, TeamEnRoute)
    assert fact.said_at == (said_at if believed else None)


def test_a_closing_keeps_the_closest_contact_and_bounds_the_follow_up() -> None:
    due = SOON + timedelta(days=2)
    said = Close(epoch=EPOCH, disposition=Disposition.REFERRED, referral="shelter", follow_up_due=due)
    case = after(TAKEN, MakeContact(contact=Contact.PHONE))
    step = say(case, said)
    assert step.state.contact is Contact.PHONE
    (fact,) = step.facts
    assert isinstance(fact, CaseClosed)
    assert fact.follow_up_due == due
    refused = say(case, said.model_copy(update={"follow_up_due": datetime.max.replace(tzinfo=UTC)})).refused
    assert refused is not None
    assert refused.code == "follow-up-time"


def test_no_contact_is_not_a_contact() -> None:
    refused = say(TAKEN, MakeContact(contact=Contact.NONE)).refused
    assert refused is not None
    assert refused.code == "no-contact"


def test_the_words_of_two_different_reports_never_look_the_same_to_an_idempotency_key() -> None:
    bodies = {Tell(case_id=CASE, said=said).model_dump_json() for said, _ in EXPECTED.values()}
    assert len(bodies) == len(EXPECTED)


def test_a_changed_shift_is_published_once() -> None:
    roster = Roster(provider="exodus")
    command = ChangeShift(provider="exodus", teams=(OnShift(team="west-1", languages=("es",)),))
    step = told.shift_changed(roster, command, RULES, NOON)
    facts: tuple[Fact, ...] = step.facts
    assert facts == (
        ShiftChanged(occurred_at=NOON, provider="exodus", teams=(Team(team="west-1", languages=("es",)),)),
    )
    again = told.shift_changed(step.state, command, RULES, SOON)
    assert again.facts == ()
    assert again.answer == step.state


def test_an_empty_first_shift_is_news() -> None:
    step = told.shift_changed(Roster(provider="exodus"), ChangeShift(provider="exodus", teams=()), RULES, NOON)
    assert len(step.facts) == 1


def test_teams_sign_on_and_off_one_by_one_and_say_who_relieves_them() -> None:
    def sign_on(roster: Roster, team: str) -> Roster:
        return told.signed_on(roster, SignOn(provider="exodus", team=OnShift(team=team)), RULES, NOON).state

    def sign_off(team: str, relief: str | None) -> Next[Roster]:
        return told.signed_off(roster, SignOff(provider="exodus", team=team, relief=relief), RULES, SOON)

    roster = sign_on(sign_on(Roster(provider="exodus"), "west-1"), "west-2")
    assert roster.teams == (Team(team="west-1"), Team(team="west-2"))
    assert sign_on(roster, "west-1") == roster
    expected = ShiftChanged(
        occurred_at=SOON,
        provider="exodus",
        teams=(Team(team="west-2"),),
        signed_off=(SignedOff(team="west-1", relief="west-2"),),
    )
    assert sign_off("west-1", "west-2").facts == (expected,)
    assert sign_off("east-9", None).facts == ()
    refusals = [sign_off("west-1", relief).refused for relief in ("west-1", "east-9")]
    assert [one and one.code for one in refusals] == ["own-relief", "relief-not-on-shift"]


def test_no_more_teams_sign_on_than_a_shift_may_have() -> None:
    teams = tuple(Team(team=f"west-{number}") for number in range(MOST_TEAMS))
    full = Roster(provider="exodus", teams=teams)
    refused = told.signed_on(full, SignOn(provider="exodus", team=OnShift(team="one-more")), RULES, NOON).refused
    assert refused is not None
    assert refused.code == "too-many-teams"


def test_a_team_cannot_be_on_shift_twice() -> None:
    command = ChangeShift(provider="exodus", teams=(OnShift(team="west-1"), OnShift(team="west-1")))
    refused = told.shift_changed(Roster(provider="exodus"), command, RULES, NOON).refused
    assert refused is not None
    assert refused.status == 422
