"""A breach is final; a message that proves the deed was in time excuses it by a second fact."""

import pytest

from schemas.commands import AcceptTicket, AcknowledgeAlert, AnyCommandData, ArriveOnScene, DecideOnSite, FeedBack
from schemas.enums import FeedbackMeans, State, Verdict, VisitOutcome
from schemas.facts import ClockBreached, ClockExcused, ClockStopped, CommandRefused, TicketAccepted
from schemas.policy import Source
from tests.domain.player import BUREAU, MICROSECOND, Player, changed, complaint, instant, kinds, told

TRUSTING = changed(BUREAU, sources=BUREAU.sources | {"handlers": Source(trusted_time=True, max_age_s=86_400)})


def breached(at: float = 31) -> Player:
    """A complaint whose accept clock was found breached at that minute."""
    player = Player(TRUSTING)
    player.open()
    player.ring(at)
    assert player.told(ClockBreached, clock="accept")
    return player


def test_a_message_that_reaches_us_late_excuses_the_breach() -> None:
    player = breached()
    facts = player.do(AcceptTicket(), 35, occurred=29)
    assert kinds(facts) == ["TicketAccepted", "ClockStopped", "ClockExcused"]
    assert told(facts, ClockStopped, verdict=Verdict.BREACHED)
    assert told(facts, ClockExcused, clock="accept", done_at=instant(29))
    assert len(player.told(ClockBreached, clock="accept")) == 1


def test_our_own_receipt_stamp_proves_it_too() -> None:
    player = breached()
    assert told(player.do(AcceptTicket(), 35, receipt=30), ClockExcused)


def test_a_deed_a_microsecond_late_is_not_excused() -> None:
    player = breached()
    facts = player.do(AcceptTicket(), 35, occurred=(instant(30) - instant(0)) + MICROSECOND)
    assert not told(facts, ClockExcused)


def test_before_anybody_noticed_there_is_nothing_to_excuse() -> None:
    player = Player(TRUSTING)
    player.open()
    facts = player.do(AcceptTicket(), 35, occurred=29)
    assert told(facts, ClockStopped, verdict=Verdict.MET)
    assert not told(facts, ClockBreached, clock="accept")


def test_the_claim_of_a_source_that_is_not_trusted_proves_nothing() -> None:
    player = Player()
    player.open()
    player.ring(31)
    assert not told(player.do(AcceptTicket(), 35, occurred=29), ClockExcused)


def test_an_excused_breach_ends_its_chain() -> None:
    player = breached()
    player.do(AcceptTicket(), 35, occurred=29)
    player.ring(100)
    clock = player.live.clock("accept")
    assert clock is not None
    assert (clock.verdict, clock.stopped, clock.step) == (Verdict.EXCUSED, True, 3)


def test_each_clock_is_excused_for_its_own_deed() -> None:
    player = Player(TRUSTING)
    player.open(on_site_needed=True)
    player.ring(61)
    player.do(AcceptTicket(), 62, occurred=29)
    player.do(ArriveOnScene(), 63)
    assert [fact.clock for fact in player.told(ClockExcused)] == ["accept"]
    assert player.told(ClockStopped, clock="arrive", verdict=Verdict.BREACHED)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(AcknowledgeAlert(round=1, clock="accept", level="breach"), id="a supervisor sees the alert"),
        pytest.param(complaint(text="市民补充：车牌尾号 34"), id="the citizen adds something"),
        pytest.param(DecideOnSite(needed=True), id="the centre decides that the scene must be visited"),
    ],
)
def test_what_others_do_in_between_does_not_take_the_excuse_away(between: AnyCommandData) -> None:
    player = breached()
    player.do(between, 32)
    facts = player.do(AcceptTicket(), 35, occurred=29)
    assert not told(facts, CommandRefused)
    assert told(facts, ClockExcused, clock="accept", done_at=instant(29))


def test_a_record_stamped_backwards_proves_nothing() -> None:
    player = breached(31)
    facts = player.do(AcceptTicket(), 29)  # no claim of anybody's: only the broker's clock stepped back
    assert told(facts, TicketAccepted)
    assert not told(facts, ClockExcused)


def test_a_reopening_erases_no_breach() -> None:
    player = breached()
    player.resolve(32)
    before = player.told(ClockBreached)
    player.visit(VisitOutcome.DISSATISFIED, 60)
    assert player.live.state is State.DISPATCHED
    assert player.told(ClockBreached) == before
    assert not player.told(ClockExcused)


def test_feedback_before_its_deadline_told_after_it_is_excused() -> None:
    player = Player(TRUSTING)
    player.open()
    player.do(AcceptTicket(), 5)
    player.submit(20)
    player.ring(125)
    facts = player.do(FeedBack(means=FeedbackMeans.SMS), 130, occurred=119)
    assert told(facts, ClockExcused, clock="feedback", done_at=instant(119))
