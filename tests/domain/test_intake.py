"""How a case comes in: which instant counts as received, repeated pushes, late intake, imports of history."""

from datetime import timedelta

import pytest

from schemas.commands import AcceptTicket, CloseTicket, RingBell
from schemas.enums import BreachCause, Channel, Kind, ReceivedBy, Refusal, State, Verdict
from schemas.facts import (
    ClockBreached,
    ClockExcused,
    ClockStarted,
    ClockStopped,
    CommandRefused,
    LevelReached,
    TicketDispatched,
    TicketOpened,
    TicketSupplemented,
)
from schemas.identity import public_number
from schemas.policy import Source
from stream_processors.domain.calendars import local
from tests.domain.player import (
    BUREAU,
    HOTLINE,
    MICROSECOND,
    Minutes,
    Player,
    changed,
    complaint,
    instant,
    refusal,
    told,
)

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
ZERO = timedelta()
HISTORY = changed(BUREAU, sources=BUREAU.sources | {"archive": Source(trusted_time=True, history=True)})


def test_the_first_fact_says_what_came_in_and_leaves_nothing_out() -> None:
    player = Player()
    opening = complaint(category="拒载", respondent={"type": "vehicle", "id": "鲁AT1234"}, on_site_needed=True)
    player.do(opening, 0)
    (opened,) = player.told(TicketOpened)
    shared = set(type(opening).model_fields) & set(TicketOpened.model_fields) - {"type"}
    assert {field: getattr(opened, field) for field in shared} == {field: getattr(opening, field) for field in shared}
    assert opened.policy_set == BUREAU.name
    assert opened.public_number == public_number(player.id, local(instant(0), BUREAU.zone))


@pytest.mark.parametrize(
    ("source", "occurred", "receipt", "received", "by"),
    [
        pytest.param(HOTLINE, None, None, ZERO, ReceivedBy.RECORD, id="no claim"),
        pytest.param(HOTLINE, -MINUTE, None, -MINUTE, ReceivedBy.SOURCE, id="a trusted source"),
        pytest.param(HOTLINE, -DAY, None, -DAY, ReceivedBy.SOURCE, id="a day behind"),
        pytest.param(HOTLINE, -DAY - MICROSECOND, None, ZERO, ReceivedBy.RECORD, id="more than a day behind"),
        pytest.param(
            HOTLINE, -DAY - MICROSECOND, -MINUTE, -MINUTE, ReceivedBy.RECEIPT, id="too old, but stamped at our door"
        ),
        pytest.param(HOTLINE, -2 * MINUTE, -MINUTE, -2 * MINUTE, ReceivedBy.SOURCE, id="the source before the stamp"),
        pytest.param(HOTLINE, MINUTE, None, ZERO, ReceivedBy.SOURCE, id="sixty seconds ahead counts as now"),
        pytest.param(HOTLINE, MINUTE + MICROSECOND, None, ZERO, ReceivedBy.RECORD, id="further ahead"),
        pytest.param(
            HOTLINE, MINUTE + MICROSECOND, -MINUTE, -MINUTE, ReceivedBy.RECEIPT, id="further ahead, but stamped"
        ),
        pytest.param("handlers", -2 * MINUTE, None, ZERO, ReceivedBy.RECORD, id="a source that is not trusted"),
        pytest.param("stranger", -2 * MINUTE, -MINUTE, -MINUTE, ReceivedBy.RECEIPT, id="a stranger, but stamped"),
        pytest.param("stranger", None, -DAY, -DAY, ReceivedBy.RECEIPT, id="stamped a day ago, then spooled"),
        pytest.param("stranger", None, -DAY - MICROSECOND, ZERO, ReceivedBy.RECORD, id="a stamp too old"),
        pytest.param("stranger", None, MINUTE + MICROSECOND, ZERO, ReceivedBy.RECORD, id="a stamp too far ahead"),
    ],
)
def test_the_first_claim_within_bounds_is_the_moment_of_receipt(
    source: str, occurred: Minutes | None, receipt: Minutes | None, received: timedelta, by: ReceivedBy
) -> None:
    player = Player()
    player.do(complaint(), 0, source=source, occurred=occurred, receipt=receipt)
    (opened,) = player.told(TicketOpened)
    assert (opened.received_at, opened.received_by) == (instant(received), by)
    assert opened.intake_delay_s == -received.total_seconds()
    assert {clock.started_at for clock in player.told(ClockStarted)} == {instant(received)}


