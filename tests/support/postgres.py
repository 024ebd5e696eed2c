"""A private PostgreSQL for tests: on a port of loopback, its data in a temporary folder."""

import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.support.daemon import Daemon, UnavailableError, free_ports, own_folder, run

OLDEST: Final = 15
URL_VARIABLE: Final = "HOTLINE_TEST_DATABASE_URL"

_DEBIAN: Final = Path("/usr/lib/postgresql")
_READY_LINE: Final = 7  # of postmaster.pid, whose first line is the pid
_SETTINGS: Final = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")


class PostgresServer:
    """One server on a fixed port over one folder; user ``app``, no password, database ``hotline``.

    ``url`` is SQLAlchemy's. It survives the death of the server, but not of the machine
    (``fsync`` is off).
    """

    url: str

    def __init__(self, folder: Path) -> None:
        """Make its data in the folder, which must belong to the server's user.

        :raises UnavailableError: there are no binaries of PostgreSQL.
        """
        programs = _programs()
        if programs is None:
            raise UnavailableError(why_unavailable())
        data = folder / "data"
        (port,) = free_ports(1)
        run(
            programs / "initdb", "-D", data, "-U", "app", "-A", "trust",
            "-E", "UTF8", "--locale=C.UTF-8", "-N",
        )  # fmt: skip
        settings = [part for each in (*_SETTINGS, f"port={port}") for part in ("-c", each)]
        self.url = f"postgresql+psycopg://app@127.0.0.1:{port}/hotline"
        self._daemon = Daemon(
            (str(programs / "postgres"), "-D", str(data), *settings),
            folder,
            lambda pid: _is_ready(data / "postmaster.pid", pid),
        )

    def start(self) -> None:
        """Start it, or start it again with all its data."""
        self._daemon.start()
        _create_database(_with_database(self.url, "postgres"), "hotline", if_missing=True)

    def stop(self) -> None:
        """Stop it in good order, ending the connections."""
        self._daemon.end(signal.SIGINT)

    def kill(self) -> None:
        """Let all its processes drop dead; the next start recovers from the write-ahead log."""
        self._daemon.end(signal.SIGQUIT)

    def fresh_database(self) -> str:
        """Make an empty database under a new name; gives its URL."""
        name = f"test_{uuid.uuid4().hex}"
        _create_database(self.url, name)
        return _with_database(self.url, name)

    def drop_database(self, url: str) -> None:
        """Delete a database that ``fresh_database`` made, even if somebody is connected."""
        name = sql.Identifier(str(make_url(url).database))
        with psycopg.connect(_for_psycopg(self.url), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


class ForeignPostgres(PostgresServer):
    """A server that somebody else runs; a test that wants to stop it is skipped."""

    def __init__(self, url: str) -> None:
        """Take the URL of one of its databases; the user must be allowed to create others."""
        self.url = url

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> NoReturn:
        """Skip the test."""
        pytest.skip(f"{URL_VARIABLE} names a server that is not ours to stop")

    def kill(self) -> NoReturn:
        """Skip the test."""
        self.stop()


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Give a started server, stopped and deleted at the end.

    :raises UnavailableError: there can be none here.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield ForeignPostgres(url)
        return
    if reason := why_unavailable():
        raise UnavailableError(reason)
    with own_folder("postgres") as folder:
        server = PostgresServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()  # nothing here is kept, so nothing need be put in order


def why_unavailable() -> str | None:
    """Say why no server can be started here; ``None`` if one can, or one is given."""
    if os.environ.get(URL_VARIABLE) or _programs() is not None:
        return None
    return f"there is no PostgreSQL {OLDEST} or newer on the PATH or in {_DEBIAN}"


def _programs() -> Path | None:
    """Find the newest folder that holds both programs."""
    places = [*os.get_exec_path(), *map(str, _DEBIAN.glob("*/bin"))]
    known = {_version(place): Path(place) for place in places}
    newest = max(known, default=0)
    return known[newest] if newest >= OLDEST else None


def _version(place: str) -> int:
    """Tell the major version of the server in a folder; 0 if it is not complete there."""
    server = shutil.which("postgres", path=place)
    if server is None or shutil.which("initdb", path=place) is None:
        return 0
    said = subprocess.run([server, "--version"], check=False, capture_output=True).stdout.decode()
    found = re.search(r"\d+", said)
    return int(found[0]) if found else 0


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Tell whether this very process is ready: a killed server leaves its file behind."""
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    return len(lines) > _READY_LINE and lines[0] == str(pid) and lines[_READY_LINE].strip() == "ready"


def _create_database(url: str, name: str, *, if_missing: bool = False) -> None:
    with psycopg.connect(_for_psycopg(url), autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if if_missing and connection.execute(query, [name]).fetchone():
            return
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _for_psycopg(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
