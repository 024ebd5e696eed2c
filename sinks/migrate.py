"""Bringing a database to the newest tables, out of this package alone; safe to start several times at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from sinks.database import for_writing, open_engine

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 3_012_001  # any number, as long as nobody else takes it in the same database


def upgrade(url: str) -> None:
    """Run every migration that the database has not seen, all in one transaction.

    Whoever starts second waits, then finds nothing left to do: on PostgreSQL by an advisory lock, on SQLite by the
    write lock, for at most ten seconds.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached, or stayed locked.
    """
    engine = open_engine(url)
    try:
        with for_writing(engine).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            command.upgrade(_config(connection), "head")
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
