"""The worker: a Faust app whose agent decides the commands of ``hotline.tickets`` and whose timer rings the bell."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from prometheus_client import REGISTRY, CollectorRegistry
from yarl import URL

from schemas.codec import encode_command
from schemas.commands import Command, RingBell
from schemas.facts import ClockBreached, CommandRefused
from schemas.topics import TICKETS, WORKER_GROUP
from stream_processors.domain.story import PolicySets
from stream_processors.due_index import Ring
from stream_processors.engine.committers import BarrierCommitter, Committer, TransactionCommitter
from stream_processors.engine.desk import Batch, Desk
from stream_processors.engine.loader import load_rows
from stream_processors.engine.table import RowsInHand
from stream_processors.engine.takeover import Tables, Takeover
from stream_processors.engine.transport import Consumer, Transport
from stream_processors.judge import Outcome
from stream_processors.metrics import WorkerMetrics
from stream_processors.rows import ticket_of

log = structlog.get_logger()

_TICK_S = 0.05
_RINGS_PER_TICK = 500
_STOP_S = 4.0
FATAL_EXIT = 70
"""Exit code when the log and memory may differ: nothing is put right in place, the supervisor starts us again."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker must be told.

    ``worker_id`` names this worker for static membership: no two at once may share it. ``embedded``: the broker has no
    transactions.
    """

    bootstrap: str
    worker_id: str
    partitions: int
    embedded: bool = False
    session_timeout_s: float = 10.0
    heartbeat_s: float = 2.0


class HotlineApp(faust.App):  # type: ignore[misc]
    """Faust's app, keeping nothing on disk."""

    def _create_directories(self) -> None:
        """Everything lives in Kafka and in memory."""


