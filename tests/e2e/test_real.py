"""The whole pipeline on a real Kafka and PostgreSQL: the stories, and kill -9 in the middle of 5,000 tickets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.follow import lag, read_partition
from schemas.topics import DEAD_LETTERS, PARTITIONS, TICKETS, WORKER_GROUP
from tests.e2e.stories import SETTINGS, STORIES, stage
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.pipeline import Pipeline, pipeline

TICKETS_IN_THE_CHAOS = 5000
_LEAST_BEHIND = 1000


@pytest.fixture
def own_kafka(kafka: KafkaServer) -> Iterator[KafkaServer]:
    """Give a broker of one's own: the product's topics have fixed names."""
    del kafka  # only says whether there can be one
    with running_kafka() as server:
        yield server


@pytest.fixture
def real(tmp_path: Path, own_kafka: KafkaServer, database_url: str) -> Iterator[Pipeline]:
    """Give a pipeline with its topics made."""
    with pipeline(tmp_path, own_kafka.bootstrap, database_url, **SETTINGS) as made:
        made.run("topics")
        yield made


def test_the_stories_of_3012(real: Pipeline) -> None:
    with stage(real, embedded=False) as on:
        for story in STORIES:
            story(on)
    assert real.end("worker") < 5
    assert real.end("sink") < 5
    assert real.run_json("verify")["sound"]


def test_a_worker_killed_in_the_middle_of_5000_tickets_loses_nothing_and_repeats_nothing(real: Pipeline) -> None:
    real.start("sink")
    real.start_worker()
    arguments = ("simulate", "--tickets", str(TICKETS_IN_THE_CHAOS), "--seed", "3012")
    load = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=real.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    strikes = []
    for _ in range(3):
        real.wait_for(lambda: commands_behind(real) > _LEAST_BEHIND, "a backlog is there", 120)
        strikes.append(commands_behind(real))
        real.kill("worker")
        real.start_worker()
    output, _ = load.communicate(timeout=300)
    assert load.returncode == 0, output
    real.wait_until_stored(300)
    verified = real.run_json("verify")
    print(f"killed with {strikes} commands undecided; {verified}")  # noqa: T201 (pytest -s shows what happened)
    assert verified["sound"], verified
    assert verified["repeated"] == 0, "none twice"
    assert verified["tickets"] == TICKETS_IN_THE_CHAOS


def commands_behind(real: Pipeline) -> int:
    return lag(real.bootstrap, WORKER_GROUP, TICKETS, PARTITIONS)


def test_a_worker_stops_instead_of_draining_a_topic_of_rubbish(real: Pipeline) -> None:
    producer = KafkaProducer(bootstrap_servers=real.bootstrap)
    for number in range(3000):
        producer.send(TICKETS, key=b"k", value=b"rubbish %d" % number, partition=0)
    producer.flush()
    producer.close()
    real.start("worker")
    assert real.exit_code("worker") == 70
    log = real.log("worker").read_text()
    assert "cannot be read, the last because: undecodable" in log
    assert "Check what writes to the topic" in log
    kept = sum(len(list(read_partition(real.bootstrap, DEAD_LETTERS, partition))) for partition in range(PARTITIONS))
    assert kept < 1000, "nothing beyond the cap was acknowledged"


def test_a_broker_with_unfit_topics_is_refused_with_what_to_do(tmp_path: Path, own_kafka: KafkaServer) -> None:
    with pipeline(tmp_path, own_kafka.bootstrap, f"sqlite:///{tmp_path}/a.sqlite") as made:
        made.start("worker")
        assert made.exit_code("worker") == 1
        assert "请先运行 `hotline topics`" in made.log("worker").read_text()


def test_a_broker_that_is_away_at_the_start_is_waited_for_in_words(tmp_path: Path, own_kafka: KafkaServer) -> None:
    with pipeline(tmp_path, own_kafka.bootstrap, f"sqlite:///{tmp_path}/a.sqlite") as made:
        made.run("topics")
        own_kafka.stop()
        made.start("worker")
        made.wait_for(lambda: "broker unreachable, will try again" in made.log("worker").read_text(), "it says so")
        own_kafka.start()
        made.wait_for(lambda: made.times_ready("worker") == 1, "the worker is ready")
        assert "Traceback" not in made.log("worker").read_text()
        started = time.monotonic()
        made.end("worker")
        assert time.monotonic() - started < 5
