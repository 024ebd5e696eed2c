"""Folding facts into a ticket. Facts are taken as they are: whether they may happen was decided before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from schemas.enums import Milestone, State, Verdict
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
    FactData,
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
from schemas.identity import command_mark
from stream_processors.domain.ticket import MARK_BYTES, Profile, Round, RunningClock, Ticket

_BY_TIME_ALONE = (ClockBreached, LevelReached)
_MILESTONES: dict[type[FactData], Milestone] = {
    RoundOpened: Milestone.RECEIVED,
    TicketDispatched: Milestone.DISPATCHED,
    TicketAccepted: Milestone.ACCEPTED,
    HandlerArrived: Milestone.ARRIVED,
    CitizenInformed: Milestone.INFORMED,
    TicketResolved: Milestone.RESOLVED,
    VisitCompleted: Milestone.VISITED,
    TicketClosed: Milestone.CLOSED,
}
_STEPS: tuple[type[FactData], ...] = (*_MILESTONES, ResultSubmitted, VisitTried)
"""Facts that move a ticket's life on; no later step may claim an earlier instant."""


def fold(facts: Iterable[Fact], ticket: Ticket | None = None) -> Ticket | None:
    """The ticket after these facts, in order of version."""
    for fact in facts:
        ticket = evolve(ticket, fact)
    return ticket


def evolve(ticket: Ticket | None, fact: Fact) -> Ticket | None:
    """The ticket after one more fact; a refusal changes nothing.

    Raises:
        ValueError: the fact is not the ticket's next one.
    """
    if isinstance(fact.data, CommandRefused):
        return ticket
    expected = 1 if ticket is None else ticket.version + 1
    if fact.version != expected:
        raise ValueError(f"ticket {fact.ticket_id}: fact {fact.version} where {expected} is next")
    if ticket is None:
        if not isinstance(fact.data, TicketOpened):
            raise ValueError(f"ticket {fact.ticket_id} begins with {fact.data.type}")
        return _opened(fact, fact.data)
    return replace(
        ticket,
        version=fact.version,
        last_hash=fact.digest,
        last_time=fact.recorded_at,
        last_deed=max(ticket.last_deed, fact.at) if isinstance(fact.data, _STEPS) else ticket.last_deed,
        marks=_marks(ticket, fact),
        **_with_milestone(ticket, fact.data, _changes(ticket, fact.data)),
    )


def _marks(ticket: Ticket, fact: Fact) -> bytes:
    """Remember the command behind a deed; bells, and what time alone brings about, leave no mark."""
    if fact.cause.type == "RingBell" or isinstance(fact.data, _BY_TIME_ALONE):
        return ticket.marks
    mark = command_mark(fact.cause.source, fact.cause.id)
    return ticket.marks if ticket.marks[-MARK_BYTES:] == mark else ticket.marks + mark


def _opened(fact: Fact, data: TicketOpened) -> Ticket:
    profile = Profile(
        source=data.source,
        public_number=data.public_number,
        channel=data.channel,
        kind=data.kind,
        domain=data.domain,
        urgency=data.urgency,
        sensitivity=data.sensitivity,
        district=data.district,
        category=data.category,
        respondent=data.respondent,
        contactable=data.contactable,
        history=data.history,
        entered_at=fact.recorded_at,
    )
    return Ticket(
        id=fact.ticket_id,
        profile=profile,
        version=1,
        last_hash=fact.digest,
        last_time=fact.recorded_at,
        last_deed=fact.at,
        state=State.TRIAGE,
        on_site_needed=data.on_site_needed,
        digest=data.digest,
        round=Round(0, "", ""),
        marks=command_mark(fact.cause.source, fact.cause.id),
    )


def _changes(ticket: Ticket, data: FactData) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 (one arm per fact)
    """The fields of the ticket that a fact changes, besides its place in the chain."""
    match data:
        case RoundOpened():
            return {"round": Round(data.round, data.policy_set, data.policy, reached=(Milestone.RECEIVED,))}
        case TicketDispatched():
            return {"state": State.DISPATCHED, "unit": data.unit, "person": None}
        case TicketTriaged():
            return {"state": State.TRIAGE, "unit": None, "person": None}
        case TicketAccepted():
            first = ticket.first_handler or data.unit
            return {"state": State.ACCEPTED, "person": data.person, "first_handler": first}
        case OnSiteDecided():
            return {"on_site_needed": data.needed}
        case HandlerArrived():
            return {"state": State.ARRIVED}
        case ResultSubmitted():
            return {"state": State.RESULT_SUBMITTED}
        case TicketResolved():
            return {"state": State.RESOLVED}
        case VisitTried():
            tries = (*ticket.round.visit_tries, data.part_of_day)
            return {"state": State.VISITING, "round": replace(ticket.round, visit_tries=tries)}
        case TicketSupervised():
            return {"state": State.SUPERVISED}
        case TicketClosed():
            return {"state": State.CLOSED}
        case TicketSupplemented():
            return {"digest": data.digest}
        case AlertAcknowledged():
            seen = (*ticket.round.acknowledged, (data.clock, data.level))
            return {"round": replace(ticket.round, acknowledged=seen)}
        case _:
            return {"round": _with_clocks(ticket.round, data)}


def _with_milestone(ticket: Ticket, data: FactData, changes: dict[str, Any]) -> dict[str, Any]:
    milestone = _MILESTONES.get(type(data))
    if milestone is None or milestone in ticket.round.reached or isinstance(data, RoundOpened):
        return changes
    current: Round = changes.get("round", ticket.round)
    return changes | {"round": replace(current, reached=(*current.reached, milestone))}


def _with_clocks(current: Round, data: FactData) -> Round:
    match data:
        case ClockStarted():
            breach_next = data.next_at == data.due_at
            clock = RunningClock(data.clock, data.started_at, data.due_at, data.next_at, breach_next=breach_next)
            return replace(current, clocks=(*current.clocks, clock))
        case ClockStopped() | ClockBreached() | ClockExcused() | ClockCancelled() | LevelReached():
            clocks = [_after(clock, data) if clock.clock == data.clock else clock for clock in current.clocks]
            return replace(current, clocks=tuple(clocks))
        case _:
            return current


def _after(
    clock: RunningClock, data: ClockStopped | ClockBreached | ClockExcused | ClockCancelled | LevelReached
) -> RunningClock:
    match data:
        case ClockStopped():
            return replace(clock, verdict=data.verdict, stopped=True, next_at=None)
        case ClockBreached():
            return replace(clock, verdict=Verdict.BREACHED)
        case ClockExcused():
            return replace(clock, verdict=Verdict.EXCUSED)
        case ClockCancelled():
            verdict = clock.verdict if clock.verdict is Verdict.BREACHED else Verdict.CANCELLED
            return replace(clock, verdict=verdict, stopped=True, next_at=None)
        case LevelReached():
            breach_next = data.next_at == clock.due_at
            return replace(clock, step=clock.step + 1, next_at=data.next_at, breach_next=breach_next)
