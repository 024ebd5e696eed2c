"""Making a batch durable: one Kafka transaction, or on the embedded broker an acknowledgement barrier."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from schemas.codec import DeadLetter
from schemas.topics import DEAD_LETTERS, EVENTS, STATES, TICKETS, WORKER_GROUP, key_of, partition_of
from stream_processors.judge import Outcome

TRANSACTION_TIMEOUT_S = 15
"""After a kill -9 readers wait at most this long for the transaction left open."""
_BATCH_BYTES = 512 * 1024

KeyValue = tuple[bytes, bytes]
CommitOffset = Callable[[int, int], Awaitable[None]]


class Committer(Protocol):
    """Makes batches of one source partition durable, one after another."""

    async def start(self) -> None:
        """Become the only writer for this partition. Must end before the partition's rows are loaded."""

    async def commit(self, outcome: Outcome, next_offset: int) -> None:
        """Write a batch's effects; on return they are durable and the source is acknowledged up to ``next_offset``."""

    async def stop(self) -> None:
        """Let go."""


class TransactionCommitter:
    """For real Kafka: the partition's own transactional id, so that the broker fences a former owner."""

    def __init__(self, settings: Mapping[str, Any], partition: int) -> None:
        self._partition = partition
        self._producer = AIOKafkaProducer(
            **settings,
            transactional_id=f"{WORKER_GROUP}-{partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_S * 1000,
            max_batch_size=_BATCH_BYTES,
            max_request_size=2 * 1024 * 1024,
            linger_ms=0,
        )

    async def start(self) -> None:
        """Initialise the transactional id; whoever held it can write no more."""
        await self._producer.start()

    async def commit(self, outcome: Outcome, next_offset: int) -> None:
        """One transaction.

        Durable order:

        1. begin;
        2. facts and refusals to ``hotline.events``, dead letters to ``hotline.dead-letters``;
        3. rows to the changelog;
        4. the source offset;
        5. commit: readers see all of it or nothing.

        Raises:
            KafkaError: fenced by a new owner, or the broker failed; the process must end.
        """
        async with asyncio.timeout(2 * TRANSACTION_TIMEOUT_S):
            await self._producer.begin_transaction()
            sent = await _send_facts(self._producer, outcome, self._partition)
            sent += await _send(self._producer, STATES, self._partition, outcome.rows.items())
            await asyncio.gather(*sent)
            offsets = {TopicPartition(TICKETS, self._partition): OffsetAndMetadata(next_offset, "")}
            await self._producer.send_offsets_to_transaction(offsets, WORKER_GROUP)
            await self._producer.commit_transaction()

    async def stop(self) -> None:
        """Close the producer."""
        await self._producer.stop()


class BarrierCommitter:
    """For the embedded broker, which has no transactions: acknowledgements awaited strictly in order."""

    def __init__(self, settings: Mapping[str, Any], partition: int, commit_offset: CommitOffset) -> None:
        self._partition = partition
        self._commit_offset = commit_offset
        self._producer = AIOKafkaProducer(
            **settings, acks="all", max_batch_size=_BATCH_BYTES, max_request_size=2 * 1024 * 1024, linger_ms=0
        )

    async def start(self) -> None:
        """Connect. Nothing is fenced: only one worker may run on the embedded broker."""
        await self._producer.start()

    async def commit(self, outcome: Outcome, next_offset: int) -> None:
        """A barrier after each step.

        Durable order:

        1. facts, refusals and dead letters are acknowledged;
        2. rows are acknowledged;
        3. the source offset is committed.

        A crash in between repeats the batch: the facts come out the same, and rows carry their source offset.
        """
        await asyncio.gather(*await _send_facts(self._producer, outcome, self._partition))
        await asyncio.gather(*await _send(self._producer, STATES, self._partition, outcome.rows.items()))
        await self._commit_offset(self._partition, next_offset)

    async def stop(self) -> None:
        """Close the producer."""
        await self._producer.stop()


async def _send_facts(producer: AIOKafkaProducer, outcome: Outcome, partition: int) -> list[Awaitable[Any]]:
    sent = await _send(producer, EVENTS, partition, ((key_of(fact.ticket_id), fact.encoded) for fact in outcome.facts))
    for letter in outcome.dead:
        record = _dead_record(letter)
        sent += await _send(producer, DEAD_LETTERS, partition_of(record[0]), [record])
    return sent


def _dead_record(letter: DeadLetter) -> KeyValue:
    key = f"{letter.topic}/{letter.partition}/{letter.offset}".encode()
    return key, letter.model_dump_json(exclude_none=True).encode()


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[KeyValue]
) -> list[Awaitable[Any]]:
    """Hand whole batches to the producer; the awaitables end when the broker has acknowledged them."""
    sent: list[Awaitable[Any]] = []
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    if batch.record_count():
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent
