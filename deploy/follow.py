"""Looking at the log from outside: how far the worker and the sink have come, and what followed from a command."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import decode_fact
from schemas.facts import Fact
from schemas.topics import EVENTS, TICKETS, WORKER_GROUP

_BATCH = 5000
_WAIT_S = 0.05
_ANSWER_S = 10.0
_FEW = 50


def reader(bootstrap: str, group: str | None = None) -> Consumer:
    """A consumer that joins no group, reads committed records only, and says where a partition ends."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group or f"hotline-reader-{uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 10,
        }
    )


class Position:
    """How far a group has come in a topic; keep it open to ask often."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        self._consumer = reader(bootstrap, group)
        self._topic = topic
        self._partitions = partitions

    def behind(self) -> int:
        """How many records the group has not committed yet; exact when few are left.

        The end of a transaction, and what was aborted, take offsets too but are no records, so the last few are read.
        """
        places = [TopicPartition(self._topic, partition) for partition in range(self._partitions)]
        return sum(self._behind(place) for place in self._consumer.committed(places, timeout=_ANSWER_S))

    def _behind(self, place: TopicPartition) -> int:
        bare = TopicPartition(place.topic, place.partition)
        low, high = self._consumer.get_watermark_offsets(bare, timeout=_ANSWER_S)
        start = max(place.offset, low)
        if high - start > _FEW or high <= start:
            return int(max(0, high - start))
        self._consumer.assign([TopicPartition(place.topic, place.partition, start)])
        try:
            return sum(1 for _ in _to_end(self._consumer))
        finally:
            self._consumer.unassign()

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()


def lag(bootstrap: str, group: str, topic: str, partitions: int) -> int:
    """How many records of the topic the group has not committed yet, asked once."""
    position = Position(bootstrap, group, topic, partitions)
    try:
        return position.behind()
    finally:
        position.close()


def wait_until_stored(
    bootstrap: str, sink_group: str, partitions: int, on_look: Callable[[int], None] = lambda _lag: None
) -> None:
    """Until every command so far is decided and every fact stored; ``on_look`` is told how many records are ahead."""
    commands = Position(bootstrap, WORKER_GROUP, TICKETS, partitions)
    facts = Position(bootstrap, sink_group, EVENTS, partitions)
    try:
        while ahead := commands.behind() + facts.behind():
            on_look(ahead)
            time.sleep(_WAIT_S)
        on_look(0)
    finally:
        commands.close()
        facts.close()


def read_partition(bootstrap: str, topic: str, partition: int) -> Iterator[Any]:
    """Every committed record of a partition up to its present end, in order of offset.

    Raises:
        KafkaException: the broker refuses.
    """
    consumer = reader(bootstrap)
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        yield from _to_end(consumer)
    finally:
        consumer.close()


def _to_end(consumer: Consumer) -> Iterator[Any]:
    while True:
        for message in consumer.consume(_BATCH, timeout=_WAIT_S):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's public name begins so)
                return
            else:
                raise KafkaException(error)


class Answer:
    """What follows from one command: facts, or a refusal. Make it before publishing, so that nothing is missed."""

    def __init__(self, bootstrap: str, partition: int) -> None:
        self._partition = partition
        self._worker = reader(bootstrap, WORKER_GROUP)
        self._events = reader(bootstrap)
        _, self._end = self._events.get_watermark_offsets(TopicPartition(EVENTS, partition), timeout=_ANSWER_S)

    def wait(self, offset: int, timeout_s: float) -> list[Fact]:
        """The facts of the command at this offset, once the worker has made them durable.

        Raises:
            TimeoutError: no worker has answered in time; the command stays in the log and will be.
        """
        deadline = time.monotonic() + timeout_s
        while self._decided_up_to() <= offset:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_WAIT_S)
        self._events.assign([TopicPartition(EVENTS, self._partition, self._end)])
        facts = [decode_fact(message.value()) for message in _to_end(self._events)]
        return [fact for fact in facts if (fact.partition, fact.offset) == (self._partition, offset)]

    def _decided_up_to(self) -> int:
        place = TopicPartition(TICKETS, self._partition)
        return int(self._worker.committed([place], timeout=_ANSWER_S)[0].offset)

    def close(self) -> None:
        """Let the connections go."""
        self._worker.close()
        self._events.close()
