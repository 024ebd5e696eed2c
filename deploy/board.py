"""The live board of the demo: open tickets with counting clocks, what happens as it happens, and the rates."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from deploy.say import console, percent
from schemas import enums
from schemas.facts import LevelReached, TicketClosed
from schemas.policy import PolicySet
from schemas.words import Language, clock_word, word
from sinks.figures import stats
from sinks.queries import FeedItem, FeedKind, OpenTicketRow, open_tickets, recent
from sinks.rows import ClockRow

_FEED_LINES = 200
_LOOK_BACK = 50  # the sink may store a fact behind a place already passed, so the newest are looked at again
_MARKS = {
    FeedKind.WARNING: "yellow",
    FeedKind.BREACH: "red",
    FeedKind.ESCALATION: "bold magenta",
    FeedKind.CLOSED: "green",
}
_NAMES = {
    FeedKind.WARNING: ("提醒", "warning"),
    FeedKind.BREACH: ("超时", "breach"),
    FeedKind.ESCALATION: ("升级", "escalation"),
    FeedKind.CLOSED: ("归档", "closed"),
}


class Board:
    """Draws on the terminal between entry and exit; ``refresh`` reads the database and draws anew."""

    def __init__(self, engine: Engine, rules: PolicySet, bootstrap: str, language: Language) -> None:
        self._engine = engine
        self._rules = rules
        self._zone = ZoneInfo(rules.zone)
        self._bootstrap = bootstrap
        self._language = language
        self._feed: deque[FeedItem] = deque(maxlen=_FEED_LINES)
        self._live = Live(console=console, screen=console.is_terminal, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def refresh(self, now: datetime) -> None:
        """Draw what is true at ``now`` (UTC-aware)."""
        self._read_feed()
        height = console.size.height
        layout = Layout()
        layout.split_column(Layout(self._head(now), size=6), Layout(name="body"))
        layout["body"].split_row(
            Layout(self._tickets(now, height - 10), ratio=5), Layout(self._events(height - 8), ratio=4)
        )
        self._live.update(layout, refresh=True)

    def _say(self, chinese: str, english: str) -> str:
        return chinese if self._language == "zh" else english

    def _read_feed(self) -> None:
        known = {item.place for item in self._feed}
        if not known:
            fresh = recent(self._engine, limit=_LOOK_BACK)
        else:
            fresh = recent(self._engine, self._feed[max(0, len(self._feed) - _LOOK_BACK)].place, _FEED_LINES)
        self._feed.extend(item for item in fresh if item.place not in known)

    def _head(self, now: datetime) -> Panel:
        figures = stats(self._engine, now)
        rates = Table.grid(padding=(0, 3))
        cells = [
            (self._say("收到", "received"), str(figures.received)),
            (self._say("已归档", "closed"), str(figures.closed)),
            (self._say("办结率", "closure rate"), percent(figures.closure_rate)),
            (self._say("按时办结率", "on-time closure"), percent(figures.on_time_closure_rate)),
            (self._say("超时未办", "open breaches"), str(figures.open_breaches)),
            (self._say("满意率", "satisfaction"), percent(figures.visits.satisfaction)),
        ]
        rates.add_row(*(Text.assemble((f"{name} ", "dim"), (value, "bold")) for name, value in cells))
        clocks = Table.grid(padding=(0, 3))
        clocks.add_row(
            *(
                Text.assemble(
                    (f"{clock_word(item.clock, self._language)} ", "dim"),
                    (percent(item.on_time_rate), "bold"),
                    (f" ({item.met}/{item.met + item.excused + item.breached})", "dim"),
                )
                for item in figures.clocks
            )
        )
        about = self._say(
            f"演示：{self._rules.title}。内置代理 {self._bootstrap}，结束即清空。Ctrl-C 结束",
            f"Demo: half a second stands for one minute of 3012. Embedded broker {self._bootstrap}. Ctrl-C ends",
        )
        title = self._say("三零一二 · 投诉处理实时看板", "3012 · complaint handling, live")
        local = now.astimezone(self._zone)
        return Panel(
            Group(rates, clocks, Text(about, style="yellow")),
            title=f"[bold]{title}[/]  {local:%H:%M:%S}",
            title_align="left",
        )

    def _tickets(self, now: datetime, rows: int) -> Panel:
        grid = Table(box=None, pad_edge=False, expand=True)
        for heading, width, share in (
            (self._say("编号", "number"), 17, None),
            (self._say("事项", "matter"), None, 3),
            (self._say("承办单位", "unit"), None, 2),
            (self._say("状态", "state"), None, 2),
            (self._say("最近时限", "next clock"), 15 if self._language == "en" else 11, None),
        ):
            grid.add_column(heading, width=width, ratio=share, no_wrap=True, overflow="ellipsis", header_style="dim")
        shown = open_tickets(self._engine, max(5, rows))
        for row in shown:
            grid.add_row(*self._ticket(row, now))
        title = self._say("在办工单（按最近时限）", "Open tickets by nearest deadline")
        return Panel(grid, title=title, title_align="left")

    def _ticket(self, row: OpenTicketRow, now: datetime) -> tuple[str | Text, ...]:
        ticket = row.ticket
        unit = self._rules.unit_by_id.get(ticket.unit or "")
        matter = f"{word(enums.Domain(ticket.domain), self._language)}·{word(enums.Kind(ticket.kind), self._language)}"
        return (
            ticket.public_number,
            f"{matter} {ticket.district or ''}",
            (unit.name if unit and self._language == "zh" else ticket.unit) or self._say("指挥中心", "centre"),
            word(enums.State(ticket.state), self._language),
            self._countdown(row.clocks[0], now) if row.clocks else Text("—", style="dim"),
        )

    def _countdown(self, clock: ClockRow, now: datetime) -> Text:
        left = (clock.due_at - now).total_seconds()
        share = left / max(0.001, (clock.due_at - clock.started_at).total_seconds())
        style = "bold red" if left < 0 else "yellow" if share < 1 / 2 else "green"
        minutes, seconds = divmod(int(abs(left)), 60)
        name = clock_word(clock.clock, self._language)
        return Text(f"{name} {'+' if left < 0 else '-'}{minutes:02}:{seconds:02}", style=style)

    def _events(self, rows: int) -> Panel:
        lines = [self._event(item) for item in list(self._feed)[-max(5, rows) :]]
        title = self._say("提醒、超时、升级与归档", "Warnings, breaches, escalations, closures")
        return Panel(Group(*reversed(lines)), title=title, title_align="left")

    def _event(self, item: FeedItem) -> Text:
        name = self._say(*_NAMES[item.kind])
        return Text.assemble(
            (f"{item.fact.recorded_at.astimezone(self._zone):%H:%M:%S} ", "dim"),
            (f"{name} ", _MARKS[item.kind]),
            f"{item.ticket.public_number} ",
            self._event_detail(item),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _event_detail(self, item: FeedItem) -> str:
        match item.fact.data:
            case LevelReached() as level:
                roles = "、".join(word(role, self._language) for role in level.notify)
                severity = word(level.severity, self._language)
                return f"{clock_word(level.clock, self._language)} {level.level} [{severity}] → {roles}"
            case TicketClosed(outcome=outcome):
                return word(outcome, self._language) if outcome else ""
            case _:
                return ""
