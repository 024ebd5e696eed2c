"""The first tables: facts, refusals, their projections, and the tickets' wrapped keys (owned by the producers)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.String(36)
_CODE = sa.String(40)
_NAME = sa.String(200)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    _create_facts()
    _create_refusals()
    _create_tickets()
    _create_clocks()
    _create_visits()
    _create_ticket_keys()


def downgrade() -> None:
    """Drop everything."""
    for table in ("ticket_keys", "visits", "clocks", "tickets", "refusals", "facts"):
        op.drop_table(table)


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("ticket_id", _ID, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("type", _CODE, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("recorded_at", _AT, nullable=False),
        sa.Column("log_partition", sa.Integer, nullable=False),
        sa.Column("log_offset", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.UniqueConstraint("id", name="facts_id_key"),
    )
    op.create_index("facts_type_recorded_at", "facts", ["type", "recorded_at"])


def _create_refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("ticket_id", _ID, nullable=False),
        sa.Column("reason", _CODE, nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("command_source", _NAME, nullable=False),
        sa.Column("command_id", _NAME, nullable=False),
        sa.Column("command_type", _NAME, nullable=False),
        sa.Column("recorded_at", _AT, nullable=False),
        sa.Column("log_partition", sa.Integer, nullable=False),
        sa.Column("log_offset", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("refusals_ticket_id", "refusals", ["ticket_id"])


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket_id", _ID, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("public_number", _NAME, nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("source_number", _NAME, nullable=False),
        sa.Column("channel", _CODE, nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("domain", _CODE, nullable=False),
        sa.Column("urgency", _CODE, nullable=False),
        sa.Column("sensitivity", _CODE, nullable=False),
        sa.Column("district", _NAME),
        sa.Column("category", _NAME),
        sa.Column("respondent_type", _CODE),
        sa.Column("respondent_id", _NAME),
        sa.Column("on_site_needed", sa.Boolean),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", _CODE, nullable=False),
        sa.Column("unit", _NAME),
        sa.Column("person", _NAME),
        sa.Column("first_handler", _NAME),
        sa.Column("policy_set", _NAME, nullable=False),
        sa.Column("policy", _NAME, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("received_at", _AT, nullable=False),
        sa.Column("resolved_at", _AT),
        sa.Column("closed_at", _AT),
        sa.Column("updated_at", _AT, nullable=False),
        sa.Column("last_outcome", _CODE),
        sa.Column("history", sa.Boolean, nullable=False),
    )
    op.create_index("tickets_public_number", "tickets", ["public_number"])
    op.create_index("tickets_source_number", "tickets", ["source_number"])
    op.create_index("tickets_state_unit", "tickets", ["state", "unit"])
    op.create_index("tickets_received_at", "tickets", ["received_at"])


def _create_clocks() -> None:
    op.create_table(
        "clocks",
        sa.Column("ticket_id", _ID, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("clock", _NAME, primary_key=True),
        sa.Column("policy", _NAME, nullable=False),
        sa.Column("started_at", _AT, nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("stopped_at", _AT),
        sa.Column("cancelled_at", _AT),
        sa.Column("breached_at", _AT),
        sa.Column("verdict", _CODE, nullable=False),
        sa.Column("unit", _NAME),
        sa.Column("person", _NAME),
        sa.Column("cause", _CODE),
        sa.Column("detection_s", sa.Float(53)),
        sa.Column("provisional", sa.Boolean, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("limit", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
    )
    op.create_index("clocks_verdict_due_at", "clocks", ["verdict", "due_at"])
    still_open = sa.text("stopped_at IS NULL AND cancelled_at IS NULL")
    op.create_index("clocks_open_due_at", "clocks", ["due_at"], postgresql_where=still_open, sqlite_where=still_open)


def _create_visits() -> None:
    op.create_table(
        "visits",
        sa.Column("ticket_id", _ID, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("outcome", _CODE),
        sa.Column("effective", sa.Boolean, nullable=False),
        sa.Column("solved", sa.Boolean),
        sa.Column("visited_at", _AT),
        sa.Column("text", sa.Text, nullable=False),
    )


def _create_ticket_keys() -> None:
    """A ticket's key, wrapped; destroying the row is the erasure of the complainant's identity."""
    op.create_table(
        "ticket_keys",
        sa.Column("key_id", sa.CHAR(36), primary_key=True),
        sa.Column("ticket_id", sa.CHAR(36), nullable=False),
        sa.Column("wrapping_key_id", sa.String(64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.UniqueConstraint("ticket_id", name="ticket_keys_ticket_id_key"),
    )
