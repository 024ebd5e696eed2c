"""Comparing the database with an offline replay of the log: every difference is named, none is mended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import islice

from sqlalchemy import Connection, Engine, select

from schemas.codec import decode_fact
from schemas.facts import GENESIS, Fact
from schemas.words import Language
from sinks import tables
from sinks.database import load_rows
from sinks.projection import Rows, project
from sinks.rows import FactRow, LoggedFact, RefusalRow, Row, fact_row, refusal_row

_PIECE = 1_000


class Kind(StrEnum):
    """What differs."""

    MISSING_FACT = "missing_fact"
    EXTRA_FACT = "extra_fact"
    OTHER_CONTENT = "other_content"
    BROKEN_CHAIN = "broken_chain"
    VERSION_GAP = "version_gap"
    MISSING_REFUSAL = "missing_refusal"
    EXTRA_REFUSAL = "extra_refusal"
    OTHER_REFUSAL = "other_refusal"
    TICKET_ROW = "ticket_row"
    CLOCK_ROW = "clock_row"
    VISIT_ROW = "visit_row"


_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.MISSING_FACT: ("数据库缺少这条事件", "the database lacks this fact"),
    Kind.EXTRA_FACT: ("数据库多出这条事件，日志中没有", "the database holds a fact that the log does not"),
    Kind.OTHER_CONTENT: ("事件内容与日志不一致", "the fact's content differs from the log"),
    Kind.BROKEN_CHAIN: ("哈希链断裂，前一条事件被改动过", "the hash chain is broken: the fact before was changed"),
    Kind.VERSION_GAP: ("事件版本号不连续", "the versions have a gap before this fact"),
    Kind.MISSING_REFUSAL: ("数据库缺少这条拒绝记录", "the database lacks this refusal"),
    Kind.EXTRA_REFUSAL: ("数据库多出这条拒绝记录", "the database holds a refusal that the log does not"),
    Kind.OTHER_REFUSAL: ("拒绝记录内容与日志不一致", "the refusal's content differs from the log"),
    Kind.TICKET_ROW: ("工单表与事件重算结果不一致", "the ticket's row differs from a fold of its facts"),
    Kind.CLOCK_ROW: ("时限表与事件重算结果不一致", "a clock's row differs from a fold of the facts"),
    Kind.VISIT_ROW: ("回访表与事件重算结果不一致", "a visit's row differs from a fold of the facts"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``detail`` names columns, the round and clock, or the refusal's id; it holds no content."""

    kind: Kind
    ticket_id: str
    version: int | None = None
    detail: str = ""

    def words(self, language: Language = "zh") -> str:
        """The difference in a sentence."""
        what = _WORDS[self.kind][0 if language == "zh" else 1]
        where = self.ticket_id if self.version is None else f"{self.ticket_id} #{self.version}"
        if not self.detail:
            return f"{where}：{what}" if language == "zh" else f"{where}: {what}"
        return f"{where}：{what}（{self.detail}）" if language == "zh" else f"{where}: {what} ({self.detail})"


@dataclass(slots=True)
class _Replay:
    """What the replay has shown so far: the rows folded from it, and what was found to differ."""

    rows: dict[str, Rows] = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)
    found: list[Difference] = field(default_factory=list)
    ends: Mapping[int, int] = field(default_factory=dict)

    def is_newer(self, partition: int, offset: int) -> bool:
        """Whether a command stands behind the replay's end, so that its facts are not for this audit to judge."""
        return partition in self.ends and offset >= self.ends[partition]

    def report(self, kind: Kind, ticket_id: str, version: int | None = None, detail: str = "") -> None:
        self.found.append(Difference(kind, ticket_id, version, detail))


def audit(engine: Engine, facts: Iterable[Fact], ends: Mapping[int, int] | None = None) -> list[Difference]:
    """Every difference between the database and these facts, which an offline replay of the log gave.

    The sink should have written them all. The facts are read once, in pieces; in memory stay the folded rows of each
    ticket (about 5 kB) and the differences.

    Args:
        engine: the database to examine; it is only read.
        facts: tickets in any order, or interleaved as on the log; each ticket's in the order of versions; refusals
            anywhere.
        ends: up to which offset of each partition of ``hotline.tickets`` the replay went. What commands behind it led
            to is taken as stored; without ``ends`` it counts as extra.

    Raises:
        ValueError: the replay itself skips a version.
    """
    replay = _Replay(ends=ends or {})
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")  # one snapshot for all the reads
    with engine.connect() as connection:
        for piece in _pieces(facts):
            _compare_refusals(connection, replay, [fact for fact in piece if fact.version is None])
            _compare_facts(connection, replay, [fact for fact in piece if fact.version is not None])
        _examine_stored_facts(connection, replay)
        _examine_stored_refusals(connection, replay)
        _compare_rows(connection, replay)
    return replay.found


def _pieces(facts: Iterable[Fact]) -> Iterator[list[Fact]]:
    left = iter(facts)
    while piece := list(islice(left, _PIECE)):
        yield piece


