"""Who may import whom: the architecture's rules, read from the imports of every module."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("schemas", "stream_processors", "producers", "sinks", "deploy", "tests")
CORE = "stream_processors.domain"
MAY_IMPORT = {
    "schemas": ("schemas",),
    CORE: ("schemas", CORE),
    "stream_processors": ("schemas", "stream_processors"),
    "producers": ("schemas", CORE, "producers"),
    "sinks": ("schemas", CORE, "sinks"),
    "deploy": ("schemas", "stream_processors", "producers", "sinks", "deploy"),
}
"""For each part, the parts of ours that it may import; the longest name that fits a module is its part."""

ENGINE = ("faust", "mode")
"""Only the shell of stream_processors knows them."""


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def part_of(module: str) -> str:
    return max((part for part in MAY_IMPORT if within(module, part)), key=len)


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """The dotted names of all modules of the product, with their files."""
    for package in OURS[:-1]:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(module: str, path: Path) -> Iterator[str]:
    """The dotted names that a module imports, also inside functions; ``from a import b`` counts as ``a.b``."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names)


def is_allowed(module: str, target: str) -> bool:
    part, top = part_of(module), target.partition(".")[0]
    if top in OURS:
        return any(within(target, allowed) for allowed in MAY_IMPORT[part])
    if part == CORE:
        return top in sys.stdlib_module_names
    return top not in ENGINE or part == "stream_processors"


def violations(root: Path) -> list[str]:
    return [
        f"{module} imports {target}"
        for module, path in modules(root)
        for target in imported(module, path)
        if not is_allowed(module, target)
    ]


def test_every_import_follows_the_architecture() -> None:
    assert violations(ROOT) == []


def test_the_rules_are_asked_of_every_part() -> None:
    assert {part_of(module) for module, _ in modules(ROOT)} == set(MAY_IMPORT)
    assert any(within(target, CORE) for module, path in modules(ROOT) for target in imported(module, path))


def tree(root: Path, module: str, text: str) -> None:
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "text", "target"),
    [
        ("schemas.codec", "import stream_processors.domain.decide", "stream_processors.domain.decide"),
        ("schemas.codec", "from deploy import settings", "deploy.settings"),
        ("stream_processors.domain.decide", "import pydantic", "pydantic"),
        ("stream_processors.domain.decide", "def f():\n    import yaml", "yaml"),
        ("stream_processors.domain.decide", "import faust", "faust"),
        ("stream_processors.domain.decide", "from ..policy_files import load", "stream_processors.policy_files.load"),
        ("stream_processors.domain.decide", "from stream_processors import worker", "stream_processors.worker"),
        ("stream_processors.worker", "from sinks.database import rows", "sinks.database.rows"),
        ("stream_processors.worker", "import producers.publisher", "producers.publisher"),
        ("producers.gateway", "from stream_processors.policy_files import x", "stream_processors.policy_files.x"),
        ("producers.gateway", "import sinks", "sinks"),
        ("producers.gateway", "import faust", "faust"),
        ("sinks.board.pages", "from producers import publisher", "producers.publisher"),
        ("sinks.board.pages", "from stream_processors import *", "stream_processors.*"),
        ("sinks.board.pages", "import mode.services", "mode.services"),
        ("sinks.board.pages", "import deploy.settings", "deploy.settings"),
        ("deploy.stack", "from faust import App", "faust.App"),
        ("deploy.stack", "from tests.support import kafka", "tests.support.kafka"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, text: str, target: str) -> None:
    tree(tmp_path, module, text)
    assert violations(tmp_path) == [f"{module} imports {target}"]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("schemas.codec", "from schemas.base import Model\nimport pydantic"),
        ("stream_processors.domain.decide", "from __future__ import annotations\nimport hashlib\nfrom . import clocks"),
        ("stream_processors.domain.decide", "from schemas.facts import Fact"),
        ("stream_processors.worker", "import faust\nfrom stream_processors.domain.decide import decide"),
        ("producers.gateway", "from stream_processors.domain.routing import route_for\nimport kafka"),
        ("sinks.database", "from stream_processors.domain import evolve\nfrom .rows import Row"),
        ("deploy.stack", "import producers, sinks, stream_processors.worker\nfrom schemas import topics"),
        ("producers.gateway", "import model_of_something"),
    ],
)
def test_an_allowed_import_is_left_alone(tmp_path: Path, module: str, text: str) -> None:
    tree(tmp_path, module, text)
    assert violations(tmp_path) == []
