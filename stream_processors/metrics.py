"""What a worker measures of itself, for Prometheus; base units, no ticket ids."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from schemas.facts import ClockBreached, CommandRefused
from stream_processors.due_index import Ring
from stream_processors.judge import Outcome

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class WorkerMetrics:
    """Counted when durable, not before."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter("hotline_commands", "Commands made durable.", registry=registry)
        self._facts = Counter("hotline_facts", "Facts made durable, by type.", ["type"], registry=registry)
        self._dead = Counter("hotline_dead_letters", "Unreadable records, by reason.", ["reason"], registry=registry)
        self._refused = Counter("hotline_refusals", "Commands refused, by reason.", ["reason"], registry=registry)
        self._bells = Counter("hotline_bells", "Bells rung.", registry=registry)
        self._batch = Histogram(
            "hotline_batch_seconds", "From decision to durability of a batch.", registry=registry, buckets=_SECONDS
        )
        self._detection = Histogram(
            "hotline_breach_detection_seconds",
            "How late a breach was noticed; not lateness of the unit's.",
            ["clock"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._ring = Histogram(
            "hotline_bell_lateness_seconds", "From a due instant to its bell.", registry=registry, buckets=_SECONDS
        )

    def durable(self, outcome: Outcome, seconds: float) -> None:
        """A batch is durable."""
        self._batch.observe(seconds)
        self._records.inc(outcome.records)
        for letter in outcome.dead:
            self._dead.labels(letter.reason).inc()
        for fact in outcome.facts:
            self._facts.labels(fact.data.type).inc()
            if isinstance(fact.data, CommandRefused):
                self._refused.labels(fact.data.reason).inc()
            if isinstance(fact.data, ClockBreached):
                self._detection.labels(fact.data.clock).observe(fact.data.detection_s)

    def rung(self, rings: list[Ring], now: int) -> None:
        """Bells were acknowledged by the broker."""
        self._bells.inc(len(rings))
        for ring in rings:
            self._ring.observe(max(0, now - ring.at) / 1000)
