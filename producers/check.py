"""Compares what our clocks made of an imported ledger with the ledger's own deadlines and with what is expected."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from producers.ledger import Entry
from producers.mapping import Expectation
from schemas.enums import Verdict
from schemas.words import SaidError, file_problem


class ExceptionsError(SaidError):
    """A list of exceptions that cannot be read; the message names file and row."""


@dataclass(frozen=True, slots=True)
class ClockOutcome:
    """What became of a ticket's clock; instants are UTC."""

    due_at: datetime
    verdict: Verdict
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A ticket whose deadline in the ledger and ours are not the same; ``ours`` is None where we set none."""

    source_number: str
    theirs: datetime
    ours: datetime | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A count. ``expected`` is None where the mapping expects nothing."""

    name: str
    expected: int | None
    found: int

    @property
    def differs(self) -> bool:
        """Whether something else was expected."""
        return self.expected is not None and self.expected != self.found


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a check.

    Args:
        figures: of the rows with a deadline of their own: deadlines ``equal`` to ours, ``exceptions`` that differ,
            rows ``closed``, of these ``closed_late`` by our verdict, ``open_breaches``, and ``breaches`` in all;
            besides, the ``extra`` deadlines of rows that have none of their own. ``verdicts_differ`` counts rows that
            are late by their own deadline and in time by ours, or the other way round.
        unlisted: differences that the list of exceptions does not know.
        unseen: exceptions that the list knows but that did not occur.
    """

    figures: tuple[Figure, ...]
    unlisted: tuple[Difference, ...]
    unseen: tuple[Difference, ...]

    @property
    def differs(self) -> bool:
        """Whether anything is not as expected."""
        return bool(self.unlisted or self.unseen) or any(figure.differs for figure in self.figures)


def compare(
    entries: Iterable[Entry],
    clocks: Mapping[UUID, ClockOutcome],
    as_of: datetime,
    expected: Expectation | None = None,
    listed: frozenset[Difference] = frozenset(),
) -> Comparison:
    """Hold a ledger against our clocks.

    Args:
        entries: the ledger's rows; they may come one by one.
        clocks: what became of each ticket's clock, by ticket id; without an entry the ticket has none.
        as_of: the moment up to which the ledger tells, UTC.
        expected: the counts that must come out.
        listed: the differences known and accepted.
    """
    tally = _Tally()
    for entry in entries:
        tally.add(entry, clocks.get(entry.ticket_id), as_of)
    wanted = expected.model_dump() if expected else {}
    counts = tally.counts | {"verdicts_differ": tally.verdicts_differ}
    return Comparison(
        figures=tuple(Figure(name, wanted.get(name, 0 if expected else None), found) for name, found in counts.items()),
        unlisted=tuple(sorted(tally.differences - listed)),
        unseen=tuple(sorted(listed - tally.differences)),
    )


def load_exceptions(path: Path) -> frozenset[Difference]:
    """Read a list of exceptions: source number, their deadline and ours, as ISO 8601 with offset.

    Raises:
        ExceptionsError: unreadable, or a row that is not three fields of that form.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExceptionsError(*file_problem(path, error)) from error
    return frozenset(_difference(path, number, row) for number, row in enumerate(rows, start=2))


def _difference(path: Path, number: int, row: list[str]) -> Difference:
    try:
        source_number, theirs, ours = row
        return Difference(source_number, datetime.fromisoformat(theirs), datetime.fromisoformat(ours) if ours else None)
    except ValueError as error:
        raise ExceptionsError(
            f"{path} 第 {number} 行：应为来源编号、文件期限、我方期限三项，时间形如 2026-01-31T09:00:00+08:00",
            f"{path}, row {number}: {error}",
        ) from error


class _Tally:
    """Counts as the rows go by."""

    def __init__(self) -> None:
        names = ("equal", "exceptions", "extra", "closed", "closed_late", "open_breaches", "breaches")
        self.counts = dict.fromkeys(names, 0)
        self.verdicts_differ = 0
        self.differences: set[Difference] = set()

    def add(self, entry: Entry, clock: ClockOutcome | None, as_of: datetime) -> None:
        if entry.due_at is None:
            self.counts["extra"] += clock is not None
            return
        if clock is not None and clock.due_at == entry.due_at:
            self.counts["equal"] += 1
        else:
            self.counts["exceptions"] += 1
            ours = clock.due_at if clock else None
            self.differences.add(Difference(entry.opening.source_number, entry.due_at, ours))
        late = clock is not None and clock.verdict is Verdict.BREACHED
        closed = entry.closed_at is not None
        self.counts["closed"] += closed
        self.counts["closed_late"] += closed and late
        self.counts["open_breaches"] += late and not closed
        self.counts["breaches"] += late
        self.verdicts_differ += late is not ((entry.closed_at or as_of) > entry.due_at)
