"""The stories that must come out the same on every broker and database, told by publishing and read from the tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, select

from producers.publisher import Publisher
from schemas.commands import AcceptTicket, ArriveOnScene, FeedBack, RecordVisit, SubmitResult
from schemas.enums import Disposition, FeedbackMeans, VisitOutcome
from schemas.facts import ClockBreached, Fact, LevelReached, TicketAccepted
from sinks.database import open_engine
from sinks.tables import clocks, facts, tickets, visits
from stream_processors.policy_files import load_policy_set
from tests.e2e.commands import Case
from tests.support.pipeline import Pipeline

QUICK = Path(__file__).parent / "quick.yaml"
QUICK_SET = load_policy_set(QUICK).name
SETTINGS = {"HOTLINE_POLICY_FILES": f'["{QUICK}"]', "HOTLINE_POLICY_SET": "quick"}
LEVELS = ["warn-50", "warn-80", "breach", "breach+15m", "breach+45m"]
_CALL = FeedBack(means=FeedbackMeans.CALL)
_RESULT = SubmitResult(disposition=Disposition.ENFORCEMENT, text="已查处")


class Stage:
    """A running pipeline, a publisher into it, and its tables."""

    def __init__(self, pipeline: Pipeline, publisher: Publisher) -> None:
        self.pipeline = pipeline
        self.publisher = publisher
        self.engine: Engine = open_engine(pipeline.database_url)

    def case(self) -> Case:
        """A new ticket to be."""
        return Case(self.publisher, QUICK_SET)

    def settled(self) -> None:
        """Everything published so far is decided and stored."""
        self.pipeline.wait_until_stored()

    def verdicts(self, case: Case) -> dict[tuple[int, str], str]:
        """The verdict of each clock by round and name."""
        query = select(clocks.c.round, clocks.c.clock, clocks.c.verdict).where(clocks.c.ticket_id == str(case.id))
        with self.engine.connect() as connection:
            return {(number, clock): verdict for number, clock, verdict in connection.execute(query)}

    def facts(self, case: Case) -> list[Fact]:
        """The ticket's chain."""
        query = select(facts.c.payload).where(facts.c.ticket_id == str(case.id)).order_by(facts.c.version)
        with self.engine.connect() as connection:
            return [Fact.model_validate_json(payload) for (payload,) in connection.execute(query)]

    def levels(self, case: Case, clock: str) -> list[str]:
        """The levels that a clock has reached, in order."""
        told = [fact.data for fact in self.facts(case)]
        return [data.level for data in told if isinstance(data, LevelReached) and data.clock == clock]

    def state(self, case: Case) -> str:
        """Where the ticket stands."""
        with self.engine.connect() as connection:
            return str(connection.scalar(select(tickets.c.state).where(tickets.c.ticket_id == str(case.id))))

    def outcomes(self, case: Case) -> list[tuple[int, str | None, bool]]:
        """Each round's visit: round, outcome, effective."""
        columns = (visits.c.round, visits.c.outcome, visits.c.effective)
        query = select(*columns).where(visits.c.ticket_id == str(case.id)).order_by(visits.c.round)
        with self.engine.connect() as connection:
            return [(number, outcome, effective) for number, outcome, effective in connection.execute(query)]


@contextmanager
def stage(pipeline: Pipeline, *, embedded: bool) -> Iterator[Stage]:
    """A stage whose sink runs; the worker is the story's own business."""
    pipeline.start("sink")
    with Publisher(pipeline.bootstrap, embedded=embedded) as publisher:
        made = Stage(pipeline, publisher)
        try:
            yield made
        finally:
            made.engine.dispose()


def exactly_at_the_deadline_is_in_time(on: Stage) -> None:
    """While no worker runs, so that no bell can come between: the log alone decides."""
    received = datetime.now(UTC) - timedelta(milliseconds=100)  # a claim ahead of the record would count as now
    in_time, late = on.case(), on.case()
    for case in (in_time, late):
        case.open(received)
    deadline = received + timedelta(seconds=3)
    time.sleep(max(0.0, (deadline - datetime.now(UTC)).total_seconds()) + 0.05)
    in_time.send(AcceptTicket(), receipt=deadline)
    late.send(AcceptTicket(), receipt=deadline + timedelta(microseconds=1))
    on.pipeline.start_worker()
    on.settled()
    assert on.verdicts(in_time)[1, "accept"] == "met"
    assert on.verdicts(late)[1, "accept"] == "breached"
    assert "arrive" not in {clock for _, clock in on.verdicts(in_time)}, "no arrive clock without on-site need"


