"""Which topics there are, and how seed policies are published once and for ever."""

from datetime import timedelta
from pathlib import Path

import pytest

from divert_cli.policy.files import PolicyFileError
from divert_cli.prepare import (
    PUBLISHED_WITHIN,
    PrepareError,
    in_time,
    is_new,
    seed_policies,
    seed_policy,
    topic_specs,
)
from divert_contracts.facts.base import Fact
from divert_contracts.policy import LEAD, digest
from divert_contracts.vocabulary import PolicyKind


def test_every_topic_has_its_retention_and_each_reading_service_its_dead_letters() -> None:
    specs = {spec.name: spec for spec in topic_specs(["exodus"], ["lapd"])}
    assert specs["routing.v1"].retention_ms == "-1"
    assert specs["routing.v1"].partitions == 6
    assert specs["calls.v1"].retention_ms == str(30 * 24 * 3600 * 1000)
    assert specs["assignments.exodus.v1"].kept == timedelta(hours=72)
    assert specs["handoffs.lapd.v1"].partitions == 3
    assert {name for name in specs if name.startswith("calls.v1.")} == {
        "calls.v1.routing.dead",
        "calls.v1.triage.dead",
    }
    assert specs["triage.v1.routing.dead"].kept == timedelta(days=30)
    assert specs["assignments.exodus.v1.provider-gateway.dead"].kept == timedelta(hours=72)


def policy(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_the_record_of_a_policy_is_stamped_by_the_broker_and_not_by_its_writer() -> None:
    stamped = {spec.name for spec in topic_specs(["exodus"], ["lapd"]) if spec.stamped_by == "LogAppendTime"}
    assert stamped == {"policies.v1"}


def test_a_published_version_is_left_out_and_other_content_under_it_refused() -> None:
    triage, routing = seed_policies()
    changed = {**routing.document, "title": "another"}
    other = routing.model_copy(update={"document": changed, "digest": digest(changed)})
    assert is_new(routing, [])
    assert not is_new(routing, [triage, routing])
    assert is_new(triage, [routing])
    with pytest.raises(PrepareError, match="published with other content"):
        is_new(other, [routing])


def test_a_version_that_no_service_would_use_can_be_published_again_as_it_should_be() -> None:
    triage, _ = seed_policies()
    unapproved = triage.model_copy(update={"approvals": ()})
    assert is_new(triage, [unapproved])


def test_a_seed_that_changes_under_a_running_stack_leaves_services_time_to_read_it() -> None:
    _, routing = seed_policies()
    published: list[Fact] = [routing]
    later = in_time(routing.model_copy(update={"version": "routing-2"}), published)
    spare = later.in_force_from - later.occurred_at - LEAD
    assert timedelta() < spare <= PUBLISHED_WITHIN
    assert in_time(routing, []) == routing


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a\n", "mapping"),
        ("rules: []\n", "version"),
        ("version: 1\n", "version"),
        ("version: '1'\nin_force_from: 2020-01-01\n", "time zone"),
        ("version: '1'\nin_force_from: soon\n", "no time"),
        ("version: '1'\nx: {1: y}\ny: !!binary aGk=\n", "JSON"),
        ("version: '1'\nx: .nan\n", "JSON"),
        ("version: [\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_the_reason(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(PolicyFileError, match=complaint):
        seed_policy(PolicyKind.TRIAGE, policy(tmp_path / "x.yaml", text))


def test_times_are_published_as_they_are_written(tmp_path: Path) -> None:
    text = "version: '1'\nin_force_from: 2020-01-01T00:00:00Z\nopens: 2020-01-02\n"
    published = seed_policy(PolicyKind.TRIAGE, policy(tmp_path / "a.yaml", text))
    assert published.document["in_force_from"] == "2020-01-01T00:00:00Z"
    assert published.document["opens"] == "2020-01-02"
    assert published.in_force_from.isoformat() == "2020-01-01T00:00:00+00:00"


def test_the_seed_policies_are_valid() -> None:
    assert [one.kind for one in seed_policies()] == [PolicyKind.TRIAGE, PolicyKind.ROUTING]


def test_the_digest_depends_on_content_alone() -> None:
    assert digest({"b": 1, "a": [True, None, "é"]}) == digest({"a": [True, None, "é"], "b": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
