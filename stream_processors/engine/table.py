"""The Faust table of the tickets: read through Faust like any other, its rows held by the desk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.topics import partition_of
from stream_processors.engine.desk import Desk


class RowsInHand(Mapping[bytes, bytes]):
    """Every row of the partitions that are owned now, by ticket key; only the desk writes."""

    def __init__(self, desk: Desk, partitions: int) -> None:
        self._desk = desk
        self._partitions = partitions

    def __getitem__(self, key: bytes) -> bytes:
        return self._desk.rows.get(partition_of(key, self._partitions), {})[key]

    def __iter__(self) -> Iterator[bytes]:
        return (key for rows in self._desk.rows.values() for key in rows)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._desk.rows.values())
