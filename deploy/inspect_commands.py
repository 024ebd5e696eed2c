"""``hotline show``, ``stats`` and ``verify``: reading what has been stored, and holding it against the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from deploy.figures import stats_json, stats_tables
from deploy.follow import ends_once_stored
from deploy.logs import set_up_logs
from deploy.run import ready_database, wait_for_broker
from deploy.say import LANGUAGE, NotPossibleError, console, print_json, say, table
from deploy.settings import Settings
from deploy.verify import Log, LogFinding, compare_log
from schemas import enums
from schemas.facts import Fact
from schemas.policy import PolicySet
from schemas.words import clock_word, fact_word, round_word, word
from sinks.audit import Difference, audit
from sinks.figures import stats
from sinks.queries import TicketStory, ticket_story
from sinks.rows import ClockRow
from sinks.runner import DEFAULT_GROUP

_MOST_SHOWN = 50

AsJson = Annotated[bool, typer.Option("--json", help=say("输出 JSON", "print JSON"))]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(help=say("一张工单的经过和时限", "a ticket's story and clocks"))(show)
    app.command("stats", help=say("统计：状态、时限、回访、各项比率", "figures: states, clocks, visits, rates"))(
        show_stats
    )
    app.command(help=say("重新判定日志并核对数据库", "decide the log again and compare with the database"))(verify)


def show(
    ticket: Annotated[
        str, typer.Argument(help=say("工单 ID、公开编号或来源编号", "ticket id, public or source number"))
    ],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Only masked text is shown."""
    settings = _settings("show")
    stories = ticket_story(ready_database(settings), ticket)
    if not stories:
        raise NotPossibleError(
            f"找不到工单 {ticket}，请核对编号；刚登记的工单入库需要片刻", f"no ticket {ticket}; check the number"
        )
    if as_json:
        print_json(_story_json(stories[0]) if len(stories) == 1 else [_story_json(story) for story in stories])
        return
    reading = _Reading(_rules_of(stories[0], settings))
    for story in stories:
        _show_story(story, reading)


