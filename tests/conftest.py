"""The fixtures that more than one test file uses."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from deploy.embedded import EmbeddedBroker
from tests.support.daemon import UnavailableError
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.postgres import PostgresServer, running_postgres

Server = TypeVar("Server")

# A slow machine is no fault of the code: what is right is tested here, how fast it is in tests/benchmarks.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """Give an empty in-memory broker; needs nothing of the machine."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """Give a real broker, shared by the session: use topics and groups of your own."""
    with ExitStack() as ends:
        yield _entered("Kafka", running_kafka(), ends)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a real PostgreSQL, shared by the session."""
    with ExitStack() as ends:
        yield _entered("PostgreSQL", running_postgres(), ends)


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """Give SQLAlchemy's URL of an empty database of PostgreSQL, dropped after the test."""
    url = postgres.fresh_database()
    yield url
    postgres.drop_database(url)


def _entered(name: str, server: AbstractContextManager[Server], ends: ExitStack) -> Server:
    """Start the server; where there can be none, skip the test, but fail it in CI."""
    try:
        return ends.enter_context(server)
    except UnavailableError as error:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{name}: {error}")
