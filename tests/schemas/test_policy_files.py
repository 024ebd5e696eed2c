"""Policy files: includes, conflicts between versions, and every mistake named with its file."""

from pathlib import Path

import pytest

from stream_processors.policy_files import PolicyFileError, load_policy_set, load_policy_sets
from tests.domain.player import CONFIG

COMMON = """
zone: Asia/Shanghai
calendars: {always: {type: always}}
chains: {c: [{level: breach, severity: orange, notify: [unit_leader]}]}
version: 9
"""
OWN = """
set: small
version: 1
include: [common.yaml]
policies:
  - policy: p
    applies_to: [{}]
    clocks:
      - {clock: accept, starts: received, stops: accepted, limit: {minutes: 30},
         calendar: always, chain: c, basis: {type: product_default}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "common.yaml").write_text(COMMON, encoding="utf-8")
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def mistake(path: Path) -> str:
    with pytest.raises(PolicyFileError) as caught:
        load_policy_set(path)
    return str(caught.value)


def spoilt(folder: Path, old: str, new: str) -> Path:
    """The own file with one passage replaced."""
    assert old in OWN
    path = folder / "spoilt.yaml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    return path


def test_a_file_takes_over_what_it_includes_and_its_own_entries_win(folder: Path) -> None:
    rules = load_policy_set(folder / "own.yaml")
    assert (rules.zone, rules.version) == ("Asia/Shanghai", 1)


def test_a_later_include_wins_over_an_earlier_one(folder: Path) -> None:
    (folder / "later.yaml").write_text("zone: Asia/Urumqi", encoding="utf-8")
    path = spoilt(folder, "[common.yaml]", "[common.yaml, later.yaml]")
    assert load_policy_set(path).zone == "Asia/Urumqi"


def test_a_file_needs_no_includes(folder: Path) -> None:
    path = spoilt(folder, "include: [common.yaml]", COMMON.replace("version: 9", ""))
    assert load_policy_set(path).name == load_policy_set(folder / "own.yaml").name


def test_the_shipped_sets_load_under_different_names() -> None:
    sets = load_policy_sets([CONFIG / "bureau.yaml", CONFIG / "demo.yaml"])
    assert sorted(rules.set for rules in sets.values()) == ["bureau", "demo"]
    assert all(name == rules.name for name, rules in sets.items())


def test_the_same_set_twice_is_one(folder: Path) -> None:
    copy = spoilt(folder, "policy: p", "policy: p")
    assert len(load_policy_sets([folder / "own.yaml", copy])) == 1


def test_two_contents_under_one_version_are_a_conflict(folder: Path) -> None:
    other = spoilt(folder, "minutes: 30", "minutes: 31")
    with pytest.raises(PolicyFileError) as caught:
        load_policy_sets([folder / "own.yaml", other])
    assert str(caught.value) == f"{other}: small@1 exists with other content; raise the version"


def test_another_version_of_a_set_is_no_conflict(folder: Path) -> None:
    other = spoilt(folder, "version: 1", "version: 2")
    assert len(load_policy_sets([folder / "own.yaml", other])) == 2


def test_every_mistake_stands_with_file_and_place(folder: Path) -> None:
    path = spoilt(folder, "minutes: 30}", "minutes: -1, hours: 1}, colour: red")
    lines = mistake(path).splitlines()
    assert lines[0] == f"{path}:"
    assert any(line.startswith("  policies.0.clocks.0.limit.minutes: ") for line in lines)
    assert any(line.startswith("  policies.0.clocks.0.colour: ") for line in lines)


def test_a_mistake_of_the_whole_set_names_the_file(folder: Path) -> None:
    path = spoilt(folder, "chain: c", "chain: d")
    assert mistake(path) == (
        f"{path}:\n  spoilt.yaml: Value error, policy p, clock accept: unknown chain 'd'; known: c"
    )


def test_a_missing_file_is_named(folder: Path) -> None:
    assert mistake(folder / "nowhere.yaml") == f"{folder / 'nowhere.yaml'}: No such file or directory"


def test_a_missing_include_is_named(folder: Path) -> None:
    path = spoilt(folder, "common.yaml", "gone.yaml")
    assert mistake(path) == f"{folder / 'gone.yaml'}: No such file or directory"


def test_a_folder_is_no_policy_file(folder: Path) -> None:
    assert mistake(folder).startswith(f"{folder}: ")


@pytest.mark.parametrize(("old", "new"), [("set: small", "set: [small"), ("set: small", "set: *nobody")])
def test_broken_yaml_is_named_with_its_line(folder: Path, old: str, new: str) -> None:
    path = spoilt(folder, old, new)
    assert mistake(path).startswith(f"{path}: ")
    assert "line " in mistake(path)


def test_yaml_runs_no_code(folder: Path) -> None:
    path = spoilt(folder, "set: small", "set: !!python/object/apply:os.getcwd []")
    assert "could not determine a constructor" in mistake(path)


def test_a_file_in_another_encoding_is_named(folder: Path) -> None:
    path = folder / "gb.yaml"
    path.write_bytes("title: 市交通运输局".encode("gb18030"))
    assert mistake(path).startswith(f"{path}: ")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_named(folder: Path, text: str) -> None:
    path = folder / "list.yaml"
    path.write_text(text, encoding="utf-8")
    assert mistake(path) == f"{path}: a mapping is expected at the top"


@pytest.mark.parametrize("value", ["", "7", "common.yaml"])
def test_includes_that_are_no_list_are_explained(folder: Path, value: str) -> None:
    path = spoilt(folder, "[common.yaml]", value)
    assert mistake(path).startswith(f"{path}")
    assert "include" in mistake(path)