def a_breached_ticket_escalates_through_all_levels_once_each(on: Stage) -> None:
    """With the worker running: the bell alone brings every level, and a late deed ends the chain."""
    silent, late = on.case(), on.case()
    for case in (silent, late):
        case.open(on_site_needed=True)
    on.settled()
    on.pipeline.wait_for(lambda: on.levels(late, "accept")[-1:] == ["breach"], "the breach is stored")
    late.send(AcceptTicket())
    on.pipeline.wait_for(lambda: len(on.levels(silent, "arrive")) == len(LEVELS), "every level is stored")
    assert on.levels(silent, "accept") == LEVELS
    assert on.levels(silent, "arrive") == LEVELS
    [accepted_at] = [fact.at for fact in on.facts(late) if isinstance(fact.data, TicketAccepted)]
    reached = [
        fact.at for fact in on.facts(late) if isinstance(fact.data, LevelReached) and fact.data.clock == "accept"
    ]
    assert on.levels(late, "accept") == LEVELS[: len(reached)]
    assert 3 <= len(reached) < len(LEVELS), "the deed stops the chain"
    assert max(reached) <= accepted_at
    assert on.verdicts(late)[1, "accept"] == "breached", "a breach is final"
    for case in (silent, late):
        for data in (fact.data for fact in on.facts(case)):
            if isinstance(data, ClockBreached):
                assert data.unit == "brigade-lixia"
                assert 0 < data.detection_s < 2, "noticed by the bell"


def a_dissatisfied_visit_opens_a_new_round_and_keeps_the_old_verdicts(on: Stage) -> None:
    """Round 1 breached, round 2 in time, both on record."""
    case = on.case()
    case.open()
    on.pipeline.wait_for(lambda: "breach" in on.levels(case, "accept"), "the breach is stored")
    for data in (AcceptTicket(), _RESULT, _CALL):
        case.send(data)
    case.send(RecordVisit(attempt=1, outcome=VisitOutcome.DISSATISFIED), source="centre", unit=None)
    for data in (AcceptTicket(), _RESULT, _CALL):
        case.send(data)
    case.send(RecordVisit(attempt=1, outcome=VisitOutcome.SATISFIED, solved=True), source="centre", unit=None)
    on.settled()
    verdicts = on.verdicts(case)
    assert verdicts[1, "accept"] == "breached"
    assert verdicts[2, "accept"] == "met"
    assert on.outcomes(case) == [(1, "dissatisfied", True), (2, "satisfied", True)]
    assert on.state(case) == "closed"


def an_unreachable_citizen_is_tried_again_and_never_counted_satisfied(on: Stage) -> None:
    """Three tries, then closed without an effective visit; a scene is visited on the way."""
    case = on.case()
    case.open(on_site_needed=True)
    for data in (AcceptTicket(), ArriveOnScene(), _RESULT, _CALL):
        case.send(data)
    for attempt in (1, 2):
        case.send(RecordVisit(attempt=attempt, outcome=VisitOutcome.UNREACHABLE), source="centre", unit=None)
    on.settled()
    assert on.state(case) == "visiting"
    case.send(RecordVisit(attempt=3, outcome=VisitOutcome.UNREACHABLE), source="centre", unit=None)
    on.settled()
    assert on.outcomes(case) == [(1, "unreachable", False)]
    assert on.state(case) == "closed"
    assert on.verdicts(case)[1, "arrive"] == "met"


STORIES = (
    exactly_at_the_deadline_is_in_time,  # first: it starts the worker
    a_breached_ticket_escalates_through_all_levels_once_each,
    a_dissatisfied_visit_opens_a_new_round_and_keeps_the_old_verdicts,
    an_unreachable_citizen_is_tried_again_and_never_counted_satisfied,
)
