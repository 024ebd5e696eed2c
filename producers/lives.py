"""The lives of invented tickets: who does what and how long after, measured in each ticket's own limits."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID

from producers.cases import invent_case
from producers.door import Case
from producers.script import Shares, Step, write_script
from schemas.enums import Milestone
from schemas.identity import ticket_id
from schemas.policy import PolicySet

SOURCE: Final = "simulator"
ARRIVALS: Final = (4, 3, 2, 2, 2, 4, 12, 32, 62, 66, 50, 42, 34, 32, 38, 42, 48, 62, 64, 44, 30, 22, 14, 8)
"""How many tickets come in each hour of a day, relative to each other; the peaks are 8-10 and 17-19."""

_HOURS: Final = len(ARRIVALS)
_DAY_S: Final = 86_400.0
_PUBLISHED_ACCEPT_S: Final = 1_800.0  # the 30 of 3012, to which a set's own scale is compared


@dataclass(frozen=True, slots=True)
class Life:
    """All that will happen to one ticket. ``opens_s``: seconds from the beginning of the plan."""

    number: int
    ticket_id: UUID
    opens_s: float
    case: Case
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a life. ``step``: 0 for the opening, n for the n-th step; ``at_s``: seconds from the beginning."""

    at_s: float
    life: Life
    step: int


def plan(
    tickets: int,
    seed: int,
    rules: PolicySet,
    *,
    shares: Shares | None = None,
    span_s: float | None = None,
    from_hour: int = 8,
) -> Iterator[Life]:
    """A day's tickets in the order in which they come in, each with its script; the same for the same arguments.

    Args:
        tickets: how many.
        seed: which day of all the days there could be.
        rules: routes, limits and visit rules that the scripts follow; with scaled limits the same day passes faster.
        shares: how handlers and citizens behave.
        span_s: into how many seconds the day is pressed; a day by default, scaled as the set scales the 30 minutes.
        from_hour: the local hour at which it begins.
    """
    span = span_s if span_s is not None else _DAY_S * _scale(rules)
    for number, opens_s in enumerate(_arrivals(tickets, seed, span, from_hour), start=1):
        chance = Random(f"{seed}/{number}")  # noqa: S311 (a play, no secret)
        case = invent_case(f"SIM-{seed}-{number:07}", chance)
        ticket = ticket_id(SOURCE, case.source_number)
        yield Life(number, ticket, opens_s, case, write_script(case, rules, shares or Shares(), chance))


def timeline(lives: Iterable[Life]) -> Iterator[Moment]:
    """The moments of all lives in order of time; only the lives that have begun are held in memory.

    Args:
        lives: in order of their openings, as ``plan`` gives them.
    """
    coming: list[tuple[float, int, int, Life]] = []
    for life in lives:
        while coming and coming[0][0] <= life.opens_s:
            yield _next(coming)
        heapq.heappush(coming, (life.opens_s, life.number, 0, life))
    while coming:
        yield _next(coming)


def _next(coming: list[tuple[float, int, int, Life]]) -> Moment:
    at_s, number, step, life = heapq.heappop(coming)
    if step < len(life.steps):
        heapq.heappush(coming, (at_s + life.steps[step].delay_s, number, step + 1, life))
    return Moment(at_s, life, step)


def _arrivals(tickets: int, seed: int, span_s: float, from_hour: int) -> list[float]:
    chance = Random(f"{seed}/arrivals")  # noqa: S311 (a play, no secret)
    hours = chance.choices(range(_HOURS), ARRIVALS, k=tickets)
    return sorted(((hour - from_hour) % _HOURS + chance.random()) / _HOURS * span_s for hour in hours)


def _scale(rules: PolicySet) -> float:
    """How fast time passes under these rules, by their shortest limit for accepting."""
    limits = [
        clock.limit.elapsed.total_seconds()
        for policy in rules.policies
        for clock in policy.clocks
        if clock.stops is Milestone.ACCEPTED and clock.limit is not None and clock.limit.elapsed is not None
    ]
    return min(limits, default=_PUBLISHED_ACCEPT_S) / _PUBLISHED_ACCEPT_S
