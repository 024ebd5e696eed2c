"""Bytes to messages and back: what is written is read again, and what cannot be read says why."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.base import MAX_TEXT
from schemas.codec import (
    MAX_MESSAGE_BYTES,
    Unreadable,
    UnreadableError,
    decode_command,
    decode_fact,
    encode_command,
)
from schemas.commands import Actor, Command, ReopenTicket, RingBell
from schemas.contracts import EXAMPLES
from tests.schemas.strategies import COMMANDS

OPENING = json.loads((EXAMPLES / "commands" / "OpenTicket.v1.json").read_text(encoding="utf-8"))
FACT = json.loads((EXAMPLES / "facts" / "TicketAccepted.v1.json").read_text(encoding="utf-8"))
WITHOUT = object()


def changed(message: dict[str, Any], **changes: Any) -> bytes:
    """The message with other fields; ``data__x`` reaches into its data."""
    content = message | {"data": dict(message["data"])}
    for name, value in changes.items():
        place, key = (content["data"], name[6:]) if name.startswith("data__") else (content, name)
        place.pop(key, None)
        if value is not WITHOUT:
            place[key] = value
    return json.dumps(content).encode()


def why(value: bytes | None) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        decode_command(value)
    return caught.value


@given(COMMANDS)
def test_a_command_is_read_as_it_was_written(command: Command) -> None:
    encoded = encode_command(command)
    assert decode_command(encoded) == command
    assert encode_command(decode_command(encoded)) == encoded


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_being_unreadable(value: bytes) -> None:
    assert why(value).reason in {Unreadable.EMPTY, Unreadable.UNDECODABLE, Unreadable.INVALID}


BAD = {
    "no value": (None, Unreadable.EMPTY, "no value"),
    "empty": (b"", Unreadable.EMPTY, "no value"),
    "too large": (
        b"x" * (MAX_MESSAGE_BYTES + 1),
        Unreadable.TOO_LARGE,
        f"{MAX_MESSAGE_BYTES + 1} bytes; at most {MAX_MESSAGE_BYTES}",
    ),
    "not JSON": ("工单".encode(), Unreadable.UNDECODABLE, "JSON"),
    "not UTF-8": ('{"id": "工单"}'.encode("gb18030"), Unreadable.UNDECODABLE, "JSON"),
    "cut off": (encode_command(decode_command(json.dumps(OPENING).encode()))[:-1], Unreadable.UNDECODABLE, "JSON"),
    "surrogate": (changed(OPENING, data__text="\ud800"), Unreadable.UNDECODABLE, "JSON"),
    "a list": (b"[]", Unreadable.INVALID, "object"),
    "unknown type": (changed(OPENING, data__type="Shout"), Unreadable.UNKNOWN_TYPE, "'Shout'"),
    "missing type": (changed(OPENING, data__type=WITHOUT), Unreadable.UNKNOWN_TYPE, "type"),
    "a fact's type": (changed(OPENING, data__type="TicketOpened"), Unreadable.UNKNOWN_TYPE, "TicketOpened"),
    "unknown version": (changed(OPENING, data__schema_version=2), Unreadable.UNKNOWN_VERSION, "schema_version"),
    "version as text": (changed(OPENING, data__schema_version="1"), Unreadable.UNKNOWN_VERSION, "schema_version"),
    "missing version": (changed(OPENING, data__schema_version=WITHOUT), Unreadable.UNKNOWN_VERSION, "missing"),
    "naive time": (changed(OPENING, receipt_at="2024-12-31T09:00:00"), Unreadable.INVALID, "receipt_at"),
    "before 1970": (changed(OPENING, receipt_at="1969-12-31T23:59:59Z"), Unreadable.INVALID, "1970"),
    "after 2199": (changed(OPENING, receipt_at="2200-01-01T00:00:00Z"), Unreadable.INVALID, "2199"),
    "NUL": (changed(OPENING, data__text="a\x00b"), Unreadable.INVALID, "data.OpenTicket.text"),
    "NUL in a name": (changed(OPENING, id="a\x00b"), Unreadable.INVALID, "id: "),
    "empty name": (changed(OPENING, source=""), Unreadable.INVALID, "source"),
    "long text": (changed(OPENING, data__text="长" * (MAX_TEXT + 1)), Unreadable.INVALID, "8000"),
    "no ticket": (changed(OPENING, ticket_id=WITHOUT), Unreadable.INVALID, "ticket_id"),
    "unknown field": (changed(OPENING, data__phone="x"), Unreadable.INVALID, "data.OpenTicket.phone"),
    "unknown code": (changed(OPENING, data__kind="shouting"), Unreadable.INVALID, "data.OpenTicket.kind"),
    "not base64": (
        changed(OPENING, data__envelope=OPENING["data"]["envelope"] | {"nonce": "§"}),
        Unreadable.INVALID,
        "envelope.nonce",
    ),
}


@pytest.mark.parametrize(("value", "reason", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_says_why(value: bytes | None, reason: Unreadable, words: str) -> None:
    error = why(value)
    assert error.reason is reason
    assert words in error.detail


def test_the_reason_never_repeats_what_somebody_wrote() -> None:
    error = why(changed(OPENING, data__text="电话 13812345678\x00", data__source_number=""))
    assert "13812345678" not in str(error)


def test_a_long_list_of_mistakes_is_cut() -> None:
    error = why(b'{"data": {"type": "OpenTicket", "schema_version": 1}}')
    assert error.detail.count("Field required") == 5


def test_a_message_of_the_largest_size_is_read() -> None:
    value = changed(OPENING)
    assert decode_command(value.ljust(MAX_MESSAGE_BYTES)).source == "12328"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_stores_is_refused_before_it_is_written(text: str) -> None:
    with pytest.raises(ValidationError):
        ReopenTicket(reason=text)
    with pytest.raises(ValidationError):
        Actor(unit=text)


def test_instants_become_utc() -> None:
    command = decode_command(changed(OPENING, receipt_at="2024-12-31T09:00:00.000001+08:00"))
    assert command.receipt_at == datetime(2024, 12, 31, 1, 0, 0, 1, UTC)
    assert b"2024-12-31T01:00:00.000001Z" in encode_command(command)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8))])
def test_equal_instants_give_equal_bytes(zone: timezone) -> None:
    moment = datetime(2024, 12, 31, 1, tzinfo=UTC).astimezone(zone)
    base = decode_command(json.dumps(OPENING).encode())
    command = Command.model_validate(base.model_dump() | {"occurred_at": moment, "data": RingBell()})
    assert b'"occurred_at":"2024-12-31T01:00:00Z"' in encode_command(command)


FACT_BAD = {
    "no value": (None, Unreadable.EMPTY),
    "unknown type": (changed(FACT, data__type="TicketEaten"), Unreadable.UNKNOWN_TYPE),
    "a command's type": (changed(FACT, data__type="AcceptTicket"), Unreadable.UNKNOWN_TYPE),
    "unknown version": (changed(FACT, data__schema_version=2), Unreadable.UNKNOWN_VERSION),
    "missing version": (changed(FACT, data__schema_version=WITHOUT), Unreadable.UNKNOWN_VERSION),
    "outside the chain": (changed(FACT, version=WITHOUT, previous=WITHOUT), Unreadable.INVALID),
    "no predecessor": (changed(FACT, previous=WITHOUT), Unreadable.INVALID),
    "version zero": (changed(FACT, version=0), Unreadable.INVALID),
    "naive time": (changed(FACT, at="2024-12-31T01:00:00"), Unreadable.INVALID),
    "no hash": (changed(FACT, previous="0" * 63), Unreadable.INVALID),
}


@pytest.mark.parametrize(("value", "reason"), FACT_BAD.values(), ids=FACT_BAD)
def test_a_fact_that_cannot_be_read_says_why(value: bytes | None, reason: Unreadable) -> None:
    with pytest.raises(UnreadableError) as caught:
        decode_fact(value)
    assert caught.value.reason is reason
