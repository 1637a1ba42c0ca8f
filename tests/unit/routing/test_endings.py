"""The table of endings, row by row: exactly one outcome, and what is owed beside it."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from divert_contracts.facts import cases
from divert_contracts.facts.routing import CallConcluded, CallHandedOff, CaseRecalled
from divert_contracts.vocabulary import (
    CancelReason,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    HandOffReason,
    Hazard,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    RecallReason,
    Responder,
    Stage,
)
from unit.routing.lives import (
    NOON,
    Life,
    acknowledged,
    by_provider,
    cancelled,
    clear,
    closed,
    closed_by_cad,
    contacted,
    dangerous,
    declined,
    going,
    handed_back,
    in_review,
    observed,
    offered,
    received,
    review,
    seconds,
    stamps,
    take_back,
    taken,
    there,
    triaged,
    unclear,
)

Story = Callable[[], Life]


def phoned() -> Life:
    """A call whose team spoke with the person by telephone, on its way."""
    life = going()
    return life.hear(contacted(life, Contact.PHONE))


def met() -> Life:
    """A call whose team met the person."""
    life = there()
    return life.hear(contacted(life))


def ruled_out(number: int = 1) -> Life:
    return Life().hear(received(number), triaged(number, eligibility=Eligibility.INELIGIBLE, rule="no-crisis"))


SERVED: list[tuple[str, Story, str]] = [
    ("closed after contact", lambda: (life := met()).hear(closed(life)), "closed"),
    ("closed after contact by telephone", lambda: (life := phoned()).hear(closed(life)), "closed"),
    ("closed after arrival", lambda: (life := there()).hear(closed(life)), "closed"),
    ("closed, naming the contact only then", lambda: (life := taken()).hear(closed(life, Contact.PHONE)), "closed"),
    ("closed by CAD after contact", lambda: met().hear(closed_by_cad()), "closed"),
    ("closed by CAD after arrival", lambda: there().hear(closed_by_cad()), "closed"),
    ("cancelled after contact", lambda: met().hear(cancelled()), "cancelled_after_contact"),
    (
        "a duplicate after contact",
        lambda: phoned().hear(cancelled(CancelReason.DUPLICATE)),
        "cancelled_after_contact",
    ),
    ("danger after contact", lambda: met().hear(dangerous(at=NOON)), "recalled_after_contact"),
    ("taken back after contact", lambda: met().order(take_back()), "taken_back_after_contact"),
    ("handed back after contact", lambda: (life := met()).hear(handed_back(life)), "handed_back_after_contact"),
    ("arrival missed after a telephone contact", lambda: phoned().after(3600), "recalled_after_contact"),
    ("never closed after contact", lambda: met().after(13 * 3600), "not_closed_after_contact"),
    ("not understood after contact", lambda: met().fail(), "recalled_after_contact"),
]

NOT_SERVED: list[tuple[str, Story, str, HandOffReason | None]] = [
    (
        "declined by all",
        lambda: (life := offered()).hear(declined(life)),
        "declined_by_all",
        HandOffReason.NOBODY_TOOK_IT,
    ),
    (
        "declined at capacity",
        lambda: (life := offered()).hear(declined(life, DeclineReason.AT_CAPACITY)),
        "at_capacity",
        HandOffReason.NOBODY_TOOK_IT,
    ),
    ("timed out", lambda: offered().after(91), "timed_out", HandOffReason.NOBODY_TOOK_IT),
    ("recalled for danger", lambda: taken().hear(dangerous()), "recalled", HandOffReason.DANGER),
    ("recalled for danger on scene", lambda: there().hear(dangerous()), "recalled", HandOffReason.DANGER),
    ("taken back from an offer", lambda: offered().order(take_back()), "taken_back", HandOffReason.TAKEN_BACK),
    ("taken back from a team", lambda: going().order(take_back()), "taken_back", HandOffReason.TAKEN_BACK),
    ("handed back", lambda: (life := going()).hear(handed_back(life)), "handed_back", HandOffReason.HANDED_BACK),
    (
        "handed back on scene without contact",
        lambda: (life := there()).hear(handed_back(life)),
        "handed_back",
        HandOffReason.HANDED_BACK,
    ),
    ("nobody set out", lambda: taken().after(901), "missed_en_route", HandOffReason.MISSED_EN_ROUTE),
    ("nobody arrived", lambda: going().after(2701), "missed_arrival", HandOffReason.MISSED_ARRIVAL),
    (
        "closed with neither contact nor arrival",
        lambda: (life := going()).hear(closed(life)),
        "closed_without_contact",
        HandOffReason.CLOSED_WITHOUT_CONTACT,
    ),
    (
        "closed before it was acknowledged",
        lambda: (life := offered()).hear(closed(life)),
        "closed_without_contact",
        HandOffReason.CLOSED_WITHOUT_CONTACT,
    ),
    ("never closed", lambda: there().after(13 * 3600), "not_closed", HandOffReason.NOT_CLOSED),
    ("closed by CAD while offered", lambda: offered().hear(closed_by_cad()), "closed_by_cad", None),
    ("closed by CAD while a team was on its way", lambda: going().hear(closed_by_cad()), "closed_by_cad", None),
    (
        "not understood while offered",
        lambda: offered().fail(),
        "not_understood_after_triage",
        HandOffReason.NOT_UNDERSTOOD,
    ),
    (
        "not understood while a team has it",
        lambda: taken().fail(),
        "not_understood_after_triage",
        HandOffReason.NOT_UNDERSTOOD,
    ),
    (
        "eligible, and nobody diverted it",
        lambda: observed().hear(triaged(feed=Feed.OBSERVED), closed_by_cad()),
        "not_referred",
        None,
    ),
]

OTHERS: list[tuple[str, Story, str, str, HandOffReason | None]] = [
    ("cancelled before contact", lambda: going().hear(cancelled()), "withdrawn", "cancelled", None),
    ("cancelled while it waits", lambda: Life().hear(received(), cancelled()), "withdrawn", "cancelled", None),
    (
        "entered in error",
        lambda: offered().hear(cancelled(CancelReason.ENTERED_IN_ERROR)),
        "withdrawn",
        "cancelled",
        None,
    ),
    ("a duplicate", lambda: offered().hear(cancelled(CancelReason.DUPLICATE)), "withdrawn", "duplicate", None),
    ("observed and cancelled", lambda: observed().hear(cancelled()), "withdrawn", "cancelled", None),
    (
        "a hard exclusion",
        lambda: Life().hear(received(), dangerous()),
        "ineligible",
        "hard_exclusion",
        HandOffReason.DANGER,
    ),
    (
        "a medical emergency",
        lambda: Life().hear(received(), dangerous(hazard=Hazard.MEDICAL)),
        "ineligible",
        "hard_exclusion",
        HandOffReason.MEDICAL,
    ),
    ("a rule", ruled_out, "ineligible", "rule", HandOffReason.INELIGIBLE),
    (
        "danger while it is offered",
        lambda: offered().hear(dangerous()),
        "ineligible",
        "hard_exclusion",
        HandOffReason.DANGER,
    ),
    (
        "found ineligible by a reviewer",
        lambda: in_review().order(review(eligibility=Eligibility.INELIGIBLE)),
        "ineligible",
        "reviewed",
        HandOffReason.INELIGIBLE,
    ),
    (
        "triage overdue",
        lambda: Life().hear(received()).after(15),
        "not_triaged",
        "triage_overdue",
        HandOffReason.NOT_TRIAGED,
    ),
    ("review expired", lambda: in_review().after(120), "not_triaged", "review_expired", HandOffReason.REVIEW_EXPIRED),
    (
        "taken back before triage",
        lambda: Life().hear(received()).order(take_back()),
        "not_triaged",
        "unfinished",
        HandOffReason.TAKEN_BACK,
    ),
    (
        "taken back in review",
        lambda: in_review().order(take_back()),
        "not_triaged",
        "unfinished",
        HandOffReason.TAKEN_BACK,
    ),
    ("closed by CAD in review", lambda: in_review().hear(closed_by_cad()), "not_triaged", "unfinished", None),
    (
        "closed by CAD before triage",
        lambda: Life().hear(received(), closed_by_cad()).after(15),
        "not_triaged",
        "unfinished",
        None,
    ),
    (
        "not understood before triage",
        lambda: Life().hear(received()).fail(),
        "not_triaged",
        "not_understood",
        HandOffReason.NOT_UNDERSTOOD,
    ),
    (
        "not understood in review",
        lambda: in_review().fail(),
        "not_triaged",
        "not_understood",
        HandOffReason.NOT_UNDERSTOOD,
    ),
    ("observed and never triaged", lambda: observed().after(24 * 3600), "not_triaged", "triage_overdue", None),
    (
        "observed and in doubt",
        lambda: observed().hear(unclear(), closed_by_cad()),
        "not_triaged",
        "unfinished",
        None,
    ),
]


@pytest.mark.parametrize(("story", "reason"), [row[1:] for row in SERVED], ids=[row[0] for row in SERVED])
def test_contact_decides_that_a_call_was_served(story: Story, reason: str) -> None:
    assert story().ending == ("served", reason)


@pytest.mark.parametrize(
    ("story", "reason", "hand_off"), [row[1:] for row in NOT_SERVED], ids=[row[0] for row in NOT_SERVED]
)
def test_before_contact_an_eligible_call_was_not_served_and_goes_back(
    story: Story, reason: str, hand_off: HandOffReason | None
) -> None:
    life = story()
    assert life.ending == ("eligible_not_served", reason)
    assert [one.reason for one in life.said(CallHandedOff)][:1] == ([] if hand_off is None else [hand_off])


@pytest.mark.parametrize(
    ("story", "outcome", "reason", "hand_off"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS]
)
def test_other_calls_were_withdrawn_ineligible_or_not_triaged(
    story: Story, outcome: str, reason: str, hand_off: HandOffReason | None
) -> None:
    life = story()
    assert life.ending == (outcome, reason)
    assert [one.reason for one in life.said(CallHandedOff)][:1] == ([] if hand_off is None else [hand_off])


EVERY_STORY = [row[1] for row in (*SERVED, *NOT_SERVED, *OTHERS)]
EVERY_NAME = [row[0] for row in (*SERVED, *NOT_SERVED, *OTHERS)]


@pytest.mark.parametrize("story", EVERY_STORY, ids=EVERY_NAME)
def test_an_outcome_is_final_whatever_follows(story: Story) -> None:
    life = story()
    concluded = life.only(CallConcluded)
    attempt = max(life.call.attempts, 1)
    for fact in (
        closed(life, Contact.IN_PERSON, attempt=attempt),
        contacted(life, attempt=attempt),
        acknowledged(life, attempt=attempt),
        handed_back(life, attempt=attempt, hazards=[Hazard.WEAPON]),
        by_provider(life, cases.TeamOnScene, attempt=attempt),
        received(9, at=life.now),
        triaged(9, at=life.now),
        dangerous(10, at=life.now),
        cancelled(),
        closed_by_cad(),
    ):
        life.hear(fact).after(40)
    life.fail().after(14 * 3600)
    assert life.said(CallConcluded) == [concluded]
    assert life.stage is Stage.CONCLUDED
    assert life.call.case is None


@pytest.mark.parametrize("story", EVERY_STORY, ids=EVERY_NAME)
def test_an_offered_case_that_routing_ends_is_recalled_first(story: Story) -> None:
    life = story()
    kinds = [type(fact) for fact in life.facts]
    ended_by_provider = {
        OutcomeReason.CLOSED,
        OutcomeReason.CLOSED_WITHOUT_CONTACT,
        OutcomeReason.DECLINED_BY_ALL,
        OutcomeReason.AT_CAPACITY,
        OutcomeReason.HANDED_BACK,
        OutcomeReason.HANDED_BACK_AFTER_CONTACT,
    }
    concluded = life.only(CallConcluded)
    if concluded.attempts and concluded.reason not in ended_by_provider:
        assert kinds.index(CaseRecalled) < kinds.index(CallConcluded)


def test_a_duplicate_names_its_master() -> None:
    master = uuid4()
    life = offered().hear(cancelled(CancelReason.DUPLICATE, of=master))
    assert life.only(CallConcluded).duplicate_of == master


def test_an_ineligible_call_cites_the_rule_that_decided() -> None:
    assert ruled_out().only(CallConcluded).rule == "no-crisis"
    assert Life().hear(received(), dangerous()).only(CallConcluded).rule == "exclude-weapon"


@pytest.mark.parametrize(
    ("life", "police"),
    [
        (lambda: (life := going()).hear(handed_back(life)), PoliceInvolvement.HANDED_BACK_BEFORE_ARRIVAL),
        (lambda: (life := there()).hear(handed_back(life)), PoliceInvolvement.HANDED_BACK_AFTER_ARRIVAL),
        (lambda: taken().order(take_back()), PoliceInvolvement.TAKEN_BACK),
        (lambda: offered().order(take_back()), PoliceInvolvement.NONE),
        (
            lambda: (life := there()).hear(by_provider(life, cases.BackupRequested), closed(life)),
            PoliceInvolvement.BACKUP_REQUESTED,
        ),
        (
            lambda: (life := there()).hear(
                by_provider(life, cases.BackupRequested), by_provider(life, cases.BackupArrived), closed(life)
            ),
            PoliceInvolvement.BACKUP_ARRIVED,
        ),
        (
            lambda: (life := there()).hear(by_provider(life, cases.EmergencyRaised), handed_back(life)),
            PoliceInvolvement.HANDED_BACK_AFTER_ARRIVAL,
        ),
    ],
    ids=[
        "handed back on the way",
        "handed back on scene",
        "taken back from a team",
        "taken back from an offer",
        "backup",
        "backup that came",
        "an emergency, then handed back",
    ],
)
def test_the_most_far_reaching_part_of_the_police_stands_beside_the_outcome(
    life: Story, police: PoliceInvolvement
) -> None:
    assert life().only(CallConcluded).police is police


@pytest.mark.parametrize(
    ("reason", "recommend", "urgent"),
    [
        (HandBackReason.MEDICAL, Responder.LAFD, True),
        (HandBackReason.WEAPON, Responder.PATROL, True),
        (HandBackReason.POLICE_NEEDED, Responder.PATROL, True),
        (HandBackReason.NOT_FOUND, Responder.HOLD, False),
        (HandBackReason.NO_LONGER_ABLE, Responder.PATROL, False),
        (HandBackReason.UNKNOWN, Responder.PATROL, True),
    ],
)
def test_a_hand_back_says_whom_to_send(reason: HandBackReason, recommend: Responder, urgent: bool) -> None:  # noqa: FBT001
    life = there()
    life.hear(handed_back(life, reason))
    assert (life.hand_off.recommend, life.hand_off.urgent) == (recommend, urgent)
    assert life.only(CallConcluded).hand_back is reason
    assert life.status.hand_back is reason


def test_a_hand_back_with_danger_is_urgent_and_says_what_it_is() -> None:
    life = there()
    life.hear(handed_back(life, HandBackReason.OTHER, hazards=[Hazard.FIRE]))
    assert (life.hand_off.urgent, life.hand_off.recommend) == (True, Responder.PATROL)
    assert life.hand_off.brief.hazards == (Hazard.FIRE,)


def test_a_disposition_is_kept_beside_the_outcome() -> None:
    life = there()
    life.hear(closed(life))
    assert life.only(CallConcluded).disposition is Disposition.RESOLVED_ON_SCENE
    assert life.status.disposition is Disposition.RESOLVED_ON_SCENE


def test_what_was_recorded_late_takes_its_outcome_from_its_stamps_and_is_never_offered() -> None:
    there_before = Life().hear(received(recorded_late=True, stamps=stamps(arrived_at=NOON - seconds(3600))))
    assert there_before.ending == ("served", "closed")
    concluded = there_before.only(CallConcluded)
    assert (concluded.recorded_late, concluded.contact) == (True, Contact.UNKNOWN)

    then = stamps(arrived_at=NOON - seconds(3600))
    by_police = Life().hear(
        received(recorded_late=True, stamps=then, feed=Feed.OBSERVED),
        triaged(recorded_late=True, stamps=then, feed=Feed.OBSERVED),
    )
    assert by_police.ending == ("eligible_not_served", "not_referred")
    by_a_team = Life().hear(received(recorded_late=True, stamps=then, feed=Feed.OBSERVED, origin=Origin.SELF_INITIATED))
    assert by_a_team.ending == ("served", "closed")

    for late in (
        Life().hear(received(recorded_late=True), triaged(recorded_late=True)),
        Life().hear(triaged(recorded_late=True), received(recorded_late=True)),
    ):
        assert late.ending == ("eligible_not_served", "recorded_late")
        assert not late.call.hand_offs
        assert late.status.outcome is Outcome.ELIGIBLE_NOT_SERVED

    excluded = Life().hear(received(recorded_late=True), dangerous(recorded_late=True))
    assert excluded.ending == ("ineligible", "hard_exclusion")
    assert not excluded.call.hand_offs

    unjudged = Life().hear(received(recorded_late=True)).after(15)
    assert unjudged.ending == ("not_triaged", "unfinished")


def test_what_a_call_is_stands_beside_its_outcome() -> None:
    life = Life().hear(
        received(exercise=True, assumed_screening=True, feed=Feed.OBSERVED),
        triaged(exercise=True, assumed_screening=True, feed=Feed.OBSERVED, unscreened=True),
        closed_by_cad(),
    )
    concluded = life.only(CallConcluded)
    assert (concluded.exercise, concluded.assumed_screening, concluded.unscreened) == (True, True, True)
    assert (concluded.feed, concluded.division, concluded.call_type) == (Feed.OBSERVED, 18, "918")


@pytest.mark.parametrize("later", [{"exercise": True}, {"recorded_late": True}])
def test_an_accepted_call_cannot_be_called_a_drill_or_long_over_by_a_later_revision(later: dict[str, bool]) -> None:
    life = Life().hear(received(), unclear()).after(5)
    life.hear(received(2, at=life.now, **later), triaged(2, at=life.now, **later))  # pyright: ignore[reportArgumentType]
    assert life.stage is Stage.OFFERED
    assert (life.offer.picture.exercise, life.offer.picture.recorded_late) == (False, False)
    concluded = life.hear(cancelled()).only(CallConcluded)
    assert (concluded.exercise, concluded.recorded_late) == (False, False)


@pytest.mark.parametrize("drill", [True, False])
def test_a_drill_that_a_revision_calls_real_counts(drill: bool) -> None:  # noqa: FBT001
    life = taken(exercise=True)
    life.hear(received(2, at=life.now, exercise=drill), triaged(2, at=life.now, exercise=drill), closed(life))
    assert life.only(CallConcluded).exercise is drill


def test_a_call_that_is_cleared_and_reviewed_can_still_be_served() -> None:
    life = observed().hear(dangerous(feed=Feed.OBSERVED)).after(60)
    life.order(clear()).hear(received(2, at=life.now), triaged(2, at=life.now)).order(review(2))
    life.hear(acknowledged(life), contacted(life)).hear(closed(life))
    assert life.ending == ("served", "closed")
    assert not life.said(CaseRecalled)


def test_a_case_that_cad_ends_must_be_given_up_by_its_team() -> None:
    life = going().hear(cancelled())
    assert life.recall.reason is RecallReason.CANCELLED
    assert life.recall.confirm_by is not None
    assert life.call.recalls
