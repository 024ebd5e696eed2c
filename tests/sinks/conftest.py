"""Both databases for every test of the sinks that asks for ``url`` or ``engine``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.database import open_engine
from sinks.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.sqlite"
    return str(request.getfixturevalue("database_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Give a migrated database."""
    upgrade(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()
