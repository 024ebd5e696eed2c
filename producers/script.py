"""The script of one invented ticket: prompt, late or silent handlers, results, visits, second rounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from producers.cases import weighted
from producers.door import Case
from producers.phrases import DISPOSITIONS, FEEDBACK, RESULTS, VISIT_NOTES
from schemas.base import EARLIEST
from schemas.commands import (
    AcceptTicket,
    Actor,
    AnyCommandData,
    ArriveOnScene,
    CloseTicket,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    RecordVisit,
    SubmitResult,
)
from schemas.enums import Channel, Domain, FeedbackMeans, Milestone, VisitOutcome
from schemas.policy import Policy, PolicySet
from stream_processors.domain.routing import applies, is_respondent, policy_for, route_for
from stream_processors.domain.ticket import Profile

HANDLERS: Final = "handlers"
CENTRE: Final = "centre"
_DAY_S: Final = 86_400.0
_FALLBACK_S: Final = 7_200.0  # where a policy sets no time for informing the citizen
_STAFF: Final = 6
_MISSED_CALL_SHARE: Final = 0.08
_TOLD_FIRST_SHARE: Final = 0.05
_SECOND_TRY_SHARE: Final = 0.12
_TRY_EVERY: Final = 0.2  # of the visit's limit: with two days, each try falls into another part of the day
_MEANS: Final = {
    Channel.HOTLINE_12345: FeedbackMeans.PLATFORM,
    Channel.MINISTRY_ORDER: FeedbackMeans.PLATFORM,
    Channel.WEB: FeedbackMeans.PLATFORM,
    Channel.LETTER: FeedbackMeans.LETTER,
    Channel.PUBLIC_OPINION: FeedbackMeans.CENTRE_REPORT,
}


class Manner(StrEnum):
    """How a unit handles a round."""

    PROMPT = "prompt"
    LATE = "late"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Shares:
    """How handlers and citizens behave, as shares of 1.

    Args:
        late: of the rounds, those in which one deadline is missed.
        silent: of the rounds, those in which nobody stirs before the last level of escalation.
        abandoned: of the silent ones, those that stay open for good.
        dissatisfied: of the first visits.
        dissatisfied_again: of the visits after a second or third handling.
        unreachable: of the visits, those in which every try fails.
    """

    late: float = 0.15
    silent: float = 0.07
    abandoned: float = 0.3
    dissatisfied: float = 0.06
    dissatisfied_again: float = 0.3
    unreachable: float = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """One deed. ``delay_s``: seconds after the ticket's step before; ``source``: whose door it comes in by."""

    delay_s: float
    source: str
    actor: Actor
    data: AnyCommandData


@dataclass(frozen=True, slots=True)
class _Times:
    """When a round's deeds are done, in seconds from the ticket's opening."""

    accept: float
    arrive: float
    inform: float


def write_script(case: Case, rules: PolicySet, shares: Shares, chance: Random) -> tuple[Step, ...]:
    """What happens to the case's ticket after its opening; every step is legal when its turn comes.

    Args:
        case: what was opened.
        rules: name the units, the limits and how visits go.
        shares: how people behave.
        chance: the dice; the same state throws the same script.

    Raises:
        ValueError: the rules have no routes, so no unit that could handle anything.
    """
    if not rules.routes:
        raise ValueError(f"policy set {rules.name} has no routes, so nobody to play; give it units and routes")
    return _Script(case, rules, shares, chance).write()


