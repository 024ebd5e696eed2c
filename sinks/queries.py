"""The few reads that the command line and the live board need; the figures among them are in ``sinks.figures``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, or_, select, tuple_

from schemas.codec import decode_fact
from schemas.enums import State
from schemas.facts import Fact, LevelReached, TicketClosed
from sinks import tables
from sinks.bulk import load
from sinks.database import load_rows
from sinks.figures import Stats, stats
from sinks.rows import ClockRow, RefusalRow, TicketRow, VisitRow

__all__ = [
    "FeedItem",
    "FeedKind",
    "OpenTicketRow",
    "Place",
    "Stats",
    "TicketStory",
    "clocks_of_source",
    "open_tickets",
    "recent",
    "stats",
    "ticket_story",
]

Place = tuple[datetime, str, int]
"""Where a fact stands in the feed: recorded_at, ticket id, version."""


@dataclass(frozen=True, slots=True)
class TicketStory:
    """All that is known of one ticket; facts in order of version, clocks by round and name, refusals by time."""

    ticket: TicketRow
    facts: tuple[Fact, ...]
    clocks: tuple[ClockRow, ...]
    visits: tuple[VisitRow, ...]
    refusals: tuple[RefusalRow, ...]


def ticket_story(engine: Engine, number_or_id: str) -> tuple[TicketStory, ...]:
    """The story of the ticket with this id, public number or source's number; empty if there is none.

    More than one where two sources use the same number, or two public numbers meet.
    """
    wanted = number_or_id.strip()
    columns = tables.tickets.c
    named = or_(
        columns.ticket_id == wanted.lower(), columns.public_number == wanted.upper(), columns.source_number == wanted
    )
    with engine.connect() as connection:
        ids = connection.scalars(select(columns.ticket_id).where(named).order_by(columns.received_at)).all()
        rows = load_rows(connection, ids)
        return tuple(
            TicketStory(
                ticket=rows[ticket_id].ticket,
                facts=_facts_of(connection, ticket_id),
                clocks=tuple(clock for _, clock in sorted(rows[ticket_id].clocks.items())),
                visits=tuple(visit for _, visit in sorted(rows[ticket_id].visits.items())),
                refusals=_refusals_of(connection, ticket_id),
            )
            for ticket_id in ids
        )


def _facts_of(connection: Connection, ticket_id: str) -> tuple[Fact, ...]:
    columns = tables.facts.c
    query = select(columns.payload).where(columns.ticket_id == ticket_id).order_by(columns.version)
    return tuple(decode_fact(payload.encode()) for payload in connection.scalars(query))


def _refusals_of(connection: Connection, ticket_id: str) -> tuple[RefusalRow, ...]:
    rows = load(connection, tables.refusals, RefusalRow, [ticket_id])
    return tuple(sorted(rows, key=lambda row: (row.recorded_at, row.log_partition, row.log_offset)))


@dataclass(frozen=True, slots=True)
class OpenTicketRow:
    """A ticket that is not closed and its open clocks, nearest deadline first; breached ones still owed among them."""

    ticket: TicketRow
    clocks: tuple[ClockRow, ...]


def open_tickets(engine: Engine, limit: int = 50) -> tuple[OpenTicketRow, ...]:
    """The open tickets with the nearest deadlines, the longest overdue first; those without a clock come last."""
    with engine.connect() as connection:
        ids = _nearest(connection, limit)
        if len(ids) < limit:
            ids += _without_clock(connection, limit - len(ids))
        rows = load_rows(connection, ids)
    return tuple(
        OpenTicketRow(
            rows[ticket_id].ticket,
            tuple(
                sorted((clock for clock in rows[ticket_id].clocks.values() if clock.is_open), key=lambda c: c.due_at)
            ),
        )
        for ticket_id in ids
    )


def _nearest(connection: Connection, limit: int) -> list[str]:
    """Walk the open clocks by deadline until enough tickets are met; the index makes each step cheap."""
    columns = tables.clocks.c
    query = select(columns.ticket_id).where(tables.is_open).order_by(columns.due_at)
    ids: dict[str, None] = {}
    with connection.execute(query.execution_options(yield_per=4 * limit)) as found:
        for ticket_id in found.scalars():
            if len(ids) == limit:
                break
            ids.setdefault(ticket_id)
    return list(ids)


def _without_clock(connection: Connection, limit: int) -> list[str]:
    columns = tables.tickets.c
    has_clock = select(1).where(tables.clocks.c.ticket_id == columns.ticket_id, tables.is_open).exists()
    still_open = columns.state.in_([state for state in State if state is not State.CLOSED])
    query = select(columns.ticket_id).where(still_open, ~has_clock).order_by(columns.received_at).limit(limit)
    return list(connection.scalars(query))


class FeedKind(StrEnum):
    """What a line of the feed tells."""

    WARNING = "warning"
    BREACH = "breach"
    ESCALATION = "escalation"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One line of the feed; ``place`` is what to go on after. ``fact`` says the rest: level, notify, outcome ..."""

    place: Place
    kind: FeedKind
    ticket: TicketRow
    fact: Fact


