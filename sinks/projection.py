"""Folding facts into the rows of tickets, clocks and visits: pure, so that everything can be computed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from schemas.enums import State, Verdict
from schemas.facts import (
    AlertAcknowledged,
    CitizenInformed,
    ClockBreached,
    ClockCancelled,
    ClockExcused,
    ClockStarted,
    ClockStopped,
    CommandRefused,
    Fact,
    FeedbackTried,
    HandlerArrived,
    LevelReached,
    OnSiteDecided,
    ResultSubmitted,
    RoundOpened,
    TicketAccepted,
    TicketClosed,
    TicketDispatched,
    TicketOpened,
    TicketResolved,
    TicketSupervised,
    TicketSupplemented,
    TicketTriaged,
    VisitCompleted,
    VisitTried,
)
from sinks.rows import ClockRow, TicketRow, VisitRow

_FINAL = frozenset({Verdict.BREACHED, Verdict.EXCUSED})


@dataclass(frozen=True, slots=True)
class Rows:
    """All that the projections know of one ticket: clocks by (round, clock), visits by round."""

    ticket: TicketRow
    clocks: Mapping[tuple[int, str], ClockRow] = field(default_factory=dict)
    visits: Mapping[int, VisitRow] = field(default_factory=dict)


def fold(facts: Iterable[Fact], rows: Rows | None = None) -> Rows | None:
    """The rows after these facts of one ticket, in order of version."""
    for fact in facts:
        rows = project(rows, fact)
    return rows


def project(rows: Rows | None, fact: Fact) -> Rows:
    """The rows after one more fact.

    Raises:
        ValueError: the fact is not the ticket's next one, or is a refusal.
    """
    data, version = fact.data, _checked(rows, fact)
    if rows is None:
        return Rows(_opened(fact))
    ticket = replace(rows.ticket, version=version, updated_at=fact.recorded_at)
    match data:
        case ClockStarted() | ClockStopped() | ClockBreached() | ClockExcused() | ClockCancelled():
            return Rows(ticket, _with_clock(rows, fact, data), rows.visits)
        case VisitTried():
            return Rows(replace(ticket, state=State.VISITING), rows.clocks, _with_visit(rows, fact, data))
        case VisitCompleted():
            return Rows(replace(ticket, last_outcome=data.outcome), rows.clocks, _with_visit(rows, fact, data))
        case FeedbackTried() | CitizenInformed() | LevelReached() | AlertAcknowledged():
            return Rows(ticket, rows.clocks, rows.visits)  # of these the facts themselves tell
        case TicketOpened() | CommandRefused():
            raise ValueError(f"ticket {fact.ticket_id}: {data.type} is no fact of an open ticket's chain")
        case _:
            return Rows(_moved(ticket, fact, data), rows.clocks, rows.visits)


_Move = (
    TicketSupplemented
    | RoundOpened
    | TicketDispatched
    | TicketTriaged
    | TicketAccepted
    | OnSiteDecided
    | HandlerArrived
    | ResultSubmitted
    | TicketResolved
    | TicketSupervised
    | TicketClosed
)
"""Facts that change the ticket's own row and nothing else."""


def _moved(ticket: TicketRow, fact: Fact, data: _Move) -> TicketRow:  # noqa: C901, PLR0911 (one arm per fact)
    match data:
        case TicketSupplemented():  # the source pushed the whole case again; the first text stays in its fact
            return replace(ticket, text=data.text)
        case RoundOpened():
            return _in_round(ticket, data)
        case TicketDispatched():
            return replace(ticket, state=State.DISPATCHED, unit=data.unit, person=None)
        case TicketTriaged():
            return replace(ticket, state=State.TRIAGE, unit=None, person=None)
        case TicketAccepted():
            first = ticket.first_handler or data.unit
            return replace(ticket, state=State.ACCEPTED, person=data.person, first_handler=first)
        case OnSiteDecided():
            return replace(ticket, on_site_needed=data.needed)
        case HandlerArrived():
            return replace(ticket, state=State.ARRIVED)
        case ResultSubmitted():
            return replace(ticket, state=State.RESULT_SUBMITTED)
        case TicketResolved():
            return replace(ticket, state=State.RESOLVED, resolved_at=fact.at)
        case TicketSupervised():
            return replace(ticket, state=State.SUPERVISED)
        case TicketClosed():
            return replace(ticket, state=State.CLOSED, closed_at=fact.at)
        case _:
            assert_never(data)