class Worker:
    """The app with its agent, table, timer and engine; ``run`` returns the exit code."""

    def __init__(self, settings: WorkerSettings, policies: PolicySets, registry: CollectorRegistry = REGISTRY) -> None:
        self._settings = settings
        self.metrics = WorkerMetrics(registry)
        self.desk = Desk(policies, settings.partitions, self._fatal, self._durable)
        self.app = _new_app(settings)
        self.app.transport = Transport([URL(f"kafka://{settings.bootstrap}")], self.app, self.desk)
        self.app.tables.takeover = Takeover(
            self.app, self.desk, self._new_committer, self._load, beacon=self.app.beacon
        )
        self._topic = self.app.topic(TICKETS, key_type=bytes, value_type=bytes, value_serializer="raw")
        self.table = self.app.Table("tickets", key_type=bytes, value_type=bytes, partitions=settings.partitions)
        self.table.data.data = RowsInHand(self.desk, settings.partitions)
        self.app.agent(self._topic, name="tickets", concurrency=1)(self._decide_batches)
        self.app.task(self._ring_bells)

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, then make everything decided durable and leave."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        starting = asyncio.create_task(self.app.start())
        starting.add_done_callback(self._end_unless_started)
        crashed = asyncio.create_task(self._wait_for_crash())
        await asyncio.wait({asyncio.create_task(stop.wait()), crashed}, return_when=asyncio.FIRST_COMPLETED)
        if crashed.done():
            self._fatal(crashed.result())
        log.info("stopping")
        starting.cancel()
        return await self._stop()

    async def _stop(self) -> int:
        """Leave within the supervisor's patience; whatever is not durable by then was never acknowledged."""
        try:
            async with asyncio.timeout(_STOP_S):
                await self.app.stop()
                await self.desk.release(self.desk.owned)
        except TimeoutError:
            log.warning("not everything closed in time; nothing is lost, what was not durable is read again")
        log.info("stopped", durable=True)
        return 0

    def _end_unless_started(self, starting: asyncio.Task[None]) -> None:
        error = None if starting.cancelled() else starting.exception()
        if error is not None:
            self._fatal(error)

    async def _wait_for_crash(self) -> BaseException:
        while self.app.crash_reason is None:  # noqa: ASYNC110 (Faust sets it from anywhere, without an event)
            await asyncio.sleep(0.1)
        reason: BaseException = self.app.crash_reason
        return reason

    async def _decide_batches(self, stream: Any) -> None:
        batches: AsyncIterator[Any] = stream.noack().events()
        async for event in batches:
            batch: Batch = event.value
            try:
                await self.desk.handle(batch)
            except Exception as error:  # noqa: BLE001 (Faust would acknowledge and go on)
                self._fatal(error)

    async def _ring_bells(self) -> None:
        """The timer: every owned ticket whose instant has come gets a bell, the oldest first, bounded per tick."""
        while not self.app.should_stop:
            await self.desk.gate.wait()
            now = time.time_ns() // 1_000_000
            rings = self.desk.index.take(now, _RINGS_PER_TICK)
            if rings:
                await self._send_bells(rings, now)
            following = self.desk.index.next_at()
            await asyncio.sleep(0 if rings else _TICK_S if following is None else min(_TICK_S, _seconds_to(following)))

    async def _send_bells(self, rings: list[Ring], now: int) -> None:
        bells = [(ring, encode_command(self._bell(ring))) for ring in rings]
        try:
            sent = [await self._topic.send(key=ring.key, value=bell, partition=ring.partition) for ring, bell in bells]
            await asyncio.gather(*sent)
        except (KafkaError, ProducerSendError) as error:
            log.warning("bells not sent, they will be rung again", bells=len(rings), error=str(error))
            self.desk.index.put_back(rings)
        else:
            self.metrics.rung(rings, now)

    def _bell(self, ring: Ring) -> Command:
        ticket = ticket_of(self.desk.rows[ring.partition][ring.key])
        assert ticket is not None
        return Command(
            id=f"{ring.at}",
            source="bell",
            ticket_id=ticket.id,
            policy_set=ticket.round.policy_set,
            data=RingBell(),
        )

    def _new_committer(self, partition: int) -> Committer:
        settings: Mapping[str, Any] = {"bootstrap_servers": self._settings.bootstrap}
        if self._settings.embedded:
            consumer: Consumer = self.app.consumer
            return BarrierCommitter(settings, partition, consumer.commit_offset)
        return TransactionCommitter(settings, partition)

    def _load(self, partitions: list[int]) -> dict[int, dict[bytes, bytes]]:
        return load_rows({"bootstrap.servers": self._settings.bootstrap}, partitions)

    def _durable(self, outcome: Outcome, seconds: float) -> None:
        """Count a durable batch, and log what a person may have to look after."""
        self.metrics.durable(outcome, seconds)
        for letter in outcome.dead:
            log.warning("dead letter", reason=letter.reason, partition=letter.partition, offset=letter.offset)
        for fact in outcome.facts:
            if isinstance(fact.data, CommandRefused):
                log.info(
                    "command refused", ticket_id=str(fact.ticket_id), command=fact.cause.id, reason=fact.data.reason
                )
            elif isinstance(fact.data, ClockBreached):
                log.info("breach", ticket_id=str(fact.ticket_id), clock=fact.data.clock, unit=fact.data.unit)

    def _fatal(self, error: BaseException) -> None:
        """End the process at once: memory is ahead of the log, and only a restart from the log is sure to be right."""
        log.error("worker ends; start it again", error=f"{type(error).__name__}: {error}", exit_code=FATAL_EXIT)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(FATAL_EXIT)


def _new_app(settings: WorkerSettings) -> HotlineApp:
    return HotlineApp(
        WORKER_GROUP,
        broker=f"kafka://{settings.bootstrap}",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_request_timeout=max(30.0, settings.session_timeout_s),
        broker_client_id=f"{WORKER_GROUP}-{settings.worker_id}",
        consumer_group_instance_id=None if settings.embedded else settings.worker_id,
        canonical_url=f"http://{settings.worker_id}",
        TableManager=Tables,
        store="memory://",
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=True,
        web_enabled=False,
        value_serializer="raw",
    )


def _seconds_to(at: int) -> float:
    return max(0.0, at / 1000 - time.time())
