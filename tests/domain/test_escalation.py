"""The chain of a clock: every level once, in order, whatever the bells do; only the deed ends it."""

from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.commands import AcceptTicket, AcknowledgeAlert, AnyCommandData, ArriveOnScene, FeedBack, SubmitResult
from schemas.enums import Disposition, FeedbackMeans, Measure, Refusal, Role, Severity, Verdict
from schemas.facts import AlertAcknowledged, ClockBreached, ClockExcused, ClockStopped, Fact, LevelReached
from tests.domain.player import Player, instant, refusal, told

LEVELS = {"warn-50": 15, "warn-80": 24, "breach": 30, "breach+15m": 45, "breach+45m": 75}
"""Of the accept clock, in minutes after receipt."""

MINUTES = st.floats(0, 400, allow_nan=False).map(lambda minutes: timedelta(minutes=minutes))


def opened(**changes: Any) -> Player:
    player = Player()
    player.open(**changes)
    return player


def reached(player: Player, clock: str = "accept") -> list[str]:
    return [fact.level for fact in player.told(LevelReached, clock=clock)]


@given(st.lists(MINUTES, max_size=12))
def test_a_breached_ticket_escalates_through_all_levels_whatever_the_bells(bells: list[timedelta]) -> None:
    player = opened()
    for at in bells:  # in any order: a record's time may step back
        player.ring(at)
    player.ring(500)
    levels = player.told(LevelReached, clock="accept")
    assert {fact.level: fact.reached_at for fact in levels} == {name: instant(at) for name, at in LEVELS.items()}
    assert [fact.level for fact in levels] == list(LEVELS)
    assert len(player.told(ClockBreached, clock="accept")) == 1


def essence(facts: list[Fact]) -> list[tuple[Any, ...]]:
    """What happened and when, without what depends on who noticed."""
    noticing = {"detection_s"}
    return [(fact.at, fact.data.model_dump(exclude=noticing)) for fact in facts]


STORY: tuple[tuple[AnyCommandData, float], ...] = (
    (AcceptTicket(), 31),
    (ArriveOnScene(), 59),
    (SubmitResult(disposition=Disposition.ENFORCEMENT, text="已立案"), 130),
    (FeedBack(means=FeedbackMeans.SMS), 140),
)


def story(bells: list[timedelta]) -> list[Fact]:
    """The same deeds at the same times, with bells in between."""
    player = opened(on_site_needed=True)
    deeds = [(timedelta(minutes=at), data) for data, at in STORY]
    for at, data in sorted([*deeds, *((bell, None) for bell in bells)], key=lambda item: item[0]):
        if data is None:
            player.ring(at)
        else:
            player.do(data, at)
    player.ring(401)
    return player.facts


@given(st.lists(MINUTES, max_size=12))
@example([timedelta(minutes=30)])  # one clock's breach and another's warning fall on this instant
@settings(max_examples=50)
def test_bells_change_no_verdict_only_how_soon_it_is_known(bells: list[timedelta]) -> None:
    assert essence(story(bells)) == essence(story([]))


def test_after_downtime_every_level_is_recorded_in_the_order_of_time_across_clocks() -> None:
    player = opened(on_site_needed=True)
    facts = player.ring(300)
    instants = [fact.reached_at for fact in told(facts, LevelReached)]
    assert instants == sorted(instants)
    assert len(instants) == 3 * len(LEVELS)


def test_each_level_carries_whom_it_concerns_and_what_it_asks() -> None:
    player = opened()
    player.ring(100)
    levels = {fact.level: fact for fact in player.told(LevelReached, clock="accept")}
    assert [(level.severity, level.measure) for level in levels.values()] == [
        (Severity.YELLOW, Measure.REMIND),
        (Severity.YELLOW, Measure.REMIND),
        (Severity.ORANGE, Measure.REMIND),
        (Severity.RED, Measure.URGE),
        (Severity.RED_2, Measure.SUPERVISE),
    ]
    assert levels["warn-50"].notify == (Role.HANDLER, Role.UNIT)
    assert levels["breach+45m"].notify == (Role.BUREAU_LEADER,)


def test_the_breach_stands_before_its_level() -> None:
    player = opened()
    facts = player.ring(31)
    kinds = [fact.data.type for fact in facts]
    assert kinds == ["LevelReached", "LevelReached", "ClockBreached", "LevelReached"]


def test_a_level_is_reached_at_its_instant_not_after_it() -> None:
    player = opened()
    assert [fact.level for fact in told(player.ring(15), LevelReached)] == ["warn-50"]
    player.ring(31)
    assert [fact.level for fact in told(player.ring(45), LevelReached)] == ["breach+15m"]


def test_late_acceptance_stops_the_chain() -> None:
    player = opened()
    player.do(AcceptTicket(), 40)
    player.ring(300)
    assert reached(player) == ["warn-50", "warn-80", "breach"]
    assert player.told(ClockStopped, clock="accept", verdict=Verdict.BREACHED)


def test_acceptance_in_time_leaves_no_alert_behind() -> None:
    player = opened()
    player.do(AcceptTicket(), 10)
    player.ring(300)
    assert reached(player) == []


def test_a_late_acceptance_excuses_nothing() -> None:
    player = opened()
    player.ring(31)
    player.do(AcceptTicket(), 32)
    assert not player.told(ClockExcused)
    clock = player.live.clock("accept")
    assert clock is not None
    assert clock.verdict is Verdict.BREACHED


def acknowledge(player: Player, level: str, at: float, number: int = 1) -> tuple[Fact, ...]:
    return player.do(AcknowledgeAlert(round=number, clock="accept", level=level), at, unit="brigade")


def test_an_acknowledgement_names_who_saw_the_level_and_stops_no_other() -> None:
    player = opened()
    player.ring(31)
    assert told(acknowledge(player, "breach", 32), AlertAcknowledged, unit="brigade", person="brigade-7")
    player.ring(80)
    assert reached(player) == list(LEVELS)


def test_a_level_is_acknowledged_once() -> None:
    player = opened()
    player.ring(31)
    acknowledge(player, "breach", 32)
    assert refusal(acknowledge(player, "breach", 33)) is Refusal.ALREADY_ACKNOWLEDGED
    assert refusal(acknowledge(player, "warn-80", 34)) is None


def test_only_a_level_that_was_reached_in_this_round_is_acknowledged() -> None:
    player = opened()
    player.ring(16)
    assert refusal(acknowledge(player, "breach", 17)) is Refusal.NO_SUCH_LEVEL
    assert refusal(acknowledge(player, "warn-51", 17)) is Refusal.NO_SUCH_LEVEL
    assert refusal(acknowledge(player, "warn-50", 17, number=2)) is Refusal.NO_SUCH_LEVEL


def test_a_level_is_acknowledged_after_its_clock_has_stopped() -> None:
    player = opened()
    player.do(AcceptTicket(), 40)
    assert refusal(acknowledge(player, "breach", 50)) is None
