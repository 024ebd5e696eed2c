"""Deciding the whole log again, offline: the events topic and the database must hold just that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from deploy.follow import read_partition
from schemas.codec import decode_fact
from schemas.facts import Fact
from schemas.policy import PolicySet
from schemas.topics import EVENTS, TICKETS
from stream_processors.judge import Record, instant, judge

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class LogFinding:
    """The events topic against the replay of the commands, for one partition."""

    partition: int
    commands: int
    facts: int
    missing: tuple[UUID, ...]
    unexpected: tuple[UUID, ...]
    repeated: int

    @property
    def is_sound(self) -> bool:
        """Every fact that the commands lead to is there, and no other."""
        return not self.missing and not self.unexpected


@dataclass(frozen=True, slots=True)
class Log:
    """What is verified: the commands of each partition up to ``ends``, under every policy set known."""

    bootstrap: str
    policies: Mapping[str, PolicySet]
    ends: Mapping[int, int]


def replay_partition(log: Log, partition: int) -> Iterator[tuple[int, list[Fact]]]:
    """Decide a partition's commands again from its beginning: batches of (number of commands, facts)."""
    rows: dict[bytes, bytes] = {}
    end, partitions, policies = log.ends[partition], len(log.ends), log.policies
    messages = read_partition(log.bootstrap, TICKETS, partition)
    records = (_record(message) for message in messages if message.offset() < end)
    while batch := list(islice(records, _BATCH)):
        outcome = judge(batch, rows, policies, partitions)
        rows.update(outcome.rows)
        yield len(batch), outcome.facts


def compare_log(log: Log, partition: int, on_fact: Callable[[Fact], None] = lambda _fact: None) -> LogFinding:
    """Replay one partition against what the events topic holds of it; ``on_fact`` sees each replayed fact in order."""
    expected: dict[UUID, str] = {}
    commands = 0
    for count, facts in replay_partition(log, partition):
        commands += count
        for fact in facts:
            expected[fact.id] = fact.digest
            on_fact(fact)
    found: Counter[UUID] = Counter()
    unexpected: list[UUID] = []
    for message in read_partition(log.bootstrap, EVENTS, partition):
        fact = decode_fact(message.value())
        if fact.offset >= log.ends[partition]:
            continue  # of a command behind the end
        found[fact.id] += 1
        if expected.get(fact.id) != fact.digest:
            unexpected.append(fact.id)
    missing = tuple(fact_id for fact_id in expected if fact_id not in found)
    repeated = sum(count - 1 for count in found.values())
    return LogFinding(partition, commands, len(expected), missing, tuple(unexpected), repeated)


def _record(message: Any) -> Record:
    _, milliseconds = message.timestamp()
    return Record(message.partition(), message.offset(), instant(milliseconds), message.key(), message.value())
