"""The row of a call is a function of the set of its facts."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divert_contracts.call import Private, Revision, Team
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import BackupRequested, CaseAcknowledged, TeamOnScene
from divert_contracts.facts.routing import CallReviewed, ResponderRecorded
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    Disposition,
    Eligibility,
    Feed,
    FollowUp,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    RecallReason,
    Responder,
    ReviewReason,
    Stage,
)
from divert_reporting.domain.outcome import CallOutcome, Denominator, outcome, shift_changes
from divert_reporting.domain.record import NOTHING, Record, Shift, day_of, heard, kept, shift_heard

from .stories import (
    CALL,
    DECISION,
    NOBODY_ANSWERED,
    NOON,
    PICTURE,
    SERVED,
    after,
    concluded,
    enveloped,
    fact_id,
    handed_off,
    of_case,
    of_routing,
    offered,
    opened,
    recalled,
    record,
    triaged,
)


def row(*facts: Fact) -> CallOutcome:
    told = outcome(record(enveloped(facts)))
    assert told is not None
    return told


@pytest.mark.parametrize("story", [SERVED, NOBODY_ANSWERED], ids=["served", "nobody answered"])
@given(data=st.data())
def test_any_order_and_any_repeats_give_the_same_row(story: tuple[Fact, ...], data: st.DataObject) -> None:
    envelopes = enveloped(story)
    repeats = data.draw(st.lists(st.sampled_from(envelopes), max_size=len(envelopes)))
    shuffled = data.draw(st.permutations([*envelopes, *repeats]))
    assert outcome(record(shuffled)) == outcome(record(envelopes))


@given(data=st.data())
def test_facts_of_the_same_moment_have_one_order(data: st.DataObject) -> None:
    together = [
        replace(envelope, fact=envelope.fact.model_copy(update={"occurred_at": NOON})) for envelope in enveloped(SERVED)
    ]
    shuffled = data.draw(st.permutations(together))
    assert outcome(record(shuffled)) == outcome(record(together))


def test_of_two_facts_with_one_id_the_first_in_the_log_stays() -> None:
    first = Envelope(id=fact_id(0), source="/divert/triage", fact=triaged())
    other = Envelope(
        id=fact_id(0), source="/divert/triage", fact=triaged(picture=PICTURE.model_copy(update={"call_type": "242"}))
    )
    told = outcome(record([first, other]))
    assert told is not None
    assert told.call_type == "918"


def test_a_record_is_read_back_as_it_was_written() -> None:
    known = record(enveloped(SERVED))
    assert Record.model_validate_json(known.model_dump_json(exclude_defaults=True)) == known


def test_private_words_are_never_kept() -> None:
    fact = offered().model_copy(update={"private": Private(narrative="canary")})
    assert "canary" not in kept(Envelope(id=fact_id(0), source="/divert/routing", fact=fact)).body


def test_a_call_without_facts_has_no_row() -> None:
    assert outcome(Record(call_id=CALL)) is None


def test_a_served_call_is_told_whole() -> None:
    told = row(*SERVED)
    assert told == CallOutcome(
        call_id=CALL,
        incident_number="26100100123",
        agency="lapd",
        feed=Feed.DIVERTED,
        origin=Origin.NINE_ONE_ONE,
        stage=Stage.CONCLUDED,
        outcome=Outcome.SERVED,
        reason=OutcomeReason.CLOSED,
        division=7,
        reporting_district="0714",
        call_type="918",
        initial_call_type="507",
        acuity=Acuity.URGENT,
        programme=DECISION.programme,
        eligibility=Eligibility.ELIGIBLE,
        rule_ids=("care-type-918",),
        policy="2026-10",
        routing_policy="2026-09",
        provider="alcott",
        offered_to=("exodus", "alcott"),
        attempts=2,
        declines=1,
        answered_911_at=after(-40),
        cad_created_at=after(-20),
        accepted_at=NOON,
        triaged_at=NOON,
        first_offered_at=after(0.2),
        acknowledged_at=after(40),
        en_route_at=after(100),
        on_scene_at=after(1000),
        arrived_provider="alcott",
        contacted_at=after(1150),
        cleared_at=after(2000),
        concluded_at=after(2000.1),
        contact=Contact.IN_PERSON,
        disposition=Disposition.REFERRED,
        police=PoliceInvolvement.BACKUP_ARRIVED,
        backup_requests=1,
        who_responded=Responder.PROVIDER,
        follow_up_due=after(172_800),
        follow_up=FollowUp.CONNECTED,
        follow_up_at=after(90_000),
        danger_known_at=after(1200),
        withdrawn_at=after(2000),
        queued_taps=1,
        revisions=1,
        warnings=1,
        warning_codes=("priority",),
        facts=len(SERVED),
    )


def test_an_answer_that_routing_did_not_take_is_no_acknowledgement() -> None:
    told = row(*NOBODY_ANSWERED)
    assert told.outcome is Outcome.ELIGIBLE_NOT_SERVED
    assert told.reason is OutcomeReason.TIMED_OUT
    assert told.acknowledged_at is None
    assert told.time_outs == 1
    assert (told.handed_off_at, told.handoff_accepted_at) == (after(91.3), after(100))


def test_who_went_instead_is_told_with_the_last_word_on_each_time() -> None:
    told = row(*NOBODY_ANSWERED)
    assert told.who_responded is Responder.PATROL
    assert told.recommended is Responder.PATROL
    assert told.responder_dispatched_at == after(200)
    assert told.responder_arrived_at == after(600)
    assert told.responder_cleared_at == after(890)
    assert (told.arrest, told.force) == (Answer.YES, Answer.NOT_ASKED)


def test_a_call_in_flight_has_no_outcome_and_stands_where_routing_or_the_team_said_last() -> None:
    story: list[Fact] = []
    stages: list[Stage] = []
    for fact in SERVED[:13]:
        story.append(fact)
        told = row(*story)
        assert told.outcome is None
        stages.append(told.stage)
    assert stages == [
        Stage.AWAITING_TRIAGE,
        Stage.AWAITING_TRIAGE,
        *[Stage.OFFERED] * 4,
        Stage.ACKNOWLEDGED,
        Stage.EN_ROUTE,
        *[Stage.ON_SCENE] * 5,
    ]


def test_a_late_word_of_an_earlier_offer_does_not_move_the_stage() -> None:
    told = row(
        opened(), offered(1), offered(2, "alcott", at=100), of_case(CaseAcknowledged, 101, 1, arrive_by=after(900))
    )
    assert told.stage is Stage.OFFERED


def test_an_observed_call_is_observed_until_it_is_concluded() -> None:
    observed = PICTURE.model_copy(update={"feed": Feed.OBSERVED})
    assert row(triaged(picture=observed)).stage is Stage.OBSERVED


def test_case_facts_alone_already_make_a_row_outside_the_figures() -> None:
    told = row(of_case(CaseAcknowledged, 40, arrive_by=after(900)))
    assert (told.agency, told.stage, told.accepted_at) == ("lapd", Stage.AWAITING_TRIAGE, after(40))
    assert told.denominator is Denominator.NOT_ACCEPTED
    assert row(of_case(CaseAcknowledged, 40, arrive_by=after(900)), opened()).denominator is Denominator.IN


def test_a_revision_after_the_conclusion_changes_no_decision() -> None:
    end = concluded(50, Outcome.INELIGIBLE, OutcomeReason.RULE, rule="crime-in-progress")
    refused = DECISION.model_copy(update={"eligibility": Eligibility.INELIGIBLE})
    told = row(opened(), triaged(1, decision=refused), end, triaged(2, at=60))
    assert told.eligibility is Eligibility.INELIGIBLE
    assert told.revisions == 2
    assert told.rule == "crime-in-progress"


def test_the_newest_revision_counts_as_cad_numbers_it() -> None:
    refused = DECISION.model_copy(update={"eligibility": Eligibility.INELIGIBLE})
    told = row(triaged(2), triaged(1, decision=refused, at=5))
    assert told.eligibility is Eligibility.ELIGIBLE


def test_a_call_in_flight_stays_in_the_figures_though_a_revision_calls_it_a_drill() -> None:
    told = row(triaged(1), opened(), triaged(2, picture=PICTURE.model_copy(update={"exercise": True}), at=5))
    assert (told.exercise, told.denominator) == (False, Denominator.IN)


def test_a_review_stands_beside_the_decision() -> None:
    review = of_routing(
        CallReviewed,
        30,
        Stage.OFFERED,
        revision=Revision(number=1, digest="0"),
        eligibility=Eligibility.ELIGIBLE,
        reason=ReviewReason.RECORD_IS_CLEAR,
        by="r-1",
    )
    undecided = DECISION.model_copy(update={"eligibility": Eligibility.NEEDS_REVIEW})
    told = row(opened(), triaged(decision=undecided), review)
    assert (told.eligibility, told.review) == (Eligibility.NEEDS_REVIEW, Eligibility.ELIGIBLE)


def test_an_arrival_under_an_offer_that_was_taken_back_before_makes_nothing_served() -> None:
    told = row(offered(), recalled(1, RecallReason.DANGER, at=30), of_case(TeamOnScene, 60))
    assert (told.acknowledged_at, told.on_scene_at) == (None, None)


def test_an_arrival_after_the_recall_of_a_case_that_was_taken_is_told() -> None:
    told = row(
        offered(),
        of_case(CaseAcknowledged, 10, arrive_by=after(900)),
        recalled(1, RecallReason.DANGER, at=30),
        of_case(TeamOnScene, 60),
    )
    assert told.on_scene_at == after(60)


def test_a_stray_word_of_a_case_that_was_had_does_not_undo_it() -> None:
    told = row(
        offered(),
        of_case(CaseAcknowledged, 10, arrive_by=after(900)),
        recalled(1, RecallReason.DANGER, at=30),
        of_case(TeamOnScene, 60),
        recalled(1, RecallReason.LATE_ANSWER, at=61),
    )
    assert told.acknowledged_at == after(10)


def test_a_promise_to_arrive_too_late_is_no_acknowledgement() -> None:
    told = row(
        offered(),
        of_case(CaseAcknowledged, 10, arrive_by=after(9000)),
        recalled(1, RecallReason.ARRIVAL_TOO_LATE, at=10.1),
    )
    assert told.acknowledged_at is None


def test_medical_help_is_no_police_involvement() -> None:
    asked = of_case(BackupRequested, 60, medical=Answer.YES)
    assert row(offered(), asked).police is PoliceInvolvement.NONE
    assert row(offered(), of_case(BackupRequested, 60)).police is PoliceInvolvement.BACKUP_REQUESTED


@pytest.mark.parametrize(
    ("said", "police"),
    [
        (of_routing(ResponderRecorded, 2100, responder=Responder.PATROL, arrived_at=after(600)), True),
        (of_routing(ResponderRecorded, 2100, responder=Responder.PATROL, dispatched_at=after(600)), True),
        (of_routing(ResponderRecorded, 2100, responder=Responder.MEU), True),
        (of_routing(ResponderRecorded, 2100, responder=Responder.UNKNOWN, arrived_at=after(600)), True),
        (of_routing(ResponderRecorded, 2100, responder=Responder.LAFD, arrest=Answer.YES), True),
        (of_routing(ResponderRecorded, 2100, responder=Responder.LAFD, arrest=Answer.NO), False),
        (of_routing(ResponderRecorded, 2100, responder=Responder.PROVIDER, arrived_at=after(600)), False),
    ],
)
def test_police_that_cad_reports_beside_a_team_are_told(said: ResponderRecorded, *, police: bool) -> None:
    told = row(*SERVED, said)
    assert told.who_responded is Responder.PROVIDER
    assert told.responder is said.responder
    assert told.police_reported is police


def test_what_routing_concluded_of_the_police_is_never_weakened() -> None:
    end = concluded(
        50,
        Outcome.ELIGIBLE_NOT_SERVED,
        OutcomeReason.HANDED_BACK,
        police=PoliceInvolvement.HANDED_BACK_BEFORE_ARRIVAL,
    )
    told = row(offered(), of_case(BackupRequested, 40), end)
    assert told.police is PoliceInvolvement.HANDED_BACK_BEFORE_ARRIVAL


@pytest.mark.parametrize(
    ("change", "denominator"),
    [
        ({}, Denominator.IN),
        ({"exercise": True}, Denominator.EXERCISE),
        ({"origin": Origin.OFFICER_INITIATED}, Denominator.OFFICER_INITIATED),
        ({"recorded_late": True}, Denominator.IN),
    ],
)
def test_a_call_outside_the_figures_says_why(change: dict[str, object], denominator: Denominator) -> None:
    picture = PICTURE.model_copy(update=change)
    assert row(triaged(picture=picture)).denominator is denominator
    end = concluded(50, Outcome.WITHDRAWN, OutcomeReason.CANCELLED, **change)
    assert row(triaged(picture=picture), end).denominator is denominator


def test_a_repeated_hand_off_keeps_its_first_time() -> None:
    told = row(handed_off(40), handed_off(70, repeat=1))
    assert told.handed_off_at == after(40)
    assert told.handoff_accepted_at is None


def test_a_changed_shift_is_a_row_of_its_day() -> None:
    fact = ShiftChanged(
        occurred_at=NOON,
        provider="exodus",
        teams=(
            Team(team="west-1", members=2, languages=("es", "en")),
            Team(team="west-2", members=3, languages=("en",)),
        ),
    )
    assert day_of(fact) == "exodus/2026-10-01"
    envelope = Envelope(id=fact_id(0), source="/divert/provider-gateway/exodus", fact=fact)
    shift = Shift(provider="exodus")
    for _ in range(2):
        shift = shift_heard(shift, envelope, NOTHING, NOON + timedelta(days=1)).state
    (change,) = shift_changes(shift)
    assert (change.teams, change.members, change.languages) == (2, 5, ("en", "es"))


def test_when_it_is_heard_has_no_say() -> None:
    (envelope,) = enveloped((triaged(),))
    blank = Record(call_id=CALL)
    assert heard(blank, envelope, NOTHING, NOON) == heard(blank, envelope, NOTHING, after(86_400))
