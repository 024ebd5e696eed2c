"""Ledgers in CSV: what becomes of good rows, and what is said of bad ones."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from producers.ledger import BadRow, Entry, LedgerError, as_of, read_ledger
from producers.mapping import LedgerMapping, MappingError, load_mapping
from producers.replay import history_commands
from schemas.commands import CloseTicket, Command, OpenTicket, RingBell
from schemas.enums import Channel, Domain, Kind, Refusal, State
from schemas.identity import ticket_id
from schemas.policy import PolicySet
from stream_processors.policy_files import load_policy_set
from tests.producers.playing import CONFIG, World

MAPPING = {
    "source": "nyc311",
    "zone": "America/New_York",
    "time_format": "%Y-%m-%d %H:%M",
    "source_number": "no",
    "channel": {"default": "letter"},
    "kind": {"column": "kind", "values": {"投诉": "complaint", "咨询": "enquiry"}},
    "domain": {"column": "kind", "values": {"咨询": "etc"}, "default": "bus"},
    "category": "{kind}|{where}",
    "district": "{where}",
    "text": "{text}",
    "received": "received",
    "closed": "closed",
    "due": "due",
    "closing_reason": "以前办结",
}
HEADING = "no,kind,where,text,received,closed,due"
GOOD = "1,投诉,历下区,找14212345678,2018-10-21 09:30,2018-10-21 10:00,2018-10-22 09:30"
OPEN = "2,咨询,,等,2018-10-21 09:31,,"


def mapping(**changes: object) -> LedgerMapping:
    return LedgerMapping.model_validate(MAPPING | changes)


def written(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "ledger.csv"
    path.write_bytes("\n".join([HEADING, *rows, ""]).encode(encoding, errors="surrogateescape"))
    return path


def bad(path: Path, rules: LedgerMapping | None = None) -> list[BadRow]:
    return [row for row in read_ledger(path, rules or mapping()) if isinstance(row, BadRow)]


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return load_policy_set(CONFIG / "nyc311.yaml")


def replayed(path: Path, rules: PolicySet, world: World | None = None, **changes: object) -> World:
    world = world or World(rules)
    for command in history_commands(path, mapping(**changes), rules.name, lambda row: pytest.fail(str(row))):
        world.take(command, datetime(2025, 1, 1, tzinfo=UTC))
    return world


def test_a_row_becomes_a_ticket_of_history(tmp_path: Path) -> None:
    entry, open_entry = read_ledger(written(tmp_path, GOOD, OPEN), mapping())
    assert isinstance(entry, Entry)
    assert isinstance(open_entry, Entry)
    assert entry.opening == OpenTicket(
        source_number="1",
        channel=Channel.LETTER,
        kind=Kind.COMPLAINT,
        domain=Domain.BUS,
        category="投诉|历下区",
        district="历下区",
        text="找[手机号]",
        contactable=False,
        history=True,
    )
    assert entry.ticket_id == ticket_id("nyc311", "1")
    assert entry.received_at == datetime(2018, 10, 21, 13, 30, tzinfo=UTC)
    assert entry.closed_at == datetime(2018, 10, 21, 14, 0, tzinfo=UTC)
    assert entry.due_at == datetime(2018, 10, 22, 13, 30, tzinfo=UTC)
    assert (open_entry.closed_at, open_entry.due_at, open_entry.opening.district) == (None, None, None)


def test_opening_and_closing_by_row_and_a_bell_for_each_at_the_end(tmp_path: Path) -> None:
    sent = list(history_commands(written(tmp_path, GOOD, OPEN), mapping(), "any", lambda _: None))
    assert [type(command.data) for command in sent] == [OpenTicket, CloseTicket, OpenTicket, RingBell, RingBell]
    last_closing = datetime(2018, 10, 21, 14, 0, tzinfo=UTC)
    assert [command.occurred_at for command in sent[-2:]] == [last_closing] * 2
    assert len({command.id for command in sent}) == len(sent)
    assert {command.source for command in sent} == {"nyc311"}


def test_commands_are_taken_while_the_file_is_read(tmp_path: Path) -> None:
    rows = [f"{number},投诉,历下区,x,2018-10-21 09:30,," for number in range(2_000)]
    stream = history_commands(written(tmp_path, *rows), mapping(as_of="2018-10-22 00:00"), "any", lambda _: None)
    first: Command = next(stream)
    assert first.ticket_id == ticket_id("nyc311", "0")


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (GOOD.replace("2018-10-21 09:30,", "yesterday,"), "received", "does not match format"),
        (GOOD.replace("2018-10-21 09:30,", ","), "received", "blank"),
        (GOOD.replace("2018-10-21 10:00", "2018-10-21 09:00"), "closed", "earlier than the receipt"),
        (GOOD.replace("2018-10-22 09:30", "soon"), "due", "does not match format"),
        (GOOD.replace("2018-10-21 09:30,", "2018-03-11 02:30,"), "received", "does not exist in America/New_York"),
        (GOOD.replace("投诉", "赞美"), "kind", "none of the mapping's values"),
        (GOOD.replace("1,", ",", 1), "no", "at least 1 character"),
        (GOOD.replace("找", "\udcff"), "{text}", "unicode"),
        (GOOD + ",more", "", "more or fewer fields"),
        ("1,投诉", "", "more or fewer fields"),
        ('1,"投诉"!,历下区,x,2018-10-21 09:30,,', "", "not CSV"),
    ],
)
def test_a_bad_row_is_told_with_column_and_reason_and_the_others_are_taken(
    row: str, column: str, reason: str, tmp_path: Path
) -> None:
    path = written(tmp_path, OPEN, row, GOOD.replace("1,", "3,", 1))
    (told,) = bad(path)
    assert (told.row, told.column) == (3, column)
    assert reason in told.reason
    rows: list[BadRow] = []
    sent = list(history_commands(path, mapping(), "any", rows.append))
    assert rows == [told]
    assert {command.ticket_id for command in sent} == {ticket_id("nyc311", number) for number in "23"}


def test_of_an_hour_that_comes_twice_the_first_is_taken(tmp_path: Path) -> None:
    (entry,) = read_ledger(written(tmp_path, GOOD.replace("10-21 09:30,2018-10-21 10:00", "11-04 01:30,")), mapping())
    assert isinstance(entry, Entry)
    assert entry.received_at == datetime(2018, 11, 4, 5, 30, tzinfo=UTC)


def test_gzip_other_encodings_and_byte_order_marks(tmp_path: Path) -> None:
    plain = written(tmp_path, GOOD)
    packed = tmp_path / "ledger.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    expected = list(read_ledger(plain, mapping()))
    assert list(read_ledger(packed, mapping())) == expected
    assert list(read_ledger(written(tmp_path, GOOD, encoding="gb18030"), mapping(encoding="gb18030"))) == expected
    assert list(read_ledger(written(tmp_path, GOOD, encoding="utf-8-sig"), mapping())) == expected


def test_files_that_are_no_ledgers_are_explained(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file"):
        list(read_ledger(tmp_path / "none.csv", mapping()))
    with pytest.raises(LedgerError, match=r"lacks the columns Due Date; it has no, kind"):
        list(read_ledger(written(tmp_path, GOOD), mapping(due="Due Date")))
    with pytest.raises(LedgerError, match="encoding"):
        list(read_ledger(written(tmp_path, GOOD), mapping(encoding="klingon")))
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(written(tmp_path, *[GOOD] * 500).read_bytes())[:-20])
    with pytest.raises(LedgerError, match="damaged"):
        list(read_ledger(broken, mapping()))


def test_the_moment_up_to_which_a_ledger_tells(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD, OPEN)
    assert as_of(path, mapping()) == datetime(2018, 10, 21, 14, 0, tzinfo=UTC)
    assert as_of(path, mapping(as_of="2018-10-22 00:00")) == datetime(2018, 10, 22, 4, 0, tzinfo=UTC)
    assert as_of(written(tmp_path, OPEN), mapping()) == datetime(2018, 10, 21, 13, 31, tzinfo=UTC)
    assert as_of(written(tmp_path), mapping()) is None
    with pytest.raises(LedgerError, match="as_of"):
        as_of(path, mapping(as_of="later"))


def test_the_core_takes_history_from_the_source_that_may_import_it(tmp_path: Path, policies: PolicySet) -> None:
    path = written(tmp_path, GOOD, OPEN)
    world = replayed(path, policies)
    assert world.refused == []
    assert world.tickets[ticket_id("nyc311", "1")].state is State.CLOSED
    strangers = replayed(path, policies, source="12328")
    assert strangers.tickets == {}
    assert {refusal.reason for _, refusal in strangers.refused} == {Refusal.NOT_HISTORY, Refusal.UNKNOWN_TICKET}


def test_the_same_ledger_again_changes_nothing_and_a_newer_one_only_what_is_new(
    tmp_path: Path, policies: PolicySet
) -> None:
    world = replayed(written(tmp_path, GOOD, OPEN), policies)
    before = dict(world.tickets)
    replayed(written(tmp_path, GOOD, OPEN), policies, world)
    assert world.tickets == before
    closed_now = OPEN.replace("09:31,", "09:31,2018-10-21 12:00")
    replayed(written(tmp_path, GOOD, closed_now), policies, world)
    assert world.tickets[ticket_id("nyc311", "2")].state is State.CLOSED
    assert world.tickets[ticket_id("nyc311", "1")] == before[ticket_id("nyc311", "1")]
    assert world.refused == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"zone": "Mars/Olympus"}, "unknown time zone"),
        ({"channel": {}}, "give a column with values, or a default"),
        ({"kind": {"column": "kind", "values": {"x": "rumour"}}}, r"kind.values.x: Input should be 'complaint'"),
        ({"category": "always the same"}, "names its columns in braces"),
        ({"colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_a_mistaken_mapping_is_explained(changes: dict[str, object], problem: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(MAPPING | changes), encoding="utf-8")
    with pytest.raises(MappingError, match=problem) as caught:
        load_mapping(path)
    assert str(path) in str(caught.value)


def test_a_mapping_that_is_no_yaml_or_no_file_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(path)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(MappingError, match=r"mapping\.yaml"):
        load_mapping(path)
    path.write_text("just words", encoding="utf-8")
    with pytest.raises(MappingError, match="valid dictionary"):
        load_mapping(path)


def test_rows_may_be_read_with_any_number_of_lines_in_a_cell(tmp_path: Path) -> None:
    path = written(tmp_path, '1,投诉,历下区,"两\n行",2018-10-21 09:30,,', "bad")
    entry, told = read_ledger(path, mapping())
    assert isinstance(entry, Entry)
    assert entry.opening.text == "两\n行"
    assert isinstance(told, BadRow)
    assert told.row == 3
    assert timedelta(0) == entry.received_at.utcoffset()
