"""Starting, settling and stopping the clocks of a round."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.enums import BreachCause, CancelReason, Milestone, Verdict
from schemas.facts import ClockBreached, ClockCancelled, ClockExcused, ClockStarted, ClockStopped, LevelReached
from schemas.policy import Clock, Level, PolicySet
from stream_processors.domain.calendars import due
from stream_processors.domain.story import Story
from stream_processors.domain.ticket import RunningClock, Ticket
from stream_processors.domain.timing import seconds


def settle(story: Story, until: datetime) -> None:
    """Write every warning, breach and escalation that elapsed up to ``until``, in the order of their instants.

    A deed exactly at the deadline is in time, so a breach elapses only after its instant; a level at its instant.
    """
    while (clock := _next_elapsed(story.ticket, until)) is not None:
        _advance(story, clock)


def reach(story: Story, milestone: Milestone) -> None:
    """The ticket has reached a milestone at the deed's instant: stop what it stops, start what it starts."""
    stop_at(story, milestone)
    for rule in story.policy.clocks_by_start[milestone]:
        if story.ticket.on_site_needed or not rule.only_if_on_site:
            _start(story, rule)


def stop_at(story: Story, milestone: Milestone) -> None:
    """Stop what a milestone stops, without starting what follows from it."""
    rules = story.policy.clock_by_name
    for clock in open_clocks(story.ticket):
        if rules[clock.clock].stops is milestone:
            _stop(story, clock)


def start_on_site(story: Story) -> None:
    """On-site need was found late: clocks that would run by now start at the decision, and their facts say so."""
    for rule in story.policy.clocks:
        if rule.only_if_on_site and rule.starts in story.ticket.round.reached:
            _start(story, rule, late=True)


def cancel_on_site(story: Story) -> None:
    """The scene need not be visited after all."""
    for clock in open_clocks(story.ticket):
        if story.clock_rule(clock.clock).only_if_on_site:
            _cancel(story, clock, CancelReason.ON_SITE_NOT_NEEDED)


def cancel_open(story: Story, reason: CancelReason) -> None:
    """No clock outlives its round."""
    for clock in open_clocks(story.ticket):
        _cancel(story, clock, reason)


def open_clocks(ticket: Ticket) -> list[RunningClock]:
    """The clocks of this round that neither a deed nor a cancellation has ended."""
    return [clock for clock in ticket.round.clocks if not clock.stopped]


def level_at(level: Level, started_at: datetime, due_at: datetime) -> datetime:
    """When a level of a chain is reached; shares are of the time between start and deadline."""
    if level.percent is not None:
        return started_at + (due_at - started_at) * level.percent / 100
    return due_at + ((level.after.elapsed if level.after else None) or timedelta())


def chain_of(rules: PolicySet, rule: Clock) -> tuple[Level, ...]:
    """The levels of a clock in the order in which they are reached."""
    return rules.chains[rule.chain]


def _start(story: Story, rule: Clock, *, late: bool = False) -> None:
    limit = rule.limit_for(story.ticket.profile.category)
    if limit is None or story.ticket.clock(rule.clock) is not None:
        return  # it does not apply to this ticket, or runs in this round since the milestone was first reached
    started_at = story.timing.deed
    frozen = story.frozen_rules
    calendar = story.rules.calendars.get(rule.calendar) or frozen.calendars[rule.calendar]
    deadline = due(started_at, limit, calendar)
    story.tell(
        ClockStarted(
            round=story.ticket.round.number,
            clock=rule.clock,
            started_at=started_at,
            due_at=deadline.at,
            next_at=level_at(chain_of(frozen, rule)[0], started_at, deadline.at),
            limit=limit,
            provisional=deadline.provisional,
            late=late,
            basis=rule.basis,
        )
    )


def _stop(story: Story, clock: RunningClock) -> None:
    done_at = story.timing.deed
    number = story.ticket.round.number
    breached = clock.verdict is Verdict.BREACHED
    verdict: Verdict = Verdict.BREACHED if breached else Verdict.MET
    story.tell(ClockStopped(round=number, clock=clock.clock, stopped_at=done_at, verdict=verdict))
    if breached and done_at <= clock.due_at:
        story.tell(ClockExcused(round=number, clock=clock.clock, done_at=done_at))


def _cancel(story: Story, clock: RunningClock, reason: CancelReason) -> None:
    story.tell(ClockCancelled(round=story.ticket.round.number, clock=clock.clock, reason=reason))


def _next_elapsed(ticket: Ticket, until: datetime) -> RunningClock | None:
    """The clock whose turn it is. At one instant levels come before breaches, whenever the bell happens to ring."""
    elapsed = [
        (clock.next_at, clock.breach_next, clock.clock, clock)
        for clock in open_clocks(ticket)
        if clock.next_at is not None and (clock.next_at < until or (clock.next_at == until and not clock.breach_next))
    ]
    return min(elapsed)[3] if elapsed else None


def _advance(story: Story, clock: RunningClock) -> None:
    """Write the next level of this clock's chain; the breach itself is a fact of its own before it."""
    chain = chain_of(story.frozen_rules, story.clock_rule(clock.clock))
    level = chain[clock.step]
    reached_at = level_at(level, clock.started_at, clock.due_at)
    following = chain[clock.step + 1 : clock.step + 2]
    if level.is_breach:
        _breach(story, clock)
    story.tell(
        LevelReached(
            round=story.ticket.round.number,
            clock=clock.clock,
            level=level.level,
            severity=level.severity,
            measure=level.measure,
            notify=level.notify,
            due_at=clock.due_at,
            reached_at=reached_at,
            next_at=level_at(following[0], clock.started_at, clock.due_at) if following else None,
            unit=story.ticket.unit,
        ),
        at=reached_at,
    )


def _breach(story: Story, clock: RunningClock) -> None:
    """The breach names who held the ticket; one that was past due on arrival is the channel's."""
    ticket = story.ticket
    late_intake = clock.due_at < ticket.profile.entered_at
    breached_at = max(clock.due_at, ticket.profile.entered_at)
    story.tell(
        ClockBreached(
            round=ticket.round.number,
            clock=clock.clock,
            due_at=clock.due_at,
            breached_at=breached_at,
            unit=None if late_intake else ticket.unit,
            person=None if late_intake else ticket.person,
            cause=BreachCause.LATE_INTAKE if late_intake else BreachCause.HANDLING,
            detection_s=0.0 if ticket.profile.history else seconds(story.timing.now - breached_at),
        ),
        at=breached_at,
    )
