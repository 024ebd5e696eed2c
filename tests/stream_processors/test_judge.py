"""From records to outcomes: order within a batch, bad records, repeated reading, quarantine and the cap."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime

import pytest

from schemas.codec import Unreadable, encode_command
from schemas.commands import Command
from schemas.facts import CommandRefused
from schemas.policy import PolicySet
from schemas.topics import PARTITIONS, key_of
from stream_processors import judge as judging
from stream_processors.domain.decide import decide
from stream_processors.domain.story import Decision, Place, PolicySets
from stream_processors.domain.ticket import Ticket
from stream_processors.judge import DeadLetterCap, Outcome, Record, TooManyDeadLettersError, instant, judge
from stream_processors.rows import header_of, ticket_of
from tests.domain.player import BUREAU
from tests.stream_processors.records import START, accept, bell, number_id, opening, partition_for, record

SETS = {BUREAU.name: BUREAU}


def judged(*records: Record, rows: dict[bytes, bytes] | None = None) -> Outcome:
    return judge(records, rows or {}, SETS, PARTITIONS)


def types(outcome: Outcome) -> list[str]:
    return [fact.data.type for fact in outcome.facts]


def test_a_later_record_of_the_batch_sees_what_an_earlier_one_did() -> None:
    outcome = judged(record(opening("A"), 0), record(accept("A"), 1, minutes=5))
    assert "TicketAccepted" in types(outcome)
    row = outcome.rows[key_of(number_id("A"))]
    ticket = ticket_of(row)
    assert ticket is not None
    assert ticket.unit == "brigade-lixia"
    assert header_of(row).offset == 1
    assert header_of(row).bell_at == ticket.bell_at


def test_records_that_were_applied_before_are_skipped() -> None:
    first = judged(record(opening("A"), 0), record(accept("A"), 1))
    again = judged(record(opening("A"), 0), record(accept("A"), 1), rows=first.rows)
    assert again.facts == []
    assert again.rows == {}
    assert again.records == 2


def test_splitting_a_batch_gives_the_same_facts() -> None:
    records = [record(opening("A"), 0), record(accept("A"), 1, 5), record(bell("A"), 2, 200)]
    whole = judged(*records)
    rows: dict[bytes, bytes] = {}
    parts = []
    for one in records:
        outcome = judged(one, rows=rows)
        rows |= outcome.rows
        parts += outcome.facts
    assert [fact.encoded for fact in parts] == [fact.encoded for fact in whole.facts]


def test_a_bell_before_its_time_confirms_the_next_ring_and_writes_nothing() -> None:
    first = judged(record(opening("A"), 0))
    early = judged(record(bell("A"), 1, minutes=1), rows=first.rows)
    assert early.facts == []
    assert early.rows == {}
    assert early.bells == first.bells


def broken(name: str) -> Record:
    good = record(opening("A"), 7)
    assert good.value is not None
    other = next(number for number in "BCDEFGHIJ" if partition_for(number) != good.partition)
    unknown_set = opening("A").model_copy(update={"policy_set": "bureau@9-000000000000"})
    return {
        Unreadable.EMPTY: replace(good, value=b""),
        Unreadable.UNDECODABLE: replace(good, value=b"\xff\xfe{"),
        Unreadable.INVALID: replace(good, value=b'{"id": 1}'),
        Unreadable.UNKNOWN_TYPE: replace(good, value=good.value.replace(b"OpenTicket", b"PaintTicket")),
        Unreadable.UNKNOWN_VERSION: replace(
            good, value=good.value.replace(b'"schema_version":1', b'"schema_version":2')
        ),
        Unreadable.MISSING_KEY: replace(good, key=None),
        Unreadable.WRONG_KEY: replace(good, key=b"somebody-else"),
        Unreadable.WRONG_PARTITION: replace(record(opening(other), 7), partition=good.partition),
        Unreadable.UNKNOWN_POLICY_SET: replace(good, value=encode_command(unknown_set)),
    }[Unreadable(name)]


@pytest.mark.parametrize(
    "reason",
    [
        "empty",
        "undecodable",
        "invalid",
        "unknown_type",
        "unknown_version",
        "missing_key",
        "wrong_key",
        "wrong_partition",
        "unknown_policy_set",
    ],
)
def test_a_record_nobody_can_take_becomes_a_dead_letter_with_reason_and_origin(reason: str) -> None:
    bad = broken(reason)
    outcome = judged(bad, replace(record(opening("A"), 8), partition=bad.partition))
    [letter] = outcome.dead
    assert letter.reason == reason
    assert (letter.partition, letter.offset, letter.recorded_at) == (bad.partition, 7, START)
    assert base64.b64decode(letter.value or "") == bad.value
    assert "TicketOpened" in types(outcome), "the stream goes on"


def test_a_time_without_a_zone_is_refused() -> None:
    good = record(opening("A"), 0)
    assert good.value is not None
    naive = good.value.replace(b'"source":', b'"occurred_at":"2024-12-31T09:00:00","source":', 1)
    [letter] = judged(replace(good, value=naive)).dead
    assert letter.reason is Unreadable.INVALID
    assert "timezone" in letter.detail


@pytest.mark.parametrize("milliseconds", [-1, 0, 1_735_606_800_000, 10_413_792_000_000, 10**18, -(10**18)])
def test_any_record_timestamp_gives_an_instant_that_messages_may_hold(milliseconds: int) -> None:
    at = instant(milliseconds)
    [letter] = judged(replace(record(opening("A"), 0), value=b"?", at=at)).dead
    assert letter.recorded_at == at


def test_a_command_for_an_unknown_ticket_is_refused_and_visible() -> None:
    outcome = judged(record(accept("A"), 3))
    [fact] = outcome.facts
    assert isinstance(fact.data, CommandRefused)
    assert fact.data.reason == "unknown_ticket"
    assert (fact.partition, fact.offset) == (partition_for("A"), 3)
    assert outcome.rows == {}


def test_when_deciding_fails_only_that_ticket_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    first = judged(record(opening("A"), 0))

    def defective(ticket: Ticket | None, given: Command, now: datetime, place: Place, sets: PolicySets) -> Decision:
        if given.data.type == "AcceptTicket":
            raise ZeroDivisionError
        return decide(ticket, given, now, place, sets)

    monkeypatch.setattr(judging, "decide", defective)
    outcome = judged(record(accept("A"), 1), record(bell("A"), 2, 200), rows=first.rows)
    assert [letter.reason for letter in outcome.dead] == [Unreadable.DECIDE_FAILED, Unreadable.QUARANTINED]
    key = key_of(number_id("A"))
    assert header_of(outcome.rows[key]).quarantined
    assert outcome.bells == {key: None}
    assert ticket_of(outcome.rows[key]) == ticket_of(first.rows[key]), "the ticket itself is kept"


def test_a_round_whose_policy_set_is_not_known_goes_to_the_dead_letters() -> None:
    first = judged(record(opening("A"), 0))
    newer = PolicySet.model_validate(BUREAU.model_dump() | {"version": 2})
    later = accept("A").model_copy(update={"policy_set": newer.name})
    outcome = judge([record(later, 1)], first.rows, {newer.name: newer}, PARTITIONS)
    [letter] = outcome.dead
    assert letter.reason is Unreadable.UNKNOWN_POLICY_SET
    assert BUREAU.name in letter.detail


def counted(good: int, dead: int) -> Outcome:
    letter = judged(replace(record(opening("A"), 0), value=b"?")).dead[0]
    return Outcome(dead=[letter] * dead, records=good + dead)


def test_the_worker_stops_when_most_of_what_arrives_is_dead() -> None:
    cap = DeadLetterCap(window=100, least=10)
    cap.check(counted(good=50, dead=9))
    cap.check(counted(good=0, dead=40))
    with pytest.raises(TooManyDeadLettersError, match=r"of the last 100 records .* undecodable"):
        cap.check(counted(good=0, dead=15))


def test_a_few_dead_letters_never_stop_it() -> None:
    cap = DeadLetterCap(window=100, least=10)
    for _ in range(100):
        cap.check(counted(good=2, dead=1))
    DeadLetterCap(window=100, least=10).check(counted(good=0, dead=9))
