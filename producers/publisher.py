"""Sends commands to Kafka, and counts one as sent only when the broker says so."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from schemas import topics
from schemas.codec import MAX_MESSAGE_BYTES, encode_command
from schemas.commands import Command
from schemas.words import SaidError
from stream_processors.domain.story import Place

MOST_IN_FLIGHT: Final = 20_000
"""How many commands may wait for the broker's word at once; at 1 KB each some 20 MB."""

_EMBEDDED_VERSION: Final = (2, 0)  # kafka-python cannot negotiate with librdkafka's in-memory broker
_ATTEMPT_S: Final = 5.0
_PAUSE_S: Final = 0.5
_GRACE_S: Final = 3.0
_LINGER_MS: Final = 20
_BATCH_BYTES: Final = 256 * 1024
_PROGRESS_EVERY: Final = 1_000

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class PublishError(SaidError):
    """Commands could not be sent. The message says what to do; to send the same commands again does no harm."""


class Publisher:
    """An idempotent producer of ``hotline.tickets``, to be used in a ``with`` statement and from any thread.

    Args:
        bootstrap: the brokers, as "host:port" separated by commas.
        embedded: whether it is the embedded broker, which has to be told which version it speaks.
        topic: where the commands go.
        partitions: how many the topic must have, fixed when it was made.
        connect_s: for how long, in seconds, to keep trying while no broker answers.
        timeout_s: how long, in seconds, a command may wait for the broker's acknowledgement.
        settings: further settings of kafka-python's, such as ``security_protocol``.

    Raises:
        PublishError: no broker answers within ``connect_s``, or the topic is missing or has other partitions.
    """

    def __init__(  # noqa: PLR0913 (each is a setting of its own)
        self,
        bootstrap: str,
        *,
        embedded: bool = False,
        topic: str = topics.TICKETS,
        partitions: int = topics.PARTITIONS,
        connect_s: float = 60.0,
        timeout_s: float = 60.0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs tracebacks; our errors say it in words
        self._topic = topic
        self._timeout_s = timeout_s
        wanted = _settings(bootstrap, timeout_s, settings or {}, embedded=embedded)
        self._producer = _connected(wanted, topic, connect_s)
        self._check_partitions(partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the broker; what ``publish`` returned for is safe already."""
        try:
            self._producer.close(timeout=_GRACE_S)
        except KafkaError:  # something is in flight still, and kafka-python leaves its thread running
            self._producer._sender.force_close()  # noqa: SLF001
            self._producer._sender.join(_GRACE_S)  # noqa: SLF001

    def publish(self, commands: Iterable[Command], on_progress: Callable[[int], object] | None = None) -> int:
        """Send all, in order, and wait until the broker has acknowledged the last.

        Args:
            commands: any number of them; they are taken one by one, so a generator of millions may be given.
            on_progress: is told now and then how many the broker has acknowledged.

        Returns:
            How many were sent, every one of them acknowledged.

        Raises:
            PublishError: one was refused, or not acknowledged in time. Those before it may have arrived.
        """
        waiting: deque[tuple[Command, Any]] = deque()
        acknowledged = 0
        for command in commands:
            waiting.append((command, self._send(command)))
            if len(waiting) >= MOST_IN_FLIGHT or waiting[0][1].is_done:
                self._wait(*waiting.popleft())
                acknowledged += 1
                if on_progress and acknowledged % _PROGRESS_EVERY == 0:
                    on_progress(acknowledged)
        self._flush()
        for sent in waiting:
            self._wait(*sent)
        acknowledged += len(waiting)
        if on_progress:
            on_progress(acknowledged)
        return acknowledged

    def publish_one(self, command: Command) -> Place:
        """Send one, without waiting for company, and say where the broker put it.

        Raises:
            PublishError: refused, or not acknowledged in time.
        """
        future = self._send(command)
        self._flush()
        return self._wait(command, future)

    def _check_partitions(self, partitions: int) -> None:
        count = len(self._producer.partitions_for(self._topic))
        if count != partitions:
            self.close()
            raise PublishError(
                f"主题 {self._topic} 有 {count} 个分区，应为 {partitions} 个，否则命令会发错分区。"
                "请核对 HOTLINE_PARTITIONS；若主题为空，可删除后重新建立",
                f"topic {self._topic} has {count} partitions instead of {partitions}; commands would go astray. "
                "Delete it, if it is empty, and have it created anew",
            )

    def _send(self, command: Command) -> Any:
        value = encode_command(command)
        if len(value) > MAX_MESSAGE_BYTES:
            raise PublishError(
                f"{_named_zh(command)}有 {len(value)} 字节，超过上限 {MAX_MESSAGE_BYTES}，请缩短文字",
                f"{_named(command)} has {len(value)} bytes, more than {MAX_MESSAGE_BYTES}; shorten its text",
            )
        try:
            return self._producer.send(self._topic, value=value, key=topics.key_of(command.ticket_id))
        except KafkaError as error:
            raise _failed(command, error) from error

    def _flush(self) -> None:
        with suppress(KafkaTimeoutError):  # whoever waits for a command says which one was late
            self._producer.flush(timeout=self._timeout_s)

    def _wait(self, command: Command, future: Any) -> Place:
        try:
            metadata = future.get(timeout=self._timeout_s)
        except KafkaError as error:
            raise _failed(command, error) from error
        return Place(metadata.partition, metadata.offset)


def _settings(bootstrap: str, timeout_s: float, more: Mapping[str, Any], *, embedded: bool) -> dict[str, Any]:
    timeout_ms = max(1_000, int(timeout_s * 1_000))
    settings = {
        "bootstrap_servers": bootstrap.split(","),
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": _LINGER_MS,
        "batch_size": _BATCH_BYTES,
        "delivery_timeout_ms": timeout_ms,
        "request_timeout_ms": min(30_000, timeout_ms // 2),
        "reconnect_backoff_max_ms": 1_000,  # a broker that is back should not wait half a minute for us
        "allow_auto_create_topics": False,  # a topic made by accident has the wrong settings
        **more,
    }
    return settings | {"api_version": _EMBEDDED_VERSION} if embedded else settings


def _connected(settings: dict[str, Any], topic: str, connect_s: float) -> KafkaProducer:
    """Try until a broker answers and knows the topic, saying so meanwhile."""
    servers = ",".join(settings["bootstrap_servers"])
    give_up_at = time.monotonic() + connect_s
    while True:
        left_s = give_up_at - time.monotonic()
        try:
            return _attempt(settings, topic, min(max(left_s, _PAUSE_S), _ATTEMPT_S))
        except _NotReadyError as problem:
            if time.monotonic() + _PAUSE_S >= give_up_at:
                raise PublishError(
                    f"{problem.chinese}（{servers}，已等待 {connect_s:g} 秒），{problem.advice.chinese}",
                    f"{problem} at {servers}, tried for {connect_s:g} s; {problem.advice}",
                ) from problem
            _log.warning("cannot publish yet, trying again", reason=str(problem), servers=servers, left_s=round(left_s))
            time.sleep(_PAUSE_S)


class _NotReadyError(SaidError):
    """What stands in the way of publishing, and what to do about it."""

    def __init__(self, problem: tuple[str, str], advice: tuple[str, str]) -> None:
        super().__init__(*problem)
        self.advice = SaidError(*advice)


def _attempt(settings: dict[str, Any], topic: str, seconds: float) -> KafkaProducer:
    patience_ms = int(seconds * 1_000)
    no_broker = _NotReadyError(
        ("连接不上 Kafka", "no Kafka broker answers"),
        ("请启动 Kafka 或改正地址", "start Kafka or correct the address"),
    )
    if not any(_listens(server) for server in settings["bootstrap_servers"]):
        raise no_broker  # asked here, since kafka-python leaves a socket open at every vain try
    try:
        producer = KafkaProducer(**settings, bootstrap_timeout_ms=patience_ms, max_block_ms=patience_ms)
    except KafkaError as error:
        raise no_broker from error
    try:
        producer.partitions_for(topic)
    except KafkaError as error:
        producer.close(timeout=0)
        reached = "api_version" not in settings  # else nobody was asked before this
        no_topic = _NotReadyError(
            (f"主题 {topic} 不存在或无权使用", f"topic {topic} is missing or not ours to use"),
            ("请先运行 `hotline topics` 建立主题", "create the topics first: hotline topics"),
        )
        raise (no_topic if reached else no_broker) from error
    return producer


def _listens(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ATTEMPT_S):
            return True
    except (OSError, ValueError):
        return False


def _failed(command: Command, error: KafkaError) -> PublishError:
    return PublishError(
        f"{_named_zh(command)}没有得到 Kafka 确认（{_words(error)}）。请检查 Kafka 是否运行，然后重新发送",
        f"{_named(command)} was not acknowledged: {_words(error)}; see whether the broker runs, then send again",
    )


def _named(command: Command) -> str:
    return f"{command.data.type} {command.id!r} of ticket {command.ticket_id}"


def _named_zh(command: Command) -> str:
    return f"工单 {command.ticket_id} 的命令 {command.data.type}（{command.id}）"


def _words(error: KafkaError) -> str:
    return str(error) or type(error).__name__
