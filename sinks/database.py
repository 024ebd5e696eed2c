"""The database sink: batches of facts into tables, each batch in one transaction, any batch any number of times."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InterfaceError, OperationalError

from schemas.facts import Fact
from sinks import tables
from sinks.bulk import insert_new, load, upsert
from sinks.projection import Rows, project
from sinks.rows import ClockRow, FactRow, LoggedFact, RefusalRow, TicketRow, VisitRow, fact_row, refusal_row

SQLITE_BUSY_MS = 10_000
_WRITES = "hotline_writes"
_POSTGRES_CONNECTION = {"connect_timeout": 3, "tcp_user_timeout": 10_000, "options": "-c timezone=UTC"}


class ForkError(Exception):
    """One version of a ticket has two contents, given by their SHA-256. Never to be passed over."""

    def __init__(self, ticket_id: str, version: int, stored: str, arrived: str) -> None:
        super().__init__(f"ticket {ticket_id}, version {version}: stored {stored}, arrived {arrived}")
        self.ticket_id = ticket_id
        self.version = version
        self.stored = stored
        self.arrived = arrived


class GapError(Exception):
    """A fact arrived before its predecessor; writing it would break the chain."""

    def __init__(self, ticket_id: str, expected: int, arrived: int) -> None:
        super().__init__(f"ticket {ticket_id}: version {arrived} arrived where {expected} is next")
        self.ticket_id = ticket_id
        self.expected = expected
        self.arrived = arrived


class DatabaseAwayError(Exception):
    """The database cannot be reached or is busy; the same batch may be written again, as a whole."""


def open_engine(url: str) -> Engine:
    """Open a database by its SQLAlchemy URL, ``sqlite:///file`` or ``postgresql+psycopg://...``; connects later."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args=_POSTGRES_CONNECTION)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same database; on SQLite its transactions wait for the write lock at once instead of failing later."""
    return engine.execution_options(**{_WRITES: True})


def write(engine: Engine, batch: Iterable[LoggedFact]) -> int:
    """Write a batch in one transaction; gives how many facts of chains were new.

    1. Refusals are inserted unless they are there.
    2. Facts are inserted unless they are there; then those that were must be equal, byte for byte.
    3. The tickets' rows are locked and loaded; only facts above a row's version, without a gap, are folded into it.
    4. Changed rows are written.

    Facts may come in any order; those of one ticket must be complete from its stored version on.

    Raises:
        ForkError: a version that is stored, or stands twice in the batch, has other content.
        GapError: a version is not the stored one's successor.
        DatabaseAwayError: nothing is written, or all of it; write the batch again.
    """
    refused, chained = _sorted(batch)
    try:
        with for_writing(engine).begin() as connection:
            insert_new(connection, tables.refusals, refused)
            new = _insert_facts(connection, chained)
            _fold_into_rows(connection, chained)
    except (OperationalError, InterfaceError) as error:
        raise DatabaseAwayError(str(error.orig)) from error
    return new


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver keeps its hands off transactions; we begin them ourselves
    connection.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_Chained = dict[tuple[str, int], tuple[FactRow, Fact]]
"""Facts by ticket and version."""


def _sorted(batch: Iterable[LoggedFact]) -> tuple[list[RefusalRow], _Chained]:
    """Refusals, and facts once each in the order of ticket and version, so that two writers cannot lock crosswise."""
    refused: dict[str, RefusalRow] = {}
    chained: _Chained = {}
    for entry in batch:
        if entry.fact.version is None:
            refused[str(entry.fact.id)] = refusal_row(entry)
            continue
        row = fact_row(entry)
        key = (row.ticket_id, row.version)
        twin, _ = chained.setdefault(key, (row, entry.fact))
        if twin.payload != row.payload:
            raise ForkError(*key, _sha256(twin.payload), _sha256(row.payload))
    return [refused[key] for key in sorted(refused)], {key: chained[key] for key in sorted(chained)}


def _insert_facts(connection: Connection, chained: _Chained) -> int:
    new = insert_new(connection, tables.facts, [row for row, _ in chained.values()])
    if new < len(chained):
        _compare(connection, chained)
    return new


def _compare(connection: Connection, chained: _Chained) -> None:
    ids = sorted(str(fact.id) for _, fact in chained.values())
    for stored in load(connection, tables.facts, FactRow, ids, by="id"):
        key = (stored.ticket_id, stored.version)
        arrived, _ = chained[key]
        if arrived.payload != stored.payload:
            raise ForkError(*key, _sha256(stored.payload), _sha256(arrived.payload))


def _sha256(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()


def _fold_into_rows(connection: Connection, chained: _Chained) -> None:
    by_ticket: defaultdict[str, list[Fact]] = defaultdict(list)
    for (ticket_id, _), (_, fact) in chained.items():
        by_ticket[ticket_id].append(fact)
    known = load_rows(connection, by_ticket, lock=True)
    changed: list[tuple[Rows | None, Rows]] = []
    for ticket_id, facts in by_ticket.items():
        before = known.get(ticket_id)
        after = _folded(ticket_id, before, facts)
        if after is not None and after is not before:
            changed.append((before, after))
    _write_rows(connection, changed)


def load_rows(connection: Connection, ticket_ids: Iterable[str], *, lock: bool = False) -> dict[str, Rows]:
    """The projections' rows of these tickets, by ticket id; a ticket that is not there is left out."""
    rows = {row.ticket_id: row for row in load(connection, tables.tickets, TicketRow, set(ticket_ids), lock=lock)}
    clocks: defaultdict[str, dict[tuple[int, str], ClockRow]] = defaultdict(dict)
    for clock in load(connection, tables.clocks, ClockRow, rows):
        clocks[clock.ticket_id][clock.round, clock.clock] = clock
    visits: defaultdict[str, dict[int, VisitRow]] = defaultdict(dict)
    for visit in load(connection, tables.visits, VisitRow, rows):
        visits[visit.ticket_id][visit.round] = visit
    return {ticket_id: Rows(row, clocks[ticket_id], visits[ticket_id]) for ticket_id, row in rows.items()}


def _folded(ticket_id: str, rows: Rows | None, facts: Sequence[Fact]) -> Rows | None:
    for fact in facts:
        reached = rows.ticket.version if rows else 0
        version = fact.version or 0
        if version > reached + 1:
            raise GapError(ticket_id, reached + 1, version)
        if version == reached + 1:
            rows = project(rows, fact)
    return rows


def _write_rows(connection: Connection, changed: Sequence[tuple[Rows | None, Rows]]) -> None:
    """Write what is new or differs; rows that no fact touched are the very same objects as before."""
    upsert(connection, tables.tickets, [after.ticket for _, after in changed])
    clocks = [
        row
        for before, after in changed
        for key, row in after.clocks.items()
        if before is None or before.clocks.get(key) is not row
    ]
    visits = [
        row
        for before, after in changed
        for key, row in after.visits.items()
        if before is None or before.visits.get(key) is not row
    ]
    upsert(connection, tables.clocks, clocks)
    upsert(connection, tables.visits, visits)
