"""The projections: what a full life leaves behind, and that they say the same as the core's own fold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.enums import BreachCause, CancelReason, State, Verdict, VisitOutcome
from schemas.facts import ClockCancelled, ClockStopped, Fact
from sinks import tables
from sinks.database import open_engine, write
from sinks.projection import Rows, fold, project
from sinks.rows import ClockRow
from stream_processors.domain.evolve import evolve
from stream_processors.domain.ticket import Ticket
from tests.sinks.stories import START, UNIT, Teller, crowd, everything, full_life, logged, neglected, opened

CROWD = crowd(6)


def rows_of(teller: Teller) -> Rows:
    rows = fold(fact for fact in teller.facts if fact.version is not None)
    assert rows is not None
    return rows


def clock(teller: Teller, round_: int, name: str) -> ClockRow:
    return rows_of(teller).clocks[round_, name]


def test_a_full_life_leaves_the_ticket_closed() -> None:
    row = rows_of(full_life()).ticket
    assert (row.state, row.round, row.last_outcome) == (State.CLOSED, 2, VisitOutcome.SATISFIED)
    assert (row.unit, row.person, row.first_handler) == (UNIT, "handler-7", UNIT)
    assert row.received_at == START
    assert row.resolved_at == START + timedelta(minutes=430)
    assert row.closed_at == row.updated_at == START + timedelta(minutes=500)
    assert (row.respondent_type, row.respondent_id) == ("vehicle", "鲁A·T1234")


def test_the_first_rounds_breach_stays_after_the_second_round() -> None:
    late, fresh = clock(full_life(), 1, "accept"), clock(full_life(), 2, "accept")
    assert late.verdict == Verdict.BREACHED
    assert late.breached_at == late.due_at == START + timedelta(minutes=30)
    assert late.stopped_at == START + timedelta(minutes=40)
    assert (late.unit, late.person, late.cause) == (UNIT, None, BreachCause.HANDLING)
    assert late.detection_s == 600.0
    assert (fresh.verdict, fresh.breached_at, fresh.cause) == (Verdict.MET, None, None)


def test_each_round_has_its_own_clocks_and_visit() -> None:
    rows = rows_of(full_life())
    names = {"accept", "arrive", "feedback", "visit"}
    assert set(rows.clocks) == {(round_, name) for round_ in (1, 2) for name in names}
    assert {round_: (visit.attempts, visit.outcome, visit.solved) for round_, visit in rows.visits.items()} == {
        1: (2, VisitOutcome.DISSATISFIED, False),
        2: (1, VisitOutcome.SATISFIED, True),
    }


def test_a_new_round_takes_back_the_resolution() -> None:
    teller = full_life()
    reopened = next(i for i, fact in enumerate(teller.facts) if getattr(fact.data, "round", 1) == 2)
    rows = fold(fact for fact in teller.facts[: reopened + 1] if fact.version is not None)
    assert rows is not None
    assert (rows.ticket.resolved_at, rows.ticket.last_outcome) == (None, VisitOutcome.DISSATISFIED)


def test_limit_and_basis_are_kept_as_json() -> None:
    accept = clock(opened("L-1"), 1, "accept")
    assert accept.limit == '{"minutes":30.0}'
    assert "济南市交通运输局" in accept.basis
    assert accept.policy == "3012"


def test_a_supplement_changes_the_text() -> None:
    assert rows_of(neglected()).ticket.text == "补充：车牌更正"


def followed_by(teller: Teller, data: ClockCancelled | ClockStopped) -> ClockRow:
    """The clock after one more fact, which the core would not tell just now."""
    last = teller.facts[-1]
    assert last.version is not None
    more = last.model_copy(update={"version": last.version + 1, "data": data})
    return project(rows_of(teller), more).clocks[data.round, data.clock]


def test_a_breach_outlives_cancelling_and_stopping() -> None:
    teller = neglected()
    cancelled = followed_by(teller, ClockCancelled(round=1, clock="arrive", reason=CancelReason.ON_SITE_NOT_NEEDED))
    assert cancelled.verdict == Verdict.BREACHED
    assert not cancelled.is_open
    stopped = followed_by(teller, ClockStopped(round=1, clock="arrive", stopped_at=START, verdict=Verdict.MET))
    assert (stopped.verdict, stopped.stopped_at) == (Verdict.BREACHED, START)


def test_a_running_clock_that_is_cancelled_is_cancelled() -> None:
    teller = opened("K-1")
    row = followed_by(teller, ClockCancelled(round=1, clock="arrive", reason=CancelReason.ON_SITE_NOT_NEEDED))
    assert (row.verdict, row.is_open) == (Verdict.CANCELLED, False)


def test_an_excused_breach_is_excused() -> None:
    teller = opened("E-1")
    teller.ring(31)
    teller.accept(45, done=20)
    row = clock(teller, 1, "accept")
    assert row.verdict == Verdict.EXCUSED
    assert (row.breached_at, row.stopped_at) == (START + timedelta(minutes=30), START + timedelta(minutes=20))


def test_a_fact_out_of_turn_or_a_refusal_is_not_folded() -> None:
    first, second, third = opened("O-1").facts[:3]
    with pytest.raises(ValueError, match="is next"):
        project(project(None, first), third)
    with pytest.raises(ValueError, match="is next"):
        project(None, second)
    refusal = next(fact for fact in full_life().facts if fact.version is None)
    with pytest.raises(ValueError, match="is next"):
        project(project(None, first), refusal)


def seen_by_core(ticket: Ticket) -> dict[str, object]:
    names = ("version", "state", "unit", "person", "first_handler", "on_site_needed")
    return {name: getattr(ticket, name) for name in names} | {"round": ticket.round.number}


@pytest.mark.parametrize("teller", [full_life(), neglected()], ids=["full life", "neglected"])
def test_every_prefix_says_what_the_core_says(teller: Teller) -> None:
    ticket: Ticket | None = None
    rows: Rows | None = None
    for fact in (fact for fact in teller.facts if fact.version is not None):
        ticket, rows = evolve(ticket, fact), project(rows, fact)
        assert ticket is not None
        assert {name: getattr(rows.ticket, name) for name in seen_by_core(ticket)} == seen_by_core(ticket)
        for running in ticket.round.clocks:
            row = rows.clocks[ticket.round.number, running.clock]
            assert (row.verdict, row.due_at, row.is_open) == (running.verdict, running.due_at, not running.stopped)


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Fact]]:
    """The same facts as at-least-once delivery hands them out: cut anywhere, going back now and then."""
    batches = []
    position = 0
    while position < len(CROWD):
        start = max(0, position - draw(st.integers(0, 60)))
        end = min(len(CROWD), position + draw(st.integers(1, 60)))
        batches.append(CROWD[start:end])
        position = end
    return batches


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries())
def test_any_delivery_of_the_same_facts_gives_the_same_tables(batches: list[list[Fact]]) -> None:
    contents = []
    for delivery in (batches, [CROWD]):
        engine = open_engine("sqlite://")
        tables.metadata.create_all(engine)
        for batch in delivery:
            write(engine, logged(batch))
        contents.append(everything(engine))
        engine.dispose()
    assert contents[0] == contents[1]
