"""What the core costs per command, step by step, as a Markdown table: ``make bench``.

Times of different machines do not compare; the ratio to parsing and writing the same commands with ``json`` does.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from producers.keys import TicketKey
from producers.lives import plan
from producers.simulator import commands, simulation_doors
from schemas.codec import decode_command, encode_command
from schemas.commands import Command
from schemas.identity import key_id
from stream_processors.domain.decide import decide
from stream_processors.domain.story import Place
from stream_processors.domain.ticket import Ticket
from stream_processors.rows import encode_row, ticket_of
from tests.domain.player import BUREAU, Player, complaint

TICKETS = 200
REPEATS = 15
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
PLACE = Place(0, 0)
POLICIES = {BUREAU.name: BUREAU}


@dataclass(frozen=True)
class Work:
    """A day's commands, as they are and as bytes, with the rows that the tickets have after each."""

    commands: list[Command]
    values: list[bytes]
    tickets: list[Ticket]
    rows: list[bytes]


class OneKey:
    """Seals everything with the same key, so that making the commands takes no database."""

    def key_for(self, ticket_id: UUID) -> TicketKey:
        return TicketKey(key_id(ticket_id), b"k" * 32)


def work() -> Work:
    made = list(commands(plan(TICKETS, 1, BUREAU), simulation_doors(BUREAU.name, OneKey()), lambda: NOW))
    tickets = list(lives(made))
    return Work(made, [encode_command(one) for one in made], tickets, [encode_row(ticket, 0) for ticket in tickets])


def lives(made: list[Command]) -> Iterator[Ticket]:
    """Decide every command on its ticket, encode the facts, and give the ticket after it."""
    known: dict[UUID, Ticket] = {}
    for number, command in enumerate(made):
        at = NOW + timedelta(milliseconds=number)
        decision = decide(known.get(command.ticket_id), command, at, PLACE, POLICIES)
        for fact in decision.facts:
            assert fact.encoded
        assert decision.ticket is not None
        known[command.ticket_id] = decision.ticket
        yield decision.ticket


def supplements(facts: int) -> Callable[[], object]:
    """One more fact on a ticket that has so many: a push of the same case with another text, which every state takes.

    An opened ticket has several facts from the start; "1" is such a ticket.
    """
    player = Player()
    player.open()
    while len(player.facts) < facts:
        player.open(text=f"补充 {len(player.facts)}")
    ticket, last = player.ticket, player.log[-1].command
    again = last.model_copy(update={"id": "again", "data": complaint(text="又来电补充")})
    at = player.log[-1].recorded_at
    return lambda: [fact.encoded for fact in decide(ticket, again, at, PLACE, POLICIES).facts]


def timed(step: Callable[[], object], times: int) -> list[float]:
    """Microseconds for each of the ``times`` that one call of ``step`` stands for, once for every repeat."""
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        found.append((time.perf_counter() - start) / times * 1e6)
    return found


def steps(day: Work) -> Iterator[tuple[str, list[float]]]:
    count = len(day.values)
    yield "reference: json.loads + json.dumps", timed(lambda: [json.dumps(json.loads(v)) for v in day.values], count)
    yield "decode the command", timed(lambda: [decode_command(value) for value in day.values], count)
    yield "decide, evolve and encode the facts", timed(lambda: list(lives(day.commands)), count)
    yield "encode the row", timed(lambda: [encode_row(ticket, 0) for ticket in day.tickets], count)
    yield "decode the row", timed(lambda: [ticket_of(row) for row in day.rows], count)
    for facts in (1, 10, 50):
        step = supplements(facts)
        name = f"decide and evolve one fact more on a ticket of {facts}"
        yield name, timed(lambda step=step: [step() for _ in range(count)], count)  # type: ignore[misc]


def machine() -> str:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("pydantic", "pydantic-core", "msgspec")]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join([f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs", python, *versions])


def main() -> None:
    day = work()
    lines = [
        f"{len(day.values)} commands of {TICKETS} simulated tickets, {REPEATS} repeats; {machine()}",
        "",
        "| step, per command | median µs | min µs | min : reference |",
        "|---|---:|---:|---:|",
    ]
    reference = 0.0
    for name, found in steps(day):
        reference = reference or min(found)
        row = f"{statistics.median(found):.1f} | {min(found):.1f} | {min(found) / reference:.2f}"
        lines.append(f"| {name} | {row} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
