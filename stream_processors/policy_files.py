"""Reading policy sets from YAML files; every mistake is explained with file and place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.policy import PolicySet
from schemas.words import SaidError, file_problem, problem_lines

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PolicyFileError(SaidError):
    """A policy file that cannot be used; the message names the file and what is wrong with it."""


def load_policy_set(path: Path) -> PolicySet:
    """Read one set. ``include`` names files beside it whose top-level entries it takes over; its own come last.

    Raises:
        PolicyFileError: unreadable, no YAML, or rules that do not fit together.
    """
    content = _read(path)
    merged: dict[str, Any] = {}
    parts = content.pop("include", [])
    if not isinstance(parts, list):
        raise PolicyFileError(
            f"{path}：include 应为文件名的列表，例如 [common.yaml]",
            f"{path}: include: a list of file names is expected",
        )
    for part in parts:
        merged |= _read(path.parent / str(part))
    try:
        return PolicySet.model_validate(merged | content)
    except ValidationError as error:
        raise PolicyFileError(
            "\n  ".join([f"规则文件 {path} 有误，请改正：", *problem_lines(error, path.name, "zh")]),
            "\n  ".join([f"{path}:", *problem_lines(error, path.name, "en")]),
        ) from error


def load_policy_sets(paths: Iterable[Path]) -> dict[str, PolicySet]:
    """Read several sets, by name.

    Raises:
        PolicyFileError: as above, or two files claim the same set and version with different content.
    """
    sets: dict[str, PolicySet] = {}
    for path in paths:
        rules = load_policy_set(path)
        twin = next(
            (other for other in sets.values() if (other.set, other.version) == (rules.set, rules.version)), None
        )
        if twin is not None and twin.name != rules.name:
            raise PolicyFileError(
                f"{path}：规则集 {rules.set}@{rules.version} 已存在而内容不同，请提高版本号",
                f"{path}: {rules.set}@{rules.version} exists with other content; raise the version",
            )
        sets[rules.name] = rules
    return sets


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader, in C)
    except (OSError, yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date that does not exist
        raise PolicyFileError(*file_problem(path, error)) from error
    if not isinstance(content, dict):
        raise PolicyFileError(f"{path}：顶层应为“名称: 值”的形式", f"{path}: a mapping is expected at the top")
    return content
