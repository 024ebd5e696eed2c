"""Real tickets: our clocks against the deadlines of New York's 311, with the pure core alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from producers.check import ClockOutcome, Comparison, Difference, ExceptionsError, compare, load_exceptions
from producers.ledger import Entry, as_of, read_ledger
from producers.mapping import LedgerMapping, load_mapping
from producers.replay import history_commands
from schemas.enums import Verdict
from schemas.facts import ClockStopped
from schemas.policy import Limit, PolicySet
from stream_processors.policy_files import load_policy_set
from tests.producers.playing import CONFIG, ROOT, World

VARIABLE = "HOTLINE_NYC311"
MAPPINGS = CONFIG / "mappings"
CLOCKS = 3_037 + 12


@pytest.fixture(scope="module")
def ledger() -> Path:
    beside = ROOT.parent / "shared" / "data" / "nyc311_2018-10-21.csv.gz"
    path = Path(os.environ.get(VARIABLE, beside))
    if not path.is_file():
        pytest.skip(f"{beside.name} is neither named by {VARIABLE} nor in {beside.parent.relative_to(ROOT.parent)}")
    return path


@pytest.fixture(scope="module")
def mapping() -> LedgerMapping:
    return load_mapping(MAPPINGS / "nyc311.yaml")


@pytest.fixture(scope="module")
def listed(mapping: LedgerMapping) -> frozenset[Difference]:
    assert mapping.exceptions is not None
    return load_exceptions(MAPPINGS / mapping.exceptions)


@pytest.fixture(scope="module")
def rules() -> PolicySet:
    return load_policy_set(CONFIG / "nyc311.yaml")


def outcomes(
    ledger: Path, mapping: LedgerMapping, rules: PolicySet, only: str | None = None
) -> dict[UUID, ClockOutcome]:
    """What became of every ticket's clock, or of those of one category."""
    chosen = {
        row.ticket_id
        for row in read_ledger(ledger, mapping)
        if isinstance(row, Entry) and only in {None, row.opening.category}
    }
    world = World(rules)
    for command in history_commands(ledger, mapping, rules.name, lambda row: pytest.fail(str(row))):
        if command.ticket_id in chosen:
            world.take(command, datetime(2025, 1, 1, tzinfo=UTC))
    assert world.refused == []
    assert set(world.tickets) == chosen
    return {
        ticket: ClockOutcome(clock.due_at, clock.verdict, next(iter(_stopped_at(world, ticket)), None))
        for ticket, state in world.tickets.items()
        for clock in state.round.clocks
    }


def _stopped_at(world: World, ticket: UUID) -> list[datetime]:
    return [fact.data.stopped_at for fact in world.facts[ticket] if isinstance(fact.data, ClockStopped)]


@pytest.fixture(scope="module")
def clocks(ledger: Path, mapping: LedgerMapping, rules: PolicySet) -> dict[UUID, ClockOutcome]:
    every = outcomes(ledger, mapping, rules)
    assert len(every) == CLOCKS
    return every


