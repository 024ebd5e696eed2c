"""The tables: instants survive both databases, rows match columns, migrations make what is declared."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Table, inspect, select
from sqlalchemy.exc import StatementError

from sinks import tables
from sinks.bulk import insert_new
from sinks.database import for_writing, open_engine
from sinks.migrate import upgrade
from sinks.rows import ClockRow, FactRow, RefusalRow, Row, TicketRow, VisitRow, fact_row
from tests.sinks.stories import logged, opened

OWNED_BY_PRODUCERS = {"ticket_keys"}
PRECISE = datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=timezone(timedelta(hours=8)))


def fact_at(instant: datetime) -> FactRow:
    row = fact_row(logged(opened("T-1").facts)[0])
    return FactRow(
        row.ticket_id, row.version, row.id, row.type, instant, row.recorded_at, row.log_partition, 2**40, row.payload
    )


def test_an_instant_keeps_its_microseconds_and_comes_back_in_utc(engine: Engine) -> None:
    with for_writing(engine).begin() as connection:
        insert_new(connection, tables.facts, [fact_at(PRECISE)])
    with engine.connect() as connection:
        (at,) = connection.execute(select(tables.facts.c.at).where(tables.facts.c.at == PRECISE)).scalars()
    assert at == PRECISE
    assert at.tzinfo is UTC


def test_a_naive_time_is_refused(engine: Engine) -> None:
    naive = PRECISE.replace(tzinfo=None)
    with engine.connect() as connection:
        with pytest.raises((ValueError, StatementError), match="without a zone"):
            insert_new(connection, tables.facts, [fact_at(naive)])
        with pytest.raises((ValueError, StatementError), match="without a zone"):
            connection.execute(select(tables.facts).where(tables.facts.c.at == naive))


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (tables.facts, FactRow),
        (tables.refusals, RefusalRow),
        (tables.tickets, TicketRow),
        (tables.clocks, ClockRow),
        (tables.visits, VisitRow),
    ],
)
def test_a_row_has_the_columns_of_its_table_in_order(table: Table, row: type[Row]) -> None:
    assert [item.name for item in fields(row)] == [column.name for column in table.c]


def test_migrations_make_the_declared_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name not in OWNED_BY_PRODUCERS,
            },
        )
        assert compare_metadata(context, tables.metadata) == []


def test_the_table_of_wrapped_keys_is_there(engine: Engine) -> None:
    columns = {column["name"]: column["nullable"] for column in inspect(engine).get_columns("ticket_keys")}
    assert columns == dict.fromkeys(["key_id", "ticket_id", "wrapping_key_id", "wrapped_key", "created_at"], False)


def test_upgrading_twice_changes_nothing(url: str) -> None:
    upgrade(url)
    upgrade(url)
    engine = open_engine(url)
    assert set(inspect(engine).get_table_names()) == {*tables.metadata.tables, *OWNED_BY_PRODUCERS, "alembic_version"}
    engine.dispose()


def test_processes_that_start_at_once_upgrade_once(url: str) -> None:
    command = [sys.executable, "-c", "import sys; from sinks.migrate import upgrade; upgrade(sys.argv[1])", url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