def test_a_source_trusted_for_an_hour_is_trusted_for_an_hour() -> None:
    rules = changed(BUREAU, sources={HOTLINE: Source(trusted_time=True, max_age_s=3600)})
    for back, by in ((60, ReceivedBy.SOURCE), (61, ReceivedBy.RECORD)):
        player = Player(rules)
        player.do(complaint(), 0, occurred=-back)
        assert player.told(TicketOpened)[0].received_by is by


def test_the_same_push_again_is_refused_with_the_public_number() -> None:
    player = Player()
    player.open()
    facts = player.do(complaint(), 5)
    assert refusal(facts) is Refusal.ALREADY_OPEN
    assert told(facts, CommandRefused)[0].explanation.endswith(f"（{player.live.profile.public_number}）")


def test_a_push_with_other_content_supplements_and_moves_no_clock() -> None:
    player = Player()
    player.open()
    clocks = player.live.round.clocks
    facts = player.do(complaint(text="市民补充：车牌尾号 34"), 5)
    assert [fact.text for fact in told(facts, TicketSupplemented)] == ["市民补充：车牌尾号 34"]
    assert player.live.round.clocks == clocks
    assert refusal(player.do(complaint(text="市民补充：车牌尾号 34"), 6)) is Refusal.ALREADY_OPEN


def test_a_new_sealing_of_the_same_content_is_no_change() -> None:
    envelope = {"key_id": Player().id, "nonce": "qpQORM5xJTP5GWzL", "ciphertext": "kNigf0AmFDLwJle5"}
    player = Player()
    player.open(envelope=envelope)
    again = complaint(envelope=envelope | {"nonce": "AAAAAAAAAAAAAAAA"})
    assert refusal(player.do(again, 5)) is Refusal.ALREADY_OPEN


def late(minutes: float) -> Player:
    """A case that the hotline had for some time before we got it."""
    player = Player()
    player.do(complaint(), minutes, occurred=0)
    return player


def test_a_case_past_due_on_arrival_is_breached_by_its_channel() -> None:
    (breach,) = late(40).told(ClockBreached)
    assert (breach.clock, breach.cause, breach.unit, breach.person) == ("accept", BreachCause.LATE_INTAKE, None, None)
    assert (breach.due_at, breach.breached_at, breach.detection_s) == (instant(30), instant(40), 0.0)


def test_a_case_exactly_due_on_arrival_is_the_units_to_miss() -> None:
    player = late(30)
    assert not player.told(ClockBreached)
    (breach,) = told(player.ring(31), ClockBreached)
    assert (breach.cause, breach.unit) == (BreachCause.HANDLING, "brigade-lixia")


def test_only_the_clocks_past_due_on_arrival_are_the_channels() -> None:
    player = late(40)
    player.ring(121)
    causes = {breach.clock: breach.cause for breach in player.told(ClockBreached)}
    assert causes == {"accept": BreachCause.LATE_INTAKE, "feedback": BreachCause.HANDLING}


def test_the_levels_past_on_arrival_are_recorded_before_any_unit_holds_the_ticket() -> None:
    player = late(40)
    levels = player.told(LevelReached, clock="accept")
    assert [level.level for level in levels] == ["warn-50", "warn-80", "breach"]
    assert {level.unit for level in levels} == {None}
    types = [fact.data.type for fact in player.facts]
    assert types.index("TicketDispatched") > max(i for i, kind in enumerate(types) if kind == "LevelReached")


