"""Computed names: tickets, facts, keys, public numbers, marks, partitions."""

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import aiokafka.partitioner
import kafka.partitioner.default
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import command_mark, fact_id, key_id, public_number, refusal_id, ticket_id
from schemas.topics import ALL, PARTITIONS, key_of, partition_of

TICKET = UUID("98303387-2a1d-5a6f-a885-a73a0695dd84")
TEXTS = st.text(max_size=40)


def test_a_second_push_of_a_case_is_the_same_ticket() -> None:
    assert ticket_id("12328", "JN12328-20241231-004217") == TICKET


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_only_the_same_source_and_number_are_the_same_ticket(source: str, number: str, other: str, third: str) -> None:
    assert (ticket_id(source, number) == ticket_id(other, third)) is ((source, number) == (other, third))


def test_names_stay_what_they_were_when_first_given_out() -> None:
    assert fact_id(TICKET, 1) == UUID("b8b64894-28ce-5af0-84f9-27ca906cd74d")
    assert refusal_id("hotline.tickets", 3, 112) == UUID("f8b7c5f5-68b9-5d9a-a62a-b5f859f48ff5")
    assert key_id(TICKET) == UUID("b218edd3-81cf-5b95-8db1-45daae6a7721")


def test_facts_refusals_and_keys_never_share_a_name() -> None:
    names = {fact_id(TICKET, version) for version in range(1, 50)}
    names |= {refusal_id("hotline.tickets", partition, 7) for partition in range(4)} | {key_id(TICKET), TICKET}
    assert len(names) == 49 + 4 + 2


@given(st.uuids(), st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1)))  # noqa: DTZ001
def test_a_public_number_is_the_day_and_eight_letters_nobody_misreads(ticket: UUID, day: datetime) -> None:
    number = public_number(ticket, day)
    assert re.fullmatch(r"\d{8}-[0-9A-HJKMNP-TV-Z]{8}", number)
    assert number.startswith(f"{day:%Y%m%d}-")


def test_a_public_number_carries_the_local_day_and_the_ticket() -> None:
    evening = datetime(2024, 12, 31, 16, 30, tzinfo=UTC).astimezone(timezone(timedelta(hours=8)))
    assert public_number(TICKET, evening) == "20250101-K0R371SA"
    assert len({public_number(uuid4(), evening) for _ in range(2_000)}) == 2_000


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_a_mark_tells_commands_apart(source: str, command: str, other: str, third: str) -> None:
    if "\x00" in source + other:
        return
    same = command_mark(source, command) == command_mark(other, third)
    assert len(command_mark(source, command)) == 8
    assert same is ((source, command) == (other, third))


class Cluster:
    """What kafka-python's partitioner asks of a cluster."""

    def __init__(self, partitions: int) -> None:
        self.partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return self.partitions

    def available_partitions_for_topic(self, _topic: str) -> set[int]:
        return self.partitions


@given(st.uuids(), st.integers(1, 64))
def test_a_key_belongs_where_kafka_python_and_aiokafka_put_it(ticket: UUID, partitions: int) -> None:
    key, numbers = key_of(ticket), list(range(partitions))
    ours = partition_of(key, partitions)
    assert ours == kafka.partitioner.default.DefaultPartitioner().partition(
        "t", None, key, None, b"", Cluster(partitions)
    )
    assert ours == aiokafka.partitioner.DefaultPartitioner()(key, numbers, numbers)


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_a_key_belongs_where_the_java_client_puts_it(key: bytes, java: int) -> None:
    assert partition_of(key, 1 << 31) == java & 0x7FFFFFFF


def test_a_key_is_the_ticket_id_in_ascii_and_stays_in_its_partition() -> None:
    assert key_of(TICKET) == b"98303387-2a1d-5a6f-a885-a73a0695dd84"
    assert partition_of(key_of(TICKET)) == 3


def test_tickets_spread_over_all_partitions() -> None:
    counts = [0] * PARTITIONS
    for number in range(4_000):
        counts[partition_of(key_of(ticket_id("12328", str(number))))] += 1
    assert min(counts) > 850


def test_the_topics_keep_their_records_as_their_purpose_asks() -> None:
    settings = {topic.name: topic.settings for topic in ALL}
    assert settings["hotline.tickets"]["message.timestamp.type"] == "LogAppendTime"
    assert settings["hotline.events"]["retention.ms"] == "-1"
    assert settings["hotline.dead-letters"]["retention.ms"] == "-1"
    assert settings["hotline-worker-tickets-changelog"]["cleanup.policy"] == "compact"
