"""Counting a limit in a calendar; the only place where time zones exist."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from schemas.policy import Always, AnyCalendar, CalendarDays, Limit, WorkingDays

_DAY = timedelta(days=1)


class Due(NamedTuple):
    """A deadline in UTC. ``provisional``: public holidays are not known for some day that was counted."""

    at: datetime
    provisional: bool = False


def due(start: datetime, limit: Limit, calendar: AnyCalendar) -> Due:
    """The last instant in time for a limit that starts at ``start``.

    Raises:
        ValueError: a day limit in a calendar that cannot count it, or beyond the year 9999.
    """
    try:
        return Due(start + limit.elapsed) if limit.elapsed is not None else _due_in_days(start, limit, calendar)
    except OverflowError as error:
        raise ValueError(f"{limit} from {start} leaves the calendar") from error


def _due_in_days(start: datetime, limit: Limit, calendar: AnyCalendar) -> Due:
    match calendar:
        case CalendarDays() if limit.calendar_days:
            return Due(_same_time_later(start, limit.calendar_days, ZoneInfo(calendar.zone)))
        case WorkingDays() if limit.calendar_days:
            return Due(_same_time_later(start, limit.calendar_days, ZoneInfo(calendar.zone)))
        case WorkingDays() if limit.working_days:
            return Due(_working_day_end(start, limit.working_days, calendar), provisional=True)
        case Always() | CalendarDays() | WorkingDays():
            raise ValueError(f"a calendar of type {calendar.type} cannot count {limit}")
        case _:
            assert_never(calendar)


def _same_time_later(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time so many days later; through a change of daylight saving the hour stays."""
    local = start.astimezone(zone)
    return (local.replace(tzinfo=None) + days * _DAY).replace(tzinfo=zone).astimezone(UTC)


def _working_day_end(start: datetime, days: int, calendar: WorkingDays) -> datetime:
    """The end (24:00) of the n-th working day after the day of ``start``."""
    zone = ZoneInfo(calendar.zone)
    day = start.astimezone(zone).date()
    weeks, rest = divmod(days, len(calendar.weekdays))
    day += 7 * weeks * _DAY
    if rest == 0:
        day = _working_day_before_or_on(day, calendar)
    while rest:
        day += _DAY
        rest -= day.isoweekday() in calendar.weekdays
    return datetime.combine(day + _DAY, time(), zone).astimezone(UTC)


def _working_day_before_or_on(day: date, calendar: WorkingDays) -> date:
    while day.isoweekday() not in calendar.weekdays:
        day -= _DAY
    return day


def part_of_day(instant: datetime, zone: str, starts: list[tuple[str, str]]) -> str:
    """The name of the part of the local day, from (name, "HH:MM") pairs; before the first it is still the last."""
    clock = f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"
    begun = [name for name, start in starts if start <= clock]
    return begun[-1] if begun else starts[-1][0]


def local(instant: datetime, zone: str) -> datetime:
    """The instant as people in this zone read it."""
    return instant.astimezone(ZoneInfo(zone))
