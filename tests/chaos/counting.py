"""What came of it all, counted by reading Kafka: every acknowledged command, every chain, every deadline."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.follow import read_partition
from schemas.codec import decode_fact
from schemas.facts import (
    GENESIS,
    ClockBreached,
    ClockCancelled,
    ClockExcused,
    ClockStarted,
    ClockStopped,
    CommandRefused,
    Fact,
    LevelReached,
)
from schemas.topics import EVENTS, PARTITIONS, TICKETS

_Place = tuple[int, int]
_Name = tuple[UUID, str, str]
_ClockName = tuple[UUID, int, str]
_OF_TIME = (ClockBreached, LevelReached)
_MOST_SHOWN = 5


@dataclass
class Findings:
    """What is wrong, by kind with examples; empty when nothing is. ``figures`` says how much was looked at."""

    wrong: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, int] = field(default_factory=dict)

    def report(self, kind: str, example: object) -> None:
        """Count a wrong and keep the first few."""
        self.wrong[kind] += 1
        if len(self.examples[kind]) < _MOST_SHOWN:
            self.examples[kind].append(str(example))


def count(bootstrap: str, ends: Mapping[int, int], acknowledged: list[_Name], settled_until: datetime) -> Findings:
    """Read both topics and count, commands up to ``ends``. Deadlines before ``settled_until`` must have been judged.

    That the facts are those that the commands lead to is for ``hotline verify`` to say, which decides them again.
    """
    findings = Findings()
    commands = _commands(bootstrap, ends)
    facts = _facts(bootstrap)
    _every_command_has_one_effect(findings, commands, facts, acknowledged)
    _every_chain_is_gapless(findings, facts)
    _every_deadline_has_one_verdict(findings, facts, settled_until)
    return findings


def _commands(bootstrap: str, ends: Mapping[int, int]) -> list[tuple[_Name, _Place]]:
    found: list[tuple[_Name, _Place]] = []
    for partition in range(PARTITIONS):
        for message in read_partition(bootstrap, TICKETS, partition):
            if message.offset() >= ends[partition]:
                continue
            content = json.loads(message.value())
            name = (UUID(content["ticket_id"]), str(content["source"]), str(content["id"]))
            found.append((name, (partition, int(message.offset()))))
    return found


def _facts(bootstrap: str) -> list[Fact]:
    return [
        decode_fact(message.value())
        for partition in range(PARTITIONS)
        for message in read_partition(bootstrap, EVENTS, partition)
    ]


def _every_command_has_one_effect(
    findings: Findings, commands: list[tuple[_Name, _Place]], facts: list[Fact], acknowledged: list[_Name]
) -> None:
    """A command has an effect of its own the first time; again only while it was refused; a bell never."""
    effects: dict[_Place, list[Fact]] = defaultdict(list)
    for fact in facts:
        if not isinstance(fact.data, _OF_TIME):
            effects[fact.partition, fact.offset].append(fact)
    answered: set[_Name] = set()
    seen: set[_Name] = set()
    bells = 0
    for name, place in commands:
        own = effects.pop(place, [])
        if name[1] == "bell":
            bells += 1
            if own:
                findings.report("a bell with an effect of its own", place)
            continue
        if bool(own) is (name in answered):
            kind = "a repeated command with effect" if own else "a command without effect"
            findings.report(kind, (name, place))
        seen.add(name)
        if any(not isinstance(fact.data, CommandRefused) for fact in own):
            answered.add(name)
    for place in effects:
        findings.report("an effect of no command", place)
    for name in set(acknowledged) - seen:
        findings.report("an acknowledged command is not in the log", name)
    records = len(commands)
    findings.figures |= {
        "records": records,
        "bells": bells,
        "commands": len(seen),
        "said_again": records - bells - len(seen),
        "acknowledged": len(acknowledged),
        "refused": sum(isinstance(fact.data, CommandRefused) for fact in facts),
    }


def _every_chain_is_gapless(findings: Findings, facts: list[Fact]) -> None:
    """In the order of the events topic: version after version, each naming the digest of the one before."""
    reached: dict[UUID, tuple[int, str]] = {}
    refusals: Counter[UUID] = Counter()
    for fact in facts:
        if fact.version is None:
            refusals[fact.id] += 1
            continue
        version, digest = reached.get(fact.ticket_id, (0, GENESIS))
        if fact.version != version + 1:
            findings.report("a gap or a fact twice", (fact.ticket_id, version, fact.version))
        elif fact.previous != digest:
            findings.report("a broken chain", (fact.ticket_id, fact.version))
        reached[fact.ticket_id] = (fact.version, fact.digest)
    for refusal, times in refusals.items():
        if times > 1:
            findings.report("a refusal twice", refusal)
    findings.figures |= {"facts": len(facts), "tickets": len(reached)}


@dataclass
class _Clock:
    due_at: datetime
    breaches: int = 0
    ended: bool = False


def _every_deadline_has_one_verdict(findings: Findings, facts: list[Fact], settled_until: datetime) -> None:
    clocks: dict[_ClockName, _Clock] = {}
    levels: Counter[tuple[Any, ...]] = Counter()
    for fact in facts:
        data = fact.data
        if isinstance(data, ClockStarted):
            clocks[fact.ticket_id, data.round, data.clock] = _Clock(data.due_at)
        elif isinstance(data, LevelReached):
            levels[fact.ticket_id, data.round, data.clock, data.level] += 1
        elif isinstance(data, ClockBreached | ClockStopped | ClockCancelled | ClockExcused):
            _run_clock(findings, fact, data, clocks[fact.ticket_id, data.round, data.clock])
    _judge_clocks(findings, clocks, settled_until)
    for level, times in levels.items():
        if times > 1:
            findings.report("a level twice", level)
    findings.figures |= {"clocks": len(clocks), "levels": len(levels)}


def _run_clock(
    findings: Findings, fact: Fact, data: ClockBreached | ClockStopped | ClockCancelled | ClockExcused, clock: _Clock
) -> None:
    if isinstance(data, ClockBreached):
        clock.breaches += 1
        if fact.recorded_at < clock.due_at or data.due_at != clock.due_at:
            findings.report("a breach before its time", (fact.ticket_id, fact.version))
    elif isinstance(data, ClockStopped):
        clock.ended = clock.ended or clock.breaches == 0
        if clock.breaches == 0 and data.stopped_at > clock.due_at:
            findings.report("too late, yet no breach", (fact.ticket_id, data.clock))
    else:
        clock.ended = True


def _judge_clocks(findings: Findings, clocks: dict[_ClockName, _Clock], settled_until: datetime) -> None:
    elapsed = 0
    for name, clock in clocks.items():
        due = 1 if not clock.ended and clock.due_at < settled_until else 0
        elapsed += due
        if clock.breaches > 1:
            findings.report("a deadline with several breaches", name)
        elif clock.breaches < due:
            findings.report("an elapsed deadline without a breach", name)
        elif clock.breaches and clock.ended:
            findings.report("a breach of a clock that had ended", name)
    findings.figures |= {"breaches": sum(clock.breaches for clock in clocks.values()), "elapsed": elapsed}
