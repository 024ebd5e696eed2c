"""Looking at the log from outside: how far the worker and the sink have come, and what followed from a command."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
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
_STALLED_S = 60.0


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

    def ends(self) -> dict[int, int]:
        """The offset after the last record of each partition, transactions' ends included."""
        return {partition: self._watermarks(partition)[1] for partition in range(self._partitions)}

    def behind(self, ends: Mapping[int, int] | None = None) -> int:
        """How many records up to ``ends``, or up to now, the group has not committed yet; exact when few are left.

        The end of a transaction, and what was aborted, take offsets too but are no records, so the last few are read.
        """
        places = [TopicPartition(self._topic, partition) for partition in range(self._partitions)]
        committed = self._consumer.committed(places, timeout=_ANSWER_S)
        return sum(self._behind(place, (ends or {}).get(place.partition)) for place in committed)

    def _behind(self, place: TopicPartition, end: int | None) -> int:
        low, high = self._watermarks(place.partition)
        start, end = max(place.offset, low), high if end is None else end
        if end - start > _FEW or end <= start:
            return int(max(0, end - start))
        return self._count(TopicPartition(place.topic, place.partition, start), end)

    def _watermarks(self, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_ANSWER_S)
        return int(low), int(high)

    def _count(self, place: TopicPartition, end: int) -> int:
        """The records from here to ``end``; a transaction that has not ended counts as one, whatever it holds."""
        count = 0
        self._consumer.assign([place])
        try:
            while True:
                for message in self._consumer.consume(_FEW, timeout=_WAIT_S):
                    readable = _end_of_partition(message)
                    if readable is not None:
                        return count + (readable < end)
                    if message.offset() >= end:
                        return count
                    count += 1
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


def ends_once_stored(bootstrap: str, sink_group: str, partitions: int) -> dict[int, int]:
    """The present end of each partition of commands, once what stands before it is decided and stored.

    Raises:
        TimeoutError: worker or sink made no progress for a minute; they may not be running.
    """
    commands = Position(bootstrap, WORKER_GROUP, TICKETS, partitions)
    facts = Position(bootstrap, sink_group, EVENTS, partitions)
    try:
        ends = commands.ends()
        _until_none(lambda: commands.behind(ends))
        stored = facts.ends()
        _until_none(lambda: facts.behind(stored))
    finally:
        commands.close()
        facts.close()
    return ends


def _until_none(behind: Callable[[], int]) -> None:
    least, since = behind(), time.monotonic()
    while least:
        time.sleep(_WAIT_S)
        now = behind()
        if now < least:
            least, since = now, time.monotonic()
        elif time.monotonic() - since > _STALLED_S:
            raise TimeoutError(f"{now} records behind, and no progress for {_STALLED_S:.0f} s")


def read_partition(bootstrap: str, topic: str, partition: int) -> Iterator[Any]:
    """Every committed record of a partition up to its present end, in order of offset.

    A transaction that is open now is waited for.

    Raises:
        KafkaException: the broker refuses.
    """
    consumer = reader(bootstrap)
    try:
        yield from _from(consumer, TopicPartition(topic, partition, OFFSET_BEGINNING))
    finally:
        consumer.close()


def _from(consumer: Consumer, place: TopicPartition) -> Iterator[Any]:
    _, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), timeout=_ANSWER_S)
    consumer.assign([place])
    while True:
        for message in consumer.consume(_BATCH, timeout=_WAIT_S):
            end = _end_of_partition(message)
            if end is None:
                yield message
            elif end >= high:
                return


def _end_of_partition(message: Any) -> int | None:
    """Where the partition ends for readers of committed records, if that is what the message says.

    Raises:
        KafkaException: it says something worse.
    """
    error = message.error()
    if error is None:
        return None
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's public name begins so)
        raise KafkaException(error)
    return int(message.offset())


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
        place = TopicPartition(EVENTS, self._partition, self._end)
        facts = [decode_fact(message.value()) for message in _from(self._events, place)]
        return [fact for fact in facts if (fact.partition, fact.offset) == (self._partition, offset)]

    def _decided_up_to(self) -> int:
        place = TopicPartition(TICKETS, self._partition)
        return int(self._worker.committed([place], timeout=_ANSWER_S)[0].offset)

    def close(self) -> None:
        """Let the connections go."""
        self._worker.close()
        self._events.close()
