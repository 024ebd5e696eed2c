"""The keys of tickets: one for each, kept in the database wrapped with the bureau's master key."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, DateTime, Engine, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from schemas.identity import key_id
from schemas.words import SaidError, file_problem

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_ROWS_AT_ONCE: Final = 500
_ID_LETTERS: Final = 16

METADATA: Final = MetaData()
TICKET_KEYS: Final = Table(
    "ticket_keys",
    METADATA,
    Column("key_id", String(36), primary_key=True),
    Column("ticket_id", String(36), nullable=False, unique=True),
    Column("wrapping_key_id", String(64), nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""Without a ticket's row nobody can read its envelopes again."""


class KeyProblemError(SaidError):
    """A key is missing, malformed or not the right one; the message says what to do."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps all others: 32 bytes, known by the first 16 hexadecimal letters of their SHA-256."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise KeyProblemError(
                f"主密钥应为 {KEY_BYTES} 字节，现为 {len(self.secret)} 字节，请核对是否完整",
                f"a master key has {KEY_BYTES} bytes, this one has {len(self.secret)}",
            )

    @property
    def id(self) -> str:
        """Tells which master key wrapped something, without giving it away."""
        return hashlib.sha256(self.secret).hexdigest()[:_ID_LETTERS]

    @classmethod
    def from_base64(cls, text: str, origin: str) -> Self:
        """Read it from base64; ``origin`` is the variable or file that held it, for the error's sake.

        Raises:
            KeyProblemError: no base64, or not 32 bytes.
        """
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except ValueError as error:  # binascii's, or of letters outside ASCII
            raise KeyProblemError(
                f"{origin}：主密钥应为 base64 编码，请核对是否完整",
                f"{origin}: a master key in base64 is expected ({error})",
            ) from None
        except KeyProblemError as error:
            raise KeyProblemError(f"{origin}：{error.chinese}", f"{origin}: {error}") from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from a file of base64.

        Raises:
            KeyProblemError: unreadable, or as above.
        """
        try:
            text = path.read_text(encoding="ascii")
        except OSError as error:
            chinese, english = file_problem(path, error)
            raise KeyProblemError(
                f"{chinese}。请恢复主密钥文件；若从未用过主密钥，可新建一个",
                f"{english}; restore the file or create a new master key",
            ) from error
        except UnicodeDecodeError as error:
            raise KeyProblemError(
                f"{path}：主密钥应为 base64 编码，请核对文件", f"{path}: a master key in base64 is expected"
            ) from error
        return cls.from_base64(text, str(path))

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new one and a file of it that only its owner may read; an existing file is never overwritten.

        Raises:
            KeyProblemError: the file exists or cannot be written.
        """
        master = cls(secrets.token_bytes(KEY_BYTES))
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(base64.b64encode(master.secret).decode() + "\n")
        except FileExistsError as error:
            raise KeyProblemError(
                f"{path} 已存在，不能覆盖，否则用它加密的内容再也无法打开。请换一个文件名",
                f"{path} exists; whatever it has wrapped would be lost with it",
            ) from error
        except OSError as error:
            raise KeyProblemError(*file_problem(path, error)) from error
        return master


@dataclass(frozen=True, slots=True)
class TicketKey:
    """A ticket's own AES-256 key and the name by which envelopes refer to it."""

    key_id: UUID
    secret: bytes = field(repr=False)


class KeySource(Protocol):
    """Whatever gives a ticket its key, always the same one."""

    def key_for(self, ticket_id: UUID) -> TicketKey:
        """The ticket's key, made if there was none."""
        ...


class KeyStore:
    """The table ``ticket_keys``, on SQLite or PostgreSQL, shared by any number of processes.

    Args:
        engine: where the table is.
        master: wraps the keys with AES-256-GCM, the ticket's id authenticated with each.
        now: gives the UTC instant for ``created_at``.
    """

    def __init__(
        self, engine: Engine, master: MasterKey, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._master = master
        self._now = now

    def key_for(self, ticket_id: UUID) -> TicketKey:
        """The ticket's key, made if there was none.

        Raises:
            KeyProblemError: wrapped with another master key, or damaged.
        """
        return self.keys_for([ticket_id])[ticket_id]

    def keys_for(self, ticket_ids: Iterable[UUID]) -> dict[UUID, TicketKey]:
        """The keys of many tickets; a retry, and any other process, gets the same.

        Raises:
            KeyProblemError: as above.
        """
        wanted = sorted(set(ticket_ids))  # one order for all processes, else their inserts could lock each other
        keys: dict[UUID, TicketKey] = {}
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            keys |= self._some(wanted[start : start + _ROWS_AT_ONCE])
        return keys

    def _some(self, ticket_ids: Sequence[UUID]) -> dict[UUID, TicketKey]:
        with self._engine.connect() as connection:
            keys = self._read(connection, ticket_ids)
        missing = [ticket_id for ticket_id in ticket_ids if ticket_id not in keys]
        if missing:
            with self._engine.begin() as connection:
                self._insert(connection, missing)
                keys |= self._read(connection, missing)
        return keys

    def _insert(self, connection: Connection, ticket_ids: Sequence[UUID]) -> None:
        """Add keys for those that have none; who comes second keeps the first one's."""
        rows = [
            {
                "key_id": str(key_id(ticket_id)),
                "ticket_id": str(ticket_id),
                "wrapping_key_id": self._master.id,
                "wrapped_key": self._wrap(secrets.token_bytes(KEY_BYTES), ticket_id),
                "created_at": self._now(),
            }
            for ticket_id in ticket_ids
        ]
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(TICKET_KEYS).on_conflict_do_nothing(), rows)

    def _read(self, connection: Connection, ticket_ids: Sequence[UUID]) -> dict[UUID, TicketKey]:
        ids = [str(ticket_id) for ticket_id in ticket_ids]
        rows = connection.execute(select(TICKET_KEYS).where(TICKET_KEYS.c.ticket_id.in_(ids)))
        return {UUID(row.ticket_id): self._unwrap(row) for row in rows}

    def _wrap(self, secret: bytes, ticket_id: UUID) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._master.secret).encrypt(nonce, secret, str(ticket_id).encode())

    def _unwrap(self, row: Any) -> TicketKey:
        if row.wrapping_key_id != self._master.id:
            raise KeyProblemError(
                f"工单 {row.ticket_id} 的密钥由主密钥 {row.wrapping_key_id} 加密，"
                f"当前载入的是 {self._master.id}，请改用前者",
                f"the key of ticket {row.ticket_id} is wrapped with master key {row.wrapping_key_id}, "
                f"but {self._master.id} is loaded; load the other one",
            )
        nonce, wrapped = row.wrapped_key[:NONCE_BYTES], row.wrapped_key[NONCE_BYTES:]
        try:
            secret = AESGCM(self._master.secret).decrypt(nonce, wrapped, row.ticket_id.encode())
        except InvalidTag as error:
            raise KeyProblemError(
                f"工单 {row.ticket_id} 的密钥已损坏，请从备份恢复 ticket_keys 表中的这一行",
                f"the key of ticket {row.ticket_id} is damaged; restore its row from a backup",
            ) from error
        return TicketKey(UUID(row.key_id), secret)


class KeysAtHand:
    """Keys fetched from the store in advance, for those who handle many tickets at once.

    Args:
        store: where they come from, and where one that is not at hand is asked for.
        most: how many are kept; the oldest go first.
    """

    def __init__(self, store: KeyStore, most: int = 10_000) -> None:
        self._store = store
        self._most = most
        self._keys: OrderedDict[UUID, TicketKey] = OrderedDict()

    def fetch(self, ticket_ids: Iterable[UUID]) -> None:
        """Have these keys at hand.

        Raises:
            KeyProblemError: as for the store.
        """
        self._keys.update(self._store.keys_for(ticket_ids))
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)

    def key_for(self, ticket_id: UUID) -> TicketKey:
        """The ticket's key.

        Raises:
            KeyProblemError: as for the store.
        """
        return self._keys.get(ticket_id) or self._store.key_for(ticket_id)
