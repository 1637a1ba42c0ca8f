"""The table of topics holds together."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from divert_contracts import facts
from divert_contracts.facts.base import CallFact, Fact, WithPrivate
from divert_contracts.topics import ASSIGNMENTS, CALLS, FACTS, TOPICS, Topic, dead_letters, written_by

SERVICES = {"intake", "triage", "routing", "provider-gateway", "agency-gateway", "reporting", "cli", "provider"}
BASES = {"Fact", "Statement", "CallFact", "RoutingFact", "CaseFact", "PictureFact", "WithPrivate"}

NOT_COUNTED = {"triage", "routing", "feedback"}
"""Topics whose name has no plural: two are named for the service that alone writes them."""

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def all_facts(base: type[Fact] = Fact) -> set[type[Fact]]:
    found = {kind for child in base.__subclasses__() for kind in {child, *all_facts(child)}}
    return {kind for kind in found if kind.__name__ not in BASES and kind.__module__.startswith(facts.__name__)}


@each_topic
def test_the_name_is_a_plural_noun_with_a_version(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z]+(\.\{[a-z]+\})?\.v[1-9]\d*", topic.name)
    noun = topic.name.partition(".")[0]
    assert noun.endswith("s") or noun in NOT_COUNTED


@each_topic
def test_writers_and_readers_are_services_that_exist(topic: Topic) -> None:
    assert topic.written_by
    assert topic.written_by <= SERVICES
    assert topic.read_by <= SERVICES | {"*"}


@each_topic
def test_every_fact_of_a_family_says_which_member_it_is_for(topic: Topic) -> None:
    if topic.family is not None and not topic.foreign:  # others know whose topic they write on
        assert all(topic.family in fact.model_fields for fact in topic.carries)


@each_topic
def test_the_private_part_stands_only_where_it_is_forgotten(topic: Topic) -> None:
    if topic.private:
        assert topic.kept is not None
        assert topic.kept <= timedelta(days=30)
    assert topic.private == any(issubclass(fact, WithPrivate) for fact in topic.carries) or topic.kept is None


@each_topic
def test_a_topic_carries_a_fact_once_and_has_partitions(topic: Topic) -> None:
    assert len(set(topic.carries)) == len(topic.carries) > 0
    assert topic.partitions >= 1


def test_names_are_unique() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_every_fact_is_carried_somewhere() -> None:
    assert all_facts() == set(FACTS.values())


def test_type_names_tell_class_and_version() -> None:
    assert all(re.fullmatch(r"divert\.[A-Z][A-Za-z]+\.v[1-9]\d*", name) for name in FACTS)
    assert len(FACTS) == len({fact for topic in TOPICS for fact in topic.carries})


def test_what_routing_tells_others_is_remembered_on_its_own_topic() -> None:
    to_others = [topic for topic in written_by("routing") if topic.read_by != frozenset({"routing"})]
    told = {fact for topic in to_others if topic.kept is not None for fact in topic.carries}
    kept = {fact for topic in written_by("routing") if topic.kept is None for fact in topic.carries}
    assert {fact.__name__ for fact in told - kept} == {"CallStatusChanged"}


def test_every_call_fact_is_keyed_by_its_call() -> None:
    call = UUID(int=5)
    for kind in all_facts(CallFact):
        assert kind.model_construct(call_id=call).key == str(call)


def test_a_family_has_a_topic_for_each_member() -> None:
    assert ASSIGNMENTS.family == "provider"
    assert ASSIGNMENTS.name_of("exodus") == "assignments.exodus.v1"
    assert CALLS.family is None
    assert CALLS.name_of("exodus") == "calls.v1"
    assert dead_letters("calls.v1", "triage") == "calls.v1.triage.dead"
