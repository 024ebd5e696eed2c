"""What people read on a terminal: Chinese by default, English by ``HOTLINE_LANGUAGE=en``; and how refusals look."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from schemas.words import Language, SaidError

LANGUAGE: Language = "en" if os.environ.get("HOTLINE_LANGUAGE", "zh").startswith("en") else "zh"
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


class NotPossibleError(SaidError):
    """What was asked for cannot be done; the message says why and what to do next."""


def say(chinese: str, english: str) -> str:
    """The text in the language of this process."""
    return chinese if LANGUAGE == "zh" else english


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table in the one look that all commands share."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*("—" if cell is None else str(cell) for cell in row))
    return drawn


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """For programs: JSON on standard output, instants in ISO 8601."""
    print(json.dumps(value, ensure_ascii=False, default=_plain, indent=2))  # noqa: T201 (this is the output)


def percent(share: float | None) -> str:
    """A rate as people read it; "—" where there is nothing to divide by."""
    return "—" if share is None else f"{share:.1%}"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
