"""The audit: silent on what the sink wrote, and finds every way to tamper with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, insert, text, update

from schemas.enums import Domain, Verdict
from schemas.facts import Fact
from sinks.audit import Difference, Kind, audit
from sinks.database import for_writing, write
from sinks.rows import LoggedFact
from sinks.tables import clocks, facts, refusals, tickets, visits
from tests.sinks.stories import crowd, full_life, logged, neglected

LIFE = full_life()
OTHERS = neglected()
LOG = [*LIFE.facts, *OTHERS.facts]
ID = str(LIFE.id)
THIRD = (facts.c.ticket_id == ID) & (facts.c.version == 3)


def swallow_a_fact(connection: Connection) -> None:
    connection.execute(facts.delete().where(THIRD))


def swallow_the_last_fact(connection: Connection) -> None:
    connection.execute(facts.delete().where(facts.c.ticket_id == ID, facts.c.version == LIFE.facts[-1].version))


def reword_a_fact(connection: Connection) -> None:
    connection.execute(update(facts).where(THIRD).values(payload=LIFE.facts[2].encoded.decode() + " "))


def garble_a_fact(connection: Connection) -> None:
    connection.execute(update(facts).where(THIRD).values(payload="[]"))


def date_a_fact_back(connection: Connection) -> None:
    connection.execute(update(facts).where(THIRD).values(recorded_at=LIFE.start - timedelta(minutes=1)))


def swallow_a_refusal(connection: Connection) -> None:
    connection.execute(refusals.delete())


def reword_a_refusal(connection: Connection) -> None:
    connection.execute(update(refusals).values(reason="unknown_ticket"))


def slip_in_a_refusal(connection: Connection) -> None:
    connection.execute(
        insert(refusals).from_select(
            [column.name for column in refusals.c],
            text(
                "SELECT 'x', ticket_id, reason, explanation, command_source, command_id, command_type, recorded_at,"
                " log_partition, log_offset, payload FROM refusals"
            ).columns(*refusals.c),
        )
    )


def move_a_ticket(connection: Connection) -> None:
    connection.execute(update(tickets).where(tickets.c.ticket_id == ID).values(domain=Domain.BUS, state="triage"))


def swallow_a_ticket(connection: Connection) -> None:
    connection.execute(tickets.delete().where(tickets.c.ticket_id == ID))


def forgive_a_breach(connection: Connection) -> None:
    connection.execute(update(clocks).where(clocks.c.verdict == Verdict.BREACHED).values(verdict=Verdict.MET))


def please_the_citizen(connection: Connection) -> None:
    connection.execute(update(visits).where(visits.c.round == 1).values(outcome="satisfied"))


def swallow_a_visit(connection: Connection) -> None:
    connection.execute(visits.delete().where(visits.c.round == 2))


CASES: list[tuple[Callable[[Connection], None], set[tuple[Kind, int | None]]]] = [
    (swallow_a_fact, {(Kind.MISSING_FACT, 3), (Kind.VERSION_GAP, 4)}),
    (swallow_the_last_fact, {(Kind.MISSING_FACT, LIFE.facts[-1].version)}),
    (reword_a_fact, {(Kind.OTHER_CONTENT, 3), (Kind.BROKEN_CHAIN, 4)}),
    (garble_a_fact, {(Kind.OTHER_CONTENT, 3), (Kind.BROKEN_CHAIN, 4)}),
    (date_a_fact_back, {(Kind.OTHER_CONTENT, 3)}),
    (swallow_a_refusal, {(Kind.MISSING_REFUSAL, None)}),
    (reword_a_refusal, {(Kind.OTHER_REFUSAL, None)}),
    (slip_in_a_refusal, {(Kind.EXTRA_REFUSAL, None)}),
    (move_a_ticket, {(Kind.TICKET_ROW, None)}),
    (swallow_a_ticket, {(Kind.TICKET_ROW, None)}),
    (forgive_a_breach, {(Kind.CLOCK_ROW, None)}),
    (please_the_citizen, {(Kind.VISIT_ROW, None)}),
    (swallow_a_visit, {(Kind.VISIT_ROW, None)}),
]


def found(differences: list[Difference]) -> set[tuple[Kind, int | None]]:
    return {(difference.kind, difference.version) for difference in differences}


def test_what_the_sink_wrote_has_no_difference(engine: Engine) -> None:
    log = crowd(30)
    write(engine, logged(log))
    assert audit(engine, iter(log)) == []
    by_ticket = sorted(log, key=lambda fact: str(fact.ticket_id))
    assert audit(engine, by_ticket) == []


@pytest.mark.parametrize(("tamper", "expected"), CASES, ids=[tamper.__name__ for tamper, _ in CASES])
def test_tampering_shows(
    engine: Engine, tamper: Callable[[Connection], None], expected: set[tuple[Kind, int | None]]
) -> None:
    write(engine, logged(LOG))
    with for_writing(engine).begin() as connection:
        tamper(connection)
    differences = audit(engine, LOG)
    assert found(differences) == expected
    assert any(difference.ticket_id == ID for difference in differences)


def test_what_the_log_does_not_hold_is_extra(engine: Engine) -> None:
    write(engine, logged(LOG))
    cut = [fact for fact in LIFE.facts if fact.version is None or fact.version < 5]
    differences = audit(engine, cut)
    extra = {(d.ticket_id, d.version) for d in differences if d.kind is Kind.EXTRA_FACT}
    assert extra == {(str(fact.ticket_id), fact.version) for fact in LOG if fact.version} - {
        (ID, version) for version in range(1, 5)
    }
    strange = {d.kind for d in differences if d.ticket_id == str(OTHERS.id)}
    assert strange == {Kind.EXTRA_FACT, Kind.TICKET_ROW, Kind.CLOCK_ROW}


def test_a_fork_that_was_let_in_shows(engine: Engine) -> None:
    other = full_life()
    forged = [_elsewhere(fact) for fact in other.facts]
    write(engine, [LoggedFact.of(fact) for fact in forged])
    kinds = {difference.kind for difference in audit(engine, other.facts)}
    assert {Kind.OTHER_CONTENT, Kind.BROKEN_CHAIN} <= kinds


def _elsewhere(fact: Fact) -> Fact:
    return Fact.model_validate(fact.model_dump() | {"offset": fact.offset + 1})


def test_an_empty_database_lacks_everything(engine: Engine) -> None:
    differences = audit(engine, LOG)
    assert sum(d.kind is Kind.MISSING_FACT for d in differences) == sum(fact.version is not None for fact in LOG)
    assert audit(engine, []) == []


def test_a_difference_speaks_both_languages() -> None:
    difference = Difference(Kind.CLOCK_ROW, "T", None, "1/accept: verdict")
    assert difference.words() == "T：时限表与事件重算结果不一致（1/accept: verdict）"
    assert difference.words("en") == "T: a clock's row differs from a fold of the facts (1/accept: verdict)"
    assert Difference(Kind.EXTRA_FACT, "T", 7).words("en").startswith("T #7: ")
