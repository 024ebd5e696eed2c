"""The player: on the clock without waiting for it, and without the clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from deploy.embedded import EmbeddedBroker
from producers.keys import KeySource
from producers.lives import Life, plan
from producers.publisher import Publisher
from producers.simulator import Doors, commands, play, simulation_doors, with_keys
from schemas.codec import decode_command
from schemas.commands import Command
from schemas.enums import State
from schemas.policy import PolicySet
from schemas.topics import TICKETS
from stream_processors.policy_files import load_policy_set
from tests.producers.playing import CONFIG, World, fresh_keys
from tests.producers.reading import read_topic

START = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)


class Clock:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = START
        self.longest_s = 0.0

    def read(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.longest_s = max(self.longest_s, seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def rules() -> PolicySet:
    return load_policy_set(CONFIG / "demo.yaml")


@pytest.fixture
def doors(rules: PolicySet) -> Iterator[Doors]:
    with fresh_keys() as keys:
        yield simulation_doors(rules.name, keys)


def by_ticket(sent: list[Command]) -> dict[UUID, list[str]]:
    ids: dict[UUID, list[str]] = defaultdict(list)
    for command in sent:
        ids[command.ticket_id].append(command.id)
    return ids


def test_played_on_the_clock_each_command_is_stamped_when_it_is_due(rules: PolicySet, doors: Doors) -> None:
    clock, sent = Clock(), list[Command]()
    lives = list(plan(40, 9, rules))
    count = play(lives, doors, sent.extend, now=clock.read, sleep=clock.sleep)
    assert count == len(sent) == 40 + sum(len(life.steps) for life in lives)
    assert clock.longest_s <= 0.5
    for life in lives:
        stamps = [command.receipt_at for command in sent if command.ticket_id == life.ticket_id]
        due = START + timedelta(seconds=life.opens_s)
        for stamp, delay_s in zip(stamps, [0.0, *(step.delay_s for step in life.steps)], strict=True):
            due += timedelta(seconds=delay_s)
            assert stamp is not None
            assert timedelta(milliseconds=-2) < stamp - due < timedelta(milliseconds=600)


def test_the_core_takes_what_was_played(rules: PolicySet, doors: Doors) -> None:
    clock, world = Clock(), World(rules)

    def take(due: list[Command]) -> None:
        for command in due:
            world.take(command, clock.now)

    play(plan(60, 9, rules), doors, take, now=clock.read, sleep=clock.sleep)
    assert world.refused == []
    assert sum(ticket.state is State.CLOSED for ticket in world.tickets.values()) > 50


def test_it_stops_when_told_to(rules: PolicySet, doors: Doors) -> None:
    clock, sent = Clock(), list[Command]()
    deadline = START + timedelta(seconds=30)
    count = play(
        plan(200, 9, rules),
        doors,
        sent.extend,
        now=clock.read,
        sleep=clock.sleep,
        stop=lambda: clock.now >= deadline,
    )
    assert 0 < count == len(sent) < 200
    assert clock.now < deadline + timedelta(seconds=1)


def test_whole_lives_without_waiting_keep_each_tickets_order(rules: PolicySet, doors: Doors) -> None:
    lives = list(plan(50, 9, rules))
    sent = list(commands(lives, doors, lambda: START))
    ids = by_ticket(sent)
    for life in lives:
        own = [f"{life.case.source_number}/{number}" for number in range(1, len(life.steps) + 1)]
        assert ids[life.ticket_id][1:] == own
    assert {command.receipt_at for command in sent} == {START}
    order = [command.ticket_id for command in sent]
    assert order != sorted(order, key=[life.ticket_id for life in lives].index)


def test_the_same_plan_is_the_same_commands(rules: PolicySet) -> None:
    def ids(keys: KeySource) -> list[str]:
        doors = simulation_doors(rules.name, keys)
        return [command.id for command in commands(plan(20, 4, rules), doors, lambda: START)]

    with fresh_keys() as keys:
        assert ids(keys) == ids(keys)


def test_keys_are_fetched_ahead_without_changing_the_lives(rules: PolicySet) -> None:
    lives: list[Life] = list(plan(1_100, 4, rules))
    with fresh_keys() as keys:
        assert list(with_keys(lives, keys)) == lives


def test_a_day_goes_through_the_publisher(rules: PolicySet, doors: Doors, embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.ensure([TICKETS])
    lives = list(plan(30, 9, rules))
    with Publisher(embedded_broker.bootstrap, embedded=True) as publisher:
        count = publisher.publish(commands(lives, doors, lambda: datetime.now(UTC)))
    arrived = [decode_command(record.value()) for record in read_topic(embedded_broker.bootstrap, TICKETS)]
    assert len(arrived) == count
    assert by_ticket(arrived) == by_ticket(list(commands(lives, doors, lambda: START)))
