"""The contracts stand as the models generate them, and say what the codec enforces."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from schemas import topics
from schemas.commands import CommandData
from schemas.contracts import COMMANDS, CONTRACTS, EXAMPLES, FACTS, documents, example_path, schema_path, write
from schemas.facts import FactData

CONFIG = Path(__file__).parents[2] / "deploy" / "config"
STALE = "the contracts are not what the models say: run `make contracts` and review the difference"
DOCUMENTS = documents()


def committed() -> dict[str, str]:
    return {
        path.relative_to(CONTRACTS).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(CONTRACTS.rglob("*"))
        if path.is_file()
    }


def example(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))
    return content


def schema(path: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(DOCUMENTS[path]))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for item in value.values() for found in references(item)]
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    return []


def test_the_contracts_are_current() -> None:
    assert committed() == DOCUMENTS, STALE


def test_writing_removes_what_is_no_longer_a_contract(tmp_path: Path) -> None:
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "Forgotten.v1.schema.json").write_text("{}")
    write(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(DOCUMENTS)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.endswith(".json")])
def test_every_schema_is_valid_sorted_and_whole(path: str) -> None:
    content = json.loads(DOCUMENTS[path])
    Draft202012Validator.check_schema(content)
    assert json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n" == DOCUMENTS[path]
    assert {reference.removeprefix("#/$defs/") for reference in references(content)} <= set(content.get("$defs", {}))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_no_contract_names_a_network_address_but_the_dialect(path: str) -> None:
    text = DOCUMENTS[path].replace("https://json-schema.org/draft/2020-12/schema", "")
    assert "://" not in text


@pytest.mark.parametrize("data", [*COMMANDS, *FACTS], ids=lambda data: data.__name__)
def test_a_schema_takes_only_its_own_type_with_a_version(data: Any) -> None:
    good, rule = example(example_path(data)), schema(schema_path(data))
    rule.validate(good)
    for spoilt in (
        good | {"data": good["data"] | {"type": "Other"}},
        good | {"data": good["data"] | {"schema_version": 2}},
        good | {"data": {key: value for key, value in good["data"].items() if key != "schema_version"}},
        good | {"data": {key: value for key, value in good["data"].items() if key != "type"}},
        good | {"surplus": 1},
    ):
        assert not rule.is_valid(spoilt)


@pytest.mark.parametrize("data", FACTS, ids=lambda data: data.__name__)
def test_only_refusals_are_outside_the_chain(data: Any) -> None:
    good = example(example_path(data))
    refused = data.__name__ == "CommandRefused"
    torn = {key: value for key, value in good.items() if key not in {"version", "previous"}}
    for path in (schema_path(data), "fact.schema.json"):
        assert schema(path).is_valid(torn) is refused
        assert schema(path).is_valid(torn | {"version": 7, "previous": "0" * 64}) is not refused


@pytest.mark.parametrize("name", ["bureau.yaml", "demo.yaml"])
def test_the_shipped_policy_sets_follow_their_schema(name: str) -> None:
    content = yaml.load((CONFIG / name).read_text(encoding="utf-8"), yaml.BaseLoader)
    plain = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    merged: dict[str, Any] = {}
    for part in content["include"]:
        merged |= yaml.safe_load((CONFIG / part).read_text(encoding="utf-8"))
    plain.pop("include")
    schema("policy-set.schema.json").validate(json.loads(json.dumps(merged | plain, default=str)))


def test_asyncapi_has_each_topic_with_its_key_and_messages() -> None:
    api = yaml.safe_load(DOCUMENTS["asyncapi.yaml"])
    assert set(api["channels"]) == {topic.name for topic in topics.ALL}
    for topic in topics.ALL:
        assert api["channels"][topic.name]["description"].endswith(f"Key: {topic.key}.")
    carried = {name: set(channel["messages"]) for name, channel in api["channels"].items()}
    assert carried[topics.TICKETS] == {data.__name__ for data in COMMANDS}
    assert carried[topics.EVENTS] == {data.__name__ for data in FACTS}
    assert carried[topics.DEAD_LETTERS] == {"DeadLetter"}


def test_each_topic_is_sent_to_and_received_from() -> None:
    api = yaml.safe_load(DOCUMENTS["asyncapi.yaml"])
    ends = {(operation["channel"]["$ref"], operation["action"]) for operation in api["operations"].values()}
    assert ends == {(f"#/channels/{topic.name}", action) for topic in topics.ALL for action in ("send", "receive")}


def test_every_reference_of_asyncapi_leads_somewhere() -> None:
    api = yaml.safe_load(DOCUMENTS["asyncapi.yaml"])
    for reference in references({"channels": api["channels"], "operations": api["operations"]}):
        target = api
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
    for message in api["components"]["messages"].values():
        assert message["payload"]["schema"]["$ref"] in DOCUMENTS


def test_asyncapi_explains_each_message_and_shows_its_example() -> None:
    messages = yaml.safe_load(DOCUMENTS["asyncapi.yaml"])["components"]["messages"]
    types: tuple[type[CommandData | FactData], ...] = (*COMMANDS, *FACTS)
    for data in types:
        message = messages[data.__name__]
        assert message["description"].startswith((data.__doc__ or "-").split("\n")[0])
        assert message["examples"] == [{"name": example_path(data), "payload": example(example_path(data))}]
