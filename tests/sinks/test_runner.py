"""The database sink's process, against the embedded broker and real Kafka: nothing skipped, stops when told."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, select
from structlog.testing import capture_logs

from deploy.embedded import EmbeddedBroker
from schemas.codec import UnreadableError
from schemas.facts import Fact
from schemas.topics import EVENTS, key_of
from sinks import tables
from sinks.audit import audit
from sinks.database import ForkError, GapError, open_engine
from sinks.metrics import SinkMetrics
from sinks.migrate import upgrade
from sinks.runner import DEFAULT_GROUP, SinkSettings, run
from tests.sinks.stories import crowd, full_life, opened
from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer

LOG = crowd(20)
STOPS_WITHIN_S = 5.0


@pytest.fixture
def broker(embedded_broker: EmbeddedBroker) -> EmbeddedBroker:
    """Give an embedded broker with the topic of the facts."""
    embedded_broker.ensure([EVENTS])
    return embedded_broker


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Engine]:
    """Give a migrated SQLite database."""
    url = f"sqlite:///{tmp_path}/hotline.sqlite"
    upgrade(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def publish(bootstrap: str, facts: Sequence[Fact], topic: str = EVENTS) -> None:
    send(bootstrap, [(fact.partition, key_of(fact.ticket_id), fact.encoded) for fact in facts], topic)


def send(bootstrap: str, records: Sequence[tuple[int, bytes, bytes]], topic: str = EVENTS) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for partition, key, value in records:
        producer.produce(topic, value, key, partition)
    assert producer.flush(10) == 0


def settings_for(bootstrap: str) -> SinkSettings:
    return SinkSettings(bootstrap=bootstrap, session_timeout_ms=2_000)


@contextmanager
def running(engine: Engine, settings: SinkSettings, metrics: SinkMetrics | None = None) -> Iterator[Future[None]]:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sink = pool.submit(run, engine, settings, stop, metrics)
        try:
            yield sink
        finally:
            stop.set()


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def stored(engine: Engine) -> int:
    with engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(table)) or 0 for table in (tables.facts, tables.refusals)
        )


def committed(bootstrap: str) -> int:
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": DEFAULT_GROUP})
    offsets = reader.committed([TopicPartition(EVENTS, partition) for partition in range(4)], timeout=10)
    reader.close()
    return sum(max(0, place.offset) for place in offsets)


def test_what_is_on_the_log_comes_into_the_database(broker: EmbeddedBroker, lite: Engine) -> None:
    publish(broker.bootstrap, LOG[:100])
    registry = CollectorRegistry()
    with running(lite, settings_for(broker.bootstrap), SinkMetrics(registry)):
        until(lambda: stored(lite) == 100)
        publish(broker.bootstrap, LOG[100:])
        until(lambda: stored(lite) == len(LOG))
        until(lambda: committed(broker.bootstrap) == len(LOG))
    assert audit(lite, LOG) == []
    assert registry.get_sample_value("hotline_sink_facts_written_total") == len(LOG)
    assert registry.get_sample_value("hotline_sink_lag_seconds_count") == len(LOG)


def test_a_second_run_goes_on_and_a_second_reading_changes_nothing(broker: EmbeddedBroker, lite: Engine) -> None:
    publish(broker.bootstrap, LOG)
    with running(lite, settings_for(broker.bootstrap)):
        until(lambda: committed(broker.bootstrap) == len(LOG))
    publish(broker.bootstrap, LOG[50:])
    with running(lite, settings_for(broker.bootstrap)):
        until(lambda: committed(broker.bootstrap) == 2 * len(LOG) - 50)
    assert audit(lite, LOG) == []


def test_it_stops_soon_after_it_is_told(broker: EmbeddedBroker, lite: Engine) -> None:
    publish(broker.bootstrap, LOG)
    with running(lite, settings_for(broker.bootstrap)) as sink:
        until(lambda: stored(lite) == len(LOG))
        began = time.monotonic()
    sink.result(0)
    assert time.monotonic() - began < STOPS_WITHIN_S


def stops_with(error: type[Exception], broker: EmbeddedBroker, engine: Engine) -> list[str]:
    """Let the sink run into it; gives the alarms of its log."""
    with (
        capture_logs() as said,
        running(engine, settings_for(broker.bootstrap)) as sink,
        pytest.raises(error),
    ):
        sink.result(20)
    return [entry["event"] for entry in said if entry["log_level"] == "critical"]


def test_an_undecodable_record_stops_it_before_the_commit(broker: EmbeddedBroker, lite: Engine) -> None:
    send(broker.bootstrap, [(0, b"key", b"no fact")])
    assert stops_with(UnreadableError, broker, lite) == ["record is no fact", "database sink stops"]
    assert committed(broker.bootstrap) == 0


def test_a_fork_stops_it(broker: EmbeddedBroker, lite: Engine) -> None:
    facts = full_life().facts
    other = Fact.model_validate(facts[4].model_dump() | {"offset": 1})
    publish(broker.bootstrap, [*facts, other])
    assert stops_with(ForkError, broker, lite) == ["database sink stops"]


def test_a_gap_stops_it(broker: EmbeddedBroker, lite: Engine) -> None:
    publish(broker.bootstrap, opened("G-1").facts[1:])
    assert stops_with(GapError, broker, lite) == ["database sink stops"]
    assert stored(lite) == 0


def test_it_waits_for_a_database_that_is_away(broker: EmbeddedBroker, tmp_path: Path) -> None:
    folder = tmp_path / "not yet"
    engine = open_engine(f"sqlite:///{folder}/hotline.sqlite")
    publish(broker.bootstrap, LOG)
    with capture_logs() as said, running(engine, settings_for(broker.bootstrap)):
        until(lambda: any(entry["event"].startswith("database is away") for entry in said))
        folder.mkdir()
        upgrade(f"sqlite:///{folder}/hotline.sqlite")
        until(lambda: committed(broker.bootstrap) == len(LOG))
    assert audit(engine, LOG) == []
    engine.dispose()


def test_it_stops_while_it_waits_for_the_database(broker: EmbeddedBroker, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/no/such/folder.sqlite")
    publish(broker.bootstrap, LOG)
    with capture_logs() as said, running(engine, settings_for(broker.bootstrap)) as sink:
        until(lambda: any(entry["event"].startswith("database is away") for entry in said))
        began = time.monotonic()
    sink.result(0)
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert committed(broker.bootstrap) == 0
    engine.dispose()


def test_it_waits_for_a_broker_that_is_away_and_says_so(lite: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as said, running(lite, settings_for("127.0.0.1:1")) as sink:
        until(lambda: any(entry["event"].startswith("broker trouble") for entry in said))
        began = time.monotonic()
    sink.result(0)
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert "%3|" not in capfd.readouterr().err


def test_it_stops_when_the_broker_dies(lite: Engine) -> None:
    with EmbeddedBroker() as broker:
        broker.ensure([EVENTS])
        publish(broker.bootstrap, LOG)
        with capture_logs(), running(lite, settings_for(broker.bootstrap)) as sink:
            until(lambda: stored(lite) == len(LOG))
            broker.close()
            time.sleep(0.5)
            began = time.monotonic()
        sink.result(0)
        assert time.monotonic() - began < STOPS_WITHIN_S


def test_it_catches_up_after_a_crash_of_postgresql(
    broker: EmbeddedBroker, postgres: PostgresServer, database_url: str
) -> None:
    upgrade(database_url)
    engine = open_engine(database_url)
    publish(broker.bootstrap, LOG[:100])
    with capture_logs() as said, running(engine, settings_for(broker.bootstrap)):
        until(lambda: stored(engine) == 100)
        postgres.kill()
        publish(broker.bootstrap, LOG[100:])
        until(lambda: any(entry["event"].startswith("database is away") for entry in said))
        postgres.start()
        until(lambda: committed(broker.bootstrap) == len(LOG))
    assert audit(engine, LOG) == []
    engine.dispose()


def test_it_reads_real_kafka_into_postgresql(kafka: KafkaServer, database_url: str) -> None:
    topic = f"facts-{uuid.uuid4()}"
    kafka_topic(kafka.bootstrap, topic)
    upgrade(database_url)
    engine = open_engine(database_url)
    publish(kafka.bootstrap, LOG, topic)
    settings = SinkSettings(bootstrap=kafka.bootstrap, group=topic, topic=topic, session_timeout_ms=6_000)
    with running(engine, settings):
        until(lambda: stored(engine) == len(LOG))
    assert audit(engine, LOG) == []
    engine.dispose()


def kafka_topic(bootstrap: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(name, 4, 1)]).values():
        made.result(10)
