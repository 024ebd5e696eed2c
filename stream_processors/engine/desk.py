"""The desk between agent and log: rows in memory, batches decided in order, a settler per partition behind them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from stream_processors.domain.story import PolicySets
from stream_processors.due_index import DueIndex
from stream_processors.engine.committers import Committer
from stream_processors.engine.gate import Gate
from stream_processors.engine.loader import Rows
from stream_processors.judge import DeadLetterCap, Outcome, Record, judge
from stream_processors.rows import header_of

IN_FLIGHT = 4
"""Batches of a partition that may be on their way from fetch to acknowledgement."""
_CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, fetched under one generation."""

    partition: int
    generation: int
    records: tuple[Record, ...]

    @property
    def next_offset(self) -> int:
        """The offset after the last record; acknowledging it covers gaps as well."""
        return self.records[-1].offset + 1


Watch = Callable[[Outcome, float], None]
"""Told of each durable batch and the seconds from decision to durability."""


class Desk:
    """Holds what this worker owns. Only the event loop touches it; memory may run ahead of the log by a few batches.

    Any failure to make a batch durable goes to ``fatal``, which must not return to work: memory would stay ahead.

    ``fetching`` is held while records are on their way from the client to the agent: a takeover takes it before it
    seeks, or a fetch begun before the seek could move the position over records that are then put aside.
    ``changing_hands`` is held while partitions are let go and fenced: whoever gives partitions up waits for it, or we
    might fence their next owner.
    """

    def __init__(
        self,
        policies: PolicySets,
        partitions: int,
        fatal: Callable[[BaseException], None],
        on_durable: Watch = lambda _outcome, _seconds: None,
    ) -> None:
        self.gate = Gate()
        self.index = DueIndex()
        self.rows: dict[int, Rows] = {}
        self._policies = policies
        self._partitions = partitions
        self.fatal = fatal
        self._on_durable = on_durable
        self._cap = DeadLetterCap()
        self._committers: dict[int, Committer] = {}
        self._settlers: dict[int, asyncio.Task[None]] = {}
        self._queues: dict[int, asyncio.Queue[tuple[Outcome, Batch, float]]] = {}
        self._in_flight: Counter[tuple[int | None, int]] = Counter()  # by generation: what Faust drops is never counted
        self.fetching = asyncio.Lock()
        self.changing_hands = asyncio.Lock()

    @property
    def owned(self) -> frozenset[int]:
        """The partitions whose rows are in memory."""
        return frozenset(self.rows)

    def has_room(self, partition: int) -> bool:
        """Whether another batch of this partition may be fetched."""
        return self._in_flight[self.gate.generation, partition] < IN_FLIGHT

    def took(self, batch: Batch) -> None:
        """A batch is on its way to the agent."""
        self._in_flight[batch.generation, batch.partition] += 1

    def dropped(self, batch: Batch) -> None:
        """A batch was put aside undecided; whoever owns the partition reads it again."""
        self._in_flight[batch.generation, batch.partition] -= 1

    async def handle(self, batch: Batch) -> None:
        """Decide a batch, change the rows in memory, and queue what must become durable."""
        if not self.gate.admits(batch.generation, batch.partition):
            self.dropped(batch)
            return
        rows = self.rows[batch.partition]
        outcome = judge(batch.records, rows, self._policies, self._partitions)
        try:
            self._cap.check(outcome)
        except RuntimeError as error:
            self.fatal(error)
            return
        rows.update(outcome.rows)
        for key, at in outcome.bells.items():
            self.index.set(key, batch.partition, at)
        started = asyncio.get_running_loop().time()
        await self._queues[batch.partition].put((outcome, batch, started))

    async def idle(self) -> None:
        """Until nothing is changing hands and everything decided is durable; the gate must be closed."""
        async with self.changing_hands:
            await self.settled()

    async def settled(self) -> None:
        """Until everything decided is durable."""
        await asyncio.gather(*(queue.join() for queue in self._queues.values()))

    def adopt(self, committers: Mapping[int, Committer], loaded: Mapping[int, Rows]) -> None:
        """Take over partitions that are fenced and loaded."""
        for partition, rows in loaded.items():
            self.rows[partition] = rows
            for place in [place for place in self._in_flight if place[1] == partition]:
                del self._in_flight[place]
            self._queues[partition] = asyncio.Queue()
            self._committers[partition] = committers[partition]
            self._settlers[partition] = asyncio.create_task(self._settle(partition))
            for key, row in rows.items():
                self.index.set(key, partition, header_of(row).bell_at)

    async def release(self, partitions: frozenset[int]) -> None:
        """Let go of partitions: rows, index entries, settlers and producers.

        A batch that a settler is committing is broken off: its transaction ends with the next owner's fence, as a whole
        or not at all.
        """
        gone = partitions & self.owned
        self.index.drop(gone)  # before the first await: a bell must find the row of its ticket
        settlers = [self._settlers.pop(partition) for partition in gone]
        for settler in settlers:
            settler.cancel()
        for partition in gone:
            del self.rows[partition], self._queues[partition]
        await asyncio.gather(*settlers, return_exceptions=True)
        await asyncio.gather(*(_close(self._committers.pop(partition)) for partition in gone))

    async def _settle(self, partition: int) -> None:
        """First in, first out; the only one that commits this partition."""
        queue, committer = self._queues[partition], self._committers[partition]
        loop = asyncio.get_running_loop()
        while True:
            outcome, batch, started = await queue.get()
            try:
                await committer.commit(outcome, batch.next_offset)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 (whatever it is, the log is behind memory now)
                self.fatal(error)
                return
            self._in_flight[batch.generation, partition] -= 1
            self._on_durable(outcome, loop.time() - started)
            queue.task_done()


async def _close(committer: Committer) -> None:
    """Bounded: a producer that cannot reach the broker, or is fenced, may have something it can never send."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await committer.stop()
