"""The life of a ticket under random commands, times, bells and policy changes: what must hold at every step."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.codec import decode_fact
from schemas.commands import (
    AcceptTicket,
    AcknowledgeAlert,
    AnyCommandData,
    ArriveOnScene,
    CloseTicket,
    CommandData,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    RecordVisit,
    ReopenTicket,
    RingBell,
    SubmitResult,
)
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, State, Verdict, VisitOutcome
from schemas.facts import (
    GENESIS,
    ClockBreached,
    ClockCancelled,
    ClockExcused,
    ClockStarted,
    ClockStopped,
    Fact,
    LevelReached,
    VisitCompleted,
)
from schemas.policy import Source
from stream_processors.domain.decide import decide
from stream_processors.domain.evolve import evolve
from stream_processors.domain.moves import LEGAL
from stream_processors.domain.story import Place
from stream_processors.domain.ticket import Ticket
from tests.domain.player import BUREAU, START, Player, changed, complaint, with_clock

MILLISECOND = timedelta(milliseconds=1)
STRICT = with_clock("3012", "accept", limit={"minutes": 10}, chain="days")
TRUSTING = changed(STRICT, sources=BUREAU.sources | {"handlers": Source(trusted_time=True, max_age_s=86_400)})
ODD = with_clock("3012", "accept", TRUSTING, starts="dispatched")
ODD = with_clock("3012", "arrive", ODD, starts="accepted")
ODD = with_clock("3012", "settle", ODD, starts="accepted", stops="resolved", limit={"hours": 1})
ODD = with_clock("3012", "close", ODD, starts="received", stops="closed", limit={"hours": 3})
SETS = {rules.name: rules for rules in (BUREAU, STRICT, TRUSTING, ODD)}

STEPS = st.sampled_from(
    [timedelta(minutes=minutes) for minutes in (-45, -1, 0, 0, 1, 5, 15, 30, 45, 60, 120, 1440, 4320)]
    + [-MILLISECOND, MILLISECOND, timedelta(minutes=30) + MILLISECOND, timedelta(microseconds=1)]
)
"""From one record's time to the next; a broker's clock may step back."""

CLAIMS = st.none() | st.sampled_from([timedelta(minutes=minutes) for minutes in (-600, -40, -20, -1, 0, 1, 2)])
"""What a source or our door says, against the record's time."""

UNITS = st.sampled_from(["brigade-lixia", "taxi-office", "brigade"])
OUTCOMES = st.sampled_from(
    [VisitOutcome.DISSATISFIED, VisitOutcome.UNREACHABLE, VisitOutcome.DISSATISFIED, *VisitOutcome]
)

SOME: dict[type[CommandData], st.SearchStrategy[AnyCommandData]] = {
    DispatchTicket: st.builds(DispatchTicket, unit=st.just("circus") | UNITS),
    AcceptTicket: st.builds(AcceptTicket),
    DecideOnSite: st.builds(DecideOnSite, needed=st.booleans()),
    ArriveOnScene: st.builds(ArriveOnScene),
    SubmitResult: st.builds(SubmitResult, disposition=st.sampled_from(Disposition), text=st.just("已处理")),
    FeedBack: st.builds(FeedBack, means=st.sampled_from(FeedbackMeans), reached=st.booleans()),
    RecordVisit: st.builds(RecordVisit, attempt=st.integers(1, 4), outcome=OUTCOMES),
    AcknowledgeAlert: st.builds(
        AcknowledgeAlert,
        round=st.integers(1, 3),
        clock=st.sampled_from(["accept", "arrive", "feedback", "visit"]),
        level=st.sampled_from(["warn-50", "breach", "breach+15m"]),
    ),
    ReopenTicket: st.builds(ReopenTicket, reason=st.just("新的证据")),
    CloseTicket: st.builds(CloseTicket, reason=st.just("已说明")),
}
ANYTHING = st.one_of(*SOME.values(), st.builds(complaint, text=st.sampled_from(["甲", "乙"])))
OPENINGS = st.builds(
    complaint,
    kind=st.sampled_from([Kind.COMPLAINT, Kind.ENQUIRY, Kind.REPORT, Kind.PRAISE]),
    channel=st.sampled_from([Channel.HOTLINE_12328, Channel.HOTLINE_12345, Channel.WEB, Channel.PUBLIC_OPINION]),
    domain=st.sampled_from([Domain.TAXI, Domain.TAXI, Domain.OTHER]),
    on_site_needed=st.sampled_from([None, True, False]),
    contactable=st.sampled_from([True, True, True, True, False]),
)


