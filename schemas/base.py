"""What every message is made of: frozen models, UTC-aware instants, text that any database can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

MAX_NAME = 200
MAX_TEXT = 8_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Model(BaseModel):
    """A frozen message that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _utc(instant: datetime) -> datetime:
    moment = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    if not EARLIEST <= moment < LATEST:
        raise ValueError("instant outside 1970-2199")
    return moment


_STORABLE = r"^[^\x00]*$"  # no database stores a NUL; a lone surrogate is refused by pydantic itself

Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment in UTC. A time without a zone is refused."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=_STORABLE)]
"""An identifier or a short title, never empty."""

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_STORABLE)]
"""Free text, already masked: it must not identify the complainant."""


def canonical_json(value: Any) -> bytes:
    """One byte form for equal content: keys sorted, collections without an order sorted, no white space."""
    return json.dumps(_ordered(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _ordered(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_ordered(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value