def _checked(rows: Rows | None, fact: Fact) -> int:
    expected = 1 if rows is None else rows.ticket.version + 1
    if fact.version != expected:
        raise ValueError(f"ticket {fact.ticket_id}: fact {fact.version} where {expected} is next")
    return expected


def _opened(fact: Fact) -> TicketRow:
    data = fact.data
    if not isinstance(data, TicketOpened):
        raise ValueError(f"ticket {fact.ticket_id} begins with {data.type}")  # noqa: TRY004 (a value, not a type)
    return TicketRow(
        ticket_id=str(fact.ticket_id),
        version=1,
        public_number=data.public_number,
        source=data.source,
        source_number=data.source_number,
        channel=data.channel,
        kind=data.kind,
        domain=data.domain,
        urgency=data.urgency,
        sensitivity=data.sensitivity,
        district=data.district,
        category=data.category,
        respondent_type=data.respondent.type if data.respondent else None,
        respondent_id=data.respondent.id if data.respondent else None,
        on_site_needed=data.on_site_needed,
        text=data.text,
        state=State.TRIAGE,
        unit=None,
        person=None,
        first_handler=None,
        policy_set=data.policy_set,
        policy="",
        round=0,
        received_at=data.received_at,
        resolved_at=None,
        closed_at=None,
        updated_at=fact.recorded_at,
        last_outcome=None,
        history=data.history,
    )


def _in_round(ticket: TicketRow, data: RoundOpened) -> TicketRow:
    """A new round takes back what the old one had reached; the old one's clocks and visit keep their rows."""
    return replace(
        ticket,
        round=data.round,
        policy_set=data.policy_set,
        policy=data.policy,
        resolved_at=None,
        closed_at=None,
    )


_ClockFact = ClockStarted | ClockStopped | ClockBreached | ClockExcused | ClockCancelled


def _with_clock(rows: Rows, fact: Fact, data: _ClockFact) -> Mapping[tuple[int, str], ClockRow]:
    key = (data.round, data.clock)
    before = rows.clocks.get(key)
    if isinstance(data, ClockStarted):
        if before is not None and before.verdict in _FINAL:
            return rows.clocks  # whatever starts a clock once more in its round, the breach is final
        return {**rows.clocks, key: _started(rows.ticket, data)}
    if before is None:
        raise ValueError(f"ticket {fact.ticket_id}: {data.type} of clock {key}, which was never started")
    return {**rows.clocks, key: _after(before, fact, data)}


def _started(ticket: TicketRow, data: ClockStarted) -> ClockRow:
    return ClockRow(
        ticket_id=ticket.ticket_id,
        round=data.round,
        clock=data.clock,
        policy=ticket.policy,
        started_at=data.started_at,
        due_at=data.due_at,
        stopped_at=None,
        cancelled_at=None,
        breached_at=None,
        verdict=Verdict.RUNNING,
        unit=None,
        person=None,
        cause=None,
        detection_s=None,
        provisional=data.provisional,
        late=data.late,
        limit=data.limit.model_dump_json(exclude_none=True),
        basis=data.basis.model_dump_json(exclude_none=True),
    )


def _after(clock: ClockRow, fact: Fact, data: ClockStopped | ClockBreached | ClockExcused | ClockCancelled) -> ClockRow:
    """The clock after a fact about it. A breach is final: only an excuse follows it, and nothing takes it away."""
    match data:
        case ClockStopped():
            verdict = clock.verdict if clock.verdict in _FINAL else data.verdict
            return replace(clock, stopped_at=data.stopped_at, verdict=verdict)
        case ClockBreached():
            return replace(
                clock,
                verdict=Verdict.BREACHED,
                breached_at=data.breached_at,
                unit=data.unit,
                person=data.person,
                cause=data.cause,
                detection_s=data.detection_s,
            )
        case ClockExcused():
            return replace(clock, verdict=Verdict.EXCUSED)
        case ClockCancelled():
            verdict = clock.verdict if clock.verdict in _FINAL else Verdict.CANCELLED
            return replace(clock, cancelled_at=fact.at, verdict=verdict)
        case _:
            assert_never(data)


def _with_visit(rows: Rows, fact: Fact, data: VisitTried | VisitCompleted) -> Mapping[int, VisitRow]:
    done = data if isinstance(data, VisitCompleted) else None
    visit = VisitRow(
        ticket_id=rows.ticket.ticket_id,
        round=data.round,
        attempts=data.attempt,
        outcome=done.outcome if done else None,
        effective=done.effective if done else False,
        solved=done.solved if done else None,
        visited_at=fact.at if done else None,
        text=data.text,
    )
    return {**rows.visits, data.round: visit}
