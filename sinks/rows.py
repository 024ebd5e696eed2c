"""The rows of the tables as frozen dataclasses: one field per column, in the columns' order, all instants in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from schemas.codec import decode_fact
from schemas.facts import CommandRefused, Fact


@dataclass(frozen=True, slots=True)
class LoggedFact:
    """A fact with the exact bytes under which it stands on the log."""

    fact: Fact
    payload: bytes

    @classmethod
    def read(cls, payload: bytes | None) -> Self:
        """Read a record's value.

        Raises:
            UnreadableError: it is no fact.
        """
        fact = decode_fact(payload)
        return cls(fact, payload or b"")

    @classmethod
    def of(cls, fact: Fact) -> Self:
        """A fact as it will stand, or stands, on the log."""
        return cls(fact, fact.encoded)


@dataclass(frozen=True, slots=True)
class FactRow:
    """A row of ``facts``."""

    ticket_id: str
    version: int
    id: str
    type: str
    at: datetime
    recorded_at: datetime
    log_partition: int
    log_offset: int
    payload: str


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A row of ``refusals``."""

    id: str
    ticket_id: str
    reason: str
    explanation: str
    command_source: str
    command_id: str
    command_type: str
    recorded_at: datetime
    log_partition: int
    log_offset: int
    payload: str


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A row of ``tickets``; codes are those of ``schemas.enums``."""

    ticket_id: str
    version: int
    public_number: str
    source: str
    source_number: str
    channel: str
    kind: str
    domain: str
    urgency: str
    sensitivity: str
    district: str | None
    category: str | None
    respondent_type: str | None
    respondent_id: str | None
    on_site_needed: bool | None
    text: str
    state: str
    unit: str | None
    person: str | None
    first_handler: str | None
    policy_set: str
    policy: str
    round: int
    received_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    last_outcome: str | None
    history: bool


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A row of ``clocks``; ``limit`` and ``basis`` are JSON, ``detection_s`` is in seconds."""

    ticket_id: str
    round: int
    clock: str
    policy: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    cancelled_at: datetime | None
    breached_at: datetime | None
    verdict: str
    unit: str | None
    person: str | None
    cause: str | None
    detection_s: float | None
    provisional: bool
    late: bool
    limit: str
    basis: str

    @property
    def is_open(self) -> bool:
        """Whether neither a deed nor a cancellation has ended it; it may stand breached all the same."""
        return self.stopped_at is None and self.cancelled_at is None


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A row of ``visits``."""

    ticket_id: str
    round: int
    attempts: int
    outcome: str | None
    effective: bool
    solved: bool | None
    visited_at: datetime | None
    text: str


Row = FactRow | RefusalRow | TicketRow | ClockRow | VisitRow


def fact_row(entry: LoggedFact) -> FactRow:
    """The row of a fact of a chain.

    Raises:
        ValueError: a refusal, which has no version.
    """
    fact = entry.fact
    if fact.version is None:
        raise ValueError(f"refusal {fact.id} is outside the chain")
    return FactRow(
        ticket_id=str(fact.ticket_id),
        version=fact.version,
        id=str(fact.id),
        type=fact.data.type,
        at=fact.at,
        recorded_at=fact.recorded_at,
        log_partition=fact.partition,
        log_offset=fact.offset,
        payload=entry.payload.decode(),
    )


def refusal_row(entry: LoggedFact) -> RefusalRow:
    """The row of a refusal.

    Raises:
        ValueError: any other fact.
    """
    fact = entry.fact
    if not isinstance(fact.data, CommandRefused):
        raise ValueError(f"fact {fact.id} is a {fact.data.type}, not a refusal")  # noqa: TRY004 (a value, not a type)
    return RefusalRow(
        id=str(fact.id),
        ticket_id=str(fact.ticket_id),
        reason=fact.data.reason,
        explanation=fact.data.explanation,
        command_source=fact.cause.source,
        command_id=fact.cause.id,
        command_type=fact.cause.type,
        recorded_at=fact.recorded_at,
        log_partition=fact.partition,
        log_offset=fact.offset,
        payload=entry.payload.decode(),
    )
