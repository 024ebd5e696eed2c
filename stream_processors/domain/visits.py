"""The return visit: one for every round, retried until reached, and what its outcome leads to (一件一回访)."""

from __future__ import annotations

from schemas.commands import RecordVisit
from schemas.enums import Milestone, Refusal, RoundReason, VisitOutcome
from schemas.facts import TicketResolved, TicketSupervised, VisitCompleted, VisitTried
from stream_processors.domain.calendars import part_of_day
from stream_processors.domain.clocks import reach, stop_at
from stream_processors.domain.rounds import close, new_round
from stream_processors.domain.routing import applies
from stream_processors.domain.story import RefusedError, Story


def resolve(story: Story) -> None:
    """Result submitted and citizen informed: the visit is due, or waived where the policy says so."""
    ticket = story.ticket
    story.tell(TicketResolved(round=ticket.round.number))
    if not ticket.profile.contactable or any(applies(rule, ticket.profile) for rule in story.policy.visit.waived_for):
        stop_at(story, Milestone.RESOLVED)
        story.tell(VisitCompleted(round=ticket.round.number, attempt=0, outcome=VisitOutcome.WAIVED, effective=False))
        close(story, VisitOutcome.WAIVED)
        return
    reach(story, Milestone.RESOLVED)


def record(story: Story, data: RecordVisit) -> None:
    """One attempt. Attempts are numbered within the round, so that none counts twice."""
    expected = len(story.ticket.round.visit_tries) + 1
    if data.attempt != expected:
        raise RefusedError(Refusal.VISIT_OUT_OF_ORDER, str(expected))
    match data.outcome:
        case VisitOutcome.UNREACHABLE:
            _tried(story, data)
        case VisitOutcome.SATISFIED | VisitOutcome.BASICALLY_SATISFIED | VisitOutcome.WAIVED:
            _completed(story, data)
            close(story, data.outcome)
        case VisitOutcome.DISSATISFIED:
            _completed(story, data)
            _dissatisfied(story, data)


def _tried(story: Story, data: RecordVisit) -> None:
    """Not reached: once more at another time of day, until the policy's tries are used up."""
    number, rules, rule = story.ticket.round.number, story.rules, story.policy.visit
    part = part_of_day(story.timing.deed, rules.zone, [(part.name, part.starts) for part in rules.parts_of_day])
    story.tell(VisitTried(round=number, attempt=data.attempt, part_of_day=part, text=data.text, envelope=data.envelope))
    tries = story.ticket.round.visit_tries
    parts_needed = min(rule.parts_of_day, len(rules.parts_of_day))
    if len(tries) >= rule.tries and len(set(tries)) >= parts_needed:
        _completed(story, data)
        close(story, VisitOutcome.UNREACHABLE)


def _completed(story: Story, data: RecordVisit) -> None:
    story.tell(
        VisitCompleted(
            round=story.ticket.round.number,
            attempt=data.attempt,
            outcome=data.outcome,
            effective=data.outcome not in {VisitOutcome.UNREACHABLE, VisitOutcome.WAIVED},
            solved=data.solved,
            text=data.text,
            envelope=data.envelope,
        )
    )
    reach(story, Milestone.VISITED)


def _dissatisfied(story: Story, data: RecordVisit) -> None:
    number = story.ticket.round.number
    if number > story.policy.visit.reopenings:
        story.tell(TicketSupervised(round=number))
        return
    new_round(story, RoundReason.DISSATISFIED, data.text)
