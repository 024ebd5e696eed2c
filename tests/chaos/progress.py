"""How far a group has come, looked at all the time: its backlog, and the longest time without progress."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.topics import PARTITIONS

_LOOK_S = 0.1
_ANSWER_S = 1.0
_NEXT_TO_NOTHING = 3
"""Ends of transactions take offsets too, so a group that is up to date may seem this far behind."""


class Progress:
    """Looks at a group's committed offsets in a thread of its own."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topic = topic
        self._lock = threading.Lock()
        self._committed = dict.fromkeys(range(PARTITIONS), 0)
        self._behind = dict.fromkeys(range(PARTITIONS), 0)
        self._moved = dict.fromkeys(range(PARTITIONS), time.monotonic())
        self._seen = 0.0
        self._longest = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"progress-{group}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(10)

    @property
    def behind(self) -> int:
        """Records not yet committed, at the last look."""
        with self._lock:
            return sum(self._behind.values())

    @property
    def is_fresh(self) -> bool:
        """Whether the broker answered the last look."""
        return time.monotonic() - self._seen < 1

    def reset(self) -> None:
        """Count the time without progress from now."""
        with self._lock:
            self._moved = dict.fromkeys(range(PARTITIONS), time.monotonic())
            self._longest = 0.0

    @property
    def longest_gap_s(self) -> float:
        """The longest time since ``reset`` that a partition with a backlog stood still."""
        with self._lock:
            return self._longest

    def where(self) -> str:
        """Each partition's committed offset and backlog."""
        with self._lock:
            return ", ".join(f"{part}: {self._committed[part]} (-{self._behind[part]})" for part in self._behind)

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": self._group,  # only asked about, never joined
                "enable.auto.commit": False,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        while not self._stop.wait(_LOOK_S):
            with suppress(KafkaException):
                self._look(consumer)
        consumer.close()

    def _look(self, consumer: Consumer) -> None:
        places = [TopicPartition(self._topic, partition) for partition in range(PARTITIONS)]
        committed = consumer.committed(places, timeout=_ANSWER_S)
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=_ANSWER_S)[1] for place in places}
        with self._lock:
            self._seen = time.monotonic()
            for place in committed:
                self._note(place.partition, max(0, int(place.offset)), int(ends[place.partition]))

    def _note(self, partition: int, committed: int, end: int) -> None:
        behind = max(0, end - committed)
        standing = committed == self._committed[partition] and behind > _NEXT_TO_NOTHING
        self._longest = max(self._longest, self._seen - self._moved[partition])
        if not standing:
            self._moved[partition] = self._seen
        self._committed[partition], self._behind[partition] = committed, behind
