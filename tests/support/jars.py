"""Kafka's jars, fetched once by Maven; run as a program it fetches them ahead of the tests."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.support.daemon import UnavailableError

VERSION: Final = "4.3.1"

_FETCH_WITHIN_S: Final = 600.0
_ARTIFACTS: Final = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-server", VERSION),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)


def fetch_jars() -> Path:
    """Give the folder of Kafka's jars, filled through Maven the first time (some 45 MB).

    :raises UnavailableError: Maven failed, for instance without a network.
    """
    jars = jars_folder()
    if jars.is_dir():
        return jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as made:
        (Path(made) / "pom.xml").write_text(_pom())
        command = ("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")
        done = subprocess.run(command, cwd=made, check=False, capture_output=True, timeout=_FETCH_WITHIN_S)
        if done.returncode:
            message = f"Maven could not fetch Kafka {VERSION}: {done.stdout.decode()[:500]}"
            raise UnavailableError(message)
        if not jars.is_dir():  # another run may have been quicker
            (Path(made) / "libs").rename(jars)
    return jars


def jars_folder() -> Path:
    """Tell where the jars are kept: outside the checkout, by version."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "hotline-3012" / f"kafka-{VERSION}"


def _pom() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in _ARTIFACTS
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>hotline</groupId>"
        "<artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


if __name__ == "__main__":
    fetch_jars()
