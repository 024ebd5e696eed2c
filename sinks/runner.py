"""The database sink's process: reads ``hotline.events``, writes, then commits; never skips, never runs ahead."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from sqlalchemy import Engine

from schemas.codec import UnreadableError
from schemas.topics import EVENTS
from sinks.database import DatabaseAwayError, write
from sinks.metrics import SinkMetrics
from sinks.rows import LoggedFact

DEFAULT_GROUP = "hotline-database-sink"
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Where to read, and how. ``poll_s``: for how long a batch that is not full is waited for, in seconds."""

    bootstrap: str
    group: str = DEFAULT_GROUP
    topic: str = EVENTS
    session_timeout_ms: int = 10_000
    batch_size: int = 2_000
    poll_s: float = 0.1


def run(engine: Engine, settings: SinkSettings, stop: threading.Event, metrics: SinkMetrics | None = None) -> None:
    """Write facts until ``stop`` is set. The tables must exist (``sinks.migrate``).

    While the broker or the database is away it waits and says so. Anything else ends it with an alarm in the log:
    a fact that cannot be written must never be skipped.

    Raises:
        UnreadableError: a record is no fact that this version knows.
        ForkError: a stored fact came again with other content.
        GapError: a fact came before its predecessor.
        KafkaException: the broker refuses us for good.
        sqlalchemy.exc.SQLAlchemyError: the database refuses the facts.
    """
    consumer = Consumer(_config(settings))
    try:
        consumer.subscribe([settings.topic], on_assign=_say_assigned)
        while not stop.is_set():
            _turn(consumer, engine, settings, stop, metrics)
    except Exception as error:
        _log.critical("database sink stops", alarm=type(error).__name__, detail=str(error))
        raise
    finally:
        consumer.close()


def _config(settings: SinkSettings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": max(settings.session_timeout_ms // 5, 100),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "error_cb": _say_trouble,
        "log_level": 0,  # librdkafka would write to stderr by itself; what matters reaches error_cb
    }


def _turn(
    consumer: Consumer, engine: Engine, settings: SinkSettings, stop: threading.Event, metrics: SinkMetrics | None
) -> None:
    """One batch.

    1. Take the records.
    2. Write them, as often as it takes.
    3. Only then commit their offsets. A commit that fails costs a second reading, nothing more.
    """
    messages = [message for message in consumer.consume(settings.batch_size, settings.poll_s) if _is_record(message)]
    if not messages:
        return
    batch = [_read(message) for message in messages]
    new = _write(engine, batch, stop, metrics)
    if new is None:
        return
    if metrics is not None:
        metrics.wrote([entry.fact for entry in batch], new, datetime.now(UTC))
    _commit(consumer, messages)


def _is_record(message: Message) -> bool:
    """Whether this is a record; what the broker reports instead of one is said, or ends the sink if it is fatal."""
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    _say_trouble(error)
    return False


def _read(message: Message) -> LoggedFact:
    try:
        return LoggedFact.read(message.value())
    except UnreadableError as error:
        error.add_note(f"record {message.topic()}/{message.partition()}/{message.offset()}")
        _log.critical(
            "record is no fact",
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            reason=error.reason,
        )
        raise


def _write(
    engine: Engine, batch: Sequence[LoggedFact], stop: threading.Event, metrics: SinkMetrics | None
) -> int | None:
    """Write the batch, again and again while the database is away; None if told to stop meanwhile.

    Not polling for longer than ``max.poll.interval.ms`` loses the partitions; they are read again from the last
    commit, which costs time only.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return write(engine, batch)
        except DatabaseAwayError as error:
            _log.warning("database is away, will try again", pause_s=pause_s, facts=len(batch), detail=str(error))
        if metrics is not None:
            metrics.retried()
        if stop.wait(pause_s):
            return None
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _commit(consumer: Consumer, messages: Sequence[Message]) -> None:
    ends = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
    offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        _log.warning("offsets not committed, the facts will be read once more", detail=str(error))


def _say_assigned(_consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
    _log.info("reading partitions", partitions=sorted(part.partition for part in partitions))


def _say_trouble(error: KafkaError) -> None:
    _log.warning("broker trouble, waiting", code=error.name(), detail=error.str())
