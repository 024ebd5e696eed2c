"""Bytes to messages and back; what cannot be read says why, in a form that can go to the dead letters."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.base import Instant, Model, Name
from schemas.commands import Command
from schemas.facts import Fact

MAX_MESSAGE_BYTES = 700_000
_MOST_ERRORS = 5
_M = TypeVar("_M", bound=Model)
_V = TypeVar("_V", Command, Fact)


class Unreadable(StrEnum):
    """Why a record went to the dead letters."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNDECODABLE = "undecodable"
    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    MISSING_KEY = "missing_key"
    WRONG_KEY = "wrong_key"
    WRONG_PARTITION = "wrong_partition"
    UNKNOWN_POLICY_SET = "unknown_policy_set"
    QUARANTINED = "quarantined"
    DECIDE_FAILED = "decide_failed"


class UnreadableError(ValueError):
    """A record that cannot be taken, with the reason as code and in words."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DeadLetter(Model):
    """A record that nobody could read, kept whole so that it can be replayed. Key and value are in base64."""

    reason: Unreadable
    detail: str
    topic: Name
    partition: int
    offset: int
    recorded_at: Instant
    key: str | None = None
    value: str | None = None


def encode_command(command: Command) -> bytes:
    """The record value of a command."""
    return command.__pydantic_serializer__.to_json(command, exclude_none=True)


def decode_command(value: bytes | None) -> Command:
    """Read a command.

    Raises:
        UnreadableError: empty, oversized, not JSON, unknown type or version, or not a valid command.
    """
    return _versioned(_decode(Command, value))


def decode_fact(value: bytes | None) -> Fact:
    """Read a fact.

    Raises:
        UnreadableError: as for commands.
    """
    return _versioned(_decode(Fact, value))


def _decode(model: type[_M], value: bytes | None) -> _M:
    if not value:
        raise UnreadableError(Unreadable.EMPTY, "the record has no value")
    if len(value) > MAX_MESSAGE_BYTES:
        raise UnreadableError(Unreadable.TOO_LARGE, f"{len(value)} bytes; at most {MAX_MESSAGE_BYTES}")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        raise _explained(error) from error


def _versioned(message: _V) -> _V:
    if "schema_version" not in message.data.model_fields_set:
        raise UnreadableError(Unreadable.UNKNOWN_VERSION, "schema_version is missing")
    return message


def _explained(error: ValidationError) -> UnreadableError:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    kinds = {problem["type"] for problem in problems}
    words = "; ".join(_words(problem) for problem in problems[:_MOST_ERRORS])
    if "json_invalid" in kinds:
        return UnreadableError(Unreadable.UNDECODABLE, words)
    if kinds & {"union_tag_invalid", "union_tag_not_found"}:
        return UnreadableError(Unreadable.UNKNOWN_TYPE, words)
    if any(problem["loc"][-1:] == ("schema_version",) for problem in problems):
        return UnreadableError(Unreadable.UNKNOWN_VERSION, words)
    return UnreadableError(Unreadable.INVALID, words)


def _words(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
