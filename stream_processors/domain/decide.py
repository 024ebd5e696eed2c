"""The decision: what a command does to a ticket, given the time and the rules."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import assert_never

from schemas.commands import (
    AcceptTicket,
    AcknowledgeAlert,
    ArriveOnScene,
    CloseTicket,
    Command,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    OpenTicket,
    RecordVisit,
    ReopenTicket,
    RingBell,
    SubmitResult,
)
from schemas.enums import DispatchReason, FeedbackMeans, Milestone, Refusal, RoundReason, State, VisitOutcome
from schemas.facts import (
    AlertAcknowledged,
    CitizenInformed,
    FeedbackTried,
    HandlerArrived,
    OnSiteDecided,
    ResultSubmitted,
    TicketAccepted,
    TicketDispatched,
    TicketOpened,
    TicketSupplemented,
)
from schemas.identity import public_number
from stream_processors.domain import moves, visits
from stream_processors.domain.calendars import local
from stream_processors.domain.clocks import cancel_on_site, chain_of, reach, settle, start_on_site
from stream_processors.domain.rounds import close, dispatch_by_route, new_round, open_round
from stream_processors.domain.routing import is_respondent
from stream_processors.domain.story import Decision, Place, PolicySets, RefusedError, Story
from stream_processors.domain.ticket import Ticket
from stream_processors.domain.timing import Timing, history_timing, live_timing, rising, seconds


def decide(ticket: Ticket | None, command: Command, now: datetime, place: Place, policies: PolicySets) -> Decision:
    """The facts that follow from a command, and the ticket after them.

    Order: settle to the deed's instant, do the deed, settle to now; so every verdict is right whenever the bell rings.

    Args:
        ticket: as its facts so far make it; None before the first.
        command: what is asked; its policy set must be among ``policies``.
        now: the record's timestamp, UTC-aware.
        place: where the command stands on the log; goes into every fact.
        policies: every policy set known, by name.

    Raises:
        KeyError: the command's policy set, or the one that the ticket's round is frozen to, is not known.
    """
    if ticket is not None and ticket.remembers(command.source, command.id) and not isinstance(command.data, RingBell):
        return Decision(ticket)
    history = ticket.profile.history if ticket else isinstance(command.data, OpenTicket) and command.data.history
    rules = policies[command.policy_set]
    timing = history_timing(command, rules) if history else live_timing(command, now, rules)
    if timing is None:
        return _refused(ticket, command, Timing(now, live_timing(command, now, rules).deed_by, now), place, policies)
    if ticket is None:
        return _first(Story(None, command, timing, place, policies))
    story = Story(ticket, command, rising(timing, ticket.last_deed, ticket.last_time), place, policies)
    settle(story, story.timing.deed)
    refused: RefusedError | None = None
    try:
        _answer(story)
    except RefusedError as refusal:
        refused = refusal
    settle(story, story.timing.now)
    if refused is not None:
        story.refuse(refused)
    return story.decision()


def _refused(ticket: Ticket | None, command: Command, timing: Timing, place: Place, policies: PolicySets) -> Decision:
    story = Story(ticket, command, timing, place, policies)
    story.refuse(RefusedError(Refusal.NOT_HISTORY, command.source))
    return story.decision()


def _first(story: Story) -> Decision:
    """The first command for an id opens the ticket, or finds nobody at home."""
    data = story.command.data
    if isinstance(data, OpenTicket):
        _open(story, data)
    elif not isinstance(data, RingBell):
        story.refuse(RefusedError(Refusal.UNKNOWN_TICKET))
    return story.decision()


def _open(story: Story, data: OpenTicket) -> None:
    received_at, now = story.timing.deed, story.timing.now
    story.tell(
        TicketOpened(
            source=story.command.source,
            public_number=public_number(story.command.ticket_id, local(received_at, story.rules.zone)),
            digest=_digest(data),
            policy_set=story.rules.name,
            received_at=received_at,
            received_by=story.timing.deed_by,
            intake_delay_s=seconds(now - received_at),
            **{name: getattr(data, name) for name in _CARRIED_OVER},
        )
    )
    open_round(story, RoundReason.OPENED)
    settle(story, now)
    dispatch_by_route(story)


_CARRIED_OVER = tuple(
    sorted(set(OpenTicket.model_fields) & set(TicketOpened.model_fields) - {"type", "schema_version"})
)


def _digest(data: OpenTicket) -> str:
    """Tells a repeated push from a changed one; the envelope differs at every sealing and is left out."""
    return hashlib.sha256(
        data.__pydantic_serializer__.to_json(data, exclude={"envelope"}, exclude_none=True)
    ).hexdigest()


def _answer(story: Story) -> None:  # noqa: C901, PLR0912 (one arm per command)
    """Check the table of moves, then do the deed."""
    data, ticket = story.command.data, story.ticket
    match data:
        case OpenTicket():
            return _supplement(story, data)
        case RingBell():
            return None
    if not moves.is_legal(ticket.state, data, history=ticket.profile.history):
        raise RefusedError(Refusal.ILLEGAL_MOVE, ticket.state)
    actor = story.command.actor
    if type(data) in moves.HOLDER_ONLY and (actor is None or actor.unit != ticket.unit):
        raise RefusedError(Refusal.NOT_THE_HOLDER, ticket.unit or "")
    match data:
        case DispatchTicket():
            _dispatch(story, data)
        case AcceptTicket():
            _accept(story)
        case DecideOnSite():
            _decide_on_site(story, data)
        case ArriveOnScene():
            story.tell(HandlerArrived(**_doer(story), latitude=data.latitude, longitude=data.longitude))
            reach(story, Milestone.ARRIVED)
        case SubmitResult():
            _submit(story, data)
        case FeedBack():
            _feed_back(story, data)
        case RecordVisit():
            visits.record(story, data)
        case AcknowledgeAlert():
            _acknowledge(story, data)
        case ReopenTicket():
            new_round(story, RoundReason.SUPERVISOR, data.reason)
        case CloseTicket():
            close(story, VisitOutcome.DISSATISFIED if ticket.state is State.SUPERVISED else None, data.reason)
        case _:
            assert_never(data)
    return None


def _doer(story: Story) -> dict[str, str | None]:
    actor = story.command.actor
    return {"unit": actor.unit, "person": actor.person} if actor else {}


def _supplement(story: Story, data: OpenTicket) -> None:
    digest = _digest(data)
    if digest == story.ticket.digest:
        raise RefusedError(Refusal.ALREADY_OPEN, story.ticket.profile.public_number)
    story.tell(TicketSupplemented(digest=digest, text=data.text, envelope=data.envelope))


def _dispatch(story: Story, data: DispatchTicket) -> None:
    if data.unit not in story.rules.unit_by_id:
        raise RefusedError(Refusal.UNKNOWN_UNIT, data.unit)
    if is_respondent(story.ticket.profile.respondent, data.unit):
        raise RefusedError(Refusal.RESPONDENT_UNIT, data.unit)
    story.tell(TicketDispatched(unit=data.unit, reason=DispatchReason.BY_HAND, note=data.reason))
    reach(story, Milestone.DISPATCHED)


def _accept(story: Story) -> None:
    first = story.ticket.first_handler is None
    story.tell(TicketAccepted(**_doer(story), first_handler=first))
    reach(story, Milestone.ACCEPTED)


def _decide_on_site(story: Story, data: DecideOnSite) -> None:
    ticket = story.ticket
    on_site = {rule.clock for rule in story.policy.clocks if rule.only_if_on_site}
    ran_before = any(clock.clock in on_site for clock in ticket.round.clocks)
    if data.needed is ticket.on_site_needed or (data.needed and ran_before):
        raise RefusedError(Refusal.ON_SITE_ALREADY_DECIDED)
    story.tell(OnSiteDecided(needed=data.needed, **_doer(story)))
    if data.needed:
        start_on_site(story)
    else:
        cancel_on_site(story)


def _submit(story: Story, data: SubmitResult) -> None:
    ticket = story.ticket
    if ticket.on_site_needed and Milestone.ARRIVED not in ticket.round.reached:
        raise RefusedError(Refusal.SCENE_NOT_VISITED)
    story.tell(ResultSubmitted(**_doer(story), disposition=data.disposition, text=data.text, envelope=data.envelope))
    if Milestone.INFORMED in ticket.round.reached:
        visits.resolve(story)


def _feed_back(story: Story, data: FeedBack) -> None:
    """Only informing the citizen stops the clock: a call must have reached them, anything else counts when sent."""
    if Milestone.INFORMED in story.ticket.round.reached:
        raise RefusedError(Refusal.ALREADY_INFORMED)
    if data.means is FeedbackMeans.CALL and not data.reached:
        story.tell(FeedbackTried(**_doer(story), means=data.means, text=data.text, envelope=data.envelope))
        return
    story.tell(CitizenInformed(**_doer(story), means=data.means, text=data.text, envelope=data.envelope))
    reach(story, Milestone.INFORMED)
    if story.ticket.state is State.RESULT_SUBMITTED:
        visits.resolve(story)


def _acknowledge(story: Story, data: AcknowledgeAlert) -> None:
    ticket = story.ticket
    clock = ticket.clock(data.clock) if data.round == ticket.round.number else None
    reached = chain_of(story.frozen_rules, story.clock_rule(clock.clock))[: clock.step] if clock else ()
    if data.level not in {level.level for level in reached}:
        raise RefusedError(Refusal.NO_SUCH_LEVEL, f"{data.round}/{data.clock}/{data.level}")
    if (data.clock, data.level) in ticket.round.acknowledged:
        raise RefusedError(Refusal.ALREADY_ACKNOWLEDGED, data.level)
    story.tell(AlertAcknowledged(round=data.round, clock=data.clock, level=data.level, **_doer(story)))
