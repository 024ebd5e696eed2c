"""The ``hotline`` command."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import confluent_kafka
import typer
from confluent_kafka import KafkaException
from kafka.errors import KafkaError
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import ArgumentError, OperationalError

from deploy import inspect_commands, job_commands, send_commands
from deploy.logs import set_up_logs
from deploy.run import run_sink, run_topics, run_worker
from deploy.say import LANGUAGE, console, errors, print_json, say, table
from deploy.settings import Settings
from schemas.words import SaidError, file_problem, problem_lines

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
    except ValidationError as error:
        _fail(_invalid(error))
    except SettingsError as error:
        _fail(_unreadable_setting(error))
    except ArgumentError as error:
        _fail(
            say(
                "HOTLINE_DATABASE_URL 写法有误，例如应为 postgresql+psycopg://用户@主机/库名",
                f"HOTLINE_DATABASE_URL is wrong: {error}",
            )
        )
    except OperationalError as error:
        _fail(
            say(
                f"数据库不可用，请检查 HOTLINE_DATABASE_URL 和数据库是否运行。数据库的回答：{error.orig}",
                f"the database is not available: {error.orig}",
            )
        )
    except (KafkaError, KafkaException) as error:
        _fail(
            say(
                f"Kafka 出错，请检查 HOTLINE_BOOTSTRAP 和 Kafka 是否运行。Kafka 的回答：{_kafka_words(error)}",
                f"Kafka trouble: {_kafka_words(error)}; see that it runs and that HOTLINE_BOOTSTRAP is right",
            )
        )
    except OSError as error:
        if error.filename is None:
            raise
        _fail(say(*file_problem(error.filename, error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _invalid(error: ValidationError) -> str:
    """What is wrong with the input, or with which environment variables."""
    between = say("；", "; ")
    if error.title == Settings.__name__:
        problems = between.join(problem_lines(error, error.title, LANGUAGE, _variable))
        return say(f"设置有误，请改正：{problems}", f"settings are wrong: {problems}")
    problems = between.join(problem_lines(error, error.title, LANGUAGE))
    return say(f"输入有误，请改正：{problems}", f"input is wrong: {problems}")


def _variable(field: str) -> str:
    return f"HOTLINE_{field.upper()}"


def _unreadable_setting(error: SettingsError) -> str:
    found = re.search(r'field "(\w+)"', str(error))
    name = _variable(found[1]) if found else str(error)
    return say(
        f'{name} 应为 JSON，例如文件列表写成 ["rules.yaml"]', f'{name} must be JSON, such as ["rules.yaml"] for files'
    )


def _kafka_words(error: Exception) -> str:
    """The text of the broker or its client, without the class around it."""
    inner = error.args[0] if error.args else error
    return inner.str() if isinstance(inner, confluent_kafka.KafkaError) else str(error) or type(error).__name__


def _fail(words: str) -> None:
    errors.print(f"[bold red]{say('不能执行', 'Not done')}[/] ", end="")
    errors.print(words, markup=False, soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
