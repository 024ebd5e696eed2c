"""Rounds: a policy is frozen when one opens, a new round has fresh clocks, the first handler stays."""

from schemas.commands import AcceptTicket, DecideOnSite, DispatchTicket, ReopenTicket
from schemas.enums import CancelReason, Milestone, RoundReason, State, Verdict, VisitOutcome
from schemas.facts import (
    ClockBreached,
    ClockCancelled,
    ClockStarted,
    LevelReached,
    RoundOpened,
    TicketAccepted,
    TicketDispatched,
    TicketOpened,
)
from schemas.policy import Limit, WorkingDays
from tests.domain.player import BUREAU, Player, changed, instant, told, with_clock

STRICT = with_clock("3012", "accept", limit={"minutes": 10}, chain="days")
"""The bureau's rules with another limit and another chain for acceptance."""


def test_a_new_policy_set_does_not_move_a_running_deadline_or_its_chain() -> None:
    player = Player()
    player.open()
    player.rules = STRICT
    player.do(DispatchTicket(unit="taxi-office"), 5)
    player.ring(80)
    (breach,) = player.told(ClockBreached, clock="accept")
    assert breach.due_at == instant(30)
    assert [level.level for level in player.told(LevelReached, clock="accept")] == [
        level.level for level in BUREAU.chains["3012"]
    ]


def test_a_new_round_takes_the_new_policy_set() -> None:
    player = Player()
    player.open()
    player.resolve(5)
    player.rules = STRICT
    player.visit(VisitOutcome.DISSATISFIED, 60)
    old, new = player.told(RoundOpened)
    assert (old.policy_set, new.policy_set) == (BUREAU.name, STRICT.name)
    first, second = player.told(ClockStarted, clock="accept")
    assert (first.limit, second.limit) == (Limit(minutes=30), Limit(minutes=10))
    assert (second.started_at, second.due_at) == (instant(60), instant(70))


def test_a_later_clock_of_a_round_keeps_the_limit_but_takes_the_calendar_of_its_command() -> None:
    working = WorkingDays(type="working_days", zone="Asia/Shanghai", weekdays=frozenset({1, 2, 5, 6}))
    player = Player()
    player.open()
    player.rules = changed(
        with_clock("3012", "visit", limit={"working_days": 4}),
        calendars=BUREAU.calendars | {"working_days": working},
    )
    player.resolve(5)
    (visit,) = player.told(ClockStarted, clock="visit")
    assert visit.limit == Limit(working_days=2)
    assert visit.due_at == instant((15 + 4 * 24) * 60)  # Tuesday's two working days are now Friday and Saturday


def test_dissatisfied_opens_a_round_with_fresh_clocks_and_keeps_the_old_verdicts() -> None:
    player = Player()
    player.open(on_site_needed=True)
    player.ring(31)
    player.resolve(50)
    before = list(player.facts)
    facts = player.visit(VisitOutcome.DISSATISFIED, 100)
    assert player.facts[: len(before)] == before
    assert [fact.reason for fact in told(facts, RoundOpened, round=2)] == [RoundReason.DISSATISFIED]
    assert [(fact.clock, fact.started_at) for fact in told(facts, ClockStarted)] == [
        ("accept", instant(100)),
        ("arrive", instant(100)),
        ("feedback", instant(100)),
    ]
    assert {clock.verdict for clock in player.live.round.clocks} == {Verdict.RUNNING}
    assert [(breach.round, breach.clock) for breach in player.told(ClockBreached)] == [(1, "accept")]


def test_a_clock_still_open_when_a_new_round_begins_is_cancelled_not_met() -> None:
    player = Player(with_clock("3012", "close", starts="received", stops="closed", limit={"hours": 48}))
    player.open()
    player.resolve(5)
    facts = player.visit(VisitOutcome.DISSATISFIED, 60)
    assert [(fact.round, fact.clock, fact.reason) for fact in told(facts, ClockCancelled)] == [
        (1, "close", CancelReason.NEW_ROUND)
    ]
    assert [fact.started_at for fact in told(facts, ClockStarted, clock="close")] == [instant(60)]


def test_the_same_level_is_reached_anew_in_the_next_round() -> None:
    player = Player()
    player.open()
    player.ring(31)
    player.resolve(40)
    player.visit(VisitOutcome.DISSATISFIED, 100)
    player.ring(131)
    assert [breach.round for breach in player.told(ClockBreached, clock="accept")] == [1, 2]


def test_a_new_round_needs_its_own_arrival_result_and_feedback() -> None:
    player = Player()
    player.open(on_site_needed=True)
    player.resolve(5)
    player.visit(VisitOutcome.DISSATISFIED, 60)
    current = player.live.round
    assert (current.reached, current.visit_tries) == ((Milestone.RECEIVED, Milestone.DISPATCHED), ())
    player.resolve(70)
    assert player.live.state is State.RESOLVED


def test_the_unit_that_held_the_ticket_gets_it_back_and_must_accept_anew() -> None:
    player = Player()
    player.open()
    player.resolve(5)
    facts = player.visit(VisitOutcome.DISSATISFIED, 60)
    assert [fact.unit for fact in told(facts, TicketDispatched)] == ["brigade-lixia"]
    assert (player.live.state, player.live.person) == (State.DISPATCHED, None)


def test_the_first_handler_stays_through_transfers_and_rounds() -> None:
    player = Player()
    player.open()
    player.resolve(5)
    player.visit(VisitOutcome.DISSATISFIED, 60)
    player.do(DispatchTicket(unit="taxi-office"), 61)
    player.do(AcceptTicket(), 62)
    assert [(fact.unit, fact.first_handler) for fact in player.told(TicketAccepted)] == [
        ("brigade-lixia", True),
        ("taxi-office", False),
    ]
    assert (player.live.first_handler, player.live.unit) == ("brigade-lixia", "taxi-office")


def test_a_supervisor_reopens_a_closed_ticket() -> None:
    player = Player()
    player.bring_to(State.CLOSED)
    facts = player.do(ReopenTicket(reason="新的录像证据"), 100)
    assert [(fact.reason, fact.note) for fact in told(facts, RoundOpened)] == [(RoundReason.SUPERVISOR, "新的录像证据")]
    assert player.live.state is State.DISPATCHED


def test_the_category_of_a_ticket_picks_its_limit() -> None:
    rules = with_clock("3012", "accept", limit_by_category={"拒载": {"minutes": 12}})
    player = Player(rules)
    player.open(category="拒载")
    other = Player(rules)
    other.open(category="绕路")
    assert player.told(ClockStarted, clock="accept")[0].due_at == instant(12)
    assert other.told(ClockStarted, clock="accept")[0].due_at == instant(30)


def test_a_clock_for_some_categories_does_not_run_for_others() -> None:
    rules = with_clock("3012", "accept", limit=None, limit_by_category={"拒载": {"minutes": 12}})
    player = Player(rules)
    player.open()
    assert not player.told(ClockStarted, clock="accept")
    assert player.told(TicketOpened)


def test_an_arrival_timed_from_acceptance_starts_once_and_not_before_it() -> None:
    player = Player(with_clock("3012", "arrive", starts="accepted"))
    player.open()
    player.do(DecideOnSite(needed=True), 10)
    player.do(AcceptTicket(), 20)
    assert [fact.started_at for fact in player.told(ClockStarted, clock="arrive")] == [instant(20)]
    assert player.ring(300)
