"""The embedded broker: what the quick start relies on, seen from this process and from others."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaProducer

from deploy.embedded import EmbeddedBroker
from schemas.topics import PARTITIONS

TOPIC = "calls"
SENT = [f"complaint {number}".encode() for number in range(200)]
STAMP_MS = 1_700_000_000_000
SOON_S = 2.0  # less than the three seconds for which the cluster would let a group wait

CONSUMER = """
import asyncio, sys
from tests.test_embedded_broker import consume
print(len(asyncio.run(consume(sys.argv[1], "another process"))))
"""


def produce(bootstrap: str, values: Iterable[bytes]) -> None:
    """Send as the project's producers do, spread over the partitions."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, api_version=(2, 0), acks="all", enable_idempotence=True)
    sent = [
        producer.send(TOPIC, value, partition=number % PARTITIONS, timestamp_ms=STAMP_MS)
        for number, value in enumerate(values)
    ]
    for each in sent:
        each.get(timeout=10)
    producer.close()


async def consume(bootstrap: str, group: str, wanted: int = len(SENT)) -> list[bytes]:
    """Read the topic as a group's only member, and commit."""
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=1500,  # less a second: what the next member of the group waits
        heartbeat_interval_ms=300,
    )
    await consumer.start()
    try:
        got: list[bytes] = []
        async with asyncio.timeout(10):
            while len(got) < wanted:
                batches = await consumer.getmany(timeout_ms=100)
                got += [record.value for batch in batches.values() for record in batch]
        await consumer.commit()
        return got
    finally:
        await consumer.stop()


def test_ensured_topics_have_the_projects_partitions_and_keep_their_records(
    embedded_broker: EmbeddedBroker,
) -> None:
    embedded_broker.ensure([TOPIC, "others"])
    produce(embedded_broker.bootstrap, SENT)
    embedded_broker.ensure([TOPIC])
    assert sorted(asyncio.run(consume(embedded_broker.bootstrap, "g"))) == sorted(SENT)


def test_the_first_consumer_of_a_group_need_not_wait(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.ensure([TOPIC])
    produce(embedded_broker.bootstrap, SENT)
    began = time.monotonic()
    asyncio.run(consume(embedded_broker.bootstrap, "g"))
    assert time.monotonic() - began < SOON_S


def test_a_group_goes_on_from_its_commit(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.ensure([TOPIC])
    produce(embedded_broker.bootstrap, SENT)
    asyncio.run(consume(embedded_broker.bootstrap, "g"))
    produce(embedded_broker.bootstrap, [b"new"])
    assert asyncio.run(consume(embedded_broker.bootstrap, "g", wanted=1)) == [b"new"]


def test_another_process_reads_it(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.ensure([TOPIC])
    produce(embedded_broker.bootstrap, SENT)
    command = [sys.executable, "-c", CONSUMER, embedded_broker.bootstrap]
    said = subprocess.run(command, check=True, capture_output=True, timeout=20).stdout
    assert int(said) == len(SENT)


def test_confluents_client_reads_watermarks_and_the_producers_timestamps(
    embedded_broker: EmbeddedBroker,
) -> None:
    embedded_broker.ensure([TOPIC])
    produce(embedded_broker.bootstrap, SENT)
    reader = Consumer({"bootstrap.servers": embedded_broker.bootstrap, "group.id": "bulk"})
    partition = TopicPartition(TOPIC, 0, 0)
    assert reader.get_watermark_offsets(partition, timeout=5) == (0, len(SENT) // PARTITIONS)
    reader.assign([partition])
    record = reader.poll(5)
    reader.close()
    assert record is not None
    assert record.timestamp()[1] == STAMP_MS


def test_it_writes_no_log_and_may_be_closed_twice(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        broker.ensure([TOPIC])
        broker.close()
    assert capfd.readouterr() == ("", "")
