"""The whole pipeline on the embedded broker and SQLite, by the commands that a person would type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedBroker
from schemas.commands import AcceptTicket
from schemas.topics import ALL
from tests.e2e.stories import SETTINGS, STORIES, stage
from tests.support.pipeline import Pipeline, pipeline


@pytest.fixture
def small(tmp_path: Path, embedded_broker: EmbeddedBroker) -> Iterator[Pipeline]:
    """Give a pipeline on the embedded broker and SQLite."""
    embedded_broker.ensure(topic.name for topic in ALL)
    database = f"sqlite:///{tmp_path}/hotline.sqlite"
    with pipeline(tmp_path, embedded_broker.bootstrap, database, HOTLINE_EMBEDDED="true", **SETTINGS) as made:
        yield made


def test_the_stories_of_3012(small: Pipeline) -> None:
    with stage(small, embedded=True) as on:
        for story in STORIES:
            story(on)
    assert small.end("worker") < 5
    assert small.end("sink") < 5
    assert small.run_json("verify")["sound"]


def test_a_person_can_do_a_whole_case_by_hand(small: Pipeline) -> None:
    small.start("sink")
    small.start_worker()
    opening = ("send", "open", "--number", "A-1", "--domain", "taxi", "--district", "历下区")
    identity = ("--name", "王小明", "--phone", "13800138000")
    facts = small.run_json(*opening, *identity, "--text", "司机拒载，我叫王小明，电话 13800138000")
    ticket = facts[0]["ticket_id"]
    public_number = facts[0]["data"]["public_number"]
    assert "13800138000" not in str(facts)
    assert "王小明" not in str(facts)
    small.wait_until_stored()
    refused = small.run_json("send", "feedback", public_number, "--unit", "brigade-lixia", expect=1)
    assert refused[-1]["data"]["reason"] == "illegal_move"
    for deed in (
        ("accept", ticket, "--unit", "brigade-lixia", "--person", "李队"),
        ("result", ticket, "--unit", "brigade-lixia", "--disposition", "enforcement", "--text", "已查处"),
        ("feedback", ticket, "--unit", "brigade-lixia", "--text", "已电话告知"),
        ("visit", ticket, "--outcome", "satisfied"),
    ):
        small.run_json("send", *deed)
    small.wait_until_stored()
    story = small.run("show", public_number)
    for words in ("司机拒载", "受理", "反馈", "按时", "满意", "已归档", "工单当前状态不允许此操作"):
        assert words in story, story
    assert "13800138000" not in story
    assert small.run_json("show", ticket)["ticket"]["state"] == "closed"
    assert small.run_json("stats")["closed"] == 1


def test_a_worker_restarted_on_the_embedded_broker_goes_on_where_it_was(small: Pipeline) -> None:
    with stage(small, embedded=True) as on:
        case = on.case()
        small.start_worker()
        case.open()
        on.settled()
        small.kill("worker")
        case.send(AcceptTicket(), command_id="once")
        small.start_worker()
        case.send(AcceptTicket(), command_id="once")
        on.settled()
        assert [fact.data.type for fact in on.facts(case)].count("TicketAccepted") == 1
        assert small.run_json("verify")["sound"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send", "accept", "nobody", "--unit", "brigade"), "找不到工单 nobody"),
        (("show", "nobody"), "找不到工单 nobody"),
        (("replay", "no-such-file.csv", "--mapping", "nyc311"), "no-such-file.csv"),
        (("replay", "no-such-file.csv", "--mapping", "no-such-mapping"), "no-such-mapping"),
    ],
)
def test_a_mistake_is_answered_in_words_with_exit_code_1(
    small: Pipeline, arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    del capfd
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=small.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert words in done.stderr.replace("\n", ""), done.stderr
    assert "Traceback" not in done.stderr
