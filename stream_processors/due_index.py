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
        self._armed: dict[bytes, int] = {}  # when each entry is due to be taken; absent while it rests
        self._heap: list[tuple[int, bytes]] = []  # may hold what is no longer armed
        self._last_tick = 0

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: bytes, partition: int, at: int | None) -> None:
        """The ticket now waits for ``at``, or for nothing."""
        known = self._entries.get(key)
        if at is None:
            self._entries.pop(key, None)
            self._armed.pop(key, None)
            return
        unmoved = known is not None and known.at == at
        if unmoved and key in self._armed:
            return
        self._entries[key] = Ring(key, partition, at)
        self._arm(key, max(at, self._last_tick + _AGAIN_MS) if unmoved else at)

    def take(self, now: int, limit: int) -> list[Ring]:
        """At most ``limit`` tickets whose instant has come, the oldest first; each is taken once until set anew."""
        self._last_tick = now
        due: list[Ring] = []
        while self._heap and self._heap[0][0] <= now and len(due) < limit:
            at, key = heapq.heappop(self._heap)
            if self._armed.get(key) == at:
                del self._armed[key]
                due.append(self._entries[key])
        return due

    def put_back(self, rings: Iterable[Ring]) -> None:
        """The bells could not be sent: they are due again."""
        for ring in rings:
            if self._entries.get(ring.key) == ring and ring.key not in self._armed:
                self._arm(ring.key, self._last_tick + _AGAIN_MS)

    def next_at(self) -> int | None:
        """An instant before which nothing is due."""
        return self._heap[0][0] if self._heap else None

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget the tickets of partitions that are no longer owned."""
        gone = set(partitions)
        self._entries = {key: ring for key, ring in self._entries.items() if ring.partition not in gone}
        self._armed = {key: at for key, at in self._armed.items() if key in self._entries}
        self._heap = [(at, key) for key, at in self._armed.items()]
        heapq.heapify(self._heap)

    def _arm(self, key: bytes, at: int) -> None:
        self._armed[key] = at
        heapq.heappush(self._heap, (at, key))
