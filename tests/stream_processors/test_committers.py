"""One contract for both ways to make a batch durable: the barrier on the embedded broker, the transaction on Kafka."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import KafkaError, ProducerFenced
from confluent_kafka import TopicPartition

from deploy.embedded import EmbeddedBroker
from deploy.follow import read_partition, reader
from deploy.topics import create_topics
from schemas.topics import ALL, DEAD_LETTERS, EVENTS, PARTITIONS, STATES, TICKETS, WORKER_GROUP, key_of
from stream_processors.engine.committers import BarrierCommitter, Committer, TransactionCommitter
from stream_processors.engine.loader import load_rows
from stream_processors.judge import Outcome, judge
from tests.domain.player import BUREAU
from tests.stream_processors.records import accept, number_id, opening, partition_for, record
from tests.support.kafka import KafkaServer, running_kafka

PARTITION = partition_for("A")


@dataclass
class Broker:
    """A broker and the way to commit on it; ``offsets`` is what the barrier committed, ``before`` what was there."""

    bootstrap: str
    new: Callable[[], Committer]
    offsets: dict[int, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = {topic.name: len(self.values(topic.name)) for topic in ALL}

    def committed(self) -> int:
        """The worker group's offset of the partition."""
        if self.offsets:
            return self.offsets[PARTITION]
        consumer = reader(self.bootstrap, WORKER_GROUP)
        try:
            return int(consumer.committed([TopicPartition(TICKETS, PARTITION)], timeout=10)[0].offset)
        finally:
            consumer.close()

    def values(self, topic: str) -> list[bytes]:
        """What readers of committed records see in one partition that was not there before the test."""
        found = (read_partition(self.bootstrap, topic, partition) for partition in range(PARTITIONS))
        return [message.value() for messages in found for message in messages][self.before.get(topic, 0) :]


@pytest.fixture(scope="module")
def own_kafka(kafka: KafkaServer) -> Iterator[str]:
    """Give the address of a broker of this module's own: our topics have fixed names."""
    del kafka  # only says whether there can be one
    with running_kafka() as server:
        create_topics(server.bootstrap, PARTITIONS)
        yield server.bootstrap


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("own_kafka")
        return Broker(bootstrap, lambda: TransactionCommitter({"bootstrap_servers": bootstrap}, PARTITION))
    embedded: EmbeddedBroker = request.getfixturevalue("embedded_broker")
    embedded.ensure(topic.name for topic in ALL)
    return _embedded(embedded.bootstrap)


def _embedded(bootstrap: str) -> Broker:
    async def commit(partition: int, offset: int) -> None:
        made.offsets[partition] = offset

    made = Broker(bootstrap, lambda: BarrierCommitter({"bootstrap_servers": bootstrap}, PARTITION, commit))
    return made


def outcome(*, bad: bool = False) -> Outcome:
    records = [record(opening("A"), 0), record(accept("A"), 1, minutes=5)]
    if bad:
        records.append(type(records[0])(PARTITION, 2, records[0].at, b"k", b"rubbish"))
    return judge(records, {}, {BUREAU.name: BUREAU}, PARTITIONS)


def played(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


async def let_go(dead: Committer) -> None:
    """A fenced producer complains when it is closed; its process would be gone by now."""
    assert isinstance(dead, TransactionCommitter)
    with suppress(KafkaError):
        await dead.stop()
    await dead._producer.client.close()
    del dead
    gc.collect()  # its tasks complain here and now, not in the middle of some later import


def test_a_batch_is_durable_as_a_whole_and_the_loader_finds_its_rows(broker: Broker) -> None:
    effects = outcome(bad=True)

    async def story() -> None:
        committer = broker.new()
        await committer.start()
        await committer.commit(effects, 3)
        await committer.stop()

    played(story())
    assert broker.values(EVENTS) == [fact.encoded for fact in effects.facts]
    assert broker.values(STATES) == list(effects.rows.values())
    assert [b"undecodable" in letter for letter in broker.values(DEAD_LETTERS)] == [True]
    assert broker.committed() == 3
    loaded = load_rows({"bootstrap.servers": broker.bootstrap}, [PARTITION])
    assert loaded == {PARTITION: {key_of(number_id("A")): effects.rows[key_of(number_id("A"))]}}


def test_a_batch_without_effects_still_moves_the_offset(broker: Broker) -> None:
    async def story() -> None:
        committer = broker.new()
        await committer.start()
        await committer.commit(Outcome(records=5), 5)
        await committer.stop()

    played(story())
    assert broker.committed() == 5
    assert broker.values(EVENTS) == []


def test_more_than_one_batch_of_the_producer_goes_through(broker: Broker) -> None:
    many = Outcome(records=1)
    for _ in range(400):
        many.facts += outcome().facts  # about two megabytes
    size = sum(len(fact.encoded) for fact in many.facts)

    async def story() -> None:
        committer = broker.new()
        await committer.start()
        await committer.commit(many, 1)
        await committer.stop()

    assert size > 1_500_000
    played(story())
    assert broker.values(EVENTS) == [fact.encoded for fact in many.facts]


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_a_new_owner_fences_the_old_one_whose_batch_leaves_no_trace(broker: Broker) -> None:
    async def story() -> None:
        zombie, owner = broker.new(), broker.new()
        await zombie.start()
        await zombie.commit(outcome(), 2)
        await owner.start()
        with pytest.raises((ProducerFenced, KafkaError)):
            await zombie.commit(outcome(), 9)
        await owner.commit(Outcome(records=1), 3)
        await owner.stop()
        await let_go(zombie)

    played(story())
    assert broker.values(EVENTS) == [fact.encoded for fact in outcome().facts], "once"
    assert broker.committed() == 3


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_what_an_owner_left_open_is_never_seen(broker: Broker) -> None:
    async def story() -> None:
        torn, owner = broker.new(), broker.new()
        assert isinstance(torn, TransactionCommitter)
        await torn.start()
        producer = torn._producer
        await producer.begin_transaction()
        await producer.send_and_wait(STATES, b"half", key=b"half", partition=PARTITION)
        await owner.start()  # as after a kill -9: the torn transaction is aborted by the fence
        await owner.stop()
        await let_go(torn)

    before = load_rows({"bootstrap.servers": broker.bootstrap}, [PARTITION])
    played(story())
    assert load_rows({"bootstrap.servers": broker.bootstrap}, [PARTITION]) == before
    assert b"half" not in before[PARTITION]
