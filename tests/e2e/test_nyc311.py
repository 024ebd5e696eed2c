"""A real ledger through the real pipeline: 6,765 service requests, deadlines from the policy alone."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.support.pipeline import Pipeline, pipeline

CONFIG = Path(__file__).parents[2] / "deploy" / "config"
SIBLING = Path(__file__).parents[3] / "shared" / "data" / "nyc311_2018-10-21.csv.gz"
LEDGER = Path(os.environ.get("HOTLINE_NYC311", SIBLING))
EXPECTED = {
    "equal": 3002,
    "exceptions": 35,
    "extra": 12,
    "closed": 2188,
    "closed_late": 124,
    "open_breaches": 40,
    "breaches": 164,
    "verdicts_differ": 0,
}

pytestmark = pytest.mark.skipif(not LEDGER.exists(), reason=f"{LEDGER.name} is not here; name it in HOTLINE_NYC311")


def alone(folder: Path, **settings: str) -> Pipeline:
    """A command that brings its own broker, worker, sink and SQLite file."""
    made = Pipeline(folder, "", f"sqlite:///{folder}/hotline.sqlite", **settings)
    made.environment.pop("HOTLINE_BOOTSTRAP")
    return made


def test_the_imported_deadlines_and_verdicts_are_the_ledgers(tmp_path: Path) -> None:
    replayed = alone(tmp_path).run_json("replay", str(LEDGER), "--mapping", "nyc311", "--check")
    assert {name: figure["found"] for name, figure in replayed["figures"].items()} == EXPECTED
    assert not replayed["differs"]
    assert (replayed["unlisted"], replayed["unseen"], replayed["bad_rows"]) == (0, 0, 0)


def test_changing_one_limit_is_noticed(tmp_path: Path) -> None:
    rules = (CONFIG / "nyc311.yaml").read_text(encoding="utf-8")
    changed = rules.replace("version: 1", "version: 2", 1).replace("{hours: 8}", "{hours: 9}", 1)
    assert changed.count("{hours: 9}") == rules.count("{hours: 9}") + 1
    (tmp_path / "nyc311.yaml").write_text(changed, encoding="utf-8")
    files = f'["{tmp_path}/nyc311.yaml"]'
    command = ("replay", str(LEDGER), "--mapping", "nyc311", "--check")
    replayed = alone(tmp_path, HOTLINE_POLICY_FILES=files).run_json(*command, expect=1)
    assert replayed["differs"]
    assert replayed["unlisted"] > 0


def test_without_check_the_ledger_is_simply_imported(tmp_path: Path) -> None:
    with pipeline(tmp_path, "", f"sqlite:///{tmp_path}/hotline.sqlite") as made:
        made.environment.pop("HOTLINE_BOOTSTRAP")
        short = tmp_path / "ledger.csv"
        with gzip.open(LEDGER, "rt", encoding="utf-8-sig") as full:
            lines = [next(full) for _ in range(40)]
        short.write_text("".join([*lines, "broken,row\n"]), encoding="utf-8")
        imported = made.run_json("replay", str(short), "--mapping", "nyc311")
        assert imported["bad_rows"] == 1
        assert made.run_json("stats")["received"] == 39
