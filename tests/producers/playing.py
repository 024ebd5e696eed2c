"""Plays commands into the real core, as the worker would: one ticket after another, facts and all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from producers.keys import METADATA, KeysAtHand, KeyStore, MasterKey
from producers.lives import Life, timeline
from producers.simulator import simulation_doors, with_keys
from schemas.commands import Command
from schemas.facts import CommandRefused, Fact
from schemas.policy import PolicySet
from stream_processors.domain.decide import decide
from stream_processors.domain.story import Place
from stream_processors.domain.ticket import Ticket

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "config"
MORNING = datetime(2025, 1, 6, 0, 0, tzinfo=UTC)  # a Monday


class World:
    """Tickets and their facts. ``refused``: the commands that had no effect, and why."""

    def __init__(self, rules: PolicySet) -> None:
        self.policies = {rules.name: rules}
        self.tickets: dict[UUID, Ticket] = {}
        self.facts: dict[UUID, list[Fact]] = defaultdict(list)
        self.refused: list[tuple[Command, CommandRefused]] = []
        self._offset = 0

    def take(self, command: Command, now: datetime) -> None:
        """Decide one command at ``now``, UTC."""
        place = Place(0, self._offset)
        decision = decide(self.tickets.get(command.ticket_id), command, now, place, self.policies)
        self._offset += 1
        if decision.ticket is not None:
            self.tickets[command.ticket_id] = decision.ticket
        self.facts[command.ticket_id] += decision.facts
        self.refused += [(command, fact.data) for fact in decision.facts if isinstance(fact.data, CommandRefused)]

    def told(self, ticket: UUID, kind: type) -> list[Fact]:
        """The ticket's facts of one kind."""
        return [fact for fact in self.facts[ticket] if isinstance(fact.data, kind)]


@contextmanager
def fresh_keys() -> Iterator[KeysAtHand]:
    """Keys in a database that is gone afterwards."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    yield KeysAtHand(KeyStore(engine, MasterKey(b"s" * 32)))
    engine.dispose()


def at_their_times(lives: Iterable[Life], rules: PolicySet) -> Iterator[tuple[Command, datetime]]:
    """Every command of the lives with the instant at which a patient player would send it."""
    with fresh_keys() as keys:
        doors = simulation_doors(rules.name, keys)
        for moment in timeline(with_keys(lives, keys)):
            now = MORNING + timedelta(seconds=moment.at_s)
            yield doors.command(moment, now), now
