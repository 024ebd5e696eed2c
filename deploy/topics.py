"""Creating the topics on a real broker, and refusing one whose topics would break a promise."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from schemas.topics import ALL, TICKETS

_LOOKS = 10
_LOOK_EVERY_S = 0.2


class TopicProblemError(RuntimeError):
    """A topic is missing or set up so that a promise would not hold; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it. ``created``: just now, by us."""

    name: str
    partitions: int
    created: bool
    about: str


def create_topics(bootstrap: str, partitions: int, replication: int = 1) -> list[TopicState]:
    """Create what is missing, change nothing that exists, and check the result.

    Raises:
        TopicProblemError: an existing topic does not fit.
        KafkaError: the broker refuses.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        missing = [topic for topic in ALL if topic.name not in set(admin.list_topics())]
        for topic in missing:
            settings = topic.settings | ({"min.insync.replicas": "2"} if replication > 2 else {})  # noqa: PLR2004
            try:
                admin.create_topics([NewTopic(topic.name, partitions, replication, topic_configs=settings)])
            except TopicAlreadyExistsError:
                continue  # another process was quicker
        counts = _check(admin, partitions)
    finally:
        admin.close()
    created = {topic.name for topic in missing}
    return [TopicState(topic.name, counts[topic.name], topic.name in created, topic.about) for topic in ALL]


def check_topics(bootstrap: str, partitions: int) -> None:
    """Refuse a broker whose topics are missing or unfit.

    Raises:
        TopicProblemError: with what to do.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        _check(admin, partitions)
    finally:
        admin.close()


def _check(admin: KafkaAdminClient, partitions: int) -> dict[str, int]:
    names = [topic.name for topic in ALL]
    absent = _absent(admin, names)
    if absent:
        raise TopicProblemError(f"topics are missing: {', '.join(absent)}; run `hotline topics` first")
    counts = {entry["name"]: len(entry["partitions"]) for entry in admin.describe_topics(names)}
    wrong = [f"{name} has {count}" for name, count in counts.items() if count != partitions]
    if wrong:
        raise TopicProblemError(
            f"all topics need {partitions} partitions, but {', '.join(wrong)}; set HOTLINE_PARTITIONS to what the "
            "topics have, or create new topics"
        )
    if _timestamp_type(admin) != "LogAppendTime":
        raise TopicProblemError(
            f"{TICKETS} must have message.timestamp.type=LogAppendTime, or any client could move the clocks; set it "
            "with your broker's tools before the first record"
        )
    return counts


def _absent(admin: KafkaAdminClient, names: list[str]) -> list[str]:
    """The topics that do not exist; a new one needs a moment until the broker shows it."""
    for _ in range(_LOOKS):
        absent = sorted(set(names) - set(admin.list_topics()))
        if not absent:
            break
        time.sleep(_LOOK_EVERY_S)
    return absent


def _timestamp_type(admin: KafkaAdminClient) -> str | None:
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TICKETS)], config_filter="all")
    stamp: str | None = described["topic"][TICKETS]["message.timestamp.type"]["value"]
    return stamp
