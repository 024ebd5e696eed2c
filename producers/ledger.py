"""Reads a ledger in CSV row by row; a row that cannot be taken says which column is to blame and why."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from producers.mapping import Choice, LedgerMapping, fill
from producers.masking import mask
from schemas.commands import OpenTicket
from schemas.enums import Channel, Domain, Kind
from schemas.identity import ticket_id
from schemas.words import Language, SaidError, file_problem, problem_words

_FIRST_ROW: Final = 2  # as a spreadsheet counts, the heading being row 1
_W = TypeVar("_W", Channel, Kind, Domain)


class LedgerError(SaidError):
    """A file that cannot be read as a ledger at all; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as a ticket of history. Instants are UTC; ``due_at`` is the source's own deadline, for checks only."""

    row: int
    ticket_id: UUID
    opening: OpenTicket
    received_at: datetime
    closed_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken. ``row`` counts as a spreadsheet does; ``column`` is "" if the whole row is to blame."""

    row: int
    column: str
    reason: str
    reason_zh: str

    def words(self, language: Language = "zh") -> str:
        """The reason, to show."""
        return self.reason_zh if language == "zh" else self.reason


def read_ledger(path: Path, mapping: LedgerMapping) -> Iterator[Entry | BadRow]:
    """The rows in the file's order, one at a time.

    Raises:
        LedgerError: not readable, not in the mapping's encoding, or without the columns that the mapping names.
    """
    with _opened(path, mapping) as file:
        reader = csv.DictReader(file, strict=True)
        _check_columns(path, mapping, reader)
        number = _FIRST_ROW
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(number, "", f"not CSV: {error}", f"不是有效的 CSV（{error}），请检查引号和逗号")
            else:
                yield _entry(number, row, mapping)
            number += 1


def as_of(path: Path, mapping: LedgerMapping) -> datetime | None:
    """The moment up to which the ledger tells, UTC: the mapping's, else the last closing, else the last receipt.

    Raises:
        LedgerError: as above, or the mapping's own moment does not fit its format.
    """
    if mapping.as_of is not None:
        try:
            return _instant(mapping.as_of, mapping)
        except _TimeError as error:
            raise LedgerError(f"列映射的 as_of：{error.chinese}", f"as_of of the mapping: {error}") from error
    last_closing = last_receipt = None
    for entry in read_ledger(path, mapping):
        if isinstance(entry, Entry):
            last_closing = _later(last_closing, entry.closed_at)
            last_receipt = _later(last_receipt, entry.received_at)
    return last_closing or last_receipt


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((instant for instant in (one, other) if instant is not None), default=None)


@contextmanager
def _opened(path: Path, mapping: LedgerMapping) -> Iterator[TextIO]:
    """The file as text; a byte that is none spoils its row alone."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        file = opener(path, "rt", encoding=mapping.encoding, errors="surrogateescape", newline="")
    except OSError as error:
        raise LedgerError(*file_problem(path, error)) from error
    except LookupError as error:
        raise LedgerError(
            f"{path}：没有 {mapping.encoding} 这种编码，请改正列映射的 encoding",
            f"{path}: {error}; correct the mapping's encoding",
        ) from error
    with file:
        try:
            yield file
        except (OSError, EOFError, zlib.error) as error:
            raise LedgerError(
                f"{path}：文件已损坏（{error}），请重新获取", f"{path}: {error}; the file is damaged, fetch it again"
            ) from error
        except UnicodeError as error:
            raise LedgerError(
                f"{path}：不是 {mapping.encoding} 编码，请改正列映射的 encoding",
                f"{path}: {error}; correct the mapping's encoding {mapping.encoding!r}",
            ) from error


