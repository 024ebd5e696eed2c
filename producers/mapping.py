"""How the columns of a ledger map to commands, read from YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Generic, Self, TypeVar

import yaml
from pydantic import AfterValidator, Field, NonNegativeInt, ValidationError, model_validator

from schemas.base import Model, Name, Text
from schemas.enums import Channel, Domain, Kind
from schemas.policy import Zone
from schemas.words import SaidError, file_problem, problem_lines

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_W = TypeVar("_W", Channel, Kind, Domain)


class MappingError(SaidError):
    """A mapping that cannot be used; the message names the file and what is wrong with it."""


def _with_column(template: str) -> str:
    if not _PLACEHOLDER.search(template):
        raise ValueError("a template names its columns in braces, as in {Agency}")
    return template


Template = Annotated[str, AfterValidator(_with_column)]
"""Text with column names in braces, such as ``{Agency}|{Descriptor}``."""


class Choice(Model, Generic[_W]):
    """A word of a vocabulary: the one that ``values`` gives for the column's content, else the default.

    Without a default, content that ``values`` does not know makes a bad row.
    """

    column: Name | None = None
    values: dict[str, _W] = Field(default_factory=dict)
    default: _W | None = None

    @model_validator(mode="after")
    def _some_word(self) -> Self:
        if self.column is None and self.default is None:
            raise ValueError("give a column with values, or a default")
        return self


class Expectation(Model):
    """What a check of the import must find, as counts; ``producers.check`` says what each counts."""

    equal: NonNegativeInt
    exceptions: NonNegativeInt
    extra: NonNegativeInt
    closed: NonNegativeInt
    closed_late: NonNegativeInt
    open_breaches: NonNegativeInt
    breaches: NonNegativeInt


class LedgerMapping(Model):
    """Which columns give what. Times are local to ``zone``, in the notation of Python's ``strptime``.

    Args:
        source: the source of every command; the policy set must let it import history.
        source_number: the column with the source's own number.
        category: names the ticket's category, by which a clock may choose its limit.
        received: the column with the time of receipt.
        closed: the column with the time of closing, blank while open.
        due: the column with the source's own deadline; for a check only, never a deadline of ours.
        closing_reason: what the closing command says.
        as_of: the moment up to which the ledger tells, in ``time_format``; the last closing by default.
        expect: what a check must find.
        exceptions: the file beside the mapping that lists the deadlines known to differ.
    """

    source: Name
    encoding: Name = "utf-8-sig"
    zone: Zone
    time_format: Name
    source_number: Name
    channel: Choice[Channel]
    kind: Choice[Kind]
    domain: Choice[Domain]
    category: Template | None = None
    district: Template | None = None
    text: Template
    received: Name
    closed: Name | None = None
    due: Name | None = None
    closing_reason: Text = ""
    as_of: Name | None = None
    expect: Expectation | None = None
    exceptions: Name | None = None

    @property
    def columns(self) -> set[str]:
        """The columns that a ledger must have."""
        choices = (self.channel.column, self.kind.column, self.domain.column)
        plain = (self.source_number, self.received, self.closed, self.due, *choices)
        templates = (self.category, self.district, self.text)
        named = {name for template in templates if template for name in _PLACEHOLDER.findall(template)}
        return named | {column for column in plain if column}


def load_mapping(path: Path) -> LedgerMapping:
    """Read a mapping.

    Raises:
        MappingError: unreadable, no YAML, or something in it does not fit.
    """
    try:
        return LedgerMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise MappingError(
            "\n  ".join([f"列映射 {path} 有误，请改正：", *problem_lines(error, path.name, "zh")]),
            "\n  ".join([f"{path}:", *problem_lines(error, path.name, "en")]),
        ) from error
    except (OSError, yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date that does not exist
        raise MappingError(*file_problem(path, error)) from error


def fill(template: str, row: Mapping[str, str]) -> str:
    """The template with the row's content in place of the column names."""
    return _PLACEHOLDER.sub(lambda found: row[found[1]], template)
