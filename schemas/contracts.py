"""The contracts for other systems, generated from the models: a JSON Schema for each message, AsyncAPI for the topics.

``python -m schemas.contracts`` writes them to ``schemas/contracts/``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import yaml

from schemas import topics
from schemas.base import Model
from schemas.codec import DeadLetter
from schemas.commands import AnyCommandData, Command, CommandData
from schemas.facts import AnyFactData, CommandRefused, Fact, FactData
from schemas.policy import PolicySet

CONTRACTS = Path(__file__).parent / "contracts"
EXAMPLES = Path(__file__).parent / "examples"
COMMANDS: tuple[type[CommandData], ...] = get_args(get_args(AnyCommandData)[0])
FACTS: tuple[type[FactData], ...] = get_args(get_args(AnyFactData)[0])
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FORMAT = "application/schema+json;version=draft-2020-12"
_DEAD_LETTER = "DeadLetter"
_REFUSED = {"properties": {"data": {"properties": {"type": {"const": CommandRefused.__name__}}}}}
_UNCHAINED = {"previous": {"type": "null"}, "version": {"type": "null"}}
_CHAINED = {"previous": {"type": "string"}, "version": {"type": "integer"}}

_OPERATIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    topics.TICKETS: (
        ("publishCommands", "send", "Producers and the bell ask for something; stamped with the policy set's name."),
        ("decideCommands", "receive", "The worker that owns the partition decides each command, in their order."),
    ),
    topics.EVENTS: (
        ("tellFacts", "send", "The worker tells what has happened, in one transaction with the state it leads to."),
        ("readFacts", "receive", "Sinks project the facts: database, alerts, metrics."),
    ),
    topics.STATES: (
        ("keepStates", "send", "The worker keeps each ticket's state, for itself or its successor."),
        ("loadStates", "receive", "The new owner of a partition loads its tickets."),
    ),
    topics.DEAD_LETTERS: (
        ("layAside", "send", "The worker lays aside a record that it cannot read."),
        ("replayDeadLetters", "receive", "An operator reads the reasons and replays what can be mended."),
    ),
}


def schema_path(data: type[CommandData | FactData]) -> str:
    """Where the JSON Schema of this type's present version stands, below ``schemas/contracts``."""
    return f"{_stem(data)}.schema.json"


def example_path(data: type[CommandData | FactData]) -> str:
    """Where the golden example of this type's present version stands, below ``schemas/examples``."""
    return f"{_stem(data)}.json"


def documents() -> dict[str, str]:
    """The text of every contract by its path below ``schemas/contracts``; equal models give equal bytes."""
    schemas = {schema_path(data): _message_schema(Command, data) for data in COMMANDS}
    schemas |= {schema_path(data): _message_schema(Fact, data) for data in FACTS}
    schemas["command.schema.json"] = _schema(Command)
    schemas["fact.schema.json"] = _schema(Fact) | {
        "if": _REFUSED,
        "then": {"properties": _UNCHAINED},
        "else": {"properties": _CHAINED, "required": sorted(_CHAINED)},
    }
    schemas["dead-letter.schema.json"] = _schema(DeadLetter)
    schemas["policy-set.schema.json"] = _schema(PolicySet)
    texts = {path: json.dumps(schema, **_JSON) + "\n" for path, schema in schemas.items()}
    texts["asyncapi.yaml"] = yaml.safe_dump(_asyncapi(), allow_unicode=True, width=120)
    return dict(sorted(texts.items()))


_JSON: dict[str, Any] = {"ensure_ascii": False, "indent": 2, "sort_keys": True}


def write(folder: Path = CONTRACTS) -> None:
    """Make the folder hold exactly the documents."""
    texts = documents()
    for stale in (path for path in folder.rglob("*") if path.is_file()):
        if stale.relative_to(folder).as_posix() not in texts:
            stale.unlink()
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _stem(data: type[CommandData | FactData]) -> str:
    folder = "commands" if issubclass(data, CommandData) else "facts"
    return f"{folder}/{data.__name__}.v{data.model_fields['schema_version'].default}"


