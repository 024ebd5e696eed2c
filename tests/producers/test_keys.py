"""Keys: one for each ticket, the same for everybody, worthless without the master key."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, func, select, update

from producers.keys import METADATA, TICKET_KEYS, KeyProblemError, KeysAtHand, KeyStore, MasterKey
from schemas.identity import key_id

MASTER = MasterKey(bytes(range(32)))


def made(url: str) -> Engine:
    engine = create_engine(url)
    METADATA.create_all(engine)
    return engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = made(f"sqlite:///{tmp_path / 'keys.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(database_url: str) -> Iterator[Engine]:
    engine = made(database_url)
    yield engine
    engine.dispose()


def all_keys(url: str, tickets: list[UUID]) -> list[bytes]:
    """What another process sees; asks in an order of its own."""
    engine = create_engine(url)
    keys = KeyStore(engine, MASTER).keys_for(sorted(tickets, key=lambda _: os.urandom(4)))
    engine.dispose()
    return [keys[ticket].secret for ticket in tickets]


def count(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(TICKET_KEYS))


def test_a_ticket_keeps_its_key(engine: Engine) -> None:
    ticket = uuid4()
    first = KeyStore(engine, MASTER).key_for(ticket)
    assert first == KeyStore(engine, MASTER).key_for(ticket)
    assert first.key_id == key_id(ticket)
    assert len(first.secret) == 32
    assert count(engine) == 1


def test_many_at_once_are_all_different(engine: Engine) -> None:
    tickets = [uuid4() for _ in range(1_203)]
    keys = KeyStore(engine, MASTER).keys_for([*tickets, *tickets])
    assert set(keys) == set(tickets)
    assert len({key.secret for key in keys.values()}) == len(tickets) == count(engine)


def test_the_row_does_not_hold_the_key_in_the_clear(engine: Engine) -> None:
    key = KeyStore(engine, MASTER).key_for(uuid4())
    with engine.connect() as connection:
        row = connection.execute(select(TICKET_KEYS)).one()
    assert key.secret not in row.wrapped_key
    assert row.wrapping_key_id == MASTER.id
    assert str(key.secret) not in repr(key)


def test_another_master_key_is_named_and_a_damaged_row_too(engine: Engine) -> None:
    ticket = uuid4()
    KeyStore(engine, MASTER).key_for(ticket)
    with pytest.raises(KeyProblemError, match=f"wrapped with master key {MASTER.id}"):
        KeyStore(engine, MasterKey(b"x" * 32)).key_for(ticket)
    with engine.begin() as connection:
        connection.execute(update(TICKET_KEYS).values(wrapped_key=b"y" * 60))
    with pytest.raises(KeyProblemError, match="damaged"):
        KeyStore(engine, MASTER).key_for(ticket)


def test_a_key_moved_to_another_ticket_does_not_unwrap(engine: Engine) -> None:
    mine, other = uuid4(), uuid4()
    KeyStore(engine, MASTER).key_for(mine)
    with engine.begin() as connection:
        connection.execute(update(TICKET_KEYS).values(ticket_id=str(other)))
    with pytest.raises(KeyProblemError, match="damaged"):
        KeyStore(engine, MASTER).key_for(other)


def test_threads_on_sqlite_agree(engine: Engine) -> None:
    tickets = [uuid4() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: KeyStore(engine, MASTER).keys_for(tickets), range(8)))
    assert all(keys == seen[0] for keys in seen)


def test_processes_on_postgres_agree(postgres_engine: Engine, database_url: str) -> None:
    tickets = [uuid4() for _ in range(700)]
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        seen = list(pool.map(all_keys, [database_url] * 4, [tickets] * 4))
    assert all(keys == seen[0] for keys in seen)
    assert count(postgres_engine) == len(tickets)


def test_keys_at_hand_are_the_stores_and_only_so_many_are_kept(engine: Engine) -> None:
    store = KeyStore(engine, MASTER)
    tickets = [uuid4() for _ in range(8)]
    at_hand = KeysAtHand(store, most=3)
    at_hand.fetch(tickets)
    assert [at_hand.key_for(ticket) for ticket in tickets] == [store.key_for(ticket) for ticket in tickets]


def test_a_master_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master = MasterKey.create(path)
    assert MasterKey.load(path) == master
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyProblemError, match="exists"):
        MasterKey.create(path)
    assert MasterKey.load(path) == master


def test_a_master_key_from_the_environment() -> None:
    text = base64.b64encode(MASTER.secret).decode()
    assert MasterKey.from_base64(f" {text}\n", "HOTLINE_MASTER_KEY") == MASTER
    assert len(MASTER.id) == 16
    assert repr(MASTER.secret) not in repr(MASTER)


@pytest.mark.parametrize(
    ("text", "problem"), [("not base64!", "base64 is expected"), ("c2hvcnQ=", "32 bytes, this one has 5")]
)
def test_a_bad_master_key_is_refused_by_its_origin(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    with pytest.raises(KeyProblemError, match=problem) as caught:
        MasterKey.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_master_key_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(KeyProblemError, match="restore the file"):
        MasterKey.load(tmp_path / "none.key")
