"""The AsyncAPI document says what the table of topics says."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from divert_contracts.schemas import FOLDER
from divert_contracts.topics import FACTS, TOPICS

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "asyncapi.json").read_text())


def references(node: JsonValue) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        if reference.startswith("./"):
            assert (FOLDER / reference).is_file()
        else:
            place = DOCUMENT
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]


def test_every_topic_is_a_channel_with_its_messages() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert set(channels) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        names = {fact.type_name().removeprefix("divert.") for fact in topic.carries}
        assert set(channels[topic.name]["messages"]) == names
        assert set(channels[topic.name].get("parameters", {})) == ({topic.family} if topic.family else set())
    assert {message["name"] for message in DOCUMENT["components"]["messages"].values()} == set(FACTS)


def test_every_reader_and_writer_has_an_operation() -> None:
    told = {
        (name.split("-writes-")[0], operation["channel"]["$ref"].rpartition("/")[2])
        for name, operation in DOCUMENT["operations"].items()
        if operation["action"] == "send"
    }
    assert told == {(service, topic.name.partition(".")[0]) for topic in TOPICS for service in topic.written_by}
    receives = [operation for operation in DOCUMENT["operations"].values() if operation["action"] == "receive"]
    assert len(receives) == sum(len(topic.read_by) for topic in TOPICS)
