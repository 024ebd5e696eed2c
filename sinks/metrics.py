"""What the database sink counts; each metric is described here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from schemas.facts import Fact

_BATCH_BUCKETS = (1, 5, 10, 50, 100, 250, 500, 1_000, 5_000)
_LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400)


class SinkMetrics:
    """The sink's counters in a registry of the caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._written = Counter(
            "hotline_sink_facts_written",
            "Facts and refusals written to the database and committed, replays included.",
            registry=registry,
        )
        self._new = Counter(
            "hotline_sink_facts_new",
            "Facts of tickets' chains that the database did not hold before.",
            registry=registry,
        )
        self._batch = Histogram(
            "hotline_sink_batch_facts",
            "Facts and refusals per transaction.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._lag = Histogram(
            "hotline_sink_lag_seconds",
            "Seconds from a fact's recorded_at to its being written; imported history lives by its own times.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._retries = Counter(
            "hotline_sink_retries",
            "Writes that were tried again because the database was away.",
            registry=registry,
        )

    def wrote(self, facts: Iterable[Fact], new: int, now: datetime) -> None:
        """A batch is in the database since ``now`` (UTC)."""
        lags = [max(0.0, (now - fact.recorded_at).total_seconds()) for fact in facts]
        self._written.inc(len(lags))
        self._new.inc(new)
        self._batch.observe(len(lags))
        for lag in lags:
            self._lag.observe(lag)

    def retried(self) -> None:
        """The database was away."""
        self._retries.inc()