def compared(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> Comparison:
    until = as_of(ledger, mapping)
    assert until is not None
    entries = (row for row in read_ledger(ledger, mapping) if isinstance(row, Entry))
    return compare(entries, clocks, until, mapping.expect, listed)


def with_limit(rules: PolicySet, category: str, limit: Limit) -> PolicySet:
    content = rules.model_dump(exclude_none=True)
    content["policies"][0]["clocks"][0]["limit_by_category"][category] = limit.model_dump(exclude_none=True)
    return PolicySet.model_validate(content)


def test_our_deadlines_are_the_citys(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> None:
    comparison = compared(ledger, mapping, listed, clocks)
    assert {figure.name: figure.found for figure in comparison.figures} == {
        "equal": 3_002,
        "exceptions": 35,
        "extra": 12,
        "closed": 2_188,
        "closed_late": 124,
        "open_breaches": 40,
        "breaches": 164,
        "verdicts_differ": 0,
    }
    assert not comparison.differs


def test_the_ledger_tells_up_to_its_last_closing(ledger: Path, mapping: LedgerMapping) -> None:
    assert as_of(ledger, mapping) == datetime(2018, 10, 22, 6, 47, tzinfo=UTC)


def test_fourteen_days_over_the_end_of_summer_time_are_not_336_hours(
    ledger: Path, mapping: LedgerMapping, clocks: dict[UUID, ClockOutcome]
) -> None:
    lengths = [
        clocks[row.ticket_id].due_at - row.received_at
        for row in read_ledger(ledger, mapping)
        if isinstance(row, Entry) and row.due_at and row.opening.category and row.opening.category.startswith("TLC|")
    ]
    assert len(lengths) == 68
    assert lengths.count(timedelta(days=14, hours=1)) == 66
    assert lengths.count(timedelta(days=14)) == 2


@pytest.mark.parametrize(
    ("category", "limit"),
    [
        ("DHS|Homeless Person Assistance|", Limit(hours=2)),
        ("DCAS|Comments|FOIL Request - Request for Records", Limit(calendar_days=14)),
        ("DSNY|Graffiti|Graffiti", Limit(calendar_days=31)),
    ],
)
def test_one_changed_limit_makes_a_difference(
    category: str,
    limit: Limit,
    ledger: Path,
    mapping: LedgerMapping,
    listed: frozenset[Difference],
    rules: PolicySet,
    clocks: dict[UUID, ClockOutcome],
) -> None:
    changed = with_limit(rules, category, limit)
    assert changed.name != rules.name
    comparison = compared(ledger, mapping, listed, clocks | outcomes(ledger, mapping, changed, only=category))
    assert comparison.differs
    assert comparison.unlisted


def test_an_exception_that_is_not_listed_and_one_that_does_not_occur_are_told(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> None:
    missing = min(listed)
    comparison = compared(ledger, mapping, listed - {missing}, clocks)
    assert comparison.unlisted == (missing,)
    assert comparison.differs
    phantom = Difference("0", missing.theirs, missing.ours)
    comparison = compared(ledger, mapping, listed | {phantom}, clocks)
    assert comparison.unseen == (phantom,)
    assert comparison.differs


def test_a_ticket_without_a_clock_where_the_ledger_has_a_deadline_is_a_difference(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> None:
    entry = next(row for row in read_ledger(ledger, mapping) if isinstance(row, Entry) and row.due_at)
    fewer = {ticket: clock for ticket, clock in clocks.items() if ticket != entry.ticket_id}
    comparison = compared(ledger, mapping, listed, fewer)
    assert entry.due_at is not None
    assert comparison.unlisted == (Difference(entry.opening.source_number, entry.due_at, None),)


def test_without_expectations_only_unlisted_differences_count(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> None:
    unexpecting = mapping.model_copy(update={"expect": None})
    comparison = compared(ledger, unexpecting, listed, clocks)
    assert {figure.expected for figure in comparison.figures} == {None}
    assert not comparison.differs


def test_a_verdict_that_the_ledgers_own_deadline_contradicts_is_counted(
    ledger: Path, mapping: LedgerMapping, listed: frozenset[Difference], clocks: dict[UUID, ClockOutcome]
) -> None:
    ticket, clock = next((ticket, clock) for ticket, clock in clocks.items() if clock.verdict is Verdict.MET)
    turned = clocks | {ticket: ClockOutcome(clock.due_at, Verdict.BREACHED, clock.stopped_at)}
    figures = {figure.name: figure for figure in compared(ledger, mapping, listed, turned).figures}
    assert figures["verdicts_differ"].found == 1
    assert figures["breaches"].differs


def test_a_broken_list_of_exceptions_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.csv"
    with pytest.raises(ExceptionsError, match="No such file"):
        load_exceptions(path)
    path.write_text("unique_key,due_in_file,due_by_policy\n1,2018-10-21,soon\n", encoding="utf-8")
    with pytest.raises(ExceptionsError, match="soon"):
        load_exceptions(path)


def test_every_limit_has_its_basis_and_keys_are_sorted(rules: PolicySet) -> None:
    (clock,) = rules.policies[0].clocks
    assert clock.limit is None
    assert len(clock.limit_by_category) == 172
    assert list(clock.limit_by_category) == sorted(clock.limit_by_category)
    assert clock.basis.issuer == "City of New York"
