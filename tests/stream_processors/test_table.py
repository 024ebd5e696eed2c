"""The Faust table shows the desk's rows and keeps its changelog where the topics say."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from schemas.topics import PARTITIONS, STATES, partition_of
from stream_processors.worker import Worker, WorkerSettings


@pytest.fixture
def worker() -> Worker:
    settings = WorkerSettings("127.0.0.1:1", "worker-1", PARTITIONS)
    return Worker(settings, {}, CollectorRegistry())


def test_rows_are_read_through_faust(worker: Worker) -> None:
    worker.desk.rows = {partition_of(b"a"): {b"a": b"row"}}
    assert worker.table[b"a"] == b"row"
    assert dict(worker.table.items()) == {b"a": b"row"}
    with pytest.raises(KeyError):
        worker.table[b"somebody else's"]


def test_the_changelog_is_the_topic_of_states(worker: Worker) -> None:
    assert worker.table.changelog_topic.get_topic_name() == STATES
