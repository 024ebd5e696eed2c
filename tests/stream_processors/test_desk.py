"""The desk: what it decides becomes durable in order, what is not its own is put aside, any failure is fatal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from schemas.topics import PARTITIONS, key_of
from stream_processors.engine.desk import IN_FLIGHT, Batch, Desk
from stream_processors.judge import DeadLetterCap, Outcome
from stream_processors.rows import header_of
from tests.domain.player import BUREAU
from tests.stream_processors.records import accept, number_id, opening, partition_for, record

PARTITION = partition_for("A")


class Log:
    """A committer that keeps what it is given, and can be told to wait or to fail."""

    def __init__(self) -> None:
        self.committed: list[tuple[Outcome, int]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.fails = False
        self.stopped = False

    async def start(self) -> None:
        """Nothing to fence."""

    async def commit(self, outcome: Outcome, next_offset: int) -> None:
        await self.may_go_on.wait()
        if self.fails:
            raise ConnectionError("the broker is gone")
        self.committed.append((outcome, next_offset))

    async def stop(self) -> None:
        self.stopped = True


class Scene:
    """A desk that owns one partition."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.log = Log()
        self.desk = Desk({BUREAU.name: BUREAU}, PARTITIONS, self.failures.append)
        self.desk.adopt({PARTITION: self.log}, {PARTITION: {}})
        self.desk.gate.open(1, frozenset({PARTITION}))

    async def hand_in(self, *commands: Any, first: int = 0, generation: int = 1) -> Batch:
        records = tuple(record(command, first + i) for i, command in enumerate(commands))
        batch = Batch(PARTITION, generation, records)
        self.desk.took(batch)
        await self.desk.handle(batch)
        return batch


def played(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 10))


def test_batches_become_durable_first_in_first_out() -> None:
    async def story() -> None:
        scene = Scene()
        await scene.hand_in(opening("A"))
        await scene.hand_in(accept("A"), first=1)
        await scene.desk.idle()
        assert [next_offset for _, next_offset in scene.log.committed] == [1, 2]
        row = scene.desk.rows[PARTITION][key_of(number_id("A"))]
        assert header_of(row).offset == 1
        assert len(scene.desk.index) == 1

    played(story())


def test_memory_may_run_ahead_by_a_few_batches_and_no_more() -> None:
    async def story() -> None:
        scene = Scene()
        scene.log.may_go_on.clear()
        for number in range(IN_FLIGHT):
            assert scene.desk.has_room(PARTITION)
            await scene.hand_in(opening("A"), first=number)
        assert not scene.desk.has_room(PARTITION)
        scene.log.may_go_on.set()
        await scene.desk.idle()
        assert scene.desk.has_room(PARTITION)

    played(story())


def test_a_batch_of_another_generation_is_put_aside_undecided() -> None:
    async def story() -> None:
        scene = Scene()
        await scene.hand_in(opening("A"), generation=0)
        scene.desk.gate.close()
        await scene.hand_in(opening("A"))
        assert scene.desk.rows[PARTITION] == {}
        assert scene.log.committed == []
        assert scene.desk.has_room(PARTITION)

    played(story())


def test_a_batch_that_cannot_be_made_durable_is_fatal_and_nothing_follows_it() -> None:
    async def story() -> None:
        scene = Scene()
        scene.log.fails = True
        await scene.hand_in(opening("A"))
        await scene.hand_in(accept("A"), first=1)
        await asyncio.sleep(0.05)
        assert [type(failure) for failure in scene.failures] == [ConnectionError]
        assert scene.log.committed == []

    played(story())


def test_a_flood_of_rubbish_is_fatal_before_it_is_acknowledged() -> None:
    async def story() -> None:
        scene = Scene()
        scene.desk._cap = DeadLetterCap(window=10, least=2)
        rubbish = Batch(PARTITION, 1, tuple(_rubbish(number) for number in range(5)))
        scene.desk.took(rubbish)
        await scene.desk.handle(rubbish)
        assert "cannot be read" in str(scene.failures[0])
        assert scene.log.committed == []

    played(story())


def _rubbish(offset: int) -> Any:
    good = record(opening("A"), offset)
    return type(good)(good.partition, offset, good.at, good.key, b"rubbish")


def test_letting_go_forgets_rows_deadlines_and_the_producer() -> None:
    async def story() -> None:
        scene = Scene()
        await scene.hand_in(opening("A"))
        await scene.desk.idle()
        await scene.desk.release(frozenset({PARTITION}))
        assert scene.desk.owned == frozenset()
        assert len(scene.desk.index) == 0
        assert scene.log.stopped

    played(story())


def test_rows_taken_over_are_armed_at_once() -> None:
    async def story() -> None:
        first = Scene()
        await first.hand_in(opening("A"))
        rows = dict(first.desk.rows[PARTITION])
        second = Desk({BUREAU.name: BUREAU}, PARTITIONS, first.failures.append)
        second.adopt({PARTITION: Log()}, {PARTITION: rows})
        bell_at = header_of(rows[key_of(number_id("A"))]).bell_at
        assert bell_at is not None
        assert [ring.at for ring in second.index.take(bell_at, 10)] == [bell_at]

    played(story())
