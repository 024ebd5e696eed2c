"""What people read when something cannot be done: said in Chinese and in English, and never what must stay hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from kafka.errors import KafkaTimeoutError
from pydantic import BaseModel, ValidationError

from deploy.say import NotPossibleError
from deploy.settings import Settings, newest
from deploy.stack import ChildDiedError, NotReadyError, Stack
from deploy.topics import TopicProblemError, _check
from producers.check import ExceptionsError, load_exceptions
from producers.door import Case, Door, DoorError
from producers.keys import KeyProblemError, MasterKey, TicketKey
from producers.ledger import BadRow, LedgerError, as_of, read_ledger
from producers.mapping import MappingError, load_mapping
from producers.publisher import Publisher, PublishError, _failed
from schemas.commands import AcceptTicket, Command
from schemas.enums import Channel, Domain, Kind
from schemas.topics import ALL
from schemas.words import SaidError, file_problem, problem_lines, problem_words
from stream_processors.policy_files import PolicyFileError, load_policy_set
from tests.producers.test_ledger import GOOD, mapping, written

CHINESE = re.compile(r"[\u4e00-\u9fff]")
TICKET = UUID(int=7)


class OneKey:
    def key_for(self, ticket_id: UUID) -> TicketKey:
        return TicketKey(ticket_id, bytes(32))


class Topics:
    """An admin client of a broker that has ``names``, each with one partition."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def list_topics(self) -> list[str]:
        return self.names

    def describe_topics(self, names: list[str]) -> list[dict[str, object]]:
        return [{"name": name, "partitions": [0]} for name in names]

    def describe_configs(self, *_args: object, **_more: object) -> dict[str, object]:
        return {"topic": {name: {"message.timestamp.type": {"value": "CreateTime"}} for name in self.names}}


class Ended:
    returncode = 70

    def poll(self) -> int:
        return self.returncode


def command() -> Command:
    return Command(id="c", source="12328", ticket_id=TICKET, policy_set="p", data=AcceptTicket())


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "given.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def opened(number: str) -> object:
    case = Case(
        source_number=number, channel=Channel.PHONE, kind=Kind.HELP, domain=Domain.BUS, text="王小明 13800138000"
    )
    return Door("12328", "p", OneKey()).open(case, datetime(2026, 1, 1, tzinfo=UTC))


def raised(error: Exception) -> None:
    raise error


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    made = Stack(Settings(folder=folder))
    (folder / "worker.log").write_text("")
    made._children["worker"] = Ended()  # type: ignore[assignment]
    yield made


def died(folder: Path) -> None:
    with stack(folder) as made:
        made.wait_ready()


