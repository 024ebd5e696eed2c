"""The ticket as the worker knows it: small, immutable, a fold of its facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from schemas.commands import Respondent
from schemas.enums import Channel, Domain, Kind, Milestone, Sensitivity, State, Urgency, Verdict
from schemas.identity import command_mark

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARK_BYTES = 8


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A clock of the current round. ``next_at`` is the next instant of its chain, None when the chain is done.

    ``step`` counts the chain's levels that were reached. A stopped clock keeps its verdict.
    """

    clock: str
    started_at: datetime
    due_at: datetime
    next_at: datetime | None
    step: int = 0
    verdict: Verdict = Verdict.RUNNING
    stopped: bool = False
    breach_next: bool = False

    def ended(self, verdict: Verdict) -> RunningClock:
        """The same clock, at rest with this verdict."""
        return RunningClock(
            self.clock,
            self.started_at,
            self.due_at,
            None,
            self.step,
            verdict,
            stopped=True,
            breach_next=self.breach_next,
        )


@dataclass(frozen=True, slots=True)
class Round:
    """One pass from receipt to visit, with its own clocks and deeds. ``visit_tries``: the part of day of each."""

    number: int
    policy_set: str
    policy: str
    clocks: tuple[RunningClock, ...] = ()
    reached: tuple[Milestone, ...] = ()
    visit_tries: tuple[str, ...] = ()
    acknowledged: tuple[tuple[str, str], ...] = ()

    def with_clocks(self, clocks: tuple[RunningClock, ...]) -> Round:
        """The same round with these clocks."""
        return Round(
            self.number, self.policy_set, self.policy, clocks, self.reached, self.visit_tries, self.acknowledged
        )

    def with_milestone(self, milestone: Milestone) -> Round:
        """The same round with this milestone reached; the first time counts."""
        if milestone in self.reached:
            return self
        reached = (*self.reached, milestone)
        return Round(
            self.number, self.policy_set, self.policy, self.clocks, reached, self.visit_tries, self.acknowledged
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """What the opening said and nothing changes; the facts that policies and routes look at."""

    source: str
    public_number: str
    channel: Channel
    kind: Kind
    domain: Domain
    urgency: Urgency
    sensitivity: Sensitivity
    district: str | None
    category: str | None
    respondent: Respondent | None
    contactable: bool
    history: bool
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """What ``decide`` needs to know of a ticket; all instants UTC-aware.

    ``last_deed`` and ``last_time`` only rise: the steps of its life, and the ticket's own time, never run backwards.
    ``marks``: eight bytes for each command ever answered by facts.
    """

    id: UUID
    profile: Profile
    version: int
    last_hash: str
    last_time: datetime
    last_deed: datetime
    state: State
    on_site_needed: bool | None
    digest: str
    round: Round
    unit: str | None = None
    person: str | None = None
    first_handler: str | None = None
    marks: bytes = b""

    def remembers(self, source: str, command_id: str) -> bool:
        """Whether this command was answered before."""
        mark = command_mark(source, command_id)
        if mark not in self.marks:
            return False
        # found, but perhaps across the border of two marks
        return any(self.marks.startswith(mark, place) for place in range(0, len(self.marks), MARK_BYTES))

    def clock(self, name: str) -> RunningClock | None:
        """The clock of the current round with this name."""
        return next((clock for clock in self.round.clocks if clock.clock == name), None)

    @property
    def bell_at(self) -> int | None:
        """When the timer should ring: milliseconds since 1970 UTC, the first at which something has passed.

        A deed exactly at the deadline is in time, so a breach is heard one millisecond later at the earliest. A ticket
        of history has no bell: it lives by its own times.
        """
        if self.profile.history:
            return None
        moments = [_heard_at(clock) for clock in self.round.clocks if not clock.stopped and clock.next_at]
        return min(moments, default=None)


def _heard_at(clock: RunningClock) -> int:
    assert clock.next_at is not None
    microseconds = (clock.next_at - _EPOCH) // _MICROSECOND
    return microseconds // 1000 + 1 if clock.breach_next else -(-microseconds // 1000)


_MICROSECOND = datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC) - _EPOCH