class _Script:
    """Writes the steps one after another."""

    def __init__(self, case: Case, rules: PolicySet, shares: Shares, chance: Random) -> None:
        self._case = case
        self._rules = rules
        self._shares = shares
        self._chance = chance
        self._profile = _profile(case)
        self._policy = policy_for(self._profile, rules)
        self._inform_s = _limit_s(self._policy, Milestone.INFORMED, case) or _FALLBACK_S
        self._accept_s = _limit_s(self._policy, Milestone.ACCEPTED, case) or self._inform_s / 4
        self._arrive_s = _limit_s(self._policy, Milestone.ARRIVED, case) or self._inform_s / 2
        self._visit_s = _limit_s(self._policy, Milestone.VISITED, case) or self._inform_s
        self._centre = next(unit.unit for unit in rules.units if unit.parent is None)
        route = route_for(self._profile, rules)
        self._unit = route.unit if route else None
        self._scene = case.on_site_needed
        self._at = 0.0
        self._steps: list[Step] = []

    def write(self) -> tuple[Step, ...]:
        if self._unit is None:
            self._unit = self._chance.choice(self._eligible())
            self._centre_does(
                self._between(0.05, 0.3) * self._accept_s, DispatchTicket(unit=self._unit, reason="人工分拣")
            )
        number = 1
        while self._play_round(number):
            number += 1
        return tuple(self._steps)

    def _play_round(self, number: int) -> bool:
        """Play one round; whether it ends with a dissatisfied citizen and a new round."""
        shares = self._shares
        manner = weighted(
            {
                Manner.PROMPT: 1 - shares.late - shares.silent,
                Manner.LATE: shares.late,
                Manner.SILENT: shares.silent,
            },
            self._chance,
        )
        if manner is Manner.SILENT and self._chance.random() < shares.abandoned:
            return False
        self._handle(self._times(manner))
        return not self._is_waived() and self._visit(number)

    def _times(self, manner: Manner) -> _Times:
        begun = self._at
        if manner is Manner.SILENT:
            begun += self._last_level_s()
            accept = begun + self._between(0.05, 0.2) * self._accept_s
            arrive = accept + self._between(0.1, 0.3) * self._arrive_s
            return _Times(accept, arrive, arrive + self._between(0.1, 0.3) * self._inform_s)
        missed = self._chance.choice(self._deadlines()) if manner is Manner.LATE else None
        accept = begun + self._share(Milestone.ACCEPTED, missed) * self._accept_s
        arrive = max(accept, begun + self._share(Milestone.ARRIVED, missed) * self._arrive_s)
        return _Times(accept, arrive, max(arrive, begun + self._share(Milestone.INFORMED, missed) * self._inform_s))

    def _deadlines(self) -> list[Milestone]:
        on_site = [Milestone.ARRIVED] if self._scene else []
        return [Milestone.ACCEPTED, Milestone.INFORMED, *on_site]

    def _share(self, milestone: Milestone, missed: Milestone | None) -> float:
        """At which share of its limit a step is done."""
        if milestone is missed:
            return self._between(1.1, 1.8)
        match milestone:
            case Milestone.ACCEPTED:
                return self._between(0.1, 0.85)
            case Milestone.ARRIVED:
                return self._between(0.4, 0.9)
            case _:
                return self._between(0.55, 0.92)

    def _handle(self, times: _Times) -> None:
        handler = Actor(unit=self._unit or "", person=f"{self._unit}-{self._chance.randint(1, _STAFF):02}")
        self._add(times.accept, HANDLERS, handler, AcceptTicket())
        if self._scene is None:
            self._scene = self._chance.random() < 1 / 2
            self._add(self._at + 0.02 * self._accept_s, HANDLERS, handler, DecideOnSite(needed=self._scene))
        if self._scene:
            self._add(times.arrive, HANDLERS, handler, ArriveOnScene())
        self._conclude(times.inform, handler)

    def _conclude(self, inform_at: float, handler: Actor) -> None:
        """The result is recorded and the citizen informed, now and then the other way round."""
        disposition = weighted(DISPOSITIONS[self._case.kind], self._chance)
        result = SubmitResult(disposition=disposition, text=self._chance.choice(RESULTS[disposition]))
        means = self._means()
        told = FeedBack(means=means, text=self._chance.choice(FEEDBACK))
        if self._chance.random() < _TOLD_FIRST_SHARE:
            self._add(inform_at, HANDLERS, handler, told)
            self._add(inform_at + 0.05 * self._inform_s, HANDLERS, handler, result)
            return
        self._add(self._at + 0.6 * (inform_at - self._at), HANDLERS, handler, result)
        if means is FeedbackMeans.CALL and self._chance.random() < _MISSED_CALL_SHARE:
            missed = FeedBack(means=means, reached=False, text="无人接听")
            self._add(self._at + 0.5 * (inform_at - self._at), HANDLERS, handler, missed)
        self._add(inform_at, HANDLERS, handler, told)

    def _means(self) -> FeedbackMeans:
        if self._case.channel in _MEANS:
            return _MEANS[self._case.channel]
        if not self._case.contactable:
            return FeedbackMeans.NOTICE
        return weighted({FeedbackMeans.CALL: 7, FeedbackMeans.SMS: 3}, self._chance)

    def _is_waived(self) -> bool:
        rules = self._policy.visit.waived_for
        return not self._case.contactable or any(applies(rule, self._profile) for rule in rules)

    def _visit(self, number: int) -> bool:
        """The return visit; whether it opens a new round."""
        rule, outcome, begun = self._policy.visit, self._outcome(number), self._at
        if outcome is VisitOutcome.UNREACHABLE:
            for attempt in range(1, rule.tries + 1):
                share = min(_TRY_EVERY, 0.9 / rule.tries) * (attempt - self._between(0, 0.2))
                self._tries(attempt, outcome, begun + share * self._visit_s)
            return False
        attempt = 1
        if rule.tries > 1 and self._chance.random() < _SECOND_TRY_SHARE:
            self._tries(attempt, VisitOutcome.UNREACHABLE, begun + self._between(0.1, 0.3) * self._visit_s)
            attempt += 1
        self._tries(attempt, outcome, begun + self._between(0.4, 0.9) * self._visit_s)
        if outcome is not VisitOutcome.DISSATISFIED:
            return False
        if number > rule.reopenings:
            self._centre_does(
                self._between(0.2, 0.5) * self._visit_s, CloseTicket(reason="督办后由指挥中心归档，已向来电人说明")
            )
            return False
        return True

    def _outcome(self, number: int) -> VisitOutcome:
        shares = self._shares
        unhappy = shares.dissatisfied if number == 1 else shares.dissatisfied_again
        happy = 1 - shares.unreachable - unhappy
        return weighted(
            {
                VisitOutcome.UNREACHABLE: shares.unreachable,
                VisitOutcome.DISSATISFIED: unhappy,
                VisitOutcome.SATISFIED: 0.8 * happy,
                VisitOutcome.BASICALLY_SATISFIED: 0.2 * happy,
            },
            self._chance,
        )

    def _tries(self, attempt: int, outcome: VisitOutcome, at: float) -> None:
        solved = None if outcome is VisitOutcome.UNREACHABLE else outcome is not VisitOutcome.DISSATISFIED
        text = self._chance.choice(VISIT_NOTES[outcome])
        visit = RecordVisit(attempt=attempt, outcome=outcome, solved=solved, text=text)
        self._centre_does(at - self._at, visit)

    def _last_level_s(self) -> float:
        """When the last level of all chains up to informing the citizen is behind a round that began at 0."""
        ends = [0.0]
        for clock in self._policy.clocks:
            limit_s = _limit_s(self._policy, clock.stops, self._case)
            if limit_s is not None and clock.starts is Milestone.RECEIVED:
                after = self._rules.chains[clock.chain][-1].after
                ends.append(limit_s + (after.elapsed.total_seconds() if after and after.elapsed else 0.0))
        return max(ends)

    def _eligible(self) -> list[str]:
        """The units to which the centre may give what no route fits; not those that look into enforcers' conduct."""
        units = [
            route.unit
            for route in self._rules.routes
            if Domain.ENFORCEMENT_CONDUCT not in (route.domains or frozenset())
        ]
        return [unit for unit in units if not is_respondent(self._case.respondent, unit)]

    def _between(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def _centre_does(self, delay_s: float, data: AnyCommandData) -> None:
        person = f"{self._centre}-{self._chance.randint(1, _STAFF):02}"
        self._add(self._at + delay_s, CENTRE, Actor(unit=self._centre, person=person), data)

    def _add(self, at: float, source: str, actor: Actor, data: AnyCommandData) -> None:
        at = max(at, self._at)
        self._steps.append(Step(at - self._at, source, actor, data))
        self._at = at


def _profile(case: Case) -> Profile:
    """The case as the rules of the core will see it; its number and hour play no part in them."""
    return Profile(
        source="",
        public_number="",
        channel=case.channel,
        kind=case.kind,
        domain=case.domain,
        urgency=case.urgency,
        sensitivity=case.sensitivity,
        district=case.district,
        category=case.category,
        respondent=case.respondent,
        contactable=case.contactable,
        history=False,
        entered_at=EARLIEST,
    )


def _limit_s(policy: Policy, stops: Milestone, case: Case) -> float | None:
    """The limit of the clock that this milestone stops, in seconds; a working day counts as the least it can be."""
    for clock in policy.clocks:
        limit = clock.limit_for(case.category) if clock.stops is stops else None
        if limit is not None:
            days = (limit.calendar_days or 0) + (limit.working_days or 0)
            return limit.elapsed.total_seconds() if limit.elapsed is not None else days * _DAY_S
    return None
