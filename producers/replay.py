"""Turns a ledger into commands of history: every ticket opens and closes at its own times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from producers.ledger import BadRow, Entry, as_of, read_ledger
from producers.mapping import LedgerMapping
from schemas.commands import AnyCommandData, CloseTicket, Command, RingBell

_ID_LETTERS: Final = 32


def history_commands(
    path: Path, mapping: LedgerMapping, policy_set: str, on_bad_row: Callable[[BadRow], object]
) -> Iterator[Command]:
    """The commands of a ledger, read as they are taken: openings and closings by row, then a bell for every ticket.

    Their ids are derived from their content: the same ledger again changes nothing, a newer one only what is new.

    Args:
        path: the ledger, CSV, gzipped if its name ends in ".gz".
        mapping: what its columns mean.
        policy_set: the name of the set whose sources let ``mapping.source`` import history.
        on_bad_row: is told of every row that is not taken, once.

    Raises:
        LedgerError: the file cannot be read as a ledger.
    """
    until = as_of(path, mapping)
    for entry in read_ledger(path, mapping):
        if isinstance(entry, BadRow):
            on_bad_row(entry)
            continue
        yield _command(entry, entry.opening, entry.received_at, mapping, policy_set)
        if entry.closed_at is not None:
            closing = CloseTicket(reason=mapping.closing_reason)
            yield _command(entry, closing, entry.closed_at, mapping, policy_set)
    if until is not None:
        for entry in read_ledger(path, mapping):
            if isinstance(entry, Entry):
                yield _command(entry, RingBell(), until, mapping, policy_set)


def _command(
    entry: Entry, data: AnyCommandData, occurred_at: datetime, mapping: LedgerMapping, policy_set: str
) -> Command:
    content = f"{entry.ticket_id} {occurred_at.isoformat()} {data.model_dump_json()}"
    return Command(
        id=f"{data.type}-{hashlib.sha256(content.encode()).hexdigest()[:_ID_LETTERS]}",
        source=mapping.source,
        ticket_id=entry.ticket_id,
        policy_set=policy_set,
        occurred_at=occurred_at,
        data=data,
    )
