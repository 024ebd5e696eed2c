"""Invented lives: the same for a seed, legal in every step, and as prompt, late and unhappy as was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from producers.lives import Life, plan, timeline
from producers.script import Shares
from producers.simulator import commands, simulation_doors
from schemas.commands import Actor, CloseTicket, DecideOnSite, DispatchTicket, FeedBack, RecordVisit
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, State, Verdict, VisitOutcome
from schemas.facts import ClockBreached, LevelReached, RoundOpened, TicketTriaged, VisitCompleted
from schemas.policy import PolicySet
from stream_processors.policy_files import load_policy_set
from tests.producers.playing import CONFIG, MORNING, World, at_their_times, fresh_keys

TICKETS = 1_500
SEED = 20250106


@pytest.fixture(scope="module", params=["demo", "bureau"])
def rules(request: pytest.FixtureRequest) -> PolicySet:
    return load_policy_set(CONFIG / f"{request.param}.yaml")


@pytest.fixture(scope="module")
def demo() -> PolicySet:
    return load_policy_set(CONFIG / "demo.yaml")


@pytest.fixture(scope="module")
def day(demo: PolicySet) -> list[Life]:
    return list(plan(TICKETS, SEED, demo))


@pytest.fixture(scope="module")
def world(demo: PolicySet, day: list[Life]) -> World:
    world = World(demo)
    for command, now in at_their_times(day, demo):
        world.take(command, now)
    return world


def share(lives: list[Life], fits: Callable[[Life], bool]) -> float:
    return sum(map(fits, lives)) / len(lives)


def test_a_seed_gives_the_same_day_and_another_seed_another(rules: PolicySet) -> None:
    assert list(plan(60, 7, rules)) == list(plan(60, 7, rules))
    assert list(plan(60, 7, rules)) != list(plan(60, 8, rules))


def test_a_ticket_lives_the_same_life_on_a_busier_day(demo: PolicySet) -> None:
    few, many = list(plan(5, 7, demo)), list(plan(50, 7, demo))
    assert [life.steps for life in few] == [life.steps for life in many[:5]]


def test_every_command_is_taken(rules: PolicySet) -> None:
    world = World(rules)
    for command, now in at_their_times(plan(700, SEED, rules), rules):
        world.take(command, now)
    assert world.refused == []


def test_as_fast_as_possible_every_command_is_taken_too(rules: PolicySet) -> None:
    world = World(rules)
    with fresh_keys() as keys:
        for command in commands(plan(700, SEED, rules), simulation_doors(rules.name, keys), lambda: MORNING):
            world.take(command, MORNING)
    states = Counter(ticket.state for ticket in world.tickets.values())
    assert set(states) <= {State.CLOSED, State.TRIAGE, State.DISPATCHED, State.VISITING}
    assert world.refused == []


def test_kinds_channels_and_domains_come_in_realistic_shares(day: list[Life]) -> None:
    assert share(day, lambda life: life.case.kind in {Kind.COMPLAINT, Kind.REPORT}) == pytest.approx(0.65, abs=0.04)
    assert share(day, lambda life: life.case.channel is Channel.HOTLINE_12328) == pytest.approx(0.62, abs=0.04)
    assert {life.case.kind for life in day} == set(Kind)
    assert {life.case.channel for life in day} == set(Channel)
    assert {life.case.domain for life in day} == set(Domain)


def test_a_third_of_complaints_needs_the_scene_and_of_some_it_is_found_out_late(day: list[Life]) -> None:
    grievances = [life for life in day if life.case.kind in {Kind.COMPLAINT, Kind.REPORT}]
    assert share(grievances, lambda life: life.case.on_site_needed is True) == pytest.approx(1 / 3, abs=0.04)
    assert any(isinstance(step.data, DecideOnSite) for life in grievances for step in life.steps)


def test_tickets_come_in_by_the_hour_with_two_peaks(demo: PolicySet) -> None:
    hours = Counter(int(life.opens_s // 3600) for life in plan(5_000, 1, demo, span_s=86_400, from_hour=0))
    assert hours[8] + hours[9] > 2 * (hours[12] + hours[13]) * 0.8
    assert hours[18] > hours[16] > hours[3]


def test_a_day_is_as_long_as_the_limits_say(demo: PolicySet) -> None:
    bureau = load_policy_set(CONFIG / "bureau.yaml")
    assert 600 < max(life.opens_s for life in plan(300, 1, demo)) < 720
    assert 72_000 < max(life.opens_s for life in plan(300, 1, bureau)) < 86_400
    assert max(life.opens_s for life in plan(300, 1, demo, span_s=60)) < 60


def test_late_and_silent_handlers_breach_as_often_as_asked_for(world: World, day: list[Life]) -> None:
    def breaches(life: Life) -> bool:
        clocks = {
            fact.data.clock
            for fact in world.facts[life.ticket_id]
            if isinstance(fact.data, ClockBreached) and fact.data.round == 1
        }
        return bool(clocks - {"visit"})

    handled = [life for life in day if life.steps and not isinstance(life.steps[-1].data, DispatchTicket)]
    assert share(handled, breaches) == pytest.approx(0.15 + 0.07 * 0.7, abs=0.03)


def test_some_are_never_handled_and_others_only_after_the_last_level(world: World, day: list[Life]) -> None:
    silent = [life for life in day if len(life.steps) <= 1 and world.tickets[life.ticket_id].state is State.DISPATCHED]
    assert len(silent) / len(day) == pytest.approx(0.07 * 0.3, abs=0.012)
    last_levels = [
        life
        for life in day
        for fact in world.told(life.ticket_id, LevelReached)
        if isinstance(fact.data, LevelReached)
        and (fact.data.round, fact.data.clock, fact.data.level) == (1, "accept", "breach+45m")
    ]
    assert len(last_levels) / len(day) == pytest.approx(0.07 * 0.7, abs=0.02)


def test_visits_go_as_asked_for(world: World) -> None:
    visits = [
        fact.data
        for facts in world.facts.values()
        for fact in facts
        if isinstance(fact.data, VisitCompleted) and fact.data.outcome is not VisitOutcome.WAIVED
    ]
    first = [visit.outcome for visit in visits if visit.round == 1]
    assert first.count(VisitOutcome.DISSATISFIED) / len(first) == pytest.approx(0.06, abs=0.02)
    assert first.count(VisitOutcome.UNREACHABLE) / len(first) == pytest.approx(0.10, abs=0.025)


def test_the_unhappy_are_handled_again_until_the_centre_closes(demo: PolicySet) -> None:
    shares = Shares(late=0, silent=0, unreachable=0, dissatisfied=1, dissatisfied_again=1)
    world = World(demo)
    lives = list(plan(40, 3, demo, shares=shares))
    for command, now in at_their_times(lives, demo):
        world.take(command, now)
    assert world.refused == []
    visited = [life for life in lives if isinstance(life.steps[-1].data, CloseTicket)]
    assert visited
    for life in visited:
        assert len(world.told(life.ticket_id, RoundOpened)) == 3
        assert world.tickets[life.ticket_id].state is State.CLOSED


def test_the_prompt_are_never_late(rules: PolicySet) -> None:
    world = World(rules)
    for command, now in at_their_times(plan(300, 5, rules, shares=Shares(late=0, silent=0)), rules):
        world.take(command, now)
    verdicts = Counter(clock.verdict for ticket in world.tickets.values() for clock in ticket.round.clocks)
    assert verdicts[Verdict.BREACHED] == 0
    assert verdicts[Verdict.MET] > 600


def test_what_no_route_fits_is_dispatched_by_the_centre_first(world: World, day: list[Life]) -> None:
    triaged = [life for life in day if world.told(life.ticket_id, TicketTriaged)]
    assert triaged
    for life in triaged:
        assert isinstance(life.steps[0].data, DispatchTicket)
        assert life.steps[0].actor == Actor(unit="bureau", person=life.steps[0].actor.person)


def test_citizens_are_informed_in_ways_that_fit_their_channel(day: list[Life]) -> None:
    told = {
        (life.case.channel, step.data.means)
        for life in day
        for step in life.steps
        if isinstance(step.data, FeedBack) and step.data.reached
    }
    assert (Channel.PUBLIC_OPINION, FeedbackMeans.CENTRE_REPORT) in told
    assert (Channel.PUBLIC_OPINION, FeedbackMeans.CALL) not in told
    assert (Channel.HOTLINE_12328, FeedbackMeans.CALL) in told


def test_without_routes_there_is_nobody_to_play(demo: PolicySet) -> None:
    with pytest.raises(ValueError, match="give it units and routes"):
        list(plan(1, 1, demo.model_copy(update={"routes": ()})))


def test_the_timeline_is_in_order_and_complete(day: list[Life]) -> None:
    moments = list(timeline(day))
    assert all(earlier.at_s <= later.at_s for earlier, later in pairwise(moments))
    assert len(moments) == len(day) + sum(len(life.steps) for life in day)
    seen: Counter[int] = Counter()
    for moment in moments:
        assert moment.step == seen[moment.life.number]
        seen[moment.life.number] += 1


def test_visits_are_numbered_and_results_come_near_721(day: list[Life]) -> None:
    results = Counter(step.data.disposition for life in day for step in life.steps if step.data.type == "SubmitResult")
    handled = results[Disposition.SERVICE] + results[Disposition.MANAGEMENT] + results[Disposition.ENFORCEMENT]
    assert results[Disposition.SERVICE] / handled > 0.5
    for life in day:
        attempts = [step.data.attempt for step in life.steps if isinstance(step.data, RecordVisit)]
        assert all(later in {1, earlier + 1} for earlier, later in pairwise(attempts))
