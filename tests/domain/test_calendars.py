"""Counting limits: around the clock, in days through changes of daylight saving, in working days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Always, AnyCalendar, CalendarDays, Limit, WorkingDays
from stream_processors.domain.calendars import Due, due, local, part_of_day

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ALWAYS = Always(type="always")
WORKING = WorkingDays(type="working_days", zone="Asia/Shanghai")
DAYS = CalendarDays(type="calendar_days", zone="America/New_York")
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, st.integers(1, 10_000))
def test_around_the_clock_a_minute_is_a_minute(start: datetime, minutes: int) -> None:
    assert due(start, Limit(minutes=minutes), ALWAYS) == Due(start + timedelta(minutes=minutes))


@pytest.mark.parametrize("calendar", [ALWAYS, DAYS, WORKING], ids=lambda calendar: calendar.type)
def test_hours_are_hours_in_every_calendar(calendar: AnyCalendar) -> None:
    saturday = datetime(2024, 12, 28, 1, tzinfo=UTC)
    assert due(saturday, Limit(hours=1.5), calendar) == Due(saturday + timedelta(minutes=90))


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ((2018, 10, 21, 9), (2018, 11, 4, 9), 14 * 24 + 1),  # autumn: the last day has 25 hours
        ((2018, 10, 20, 9), (2018, 11, 3, 9), 14 * 24),
        ((2018, 2, 25, 9), (2018, 3, 11, 9), 14 * 24 - 1),  # spring: 23 hours
    ],
)
def test_fourteen_days_end_at_the_same_local_hour(
    start: tuple[int, int, int, int], end: tuple[int, int, int, int], hours: int
) -> None:
    begun = datetime(*start, tzinfo=NEW_YORK).astimezone(UTC)
    found = due(begun, Limit(calendar_days=14), DAYS)
    assert found == Due(datetime(*end, tzinfo=NEW_YORK).astimezone(UTC))
    assert found.at - begun == timedelta(hours=hours)
    assert found.at.tzinfo is UTC


@given(INSTANTS, st.integers(1, 400))
def test_calendar_days_never_stray_more_than_an_hour(start: datetime, days: int) -> None:
    found = due(start, Limit(calendar_days=days), DAYS)
    assert abs(found.at - start - timedelta(days=days)) <= timedelta(hours=1)
    assert not found.provisional


def shanghai(day: int, hour: int = 9, *, month: int = 12, year: int = 2024) -> datetime:
    return datetime(year, month, day, hour, tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "one", "two", "five"),
    [
        pytest.param(9, 11, 12, 17, id="Monday"),
        pytest.param(10, 12, 13, 18, id="Tuesday"),
        pytest.param(11, 13, 14, 19, id="Wednesday"),
        pytest.param(12, 14, 17, 20, id="Thursday"),
        pytest.param(13, 17, 18, 21, id="Friday"),
        pytest.param(14, 17, 18, 21, id="Saturday"),
        pytest.param(15, 17, 18, 21, id="Sunday"),
    ],
)
def test_working_days_end_at_midnight_after_the_last_one(start: int, one: int, two: int, five: int) -> None:
    for days, end in ((1, one), (2, two), (5, five)):
        assert due(shanghai(start), Limit(working_days=days), WORKING) == Due(shanghai(end, 0), provisional=True)


def test_the_hour_of_the_start_does_not_matter_only_its_local_day() -> None:
    last = datetime(2024, 12, 9, 15, 59, 59, 999_999, tzinfo=UTC)  # Monday's last microsecond in Shanghai
    assert due(last, Limit(working_days=1), WORKING).at == shanghai(11, 0)
    assert due(last + timedelta(microseconds=1), Limit(working_days=1), WORKING).at == shanghai(12, 0)


def test_without_published_holidays_a_working_day_deadline_is_provisional() -> None:
    new_years_eve = due(shanghai(31), Limit(working_days=1), WORKING)
    assert new_years_eve == Due(shanghai(2, 0, month=1, year=2025), provisional=True)  # really a holiday


def walked(start: datetime, days: int, calendar: WorkingDays) -> datetime:
    """The same by walking day after day."""
    zone = ZoneInfo(calendar.zone)
    day: date = start.astimezone(zone).date()
    while days:
        day += timedelta(days=1)
        if day.isoweekday() in calendar.weekdays:
            days -= 1
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


@given(
    INSTANTS,
    st.integers(1, 90),
    st.frozensets(st.integers(1, 7), min_size=1),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_working_days_are_those_of_a_patient_walker(
    start: datetime, days: int, weekdays: frozenset[int], zone: str
) -> None:
    calendar = WorkingDays(type="working_days", zone=zone, weekdays=weekdays)
    assert due(start, Limit(working_days=days), calendar) == Due(walked(start, days, calendar), provisional=True)


@given(INSTANTS, INSTANTS, st.integers(1, 30))
def test_who_starts_later_is_never_due_earlier(first: datetime, second: datetime, days: int) -> None:
    early, late = sorted([first, second])
    limit = Limit(working_days=days)
    assert due(early, limit, WORKING).at <= due(late, limit, WORKING).at


@pytest.mark.parametrize(
    ("limit", "calendar"),
    [
        (Limit(working_days=1), ALWAYS),
        (Limit(working_days=1), DAYS),
        (Limit(calendar_days=1), ALWAYS),
    ],
)
def test_a_calendar_refuses_what_it_cannot_count(limit: Limit, calendar: AnyCalendar) -> None:
    with pytest.raises(ValueError, match="cannot count"):
        due(shanghai(9), limit, calendar)


def test_a_working_day_calendar_counts_calendar_days_too() -> None:
    assert due(shanghai(13), Limit(calendar_days=2), WORKING) == Due(shanghai(15))


@pytest.mark.parametrize(
    ("limit", "calendar"),
    [
        pytest.param(Limit(hours=87_000), ALWAYS, id="hours"),
        pytest.param(Limit(calendar_days=3_600), DAYS, id="calendar days"),
        pytest.param(Limit(working_days=3_600), WORKING, id="working days"),
    ],
)
def test_a_limit_that_leaves_the_calendar_is_a_value_error(limit: Limit, calendar: AnyCalendar) -> None:
    with pytest.raises(ValueError, match="leaves the calendar"):
        due(datetime(9999, 1, 1, tzinfo=UTC), limit, calendar)


def test_before_the_first_part_of_the_day_it_is_still_the_last() -> None:
    parts = [("day", "08:00"), ("night", "20:00")]
    found = [part_of_day(shanghai(9, hour), "Asia/Shanghai", parts) for hour in (7, 8, 19, 20, 23)]
    assert found == ["night", "day", "day", "night", "night"]


def test_local_time_is_the_same_instant() -> None:
    moment = shanghai(9)
    assert local(moment, "Asia/Shanghai") == moment
    assert local(moment, "Asia/Shanghai").hour == 9
