"""The 3012 clocks (Jinan 2024-12-31): accepted in 30 minutes, on the scene in 1 hour, the citizen informed in 2."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.commands import AcceptTicket, ArriveOnScene, DecideOnSite, FeedBack, RingBell
from schemas.enums import (
    BreachCause,
    CancelReason,
    Channel,
    FeedbackMeans,
    Kind,
    Refusal,
    Sensitivity,
    State,
    Verdict,
    VisitOutcome,
)
from schemas.facts import (
    CitizenInformed,
    ClockBreached,
    ClockCancelled,
    ClockExcused,
    ClockStarted,
    ClockStopped,
    FeedbackTried,
    OnSiteDecided,
    TicketResolved,
)
from tests.domain.player import MICROSECOND, Player, instant, refusal, told

HALF_HOUR = timedelta(minutes=30)
MILLISECOND = timedelta(milliseconds=1)


def opened(**changes: Any) -> Player:
    player = Player()
    player.open(**changes)
    return player


def verdict(player: Player, clock: str) -> Verdict | None:
    running = player.live.clock(clock)
    return running.verdict if running else None


@pytest.mark.parametrize(
    ("changes", "policy", "clocks"),
    [
        ({"kind": Kind.COMPLAINT}, "3012", {"accept": 30, "feedback": 120}),
        ({"kind": Kind.REPORT}, "3012", {"accept": 30, "feedback": 120}),
        ({"on_site_needed": True}, "3012", {"accept": 30, "arrive": 60, "feedback": 120}),
        ({"on_site_needed": False}, "3012", {"accept": 30, "feedback": 120}),
        (
            {"kind": Kind.SUGGESTION, "channel": Channel.PUBLIC_OPINION, "sensitivity": Sensitivity.SENSITIVE},
            "3012",
            {"accept": 30, "feedback": 120},
        ),
        # The day of the start is not counted: one working day ends with Wednesday, five with Tuesday of next week.
        ({"kind": Kind.ENQUIRY}, "default", {"accept": 39 * 60, "reply": (15 + 24 * 7) * 60}),
        (
            {"kind": Kind.SUGGESTION, "channel": Channel.PUBLIC_OPINION},
            "default",
            {"accept": 39 * 60, "reply": (15 + 24 * 7) * 60},
        ),
    ],
)
def test_a_ticket_gets_the_clocks_of_the_first_policy_that_applies(
    changes: dict[str, Any], policy: str, clocks: dict[str, int]
) -> None:
    player = opened(**changes)
    started = {fact.clock: fact.due_at for fact in player.told(ClockStarted)}
    assert player.live.round.policy == policy
    assert started == {name: instant(minutes) for name, minutes in clocks.items()}


def test_a_clock_names_its_legal_basis() -> None:
    (accept,) = opened().told(ClockStarted, clock="accept")
    assert accept.basis.issuer == "济南市交通运输局"
    assert str(accept.basis.date) == "2024-12-31"


def test_acceptance_exactly_at_the_deadline_is_in_time() -> None:
    player = opened()
    player.do(AcceptTicket(), HALF_HOUR)
    assert player.told(ClockStopped, clock="accept", verdict=Verdict.MET, stopped_at=instant(HALF_HOUR))
    assert not player.told(ClockBreached)


def test_acceptance_a_microsecond_later_is_a_breach() -> None:
    player = opened()
    facts = player.do(AcceptTicket(), HALF_HOUR + MICROSECOND)
    (breach,) = told(facts, ClockBreached)
    assert (breach.clock, breach.due_at, breach.breached_at) == ("accept", instant(30), instant(30))
    assert (breach.cause, breach.unit, breach.person) == (BreachCause.HANDLING, "brigade-lixia", None)
    assert breach.detection_s == 0.000001
    assert told(facts, ClockStopped, verdict=Verdict.BREACHED)
    assert not told(facts, ClockExcused)


def test_a_bell_at_the_deadline_finds_no_breach() -> None:
    player = opened()
    player.ring(29)
    assert player.ring(HALF_HOUR) == ()
    assert player.live.bell_at == int(instant(HALF_HOUR + MILLISECOND).timestamp() * 1000)


def test_a_bell_a_millisecond_later_finds_the_breach_and_says_how_late_it_is() -> None:
    player = opened()
    (breach,) = told(player.ring(HALF_HOUR + MILLISECOND), ClockBreached)
    assert breach.detection_s == 0.001


def test_the_first_bell_is_at_the_first_warning() -> None:
    assert opened().live.bell_at == int(instant(15).timestamp() * 1000)


def test_late_notice_is_not_late_handling() -> None:
    player = opened()
    (breach,) = told(player.ring(90), ClockBreached)
    assert (breach.breached_at, breach.detection_s) == (instant(30), 3600.0)


def test_the_breach_names_who_held_the_ticket_at_that_moment() -> None:
    player = opened()
    player.do(AcceptTicket(), 10)
    (breach,) = told(player.ring(121), ClockBreached)
    assert (breach.clock, breach.unit, breach.person) == ("feedback", "brigade-lixia", "brigade-lixia-7")


def test_without_on_site_need_no_arrival_is_timed() -> None:
    player = opened()
    player.do(AcceptTicket(), 1)
    player.do(ArriveOnScene(), 90)
    assert not [fact for fact in player.told(ClockStarted) if fact.clock == "arrive"]
    assert player.live.state is State.ARRIVED


def test_on_site_need_found_late_starts_the_clock_then_and_says_so() -> None:
    player = opened()
    facts = player.do(DecideOnSite(needed=True), 20)
    (started,) = told(facts, ClockStarted)
    assert told(facts, OnSiteDecided, needed=True)
    assert (started.clock, started.late) == ("arrive", True)
    assert (started.started_at, started.due_at) == (instant(20), instant(80))
    assert not any(fact.late for fact in player.told(ClockStarted) if fact.clock != "arrive")


def test_on_site_need_known_from_the_start_is_not_late() -> None:
    (started,) = opened(on_site_needed=True).told(ClockStarted, clock="arrive")
    assert not started.late


def test_arrival_stops_the_clock_within_the_hour() -> None:
    player = opened(on_site_needed=True)
    player.do(AcceptTicket(), 5)
    player.do(ArriveOnScene(), 60)
    assert verdict(player, "arrive") is Verdict.MET


def test_a_scene_that_need_not_be_visited_cancels_the_clock() -> None:
    player = opened(on_site_needed=True)
    facts = player.do(DecideOnSite(needed=False), 40)
    assert told(facts, ClockCancelled, clock="arrive", reason=CancelReason.ON_SITE_NOT_NEEDED)
    assert verdict(player, "arrive") is Verdict.CANCELLED
    assert not told(player.ring(100), ClockBreached, clock="arrive")


def test_a_breached_arrival_stays_breached_when_the_scene_need_not_be_visited() -> None:
    player = opened(on_site_needed=True)
    player.do(AcceptTicket(), 5)
    player.ring(61)
    player.do(DecideOnSite(needed=False), 62)
    assert verdict(player, "arrive") is Verdict.BREACHED
    assert not player.told(ClockExcused)


@pytest.mark.parametrize("needed", [True, False])
def test_deciding_the_same_again_is_refused(needed: bool) -> None:  # noqa: FBT001
    player = opened(on_site_needed=needed)
    assert refusal(player.do(DecideOnSite(needed=needed), 5)) is Refusal.ON_SITE_ALREADY_DECIDED


def test_a_cancelled_arrival_is_not_timed_again_in_the_same_round() -> None:
    player = opened(on_site_needed=True)
    player.do(DecideOnSite(needed=False), 5)
    player.do(DecideOnSite(needed=True), 6)
    assert len(player.told(ClockStarted, clock="arrive")) == 1


def test_a_result_before_arrival_is_refused_where_the_scene_must_be_visited() -> None:
    player = opened(on_site_needed=True)
    player.do(AcceptTicket(), 5)
    assert refusal(player.submit(10)) is Refusal.SCENE_NOT_VISITED
    player.do(ArriveOnScene(), 20)
    assert refusal(player.submit(25)) is None


def test_a_result_needs_no_arrival_once_the_scene_need_not_be_visited() -> None:
    player = opened(on_site_needed=True)
    player.do(AcceptTicket(), 5)
    player.do(DecideOnSite(needed=False), 6)
    assert refusal(player.submit(10)) is None


def test_the_result_alone_does_not_stop_the_feedback_clock() -> None:
    player = opened()
    player.do(AcceptTicket(), 5)
    player.submit(10)
    assert verdict(player, "feedback") is Verdict.RUNNING
    assert told(player.ring(121), ClockBreached, clock="feedback")


def test_a_call_that_does_not_reach_the_citizen_stops_nothing() -> None:
    player = opened()
    player.do(AcceptTicket(), 5)
    player.submit(10)
    facts = player.do(FeedBack(means=FeedbackMeans.CALL, reached=False, text="无人接听"), 20)
    assert told(facts, FeedbackTried)
    assert (verdict(player, "feedback"), player.live.state) == (Verdict.RUNNING, State.RESULT_SUBMITTED)


@pytest.mark.parametrize("means", [means for means in FeedbackMeans if means is not FeedbackMeans.CALL])
def test_what_is_sent_or_published_informs(means: FeedbackMeans) -> None:
    player = opened()
    player.do(AcceptTicket(), 5)
    facts = player.do(FeedBack(means=means, reached=False), 120)
    assert told(facts, CitizenInformed, means=means)
    assert verdict(player, "feedback") is Verdict.MET


def test_informing_before_the_result_stops_the_clock_and_the_result_resolves() -> None:
    player = opened()
    player.do(AcceptTicket(), 5)
    player.inform(10)
    assert (verdict(player, "feedback"), player.live.state) == (Verdict.MET, State.ACCEPTED)
    assert told(player.submit(200), TicketResolved)
    assert player.live.state is State.RESOLVED


def test_the_citizen_is_informed_once_a_round() -> None:
    player = opened()
    player.do(AcceptTicket(), 5)
    player.inform(10)
    assert refusal(player.inform(11)) is Refusal.ALREADY_INFORMED


def test_the_clocks_do_not_hide_one_another() -> None:
    player = opened(on_site_needed=True)
    facts = player.do(RingBell(), 200)
    assert [fact.clock for fact in told(facts, ClockBreached)] == ["accept", "arrive", "feedback"]


def test_the_visit_clock_starts_when_resolved_and_is_marked_provisional() -> None:
    player = opened()
    player.resolve(10)
    (visit,) = player.told(ClockStarted, clock="visit")
    assert (visit.started_at, visit.due_at, visit.provisional) == (instant(10), instant((15 + 48) * 60), True)
    player.visit(VisitOutcome.SATISFIED, (15 + 48) * 60)
    assert verdict(player, "visit") is Verdict.MET