def not_ready(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("deploy.stack._READY_S", -1.0)
    patch.setattr(Ended, "poll", lambda _self: None)
    with stack(folder) as made:
        made.wait_ready()


def no_topics(names: list[str], partitions: int, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("deploy.topics._LOOK_EVERY_S", 0.0)
    _check(Topics(names), partitions)


NAMES = [topic.name for topic in ALL]
Provoke = Callable[[Path, pytest.MonkeyPatch], object]
CASES: list[tuple[str, type[SaidError], Provoke]] = [
    ("broker away", PublishError, lambda _f, _p: Publisher("127.0.0.1:1", connect_s=0.1)),
    ("not acknowledged", PublishError, lambda _f, _p: raised(_failed(command(), KafkaTimeoutError()))),
    ("no base64", KeyProblemError, lambda _f, _p: MasterKey.from_base64("short", "HOTLINE_MASTER_KEY")),
    ("no ASCII", KeyProblemError, lambda _f, _p: MasterKey.from_base64("短", "HOTLINE_MASTER_KEY")),
    ("too short a key", KeyProblemError, lambda _f, _p: MasterKey.from_base64("c2hvcnQ=", "HOTLINE_MASTER_KEY")),
    ("no key file", KeyProblemError, lambda f, _p: MasterKey.load(f / "none.key")),
    ("key file exists", KeyProblemError, lambda f, _p: MasterKey.create(file(f, ""))),
    ("field of a case", DoorError, lambda _f, _p: opened("")),
    ("no ledger", LedgerError, lambda f, _p: as_of(f / "none.csv", mapping())),
    ("a folder as ledger", LedgerError, lambda f, _p: as_of(f, mapping())),
    ("columns", LedgerError, lambda f, _p: as_of(written(f, GOOD), mapping(due="Due Date"))),
    ("broken heading", LedgerError, lambda f, _p: as_of(file(f, '"a"b,c\n'), mapping())),
    ("unknown encoding", LedgerError, lambda f, _p: as_of(written(f, GOOD), mapping(encoding="klingon"))),
    ("as_of", LedgerError, lambda f, _p: as_of(written(f, GOOD), mapping(as_of="later"))),
    ("no mapping", MappingError, lambda f, _p: load_mapping(f / "none.yaml")),
    ("mapping is no YAML", MappingError, lambda f, _p: load_mapping(file(f, "a: ["))),
    ("mapping is no UTF-8", MappingError, lambda f, _p: load_mapping(file(f, b"a: \xff"))),
    ("mapping's fields", MappingError, lambda f, _p: load_mapping(file(f, "colour: red"))),
    ("no exceptions", ExceptionsError, lambda f, _p: load_exceptions(f / "none.csv")),
    ("exceptions' row", ExceptionsError, lambda f, _p: load_exceptions(file(f, "a,b,c\n1,soon,\n"))),
    ("no policy file", PolicyFileError, lambda f, _p: load_policy_set(f / "none.yaml")),
    ("policies are no YAML", PolicyFileError, lambda f, _p: load_policy_set(file(f, "a: ["))),
    ("a day that does not exist", PolicyFileError, lambda f, _p: load_policy_set(file(f, "a: 2026-13-45"))),
    ("policies are a list", PolicyFileError, lambda f, _p: load_policy_set(file(f, "- a"))),
    ("policies' include", PolicyFileError, lambda f, _p: load_policy_set(file(f, "include: a.yaml"))),
    ("policies' fields", PolicyFileError, lambda f, _p: load_policy_set(file(f, "colour: red"))),
    ("unknown policy set", NotPossibleError, lambda _f, _p: newest({}, "nope")),
    ("topics missing", TopicProblemError, lambda _f, p: no_topics([], 7, p)),
    ("partitions", TopicProblemError, lambda _f, p: no_topics(NAMES, 7, p)),
    ("timestamps", TopicProblemError, lambda _f, p: no_topics(NAMES, 1, p)),
    ("child died", ChildDiedError, lambda f, _p: died(f)),
    ("not ready", NotReadyError, not_ready),
]


@pytest.mark.parametrize(("kind", "provoke"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_error_is_said_in_both_languages(
    kind: type[SaidError], provoke: Provoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kind) as caught:
        provoke(tmp_path, monkeypatch)
    chinese, english = caught.value.words("zh"), caught.value.words("en")
    assert CHINESE.search(chinese), chinese
    assert not CHINESE.search(english), english
    assert english == str(caught.value)
    assert "13800138000" not in chinese + english


def test_a_bad_row_has_its_reason_in_both_languages(tmp_path: Path) -> None:
    rows = [GOOD.replace("1,", ",", 1), GOOD.replace("2018-10-21 09:30,", "x,"), GOOD.replace("投诉", "?"), "1,投诉"]
    told = [row for row in read_ledger(written(tmp_path, *rows, '1,"a"!,,,,,'), mapping()) if isinstance(row, BadRow)]
    assert len(told) == 5
    for row in told:
        assert CHINESE.search(row.words("zh"))
        assert not CHINESE.search(row.words("en"))


class Several(BaseModel, extra="forbid"):
    count: int
    share: float
    name: str


def test_what_pydantic_finds_stands_in_both_languages_with_its_place_and_without_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Several.model_validate({"count": "secret", "share": [], "colour": "secret"})
    assert problem_lines(caught.value, "whole") == [
        "count：应为整数",
        "share：应为数字",
        "name：缺少此项，请补上",
        "colour：不认识此项，请删除或核对名称",
    ]
    assert problem_lines(caught.value, "whole", "en")[2] == "name: Field required"


@pytest.mark.parametrize(
    ("kind", "context", "words"),
    [
        ("greater_than", {"gt": 0}, "应大于 0"),
        ("less_than_equal", {"le": 9}, "不得大于 9"),
        ("enum", {"expected": "'a', 'b' or 'c'"}, "只能是 'a'、'b'、'c'"),
        ("greater_than", {}, "said"),
        ("never_heard_of", {}, "said"),
    ],
)
def test_a_problem_in_chinese_has_its_limits_and_falls_back_to_what_pydantic_says(
    kind: str, context: dict[str, object], words: str
) -> None:
    assert problem_words(kind, "said", context) == words
    assert problem_words(kind, "said", context, "en") == "said"


def test_our_own_objections_to_a_value_stand_as_they_are() -> None:
    assert problem_words("value_error", "Value error, unknown chain 'd'", {}) == "unknown chain 'd'"


def test_a_mistake_in_yaml_is_told_with_line_and_column() -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load("a: 1\nb: [")
    chinese, english = file_problem("rules.yaml", caught.value)
    assert chinese.startswith("rules.yaml：第 2 行第 5 列附近")
    assert english.startswith("rules.yaml: ")