def show_stats(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Of everything stored so far."""
    settings = _settings("stats")
    figures = stats(ready_database(settings), datetime.now(UTC))
    if as_json:
        print_json(stats_json(figures))
        return
    for drawn in stats_tables(figures, settings.current_policy_set().zone):
        console.print(drawn)


def verify(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Exit code 1 on any difference."""
    settings = _settings("verify")
    policies = settings.policies()
    bootstrap = wait_for_broker(settings)
    engine = ready_database(settings)
    with console.status(say("等待处理和入库跟上……", "waiting for worker and sink to catch up ...")):
        ends = _ends_once_stored(bootstrap, settings.partitions)
    log = Log(bootstrap, policies, ends)
    findings: list[LogFinding] = []
    tickets: set[Any] = set()

    def replayed() -> Iterator[Fact]:
        for partition in range(settings.partitions):
            facts: list[Fact] = []
            findings.append(compare_log(log, partition, facts.append))
            tickets.update(fact.ticket_id for fact in facts if fact.version is not None)
            yield from facts

    with console.status(say("正在重新判定日志……", "deciding the log again ...")):
        differences = audit(engine, replayed(), ends)
    sound = not differences and all(finding.is_sound for finding in findings)
    if as_json:
        print_json(_verified_json(findings, differences, tickets=len(tickets), sound=sound))
    else:
        _show_verified(findings, differences, sound=sound)
    if not sound:
        raise typer.Exit(1)


def _rules_of(story: TicketStory, settings: Settings) -> PolicySet:
    """The set under which the ticket's round stands, or today's where it is not configured here."""
    return settings.policies().get(story.ticket.policy_set) or settings.current_policy_set()


def _ends_once_stored(bootstrap: str, partitions: int) -> dict[int, int]:
    try:
        return ends_once_stored(bootstrap, DEFAULT_GROUP, partitions)
    except TimeoutError as error:
        raise NotPossibleError(
            "处理进程或入库进程一分钟没有进展。请确认 `hotline worker` 和 `hotline sink` 正在运行，然后重试",
            f"Worker or sink made no progress ({error}). See that `hotline worker` and `hotline sink` run.",
        ) from error


def _settings(process: str) -> Settings:
    settings = Settings()
    set_up_logs(process, as_json=settings.log_json)
    return settings


class _Reading:
    """How this bureau reads a story: in its own time zone, with its units' names."""

    def __init__(self, rules: PolicySet) -> None:
        self._zone = ZoneInfo(rules.zone)
        self.units = {unit.unit: unit.name for unit in rules.units} if LANGUAGE == "zh" else {}

    def unit(self, code: str | None) -> str:
        return say("指挥中心", "the centre") if code is None else self.units.get(code, code)

    def at(self, instant: datetime | None) -> str:
        return "—" if instant is None else f"{instant.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"


def _show_story(story: TicketStory, reading: _Reading) -> None:
    row = story.ticket
    state = word(enums.State(row.state), LANGUAGE)
    console.print(f"[bold]{row.public_number}[/]  [reverse] {state} [/]  {row.ticket_id}")
    details = [
        word(enums.Channel(row.channel), LANGUAGE),
        word(enums.Kind(row.kind), LANGUAGE),
        word(enums.Domain(row.domain), LANGUAGE),
        row.district or "",
        f"{say('来源编号', 'source number')} {row.source} {row.source_number}",
    ]
    console.print("  ".join(detail for detail in details if detail))
    console.print(f"{say('诉求：', 'complaint: ')}{row.text}", markup=False)
    first = reading.unit(row.first_handler) if row.first_handler else "—"
    console.print(f"{say('承办', 'unit')} {reading.unit(row.unit)}  {say('首办', 'first handler')} {first}")
    console.print(f"{say('规则', 'policy')} {row.policy} · {row.policy_set} · {round_word(row.round, LANGUAGE)}")
    console.print(_clock_table(story.clocks, reading))
    console.print(_fact_table(story, reading))


def _clock_table(clocks: tuple[ClockRow, ...], reading: _Reading) -> Table:
    headings = ("轮", "时限", "期限", "完成", "认定", "依据") if LANGUAGE == "zh" else _ENGLISH_CLOCKS
    rows = [
        (
            clock.round,
            clock_word(clock.clock, LANGUAGE),
            reading.at(clock.due_at) + (say("（暂定）", " (provisional)") if clock.provisional else ""),
            reading.at(clock.stopped_at),
            _verdict(clock, reading),
            _basis(clock.basis),
        )
        for clock in clocks
    ]
    return table(say("时限", "Clocks"), headings, rows)


_ENGLISH_CLOCKS = ("round", "clock", "due", "done", "verdict", "basis")
_COLOURS = {"met": "green", "breached": "red", "excused": "yellow", "running": "cyan", "cancelled": "dim"}


def _verdict(clock: ClockRow, reading: _Reading) -> str:
    verdict = enums.Verdict(clock.verdict)
    who = f" {reading.unit(clock.unit)}" if clock.unit and verdict is enums.Verdict.BREACHED else ""
    return f"[{_COLOURS[verdict]}]{word(verdict, LANGUAGE)}{who}[/]"


def _basis(text: str) -> str:
    basis = json.loads(text)
    named = [basis.get(name) for name in ("issuer", "title", "number", "date", "article")]
    return " ".join(part for part in named if part) or word(enums.BasisType(basis["type"]), LANGUAGE)


def _fact_table(story: TicketStory, reading: _Reading) -> Table:
    lines = [
        (fact.recorded_at, fact.version, reading.at(fact.at), fact_word(fact.data, LANGUAGE, reading.units))
        for fact in story.facts
    ]
    refused = say("被拒", "refused")
    lines += [
        (row.recorded_at, None, reading.at(row.recorded_at), f"[red]{refused}[/] {row.explanation}")
        for row in story.refusals
    ]
    lines.sort(key=lambda line: line[0])  # stable: facts keep their order of version
    return table(say("经过", "Story"), ("#", say("时间", "time"), say("事项", "what")), [line[1:] for line in lines])


def _story_json(story: TicketStory) -> dict[str, Any]:
    return {
        "ticket": asdict(story.ticket),
        "clocks": [asdict(clock) for clock in story.clocks],
        "visits": [asdict(visit) for visit in story.visits],
        "facts": [fact.model_dump(mode="json", exclude_none=True) for fact in story.facts],
        "refusals": [asdict(row) | {"payload": None} for row in story.refusals],
    }


def _verified_json(
    findings: list[LogFinding], differences: list[Difference], *, tickets: int, sound: bool
) -> dict[str, Any]:
    return {
        "sound": sound,
        "tickets": tickets,
        "commands": sum(finding.commands for finding in findings),
        "facts": sum(finding.facts for finding in findings),
        "missing": sum(len(finding.missing) for finding in findings),
        "unexpected": sum(len(finding.unexpected) for finding in findings),
        "repeated": sum(finding.repeated for finding in findings),
        "differences": [difference.words(LANGUAGE) for difference in differences[:_MOST_SHOWN]],
        "differences_in_all": len(differences),
    }


def _show_verified(findings: list[LogFinding], differences: list[Difference], *, sound: bool) -> None:
    headings = (
        ("分区", "命令", "事实", "缺失", "多余", "重复") if LANGUAGE == "zh" else
        ("partition", "commands", "facts", "missing", "unexpected", "repeated")
    )  # fmt: skip
    rows = [
        (item.partition, item.commands, item.facts, len(item.missing), len(item.unexpected), item.repeated)
        for item in findings
    ]
    console.print(table(say("日志重新判定", "The log decided again"), headings, rows))
    for difference in differences[:_MOST_SHOWN]:
        console.print(difference.words(LANGUAGE), markup=False)
    if len(differences) > _MOST_SHOWN:
        console.print(say(f"……共 {len(differences)} 处", f"... {len(differences)} in all"))
    if sound:
        console.print(
            f"[green]{say('一致：数据库与日志重算结果完全相同', 'sound: the database is what the log makes')}[/]"
        )
    else:
        console.print(f"[bold red]{say('不一致', 'not sound')}[/]")
