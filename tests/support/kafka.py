"""A real Kafka broker for tests, without Docker: Java, its data in a temporary folder."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.support.daemon import Daemon, UnavailableError, free_ports, hand_over, own_folder, run
from tests.support.jars import VERSION, fetch_jars, jars_folder

BOOTSTRAP_VARIABLE: Final = "HOTLINE_TEST_BOOTSTRAP"

_OLDEST_JAVA: Final = 17
_CLUSTER_ID: Final = "aG90bGluZS0zMDEyLXRlcw"  # 16 bytes in base64, as Kafka wants it
_JAVA_FLAGS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms256m", "-Xmx768m")
# The broker's session is short because a restart after a kill waits for the old one to end.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
group.min.session.timeout.ms=1000
log.cleaner.enable=true
auto.create.topics.enable=false
"""


class KafkaServer:
    """One broker (and controller) on fixed ports of loopback, over one folder.

    A session's tests share it: use topics and groups of your own, and start it again if you
    stopped or killed it.
    """

    bootstrap: str

    def __init__(self, folder: Path) -> None:
        """Format the folder, which must belong to the server's user; ``start`` starts it.

        :raises UnavailableError: the jars cannot be fetched.
        """
        jars = _reachable(fetch_jars(), folder)
        broker, controller = free_ports(2)
        properties = folder / "server.properties"
        properties.write_text(_PROPERTIES.format(broker=broker, controller=controller, folder=folder))
        java = ("java", *_JAVA_FLAGS, "-cp", f"{jars}/*")
        run(*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", properties)
        self.bootstrap = f"127.0.0.1:{broker}"
        self._daemon = Daemon((*java, "kafka.Kafka", str(properties)), folder, lambda _pid: _answers(broker))

    def start(self) -> None:
        """Start it, or start it again with all its data: two seconds, four after a kill."""
        self._daemon.start()

    def stop(self) -> None:
        """Stop it in good order."""
        self._daemon.end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as a crash of the broker would."""
        self._daemon.end(signal.SIGKILL)


class ForeignKafka(KafkaServer):
    """A broker that somebody else runs; a test that wants to stop it is skipped."""

    def __init__(self, bootstrap: str) -> None:
        """Take its address."""
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> NoReturn:
        """Skip the test."""
        pytest.skip(f"{BOOTSTRAP_VARIABLE} names a broker that is not ours to stop")

    def kill(self) -> NoReturn:
        """Skip the test."""
        self.stop()


@contextmanager
def running_kafka() -> Iterator[KafkaServer]:
    """Give a started broker, stopped and deleted at the end.

    :raises UnavailableError: there can be none here.
    """
    if bootstrap := os.environ.get(BOOTSTRAP_VARIABLE):
        yield ForeignKafka(bootstrap)
        return
    if reason := why_unavailable():
        raise UnavailableError(reason)
    with own_folder("kafka") as folder:
        server = KafkaServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()  # nothing here is kept, so nothing need be put in order


def why_unavailable() -> str | None:
    """Say why no broker can be started here; ``None`` if one can, or one is given."""
    if os.environ.get(BOOTSTRAP_VARIABLE):
        return None
    if shutil.which("java") is None:
        return "there is no java on the PATH"
    if (version := _java_version()) < _OLDEST_JAVA:
        return f"Kafka {VERSION} needs Java {_OLDEST_JAVA}, the PATH has Java {version}"
    if not jars_folder().is_dir() and shutil.which("mvn") is None:
        return f"the jars of Kafka {VERSION} are not cached and there is no mvn on the PATH"
    return None


def _reachable(jars: Path, folder: Path) -> Path:
    """Copy the jars into the server's folder: its user may not enter our home."""
    copy = folder / "jars"
    shutil.copytree(jars, copy)
    hand_over(copy)
    return copy


def _java_version() -> int:
    said = subprocess.run(["java", "-version"], check=False, capture_output=True).stderr.decode()
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
