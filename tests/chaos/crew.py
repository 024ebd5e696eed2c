"""The product's processes under a supervisor: what ends with code 70 is started again, any other end is a failure."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

FATAL_EXIT = 70
_POLL_S = 0.1
_RESTART_S = 0.5


class Crew:
    """Starts, strikes and restarts ``hotline`` processes; every log is in ``folder``."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ever: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.restarts: Counter[str] = Counter()
        self.deaths: list[str] = []
        self._begun: dict[str, int] = {}  # the size of each log when its process was started
        self._heard: dict[tuple[str, str], int] = {}
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def said(self, name: str, words: str) -> bool:
        """Whether this process has written so in its log since it was last started."""
        with self._lock:
            known = self._heard.setdefault((name, words), 0)
            begun = self._begun.get(name, 0)
        if known > begun:
            return True
        with self._log(name).open("rb") as log:
            log.seek(begun)
            found = log.read().find(words.encode())
        if found >= 0:
            self._heard[name, words] = begun + found + 1
        return found >= 0

    def all_work(self) -> bool:
        """Whether every process that is wanted runs, and every worker among them has taken its partitions over."""
        with self._lock:
            wanted = set(self._processes)
        workers = wanted - {"sink"}
        return wanted == self.running() and all(self.said(name, "partitions taken over") for name in workers)

    def watch(self) -> None:
        """Begin to supervise."""
        self._supervisor.start()

    def start(self, name: str) -> None:
        """Run the sink or a worker."""
        with self._lock:
            self._start(name)

    def kill(self, name: str) -> None:
        """kill -9; it stays down until it is started."""
        with self._lock:
            child = self._processes.pop(name)
        child.kill()
        child.wait()

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        self._processes[name].send_signal(signal.SIGCONT)

    def end(self, name: str) -> float:
        """SIGTERM; the seconds until it ended. An end other than with 0 or 70 is a failure."""
        with self._lock:
            child = self._processes.pop(name)
        started = time.monotonic()
        child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        if code == FATAL_EXIT:
            self.restarts[name] += 1
        elif code != 0:
            self.deaths.append(f"{name} answered SIGTERM with {code}")
        return time.monotonic() - started

    def running(self) -> set[str]:
        """Who is wanted and alive."""
        with self._lock:
            return {name for name, child in self._processes.items() if child.poll() is None}

    def reasons(self) -> Counter[str]:
        """Why workers ended with 70, by their own words."""
        found: Counter[str] = Counter()
        for entry in self.entries():
            if entry.get("exit_code") == FATAL_EXIT:
                found[str(entry["error"])[:160]] += 1
        return found

    def entries(self) -> list[dict[str, Any]]:
        """Every line of every log that is JSON."""
        lines = [line for path in self._folder.glob("*.log") for line in path.read_text(errors="replace").splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def tails(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        """End everything, whatever state it is in."""
        self._stop.set()
        if self._supervisor.is_alive():
            self._supervisor.join(5)
        with self._lock:
            for child in self._ever:
                child.kill()  # does nothing to one that has ended
                child.wait()
            self._processes.clear()

    def _start(self, name: str) -> None:
        self._begun[name] = self._log(name).stat().st_size if self._log(name).exists() else 0
        with self._log(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", "sink" if name == "sink" else "worker"],
                env=self._environment | {"HOTLINE_WORKER_ID": name},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self._processes[name] = child
        self._ever.append(child)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _supervise(self) -> None:
        while not self._stop.wait(_POLL_S):
            with self._lock:
                ended = {name: child.returncode for name, child in self._processes.items() if child.poll() is not None}
            for name, code in ended.items():
                self._restart(name, code)

    def _restart(self, name: str, code: int) -> None:
        if code == FATAL_EXIT:
            self.restarts[name] += 1
        else:
            self.deaths.append(f"{name} died with {code}")
        self._stop.wait(_RESTART_S)
        with self._lock:
            child = self._processes.get(name)
            if child is not None and child.poll() is not None and not self._stop.is_set():
                self._start(name)
