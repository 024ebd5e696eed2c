"""Chaos, seeded: strikes at workers, sink, broker and database under a backlog, then everything counted from the log.

Run it with ``python -m tests.chaos.harness --rounds N --seed S``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from deploy.follow import ends_once_stored
from deploy.topics import create_topics
from schemas.topics import EVENTS, PARTITIONS, TICKETS, WORKER_GROUP
from sinks.runner import DEFAULT_GROUP
from tests.chaos.counting import Findings, count
from tests.chaos.crew import Crew
from tests.chaos.load import MOST_PRESSED, Load
from tests.chaos.progress import Progress
from tests.e2e.stories import QUICK_SET, SETTINGS
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.postgres import PostgresServer, running_postgres

SESSION_S = 6.0
LEAST_UNDECIDED = 1000
"""More than two transactions' worth of one partition; pitfalls.md 34: a gentle pace finds nothing."""
_FEW = 300
_NEXT_TO_NOTHING = 30  # bells go on
_BACKLOG_S = 60.0
_CATCH_UP_S = 120.0
_FIRST, _SECOND, _THIRD = "worker-1", "worker-2", "worker-3"
_LAST_BREACH_S = 6.0  # the accept clock of the quick set and its whole chain


@dataclass(frozen=True)
class Round:
    """A round's figures; times in seconds."""

    number: int
    kind: str
    undecided: int
    gap_s: float
    sink_gap_s: float
    restarts: int
    whole_s: float


