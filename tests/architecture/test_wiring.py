"""The table of topics says what the services really read and write."""

import ast
import importlib
import inspect
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from divert_chassis.service import Wired
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import CaseOffered
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.schemas import FOLDER
from divert_contracts.topics import CALLS, FACTS, FOR_EVER, TOPICS, TRIAGE, Topic

ROOT = FOLDER.parents[2]
SERVICES = ("intake", "triage", "routing", "provider-gateway", "reporting")
WRITERS = {"cli": ("cli", "seeds", "sim")}
"""Folders of what is no service and publishes all the same."""


def built(service: str) -> Wired[Any]:
    """Return a service as its own ``app`` wires it; for some provider, where there is one process each."""
    build = importlib.import_module(f"divert_{service.replace('-', '_')}.app").build
    return build("exodus") if "provider" in inspect.signature(build).parameters else build()


def known_to(service: Wired[Any]) -> frozenset[type[Fact]]:
    """Return the facts that a service does something with."""
    return service.handles | service.folds.keys()


def wrongly_read(service: str, known: frozenset[type[Fact]], topics: Iterable[Topic]) -> list[str]:
    """Say where ``read_by`` and the facts that a service knows differ."""
    found: list[str] = []
    read: set[type[Fact]] = set()
    for topic in topics:
        if service in topic.read_by or "*" in topic.read_by:
            read.update(topic.carries)
            if service in topic.read_by and not known.intersection(topic.carries):
                found.append(f"{topic.name} is said to be read by {service}, which knows nothing that it carries")
    found += [f"{service} knows {fact.__name__}, which it reads nowhere" for fact in known - read]
    return sorted(found)


def wrongly_written(service: str, made: frozenset[type[Fact]], topics: Iterable[Topic]) -> list[str]:
    """Say where ``written_by`` and the facts that a service's code makes differ."""
    found: list[str] = []
    written: set[type[Fact]] = set()
    for topic in topics:
        if service in topic.written_by:
            written.update(topic.carries)
            if not made.intersection(topic.carries):
                found.append(f"{topic.name} is said to be written by {service}, which makes nothing that it carries")
    found += [f"{service} makes {fact.__name__}, which it writes nowhere" for fact in made - written]
    return sorted(found)


def made_in(*folders: Path) -> frozenset[type[Fact]]:
    """Return the facts whose class is called, or handed on to be called, somewhere under the folders.

    Facts that stand in annotations, in ``isinstance`` or in a wiring table are only spoken of.
    """
    by_name = {fact.__name__: fact for fact in FACTS.values()}
    found: set[type[Fact]] = set()
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py")) if path.name != "app.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in by_name:
                found.add(by_name[node.func.id])
    return frozenset(found)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_the_topics_that_the_table_says(service: str) -> None:
    assert wrongly_read(service, known_to(built(service)), TOPICS) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_called_by_the_name_that_the_table_uses(service: str) -> None:
    assert built(service).name == service


@pytest.mark.parametrize("service", [*SERVICES, *WRITERS])
def test_a_service_writes_the_topics_that_the_table_says(service: str) -> None:
    folders = [ROOT / folder for folder in WRITERS.get(service, (f"services/{service}",))]
    assert wrongly_written(service, made_in(*folders), TOPICS) == []


def test_reporting_keeps_every_fact_that_is_kept_for_ever() -> None:
    kept = {fact for topic in TOPICS if topic.kept is FOR_EVER and "*" not in topic.read_by for fact in topic.carries}
    assert kept - known_to(built("reporting")) == set()


def test_a_topic_without_its_reader_or_its_steps_is_seen() -> None:
    triage = frozenset({*CALLS.carries})
    assert wrongly_read("triage", triage, [CALLS]) == []
    assert len(wrongly_read("triage", triage, [replace(CALLS, read_by=frozenset({"routing"}))])) == len(CALLS.carries)
    assert wrongly_read("triage", frozenset(), [CALLS]) != []


def test_a_fact_that_is_made_but_written_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "domain.py").write_text("facts = [CallTriaged(occurred_at=at)]\nif isinstance(x, CaseOffered): ...\n")
    made = made_in(tmp_path)
    assert made == {CallTriaged}
    assert wrongly_written("triage", made, [TRIAGE]) == []
    assert wrongly_written("triage", made | {CaseOffered}, [TRIAGE]) != []
    assert wrongly_written("triage", frozenset(), [TRIAGE]) != []
