"""Policy sets: policies, routes, units, sources and calendars as one immutable, named version of the rules."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from schemas.base import Model, Name, Text, canonical_json
from schemas.enums import (
    BasisType,
    Channel,
    Domain,
    Kind,
    Measure,
    Milestone,
    RespondentType,
    Role,
    Sensitivity,
    Severity,
    Urgency,
)

HASH_LETTERS = 12


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}") from error
    return zone


Zone = Annotated[str, AfterValidator(_known_zone)]
HourMinute = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Basis(Model):
    """Where a limit comes from. ``product_default`` where no source gives one; nothing is invented."""

    type: BasisType
    issuer: Name | None = None
    title: Name | None = None
    number: Name | None = None
    date: dt.date | None = None
    article: Name | None = None


class Limit(Model):
    """A length of time in exactly one unit, ten years at most; the day units are read in the clock's calendar."""

    seconds: Annotated[PositiveFloat, Field(le=10 * 366 * 86_400)] | None = None
    minutes: Annotated[PositiveFloat, Field(le=10 * 366 * 1_440)] | None = None
    hours: Annotated[PositiveFloat, Field(le=10 * 366 * 24)] | None = None
    calendar_days: Annotated[PositiveInt, Field(le=10 * 366)] | None = None
    working_days: Annotated[PositiveInt, Field(le=10 * 366)] | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        lengths = (self.seconds, self.minutes, self.hours, self.calendar_days, self.working_days)
        if lengths.count(None) != len(lengths) - 1:
            raise ValueError("give exactly one of seconds, minutes, hours, calendar_days, working_days")
        return self

    @cached_property
    def elapsed(self) -> dt.timedelta | None:
        """The fixed length of the limit, or None where days have to be counted in a calendar."""
        if self.calendar_days or self.working_days:
            return None
        return dt.timedelta(seconds=self.seconds or 0, minutes=self.minutes or 0, hours=self.hours or 0)


class Level(Model):
    """One rung of an escalation chain: before the deadline by share, at it, or after it by time.

    A rung with neither ``percent`` nor ``after`` is the breach itself.
    """

    level: Name
    percent: Annotated[int, Field(gt=0, lt=100)] | None = None
    after: Limit | None = None
    severity: Severity
    notify: tuple[Role, ...]
    measure: Measure = Measure.REMIND

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.percent is not None and self.after is not None:
            raise ValueError(f"level {self.level}: give percent or after, not both")
        if self.after is not None and self.after.elapsed is None:
            raise ValueError(f"level {self.level}: after takes seconds, minutes or hours")
        return self

    @property
    def is_breach(self) -> bool:
        """Whether this rung is the deadline itself."""
        return self.percent is None and self.after is None

    @property
    def order(self) -> tuple[int, float]:
        """Sorts rungs as they are reached."""
        if self.percent is not None:
            return (0, self.percent)
        if self.after is None or self.after.elapsed is None:
            return (1, 0.0)
        return (2, self.after.elapsed.total_seconds())


class Clock(Model):
    """A deadline of a policy. ``limit_by_category`` overrides ``limit`` for the categories it names."""

    clock: Name
    starts: Milestone
    stops: Milestone
    limit: Limit | None = None
    limit_by_category: dict[Name, Limit] = Field(default_factory=dict)
    calendar: Name
    only_if_on_site: bool = False
    chain: Name
    basis: Basis

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.limit is None and not self.limit_by_category:
            raise ValueError(f"clock {self.clock}: no limit given")
        return self

    def limit_for(self, category: str | None) -> Limit | None:
        """The limit for a ticket of this category; None where the clock does not apply to it."""
        if category is not None and category in self.limit_by_category:
            return self.limit_by_category[category]
        return self.limit


class AppliesTo(Model):
    """One description of tickets: all the lists given must hold; an absent list holds for everything."""

    channels: frozenset[Channel] | None = None
    kinds: frozenset[Kind] | None = None
    domains: frozenset[Domain] | None = None
    urgencies: frozenset[Urgency] | None = None
    sensitivities: frozenset[Sensitivity] | None = None

    def covers(self, kind: Kind, channel: Channel, domain: Domain, urgency: Urgency, sensitivity: Sensitivity) -> bool:
        """Whether every list that is given holds for such a ticket."""
        return (
            (self.channels is None or channel in self.channels)
            and (self.kinds is None or kind in self.kinds)
            and (self.domains is None or domain in self.domains)
            and (self.urgencies is None or urgency in self.urgencies)
            and (self.sensitivities is None or sensitivity in self.sensitivities)
        )


