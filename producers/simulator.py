"""Plays invented lives: against the clock for people to watch, or as fast as the broker takes them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from producers.door import Door
from producers.keys import KeysAtHand, KeySource
from producers.lives import SOURCE, Life, Moment, timeline
from producers.script import CENTRE, HANDLERS
from schemas.commands import Command

_LONGEST_SLEEP_S: Final = 0.5  # so that a stop is noticed
_SOON_S: Final = 0.001  # not worth a sleep
_MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors by which the simulator's commands come in: the hotline's, the handlers' and the centre's."""

    intake: Door
    handlers: Door
    centre: Door

    def command(self, moment: Moment, receipt_at: datetime) -> Command:
        """The command of this moment, its id the same whenever the same plan is played."""
        life = moment.life
        if moment.step == 0:
            return self.intake.open(life.case, receipt_at)
        step = life.steps[moment.step - 1]
        return (self.centre if step.source == CENTRE else self.handlers).act(
            life.ticket_id,
            step.data,
            step.actor,
            receipt_at=receipt_at,
            command_id=f"{life.case.source_number}/{moment.step}",
        )


def simulation_doors(policy_set: str, keys: KeySource) -> Doors:
    """Doors that stamp this policy set and take tickets' keys from there."""
    return Doors(Door(SOURCE, policy_set, keys), Door(HANDLERS, policy_set, keys), Door(CENTRE, policy_set, keys))


def with_keys(lives: Iterable[Life], keys: KeysAtHand) -> Iterator[Life]:
    """The same lives, their keys fetched some hundred at a time."""
    rest = iter(lives)
    while some := list(itertools.islice(rest, _MOST_AT_ONCE)):
        keys.fetch(life.ticket_id for life in some)
        yield from some


def commands(lives: Iterable[Life], doors: Doors, now: Callable[[], datetime]) -> Iterator[Command]:
    """Whole lives without waiting: the commands of each ticket in their order, those of many tickets mixed.

    Args:
        lives: in order of their openings.
        doors: where they come in.
        now: gives the UTC instant that each is stamped with.
    """
    for moment in timeline(lives):
        yield doors.command(moment, now())


def play(
    lives: Iterable[Life],
    doors: Doors,
    publish: Callable[[list[Command]], object],
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], object],
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Play the lives in their own time, from now on, until they end or ``stop`` says so.

    Args:
        lives: in order of their openings.
        doors: where they come in.
        publish: sends what is due, such as ``Publisher.publish``.
        now: gives the UTC instant.
        sleep: waits for so many seconds, half a second at most.
        stop: asked before every wait and every sending.

    Returns:
        How many commands were published.
    """
    begun, count = now(), 0
    due: list[Command] = []
    for moment in timeline(lives):
        while (wait_s := moment.at_s - (now() - begun).total_seconds()) > _SOON_S or len(due) >= _MOST_AT_ONCE:
            if stop():
                return count
            if due:
                publish(due)
                count, due = count + len(due), []
            else:
                sleep(min(wait_s, _LONGEST_SLEEP_S))
        due.append(doors.command(moment, now()))
    publish(due)
    return count + len(due)
