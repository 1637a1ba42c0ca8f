"""Metrics are in one list, and the documentation tells the same."""

import re

from prometheus_client import CollectorRegistry, generate_latest

from divert_chassis.metrics import METRICS, REGISTRY, Metric, watch_process
from divert_contracts.schemas import FOLDER

DOCUMENT = FOLDER.parents[2] / "docs" / "metrics.md"


def row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |"


def test_the_documentation_has_every_metric() -> None:
    documented = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `divert_")]
    assert documented == [row(metric) for metric in METRICS]


def test_names_follow_the_conventions_of_prometheus() -> None:
    endings = {"counter": "_total", "histogram": "_seconds", "gauge": ""}
    for metric in METRICS:
        assert re.fullmatch(r"divert_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith(endings[metric.kind])
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_no_label_holds_an_id() -> None:
    labels = {label for metric in METRICS for label in metric.labels}
    assert not {label for label in labels if label.endswith("id") or label in ("key", "call", "case")}


def test_no_other_metric_is_shown() -> None:
    shown = {line.split()[2] for line in generate_latest(REGISTRY).decode().splitlines() if line.startswith("# TYPE")}
    listed = {metric.name for metric in METRICS}
    assert {name for name in shown if name.startswith("divert_") and not name.endswith("_created")} == listed


def test_a_process_can_be_watched_too() -> None:
    registry = CollectorRegistry()
    watch_process(registry)
    assert b"process_resident_memory_bytes" in generate_latest(registry)
