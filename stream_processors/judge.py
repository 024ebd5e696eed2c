"""From records to what must be written for them. Pure; the worker and the offline replay of the log both use it."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.base import EARLIEST, LATEST
from schemas.codec import DeadLetter, Unreadable, UnreadableError, decode_command
from schemas.commands import Command
from schemas.facts import Fact
from schemas.topics import TICKETS, key_of, partition_of
from stream_processors.domain.decide import decide
from stream_processors.domain.story import Decision, Place, PolicySets
from stream_processors.domain.ticket import Ticket
from stream_processors.rows import encode_row, header_of, ticket_of

_LAST = LATEST - timedelta(milliseconds=1)
_KEPT_BYTES = 600_000  # of a dead record's value: in base64 it still fits into a message


@dataclass(frozen=True, slots=True)
class Record:
    """A record of ``hotline.tickets``; ``at`` is its timestamp, UTC-aware."""

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Outcome:
    """What a batch of records of one partition leads to, in order.

    ``bells`` holds the next ring (milliseconds since 1970 UTC) of every ticket that was looked at.
    """

    facts: list[Fact] = field(default_factory=list)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    bells: dict[bytes, int | None] = field(default_factory=dict)
    records: int = 0


class TooManyDeadLettersError(RuntimeError):
    """Most of what arrives cannot be read: something upstream is wrong, and going on would drain the topic."""


class DeadLetterCap:
    """Stops the worker when, of the last ``window`` records, at least ``least`` and more than half were dead."""

    def __init__(self, window: int = 1000, least: int = 100) -> None:
        self._last: deque[bool] = deque(maxlen=window)
        self._least = least

    def check(self, outcome: Outcome) -> None:
        """Count a batch in.

        Raises:
            TooManyDeadLettersError: the cap is reached; the batch must not be acknowledged.
        """
        dead = len(outcome.dead)
        self._last.extend([True] * dead + [False] * (outcome.records - dead))
        count = sum(self._last)
        if count >= self._least and count * 2 > len(self._last):
            example = outcome.dead[-1]
            raise TooManyDeadLettersError(
                f"{count} of the last {len(self._last)} records of {TICKETS} cannot be read, the last because: "
                f"{example.reason} ({example.detail}). Check what writes to the topic, then start the worker again."
            )


def judge(records: Iterable[Record], rows: Mapping[bytes, bytes], policies: PolicySets, partitions: int) -> Outcome:
    """Decide a batch of one partition against its rows; later records see what earlier ones did."""
    outcome = Outcome()
    for record in records:
        outcome.records += 1
        key = record.key or b""
        row = outcome.rows.get(key) or rows.get(key)
        if row is not None and header_of(row).offset >= record.offset:
            continue  # read again after a crash: its effect is in the row
        try:
            _judge_one(record, row, policies, partitions, outcome)
        except UnreadableError as problem:
            outcome.dead.append(dead_letter(record, problem.reason, problem.detail))
    return outcome


def _judge_one(record: Record, row: bytes | None, policies: PolicySets, partitions: int, outcome: Outcome) -> None:
    key, command = _readable(record, policies)
    if row is None and partition_of(key, partitions) != record.partition:
        raise UnreadableError(Unreadable.WRONG_PARTITION, f"key {key.decode()} belongs elsewhere; use murmur2")
    if row is not None and header_of(row).quarantined:
        raise UnreadableError(Unreadable.QUARANTINED, f"ticket {command.ticket_id} is quarantined")
    ticket = ticket_of(row) if row is not None else None
    if ticket is not None and ticket.round.policy_set not in policies:
        raise UnreadableError(Unreadable.UNKNOWN_POLICY_SET, f"the round's own: {ticket.round.policy_set}")
    decision = _decided(record, row, ticket, command, policies, outcome)
    outcome.facts.extend(decision.facts)
    if decision.ticket is not None and decision.ticket is not ticket:
        row = outcome.rows[key] = encode_row(decision.ticket, record.offset)
    if row is not None:
        outcome.bells[key] = header_of(row).bell_at


def _readable(record: Record, policies: PolicySets) -> tuple[bytes, Command]:
    """The record's key and command, if they fit together and the rules are known."""
    if not record.key:
        raise UnreadableError(Unreadable.MISSING_KEY, "the record has no key")
    command = decode_command(record.value)
    if record.key != key_of(command.ticket_id):
        raise UnreadableError(Unreadable.WRONG_KEY, f"the key is not the ticket id {command.ticket_id}")
    if command.policy_set not in policies:
        raise UnreadableError(Unreadable.UNKNOWN_POLICY_SET, f"{command.policy_set}; known: {', '.join(policies)}")
    return record.key, command


def _decided(
    record: Record, row: bytes | None, ticket: Ticket | None, command: Command, policies: PolicySets, outcome: Outcome
) -> Decision:
    """Decide; if that raises, only this ticket stands still, visibly, and every other clock runs on."""
    try:
        return decide(ticket, command, record.at, Place(record.partition, record.offset), policies)
    except Exception as error:
        key = key_of(command.ticket_id)
        before = ticket_of(row) if row is not None else None
        outcome.rows[key] = encode_row(before, record.offset, quarantined=True)
        outcome.bells[key] = None
        raise UnreadableError(Unreadable.DECIDE_FAILED, f"{type(error).__name__}: {error}") from error


def dead_letter(record: Record, reason: Unreadable, detail: str) -> DeadLetter:
    """The record as it goes to the dead letters, whole unless it is larger than a message may be."""
    value = record.value
    if value is not None and len(value) > _KEPT_BYTES:
        detail = f"{detail} (cut; SHA-256 of the whole: {hashlib.sha256(value).hexdigest()})"
        value = value[:_KEPT_BYTES]
    return DeadLetter(
        reason=reason,
        detail=detail,
        topic=TICKETS,
        partition=record.partition,
        offset=record.offset,
        recorded_at=record.at,
        key=base64.b64encode(record.key).decode() if record.key is not None else None,
        value=base64.b64encode(value).decode() if value is not None else None,
    )


def instant(milliseconds: int) -> datetime:
    """A record's timestamp as an instant; one that no message may hold becomes the nearest that it may."""
    try:
        return min(max(datetime.fromtimestamp(milliseconds / 1000, UTC), EARLIEST), _LAST)
    except (OverflowError, ValueError, OSError):
        return EARLIEST if milliseconds < 0 else _LAST