class PartOfDay(Model):
    """A part of the day for visit tries, from this local time to the next part's."""

    name: Name
    starts: HourMinute


class VisitRule(Model):
    """The return visit of a policy: how often it is tried, when it is waived, how often it reopens."""

    tries: PositiveInt = 3
    parts_of_day: PositiveInt = 2
    reopenings: NonNegativeInt = 2
    waived_for: tuple[AppliesTo, ...] = ()


class Policy(Model):
    """Clocks and visit rule for the tickets that one of ``applies_to`` describes."""

    policy: Name
    title: Text = ""
    applies_to: tuple[AppliesTo, ...]
    clocks: tuple[Clock, ...] = ()
    visit: VisitRule = VisitRule()

    @cached_property
    def clock_by_name(self) -> dict[str, Clock]:
        """Clocks by their name."""
        return {clock.clock: clock for clock in self.clocks}

    @cached_property
    def clocks_by_start(self) -> dict[Milestone, tuple[Clock, ...]]:
        """Clocks by the milestone that starts them, in the policy's order."""
        return {
            milestone: tuple(clock for clock in self.clocks if clock.starts is milestone) for milestone in Milestone
        }


class Unit(Model):
    """A node of the unit tree: bureau, brigade or office, station."""

    unit: Name
    name: Name
    parent: Name | None = None


class Route(Model):
    """A routing rule by the facts in the ticket; the first that fits decides."""

    route: Name
    unit: Name
    channels: frozenset[Channel] | None = None
    kinds: frozenset[Kind] | None = None
    domains: frozenset[Domain] | None = None
    districts: frozenset[Name] | None = None
    respondent_types: frozenset[RespondentType] | None = None
    respondent_prefixes: tuple[Name, ...] | None = None


class Source(Model):
    """A system that speaks, and how far its times count.

    ``max_age_s``: how far behind the record, in seconds, a time it claims may lie. ``history``: a trusted import,
    whose tickets live by their own times.
    """

    trusted_time: bool = False
    max_age_s: PositiveFloat = 60.0
    history: bool = False


class Always(Model):
    """Every hour of every day."""

    type: Literal["always"]


class CalendarDays(Model):
    """Days of a time zone; a limit of n days ends at the same local time n days later."""

    type: Literal["calendar_days"]
    zone: Zone


class WorkingDays(Model):
    """Working days of a time zone by weekday (1 Monday to 7 Sunday), without public holidays.

    The day of the start is not counted and the period ends with the last day (Civil Code of the PRC, articles 201
    and 203). Without published holidays every such deadline is provisional.
    """

    type: Literal["working_days"]
    zone: Zone
    weekdays: frozenset[Annotated[int, Field(ge=1, le=7)]] = frozenset({1, 2, 3, 4, 5})

    @model_validator(mode="after")
    def _some_day(self) -> Self:
        if not self.weekdays:
            raise ValueError("a working week needs at least one day")
        return self


AnyCalendar = Annotated[Always | CalendarDays | WorkingDays, Field(discriminator="type")]


