"""The byte form of a ticket in the Faust table: a small header that is read without decoding, then the ticket."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import msgspec

from schemas.commands import Respondent
from stream_processors.domain.ticket import Ticket

_HEADER = struct.Struct(">BqqB")
_FORMAT = 1
_QUARANTINED = 1


class RowFormatError(RuntimeError):
    """A row was written by another version of the worker, which this one cannot read."""


def _plain(value: Any) -> Any:
    if isinstance(value, Respondent):
        return {"type": value.type, "id": value.id}
    raise NotImplementedError(type(value))


def _rich(kind: type, value: Any) -> Any:
    if kind is Respondent:
        return Respondent.model_validate(value)
    raise NotImplementedError(kind)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder = msgspec.msgpack.Decoder(Ticket, dec_hook=_rich)


class Header(NamedTuple):
    """What the worker asks of a row without decoding the ticket.

    ``bell_at``: milliseconds since 1970 UTC, None without a deadline ahead. ``offset``: of the last command applied, so
    that a command read again is skipped.
    """

    bell_at: int | None
    offset: int
    quarantined: bool


def encode_row(ticket: Ticket | None, offset: int, *, quarantined: bool = False) -> bytes:
    """A row; without a ticket when the very first command of an id could not be decided."""
    bell_at = ticket.bell_at if ticket and not quarantined else None
    header = _HEADER.pack(_FORMAT, bell_at or 0, offset, _QUARANTINED if quarantined else 0)
    return header + _encoder.encode(ticket) if ticket else header


def header_of(row: bytes) -> Header:
    """The header of a row.

    Raises:
        RowFormatError: the row is of another format; rebuild the table from the log.
    """
    form, bell_at, offset, flags = _HEADER.unpack_from(row)
    if form != _FORMAT:
        raise RowFormatError(f"table rows of format {form} where {_FORMAT} is read; rebuild the table from the log")
    return Header(bell_at or None, offset, bool(flags & _QUARANTINED))


def ticket_of(row: bytes) -> Ticket | None:
    """The ticket of a row; None where there never was one."""
    return _decoder.decode(memoryview(row)[_HEADER.size :]) if len(row) > _HEADER.size else None
