"""Faust's aiokafka driver with record batches as events, a gate before the fetch, and acknowledgement by the desk.

Relied on in Faust 0.15.3 (``tests/stream_processors/test_faust_contract.py`` fails when an upgrade changes it):
``Consumer._drain_messages`` is what the fetcher runs; ``Consumer.wait_empty`` is awaited before partitions are given up
and at stop; ``Consumer._commit`` commits offsets; ``AIOKafkaConsumerThread._create_worker_consumer`` makes the client;
``Conductor._topic_name_index`` maps a topic's name to its channels; a stream skips events of another generation by
calling ``Message.ack``; ``AIOKafkaConsumerThread.getmany`` never looks at errors of aiokafka's group coordinator
(``GroupCoordinator._coordination_task``, ``_pending_exception``), and with ``_group_instance_id`` the coordinator sends
no LeaveGroup.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage

from schemas.topics import TICKETS
from stream_processors.engine.desk import Batch, Desk
from stream_processors.judge import Record, instant

MAX_RECORDS = 1000
_FETCH_WAIT_S = 0.2
_FULL_WAIT_S = 0.005
_FOR_EVER_MS = 2**31 - 1


class BatchMessage(ConsumerMessage):  # type: ignore[misc]
    """A batch in the place of a message. The desk acknowledges; a stream that skips it puts it aside."""

    def __init__(self, batch: Batch, desk: Desk) -> None:
        first = batch.records[0]
        super().__init__(
            TICKETS,
            batch.partition,
            first.offset,
            first.at.timestamp(),
            0,
            None,
            None,
            None,
            None,
            generation_id=batch.generation,
        )
        self.batch = batch
        self.desk = desk
        self.tracked = True  # or the stream would wait for an ack that never comes

    def ack(self, consumer: Any, n: int = 1) -> bool:  # noqa: ARG002 (Faust's signature)
        """Called by a stream only for an event that it skips."""
        self.desk.dropped(self.batch)
        return False


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The client's own thread, so that heartbeats go on while the worker decides."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=MAX_RECORDS,
            max_poll_interval_ms=_FOR_EVER_MS,  # who owns nothing fetches nothing, yet must stay in the group
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=50,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def on_thread_stop(self) -> None:
        """Leave the group, so that our partitions move at once.

        A static member would only fall silent, and its partitions would rest for the session timeout. After kill -9 or
        exit code 70 nothing is said, and whoever comes back under the same id in time keeps its partitions.
        """
        if self._consumer is not None and self._consumer._coordinator is not None:  # noqa: SLF001 (contract test)
            self._consumer._coordinator._group_instance_id = None  # noqa: SLF001
        await super().on_thread_stop()

    def membership_error(self) -> BaseException | None:
        """Why this client is no member of its group any more and never will be again, if that is so.

        Faust does not ask; the client itself would go on as if nothing had happened.
        """
        coordinator = getattr(self._consumer, "_coordinator", None)
        if coordinator is None:
            return None
        ended = coordinator._coordination_task  # noqa: SLF001 (pinned by the contract test)
        if ended.done() and not coordinator._closing.done():  # noqa: SLF001
            return RuntimeError(f"the group coordination ended: {ended!r}")
        error: BaseException | None = coordinator._pending_exception  # noqa: SLF001
        return error


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Fetches for the gate's partitions only, and hands whole batches to the agent's channel."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _desk(self) -> Desk:
        return cast("Transport", self.transport).desk

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._desk.gate.wait()
                await self._fetch_once()
        except (asyncio.CancelledError, *self.consumer_stopped_errors):
            if not self.app.should_stop:
                raise

    async def _fetch_once(self) -> None:
        desk = self._desk
        generation = desk.gate.generation
        wanted = {TP(TICKETS, partition) for partition in desk.gate.partitions if desk.has_room(partition)}
        if not wanted or generation is None:
            await asyncio.sleep(_FULL_WAIT_S)
            return
        async with desk.fetching:
            fetched = await self._thread.getmany(wanted, timeout=_FETCH_WAIT_S)
            for tp, records in fetched.items():
                if desk.gate.admits(generation, tp.partition):
                    self._deliver(Batch(tp.partition, generation, tuple(_record(record) for record in records)))
        await asyncio.sleep(0)

    def _deliver(self, batch: Batch) -> None:
        message = BatchMessage(batch, self._desk)
        for channel in self.app.topics._topic_name_index[TICKETS]:  # noqa: SLF001 (pinned by the contract test)
            self._desk.took(batch)
            channel.queue.put_nowait(self.app.create_event(None, batch, {}, message))

    async def wait_empty(self) -> None:
        """Before partitions go, and before the worker stops: everything decided becomes durable."""
        self._desk.gate.close()
        await self._desk.idle()

    def membership_error(self) -> BaseException | None:
        """Why this worker is out of its group for good, if it is."""
        error: BaseException | None = self._thread.membership_error()
        return error

    async def seek_to_undecided(self) -> None:
        """Every partition to its committed offset, or to its beginning where nothing is committed.

        In the latter case aiokafka leaves the position where it is, be it behind records that were put aside.
        """
        committed = await self.seek_to_committed()
        untouched = [tp for tp, offset in committed.items() if tp.topic == TICKETS and not offset]
        if untouched:
            await self._thread.seek_to_beginning(*untouched)

    async def commit_offset(self, partition: int, offset: int) -> None:
        """Commit one source offset without a transaction (embedded broker).

        Raises:
            RuntimeError: the broker refused it.
        """
        if not await self._commit({TP(TICKETS, partition): offset}):
            raise RuntimeError(f"offset {offset} of partition {partition} was not committed")


def _record(record: Any) -> Record:
    return Record(record.partition, record.offset, instant(record.timestamp), record.key, record.value)


class Transport(driver.Transport):  # type: ignore[misc]
    """The driver with our consumer."""

    Consumer = Consumer

    def __init__(self, url: Any, app: AppT, desk: Desk) -> None:
        super().__init__(url, app)
        self.desk = desk
