"""Creating the topics on a real broker, and refusing one whose topics would break a promise."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from schemas.topics import ALL, TICKETS
from schemas.words import SaidError

_LOOKS = 10
_LOOK_EVERY_S = 0.2


class TopicProblemError(SaidError):
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
        raise TopicProblemError(
            f"缺少主题：{'、'.join(absent)}。请先运行 `hotline topics`",
            f"topics are missing: {', '.join(absent)}; run `hotline topics` first",
        )
    counts = {entry["name"]: len(entry["partitions"]) for entry in admin.describe_topics(names)}
    wrong = {name: count for name, count in counts.items() if count != partitions}
    if wrong:
        found = "，".join(f"{name} 有 {count} 个" for name, count in wrong.items())
        raise TopicProblemError(
            f"每个主题都应有 {partitions} 个分区，现在 {found}。"
            "请把 HOTLINE_PARTITIONS 设为主题实有的分区数，或另建主题",
            f"all topics need {partitions} partitions, but "
            f"{', '.join(f'{name} has {count}' for name, count in wrong.items())}; set HOTLINE_PARTITIONS to what the "
            "topics have, or create new topics",
        )
    if _timestamp_type(admin) != "LogAppendTime":
        raise TopicProblemError(
            f"主题 {TICKETS} 必须设 message.timestamp.type=LogAppendTime，否则任何客户端都能改动计时。"
            "请在写入第一条记录之前用 Kafka 自带的工具设置",
            f"{TICKETS} must have message.timestamp.type=LogAppendTime, or any client could move the clocks; set it "
            "with your broker's tools before the first record",
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
