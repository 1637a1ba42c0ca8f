"""Who is asked, as the directory says for a date; and why nobody was."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from divert_contracts.call import Answered, Team
from divert_contracts.facts.routing import CallConcluded, CaseOffered
from divert_contracts.vocabulary import AgeBand, Answer, DeclineReason, Need, Question
from divert_routing.domain.given import Given
from unit.routing.lives import (
    NOON,
    Life,
    changed,
    declined,
    directory,
    given,
    knowing,
    received,
    seconds,
    triaged,
    with_shift,
)

BEFORE, AFTER = NOON - seconds(60), NOON + seconds(60)


def with_providers(**changes: dict[str, Any]) -> Given:
    """Return what routing knows when some providers are otherwise."""
    return knowing(
        changed(
            providers=[one.model_dump() | changes.get(one.id.replace("-", "_"), {}) for one in directory().providers]
        )
    )


def asked(known: Given, **picture: object) -> Life:
    """Let an eligible call from Southeast come, which Exodus serves."""
    return Life(given_=known).hear(received(**picture), triaged(**picture))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (with_providers(exodus={"divisions": (8,)}), "no_provider_in_area"),
        (with_providers(exodus={"starts": AFTER}), "no_provider_in_area"),
        (with_providers(exodus={"ends": BEFORE}), "no_provider_in_area"),
        (with_providers(exodus={"ends": NOON}), "no_provider_in_area"),
        (with_providers(exodus={"hours": [{"opens": "13:00", "closes": "17:00"}]}), "outside_hours"),
        (with_providers(exodus={"hours": [{"days": ["sat"], "opens": "08:00", "closes": "17:00"}]}), "outside_hours"),
        (knowing(changed(outages=[{"provider": "exodus", "reason": "weather"}])), "provider_outage"),
        (
            knowing(changed(outages=[{"provider": "exodus", "reason": "staffing", "divisions": [18], "ends": AFTER}])),
            "provider_outage",
        ),
        (with_shift(given(), "exodus"), "no_team_on_shift"),
    ],
)
def test_each_way_of_having_nobody_has_its_own_reason_and_goes_back_at_once(known: Given, reason: str) -> None:
    life = asked(known)
    assert life.ending == ("eligible_not_served", reason)
    assert life.hand_off.occurred_at == NOON


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (DeclineReason.AT_CAPACITY, "at_capacity"),
        (DeclineReason.NO_TEAM, "at_capacity"),
        (DeclineReason.OTHER, "declined_by_all"),
    ],
)
def test_each_way_of_declining_has_its_own_reason(why: DeclineReason, reason: str) -> None:
    life = asked(given())
    assert life.hear(declined(life, why)).ending == ("eligible_not_served", reason)


def test_nobody_who_answers_is_timed_out() -> None:
    assert asked(given()).after(100).ending == ("eligible_not_served", "timed_out")


@pytest.mark.parametrize(
    "known",
    [
        with_providers(exodus={"starts": BEFORE, "ends": AFTER}),
        knowing(changed(outages=[{"provider": "exodus", "reason": "weather", "starts": AFTER}])),
        knowing(changed(outages=[{"provider": "exodus", "reason": "weather", "ends": BEFORE}])),
        knowing(changed(outages=[{"provider": "exodus", "reason": "weather", "divisions": [8]}])),
        knowing(changed(outages=[{"provider": "alcott", "reason": "weather"}])),
    ],
)
def test_what_does_not_hold_now_or_here_stops_nobody(known: Given) -> None:
    assert asked(known).offer.provider == "exodus"


@pytest.mark.parametrize(("dates", "helps"), [({}, True), ({"starts": AFTER}, False), ({"ends": BEFORE}, False)])
def test_an_agreement_helps_from_one_date_to_another(dates: dict[str, Any], helps: bool) -> None:  # noqa: FBT001 (a case)
    aid = [{"provider": "alcott", "helps": "exodus", "divisions": [18], **dates}]
    life = asked(with_shift(knowing(changed(mutual_aid=aid)), "exodus"))
    offers = life.said(CaseOffered)
    assert [one.provider for one in offers] == (["alcott"] if helps else [])


def test_dates_in_the_wrong_order_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="later than starts"):
        changed(outages=[{"provider": "exodus", "reason": "weather", "starts": AFTER, "ends": BEFORE}])
    with pytest.raises(ValidationError, match="outages names an unknown provider"):
        changed(outages=[{"provider": "nobody", "reason": "weather"}])


def test_of_two_in_the_area_the_one_that_can_meet_the_needs_is_asked_first_and_none_blocks() -> None:
    both = with_providers(alcott={"divisions": (7, 18, 20)})
    assert asked(both).offer.provider == "exodus"
    signing = replace(both, shifts={"alcott": (Team(team="a", needs=(Need.ASL,)),)})
    life = asked(signing, needs=(Need.ASL,))
    assert (life.offer.provider, life.offer.unmet_needs) == ("alcott", ())
    life = asked(both, needs=(Need.ASL, Need.MINOR))
    assert (life.offer.provider, life.offer.unmet_needs) == ("exodus", (Need.ASL, Need.MINOR))
    assert life.after(1_000).only(CallConcluded).unmet_needs == (Need.ASL, Need.MINOR)


def test_a_helper_that_can_meet_the_needs_is_still_asked_after_the_divisions_own() -> None:
    aid = [{"provider": "alcott", "helps": "exodus", "divisions": [18]}]
    known = replace(knowing(changed(mutual_aid=aid)), shifts={"alcott": (Team(team="a", needs=(Need.ASL,)),)})
    assert asked(known, needs=(Need.ASL,)).offer.provider == "exodus"


@pytest.mark.parametrize(
    ("language", "unmet"),
    [("es", ()), ("es-MX", ()), ("ES", ()), ("ko", (Need.LANGUAGE,)), ("zh-Hant", (Need.LANGUAGE,)), (None, ())],
)
def test_a_language_that_nobody_speaks_is_an_unmet_need(language: str | None, unmet: tuple[Need, ...]) -> None:
    assert asked(given(), language=language).offer.unmet_needs == unmet
    speaking = replace(given(), shifts={"exodus": (Team(team="a", languages=("ko", "zh")),)})
    assert asked(speaking, language=language).offer.unmet_needs == ()


def test_a_need_is_met_only_by_a_team_that_can_meet_the_others_too() -> None:
    signs, speaks = Team(team="a", needs=(Need.ASL,)), Team(team="b", languages=("ko",))
    both = Team(team="c", needs=(Need.ASL,), languages=("ko",))
    apart = replace(given(), shifts={"exodus": (signs, speaks)})
    assert asked(apart, needs=(Need.ASL,), language="ko").offer.unmet_needs == (Need.LANGUAGE,)
    together = replace(given(), shifts={"exodus": (signs, speaks, both)})
    assert asked(together, needs=(Need.ASL,), language="ko").offer.unmet_needs == ()


@pytest.mark.parametrize(
    "told",
    [
        {"age_band": AgeBand.CHILD},
        {"age_band": AgeBand.YOUTH},
        {"answers": {Question.JUVENILE: Answered(answer=Answer.YES)}},
        {"age_band": AgeBand.CHILD, "needs": (Need.MINOR,)},
    ],
)
def test_whoever_is_under_18_needs_a_team_for_minors(told: dict[str, Any]) -> None:
    assert asked(given(), **told).offer.unmet_needs == (Need.MINOR,)
    staffed = replace(given(), shifts={"exodus": (Team(team="a", needs=(Need.MINOR,)),)})
    assert asked(staffed, **told).offer.unmet_needs == ()