def _check_columns(path: Path, mapping: LedgerMapping, reader: csv.DictReader[str]) -> None:
    try:
        present = list(reader.fieldnames or [])
    except csv.Error as error:
        raise LedgerError(
            f"{path}：表头不是有效的 CSV（{error}），请检查引号和逗号", f"{path}: the heading is not CSV: {error}"
        ) from error
    missing = sorted(mapping.columns - set(present))
    if missing:
        raise LedgerError(
            f"{path} 缺少列：{'、'.join(missing)}；现有列：{'、'.join(present) or '无'}。请换用相符的列映射或改正它",
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(present) or 'none'}. "
            "Correct the mapping",
        )


class _TimeError(SaidError):
    """A time that cannot be read."""


class _BadRowError(SaidError):
    def __init__(self, column: str, chinese: str, english: str) -> None:
        super().__init__(chinese, english)
        self.column = column


def _entry(number: int, row: dict[str, Any], mapping: LedgerMapping) -> Entry | BadRow:
    try:
        return _read(number, row, mapping)
    except _BadRowError as error:
        return BadRow(number, error.column, str(error), error.chinese)


def _read(number: int, row: dict[str, Any], mapping: LedgerMapping) -> Entry:
    if None in row or None in row.values():
        raise _BadRowError("", "字段数与表头不符", "more or fewer fields than the heading")
    source_number = row[mapping.source_number].strip()
    opening = _opening(source_number, row, mapping)
    received_at = _time(row, mapping.received, mapping)
    if received_at is None:
        raise _BadRowError(mapping.received, "为空，无法开始计时", "blank; without it no clock can start")
    closed_at = _time(row, mapping.closed, mapping)
    if closed_at is not None and closed_at < received_at:
        raise _BadRowError(mapping.closed or "", "早于接收时间", "earlier than the receipt")
    return Entry(
        row=number,
        ticket_id=ticket_id(mapping.source, source_number),
        opening=opening,
        received_at=received_at,
        closed_at=closed_at,
        due_at=_time(row, mapping.due, mapping),
    )


def _opening(source_number: str, row: dict[str, str], mapping: LedgerMapping) -> OpenTicket:
    try:
        return OpenTicket(
            source_number=source_number,
            channel=_word(row, mapping.channel),
            kind=_word(row, mapping.kind),
            domain=_word(row, mapping.domain),
            category=fill(mapping.category, row) if mapping.category else None,
            district=(fill(mapping.district, row) or None) if mapping.district else None,
            text=mask(fill(mapping.text, row)),
            contactable=False,
            history=True,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = str(problem["loc"][0])
        source = {"source_number": mapping.source_number, "text": mapping.text, "category": mapping.category or ""}
        kind, message, context = problem["type"], problem["msg"], problem.get("ctx", {})
        raise _BadRowError(source.get(field, field), problem_words(kind, message, context, "zh"), message) from None


def _word(row: dict[str, str], choice: Choice[_W]) -> _W:
    content = row[choice.column].strip() if choice.column else ""
    word = choice.values.get(content, choice.default)
    if word is None:
        raise _BadRowError(
            choice.column or "",
            f"列映射中没有“{content}”这个值，请补进 values，或设 default",
            f"{content!r} is none of the mapping's values",
        )
    return word


def _time(row: dict[str, str], column: str | None, mapping: LedgerMapping) -> datetime | None:
    content = row[column].strip() if column else ""
    if not content:
        return None
    try:
        return _instant(content, mapping)
    except _TimeError as error:
        raise _BadRowError(column or "", error.chinese, str(error)) from None


def _instant(content: str, mapping: LedgerMapping) -> datetime:
    """A local time as an instant; of an hour that the clocks run through twice it is the first."""
    zone = ZoneInfo(mapping.zone)
    try:
        local = datetime.strptime(content, mapping.time_format).replace(tzinfo=zone)
    except ValueError as error:
        raise _TimeError(f"“{content}”不符合时间格式 {mapping.time_format}", str(error)) from None
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise _TimeError(
            f"{mapping.zone} 没有“{content}”这个时间：当时时钟拨快了",
            f"{content!r} does not exist in {mapping.zone}: the clocks were put forward",
        )
    return instant
