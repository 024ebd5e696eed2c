"""The figures as people and programs read them; they are computed in ``sinks.figures``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from deploy.say import LANGUAGE, percent, table
from schemas.words import Language, clock_word, word
from sinks.figures import ClockFigures, Stats, VisitFigures

_HEADINGS = {
    "zh": ("时限", "按时", "超时", "免责", "计时中", "不适用", "按时率"),
    "en": ("clock", "met", "breached", "excused", "running", "cancelled", "on time"),
}


def stats_tables(figures: Stats, zone: str, language: Language = LANGUAGE) -> list[Table]:
    """The figures as tables: volumes and rates, then clocks and visits of first rounds, reopened ones apart.

    ``zone``: in which people here read times.
    """
    zh = language == "zh"
    states = "  ".join(f"{word(state, language)} {count}" for state, count in figures.by_state.items())
    rows = [
        ("收到" if zh else "received", figures.received),
        ("已归档" if zh else "closed", figures.closed),
        ("办结率" if zh else "closure rate", percent(figures.closure_rate)),
        ("按时办结率" if zh else "on-time closure", percent(figures.on_time_closure_rate)),
        ("超时未办" if zh else "open breaches", figures.open_breaches),
        ("满意率" if zh else "satisfaction", percent(figures.visits.satisfaction)),
        ("解决率" if zh else "resolution", percent(figures.visits.resolution)),
        ("各状态" if zh else "by state", states or "—"),
    ]
    title = f"{'截至' if zh else 'As of'} {figures.as_of.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"
    drawn = [table(title, ("项目" if zh else "figure", "数值" if zh else "value"), rows)]
    drawn.append(_clocks("各时限（首轮）" if zh else "Clocks (first rounds)", figures.clocks, language))
    if figures.reopened_clocks:
        drawn.append(_clocks("各时限（重办）" if zh else "Clocks (reopened)", figures.reopened_clocks, language))
    drawn.append(_visits("回访（首轮）" if zh else "Visits (first rounds)", figures.visits, language))
    return drawn


def stats_json(figures: Stats) -> dict[str, Any]:
    """The figures for programs; rates are shares of 1, null where there is nothing to divide by."""
    rates = {
        "received": figures.received,
        "closed": figures.closed,
        "closure_rate": figures.closure_rate,
        "on_time_closure_rate": figures.on_time_closure_rate,
        "satisfaction": figures.visits.satisfaction,
        "resolution": figures.visits.resolution,
    }
    return asdict(figures) | rates


def _clocks(title: str, clocks: tuple[ClockFigures, ...], language: Language) -> Table:
    rows = [
        (
            clock_word(clock.clock, language),
            clock.met,
            clock.breached,
            clock.excused,
            clock.running,
            clock.cancelled,
            percent(clock.on_time_rate),
        )
        for clock in clocks
    ]
    return table(title, _HEADINGS[language], rows)


def _visits(title: str, visits: VisitFigures, language: Language) -> Table:
    rows = [(word(outcome, language), count) for outcome, count in visits.by_outcome.items()]
    zh = language == "zh"
    return table(title, ("结果" if zh else "outcome", "件数" if zh else "visits"), rows)
