"""The AsyncAPI 3.0 document of all topics, made from the table of topics; the schemas stand beside it."""

import inspect

from pydantic import JsonValue

from divert_contracts.facts.base import Fact
from divert_contracts.topics import FACTS, TOPICS, Topic

Document = dict[str, JsonValue]

KAFKA_BINDING = "0.5.0"

FAMILIES = {
    "provider": "A provider's id, such as exodus.",
    "agency": "An agency's id, such as lapd.",
}
HEADERS: Document = {
    "type": "object",
    "description": "CloudEvents 1.0.2, binary mode. Further headers may be there.",
    "required": ["ce_id", "ce_source", "ce_specversion", "ce_type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "UUID; the same cause always gives the same id."},
        "ce_source": {"type": "string", "description": "Who wrote it.", "examples": ["/divert/routing"]},
        "ce_type": {"type": "string", "description": "Class and version.", "examples": ["divert.CallReceived.v1"]},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened, in domain time."},
        "ce_subject": {"type": "string", "description": "The key."},
        "ce_partitionkey": {"type": "string", "description": "The key."},
        "ce_causationid": {"type": "string", "description": "The id of what it follows from."},
        "ce_sequence": {"type": "string", "description": "Version of the writer's state for the key; a count."},
        "traceparent": {"type": "string", "description": "W3C trace context of the hop."},
        "content-type": {"const": "application/json"},
    },
}


def document() -> Document:
    """Return the document; its references to schemas are file names."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "divert",
            "version": "1.0.0",
            "description": (
                "What divert's services say to each other on Kafka. Facts are immutable, come at least once, and in "
                "any order between topics; the id tells repeats. Readers ignore members that they do not know, and "
                "read an unknown word as `unknown`."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "The local stack."}},
        "channels": {_id(topic): _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in sorted(_operations(topic).items())},
        "components": {
            "messages": {_name(fact): _message(fact) for _, fact in sorted(FACTS.items())},
            "schemas": {"Headers": HEADERS},
        },
    }


def _id(topic: Topic) -> str:
    return topic.name.partition(".")[0]


def _name(fact: type[Fact]) -> str:
    return fact.type_name().removeprefix("divert.")


def _channel(topic: Topic) -> Document:
    kept = "for ever" if topic.kept is None else f"{topic.kept.total_seconds() / 3600:g} hours"
    private = "the private part of a call may stand on it" if topic.private else "never with private words"
    channel: Document = {
        "address": topic.name,
        "description": f"Kept {kept}; {private}.",
        "messages": {_name(fact): {"$ref": f"#/components/messages/{_name(fact)}"} for fact in topic.carries},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": -1 if topic.kept is None else int(topic.kept.total_seconds() * 1000),
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
    if topic.family is not None:
        channel["parameters"] = {topic.family: {"description": FAMILIES[topic.family]}}
    return channel


def _operations(topic: Topic) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for service in topic.written_by:
        found[f"{service}-writes-{_id(topic)}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{_id(topic)}"},
            "description": f"{service} writes {topic.name}.",
        }
    for service in topic.read_by:
        operation: Document = {"action": "receive", "channel": {"$ref": f"#/channels/{_id(topic)}"}}
        if service == "*":
            operation["description"] = f"Every service reads {topic.name} whole before it works, without a group."
            found[f"all-read-{_id(topic)}"] = operation
        else:
            group: Document = {"type": "string", "description": "The service's name, for a gateway with its provider."}
            operation["description"] = f"{service} reads {topic.name}."
            operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": KAFKA_BINDING}}
            found[f"{service}-reads-{_id(topic)}"] = operation
    return found


def _message(fact: type[Fact]) -> Document:
    key = inspect.getdoc(fact.key) or ""
    return {
        "name": fact.type_name(),
        "title": fact.__name__,
        "summary": (inspect.getdoc(fact) or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"./{_name(fact)}.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": KAFKA_BINDING}},
    }
