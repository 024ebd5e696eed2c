"""Typed settings from environment variables ``HOTLINE_*`` and a ``hotline.env`` file in the working folder."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.say import NotPossibleError
from schemas.policy import PolicySet
from schemas.topics import PARTITIONS
from schemas.words import Language
from stream_processors.policy_files import load_policy_sets

CONFIG = Path(str(resources.files("deploy"))) / "config"
BUILT_IN_SETS = ("bureau", "demo", "nyc311")


class Settings(BaseSettings):
    """What a process must be told. Without ``bootstrap`` or ``database_url`` a command works on its own.

    Args:
        bootstrap: addresses of the Kafka brokers, ``host:port`` separated by commas.
        embedded: the broker is the embedded one, which has no transactions; set by whoever started it.
        database_url: SQLAlchemy's, as ``postgresql+psycopg://user@host/name`` or ``sqlite:///file``.
        folder: where files of our own go: the SQLite file and, unless given, the master key.
        policy_files: policy sets beside the built-in ones; the one named by ``policy_set`` stamps new commands.
        policy_set: the set (``bureau``) or its full name, used for new commands.
        partitions: of every topic, fixed when they are created.
        replication: of every topic, used by ``hotline topics``.
        worker_id: names a worker for static membership; no two at once may share it.
        session_timeout_s: how long a worker may be silent before its partitions move, in seconds.
        master_key: 32 bytes in base64 that wrap the tickets' keys.
        master_key_file: a file with the same; created in ``folder`` where neither is given.
        metrics_port: serves Prometheus metrics on this port; 0 serves none.
        broker_wait_s: how long worker and sink wait for an unreachable broker at the start, in seconds.
        log_json: structured logs as JSON; otherwise for a person at a terminal.
        language: of everything shown to people, ``zh`` or ``en``.
    """

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", env_file="hotline.env", extra="ignore", frozen=True)

    bootstrap: str | None = None
    embedded: bool = False
    database_url: str | None = None
    folder: Path = Path("var")
    policy_files: tuple[Path, ...] = ()
    policy_set: str = "bureau"
    partitions: PositiveInt = PARTITIONS
    replication: PositiveInt = 1
    worker_id: str = "worker-1"
    session_timeout_s: PositiveFloat = 10.0
    master_key: str | None = None
    master_key_file: Path | None = None
    metrics_port: int = 0
    broker_wait_s: PositiveFloat = 3600.0
    log_json: bool = not os.isatty(2)
    language: Language = "zh"

    @property
    def database(self) -> str:
        """The database's URL; a SQLite file in ``folder`` where none is given."""
        return self.database_url or f"sqlite:///{self.folder / 'hotline.sqlite'}"

    def policies(self) -> dict[str, PolicySet]:
        """Every policy set known, by full name.

        Raises:
            PolicyFileError: a file cannot be used.
        """
        built_in = [CONFIG / f"{name}.yaml" for name in BUILT_IN_SETS]
        return load_policy_sets([*built_in, *self.policy_files])

    def current_policy_set(self) -> PolicySet:
        """The newest version of the set that stamps new commands.

        Raises:
            NotPossibleError: no such set.
        """
        return newest(self.policies(), self.policy_set)


def newest(sets: dict[str, PolicySet], wanted: str) -> PolicySet:
    """The set with this full name, or the newest version of the set with this short one.

    Raises:
        NotPossibleError: none, with the names there are.
    """
    found = [rules for name, rules in sets.items() if wanted in {name, rules.set}]
    if not found:
        raise NotPossibleError(
            f"没有规则集 {wanted}，请核对名称；现有：{'、'.join(sets)}",
            f"no policy set {wanted!r}; known: {', '.join(sets)}",
        )
    return max(found, key=lambda rules: rules.version)
