"""The servers that other tests lean on: they survive a kill with their data, and start again."""

import socket
import uuid

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer

LOG_APPEND_TIME = 1


def connect(url: str) -> "psycopg.Connection[tuple[int]]":
    return psycopg.connect(url.replace("+psycopg", ""))


def test_kafka_keeps_its_records_through_a_kill(kafka: KafkaServer) -> None:
    topic = f"kept-{uuid.uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(topic, 4, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True)
    for number in range(20):
        producer.send(topic, str(number).encode(), timestamp_ms=1)
    producer.flush(10)
    producer.close()

    kafka.kill()
    kafka.start()

    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap,
        group_id=topic,
        auto_offset_reset="earliest",
        consumer_timeout_ms=1000,
    )
    records = list(consumer)
    consumer.close()
    assert sorted(int(record.value) for record in records) == list(range(20))
    assert {record.timestamp_type for record in records} == {LOG_APPEND_TIME}
    assert min(record.timestamp for record in records) > 1


def test_kafka_stops_and_starts_on_the_same_port(kafka: KafkaServer) -> None:
    kafka.stop()
    host, port = kafka.bootstrap.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    kafka.start()
    KafkaAdminClient(bootstrap_servers=kafka.bootstrap).close()


def test_postgres_keeps_what_was_committed_through_a_kill(postgres: PostgresServer, database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    open_one = connect(database_url)
    open_one.execute("INSERT INTO kept VALUES (8)")

    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        connect(database_url)
    open_one.close()
    postgres.start()

    with connect(database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [(7,)]


def test_postgres_stops_and_starts_on_the_same_port(postgres: PostgresServer) -> None:
    postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        connect(postgres.url)
    postgres.start()
    with connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_test_gets_a_database_of_its_own(postgres: PostgresServer, database_url: str) -> None:
    other = postgres.fresh_database()
    assert len({postgres.url, database_url, other}) == 3
    with connect(other) as connection:
        connection.execute("CREATE TABLE here AS SELECT 1")
    postgres.drop_database(other)
    with pytest.raises(psycopg.OperationalError):
        connect(other)
