"""The product's own processes on a given broker and database, as an operator would run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.follow import lag
from schemas.topics import EVENTS, PARTITIONS, TICKETS, WORKER_GROUP
from sinks.runner import DEFAULT_GROUP

_READY = "partitions taken over"
_PATIENCE_S = 60.0


class Pipeline:
    """Runs ``hotline`` commands with one set of settings; every process's log is in ``folder``."""

    def __init__(self, folder: Path, bootstrap: str, database_url: str, **settings: str) -> None:
        self.folder = folder
        self.bootstrap = bootstrap
        self.database_url = database_url
        self.environment = os.environ | {
            "HOTLINE_BOOTSTRAP": bootstrap,
            "HOTLINE_DATABASE_URL": database_url,
            "HOTLINE_FOLDER": str(folder),
            "HOTLINE_LOG_JSON": "true",
            **settings,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *arguments: str, expect: int = 0, timeout_s: float = 120) -> str:
        """Run a command to its end; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == expect, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_json(self, *arguments: str, expect: int = 0) -> Any:
        """Run a command with ``--json``; what it printed."""
        return json.loads(self.run(*arguments, "--json", expect=expect))

    def start(self, name: str, command: str | None = None, **settings: str) -> None:
        """Run ``hotline NAME`` (or ``command`` under that name) in the background."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", command or name],
                env=self.environment | settings,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def start_worker(self, name: str = "worker", **settings: str) -> None:
        """Run a worker and wait until it owns its partitions."""
        before = self.times_ready(name)
        self.start(name, "worker", **settings)
        self.wait_for(lambda: self.times_ready(name) > before, f"{name} is ready")

    def times_ready(self, name: str) -> int:
        """How often this worker has taken partitions over."""
        return self.log(name).read_text().count(_READY) if self.log(name).exists() else 0

    def kill(self, name: str) -> None:
        """kill -9."""
        child = self._running.pop(name)
        child.kill()
        child.wait()

    def end(self, name: str) -> float:
        """SIGTERM, which must be answered with exit code 0; the seconds it took."""
        child = self._running.pop(name)
        started = time.monotonic()
        child.send_signal(signal.SIGTERM)
        code = child.wait(timeout=20)
        assert code == 0, f"{name} ended with {code}\n{self.log(name).read_text()[-3000:]}"
        return time.monotonic() - started

    def exit_code(self, name: str, timeout_s: float = 30) -> int:
        """Wait for a process that ends by itself."""
        return self._running.pop(name).wait(timeout=timeout_s)

    def wait_for(self, condition: Callable[[], bool], what: str, patience_s: float = _PATIENCE_S) -> None:
        """Until the condition holds; fails with the logs when a process died or patience ends."""
        deadline = time.monotonic() + patience_s
        while not condition():
            for name, child in self._running.items():
                assert child.poll() is None, f"{name} died waiting until {what}\n{self.log(name).read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"not within {patience_s} s: {what}\n{self._logs()}"
            time.sleep(0.05)

    def wait_until_stored(self, patience_s: float = 120) -> None:
        """Until every command is decided and every fact is in the database."""
        self.wait_for(lambda: self._ahead() == 0, "everything is stored", patience_s)

    def _ahead(self) -> int:
        undecided = lag(self.bootstrap, WORKER_GROUP, TICKETS, PARTITIONS)  # first: deciding makes facts
        return undecided + lag(self.bootstrap, DEFAULT_GROUP, EVENTS, PARTITIONS)

    def log(self, name: str) -> Path:
        """Where a process writes its log."""
        return self.folder / f"{name}.log"

    def _logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End everything, whatever state it is in."""
        for child in self._running.values():
            child.kill()
            child.wait()


@contextmanager
def pipeline(folder: Path, bootstrap: str, database_url: str, **settings: str) -> Iterator[Pipeline]:
    """A pipeline whose processes end with the block."""
    made = Pipeline(folder, bootstrap, database_url, **settings)
    try:
        yield made
    finally:
        made.close()
