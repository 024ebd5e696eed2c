"""The tables of the database: facts and refusals as they stand on the log, and three projections of the facts."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
)

from schemas.base import MAX_NAME

_CODE_LETTERS = 40


def in_utc(value: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: a time without a zone.
    """
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise ValueError(f"a time without a zone: {value.isoformat()}")
    return value.astimezone(UTC)


class UtcInstant(TypeDecorator[datetime]):
    """A UTC-aware instant with microseconds, on SQLite (which knows no zones) as on PostgreSQL.

    Raises:
        ValueError: a time without a zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the database UTC."""
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give Python UTC: what SQLite hands out without a zone was stored in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_ID = String(36)
_CODE = String(_CODE_LETTERS)
_NAME = String(MAX_NAME)
_AT = UtcInstant()

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("ticket_id", _ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("id", _ID, nullable=False),
    Column("type", _CODE, nullable=False),
    Column("at", _AT, nullable=False),
    Column("recorded_at", _AT, nullable=False),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    UniqueConstraint("id", name="facts_id_key"),
    Index("facts_type_recorded_at", "type", "recorded_at"),
)
"""Every fact. ``payload`` is the exact JSON of the log, under which the hash chain is verified; ``log_partition`` and
``log_offset`` are the place of its command in ``hotline.tickets``."""

refusals = Table(
    "refusals",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("ticket_id", _ID, nullable=False),
    Column("reason", _CODE, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("command_source", _NAME, nullable=False),
    Column("command_id", _NAME, nullable=False),
    Column("command_type", _NAME, nullable=False),
    Column("recorded_at", _AT, nullable=False),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    Index("refusals_ticket_id", "ticket_id"),
)
"""Commands that had no effect, outside the chains."""

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_id", _ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("public_number", _NAME, nullable=False),
    Column("source", _NAME, nullable=False),
    Column("source_number", _NAME, nullable=False),
    Column("channel", _CODE, nullable=False),
    Column("kind", _CODE, nullable=False),
    Column("domain", _CODE, nullable=False),
    Column("urgency", _CODE, nullable=False),
    Column("sensitivity", _CODE, nullable=False),
    Column("district", _NAME),
    Column("category", _NAME),
    Column("respondent_type", _CODE),
    Column("respondent_id", _NAME),
    Column("on_site_needed", Boolean),
    Column("text", Text, nullable=False),
    Column("state", _CODE, nullable=False),
    Column("unit", _NAME),
    Column("person", _NAME),
    Column("first_handler", _NAME),
    Column("policy_set", _NAME, nullable=False),
    Column("policy", _NAME, nullable=False),
    Column("round", Integer, nullable=False),
    Column("received_at", _AT, nullable=False),
    Column("resolved_at", _AT),
    Column("closed_at", _AT),
    Column("updated_at", _AT, nullable=False),
    Column("last_outcome", _CODE),
    Column("history", Boolean, nullable=False),
    # Not unique: forty bits of a ticket id can meet on one day, and that must not stop the sink.
    Index("tickets_public_number", "public_number"),
    Index("tickets_source_number", "source_number"),
    Index("tickets_state_unit", "state", "unit"),
    Index("tickets_received_at", "received_at"),
)
"""Each ticket as its facts up to ``version`` leave it. ``text`` is masked; identity is in no column."""

clocks = Table(
    "clocks",
    metadata,
    Column("ticket_id", _ID, primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("clock", _NAME, primary_key=True),
    Column("policy", _NAME, nullable=False),
    Column("started_at", _AT, nullable=False),
    Column("due_at", _AT, nullable=False),
    Column("stopped_at", _AT),
    Column("cancelled_at", _AT),
    Column("breached_at", _AT),
    Column("verdict", _CODE, nullable=False),
    Column("unit", _NAME),
    Column("person", _NAME),
    Column("cause", _CODE),
    Column("detection_s", Float(53)),
    Column("provisional", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("limit", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Index("clocks_verdict_due_at", "verdict", "due_at"),
)
"""Every clock of every round. ``unit``, ``person``, ``cause`` and ``detection_s`` are the breach's own."""

is_open = and_(clocks.c.stopped_at.is_(None), clocks.c.cancelled_at.is_(None))
"""Neither a deed nor a cancellation has ended the clock; it runs, or stands breached with the deed still owed."""

Index("clocks_open_due_at", clocks.c.due_at, postgresql_where=is_open, sqlite_where=is_open)

visits = Table(
    "visits",
    metadata,
    Column("ticket_id", _ID, primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("outcome", _CODE),
    Column("effective", Boolean, nullable=False),
    Column("solved", Boolean),
    Column("visited_at", _AT),
    Column("text", Text, nullable=False),
)
"""The return visit of each round; ``outcome`` and ``visited_at`` stand once it is completed."""
