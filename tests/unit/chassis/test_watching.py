"""What watches divert from outside: alert rules and a dashboard name only metrics and labels that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from divert_chassis.health import Health
from divert_chassis.metrics import METRICS, REGISTRY, watch_process
from divert_contracts.schemas import FOLDER

DEPLOY = FOLDER.parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
DASHBOARD = DEPLOY / "grafana" / "divert.json"
OF_PROMETHEUS = {"up", "job", "instance", "le"}
WORDS = {
    *("sum", "max", "min", "count", "by", "and", "or", "unless", "rate", "increase", "histogram_quantile"),
    *("on", "ignoring", "avg", "offset"),
}
CLOSES = {"(": ")", "[": "]", "{": "}"}


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return group["rules"]


def panels() -> list[dict[str, Any]]:
    return json.loads(DASHBOARD.read_text())["panels"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def known() -> dict[str, set[str]]:
    """Return every series with its labels; a histogram has three, and a process tells of itself."""
    registry = CollectorRegistry()
    watch_process(registry)
    shown = {
        line.split()[2]: set[str]() for line in generate_latest(registry).decode().splitlines() if "# TYPE" in line
    }
    for metric in METRICS:
        endings = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        shown |= {f"{metric.name}{ending}": set(metric.labels) for ending in endings}
    return shown


def unknown_in(expression: str) -> set[str]:
    """Return the words of an expression that are no metric, no label of one of its metrics and no word of PromQL."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\[[0-9]+[smhd]\]", "", bare)
    series, words = known(), set(re.findall(r"[a-zA-Z_]\w*", bare))
    labels = {label for name in words & series.keys() for label in series[name]}
    return words - series.keys() - labels - WORDS - OF_PROMETHEUS


def is_balanced(expression: str) -> bool:
    """Say whether every bracket closes, outside of quotes, and every quote."""
    waiting: list[str] = []
    bare = re.sub(r'"[^"]*"', "", expression)
    for one in bare:
        if one in CLOSES:
            waiting.append(CLOSES[one])
        elif one in CLOSES.values() and (not waiting or waiting.pop() != one):
            return False
    return not waiting and '"' not in bare


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_names_what_there_is(expression: str) -> None:
    assert is_balanced(expression)
    assert unknown_in(expression) == set()


def test_a_wrong_expression_is_seen() -> None:
    assert unknown_in("sum by (service) (divert_consumer_lags)") == {"divert_consumer_lags", "service"}
    assert unknown_in("sum by (provider) (divert_consumer_lag)") == {"provider"}
    assert not is_balanced("sum(rate(divert_facts_handled_total[1m])")
    assert not is_balanced('up{job="divert}')


def test_every_alert_says_what_it_is_and_whom_it_wakes() -> None:
    rules = alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
        told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        by = re.search(r"by \(([^)]*)\)", rule["expr"])
        assert told <= ({one.strip() for one in by[1].split(",")} if by else OF_PROMETHEUS), rule["alert"]


def test_the_dashboard_lies_side_by_side() -> None:
    places = [panel["gridPos"] for panel in panels()]
    taken = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_what_holds_a_process_back_is_told() -> None:
    health = Health()
    health.hold("dead-letters")
    assert REGISTRY.get_sample_value("divert_held", {"reason": "dead-letters"}) == 1
    health.release("dead-letters")
    assert REGISTRY.get_sample_value("divert_held", {"reason": "dead-letters"}) == 0