@dataclass
class Report:
    """What a run came to."""

    rounds: list[Round] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    verified: dict[str, Any] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    restarts: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Nothing lost, nothing twice, nobody dead for another reason than code 70."""
        return (
            not self.findings.wrong
            and not self.deaths
            and bool(self.verified.get("sound"))
            and self.verified.get("repeated") == 0
        )


class Chaos:
    """One run over its own broker, database, workers and sink."""

    def __init__(
        self, folder: Path, kafka: KafkaServer, postgres: PostgresServer, database_url: str, seed: int
    ) -> None:
        self._folder = folder
        self._kafka = kafka
        self._postgres = postgres
        self._random = random.Random(seed)
        self._environment = os.environ | {
            "HOTLINE_BOOTSTRAP": kafka.bootstrap,
            "HOTLINE_DATABASE_URL": database_url,
            "HOTLINE_FOLDER": str(folder),
            "HOTLINE_LOG_JSON": "true",
            "HOTLINE_SESSION_TIMEOUT_S": str(SESSION_S),
            **SETTINGS,
        }
        self.crew = Crew(folder, self._environment)
        self.load = Load(kafka.bootstrap, QUICK_SET, seed)
        self._worker = Progress(kafka.bootstrap, WORKER_GROUP, TICKETS)
        self._sink = Progress(kafka.bootstrap, DEFAULT_GROUP, EVENTS)
        self.report = Report()
        self.strikes: Mapping[str, Callable[[], None]] = {
            "kill worker, back at once": self._kill_worker,
            "kill worker, gone": self._lose_worker,
            "stop worker, wake it": self._stop_worker,
            "kill sink": self._kill_sink,
            "kill broker": self._kill_broker,
            "kill database": self._kill_database,
            "worker leaves": self._worker_leaves,
            "worker joins": self._worker_joins,
            "kill both workers": self._kill_both,
            "two rebalances": self._two_rebalances,
        }

    def begin(self) -> None:
        """Topics, two workers, a sink and a steady flow."""
        create_topics(self._kafka.bootstrap, PARTITIONS)
        for name in ("sink", _FIRST, _SECOND):
            self.crew.start(name)
        self.crew.watch()
        for progress in (self._worker, self._sink):
            progress.start()
        self.load.start()
        self._until(lambda: self._moving() and self._caught_up(), _CATCH_UP_S, "the pipeline works")

    def _moving(self) -> bool:
        return len(self.load.acknowledged) > 500

    def round(self, number: int, kind: str) -> Round:
        """Grow a backlog, strike, and wait until the work has been caught up."""
        before = self.crew.restarts.total()
        started = time.monotonic()
        if kind == "worker joins":  # has to be away first
            self.crew.end(_SECOND)
            self._until(self._caught_up, _CATCH_UP_S, "one worker has caught up")
        undecided = self._press()
        self._worker.reset()
        self._sink.reset()
        self.load.ease()  # the steady flow goes on
        self.strikes[kind]()
        self._until(self._caught_up, _CATCH_UP_S, f"caught up after: {kind}")
        done = Round(
            number,
            kind,
            undecided,
            self._worker.longest_gap_s,
            self._sink.longest_gap_s,
            self.crew.restarts.total() - before,
            time.monotonic() - started,
        )
        self.report.rounds.append(done)
        return done

    def end(self) -> Report:
        """Stop everything, start it from Kafka, say more about the same tickets, and count."""
        self.load.stop()
        self._start_anew()
        for _ in range(2):
            self.load.more_for_the_same_tickets(2000)
            self._until(self._settled, _CATCH_UP_S, "all is decided and stored")
        time.sleep(_LAST_BREACH_S)
        self._until(self._settled, _CATCH_UP_S, "the last bells are decided and stored")
        settled_until = datetime.now(UTC) - timedelta(seconds=2)
        ends = ends_once_stored(self._kafka.bootstrap, DEFAULT_GROUP, PARTITIONS)
        self.report.verified = self._verify()
        for name in (_FIRST, _SECOND):
            self.crew.end(name)
        self.report.findings = count(self._kafka.bootstrap, ends, self.load.acknowledged, settled_until)
        self.report.deaths = self.crew.deaths
        self.report.restarts = self.crew.restarts.total()
        self.report.reasons = dict(self.crew.reasons())
        return self.report

    def close(self) -> None:
        """End every process and thread, whatever happened."""
        self.crew.close()
        for progress in (self._worker, self._sink):
            progress.stop()

    def _press(self) -> int:
        """Publish without pause until more than two batches are undecided; how many are."""
        self.load.press()
        limit = len(self.load.acknowledged) + MOST_PRESSED
        self._until(
            lambda: self._worker.behind > LEAST_UNDECIDED,
            _BACKLOG_S,
            "a backlog is there",
            give_up=lambda: len(self.load.acknowledged) > limit,
        )
        return self._worker.behind

    def _caught_up(self) -> bool:
        fresh = self._worker.is_fresh and self._sink.is_fresh
        return fresh and self._worker.behind < _FEW and self._sink.behind < _FEW and self.crew.all_work()

    def _settled(self) -> bool:
        return self._caught_up() and self._worker.behind < _NEXT_TO_NOTHING and self._sink.behind < _NEXT_TO_NOTHING

    def _until(
        self, condition: Callable[[], bool], patience_s: float, what: str, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline or give_up():
                raise TimeoutError(
                    f"not within {patience_s:.0f} s: {what}\nworker {self._worker.where()}\nsink {self._sink.where()}\n"
                    f"running {self.crew.running()}\n{self.crew.tails()}"
                )
            time.sleep(0.05)

    def _one(self) -> str:
        return self._random.choice((_FIRST, _SECOND))

    def _kill_worker(self) -> None:
        name = self._one()
        self.crew.kill(name)
        self.crew.start(name)

    def _lose_worker(self) -> None:
        """Down for longer than its session, so that its partitions move."""
        name = self._one()
        self.crew.kill(name)
        self._later(name, SESSION_S + 3)

    def _stop_worker(self) -> None:
        name = self._one()
        self.crew.freeze(name)
        time.sleep(SESSION_S + self._random.uniform(2, 5))
        self.crew.thaw(name)

    def _kill_sink(self) -> None:
        self.crew.kill("sink")
        self._later("sink", self._random.uniform(0, 3))

    def _kill_broker(self) -> None:
        self._kafka.kill()
        time.sleep(5)
        self._kafka.start()

    def _kill_database(self) -> None:
        self._postgres.kill()
        time.sleep(self._random.uniform(1, 4))
        self._postgres.start()

    def _worker_leaves(self) -> None:
        """SIGTERM: the other has to take over without waiting for a session to end."""
        name = self._one()
        self.crew.end(name)
        self._until(self._caught_up, _CATCH_UP_S, "the one that stayed has caught up")
        self.crew.start(name)

    def _worker_joins(self) -> None:
        self.crew.start(_SECOND)

    def _kill_both(self) -> None:
        for name in (_FIRST, _SECOND):
            self.crew.kill(name)
        for name in (_FIRST, _SECOND):
            self._later(name, self._random.choice((0.0, 1.0, SESSION_S + 1)))

    def _two_rebalances(self) -> None:
        """A third worker comes; while its rebalance is on, another leaves; and back again."""
        name = self._one()
        self.crew.start(_THIRD)
        self._until(lambda: self.crew.said(_THIRD, "worker starts"), _BACKLOG_S, "the third worker starts")
        time.sleep(self._random.uniform(0.2, 2))
        self.crew.end(name)
        self.crew.start(name)
        self._until(lambda: self.crew.said(name, "worker starts"), _BACKLOG_S, "the one that left is back")
        time.sleep(self._random.uniform(0.2, 2))
        self.crew.end(_THIRD)

    def _later(self, name: str, seconds: float) -> None:
        time.sleep(seconds)
        self.crew.start(name)

    def _start_anew(self) -> None:
        for name in sorted(self.crew.running()):
            self.crew.end(name)
        self._postgres.stop()
        self._kafka.stop()
        self._kafka.start()
        self._postgres.start()
        for name in ("sink", _FIRST, _SECOND):
            self.crew.start(name)

    def _verify(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "verify", "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode not in {0, 1} or not done.stdout:
            return {"sound": False, "error": done.stderr[-2000:]}
        return dict(json.loads(done.stdout))


@contextmanager
def chaos(folder: Path, kafka: KafkaServer, postgres: PostgresServer, database_url: str, seed: int) -> Iterator[Chaos]:
    """A run whose processes end with the block."""
    made = Chaos(folder, kafka, postgres, database_url, seed)
    try:
        made.begin()
        yield made
    finally:
        made.close()


def _kinds(seed: int, rounds: int, known: list[str]) -> list[str]:
    """Every kind as often as any other, in an order that the seed chooses."""
    chosen: list[str] = []
    dice = random.Random(seed)
    while len(chosen) < rounds:
        dice.shuffle(known)
        chosen += known
    return chosen[:rounds]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _print_row(row: Round) -> None:
    _say(
        f"{row.number:>3}  {row.kind:<26} {row.undecided:>9} {row.gap_s:>7.1f} {row.sink_gap_s:>7.1f} "
        f"{row.restarts:>4} {row.whole_s:>7.1f}"
    )


def _print_report(report: Report) -> None:
    kinds: dict[str, list[Round]] = defaultdict(list)
    for row in report.rounds:
        kinds[row.kind].append(row)
    _say("\nkind                        rounds  undecided(median)  gap s (median, most)  sink gap  code 70")
    for kind, rows in sorted(kinds.items()):
        gaps = [row.gap_s for row in rows]
        _say(
            f"{kind:<28}{len(rows):>6}{statistics.median(row.undecided for row in rows):>19.0f}"
            f"{statistics.median(gaps):>14.1f}{max(gaps):>8.1f}{max(row.sink_gap_s for row in rows):>10.1f}"
            f"{sum(row.restarts for row in rows):>9}"
        )
    _say(f"\n{report.findings.figures}\nverify: {report.verified}")
    _say(f"ended with 70 and restarted: {report.restarts}\n{json.dumps(report.reasons, indent=1, ensure_ascii=False)}")
    _say(f"deaths: {report.deaths}\nwrong: {dict(report.findings.wrong)} {dict(report.findings.examples)}")
    _say("SOUND" if report.is_sound else "NOT SOUND")


def main() -> int:
    """The command line; exit code 1 if anything was lost, repeated or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=3012)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no round after so many")
    parser.add_argument("--kinds", default="", help="only kinds that contain one of these words, separated by commas")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every process ends with us
    folder = Path(mkdtemp(prefix="hotline-chaos-"))
    _say(
        f"seed {options.seed}, logs in {folder}\n  #  strike                     undecided   gap s  sink s   70   all s"
    )
    began = time.monotonic()
    with running_kafka() as kafka, running_postgres() as postgres:
        database_url = postgres.fresh_database()
        with chaos(folder, kafka, postgres, database_url, options.seed) as run:
            wanted = [kind for kind in run.strikes if any(word in kind for word in options.kinds.split(","))]
            for number, kind in enumerate(_kinds(options.seed, options.rounds, wanted), 1):
                if time.monotonic() - began > options.minutes * 60:
                    break
                _print_row(run.round(number, kind))
            report = run.end()
    _print_report(report)
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
