"""Starts other people's servers for tests: as an unprivileged user, in a folder of their own."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_START_WITHIN_S: Final = 60.0
_STOP_WITHIN_S: Final = 20.0
_POLL_S: Final = 0.02
_LOG_TAIL: Final = 2_000  # characters quoted when a server does not start


class UnavailableError(Exception):
    """A server cannot be had on this machine; the text says why."""


class Daemon:
    """One server process, which a test may stop, kill and start again."""

    def __init__(self, command: Sequence[str], folder: Path, ready: Callable[[int], bool]) -> None:
        """Take the command, the folder for its log, and what tells from a pid that it is ready."""
        self._command = tuple(command)
        self._log = folder / "server.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready; a running server is left alone.

        :raises RuntimeError: it ended or was not ready after a minute; quotes its log.
        """
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*_dies_with_us(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_popen_options(),
            )
        self._process = process
        deadline = time.monotonic() + _START_WITHIN_S
        while not self._ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                self.end(signal.SIGKILL)
                message = f"{self._command[0]} did not start: {self._log.read_text()[-_LOG_TAIL:]}"
                raise RuntimeError(message)
            time.sleep(_POLL_S)

    def end(self, sign: signal.Signals) -> None:
        """Send the signal and wait for the end; what has not ended after 20 seconds is killed."""
        if self._process is None:
            return
        self._process.send_signal(sign)
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def run(*command: str | Path) -> None:
    """Run a set-up command as the server's user.

    :raises RuntimeError: it failed; quotes its output.
    """
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_START_WITHIN_S,
        **_popen_options(),
    )
    if done.returncode:
        message = f"{command[0]} failed: {done.stdout.decode(errors='replace')[-_LOG_TAIL:]}"
        raise RuntimeError(message)


@contextmanager
def own_folder(name: str) -> Iterator[Path]:
    """Give a temporary folder that the server's user owns and reaches (pytest's are ours alone)."""
    folder = Path(tempfile.mkdtemp(prefix=f"hotline-{name}-"))
    try:
        hand_over(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hand_over(path: Path) -> None:
    """Make the server's user the owner of a folder and all in it."""
    if (account := unprivileged()) is not None:
        for each in (path, *path.rglob("*")):
            os.chown(each, account.pw_uid, account.pw_gid)


def unprivileged() -> pwd.struct_passwd | None:
    """Tell whom a server runs as when we are root; ``None`` when it runs as ourselves."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def free_ports(count: int) -> list[int]:
    """Give ports outside the range of outgoing connections.

    Inside it, a client that keeps reconnecting to a stopped server can be given the server's port.
    """
    free: list[int] = []
    for port in random.SystemRandom().sample(range(15_000, 30_000), 500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                free.append(port)
        if len(free) == count:
            return free
    message = "no free port found"
    raise UnavailableError(message)


def _popen_options() -> dict[str, Any]:
    """Tell subprocess who the server is; the working folder is one that everybody may enter."""
    account = unprivileged()
    if account is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _dies_with_us() -> list[str]:
    """Give a prefix that ends the server when pytest is killed, as pytest-timeout may do.

    The kernel watches the thread that starts it, so only the main thread, which lasts, uses it.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", "KILL", "--"]
