"""The whole pipeline on this machine for as long as one command runs: embedded broker, worker, sink as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded import EmbeddedBroker
from deploy.follow import lag
from deploy.settings import Settings
from schemas.topics import ALL, TICKETS, WORKER_GROUP
from schemas.words import SaidError

_STOP_S = 6.0
_READY_S = 30.0


class ChildDiedError(SaidError):
    """A process of the pipeline ended by itself; the message says which and where its log is."""


class NotReadyError(SaidError):
    """The worker took too long to start; the message says where its log is."""


class Stack:
    """Starts the pipeline and ends all of it, whatever happens to the parent's block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._broker: EmbeddedBroker | None = None

    def __enter__(self) -> Self:
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        self._broker = EmbeddedBroker()
        self._broker.ensure(topic.name for topic in ALL)
        self.start("worker")
        self.start("sink")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._broker is not None:
            self._broker.close()

    @property
    def bootstrap(self) -> str:
        """The embedded broker's address."""
        assert self._broker is not None
        return self._broker.bootstrap

    def settings(self) -> Settings:
        """The settings with which this pipeline is reached."""
        return self._settings.model_copy(update={"bootstrap": self.bootstrap, "embedded": True})

    def start(self, name: str, *arguments: str) -> None:
        """Run ``hotline NAME`` as a process of its own, its log in the folder."""
        with self._log(name).open("ab") as log:
            self._children[name] = subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, "-m", "deploy.cli", name, *arguments],
                env=os.environ | self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the children in order
            )

    def wait_ready(self) -> None:
        """Until the worker has its partitions.

        Raises:
            ChildDiedError: a process ended.
            NotReadyError: it took more than 30 s.
        """
        deadline = time.monotonic() + _READY_S
        while not self.is_ready():
            self.check()
            if time.monotonic() > deadline:
                log = self._log("worker")
                raise NotReadyError(
                    f"处理进程 {_READY_S:.0f} 秒内没有就绪，请查看日志 {log}", f"the worker is not ready; see {log}"
                )
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether the worker has its partitions."""
        return b"partitions taken over" in self._log("worker").read_bytes()

    def check(self) -> None:
        """See that every process lives, or has ended well.

        Raises:
            ChildDiedError: one has not.
        """
        for name, child in self._children.items():
            if child.poll() not in {None, 0}:
                raise ChildDiedError(
                    f"hotline {name} 意外结束（退出码 {child.returncode}），请查看日志 {self._log(name)}",
                    f"hotline {name} ended with code {child.returncode}; see {self._log(name)}",
                )

    def finished(self, name: str) -> bool:
        """Whether this process has ended."""
        return self._children[name].poll() is not None

    def commands_waiting(self) -> int:
        """Commands not yet decided."""
        return lag(self.bootstrap, WORKER_GROUP, TICKETS, self._settings.partitions)

    def _log(self, name: str) -> Path:
        return self._settings.folder / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        settings = self._settings
        return {
            "HOTLINE_BOOTSTRAP": self.bootstrap,
            "HOTLINE_EMBEDDED": "true",
            "HOTLINE_FOLDER": str(settings.folder),
            "HOTLINE_DATABASE_URL": settings.database,
            "HOTLINE_POLICY_SET": settings.policy_set,
            "HOTLINE_POLICY_FILES": f"[{','.join(_quoted(path) for path in settings.policy_files)}]",
            "HOTLINE_LOG_JSON": "true",
        }


def _quoted(path: Path) -> str:
    return f'"{path.resolve()}"'
