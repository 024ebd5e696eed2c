"""Many rows in one statement: inserting new ones, bringing known ones up to date, reading those of some tickets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sinks.rows import Row

_R = TypeVar("_R", bound=Row)
_MOST_PARAMETERS = 1_000  # well under SQLite's and PostgreSQL's limits for one statement

Insert = postgresql.Insert | sqlite.Insert


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key is not there yet; gives how many that were."""
    if not rows:
        return 0
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return _execute(connection, table, statement, rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows or replace those there. Where the table has a version, a lower one never replaces a higher."""
    if not rows:
        return
    statement = _insert(connection, table)
    arriving, key = statement.excluded, list(table.primary_key)
    rising: ColumnElement[bool] | None = arriving.version > table.c.version if "version" in table.c else None
    changed = {column.name: arriving[column.name] for column in table.c if not column.primary_key}
    _execute(
        connection,
        table,
        statement.on_conflict_do_update(index_elements=key, set_=changed, where=rising),
        rows,
    )


def load(
    connection: Connection, table: Table, kind: type[_R], tickets: Collection[str], *, lock: bool = False
) -> Iterator[_R]:
    """The rows of these tickets, in the order of the primary key within each thousand tickets."""
    ids = sorted(tickets)
    for start in range(0, len(ids), _MOST_PARAMETERS):
        some = ids[start : start + _MOST_PARAMETERS]
        query = select(table).where(table.c.ticket_id.in_(some)).order_by(*table.primary_key)
        for row in connection.execute(query.with_for_update() if lock else query):
            yield kind(*row)


def _insert(connection: Connection, table: Table) -> Insert:
    """An INSERT of single rows for SQLite; for PostgreSQL one of whole columns, which is several times as fast."""
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table)
    names = [column.name for column in table.c]
    columns = [bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in table.c]
    source = func.unnest(*columns).table_valued(*names).render_derived()
    return postgresql.insert(table).from_select(names, select(*(source.c[name] for name in names)))


def _execute(connection: Connection, table: Table, statement: Insert, rows: Sequence[Row]) -> int:
    names = [column.name for column in table.c]
    parameters: Any
    if connection.dialect.name == "postgresql":
        parameters = {name: [getattr(row, name) for row in rows] for name in names}
    else:
        parameters = [{name: getattr(row, name) for name in names} for row in rows]
    result = connection.execute(statement, parameters, execution_options={"preserve_rowcount": True})
    return result.rowcount
