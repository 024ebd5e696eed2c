"""Four strikes, seeded, on a real Kafka and PostgreSQL; the long run is ``python -m tests.chaos.harness``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.harness import LEAST_UNDECIDED, Chaos, chaos
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.postgres import running_postgres

SEED = 3012
STRIKES = ("worker joins", "stop worker, wake it", "kill worker, back at once", "kill broker")


@pytest.fixture
def run(tmp_path: Path, kafka: KafkaServer, database_url: str) -> Iterator[Chaos]:
    """Give a run over a broker and a database server of its own: both are struck."""
    del kafka, database_url  # only say whether there can be such servers
    with running_kafka() as own_kafka, running_postgres() as own_postgres:
        url = own_postgres.fresh_database()
        with chaos(tmp_path, own_kafka, own_postgres, url, SEED) as made:
            yield made


def test_four_strikes_lose_nothing_and_repeat_nothing(run: Chaos) -> None:
    for number, strike in enumerate(STRIKES, 1):
        assert run.round(number, strike).undecided > LEAST_UNDECIDED
    report = run.end()
    assert not report.deaths
    assert not report.findings.wrong, dict(report.findings.examples)
    assert report.verified["sound"], report.verified
    assert report.verified["repeated"] == 0
    assert report.findings.figures["breaches"] > 0, "bells rang"
