"""What a topic holds, read with another client than the one that wrote it."""

from confluent_kafka import Consumer, Message, TopicPartition

from schemas.topics import PARTITIONS


def read_topic(bootstrap: str, topic: str) -> list[Message]:
    """All records, partition by partition, each in the order of its offsets."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "reading", "enable.auto.commit": False})
    try:
        return [record for partition in range(PARTITIONS) for record in _read(reader, topic, partition)]
    finally:
        reader.close()


def _read(reader: Consumer, topic: str, partition: int) -> list[Message]:
    _, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    reader.assign([TopicPartition(topic, partition, 0)])
    records: list[Message] = []
    while len(records) < end:
        record = reader.poll(10)
        assert record is not None
        assert record.error() is None
        records.append(record)
    return records