_FED = ("LevelReached", "TicketClosed")  # the breach's own level stands for the breach


def recent(engine: Engine, after: Place | None = None, limit: int = 50) -> tuple[FeedItem, ...]:
    """Warnings, breaches, escalations and closures after a place of the feed, oldest first.

    Without a place the newest ones. By ``recorded_at``: facts of a partition that the sink reads late appear behind
    places already passed, so a board that must miss nothing begins anew now and then.
    """
    columns = tables.facts.c
    place = (columns.recorded_at, columns.ticket_id, columns.version)
    later: list[ColumnElement[bool]] = []
    if after is not None:
        later = [columns.recorded_at >= after[0], tuple_(*place) > tuple_(*after)]  # the first is what the index knows
    order = [item.desc() if after is None else item for item in place]
    found: list[tuple[Place, str]] = []
    with engine.connect() as connection:
        for kind in _FED:  # one query for each, so that the index on type and time serves it in order
            query = select(*place, columns.payload).where(columns.type == kind, *later).order_by(*order).limit(limit)
            found += [((at, ticket, version), payload) for at, ticket, version, payload in connection.execute(query)]
        found.sort()
        found = found[-limit:] if after is None else found[:limit]
        known = load(connection, tables.tickets, TicketRow, {ticket for (_, ticket, _), _ in found})
        rows = {row.ticket_id: row for row in known}
    return tuple(_item(place_, decode_fact(payload.encode()), rows[place_[1]]) for place_, payload in found)


def _item(place: Place, fact: Fact, ticket: TicketRow) -> FeedItem:
    return FeedItem(place, _feed_kind(fact), ticket, fact)


def _feed_kind(fact: Fact) -> FeedKind:
    match fact.data:
        case TicketClosed():
            return FeedKind.CLOSED
        case LevelReached(reached_at=reached_at, due_at=due_at) if reached_at == due_at:
            return FeedKind.BREACH
        case LevelReached(reached_at=reached_at, due_at=due_at):
            return FeedKind.WARNING if reached_at < due_at else FeedKind.ESCALATION
        case _:
            raise ValueError(f"a {fact.data.type} is not in the feed")


def clocks_of_source(engine: Engine, source: str, clock: str) -> dict[str, ClockRow]:
    """The first-round clocks of this name of all tickets of a source, by ticket id."""
    joined = tables.clocks.join(tables.tickets, tables.clocks.c.ticket_id == tables.tickets.c.ticket_id)
    query = (
        select(tables.clocks)
        .select_from(joined)
        .where(tables.tickets.c.source == source, tables.clocks.c.clock == clock, tables.clocks.c.round == 1)
    )
    with engine.connect() as connection:
        return {row.ticket_id: ClockRow(**row._mapping) for row in connection.execute(query)}  # noqa: SLF001
