"""The database sink: any batch any number of times, never a fork, never a gap, never back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from sinks import tables
from sinks.bulk import upsert
from sinks.database import DatabaseAwayError, ForkError, GapError, for_writing, load_rows, open_engine, write
from sinks.projection import fold
from sinks.rows import LoggedFact
from tests.sinks.stories import crowd, everything, full_life, logged, neglected, opened


def forged(entry: LoggedFact) -> LoggedFact:
    """The same ticket and version with other content."""
    changed = entry.fact.model_copy(update={"offset": entry.fact.offset + 1})
    return LoggedFact.read(type(changed).model_validate(changed.model_dump()).encoded)


def test_the_payload_is_stored_byte_for_byte(engine: Engine) -> None:
    batch = logged(full_life().facts)
    write(engine, batch)
    with engine.connect() as connection:
        stored = set(connection.scalars(select(tables.facts.c.payload)))
        stored |= set(connection.scalars(select(tables.refusals.c.payload)))
    assert stored == {entry.payload.decode() for entry in batch}


def test_a_batch_written_twice_has_one_effect(engine: Engine) -> None:
    batch = logged(crowd(9))
    chained = sum(entry.fact.version is not None for entry in batch)
    assert write(engine, batch) == chained
    once = everything(engine)
    assert write(engine, batch) == 0
    assert everything(engine) == once


def test_overlapping_pieces_give_what_the_whole_gives(engine: Engine) -> None:
    batch = logged(crowd(9))
    for start in range(0, len(batch), 20):
        write(engine, batch[max(0, start - 35) : start + 20])
    pieces = everything(engine)
    whole = open_engine("sqlite://")
    tables.metadata.create_all(whole)
    write(whole, batch)
    assert pieces == everything(whole)
    whole.dispose()


def test_facts_of_a_ticket_may_stand_in_any_order_within_a_batch(engine: Engine) -> None:
    facts = full_life().facts
    write(engine, logged(facts[::-1]))
    folded = fold(fact for fact in facts if fact.version is not None)
    assert folded is not None
    with engine.connect() as connection:
        assert load_rows(connection, [folded.ticket.ticket_id]) == {folded.ticket.ticket_id: folded}


def test_other_content_under_a_stored_version_is_a_fork(engine: Engine) -> None:
    batch = logged(full_life().facts)
    write(engine, batch)
    before = everything(engine)
    other = forged(batch[3])
    with pytest.raises(ForkError) as caught:
        write(engine, [batch[2], other, *batch[4:]])
    assert caught.value.ticket_id == str(batch[3].fact.ticket_id)
    assert caught.value.version == batch[3].fact.version
    assert (caught.value.stored, caught.value.arrived) == (batch[3].fact.digest, other.fact.digest)
    assert everything(engine) == before


def test_a_fork_within_one_batch_writes_nothing(engine: Engine) -> None:
    batch = logged(opened("F-1").facts)
    with pytest.raises(ForkError):
        write(engine, [*batch, forged(batch[1])])
    assert not any(everything(engine).values())


def test_a_gap_writes_nothing(engine: Engine) -> None:
    batch = [entry for entry in logged(full_life().facts) if entry.fact.version]
    write(engine, batch[:5])
    before = everything(engine)
    with pytest.raises(GapError) as caught:
        write(engine, batch[6:])
    assert (caught.value.expected, caught.value.arrived) == (6, 7)
    assert everything(engine) == before


def test_a_ticket_whose_first_fact_is_missing_is_a_gap(engine: Engine) -> None:
    with pytest.raises(GapError):
        write(engine, logged(opened("G-1").facts)[1:])


def test_an_older_row_never_replaces_a_newer(engine: Engine) -> None:
    batch = logged(full_life().facts)
    write(engine, batch)
    before = everything(engine)
    write(engine, batch[:4])
    older = fold(entry.fact for entry in batch[:4])
    assert older is not None
    with for_writing(engine).begin() as connection:
        upsert(connection, tables.tickets, [older.ticket, replace(older.ticket, version=older.ticket.version + 1)])
    assert everything(engine) == before


def test_projections_that_were_emptied_grow_again_from_a_replay(engine: Engine) -> None:
    batch = logged([*full_life().facts, *neglected().facts])
    write(engine, batch)
    before = everything(engine)
    with for_writing(engine).begin() as connection:
        for table in (tables.tickets, tables.clocks, tables.visits):
            connection.execute(table.delete())
    assert write(engine, batch) == 0
    assert everything(engine) == before


def test_a_refusal_is_kept_once_and_outside_the_chain(engine: Engine) -> None:
    batch = logged(full_life().facts)
    write(engine, batch)
    write(engine, [entry for entry in batch if entry.fact.version is None])
    with engine.connect() as connection:
        (refusal,) = connection.execute(select(tables.refusals)).all()
        facts = connection.scalar(select(func.count()).select_from(tables.facts))
    assert (refusal.reason, refusal.command_type) == ("illegal_move", "DispatchTicket")
    assert facts == len(batch) - 1


def test_a_database_that_cannot_be_reached_is_told_apart(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/such/folder/x.sqlite", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        engine = open_engine(url)
        with pytest.raises(DatabaseAwayError):
            write(engine, logged(opened("H-1").facts))
        engine.dispose()
