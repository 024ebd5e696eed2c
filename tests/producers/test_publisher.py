"""The publisher on the embedded broker and on a real one: what it says is sent has arrived, where it belongs."""

from __future__ import annotations

import gc
import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from deploy.embedded import EmbeddedBroker
from producers.publisher import Publisher, PublishError
from schemas.codec import MAX_MESSAGE_BYTES, decode_command, encode_command
from schemas.commands import AcceptTicket, Command, SubmitResult
from schemas.enums import Disposition
from schemas.topics import PARTITIONS, TICKETS, key_of, partition_of
from tests.producers.reading import read_topic
from tests.support.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""kafka-python leaves a socket unclosed at every reconnection; the garbage collector finds it."""

NOBODY = "127.0.0.1:9"


def command(number: int, ticket: uuid.UUID | None = None) -> Command:
    return Command(
        id=str(number), source="test", ticket_id=ticket or uuid.uuid4(), policy_set="any", data=AcceptTicket()
    )


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """Let the sockets be found here, not in the middle of another file's tests."""
    yield
    gc.collect()


@pytest.fixture
def bootstrap(embedded_broker: EmbeddedBroker) -> str:
    embedded_broker.ensure([TICKETS])
    return embedded_broker.bootstrap


@pytest.fixture
def topic(kafka: KafkaServer) -> str:
    name = f"tickets-{uuid.uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
    admin.close()
    return name


def test_commands_arrive_where_their_tickets_belong_and_in_order(bootstrap: str) -> None:
    tickets = [uuid.uuid4() for _ in range(30)]
    sent = [command(number, tickets[number % 30]) for number in range(600)]
    with Publisher(bootstrap, embedded=True) as publisher:
        assert publisher.publish(sent) == 600
    records = read_topic(bootstrap, TICKETS)
    for ticket in tickets:
        got = [record for record in records if record.key() == key_of(ticket)]
        assert {record.partition() for record in got} == {partition_of(key_of(ticket))}
        assert [decode_command(record.value()) for record in got] == [one for one in sent if one.ticket_id == ticket]


def test_progress_counts_what_the_broker_has_acknowledged(bootstrap: str) -> None:
    told: list[int] = []
    with Publisher(bootstrap, embedded=True) as publisher:
        publisher.publish((command(number) for number in range(2_500)), told.append)
    assert told == sorted(told)
    assert told[-1] == 2_500


def test_one_command_comes_back_with_its_place_at_once(bootstrap: str) -> None:
    with Publisher(bootstrap, embedded=True) as publisher:
        publisher.publish_one(command(1))
        began = time.monotonic()
        one = command(2)
        place = publisher.publish_one(one)
        assert time.monotonic() - began < 1
    record = next(record for record in read_topic(bootstrap, TICKETS) if record.key() == key_of(one.ticket_id))
    assert (record.partition(), record.offset()) == (place.partition, place.offset)


def test_an_oversized_command_is_refused_before_it_is_sent(bootstrap: str) -> None:
    data = SubmitResult.model_construct(disposition=Disposition.SERVICE, text="x" * MAX_MESSAGE_BYTES)
    with (
        Publisher(bootstrap, embedded=True) as publisher,
        pytest.raises(PublishError, match="shorten its text"),
    ):
        publisher.publish_one(command(1).model_copy(update={"data": data}))
    assert read_topic(bootstrap, TICKETS) == []


def test_a_topic_with_other_partitions_is_refused(bootstrap: str) -> None:
    with pytest.raises(PublishError, match="4 partitions instead of 7"):
        Publisher(bootstrap, embedded=True, partitions=7)


@pytest.mark.parametrize("embedded", [True, False])
def test_without_a_broker_it_gives_up_in_time_and_says_what_to_do(
    embedded: bool,  # noqa: FBT001
    capfd: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with pytest.raises(PublishError, match=r"no Kafka broker answers at .* start Kafka or correct the address"):
        Publisher(NOBODY, embedded=embedded, connect_s=1.5)
    assert time.monotonic() - began < 5
    said = "".join(capfd.readouterr())
    assert "trying again" in said
    assert "Traceback" not in said


def test_a_broker_that_goes_away_is_an_error_and_not_a_success() -> None:
    broker = EmbeddedBroker()
    broker.ensure([TICKETS])
    with Publisher(broker.bootstrap, embedded=True, timeout_s=1.5) as publisher:
        publisher.publish_one(command(1))
        broker.close()
        with pytest.raises(PublishError, match="not acknowledged"):
            publisher.publish(command(number) for number in range(5))


def test_an_error_in_the_commands_themselves_surfaces(bootstrap: str) -> None:
    def broken() -> Iterator[Command]:
        yield command(1)
        raise LookupError("no more")

    with Publisher(bootstrap, embedded=True) as publisher, pytest.raises(LookupError, match="no more"):
        publisher.publish(broken())


def test_a_real_broker_gets_everything_once_in_order(kafka: KafkaServer, topic: str) -> None:
    tickets = [uuid.uuid4() for _ in range(50)]
    sent = [command(number, tickets[number % 50]) for number in range(30_000)]
    with Publisher(kafka.bootstrap, topic=topic) as publisher:
        assert publisher.publish(sent) == 30_000
    records = read_topic(kafka.bootstrap, topic)
    for ticket in tickets:
        got = [record.value() for record in records if record.key() == key_of(ticket)]
        assert got == [encode_command(one) for one in sent if one.ticket_id == ticket]


def test_a_real_broker_may_fall_over_meanwhile(kafka: KafkaServer, topic: str) -> None:
    sent = [command(number) for number in range(4_000)]

    def with_a_crash() -> Iterator[Command]:
        for number, one in enumerate(sent):
            if number == 2_000:
                kafka.kill()
                kafka.start()
            yield one

    with Publisher(kafka.bootstrap, topic=topic) as publisher:
        assert publisher.publish(with_a_crash()) == len(sent)
    arrived = [record.value() for record in read_topic(kafka.bootstrap, topic)]
    assert sorted(arrived) == sorted(encode_command(one) for one in sent)


def test_a_missing_topic_is_named(kafka: KafkaServer) -> None:
    with pytest.raises(PublishError, match="topic not-there is missing"):
        Publisher(kafka.bootstrap, topic="not-there", connect_s=1)