class TicketLife(RuleBasedStateMachine):
    """A ticket, and beside it the same ticket as it follows from the bytes on the log alone."""

    def __init__(self) -> None:
        super().__init__()
        self.player = Player(known=SETS.copy())
        self.at = timedelta()
        self.folded: Ticket | None = None
        self.seen = 0

    @initialize(opening=OPENINGS, occurred=CLAIMS, rules=st.sampled_from(sorted(SETS)))
    def open(self, opening: Any, occurred: timedelta | None, rules: str) -> None:
        self.player.rules = SETS[rules]
        self.put(opening, timedelta(), occurred)

    @rule(data=st.data(), step=STEPS, occurred=CLAIMS, receipt=CLAIMS)
    def do_what_the_table_allows(
        self, data: st.DataObject, step: timedelta, occurred: timedelta | None, receipt: timedelta | None
    ) -> None:
        moves = sorted(LEGAL[self.player.live.state] - {AcknowledgeAlert}, key=lambda move: move.__name__)
        wish = data.draw(SOME[data.draw(st.sampled_from(moves))])
        if isinstance(wish, RecordVisit):
            wish = wish.model_copy(update={"attempt": 1 + len(self.player.live.round.visit_tries)})
        self.put(wish, step, occurred, receipt)

    @precondition(lambda self: self.player.live.state is State.DISPATCHED)
    @rule(step=STEPS)
    def handle_it_all_at_once(self, step: timedelta) -> None:
        self.at += step
        self.player.resolve(self.at)

    @precondition(lambda self: self.player.live.state in {State.RESOLVED, State.VISITING})
    @rule(outcome=OUTCOMES, step=STEPS, receipt=CLAIMS)
    def visit(self, outcome: VisitOutcome, step: timedelta, receipt: timedelta | None) -> None:
        attempt = 1 + len(self.player.live.round.visit_tries)
        self.put(RecordVisit(attempt=attempt, outcome=outcome), step, receipt=receipt)

    @precondition(lambda self: self.player.live.state is State.DISPATCHED)
    @rule(noticed=st.sampled_from([31, 46, 130]), late=st.sampled_from([1, 20, 600]))
    def prove_late_that_the_deed_was_in_time(self, noticed: int, late: int) -> None:
        last = self.player.live.last_deed - START
        self.put(RingBell(), max(last - self.at, timedelta()) + timedelta(minutes=noticed))
        self.put(AcceptTicket(), timedelta(minutes=late), receipt=last - self.at - timedelta(minutes=late))

    @rule(wish=ANYTHING, step=STEPS, occurred=CLAIMS, unit=st.none() | UNITS)
    def do_anything(self, wish: Any, step: timedelta, occurred: timedelta | None, unit: str | None) -> None:
        self.put(wish, step, occurred, unit=unit)

    @rule(step=STEPS)
    def ring(self, step: timedelta) -> None:
        self.put(RingBell(), step)

    @precondition(lambda self: self.player.live.bell_at is not None)
    @rule()
    def ring_when_due(self) -> None:
        at = self.player.live.bell_at
        assert at is not None
        self.at = max(self.at, moment(at) - START)
        assert self.put(RingBell(), timedelta())

    @rule(number=st.integers(0, 1_000), step=STEPS)
    def send_again(self, number: int, step: timedelta) -> None:
        entry = self.player.log[number % len(self.player.log)]
        before = self.player.ticket
        answered = self.player.live.remembers(entry.command.source, entry.command.id)
        self.at += step
        facts = self.player.record(entry.command, START + self.at)
        if answered and not isinstance(entry.command.data, RingBell):
            assert (facts, self.player.ticket) == ((), before)

    @rule(rules=st.sampled_from(sorted(SETS)))
    def change_the_rules(self, rules: str) -> None:
        self.player.rules = SETS[rules]

    def put(
        self,
        wish: AnyCommandData,
        step: timedelta,
        occurred: timedelta | None = None,
        receipt: timedelta | None = None,
        unit: str | None = None,
    ) -> tuple[Fact, ...]:
        self.at += step
        return self.player.do(
            wish,
            self.at,
            unit=unit,
            occurred=None if occurred is None else self.at + occurred,
            receipt=None if receipt is None else self.at + receipt,
        )

    @invariant()
    def the_bytes_of_the_facts_fold_to_the_live_ticket(self) -> None:
        for fact in self.player.facts[self.seen :]:
            self.folded = evolve(self.folded, decode_fact(fact.encoded))
        self.seen = len(self.player.facts)
        assert self.folded == self.player.ticket

    @invariant()
    def the_facts_are_one_chain_in_time(self) -> None:
        chain = self.player.chain
        assert [fact.version for fact in chain] == list(range(1, len(chain) + 1))
        assert [fact.previous for fact in chain] == [GENESIS, *(fact.digest for fact in chain)][: len(chain)]
        assert all(earlier.recorded_at <= later.recorded_at for earlier, later in pairwise(chain))
        assert all(fact.at <= fact.recorded_at for fact in chain)

    @invariant()
    def every_clock_has_one_end_and_it_is_true(self) -> None:
        facts = self.player.facts
        starts = by_clock(facts, ClockStarted)
        stops, breaches = by_clock(facts, ClockStopped), by_clock(facts, ClockBreached)
        excuses, cancels = by_clock(facts, ClockExcused), by_clock(facts, ClockCancelled)
        assert not stops.keys() & cancels.keys()
        assert stops.keys() | breaches.keys() | excuses.keys() | cancels.keys() <= starts.keys()
        for key, stop in stops.items():
            in_time = stop.stopped_at <= starts[key].due_at
            assert (stop.verdict is Verdict.BREACHED) is (key in breaches)
            assert (stop.verdict is Verdict.MET or key in excuses) is in_time
        assert excuses.keys() <= breaches.keys() & stops.keys()

    @invariant()
    def the_ticket_carries_the_verdicts_of_its_facts(self) -> None:
        facts, number = self.player.facts, self.player.live.round.number
        breached = {clock for (item, clock) in by_clock(facts, ClockBreached) if item == number}
        excused = {clock for (item, clock) in by_clock(facts, ClockExcused) if item == number}
        verdicts = {clock.clock: clock.verdict for clock in self.player.live.round.clocks}
        assert {clock for clock, verdict in verdicts.items() if verdict is Verdict.EXCUSED} == excused
        assert {clock for clock, verdict in verdicts.items() if verdict is Verdict.BREACHED} == breached - excused
        if self.player.live.state is State.CLOSED:
            assert all(clock.stopped for clock in self.player.live.round.clocks)

    @invariant()
    def each_level_is_reached_once_and_in_order(self) -> None:
        levels = Counter(
            (fact.data.round, fact.data.clock, fact.data.level)
            for fact in self.player.facts
            if isinstance(fact.data, LevelReached)
        )
        assert set(levels.values()) <= {1}
        for clock in self.player.live.round.clocks:
            reached = [level for number, name, level in levels if (number, name) == self.key(clock.clock)]
            rules = SETS[self.player.live.round.policy_set]
            policy = rules.policy_by_id[self.player.live.round.policy]
            chain = next(rules.chains[item.chain] for item in policy.clocks if item.clock == clock.clock)
            assert reached == [level.level for level in chain[: clock.step]]

    def key(self, clock: str) -> tuple[int, str]:
        return self.player.live.round.number, clock

    @invariant()
    def a_round_has_at_most_one_visit(self) -> None:
        rounds = [fact.round for fact in self.player.told(VisitCompleted)]
        assert len(rounds) == len(set(rounds))

    @invariant()
    def the_bell_is_set_to_the_first_millisecond_at_which_something_happens(self) -> None:
        at = self.player.live.bell_at
        if at is None:
            assert self.rung(moment(7_000_000_000_000)) == ()
            return
        assert self.rung(moment(at - 1)) == ()
        assert self.rung(moment(at)) != ()

    def rung(self, at: datetime) -> tuple[Fact, ...]:
        """What a bell at that time would bring about."""
        command = self.player.log[0].command.model_copy(update={"id": "probe", "data": RingBell()})
        return decide(self.player.ticket, command, at, Place(0, 0), self.player.known).facts

    def teardown(self) -> None:
        assert self.player.replayed() == self.player.facts


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, START.tzinfo) + timedelta(milliseconds=milliseconds)


def by_clock(facts: list[Fact], kind: type[Any]) -> dict[tuple[int, str], Any]:
    """The one fact of this kind for each round and clock; there must not be a second."""
    found: dict[tuple[int, str], Any] = {}
    for fact in facts:
        if isinstance(fact.data, kind):
            key = (fact.data.round, fact.data.clock)
            assert key not in found, f"a second {kind.__name__} for {key}"
            found[key] = fact.data
    return found


TicketLife.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTicketLife = TicketLife.TestCase
