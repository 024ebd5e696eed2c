"""Loading a partition's rows from the changelog in bulk, off the event loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import STATES

_BATCH = 10_000
_WAIT_S = 0.05  # consume() waits this long for a full batch
_SILENCE_S = 30.0

Rows = dict[bytes, bytes]


def load_rows(settings: Mapping[str, Any], partitions: Iterable[int]) -> dict[int, Rows]:
    """The last row of every ticket of these partitions, committed ones only. Blocks; run it in an executor.

    Raises:
        KafkaException: the broker refuses.
        TimeoutError: it says nothing for 30 s.
    """
    rows: dict[int, Rows] = {partition: {} for partition in partitions}
    if not rows:
        return rows
    consumer = Consumer(
        {
            **settings,
            "group.id": "hotline-loader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 10,  # an empty partition says so at once
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(STATES, partition, OFFSET_BEGINNING) for partition in rows])
        _read_to_ends(consumer, rows)
    finally:
        consumer.close()
    return rows


def _read_to_ends(consumer: Consumer, rows: dict[int, Rows]) -> None:
    unfinished = set(rows)
    heard = time.monotonic()
    while unfinished:
        messages = consumer.consume(_BATCH, timeout=_WAIT_S)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > _SILENCE_S:
            raise TimeoutError(f"the broker said nothing about {STATES} for {_SILENCE_S:.0f} s")
        for message in messages:
            error = message.error()
            if error is None:
                _apply(rows[message.partition()], message.key(), message.value())
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's public name begins so)
                unfinished.discard(message.partition())
            else:
                raise KafkaException(error)


def _apply(rows: Rows, key: bytes | None, value: bytes | None) -> None:
    if key is None:
        return
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = value
