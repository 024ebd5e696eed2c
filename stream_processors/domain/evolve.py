"""Folding facts into a ticket. Facts are taken as they are: whether they may happen was decided before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypedDict

from schemas.enums import Milestone, State, Verdict
from schemas.facts import (
    AlertAcknowledged,
    CitizenInformed,
    ClockBreached,
    ClockCancelled,
    ClockExcused,
    ClockStarted,
    ClockStopped,
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
from stream_processors.domain.ticket import Profile, Round, RunningClock, Ticket

_BY_TIME_ALONE: frozenset[type[FactData]] = frozenset({ClockBreached, LevelReached})
_STATES: dict[type[FactData], State] = {
    TicketTriaged: State.TRIAGE,
    TicketDispatched: State.DISPATCHED,
    TicketAccepted: State.ACCEPTED,
    HandlerArrived: State.ARRIVED,
    ResultSubmitted: State.RESULT_SUBMITTED,
    TicketResolved: State.RESOLVED,
    VisitTried: State.VISITING,
    TicketSupervised: State.SUPERVISED,
    TicketClosed: State.CLOSED,
}
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
_STEPS: frozenset[type[FactData]] = frozenset({*_MILESTONES, ResultSubmitted, VisitTried})
"""Facts that move a ticket's life on; no later step may claim an earlier instant."""


class _Changes(TypedDict, total=False):
    """The fields of a ticket that a fact may change besides its state, its milestones and its place in the chain."""

    on_site_needed: bool
    digest: str
    round: Round
    unit: str | None
    person: str | None
    first_handler: str


def fold(facts: Iterable[Fact], ticket: Ticket | None = None) -> Ticket | None:
    """The ticket after these facts, in order of version."""
    for fact in facts:
        ticket = evolve(ticket, fact)
    return ticket


def evolve(ticket: Ticket | None, fact: Fact) -> Ticket | None:
    """The ticket after one more fact; a refusal, which has no version, changes nothing.

    Raises:
        ValueError: the fact is not the ticket's next one.
    """
    if fact.version is None:
        return ticket
    expected = 1 if ticket is None else ticket.version + 1
    if fact.version != expected:
        raise ValueError(f"ticket {fact.ticket_id}: fact {fact.version} where {expected} is next")
    if ticket is not None:
        return _after(ticket, fact)
    if not isinstance(fact.data, TicketOpened):
        raise ValueError(f"ticket {fact.ticket_id} begins with {fact.data.type}")  # noqa: TRY004
    return _opened(fact, fact.data)


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


def _after(ticket: Ticket, fact: Fact) -> Ticket:
    """Every field by name: ``dataclasses.replace`` takes twice as long, and this runs for every fact ever folded."""
    kind = type(fact.data)
    change = _CHANGES.get(kind)
    changes: _Changes = change(ticket, fact.data) if change else {}
    current, milestone = changes.get("round", ticket.round), _MILESTONES.get(kind)
    return Ticket(
        id=ticket.id,
        profile=ticket.profile,
        version=ticket.version + 1,
        last_hash=fact.digest,
        last_time=fact.recorded_at,
        last_deed=max(ticket.last_deed, fact.at) if kind in _STEPS else ticket.last_deed,
        state=_STATES.get(kind, ticket.state),
        on_site_needed=changes.get("on_site_needed", ticket.on_site_needed),
        digest=changes.get("digest", ticket.digest),
        round=current.with_milestone(milestone) if milestone else current,
        unit=changes.get("unit", ticket.unit),
        person=changes.get("person", ticket.person),
        first_handler=changes.get("first_handler", ticket.first_handler),
        marks=_marks(ticket, fact),
    )


def _marks(ticket: Ticket, fact: Fact) -> bytes:
    """Remember the command behind a deed; bells, and what time alone brings about, leave no mark."""
    if type(fact.data) in _BY_TIME_ALONE or fact.cause.type == "RingBell":
        return ticket.marks
    mark = command_mark(fact.cause.source, fact.cause.id)
    return ticket.marks if ticket.marks.endswith(mark) else ticket.marks + mark


def _round_opened(_: Ticket, data: RoundOpened) -> _Changes:
    return {"round": Round(data.round, data.policy_set, data.policy)}


def _dispatched(_: Ticket, data: TicketDispatched) -> _Changes:
    return {"unit": data.unit, "person": None}


def _triaged(_: Ticket, __: TicketTriaged) -> _Changes:
    return {"unit": None, "person": None}


def _accepted(ticket: Ticket, data: TicketAccepted) -> _Changes:
    return {"person": data.person, "first_handler": ticket.first_handler or data.unit}


def _on_site_decided(_: Ticket, data: OnSiteDecided) -> _Changes:
    return {"on_site_needed": data.needed}


def _supplemented(_: Ticket, data: TicketSupplemented) -> _Changes:
    return {"digest": data.digest}


def _visit_tried(ticket: Ticket, data: VisitTried) -> _Changes:
    return {"round": replace(ticket.round, visit_tries=(*ticket.round.visit_tries, data.part_of_day))}


def _acknowledged(ticket: Ticket, data: AlertAcknowledged) -> _Changes:
    return {"round": replace(ticket.round, acknowledged=(*ticket.round.acknowledged, (data.clock, data.level)))}


def _clock_started(ticket: Ticket, data: ClockStarted) -> _Changes:
    breach_next = data.next_at == data.due_at
    clock = RunningClock(data.clock, data.started_at, data.due_at, data.next_at, breach_next=breach_next)
    return {"round": ticket.round.with_clocks((*ticket.round.clocks, clock))}


_ClockMoved = ClockStopped | LevelReached | ClockBreached | ClockExcused | ClockCancelled


def _clock_moved(ticket: Ticket, data: _ClockMoved) -> _Changes:
    clocks = [_moved(clock, data) if clock.clock == data.clock else clock for clock in ticket.round.clocks]
    return {"round": ticket.round.with_clocks(tuple(clocks))}


def _moved(clock: RunningClock, data: _ClockMoved) -> RunningClock:
    match data:
        case ClockStopped():
            return clock.ended(data.verdict)
        case LevelReached():
            breach_next = data.next_at == clock.due_at
            return replace(clock, step=clock.step + 1, next_at=data.next_at, breach_next=breach_next)
        case ClockBreached():
            return replace(clock, verdict=Verdict.BREACHED)
        case ClockExcused():
            return replace(clock, verdict=Verdict.EXCUSED)
        case ClockCancelled():
            return clock.ended(clock.verdict if clock.verdict is Verdict.BREACHED else Verdict.CANCELLED)


_CHANGES: dict[type[FactData], Callable[[Ticket, Any], _Changes]] = {
    RoundOpened: _round_opened,
    TicketDispatched: _dispatched,
    TicketTriaged: _triaged,
    TicketAccepted: _accepted,
    OnSiteDecided: _on_site_decided,
    TicketSupplemented: _supplemented,
    VisitTried: _visit_tried,
    AlertAcknowledged: _acknowledged,
    ClockStarted: _clock_started,
    ClockStopped: _clock_moved,
    LevelReached: _clock_moved,
    ClockBreached: _clock_moved,
    ClockExcused: _clock_moved,
    ClockCancelled: _clock_moved,
}
