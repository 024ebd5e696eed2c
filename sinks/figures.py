"""The managers' figures (domain.md §7) of everything up to an instant; every rate is None where nothing is below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from schemas.enums import State, Verdict, VisitOutcome
from sinks.tables import clocks, is_open, tickets, visits

_TELLS_THE_CITIZEN = ("feedback", "reply")
_AFTER_FEEDBACK = ("visit", "close")
_IN_TIME = (Verdict.MET, Verdict.EXCUSED)
_SATISFIED = (VisitOutcome.SATISFIED, VisitOutcome.BASICALLY_SATISFIED)


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """How many clocks of this name have which verdict."""

    clock: str
    met: int = 0
    breached: int = 0
    excused: int = 0
    running: int = 0
    cancelled: int = 0

    @property
    def on_time_rate(self) -> float | None:
        """(met + excused) ÷ (met + excused + breached)."""
        in_time = self.met + self.excused
        return _rate(in_time, in_time + self.breached)


@dataclass(frozen=True, slots=True)
class VisitFigures:
    """Completed return visits by outcome; effective ones reached the citizen and got an answer."""

    by_outcome: Mapping[VisitOutcome, int]
    effective: int
    solved: int

    @property
    def satisfaction(self) -> float | None:
        """满意率: (satisfied + basically satisfied) ÷ effective visits; w = 1."""
        return _rate(sum(self.by_outcome.get(outcome, 0) for outcome in _SATISFIED), self.effective)

    @property
    def resolution(self) -> float | None:
        """解决率: visited and solved ÷ effective visits."""
        return _rate(self.solved, self.effective)


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures as of an instant. Only first rounds count; reopened rounds are shown apart."""

    as_of: datetime
    by_state: Mapping[State, int]
    open_breaches: int
    on_time_due: int
    on_time_closed: int
    clocks: tuple[ClockFigures, ...]
    visits: VisitFigures
    reopened_clocks: tuple[ClockFigures, ...]
    reopened_visits: VisitFigures

    @property
    def received(self) -> int:
        """Tickets received up to ``as_of``."""
        return sum(self.by_state.values())

    @property
    def closed(self) -> int:
        """Those of them that are closed."""
        return self.by_state.get(State.CLOSED, 0)

    @property
    def closure_rate(self) -> float | None:
        """办结率: tickets closed ÷ tickets received, by cohort."""
        return _rate(self.closed, self.received)

    @property
    def on_time_closure_rate(self) -> float | None:
        """按时办结率: first rounds whose clocks up to feedback were all met ÷ first rounds whose feedback was due."""
        return _rate(self.on_time_closed, self.on_time_due)


def stats(engine: Engine, as_of: datetime) -> Stats:
    """The figures of the tickets received, clocks started and visits made up to ``as_of`` (UTC-aware).

    States and verdicts are those that the database holds now. "Up to feedback" are all clocks but ``visit`` and
    ``close``; the citizen is told by ``feedback`` or ``reply``. Cancelled clocks are outside, an excused breach is met.

    Raises:
        ValueError: a time without a zone.
    """
    with engine.connect() as connection:
        due, closed = _on_time(connection, as_of)
        return Stats(
            as_of=as_of,
            by_state=_by_state(connection, as_of),
            open_breaches=_open_breaches(connection, as_of),
            on_time_due=due,
            on_time_closed=closed,
            clocks=_clock_figures(connection, as_of, clocks.c.round == 1),
            visits=_visit_figures(connection, as_of, visits.c.round == 1),
            reopened_clocks=_clock_figures(connection, as_of, clocks.c.round > 1),
            reopened_visits=_visit_figures(connection, as_of, visits.c.round > 1),
        )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _by_state(connection: Connection, as_of: datetime) -> dict[State, int]:
    query = select(tickets.c.state, func.count()).where(tickets.c.received_at <= as_of).group_by(tickets.c.state)
    counts = {State(state): count for state, count in connection.execute(query)}
    return {state: counts[state] for state in State if state in counts}


def _open_breaches(connection: Connection, as_of: datetime) -> int:
    """Breached, and the deed is still owed."""
    query = select(func.count()).where(clocks.c.verdict == Verdict.BREACHED, is_open, clocks.c.breached_at <= as_of)
    return connection.scalar(query) or 0


def _clock_figures(connection: Connection, as_of: datetime, rounds: ColumnElement[bool]) -> tuple[ClockFigures, ...]:
    query = (
        select(clocks.c.clock, clocks.c.verdict, func.count())
        .where(rounds, clocks.c.started_at <= as_of)
        .group_by(clocks.c.clock, clocks.c.verdict)
    )
    counts: dict[str, dict[str, int]] = {}
    for clock, verdict, count in connection.execute(query):
        counts.setdefault(clock, {})[verdict] = count
    return tuple(ClockFigures(clock, **verdicts) for clock, verdicts in sorted(counts.items()))


def _visit_figures(connection: Connection, as_of: datetime, rounds: ColumnElement[bool]) -> VisitFigures:
    counted = (visits.c.outcome, visits.c.effective, visits.c.solved)
    query = select(*counted, func.count()).where(rounds, visits.c.visited_at <= as_of).group_by(*counted)
    by_outcome = dict.fromkeys(VisitOutcome, 0)
    effective = solved = 0
    for outcome, was_effective, was_solved, count in connection.execute(query):
        by_outcome[VisitOutcome(outcome)] += count
        effective += count if was_effective else 0
        solved += count if was_effective and was_solved else 0
    return VisitFigures(by_outcome, effective, solved)


def _on_time(connection: Connection, as_of: datetime) -> tuple[int, int]:
    """First rounds whose feedback was due, and those among them without a clock up to feedback that was not met."""
    due = (
        select(clocks.c.ticket_id)
        .where(
            clocks.c.round == 1,
            clocks.c.clock.in_(_TELLS_THE_CITIZEN),
            clocks.c.due_at <= as_of,
            clocks.c.verdict != Verdict.CANCELLED,
        )
        .distinct()
        .cte("due")
    )
    missed = (
        select(clocks.c.ticket_id)
        .where(
            clocks.c.ticket_id == due.c.ticket_id,
            clocks.c.round == 1,
            clocks.c.clock.not_in(_AFTER_FEEDBACK),
            clocks.c.verdict.not_in((*_IN_TIME, Verdict.CANCELLED)),
        )
        .exists()
    )
    query = select(func.count(), func.count().filter(~missed)).select_from(due)
    total, in_time = connection.execute(query).one()
    return total, in_time
