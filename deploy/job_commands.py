"""``hotline simulate``, ``replay`` and ``demo``: jobs with an end, which bring their own pipeline where none is set."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from deploy.board import Board
from deploy.figures import stats_json, stats_tables
from deploy.follow import lag, wait_until_stored
from deploy.logs import set_up_logs
from deploy.master_key import master_key
from deploy.run import ready_database, wait_for_broker
from deploy.say import LANGUAGE, NotPossibleError, console, errors, print_json, say, table
from deploy.settings import CONFIG, Settings, newest
from deploy.stack import Stack
from producers.check import ClockOutcome, Comparison, compare, load_exceptions
from producers.keys import KeysAtHand, KeyStore
from producers.ledger import BadRow, Entry, as_of, read_ledger
from producers.lives import plan
from producers.mapping import LedgerMapping, load_mapping
from producers.publisher import Publisher
from producers.replay import history_commands
from producers.simulator import commands, play, simulation_doors, with_keys
from schemas.commands import Command
from schemas.enums import Verdict
from schemas.topics import EVENTS
from schemas.words import Language
from sinks.figures import stats
from sinks.queries import clocks_of_source
from sinks.runner import DEFAULT_GROUP

_CHUNK = 2000
_CHECKED_CLOCK = "close"  # the clock whose deadlines a ledger brings itself
_MOST_AHEAD = 4000  # the embedded broker keeps a few megabytes, so nobody may run far ahead of the sink
_REFRESH_S = 0.5

AsJson = Annotated[bool, typer.Option("--json", help=say("输出 JSON", "print JSON"))]


def register(app: typer.Typer) -> None:
    """Add the jobs to the command line."""
    app.command(help=say("模拟一天的 12328 工单", "play an invented 12328 day"))(simulate)
    app.command(help=say("把台账作为历史导入", "import a ledger as history"))(replay)
    app.command(help=say("在本机运行整条流水线并显示实时看板", "run everything here and watch a live board"))(demo)


def simulate(
    tickets: Annotated[int, typer.Option(help=say("工单数", "how many tickets"), min=1)] = 100,
    seed: Annotated[int, typer.Option(help=say("随机种子", "which day"))] = 1,
    live: Annotated[bool, typer.Option("--live", help=say("按真实节奏播放", "in their own time"))] = False,  # noqa: FBT002
    span: Annotated[float | None, typer.Option(help=say("把一天压缩为多少秒", "press the day into seconds"))] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Without ``--live`` whole lives are published as fast as the broker takes them."""
    settings = Settings()
    set_up_logs("simulate", as_json=settings.log_json)
    rules = settings.current_policy_set()
    stopped = _stop_on_signal()
    with _pipeline(settings) as (reached, engine):
        keys = KeysAtHand(KeyStore(engine, master_key(settings)))
        lives = with_keys(plan(tickets, seed, rules, span_s=span), keys)
        doors = simulation_doors(rules.name, keys)
        with Publisher(reached.bootstrap or "", embedded=reached.embedded, partitions=settings.partitions) as publisher:
            if live:
                count = play(lives, doors, publisher.publish, now=_now, sleep=time.sleep, stop=stopped)
            else:
                count = _publish(commands(lives, doors, _now), publisher, reached)
        if settings.bootstrap is None:
            _finish(reached)
            figures = stats(engine, _now())
            if as_json:
                print_json({"commands": count} | stats_json(figures))
                return
            for drawn in stats_tables(figures, rules.zone):
                console.print(drawn)
        if as_json:
            print_json({"commands": count})
        else:
            console.print(say(f"已发布 {count} 条命令，均已得到确认", f"{count} commands published and acknowledged"))


