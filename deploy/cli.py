"""The ``hotline`` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from kafka.errors import KafkaError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from deploy import inspect_commands, job_commands, send_commands
from deploy.logs import set_up_logs
from deploy.run import run_sink, run_topics, run_worker
from deploy.say import LANGUAGE, NotPossibleError, console, errors, print_json, say, table
from deploy.settings import Settings
from deploy.stack import ChildDiedError
from deploy.topics import TopicProblemError
from producers.check import ExceptionsError
from producers.door import DoorError
from producers.keys import KeyProblemError
from producers.ledger import LedgerError
from producers.mapping import MappingError
from producers.publisher import PublishError
from schemas.words import SaidError
from stream_processors.policy_files import PolicyFileError

app = typer.Typer(
    help=say("交通运输热线投诉处理流水线（三零一二机制）", "Complaint handling for transport hotlines (3012)"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(send_commands.app, name="send")
job_commands.register(app)
inspect_commands.register(app)

AsJson = Annotated[bool, typer.Option("--json", help=say("输出 JSON", "print JSON"))]

_EXPECTED = (
    ChildDiedError,
    DoorError,
    ExceptionsError,
    KeyProblemError,
    LedgerError,
    LookupError,
    MappingError,
    NotPossibleError,
    PolicyFileError,
    PublishError,
    TopicProblemError,
)


@app.command(help=say("建立并检查 Kafka 主题", "create the Kafka topics and check them"))
def topics(as_json: AsJson = False) -> None:  # noqa: FBT002 (typer's way)
    """Create what is missing; change nothing that exists."""
    settings = _settings("topics")
    states = run_topics(settings)
    if as_json:
        print_json([{"name": state.name, "partitions": state.partitions, "created": state.created} for state in states])
        return
    made = {True: say("新建", "created"), False: say("已有", "existed")}
    rows = [(state.name, state.partitions, made[state.created], state.about) for state in states]
    headings = (say("主题", "topic"), say("分区", "partitions"), say("状态", "state"), say("说明", "about"))
    console.print(table(say("主题", "Topics"), headings, rows))


@app.command(help=say("运行处理进程：受理命令、计时、到点响铃", "run a worker: decides commands and keeps the clocks"))
def worker() -> None:
    """Exit code 0 after SIGTERM; 70 when it must be started again."""
    raise typer.Exit(run_worker(_settings("worker")))


@app.command(help=say("运行入库进程：把事实写入数据库", "run the database sink: writes facts to the database"))
def sink() -> None:
    """Exit code 0 after SIGTERM; anything else is an alarm."""
    raise typer.Exit(run_sink(_settings("sink")))


def _settings(process: str) -> Settings:
    settings = Settings()
    set_up_logs(process, as_json=settings.log_json)
    return settings


def main() -> None:
    """Run a command; what can be expected to go wrong is said in words, without a traceback."""
    try:
        app()
    except SaidError as error:
        _fail(error.words(LANGUAGE))
    except _EXPECTED as error:
        _fail(str(error.args[0]) if error.args else str(error))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        _fail(say(f"输入或设置有误：{problems}", f"input or settings are wrong: {problems}"))
    except OperationalError as error:
        _fail(say(f"数据库不可用：{error.orig}", f"the database is not available: {error.orig}"))
    except (KafkaError, KafkaException) as error:
        _fail(say(f"Kafka 出错：{error}", f"Kafka trouble: {error}"))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(words: str) -> None:
    errors.print(f"[bold red]{say('不能执行', 'Not done')}[/] ", end="")
    errors.print(words, markup=False)
    sys.exit(1)


if __name__ == "__main__":
    main()
