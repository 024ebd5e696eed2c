"""The reads for the command line and the board: stories, figures, open tickets, the feed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from schemas.enums import State, VisitOutcome
from sinks.database import write
from sinks.figures import ClockFigures
from sinks.queries import FeedKind, clocks_of_source, open_tickets, recent, stats, ticket_story
from tests.sinks.stories import SOURCE, START, Teller, full_life, logged, neglected, opened

LATER = START + timedelta(days=1)


def in_time(number: str) -> Teller:
    """Handled in time; the citizen cannot be reached afterwards, at three times of the day."""
    teller = opened(number)
    teller.accept(10)
    teller.arrive(20)
    teller.submit(30)
    teller.inform(40)
    for attempt, minute in enumerate((60, 400, 700), start=1):
        teller.visit(minute, attempt, VisitOutcome.UNREACHABLE)
    return teller


@pytest.fixture
def told(engine: Engine) -> dict[str, Teller]:
    """Write four tickets: one through two rounds, one neglected, one in time but never visited, one just opened."""
    tellers = {teller.number: teller for teller in (full_life(), neglected(), in_time("D-1"), opened("N-1", LATER))}
    for teller in tellers.values():
        write(engine, logged(teller.facts))
    return tellers


@pytest.mark.usefixtures("told")
def test_a_story_is_found_by_each_of_its_numbers(engine: Engine) -> None:
    teller = full_life()
    assert teller.ticket is not None
    (story,) = ticket_story(engine, "A-1")
    for name in (str(teller.id), str(teller.id).upper(), story.ticket.public_number.lower(), " A-1 "):
        assert ticket_story(engine, name) == (story,)
    assert ticket_story(engine, "no such number") == ()


@pytest.mark.usefixtures("told")
def test_a_story_tells_everything_in_order(engine: Engine) -> None:
    (story,) = ticket_story(engine, "A-1")
    assert story.facts == tuple(fact for fact in full_life().facts if fact.version is not None)
    assert [(clock.round, clock.clock) for clock in story.clocks] == [
        (round_, name) for round_ in (1, 2) for name in ("accept", "arrive", "feedback", "visit")
    ]
    assert [visit.round for visit in story.visits] == [1, 2]
    assert [refusal.command_type for refusal in story.refusals] == ["DispatchTicket"]


@pytest.mark.usefixtures("told")
def test_the_figures_count_first_rounds_and_show_the_others_apart(engine: Engine) -> None:
    figures = stats(engine, LATER - timedelta(minutes=1))
    assert figures.by_state == {State.DISPATCHED: 1, State.CLOSED: 2}
    assert (figures.received, figures.closed, figures.closure_rate) == (3, 2, 2 / 3)
    assert figures.clocks == (
        ClockFigures("accept", met=1, breached=2),
        ClockFigures("arrive", met=2, breached=1),
        ClockFigures("feedback", met=2, breached=1),
        ClockFigures("visit", met=2),
    )
    assert figures.clocks[0].on_time_rate == 1 / 3
    assert figures.reopened_clocks == tuple(
        ClockFigures(name, met=1) for name in ("accept", "arrive", "feedback", "visit")
    )
    assert figures.open_breaches == 3
    assert (figures.on_time_closed, figures.on_time_due) == (1, 3)
    assert figures.on_time_closure_rate == 1 / 3


@pytest.mark.usefixtures("told")
def test_unreachable_is_neither_satisfied_nor_in_the_denominator(engine: Engine) -> None:
    figures = stats(engine, LATER)
    first, again = figures.visits, figures.reopened_visits
    assert {outcome: count for outcome, count in first.by_outcome.items() if count} == {
        VisitOutcome.DISSATISFIED: 1,
        VisitOutcome.UNREACHABLE: 1,
    }
    assert (first.effective, first.satisfaction, first.resolution) == (1, 0.0, 0.0)
    assert (again.effective, again.satisfaction, again.resolution) == (1, 1.0, 1.0)


def test_an_excused_breach_counts_as_met(engine: Engine) -> None:
    teller = opened("E-1")
    teller.ring(31)
    teller.accept(45, done=20)
    teller.arrive(50)
    teller.submit(60)
    teller.inform(70)
    write(engine, logged(teller.facts))
    figures = stats(engine, LATER)
    assert figures.clocks[0] == ClockFigures("accept", excused=1)
    assert figures.clocks[0].on_time_rate == 1.0
    assert figures.on_time_closure_rate == 1.0


def test_without_tickets_there_are_no_rates(engine: Engine) -> None:
    figures = stats(engine, LATER)
    assert (figures.received, figures.closure_rate, figures.on_time_closure_rate) == (0, None, None)
    assert (figures.visits.satisfaction, figures.clocks) == (None, ())
    assert ClockFigures("accept", cancelled=3).on_time_rate is None


def test_figures_as_of_a_naive_time_are_refused(engine: Engine) -> None:
    with pytest.raises(Exception, match="without a zone"):
        stats(engine, datetime(2026, 3, 2))  # noqa: DTZ001 (the point of the test)


@pytest.mark.usefixtures("told")
def test_open_tickets_come_by_the_nearest_deadline(engine: Engine) -> None:
    found = open_tickets(engine, limit=10)
    assert [row.ticket.source_number for row in found] == ["B-1", "N-1"]
    assert [clock.clock for clock in found[0].clocks] == ["accept", "arrive", "feedback"]
    assert [row.ticket.source_number for row in open_tickets(engine, limit=1)] == ["B-1"]


def test_an_open_ticket_without_a_clock_comes_last(engine: Engine) -> None:
    for teller in (supervised("S-1"), opened("N-1")):
        write(engine, logged(teller.facts))
    found = open_tickets(engine)
    assert [(row.ticket.source_number, row.ticket.state) for row in found] == [
        ("N-1", State.DISPATCHED),
        ("S-1", State.SUPERVISED),
    ]
    assert found[1].clocks == ()


def supervised(number: str) -> Teller:
    teller = opened(number)
    for round_ in range(3):
        start = 100 * round_
        teller.accept(start + 10)
        teller.arrive(start + 20)
        teller.submit(start + 30)
        teller.inform(start + 40)
        teller.visit(start + 60, 1, VisitOutcome.DISSATISFIED)
    return teller


@pytest.mark.usefixtures("told")
def test_the_feed_goes_on_where_it_stopped(engine: Engine) -> None:
    everything = recent(engine, limit=1_000)
    places = [item.place for item in everything]
    assert places == sorted(places)
    walked = list(recent(engine, after=(START - timedelta(days=1), "", 0), limit=4))
    while more := recent(engine, after=walked[-1].place, limit=4):
        walked += more
    assert walked == list(everything)
    assert recent(engine, limit=3) == everything[-3:]


@pytest.mark.usefixtures("told")
def test_the_feed_tells_warnings_breaches_escalations_and_closures(engine: Engine) -> None:
    kinds = [item.kind for item in recent(engine, limit=1_000) if item.ticket.source_number == "B-1"]
    assert {kind: kinds.count(kind) for kind in FeedKind} == {
        FeedKind.WARNING: 6,
        FeedKind.BREACH: 3,
        FeedKind.ESCALATION: 6,
        FeedKind.CLOSED: 0,
    }
    closed = [item for item in recent(engine, limit=1_000) if item.kind is FeedKind.CLOSED]
    assert sorted(item.ticket.source_number for item in closed) == ["A-1", "D-1"]


@pytest.mark.usefixtures("told")
def test_the_first_rounds_clocks_of_a_source_by_ticket(engine: Engine) -> None:
    clocks = clocks_of_source(engine, SOURCE, "accept")
    assert {clock.round for clock in clocks.values()} == {1}
    assert {clock.verdict for clock in clocks.values()} == {"breached", "met", "running"}
    assert clocks_of_source(engine, "nobody", "accept") == {}
