"""The golden examples: one per type and version, valid, and the same bytes for ever."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.codec import DeadLetter, UnreadableError, decode_command, decode_fact, encode_command
from schemas.contracts import COMMANDS, EXAMPLES, FACTS, documents, example_path
from schemas.facts import Fact
from schemas.identity import fact_id, key_id, refusal_id, ticket_id
from schemas.topics import TICKETS

COMMAND_FILES = sorted((EXAMPLES / "commands").iterdir())
FACT_FILES = sorted((EXAMPLES / "facts").iterdir())
DIGESTS = Path(__file__).parent / "golden_digests.txt"
SCHEMAS = {path: json.loads(text) for path, text in documents().items() if path.endswith(".json")}


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def fact(path: Path) -> Fact:
    return decode_fact(path.read_bytes())


def golden_digests() -> dict[str, str]:
    lines = DIGESTS.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def valid(example: dict[str, Any], path: str) -> bool:
    return Draft202012Validator(SCHEMAS[path], format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(example)


def test_every_type_has_exactly_one_example_of_its_version() -> None:
    assert {path.relative_to(EXAMPLES).as_posix() for path in (*COMMAND_FILES, *FACT_FILES)} == {
        *map(example_path, COMMANDS),
        *map(example_path, FACTS),
    }


@pytest.mark.parametrize("path", COMMAND_FILES, ids=lambda path: path.stem)
def test_a_command_example_decodes_and_encodes_to_itself(path: Path) -> None:
    command = decode_command(path.read_bytes())
    assert path.stem == f"{command.data.type}.v{command.data.schema_version}"
    assert json.loads(encode_command(command)) == content(path)


@pytest.mark.parametrize("path", FACT_FILES, ids=lambda path: path.stem)
def test_a_fact_example_decodes_and_encodes_to_itself(path: Path) -> None:
    assert path.stem == f"{fact(path).data.type}.v{fact(path).data.schema_version}"
    assert json.loads(fact(path).encoded) == content(path)


@pytest.mark.parametrize("path", [*COMMAND_FILES, *FACT_FILES], ids=lambda path: path.stem)
def test_an_example_follows_its_own_schema_and_that_of_the_union(path: Path) -> None:
    folder = path.parent.name
    assert valid(content(path), f"{folder}/{path.stem}.schema.json")
    assert valid(content(path), f"{folder.removesuffix('s')}.schema.json")
    assert not valid(content(path), "dead-letter.schema.json")


@pytest.mark.parametrize("path", [*COMMAND_FILES, *FACT_FILES], ids=lambda path: path.stem)
def test_an_example_is_written_for_people(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == json.dumps(content(path), ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("path", FACT_FILES, ids=lambda path: path.stem)
def test_the_bytes_of_a_fact_never_change(path: Path) -> None:
    assert fact(path).digest == golden_digests()[path.stem], "the hash chain of every stored ticket would break"


def test_the_examples_of_one_story_are_chained() -> None:
    facts = {(item.ticket_id, item.version): item for item in map(fact, FACT_FILES)}
    pairs = [
        (earlier, facts[ticket, version + 1])
        for (ticket, version), earlier in facts.items()
        if version and (ticket, version + 1) in facts
    ]
    assert len(pairs) > 5
    assert all(later.previous == earlier.digest for earlier, later in pairs)


@pytest.mark.parametrize("path", FACT_FILES, ids=lambda path: path.stem)
def test_the_ids_of_the_examples_are_computed(path: Path) -> None:
    item = fact(path)
    expected = (
        refusal_id(TICKETS, item.partition, item.offset)
        if item.version is None
        else fact_id(item.ticket_id, item.version)
    )
    assert item.id == expected


def test_the_example_of_a_ticket_is_named_by_its_source_and_sealed_with_its_key() -> None:
    command = content(EXAMPLES / "commands" / "OpenTicket.v1.json")
    number, envelope = command["data"]["source_number"], command["data"]["envelope"]
    assert command["ticket_id"] == str(ticket_id(command["source"], number))
    assert envelope["key_id"] == str(key_id(ticket_id(command["source"], number)))
    assert len(base64.b64decode(envelope["nonce"], validate=True)) == 12
    assert len(base64.b64decode(envelope["ciphertext"], validate=True)) > 16


def test_the_dead_letter_keeps_the_record_whole_and_its_reason_is_true() -> None:
    path = EXAMPLES / "dead-letter.json"
    letter = DeadLetter.model_validate_json(path.read_bytes())
    assert valid(content(path), "dead-letter.schema.json")
    assert json.loads(letter.model_dump_json(exclude_none=True)) == content(path)
    with pytest.raises(UnreadableError) as caught:
        decode_command(base64.b64decode(letter.value or "", validate=True))
    assert (caught.value.reason, caught.value.detail) == (letter.reason, letter.detail)
