"""Which topics there are, and how seed policies are published once and for ever."""

from datetime import timedelta
from pathlib import Path

import pytest

from divert_cli.prepare import PrepareError, digest, is_new, seed_policies, seed_policy, topic_specs
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


def test_a_published_version_is_left_out_and_other_content_under_it_refused(tmp_path: Path) -> None:
    first = seed_policy(PolicyKind.TRIAGE, policy(tmp_path / "a.yaml", "version: '1'\nrules: [a]\n"))
    same = seed_policy(PolicyKind.TRIAGE, policy(tmp_path / "b.yaml", "# another comment\nrules: [a]\nversion: '1'\n"))
    other = seed_policy(PolicyKind.TRIAGE, policy(tmp_path / "c.yaml", "version: '1'\nrules: [b]\n"))
    routing = seed_policy(PolicyKind.ROUTING, policy(tmp_path / "c.yaml", "version: '1'\nrules: [b]\n"))
    assert is_new(first, [])
    assert not is_new(same, [first])
    assert is_new(routing, [first])
    with pytest.raises(PrepareError, match="published with other content"):
        is_new(other, [first])


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
    with pytest.raises(PrepareError, match=complaint):
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
    assert digest({"b": 1, "a": [True, None, "é"]}, "x") == digest({"a": [True, None, "é"], "b": 1}, "x")
    assert digest({"a": 1}, "x") != digest({"a": "1"}, "x")