class PolicySet(Model):
    """One version of all the rules; its ``name`` says which, down to the content.

    Raises:
        ValueError: duplicate names, dangling references, a chain without exactly one breach level, or a kind, channel
            and domain that no policy covers.
    """

    set: Name
    version: PositiveInt
    title: Text = ""
    zone: Zone
    parts_of_day: Annotated[tuple[PartOfDay, ...], Field(min_length=1)] = (
        PartOfDay(name="morning", starts="00:00"),
        PartOfDay(name="afternoon", starts="12:00"),
        PartOfDay(name="evening", starts="18:00"),
    )
    ahead_s: PositiveFloat = 60.0
    receipt_max_age_s: PositiveFloat = 86_400.0
    calendars: dict[Name, AnyCalendar]
    chains: dict[Name, tuple[Level, ...]]
    sources: dict[Name, Source] = Field(default_factory=dict)
    units: tuple[Unit, ...] = ()
    routes: tuple[Route, ...] = ()
    policies: tuple[Policy, ...]

    @cached_property
    def name(self) -> str:
        """``set@version-hash``: equal names mean equal rules."""
        digest = hashlib.sha256(self.canonical()).hexdigest()[:HASH_LETTERS]
        return f"{self.set}@{self.version}-{digest}"

    def canonical(self) -> bytes:
        """The content whose hash names the set; collections without an order are sorted."""
        return canonical_json(self.model_dump(exclude_none=True))

    @cached_property
    def unit_by_id(self) -> dict[str, Unit]:
        """Units by their id."""
        return {unit.unit: unit for unit in self.units}

    @cached_property
    def policy_by_id(self) -> dict[str, Policy]:
        """Policies by their id."""
        return {policy.policy: policy for policy in self.policies}

    def source(self, name: str) -> Source:
        """How far this source's times count; an unknown source is not trusted."""
        return self.sources.get(name, UNTRUSTED)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique("policy", [policy.policy for policy in self.policies])
        _unique("unit", [unit.unit for unit in self.units])
        _unique("route", [route.route for route in self.routes])
        for policy in self.policies:
            _unique(f"policy {policy.policy}: clock", [clock.clock for clock in policy.clocks])
        self._check_references()
        for name, levels in self.chains.items():
            _check_chain(name, levels)
        _unique("part of day", [part.name for part in self.parts_of_day])
        starts = [part.starts for part in self.parts_of_day]
        if starts != sorted(set(starts)):
            raise ValueError("parts_of_day must begin one after another")
        _check_tree(self.unit_by_id)
        _check_coverage(self.policies)
        return self

    def _check_references(self) -> None:
        for policy in self.policies:
            for clock in policy.clocks:
                where = f"policy {policy.policy}, clock {clock.clock}"
                _known(where, "calendar", clock.calendar, self.calendars)
                _known(where, "chain", clock.chain, self.chains)
                _check_units(where, clock, self.calendars[clock.calendar])
        for unit in self.units:
            if unit.parent is not None:
                _known(f"unit {unit.unit}", "parent", unit.parent, self.unit_by_id)
        for route in self.routes:
            _known(f"route {route.route}", "unit", route.unit, self.unit_by_id)


UNTRUSTED = Source()


def _unique(what: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what} named twice: {', '.join(twice)}")


def _known(where: str, what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: unknown {what} {name!r}; known: {', '.join(known)}")


def _check_units(where: str, clock: Clock, calendar: Always | CalendarDays | WorkingDays) -> None:
    for limit in [clock.limit, *clock.limit_by_category.values()]:
        if limit is None:
            continue
        if limit.working_days and not isinstance(calendar, WorkingDays):
            raise ValueError(f"{where}: working_days needs a calendar of type working_days")
        if limit.calendar_days and isinstance(calendar, Always):
            raise ValueError(f"{where}: calendar_days needs a calendar with a time zone")


def _check_tree(units: dict[str, Unit]) -> None:
    for unit in units.values():
        above, steps = unit, 0
        while above.parent is not None:
            above, steps = units[above.parent], steps + 1
            if steps > len(units):
                raise ValueError(f"unit {unit.unit}: its parents go round in a circle")


def _check_chain(name: str, levels: Sequence[Level]) -> None:
    _unique(f"chain {name}: level", [level.level for level in levels])
    if sum(level.is_breach for level in levels) != 1:
        raise ValueError(f"chain {name}: exactly one level without percent and after (the breach) is needed")
    if [level.order for level in levels] != sorted({level.order for level in levels}):
        raise ValueError(f"chain {name}: levels must rise: percentages, the breach, then times after it")


def _check_coverage(policies: Sequence[Policy]) -> None:
    """Refuse a set that leaves some ticket without a policy."""
    rules = [rule for policy in policies for rule in policy.applies_to]
    if any(rule == AppliesTo() for rule in rules):
        return
    for kind, channel, domain, urgency, sensitivity in itertools.product(Kind, Channel, Domain, Urgency, Sensitivity):
        if not any(rule.covers(kind, channel, domain, urgency, sensitivity) for rule in rules):
            raise ValueError(
                f"no policy for kind {kind}, channel {channel}, domain {domain}, urgency {urgency}, "
                f"sensitivity {sensitivity}"
            )
