"""What the simulated provider says in the proofs can be said, and its scripts are read as they are written."""

import json
from collections.abc import Mapping, Sequence

import pytest

from divert_cli.proofs.misbehaviour import MISBEHAVIOURS
from divert_cli.proofs.ways import SCENES, World
from divert_contracts.vocabulary import Question, Verb
from divert_provider_gateway.domain.said import VERBS
from provider_sim.contract import NEEDS_EPOCH
from provider_sim.plans import BEHAVIOURS, Step, read_script

SCRIPTED: Mapping[str, Sequence[Step]] = {
    **{name: behaviour.plan for name, behaviour in BEHAVIOURS.items()},
    **read_script(json.dumps({scene.name: list(scene.steps) for scene in SCENES})),
}


@pytest.mark.parametrize("name", SCRIPTED)
def test_every_step_is_something_that_the_gateway_takes(name: str) -> None:
    for step in SCRIPTED[name]:
        kind = VERBS[Verb(step.verb)]
        assert ("epoch" in kind.model_fields and kind.model_fields["epoch"].is_required()) == (
            step.verb in NEEDS_EPOCH - {"hand-back"}
        )
        body = {"epoch": 1, **step.body}
        said = kind.model_validate(body)
        assert "unknown" not in said.model_dump_json(include=set(step.body))
        assert set(step.body) <= kind.model_fields.keys()


def test_every_misbehaviour_of_the_simulator_is_played_and_by_kafka_all_but_those_of_a_server() -> None:
    by = {way: {one for at, one in MISBEHAVIOURS if at == way} for way in ("webhook", "kafka")}
    assert by["webhook"] == BEHAVIOURS.keys() - {"prompt"}
    assert by["kafka"] == by["webhook"] - {"500s", "hangs"}


def test_the_calls_of_the_proofs_answer_every_question_that_may_exclude_them() -> None:
    answers = World.body("1", "0723", {})["answers"]
    assert {Question(name) for name in answers} <= set(Question) - {Question.UNKNOWN}
