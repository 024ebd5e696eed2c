"""Routing by the facts in a ticket, and recusal: a complaint about a unit never goes to it."""

from typing import Any

import pytest

from schemas.commands import AcceptTicket, DispatchTicket
from schemas.enums import DispatchReason, Domain, Kind, Refusal, State, Verdict
from schemas.facts import ClockStarted, TicketDispatched, TicketTriaged
from schemas.policy import PolicySet
from tests.domain.player import BUREAU, Player, changed, instant, refusal, told


def routed(rules: PolicySet = BUREAU, **changes: Any) -> tuple[str | None, str | None]:
    """Unit and route of a complaint with these facts; None twice for triage."""
    player = Player(rules)
    player.open(**changes)
    found = player.told(TicketDispatched)
    assert (player.live.state is State.TRIAGE) is (not found)
    assert bool(player.told(TicketTriaged)) is (not found)
    return (found[0].unit, found[0].route) if found else (None, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("brigade-lixia", "lixia")),
        ({"district": "市中区"}, ("brigade-shizhong", "shizhong")),
        ({"district": "外地"}, ("taxi-office", "taxi")),
        ({"district": None}, ("taxi-office", "taxi")),
        ({"kind": Kind.LOST_PROPERTY}, ("taxi-office", "taxi")),
        ({"domain": Domain.ILLEGAL_OPERATION, "district": None}, ("brigade", "illegal")),
        ({"domain": Domain.ENFORCEMENT_CONDUCT}, ("discipline", "conduct")),
        ({"domain": Domain.OTHER}, (None, None)),
        ({"domain": Domain.OTHER, "respondent": {"type": "line", "id": "K50"}}, ("bus-office", "line")),
        ({"domain": Domain.OTHER, "respondent": {"type": "vehicle", "id": "鲁AT1234"}}, (None, None)),
    ],
)
def test_the_first_route_that_fits_decides(changes: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    assert routed(**changes) == expected


def test_a_route_may_look_at_the_start_of_a_plate() -> None:
    rules = changed(BUREAU, routes=({"route": "yantai", "unit": "brigade", "respondent_prefixes": ("鲁F", "鲁Y")},))
    assert routed(rules, respondent={"type": "vehicle", "id": "鲁F8888"}) == ("brigade", "yantai")
    assert routed(rules, respondent={"type": "vehicle", "id": "鲁A8888"}) == (None, None)
    assert routed(rules) == (None, None)


def test_a_complaint_about_a_unit_goes_to_the_next_route() -> None:
    about = {"type": "unit", "id": "brigade-lixia"}
    assert routed(respondent=about) == ("taxi-office", "taxi")


def test_a_complaint_about_the_only_unit_waits_in_triage() -> None:
    assert routed(domain=Domain.ETC, respondent={"type": "unit", "id": "toll-office"}) == (None, None)


def test_a_company_named_like_a_unit_is_no_reason_to_recuse() -> None:
    assert routed(respondent={"type": "company", "id": "brigade-lixia"}) == ("brigade-lixia", "lixia")


def test_nobody_dispatches_a_complaint_to_the_unit_it_is_about() -> None:
    player = Player()
    player.open(respondent={"type": "unit", "id": "brigade-lixia"})
    assert refusal(player.do(DispatchTicket(unit="brigade-lixia"), 1)) is Refusal.RESPONDENT_UNIT
    assert player.live.unit == "taxi-office"


def test_nobody_dispatches_to_a_unit_that_does_not_exist() -> None:
    player = Player()
    player.open()
    assert refusal(player.do(DispatchTicket(unit="circus"), 1)) is Refusal.UNKNOWN_UNIT


def test_the_clocks_run_in_triage_and_a_breach_there_has_no_unit() -> None:
    player = Player()
    player.open(domain=Domain.OTHER)
    facts = player.ring(31)
    assert [(fact.data.clock, fact.data.unit) for fact in facts if fact.data.type == "ClockBreached"] == [
        ("accept", None)
    ]


def test_a_person_dispatches_out_of_triage_without_resetting_a_clock() -> None:
    player = Player()
    player.open(domain=Domain.OTHER)
    before = player.live.round.clocks
    facts = player.do(DispatchTicket(unit="bus-office", reason="涉及站台"), 20)
    (dispatched,) = told(facts, TicketDispatched)
    assert (dispatched.reason, dispatched.note) == (DispatchReason.BY_HAND, "涉及站台")
    assert [(clock.clock, clock.due_at) for clock in player.live.round.clocks] == [
        (clock.clock, clock.due_at) for clock in before
    ]


def test_a_dispatch_to_another_unit_takes_the_ticket_from_the_first() -> None:
    player = Player()
    player.open()
    player.do(DispatchTicket(unit="taxi-office"), 5)
    assert refusal(player.do(AcceptTicket(), 6, unit="brigade-lixia")) is Refusal.NOT_THE_HOLDER
    assert refusal(player.do(AcceptTicket(), 7, unit="taxi-office")) is None


def transfer_rules(**clock: Any) -> PolicySet:
    """The bureau's rules with a clock of the default policy replaced: as in 2252, transfer within two hours."""
    policies = [policy.model_dump() for policy in BUREAU.policies]
    first = policies[0]["clocks"][0] | {"clock": "transfer", "limit": {"hours": 2}} | clock
    policies[0]["clocks"] = (first, *policies[0]["clocks"][1:])
    return changed(BUREAU, policies=policies)


def test_a_transfer_clock_stops_at_the_dispatch_out_of_triage() -> None:
    player = Player(transfer_rules(stops="dispatched"))
    player.open(domain=Domain.OTHER)
    player.do(DispatchTicket(unit="bus-office"), 60)
    clock = player.live.clock("transfer")
    assert clock is not None
    assert clock.verdict is Verdict.MET


def test_a_second_dispatch_does_not_reset_a_clock_that_runs_from_the_first() -> None:
    player = Player(transfer_rules(clock="accept", starts="dispatched", stops="accepted"))
    player.open()
    player.do(DispatchTicket(unit="taxi-office"), 10)
    assert [fact.started_at for fact in player.told(ClockStarted, clock="accept")] == [instant(0)]
    assert player.ring(300)
