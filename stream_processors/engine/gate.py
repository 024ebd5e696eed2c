"""Who owns what right now: open only for the generation and partitions that were taken over completely."""

from __future__ import annotations

import asyncio


class Gate:
    """Asked before records are fetched, decided or rung for; closed whenever partitions move."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._partitions: frozenset[int] = frozenset()
        self._opened = asyncio.Event()

    def open(self, generation: int, partitions: frozenset[int]) -> None:
        """Everything of this generation is fenced and loaded."""
        self._generation = generation
        self._partitions = partitions
        self._opened.set()

    def close(self) -> None:
        """Partitions are moving; nothing is fetched, decided or rung for."""
        self._generation = None
        self._partitions = frozenset()
        self._opened.clear()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that may be worked on now."""
        return self._partitions

    @property
    def generation(self) -> int | None:
        """The generation for which the gate stands open."""
        return self._generation

    def admits(self, generation: int | None, partition: int) -> bool:
        """Whether work fetched in this generation for this partition still counts."""
        return generation is not None and generation == self._generation and partition in self._partitions

    async def wait(self) -> None:
        """Until the gate stands open."""
        await self._opened.wait()