def _message_schema(model: type[Model], data: type[CommandData | FactData]) -> dict[str, Any]:
    """The schema of one message type: the envelope's, with only this type as its data."""
    schema = _schema(model)
    name = data.__name__
    schema["title"] = name
    schema["description"] = schema["$defs"][name]["description"]
    schema["properties"]["data"] = {"$ref": f"#/$defs/{name}"}
    if data is CommandRefused:
        schema["properties"] |= _UNCHAINED
    elif model is Fact:
        schema["properties"] |= {field: _without_null(schema["properties"][field]) for field in _CHAINED}
        schema["required"] = sorted([*schema["required"], *_CHAINED])
    schema["$defs"] = _reachable(schema)
    return schema


def _schema(model: type[Model]) -> dict[str, Any]:
    """The model's own schema, with what the docstring says of each field, and the tags that the codec asks for."""
    schema = {"$schema": DIALECT} | model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        _describe(part)
        tags = {"schema_version", "type"} & set(part.get("properties", {}))
        if "schema_version" in tags:
            part["required"] = sorted({*part.get("required", []), *tags})
    return schema


def _describe(part: dict[str, Any]) -> None:
    """Move a docstring's ``Args`` to the properties they are about; its ``Raises`` is the code's business."""
    summary, _, arguments = part.get("description", "").partition("\n\nArgs:\n")
    if summary:
        part["description"] = summary.partition("\n\nRaises:\n")[0]
    for field in part.get("properties", {}).values():
        field.pop("title", None)
    for line in arguments.splitlines():
        name, _, meaning = line.strip().partition(": ")
        if name in part["properties"]:
            part["properties"][name]["description"] = meaning


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of an optional field where it is required."""
    present: dict[str, Any] = next(choice for choice in field["anyOf"] if choice.get("type") != "null")
    return present | {key: value for key, value in field.items() if key not in {"anyOf", "default"}}


def _reachable(schema: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the schema's properties lead to."""
    definitions, found = schema["$defs"], dict[str, Any]()
    waiting = _references(schema["properties"])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting |= _references(definitions[name])
    return found


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].removeprefix("#/$defs/")} if isinstance(value.get("$ref"), str) else set[str]()
        return own.union(*(_references(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_references(item) for item in value))
    return set()


def _asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hotline 3012",
            "version": "1.0.0",
            "description": "Commands in, facts out: the topics of a transport hotline's tickets (12328, 12345).",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": {
            name: _operation(topic, action, summary)
            for topic, operations in _OPERATIONS.items()
            for name, action, summary in operations
        },
        "components": {"messages": _messages()},
    }


def _channel(topic: topics.Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.about} Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried_by(topic.name)},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": topics.PARTITIONS, "bindingVersion": "0.5.0"},
        },
        "x-topic-settings": topic.settings,
    }


def _operation(topic: str, action: str, summary: str) -> dict[str, Any]:
    pointer = f"#/channels/{topic}"
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": pointer},
        "messages": [{"$ref": f"{pointer}/messages/{name}"} for name in _carried_by(topic)],
    }


def _carried_by(topic: str) -> list[str]:
    """The messages of a topic. The states are the worker's own; nobody else may read or write them."""
    return {
        topics.TICKETS: [data.__name__ for data in COMMANDS],
        topics.EVENTS: [data.__name__ for data in FACTS],
        topics.DEAD_LETTERS: [_DEAD_LETTER],
    }.get(topic, [])


def _messages() -> dict[str, Any]:
    keys = {topic.name: topic.key for topic in topics.ALL}
    messages = {
        data.__name__: _message(data, schema_path(data), example_path(data), keys[topic])
        for topic, types in ((topics.TICKETS, COMMANDS), (topics.EVENTS, FACTS))
        for data in types
    }
    schema, example = "dead-letter.schema.json", "dead-letter.json"
    messages[_DEAD_LETTER] = _message(DeadLetter, schema, example, keys[topics.DEAD_LETTERS])
    return messages


def _message(model: type[Model], schema: str, example: str, key: str) -> dict[str, Any]:
    return {
        "name": model.__name__,
        "description": (model.__doc__ or "").replace("\n    ", "\n").strip(),
        "payload": {"schemaFormat": _FORMAT, "schema": {"$ref": schema}},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
        "examples": [{"name": example, "payload": json.loads((EXAMPLES / example).read_text(encoding="utf-8"))}],
    }


if __name__ == "__main__":
    write()
