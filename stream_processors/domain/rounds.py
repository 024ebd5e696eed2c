"""Rounds of handling: how one opens, how the ticket gets to a unit, how the last one ends."""

from __future__ import annotations

from schemas.enums import CancelReason, DispatchReason, Milestone, RoundReason, VisitOutcome
from schemas.facts import RoundOpened, TicketClosed, TicketDispatched, TicketTriaged
from stream_processors.domain.clocks import cancel_open, reach
from stream_processors.domain.routing import policy_for, route_for
from stream_processors.domain.story import Story


def open_round(story: Story, reason: RoundReason, note: str = "") -> None:
    """Begin the next round under the policy that now applies, with fresh clocks from the deed's instant on."""
    rules = story.rules
    policy = policy_for(story.ticket.profile, rules)
    story.tell(
        RoundOpened(
            round=story.ticket.round.number + 1,
            reason=reason,
            policy_set=rules.name,
            policy=policy.policy,
            note=note,
        )
    )
    reach(story, Milestone.RECEIVED)


def dispatch_by_route(story: Story) -> None:
    """Give a new ticket to the unit that the routes name, at now; without one it waits in triage."""
    story.timing = story.timing._replace(deed=story.timing.now)
    route = route_for(story.ticket.profile, story.rules)
    if route is None:
        story.tell(TicketTriaged())
        return
    story.tell(TicketDispatched(unit=route.unit, reason=DispatchReason.ROUTE, route=route.route))
    reach(story, Milestone.DISPATCHED)


def new_round(story: Story, reason: RoundReason, note: str = "") -> None:
    """Handle the ticket again: the old round's verdicts stay, the unit that held it gets it back.

    A unit that the tree no longer has cannot; then the routes decide anew.
    """
    cancel_open(story, CancelReason.NEW_ROUND)
    unit = story.ticket.unit
    open_round(story, reason, note)
    if unit not in story.rules.unit_by_id:
        dispatch_by_route(story)
        return
    story.tell(TicketDispatched(unit=unit, reason=DispatchReason.REOPENED))
    reach(story, Milestone.DISPATCHED)


def close(story: Story, outcome: VisitOutcome | None, note: str = "") -> None:
    """Strike the ticket off; no clock runs on."""
    story.tell(TicketClosed(round=story.ticket.round.number, outcome=outcome, note=note))
    reach(story, Milestone.CLOSED)
    cancel_open(story, CancelReason.TICKET_CLOSED)
