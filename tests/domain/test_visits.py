"""The return visit: one for every round (一件一回访), tried until reached, never guessed."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import CloseTicket, RecordVisit, ReopenTicket
from schemas.enums import Channel, Kind, Refusal, Sensitivity, State, Verdict, VisitOutcome
from schemas.facts import (
    ClockStarted,
    ClockStopped,
    RoundOpened,
    TicketClosed,
    TicketResolved,
    TicketSupervised,
    VisitCompleted,
    VisitTried,
)
from schemas.policy import VisitRule
from tests.domain.player import BUREAU, Minutes, Player, changed, instant, refusal, told, with_clock

MORNING, NOON, EVENING = 120, 180, 540
"""11:00, 12:00 and 18:00 in Jinan, in minutes after nine."""


def resolved(**changes: Any) -> Player:
    player = Player()
    player.open(**changes)
    player.resolve(5)
    return player


def try_in_vain(player: Player, *times: Minutes) -> None:
    for at in times:
        player.visit(VisitOutcome.UNREACHABLE, at, attempt=len(player.live.round.visit_tries) + 1)


@pytest.mark.parametrize("outcome", [VisitOutcome.SATISFIED, VisitOutcome.BASICALLY_SATISFIED])
def test_a_content_citizen_closes_the_ticket(outcome: VisitOutcome) -> None:
    player = resolved()
    facts = player.visit(outcome, MORNING)
    assert [(fact.outcome, fact.effective) for fact in told(facts, VisitCompleted)] == [(outcome, True)]
    assert [fact.outcome for fact in told(facts, TicketClosed)] == [outcome]
    assert told(facts, ClockStopped, clock="visit", verdict=Verdict.MET)
    assert player.live.bell_at is None


def test_unreachable_is_tried_again() -> None:
    player = resolved()
    facts = player.visit(VisitOutcome.UNREACHABLE, MORNING)
    assert [(fact.attempt, fact.part_of_day) for fact in told(facts, VisitTried)] == [(1, "morning")]
    assert player.live.state is State.VISITING
    assert not told(facts, VisitCompleted)


def test_three_tries_in_two_parts_of_the_day_end_as_unreachable() -> None:
    player = resolved()
    try_in_vain(player, MORNING, MORNING + 1)
    assert not player.told(TicketClosed)
    try_in_vain(player, NOON)
    (visit,) = player.told(VisitCompleted)
    assert (visit.outcome, visit.effective, visit.attempt) == (VisitOutcome.UNREACHABLE, False, 3)
    assert player.live.state is State.CLOSED


def test_three_tries_in_one_part_of_the_day_are_not_enough() -> None:
    player = resolved()
    try_in_vain(player, 60, 70, 80, 90)
    assert player.live.state is State.VISITING
    try_in_vain(player, EVENING)
    assert [fact.attempt for fact in player.told(VisitCompleted)] == [5]


@pytest.mark.parametrize(
    ("at", "part"),
    [
        (NOON - 0.001, "morning"),
        (NOON, "afternoon"),
        (EVENING - 0.001, "afternoon"),
        (EVENING, "evening"),
        (15 * 60 - 0.001, "evening"),
        (15 * 60, "morning"),
    ],
)
def test_the_parts_of_the_day_are_those_of_the_bureaus_zone(at: float, part: str) -> None:
    player = resolved()
    facts = player.visit(VisitOutcome.UNREACHABLE, at)
    assert [fact.part_of_day for fact in told(facts, VisitTried)] == [part]


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8).map(sorted))
def test_unreachable_is_never_counted_as_an_answer(times: list[int]) -> None:
    player = resolved()
    for at in times:
        player.visit(VisitOutcome.UNREACHABLE, 10 + at, attempt=len(player.live.round.visit_tries) + 1)
    assert not [fact for fact in player.told(VisitCompleted) if fact.effective]
    assert not [fact for fact in player.told(TicketClosed) if fact.outcome is not VisitOutcome.UNREACHABLE]
    if player.live.state is State.CLOSED:
        tries = player.told(VisitTried)
        assert len(tries) >= 3
        assert len({fact.part_of_day for fact in tries}) >= 2


def test_a_citizen_reached_at_the_second_try_has_the_say() -> None:
    player = resolved()
    try_in_vain(player, MORNING)
    player.visit(VisitOutcome.SATISFIED, NOON, attempt=2)
    assert [(fact.outcome, fact.attempt) for fact in player.told(VisitCompleted)] == [(VisitOutcome.SATISFIED, 2)]


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_try_out_of_order_is_refused_and_counts_for_nothing(attempt: int) -> None:
    player = resolved()
    try_in_vain(player, MORNING)
    before = player.ticket
    assert refusal(player.visit(VisitOutcome.SATISFIED, NOON, attempt=attempt)) is Refusal.VISIT_OUT_OF_ORDER
    assert player.ticket == before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"contactable": False}, id="no contact left"),
        pytest.param({"kind": Kind.PRAISE}, id="praise"),
        pytest.param(
            {"channel": Channel.PUBLIC_OPINION, "sensitivity": Sensitivity.SENSITIVE}, id="public opinion under 3012"
        ),
        pytest.param({"channel": Channel.PUBLIC_OPINION, "kind": Kind.SUGGESTION}, id="public opinion otherwise"),
    ],
)
def test_a_visit_is_waived_where_nobody_can_or_need_be_asked(changes: dict[str, Any]) -> None:
    player = resolved(**changes)
    (visit,) = player.told(VisitCompleted)
    assert (visit.outcome, visit.effective, visit.attempt) == (VisitOutcome.WAIVED, False, 0)
    assert player.live.state is State.CLOSED
    assert len(player.told(TicketResolved)) == 1
    assert not player.told(ClockStarted, clock="visit")
    assert player.live.bell_at is None


def test_a_clock_that_ends_with_the_resolution_is_met_also_where_the_visit_is_waived() -> None:
    rules = with_clock("3012", "close", starts="received", stops="resolved", limit={"hours": 5})
    for changes in ({"contactable": True}, {"contactable": False}):
        player = Player(rules)
        player.open(**changes)
        player.resolve(60)
        assert player.told(ClockStopped, clock="close", verdict=Verdict.MET, stopped_at=instant(60))


def test_dissatisfied_beyond_the_reopenings_is_supervised() -> None:
    player = resolved()
    for number in (1, 2, 3):
        assert player.live.round.number == number
        player.visit(VisitOutcome.DISSATISFIED, 100 * number)
        if number < 3:
            player.resolve(100 * number + 5)
    assert player.live.state is State.SUPERVISED
    assert [fact.round for fact in player.told(TicketSupervised)] == [3]
    assert [fact.round for fact in player.told(VisitCompleted)] == [1, 2, 3]
    assert player.live.bell_at is None


def test_a_policy_without_reopenings_supervises_at_once() -> None:
    policies = [policy.model_copy(update={"visit": VisitRule(reopenings=0)}) for policy in BUREAU.policies]
    player = Player(changed(BUREAU, policies=[policy.model_dump() for policy in policies]))
    player.open()
    player.resolve(5)
    player.visit(VisitOutcome.DISSATISFIED, 60)
    assert player.live.state is State.SUPERVISED


def supervised() -> Player:
    player = Player()
    player.bring_to(State.SUPERVISED)
    return player


def test_a_supervisor_closes_what_cannot_be_settled_and_the_last_visit_stands() -> None:
    player = supervised()
    facts = player.do(CloseTicket(reason="已当面说明"), 100)
    assert [(fact.outcome, fact.note) for fact in told(facts, TicketClosed)] == [
        (VisitOutcome.DISSATISFIED, "已当面说明")
    ]
    assert player.live.state is State.CLOSED


def test_a_supervisor_has_it_handled_once_more() -> None:
    player = supervised()
    facts = player.do(ReopenTicket(reason="换人重办"), 100)
    assert [fact.round for fact in told(facts, RoundOpened)] == [4]
    player.resolve(110)
    player.visit(VisitOutcome.DISSATISFIED, 200)
    assert player.live.state is State.SUPERVISED


def test_the_visit_answers_whether_the_matter_is_solved() -> None:
    player = resolved()
    command = {"attempt": 1, "outcome": VisitOutcome.SATISFIED, "solved": True, "text": "问题已解决"}
    player.do(RecordVisit.model_validate(command), MORNING)
    assert [(fact.solved, fact.text) for fact in player.told(VisitCompleted)] == [(True, "问题已解决")]


def test_a_late_visit_is_a_breach_of_its_own_clock() -> None:
    player = resolved()
    player.visit(VisitOutcome.SATISFIED, timedelta(days=3))
    assert player.told(ClockStopped, clock="visit", verdict=Verdict.BREACHED)
    assert player.told(ClockStopped, clock="feedback", verdict=Verdict.MET)