def _compare_facts(connection: Connection, replay: _Replay, facts: Sequence[Fact]) -> None:
    """Each fact of the replay must be stored with the same content in every column."""
    ids = [str(fact.id) for fact in facts]
    query = select(tables.facts).where(tables.facts.c.id.in_(ids))
    stored = {row.id: row for row in (FactRow(*row) for row in connection.execute(query))}
    for fact in facts:
        row = fact_row(LoggedFact.of(fact))
        replay.rows[row.ticket_id] = project(replay.rows.get(row.ticket_id), fact)
        there = stored.get(row.id)
        if there is None:
            replay.report(Kind.MISSING_FACT, row.ticket_id, row.version)
        elif there != row:
            replay.report(Kind.OTHER_CONTENT, row.ticket_id, row.version, _differing(there, row))


def _compare_refusals(connection: Connection, replay: _Replay, facts: Sequence[Fact]) -> None:
    ids = [str(fact.id) for fact in facts]
    query = select(tables.refusals).where(tables.refusals.c.id.in_(ids))
    stored = {row.id: row for row in (RefusalRow(*row) for row in connection.execute(query))}
    for fact in facts:
        row = refusal_row(LoggedFact.of(fact))
        replay.refusals.add(row.id)
        there = stored.get(row.id)
        if there is None:
            replay.report(Kind.MISSING_REFUSAL, row.ticket_id, detail=row.id)
        elif there != row:
            replay.report(Kind.OTHER_REFUSAL, row.ticket_id, detail=f"{row.id}: {_differing(there, row)}")


def _examine_stored_facts(connection: Connection, replay: _Replay) -> None:
    """Walk every stored chain by itself: no gap, each fact naming the digest of the one before, none beyond the log."""
    table = tables.facts
    place = (table.c.log_partition, table.c.log_offset)
    query = select(table.c.ticket_id, table.c.version, table.c.payload, *place).order_by(*table.primary_key)
    ticket, reached, digest = "", 0, GENESIS
    for ticket_id, version, payload, partition, offset in connection.execute(query.execution_options(yield_per=_PIECE)):
        if ticket_id != ticket:
            ticket, reached, digest = ticket_id, 0, GENESIS
        if version != reached + 1:
            replay.report(Kind.VERSION_GAP, ticket_id, version, f"{reached} → {version}")
        elif _previous(payload) not in {digest, None}:
            replay.report(Kind.BROKEN_CHAIN, ticket_id, version)
        if replay.is_newer(partition, offset):
            replay.rows[ticket_id] = project(replay.rows.get(ticket_id), decode_fact(payload.encode()))
        elif version > (replay.rows[ticket_id].ticket.version if ticket_id in replay.rows else 0):
            replay.report(Kind.EXTRA_FACT, ticket_id, version)
        reached, digest = version, hashlib.sha256(payload.encode()).hexdigest()


def _previous(payload: str) -> object:
    """The predecessor that a stored fact names; None where the content is no fact, which is reported on its own."""
    try:
        content = json.loads(payload)
    except ValueError:
        return None
    return content.get("previous") if isinstance(content, dict) else None


def _examine_stored_refusals(connection: Connection, replay: _Replay) -> None:
    columns = tables.refusals.c
    query = select(columns.id, columns.ticket_id, columns.log_partition, columns.log_offset)
    for refusal_id, ticket_id, partition, offset in connection.execute(query.execution_options(yield_per=_PIECE)):
        if refusal_id not in replay.refusals and not replay.is_newer(partition, offset):
            replay.report(Kind.EXTRA_REFUSAL, ticket_id, detail=refusal_id)


def _compare_rows(connection: Connection, replay: _Replay) -> None:
    """The projections must hold the folded rows and nothing else."""
    known = sorted(replay.rows)
    for start in range(0, len(known), _PIECE):
        some = known[start : start + _PIECE]
        stored = load_rows(connection, some)
        for ticket_id in some:
            _compare_ticket(replay, ticket_id, stored.get(ticket_id), replay.rows[ticket_id])
    for table, kind in (
        (tables.tickets, Kind.TICKET_ROW),
        (tables.clocks, Kind.CLOCK_ROW),
        (tables.visits, Kind.VISIT_ROW),
    ):
        for (ticket_id,) in connection.execute(select(table.c.ticket_id).distinct()):
            if ticket_id not in replay.rows:
                replay.report(kind, ticket_id, detail="extra")


def _compare_ticket(replay: _Replay, ticket_id: str, stored: Rows | None, folded: Rows) -> None:
    if stored is None:
        replay.report(Kind.TICKET_ROW, ticket_id, detail="missing")
        return
    if stored.ticket != folded.ticket:
        replay.report(Kind.TICKET_ROW, ticket_id, detail=_differing(stored.ticket, folded.ticket))
    for place in sorted(stored.clocks.keys() | folded.clocks.keys()):
        there, due = stored.clocks.get(place), folded.clocks.get(place)
        if there != due:
            replay.report(Kind.CLOCK_ROW, ticket_id, detail=f"{place[0]}/{place[1]}: {_differing(there, due)}")
    for number in sorted(stored.visits.keys() | folded.visits.keys()):
        if stored.visits.get(number) != folded.visits.get(number):
            detail = _differing(stored.visits.get(number), folded.visits.get(number))
            replay.report(Kind.VISIT_ROW, ticket_id, detail=f"{number}: {detail}")


def _differing(stored: Row | None, expected: Row | None) -> str:
    """The names of the columns that differ."""
    if stored is None or expected is None:
        return "missing" if stored is None else "extra"
    names = [item.name for item in fields(expected)]
    return ", ".join(name for name in names if getattr(stored, name) != getattr(expected, name))
