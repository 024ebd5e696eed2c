"""Taking partitions over after a rebalance, in the place of Faust's table recovery.

Relied on in Faust 0.15.3: ``App.conf.TableManager`` chooses the class; ``TableManager.recovery`` is asked for
``on_rebalance`` and ``on_partitions_revoked``, its ``completed`` event lets the app start its timers, and
``_resume_streams`` shows what must be resumed. Faust's own recovery never runs, so no row passes through it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from faust.tables.manager import TableManager
from mode import Service
from mode.utils.locks import Event

from schemas.topics import TICKETS
from stream_processors.engine.committers import Committer
from stream_processors.engine.desk import Desk
from stream_processors.engine.loader import Rows

log = structlog.get_logger()

_PATIENCE_S = 60.0
"""A worker that waits longer than this for partitions, though the broker can be reached, will never get any."""
_LOOK_S = 1.0

NewCommitter = Callable[[int], Committer]
Load = Callable[[list[int]], dict[int, Rows]]


class Takeover(Service):  # type: ignore[misc]
    """Fence, load, index, seek, open; in this order, for one generation at a time, outside the rebalance callback."""

    def __init__(self, app: Any, desk: Desk, new_committer: NewCommitter, load: Load, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.completed = Event()
        self.in_recovery = False
        self._desk = desk
        self._new_committer = new_committer
        self._load = load
        self._wanted = asyncio.Event()
        self._generation = 0
        self._moves = 0  # counts every revoke and every assignment: a takeover is for the last one or for nothing
        self._last_opened: int | None = None
        self._taking_over = False

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 (Faust's signature)
        """Partitions are moving: nothing more is fetched, decided or rung for."""
        self._moves += 1
        self._desk.gate.close()

    async def on_rebalance(
        self,
        assigned: Any,  # noqa: ARG002 (Faust's signature)
        revoked: Any,  # noqa: ARG002
        newly_assigned: Any,  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Partitions are assigned; the work is left to the task, so that heartbeats go on."""
        self._moves += 1
        self._desk.gate.close()
        self._generation = generation_id
        self._wanted.set()

    @Service.task  # type: ignore[untyped-decorator]
    async def _take_over_task(self) -> None:
        while not self.should_stop:
            await self._wanted.wait()
            self._wanted.clear()
            self._taking_over = True
            try:
                await self._take_over(self._generation, self._moves)
            except Exception as error:  # noqa: BLE001 (half taken over is no state to work in)
                self._desk.fatal(error)
            self._taking_over = False

    @Service.task  # type: ignore[untyped-decorator]
    async def _watch_task(self) -> None:
        """End a worker that is out of its group, or waits for partitions that never come."""
        waited = 0.0
        while not self.should_stop:
            await self.sleep(_LOOK_S)
            error = self.app.consumer.membership_error()
            if error is not None:
                self._desk.fatal(error)
            waits = self._desk.gate.generation is None and not self._taking_over and await self._broker_answers()
            waited = waited + _LOOK_S if waits else 0.0
            if waited >= _PATIENCE_S:
                self._desk.fatal(TimeoutError(f"no partitions were assigned for {_PATIENCE_S:.0f} s"))

    async def _broker_answers(self) -> bool:
        for url in self.app.conf.broker:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    _, writer = await asyncio.open_connection(url.host, url.port)
                writer.close()
                return True
        return False

    async def _take_over(self, generation: int, moves: int) -> None:
        """Become the owner of this generation's partitions.

        Order:

        1. let go of what is no longer ours, or was perhaps another's in between;
        2. fence: initialise the transactional id of each new partition;
        3. load its rows, which nobody else can change any more;
        4. index their deadlines;
        5. seek to the committed offsets, which are final since the fence;
        6. open the gate, if no other rebalance has begun meanwhile.
        """
        started = time.monotonic()
        owned = frozenset(tp.partition for tp in self.app.assignor.assigned_actives() if tp.topic == TICKETS)
        async with self._desk.changing_hands, asyncio.timeout(_PATIENCE_S):
            if not self._is_current(generation, moves):
                return  # fencing now could hit the next owner
            gained, committers = await self._change_hands(generation, owned)
        loaded = await asyncio.get_running_loop().run_in_executor(None, self._load, gained)
        self._desk.adopt(committers, loaded)
        if not await self._resume(generation, moves, owned):
            return
        rows = sum(len(rows) for rows in self._desk.rows.values())
        seconds = round(time.monotonic() - started, 3)
        log.info("partitions taken over", partitions=sorted(owned), rows=rows, armed=len(self._desk.index), s=seconds)

    async def _change_hands(self, generation: int, owned: frozenset[int]) -> tuple[list[int], Mapping[int, Committer]]:
        """Let go and fence; which partitions were gained, and who writes for them.

        What we worked on in the generation just before was nobody else's in between.
        """
        await self._desk.settled()  # or the seek would go behind what is decided
        uninterrupted = self._last_opened is not None and generation == self._last_opened + 1
        await self._desk.release(self._desk.owned - owned if uninterrupted else self._desk.owned)
        gained = sorted(owned - self._desk.owned)
        return gained, await self._fence(gained)

    async def _fence(self, partitions: list[int]) -> Mapping[int, Committer]:
        committers = {partition: self._new_committer(partition) for partition in partitions}
        await asyncio.gather(*(committer.start() for committer in committers.values()))
        return committers

    async def _resume(self, generation: int, moves: int, owned: frozenset[int]) -> bool:
        """Seek and open; whether the gate is open now."""
        app, consumer = self.app, self.app.consumer
        async with self._desk.fetching, asyncio.timeout(_PATIENCE_S):
            if not self._is_current(generation, moves):
                return False
            app.flow_control.resume()
            consumer.resume_flow()
            if owned:
                await consumer.seek_to_undecided()
            await app._fetcher.maybe_start()  # noqa: SLF001 (as Faust's recovery does)
            if not self._is_current(generation, moves):
                return False
            app.tables.on_actives_ready()
            app.tables.on_standbys_ready()
            app.on_rebalance_end()
            self._last_opened = generation
            self._desk.gate.open(generation, owned)
            self.completed.set()
        return True

    def _is_current(self, generation: int, moves: int) -> bool:
        """Whether no partition has moved since; a revoke counts before the next generation is known."""
        return moves == self._moves and bool(self.app.consumer_generation_id == generation)


class Tables(TableManager):  # type: ignore[misc]
    """Faust's table manager with the takeover in the place of its recovery."""

    takeover: Takeover

    @property
    def recovery(self) -> Takeover:
        """What Faust calls recovery."""
        return self.takeover

    async def on_start(self) -> None:
        """Register the changelog at once; Faust would wait a second first."""
        await self._update_channels()
        await self.takeover.start()

    async def on_stop(self) -> None:
        """Stop fetching; Faust's manager would stop its own recovery and the tables here.

        A table's cleaner does not notice the stop for seconds, and there is nothing to clean: the desk holds the rows.
        """
        await self.app._fetcher.stop()  # noqa: SLF001 (as Faust's manager does)
        await self.takeover.stop()
