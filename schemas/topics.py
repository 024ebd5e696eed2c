"""The topics: names, keys, partitions and settings in one place, and where a key belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from kafka.partitioner.default import murmur2

PARTITIONS = 4
"""Fixed when the topics are created; growing means new topics and a replay."""

TICKETS = "hotline.tickets"
EVENTS = "hotline.events"
DEAD_LETTERS = "hotline.dead-letters"
WORKER_GROUP = "hotline-worker"
STATES = f"{WORKER_GROUP}-tickets-changelog"

_SEGMENT = {"segment.bytes": str(64 * 1024 * 1024)}  # small enough that old rows are compacted away in time
_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of ours. ``key`` says in words what the record's key is."""

    name: str
    key: str
    about: str
    settings: dict[str, str] = field(default_factory=dict)


ALL = (
    Topic(
        TICKETS,
        "ticket id",
        "Commands: everything that can change a ticket. The broker stamps the time.",
        {"message.timestamp.type": "LogAppendTime", "retention.ms": str(90 * 86_400_000), **_SEGMENT},
    ),
    Topic(
        EVENTS,
        "ticket id",
        "Facts, in the order of each ticket's versions, and refusals.",
        _FOR_EVER | _SEGMENT,
    ),
    Topic(
        STATES,
        "ticket id",
        "The tickets' current states, from which a worker loads what it owns.",
        {"cleanup.policy": "compact", "max.compaction.lag.ms": str(6 * 3_600_000), **_SEGMENT},
    ),
    Topic(
        DEAD_LETTERS,
        "topic/partition/offset of the record",
        "Records that nobody can read, with reason and origin.",
        _FOR_EVER | _SEGMENT,
    ),
)


def key_of(ticket_id: UUID) -> bytes:
    """The record key of a ticket: its 36-letter form in ASCII."""
    return str(ticket_id).encode()


def partition_of(key: bytes, partitions: int = PARTITIONS) -> int:
    """The partition where a key belongs: murmur2 as in Kafka's Java client and kafka-python."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
