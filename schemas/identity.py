"""Names that are computed, so that the same thing gets the same name again."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

_TICKETS = uuid5(NAMESPACE_URL, "urn:hotline-3012:ticket")
_REFUSALS = uuid5(NAMESPACE_URL, "urn:hotline-3012:refusal")
_KEYS = uuid5(NAMESPACE_URL, "urn:hotline-3012:key")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_PUBLIC_LETTERS = 8
_FREE_BITS = ~(0xF << 76 | 0b11 << 62)  # of a UUID: all but its version and variant (RFC 9562, 5.5)
_VERSION_5 = 5 << 76 | 0b10 << 62


def ticket_id(source: str, source_number: str) -> UUID:
    """The ticket of a source's own number; a second push of the same case is the same ticket."""
    return uuid5(uuid5(_TICKETS, source), source_number)


def fact_id(ticket: UUID, version: int) -> UUID:
    """The id of a ticket's fact number ``version`` (from 1)."""
    return _uuid5(ticket, str(version))


def _uuid5(namespace: UUID, name: str) -> UUID:
    """The same as ``uuid.uuid5`` in half the time: every fact needs one."""
    digest = hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()
    return UUID(int=int.from_bytes(digest[:16], "big") & _FREE_BITS | _VERSION_5)


def refusal_id(topic: str, partition: int, offset: int) -> UUID:
    """The id of a refusal: refusals are outside a ticket's chain, so the record's place names them."""
    return uuid5(_REFUSALS, f"{topic}/{partition}/{offset}")


def key_id(ticket: UUID) -> UUID:
    """The name of a ticket's key, so that a retry never orphans one."""
    return uuid5(_KEYS, str(ticket))


def public_number(ticket: UUID, local_day: datetime) -> str:
    """The number told to the citizen: the local day and eight letters, as in ``20241231-7K3QXM2A``."""
    bits = ticket.int >> (128 - 5 * _PUBLIC_LETTERS)
    letters = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(5 * (_PUBLIC_LETTERS - 1), -1, -5))
    return f"{local_day:%Y%m%d}-{letters}"


@lru_cache(maxsize=1)  # the facts of one command ask for it one after another
def command_mark(source: str, command_id: str) -> bytes:
    """Eight bytes by which a ticket remembers a command for life."""
    return hashlib.blake2b(f"{source}\x00{command_id}".encode(), digest_size=8).digest()