def replay(
    file: Annotated[Path, typer.Argument(help=say("CSV 台账（可为 .gz）", "a CSV ledger, may be gzipped"))],
    mapping: Annotated[str, typer.Option(help=say("列映射名称或文件", "column mapping: a name or a file"))],
    check: Annotated[bool, typer.Option("--check", help=say("与文件自带的期限和结果核对", "compare"))] = False,  # noqa: FBT002
    policy_set: Annotated[str | None, typer.Option(help=say("规则集", "policy set"))] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """With ``--check`` the exit code is 1 on any difference from what the mapping expects."""
    settings = Settings()
    set_up_logs("replay", as_json=settings.log_json)
    mapping_file = _mapping_file(mapping)
    columns = load_mapping(mapping_file)
    rules = newest(settings.policies(), policy_set or mapping_file.stem)
    as_of(file, columns)  # a file that cannot be read at all is refused before anything is started
    bad: list[BadRow] = []
    with _pipeline(settings) as (reached, engine):
        with Publisher(reached.bootstrap or "", embedded=reached.embedded, partitions=settings.partitions) as publisher:
            count = _publish(history_commands(file, columns, rules.name, bad.append), publisher, reached)
        _finish(reached)
        comparison = _compared(file, columns, mapping_file, engine) if check else None
    if as_json:
        print_json({"commands": count, "bad_rows": len(bad)} | (_comparison_json(comparison) if comparison else {}))
    else:
        _show_replay(count, bad, comparison)
    if comparison and comparison.differs:
        raise typer.Exit(1)


def _mapping_file(mapping: str) -> Path:
    if mapping.endswith((".yaml", ".yml")):
        return Path(mapping)
    built_in = {path.stem: path for path in sorted((CONFIG / "mappings").glob("*.yaml"))}
    if mapping not in built_in:
        raise NotPossibleError(
            f"没有名为 {mapping} 的列映射。可用：{'、'.join(built_in)}；也可给出自己的 YAML 文件",
            f"no mapping {mapping!r}; known: {', '.join(built_in)}; or name a YAML file of your own",
        )
    return built_in[mapping]


def demo(
    seconds: Annotated[int | None, typer.Option(help=say("到时自动结束", "end after so many seconds"), min=5)] = None,
    seed: Annotated[int, typer.Option(help=say("随机种子", "which day"))] = 1,
    tickets: Annotated[int, typer.Option(help=say("工单数", "how many tickets"), min=1)] = 2000,
    lang: Annotated[str, typer.Option(help=say("语言 zh 或 en", "language: zh or en"))] = "zh",
) -> None:
    """Broker, worker, sink and simulator as processes of their own; limits are scaled, and the board says so."""
    if lang not in {"zh", "en"}:
        raise NotPossibleError("--lang 只能是 zh 或 en", "--lang takes zh or en")
    language: Language = "en" if lang == "en" else "zh"
    folder = Settings().folder / "demo"
    for old in folder.glob("*"):
        if old.suffix in {".log", ".sqlite", ".sqlite-wal", ".sqlite-shm"}:
            old.unlink()
    settings = Settings().model_copy(
        update={"folder": folder, "database_url": None, "bootstrap": None, "policy_set": "demo"}
    )
    set_up_logs("demo", as_json=False)
    stopped = _stop_on_signal()
    engine = ready_database(settings)
    rules = settings.current_policy_set()
    errors.print(say("正在启动……", "starting ..."))
    load = ("simulate", "--live", "--tickets", str(tickets), "--seed", str(seed), "--span", str(tickets * 1.2))
    with Stack(settings) as stack, Board(engine, rules, stack.bootstrap, language) as board:
        ends = time.monotonic() + seconds if seconds else None
        loaded = False
        while not stopped() and (ends is None or time.monotonic() < ends):
            stack.check()
            if not loaded and stack.is_ready():
                stack.start(*load)
                loaded = True
            board.refresh(_now())
            time.sleep(_REFRESH_S)
    for drawn in stats_tables(stats(engine, _now()), rules.zone, language):
        console.print(drawn)


@contextmanager
def _pipeline(settings: Settings) -> Iterator[tuple[Settings, Engine]]:
    """The pipeline that is set, or one of our own for as long as the block lasts."""
    engine = ready_database(settings)
    if settings.bootstrap is not None:
        wait_for_broker(settings)
        yield settings, engine
        return
    errors.print(say("没有设置 Kafka，使用内置代理（结束即清空）", "no Kafka set: using the embedded broker"))
    with Stack(settings) as stack:
        stack.wait_ready()
        yield stack.settings(), engine
        stack.check()


def _publish(stream: Iterable[Command], publisher: Publisher, reached: Settings) -> int:
    """Publish in chunks with a progress display, never far ahead of the sink on the embedded broker."""
    rest, count = iter(stream), 0
    with _progress() as progress:
        task = progress.add_task(say("发布", "publishing"), total=None)
        while chunk := list(itertools.islice(rest, _CHUNK)):
            count += publisher.publish(chunk)
            progress.update(task, completed=count)
            while reached.embedded and _facts_ahead(reached) > _MOST_AHEAD:
                time.sleep(0.05)
    return count


def _facts_ahead(reached: Settings) -> int:
    return lag(reached.bootstrap or "", DEFAULT_GROUP, EVENTS, reached.partitions)


def _finish(reached: Settings) -> None:
    """Wait until everything is decided and stored, and show how far it is."""
    with _progress() as progress:
        task = progress.add_task(say("处理并入库", "deciding and storing"), total=None)
        most = 0

        def show(ahead: int) -> None:
            nonlocal most
            most = max(most, ahead)
            progress.update(task, total=most, completed=most - ahead)

        wait_until_stored(reached.bootstrap or "", DEFAULT_GROUP, reached.partitions, show)


def _compared(file: Path, columns: LedgerMapping, mapping_file: Path, engine: Engine) -> Comparison:
    entries = (entry for entry in read_ledger(file, columns) if isinstance(entry, Entry))
    outcomes = {
        UUID(ticket_id): ClockOutcome(row.due_at, Verdict(row.verdict), row.stopped_at)
        for ticket_id, row in clocks_of_source(engine, columns.source, _CHECKED_CLOCK).items()
    }
    listed = load_exceptions(mapping_file.parent / columns.exceptions) if columns.exceptions else frozenset()
    until = as_of(file, columns)
    if until is None:
        raise NotPossibleError(
            f"{file} 中没有可核对的时间，请换用含办结时间或接收时间的台账", f"{file} has no times to compare with"
        )
    return compare(entries, outcomes, until, columns.expect, listed)


_FIGURES = {
    "equal": ("期限一致", "deadlines equal"),
    "exceptions": ("列明的例外", "listed exceptions"),
    "extra": ("文件无期限而我方有", "extra deadlines"),
    "closed": ("有期限且已办结", "closed, with a deadline"),
    "closed_late": ("超时办结", "closed late"),
    "open_breaches": ("超时未结", "open breaches"),
    "breaches": ("超时合计", "breaches in all"),
    "verdicts_differ": ("认定不同", "verdicts that differ"),
}


def _show_replay(count: int, bad: list[BadRow], comparison: Comparison | None) -> None:
    console.print(say(f"导入 {count} 条命令，坏行 {len(bad)} 行", f"{count} commands imported, {len(bad)} bad rows"))
    if bad:
        columns = (say("行", "row"), say("列", "column"), say("原因", "reason"))
        rows_told = [(row.row, row.column or None, row.words(LANGUAGE)) for row in bad[:50]]
        console.print(table(say("坏行", "Bad rows"), columns, rows_told))
    if comparison is None:
        return
    rows = [
        (
            say(*_FIGURES.get(figure.name, (figure.name, figure.name))),
            figure.expected,
            figure.found,
            _mark(figure.differs),
        )
        for figure in comparison.figures
    ]
    headings = (say("项目", "figure"), say("应为", "expected"), say("实际", "found"), "")
    console.print(table(say("与文件自带的期限核对", "Compared with the file's own deadlines"), headings, rows))
    for name, differences in (
        (say("未列明的差异", "differences not listed"), comparison.unlisted),
        (say("列明而未出现的差异", "listed differences that did not occur"), comparison.unseen),
    ):
        if differences:
            shown = [(item.source_number, item.theirs, item.ours) for item in differences[:50]]
            console.print(table(f"{name}: {len(differences)}", ("#", say("文件", "file"), say("我方", "ours")), shown))


def _mark(differs: bool) -> str:  # noqa: FBT001
    return "[red]✗[/]" if differs else "[green]✓[/]"


def _comparison_json(comparison: Comparison) -> dict[str, object]:
    return {
        "differs": comparison.differs,
        "figures": {figure.name: {"expected": figure.expected, "found": figure.found} for figure in comparison.figures},
        "unlisted": len(comparison.unlisted),
        "unseen": len(comparison.unseen),
    }


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=not errors.is_terminal)


def _stop_on_signal() -> Callable[[], bool]:
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: stopped.append(caught))
    return lambda: bool(stopped)


def _now() -> datetime:
    return datetime.now(UTC)
