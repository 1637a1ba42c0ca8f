"""Facts of agencies and providers that nobody registered are dead letters, and end nothing."""

from collections.abc import Callable

import pytest

from divert_contracts.facts import cases
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import AssistanceRequested
from divert_contracts.step import Failure, Rejected
from divert_contracts.vocabulary import Stage
from unit.routing.lives import (
    REMEMBERED,
    Life,
    accepted,
    acknowledged,
    by_provider,
    cancelled,
    closed_by_cad,
    received,
    responder,
    taken,
    triaged,
)

OF_CAD: list[Callable[[], Fact]] = [
    received,
    triaged,
    cancelled,
    closed_by_cad,
    responder,
    lambda: accepted(taken().call.call_id),
]


@pytest.mark.parametrize("said", OF_CAD)
def test_a_fact_of_an_unregistered_agency_is_rejected_and_its_call_goes_to_nobody_elses_topic(
    said: Callable[[], Fact],
) -> None:
    foreign = said().model_copy(update={"agency": "nowhere"})
    life = Life()
    with pytest.raises(Rejected, match="agency:unregistered"):
        life.hear(foreign)
    life.fail(foreign.type_name(), agency="nowhere")
    assert life.call.agency == "lapd"
    assert life.hand_off.agency == "lapd"


def test_a_fact_of_an_unknown_provider_is_rejected_and_the_team_that_has_the_call_goes_on() -> None:
    life = taken()
    foreign = by_provider(life, cases.CaseClosed, disposition="resolved_on_scene", provider="nobody")
    with pytest.raises(Rejected, match="provider:unknown") as why:
        life.hear(foreign)
    failed = REMEMBERED.failed
    assert failed is not None
    after = failed(life.call, Failure(foreign.type_name(), str(why.value), "lapd"), life.given, life.now)
    assert after.state.stage is Stage.ACKNOWLEDGED


@pytest.mark.parametrize("kind", [cases.EmergencyRaised, cases.BackupRequested])
def test_a_call_for_help_is_taken_from_anybody(kind: type[cases.EmergencyRaised | cases.BackupRequested]) -> None:
    life = taken()
    life.hear(by_provider(life, kind, provider="nobody"))
    assert life.said(AssistanceRequested)


def test_an_acknowledgement_of_a_provider_that_the_directory_names_is_taken() -> None:
    life = taken()
    life.hear(acknowledged(life))
    assert life.stage is Stage.ACKNOWLEDGED
