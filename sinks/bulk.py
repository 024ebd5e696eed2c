"""Many rows in one statement: inserting new ones, bringing known ones up to date, reading those of some tickets."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sinks.rows import Row
from sinks.tables import in_utc

_R = TypeVar("_R", bound=Row)
_MOST_IDS = 1_000  # well under SQLite's and PostgreSQL's limits for one statement

Insert = postgresql.Insert | sqlite.Insert


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key is not there yet; gives how many that were."""
    if not rows:
        return 0
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return _execute(connection, statement, rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows or replace those there. Where the table has a version, a lower one never replaces a higher."""
    if not rows:
        return
    statement = _insert(connection, table)
    arriving, key = statement.excluded, list(table.primary_key)
    rising: ColumnElement[bool] | None = arriving.version > table.c.version if "version" in table.c else None
    changed = {column.name: arriving[column.name] for column in table.c if not column.primary_key}
    _execute(connection, statement.on_conflict_do_update(index_elements=key, set_=changed, where=rising), rows)


def load(
    connection: Connection,
    table: Table,
    kind: type[_R],
    ids: Collection[str],
    *,
    by: str = "ticket_id",
    lock: bool = False,
) -> Iterator[_R]:
    """The rows with these ids (of tickets, unless ``by`` names another column), in the order of the ids."""
    wanted = sorted(ids)
    for start in range(0, len(wanted), _MOST_IDS):
        some = wanted[start : start + _MOST_IDS]
        query = select(table).where(table.c[by].in_(some)).order_by(table.c[by])
        for row in connection.execute(query.with_for_update() if lock else query):
            yield kind(*row)


def _insert(connection: Connection, table: Table) -> Insert:
    """An INSERT of one row for SQLite, whose driver repeats it; for PostgreSQL one of all rows, given as JSON.

    So PostgreSQL takes a batch in one round trip, and json.dumps is many times as fast as the driver's own quoting.
    """
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table)
    names = [item.name for item in table.c]
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), postgresql.JSON))
    source = rows.table_valued(*(column(item.name, item.type) for item in table.c)).render_derived(with_types=True)
    return postgresql.insert(table).from_select(names, select(*(source.c[name] for name in names)))


def _execute(connection: Connection, statement: Insert, rows: Sequence[Row]) -> int:
    names = [item.name for item in fields(rows[0])]
    parameters: Any = [{name: getattr(row, name) for name in names} for row in rows]
    if connection.dialect.name == "postgresql":
        parameters = {"rows": json.dumps(parameters, ensure_ascii=False, default=_iso)}
    result = connection.execute(statement, parameters, execution_options={"preserve_rowcount": True})
    return result.rowcount


def _iso(value: datetime) -> str:
    return in_utc(value).isoformat()
