"""What Alembic runs for every command: the caller (``sinks.migrate``) hands in the connection and its transaction."""

from __future__ import annotations

from alembic import context

from sinks.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
