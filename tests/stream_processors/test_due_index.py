"""The due index: in order, bounded, nothing forgotten, nothing rung twice without need."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_processors.due_index import DueIndex, Ring


def test_the_oldest_are_taken_first_and_no_more_than_asked_for() -> None:
    index = DueIndex()
    for at in (300, 100, 200):
        index.set(str(at).encode(), 0, at)
    assert [ring.at for ring in index.take(now=250, limit=1)] == [100]
    assert [ring.at for ring in index.take(now=250, limit=9)] == [200]
    assert index.take(now=250, limit=9) == []
    assert index.next_at() == 300


def test_a_ticket_taken_rests_until_the_agent_moves_it() -> None:
    index = DueIndex()
    index.set(b"a", 0, 100)
    assert index.take(100, 9) == [Ring(b"a", 0, 100)]
    index.set(b"a", 0, 500)
    assert index.take(499, 9) == []
    assert index.take(500, 9) == [Ring(b"a", 0, 500)]


def test_a_bell_that_came_too_early_by_the_brokers_clock_is_rung_again_a_little_later() -> None:
    index = DueIndex()
    index.set(b"a", 0, 100)
    assert index.take(100, 9)
    index.set(b"a", 0, 100)  # the agent saw the bell, and the ticket had nothing to say yet
    assert index.take(101, 9) == []
    assert index.take(1000, 9) == [Ring(b"a", 0, 100)]


def test_bells_that_could_not_be_sent_are_due_again() -> None:
    index = DueIndex()
    index.set(b"a", 0, 100)
    rings = index.take(100, 9)
    index.put_back(rings)
    assert index.take(1000, 9) == rings


def test_partitions_that_went_away_are_forgotten() -> None:
    index = DueIndex()
    index.set(b"a", 0, 100)
    index.set(b"b", 1, 100)
    index.drop([0])
    assert index.take(100, 9) == [Ring(b"b", 1, 100)]
    assert len(index) == 1


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.one_of(st.none(), st.integers(0, 50))), min_size=1))
def test_at_the_end_exactly_the_tickets_that_wait_are_taken_once(moves: list[tuple[bytes, int | None]]) -> None:
    index = DueIndex()
    waiting: dict[bytes, int] = {}
    for key, at in moves:
        index.set(key, 0, at)
        waiting.pop(key, None)
        if at is not None:
            waiting[key] = at
    taken = index.take(now=50, limit=100)
    assert {ring.key: ring.at for ring in taken} == waiting
    assert len(taken) == len(waiting)
    assert [ring.at for ring in taken] == sorted(ring.at for ring in taken)