def test_the_unit_gets_a_late_case_when_it_enters_not_when_it_was_received() -> None:
    player = late(40)
    (dispatched,) = [fact for fact in player.facts if isinstance(fact.data, TicketDispatched)]
    assert dispatched.at == instant(40)


def test_accepting_a_late_case_excuses_nothing() -> None:
    player = late(40)
    facts = player.do(AcceptTicket(), 41)
    assert told(facts, ClockStopped, clock="accept", verdict=Verdict.BREACHED)
    assert not told(facts, ClockExcused)


def test_the_time_of_a_ticket_never_runs_backwards() -> None:
    player = Player()
    player.open(10)
    player.ring(40)
    for at in (5, 35, 20, 41, 0):
        player.do(complaint(text=f"补充于 {at}"), at)
    recorded = [fact.recorded_at for fact in player.chain]
    assert recorded == sorted(recorded)
    assert all(fact.at <= fact.recorded_at for fact in player.chain)
    assert recorded[-1] == instant(41)


def history(player: Player, at: Minutes = 0, occurred: Minutes | None = 0, source: str = "archive") -> None:
    player.do(complaint(history=True), at, source=source, occurred=occurred)


YEARS = 3 * 365 * 24 * 60


def test_history_lives_by_its_own_times_and_rings_no_bell() -> None:
    player = Player(HISTORY)
    history(player, at=YEARS)
    (opened,) = player.told(TicketOpened)
    assert (opened.received_at, opened.intake_delay_s, opened.history) == (instant(0), 0.0, True)
    assert not player.told(ClockBreached)
    assert player.live.bell_at is None


def test_a_breach_in_history_is_the_units_and_nobody_was_late_to_notice() -> None:
    player = Player(HISTORY)
    history(player, at=YEARS)
    facts = player.do(AcceptTicket(), YEARS, occurred=50, source="archive")
    (breach,) = told(facts, ClockBreached)
    assert (breach.cause, breach.unit, breach.detection_s) == (BreachCause.HANDLING, "brigade-lixia", 0.0)
    assert {fact.recorded_at for fact in facts} == {instant(50)}


@pytest.mark.parametrize(
    ("source", "occurred"),
    [
        pytest.param(HOTLINE, 0, id="a source not trusted with it"),
        pytest.param("archive", None, id="no time of its own"),
    ],
)
def test_history_is_taken_only_from_a_trusted_source_with_its_own_times(source: str, occurred: float | None) -> None:
    player = Player(HISTORY)
    history(player, YEARS, occurred, source)
    assert refusal(tuple(player.facts)) is Refusal.NOT_HISTORY
    assert player.ticket is None


def test_the_deeds_of_history_come_from_its_source_alone() -> None:
    player = Player(HISTORY)
    history(player)
    before = player.ticket
    assert refusal(player.do(AcceptTicket(), 5)) is Refusal.NOT_HISTORY
    assert player.ticket == before


def test_the_source_may_close_its_own_history_in_any_state() -> None:
    player = Player(HISTORY)
    history(player)
    player.do(CloseTicket(reason="原系统已办结"), YEARS, occurred=90, source="archive")
    assert player.live.state is State.CLOSED
    assert not [clock for clock in player.live.round.clocks if not clock.stopped]
    again = player.do(CloseTicket(reason="原系统已办结"), YEARS, occurred=91, source="archive")
    assert refusal(again) is Refusal.ILLEGAL_MOVE


def test_a_live_ticket_is_not_closed_that_way() -> None:
    player = Player(HISTORY)
    player.open()
    facts = player.do(CloseTicket(reason="x"), 5, source="archive", occurred=5)
    assert refusal(facts) is Refusal.ILLEGAL_MOVE


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("channel", Channel)
def test_every_kind_from_every_channel_gets_clocks(kind: Kind, channel: Channel) -> None:
    player = Player()
    player.open(kind=kind, channel=channel)
    assert {clock.clock for clock in player.live.round.clocks} & {"feedback", "reply"}
    assert player.do(RingBell(), 0) == ()
