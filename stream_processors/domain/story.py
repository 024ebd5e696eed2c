"""A decision in the making: facts are told one after another, each folded into the ticket at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.commands import Command
from schemas.enums import Refusal
from schemas.facts import GENESIS, AnyFactData, Cause, CommandRefused, Fact
from schemas.identity import fact_id, refusal_id
from schemas.policy import Clock, Policy, PolicySet
from schemas.topics import TICKETS
from schemas.words import explain
from stream_processors.domain.evolve import evolve
from stream_processors.domain.ticket import Ticket
from stream_processors.domain.timing import Timing

PolicySets = Mapping[str, PolicySet]
"""All versions a worker knows, by name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command stands in ``hotline.tickets``."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command led to: the facts in order, a refusal last, and the ticket after them."""

    ticket: Ticket | None
    facts: tuple[Fact, ...] = ()


class RefusedError(Exception):
    """Raised by a rule of the core before it has told any fact; becomes a ``CommandRefused``."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Story:
    """The facts of one command so far. Rules read ``ticket`` and call ``tell``."""

    def __init__(
        self, ticket: Ticket | None, command: Command, timing: Timing, place: Place, policies: PolicySets
    ) -> None:
        self._ticket = ticket
        self.command = command
        self.timing = timing
        self.rules = policies[command.policy_set]
        self.facts: list[Fact] = []
        self._place = place
        self._policies = policies
        self._cause = Cause(source=command.source, id=command.id, type=command.data.type)

    @property
    def ticket(self) -> Ticket:
        """The ticket as it stands now."""
        if self._ticket is None:
            raise LookupError("the ticket is not open yet")
        return self._ticket

    @property
    def frozen_rules(self) -> PolicySet:
        """The policy set under which the current round was opened."""
        return self._policies[self.ticket.round.policy_set]

    @property
    def policy(self) -> Policy:
        """The current round's policy, as frozen."""
        return self.frozen_rules.policy_by_id[self.ticket.round.policy]

    def clock_rule(self, name: str) -> Clock:
        """The frozen rule of a clock of this round."""
        return self.policy.clock_by_name[name]

    def tell(self, data: AnyFactData, at: datetime | None = None) -> None:
        """Add a fact that happened at ``at`` (the deed's instant by default) and fold it into the ticket."""
        before = self._ticket
        version = 1 if before is None else before.version + 1
        fact = Fact(
            id=fact_id(self.command.ticket_id, version),
            ticket_id=self.command.ticket_id,
            version=version,
            at=at or self.timing.deed,
            recorded_at=self.timing.now,
            cause=self._cause,
            partition=self._place.partition,
            offset=self._place.offset,
            previous=GENESIS if before is None else before.last_hash,
            data=data,
        )
        self._ticket = evolve(before, fact)
        self.facts.append(fact)

    def refuse(self, refusal: RefusedError) -> None:
        """Add the refusal of the command, outside the chain."""
        fact = Fact(
            id=refusal_id(TICKETS, self._place.partition, self._place.offset),
            ticket_id=self.command.ticket_id,
            at=self.timing.deed,
            recorded_at=self.timing.now,
            cause=self._cause,
            partition=self._place.partition,
            offset=self._place.offset,
            data=CommandRefused(reason=refusal.reason, explanation=explain(refusal.reason, refusal.detail)),
        )
        self.facts.append(fact)

    def decision(self) -> Decision:
        """What has been told."""
        return Decision(self._ticket, tuple(self.facts))
