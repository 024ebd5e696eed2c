"""When to ring for which ticket: derived from the rows, ordered by instant, nothing in it is truth."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

_AGAIN_MS = 250
"""How long a ticket rests that was rung but not moved, as when the broker's clock is behind ours."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A ticket to ring for, with its partition and the instant it waits for."""

    key: bytes
    partition: int
    at: int


class DueIndex:
    """The next ring of every open ticket of the partitions owned; instants in milliseconds since 1970 UTC.

    An entry that was taken stays known until the agent sets it anew.
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, Ring] = {}
        self._heap: list[tuple[int, bytes]] = []
        self._rung: set[bytes] = set()
        self._last_tick = 0

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: bytes, partition: int, at: int | None) -> None:
        """The ticket now waits for ``at``, or for nothing."""
        known = self._entries.get(key)
        if known is not None and known.at == at and key not in self._rung:
            return
        unmoved = known is not None and known.at == at
        self._rung.discard(key)
        if at is None:
            self._entries.pop(key, None)
            return
        self._entries[key] = Ring(key, partition, at)
        heapq.heappush(self._heap, (max(at, self._last_tick + _AGAIN_MS) if unmoved else at, key))

    def take(self, now: int, limit: int) -> list[Ring]:
        """At most ``limit`` tickets whose instant has come, the oldest first; each is taken once until set anew."""
        self._last_tick = now
        due: list[Ring] = []
        while self._heap and self._heap[0][0] <= now and len(due) < limit:
            _, key = heapq.heappop(self._heap)
            ring = self._entries.get(key)
            if ring is None or ring.at > now or key in self._rung:
                continue
            self._rung.add(key)
            due.append(ring)
        return due

    def put_back(self, rings: Iterable[Ring]) -> None:
        """The bells could not be sent: they are due again."""
        for ring in rings:
            if ring.key in self._rung:
                self.set(ring.key, ring.partition, ring.at)

    def next_at(self) -> int | None:
        """The earliest instant waited for, at or before which nothing is due."""
        return self._heap[0][0] if self._heap else None

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget the tickets of partitions that are no longer owned."""
        gone = set(partitions)
        self._entries = {key: ring for key, ring in self._entries.items() if ring.partition not in gone}
        self._rung &= self._entries.keys()
        self._heap = [(at, key) for at, key in self._heap if key in self._entries]
        heapq.heapify(self._heap)
