"""Where the master key comes from: environment, file, or for a first try a new file in our folder."""

from __future__ import annotations

import structlog

from deploy.settings import Settings
from producers.keys import MasterKey

log = structlog.get_logger()


def master_key(settings: Settings) -> MasterKey:
    """The key that wraps the tickets' keys.

    Raises:
        KeyProblemError: it is given but unusable.
    """
    if settings.master_key is not None:
        return MasterKey.from_base64(settings.master_key, "HOTLINE_MASTER_KEY")
    if settings.master_key_file is not None:
        return MasterKey.load(settings.master_key_file)
    path = settings.folder / "master.key"
    if path.exists():
        return MasterKey.load(path)
    settings.folder.mkdir(parents=True, exist_ok=True)
    log.warning("new master key made; back it up, without it no envelope can be opened", file=str(path))
    return MasterKey.create(path)
