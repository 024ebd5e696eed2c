"""The table of legal moves: what is in it is taken, everything outside is refused and harms nothing."""

import pytest

from schemas.commands import (
    AcceptTicket,
    AcknowledgeAlert,
    AnyCommandData,
    ArriveOnScene,
    CloseTicket,
    CommandData,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    RecordVisit,
    ReopenTicket,
    RingBell,
    SubmitResult,
)
from schemas.contracts import COMMANDS
from schemas.enums import Disposition, FeedbackMeans, Refusal, State, VisitOutcome
from schemas.facts import CommandRefused, TicketAccepted
from schemas.words import explain
from stream_processors.domain.moves import HOLDER_ONLY, LEGAL
from tests.domain.player import Player, complaint, kinds, refusal, told

SAMPLES: tuple[AnyCommandData, ...] = (
    DispatchTicket(unit="brigade"),
    AcceptTicket(),
    DecideOnSite(needed=True),
    ArriveOnScene(),
    SubmitResult(disposition=Disposition.SERVICE, text="已处理"),
    FeedBack(means=FeedbackMeans.CALL),
    RecordVisit(attempt=1, outcome=VisitOutcome.SATISFIED),
    AcknowledgeAlert(round=1, clock="accept", level="warn-50"),
    ReopenTicket(reason="新的证据"),
    CloseTicket(reason="已说明"),
)
ANY_STATE = {"OpenTicket", "RingBell"}
PAIRS = [(state, sample) for state in State for sample in SAMPLES]
LEGAL_PAIRS = [(state, sample) for state, sample in PAIRS if type(sample) in LEGAL[state]]
ILLEGAL_PAIRS = [(state, sample) for state, sample in PAIRS if type(sample) not in LEGAL[state]]


def name(value: object) -> str:
    return str(value.value) if isinstance(value, State) else type(value).__name__


def brought_to(state: State) -> Player:
    player = Player()
    player.bring_to(state)
    return player


def now(player: Player) -> float:
    return float(len(player.log))


def test_the_samples_are_all_the_commands_that_the_table_is_about() -> None:
    assert {type(sample).__name__ for sample in SAMPLES} | ANY_STATE == {command.__name__ for command in COMMANDS}
    assert set(LEGAL) == set(State)


@pytest.mark.parametrize(("state", "data"), ILLEGAL_PAIRS, ids=name)
def test_a_move_outside_the_table_is_refused_and_leaves_the_ticket_unharmed(state: State, data: AnyCommandData) -> None:
    player = brought_to(state)
    before = player.ticket
    facts = player.do(data, now(player), unit=player.live.unit)
    assert refusal(facts) is Refusal.ILLEGAL_MOVE
    assert kinds(facts) == ["CommandRefused"]
    assert player.ticket == before
    assert facts[0].data.explanation == explain(Refusal.ILLEGAL_MOVE, state)  # type: ignore[union-attr]


@pytest.mark.parametrize(("state", "data"), LEGAL_PAIRS, ids=name)
def test_a_move_of_the_table_is_never_refused_as_illegal(state: State, data: AnyCommandData) -> None:
    player = brought_to(state)
    facts = player.do(data, now(player), unit=player.live.unit)
    assert facts
    assert refusal(facts) is not Refusal.ILLEGAL_MOVE


@pytest.mark.parametrize("state", State)
def test_the_bell_and_a_second_push_are_answered_in_every_state(state: State) -> None:
    player = brought_to(state)
    assert refusal(player.do(RingBell(), now(player))) is None
    assert kinds(player.do(complaint(text="市民来电补充"), now(player))) == ["TicketSupplemented"]
    assert player.live.state is state


HOLDERS_MOVES = [
    (state, sample) for state, sample in LEGAL_PAIRS if type(sample) in HOLDER_ONLY and state is not State.TRIAGE
]


@pytest.mark.parametrize(("state", "data"), HOLDERS_MOVES, ids=name)
def test_another_unit_than_the_holder_is_refused(state: State, data: AnyCommandData) -> None:
    player = brought_to(state)
    before = player.ticket
    facts = player.do(data, now(player), unit="taxi-office")
    assert refusal(facts) is Refusal.NOT_THE_HOLDER
    assert player.ticket == before
    assert told(facts, CommandRefused)[0].explanation.endswith("（brigade-lixia）")


@pytest.mark.parametrize(("state", "data"), HOLDERS_MOVES, ids=name)
def test_nobody_in_particular_is_not_the_holder(state: State, data: AnyCommandData) -> None:
    player = brought_to(state)
    command = player.log[0].command.model_copy(update={"id": "anonymous", "source": "handlers", "data": data})
    assert refusal(player.record(command, player.log[-1].recorded_at)) is Refusal.NOT_THE_HOLDER


def test_the_table_of_holders_moves_is_not_empty() -> None:
    assert {type(sample) for _, sample in HOLDERS_MOVES} == HOLDER_ONLY


ANSWERED_PAIRS = [
    (state, sample)
    for state, sample in LEGAL_PAIRS
    if not isinstance(sample, AcknowledgeAlert) and not (state is State.VISITING and isinstance(sample, RecordVisit))
]


@pytest.mark.parametrize(("state", "data"), ANSWERED_PAIRS, ids=name)
def test_the_same_command_twice_has_one_effect(state: State, data: AnyCommandData) -> None:
    player = brought_to(state)
    assert refusal(player.do(data, now(player), unit=player.live.unit, command_id="once")) is None
    after = player.ticket
    assert player.do(data, now(player) + 1, unit=player.live.unit, command_id="once") == ()
    assert player.ticket == after


def test_a_command_is_remembered_for_life() -> None:
    player = Player()
    player.open()
    player.do(AcceptTicket(), 5, command_id="accept-1")
    player.submit(6)
    player.inform(7)
    player.visit(VisitOutcome.DISSATISFIED, 60)
    assert player.live.state is State.DISPATCHED
    assert player.do(AcceptTicket(), 61, command_id="accept-1") == ()
    assert player.live.state is State.DISPATCHED


def test_the_same_id_from_another_source_is_another_command() -> None:
    player = Player()
    player.open()
    player.do(complaint(text="补充一"), 1, command_id="7", source="12328")
    assert kinds(player.do(complaint(text="补充二"), 2, command_id="7", source="12345")) == ["TicketSupplemented"]


def test_a_refused_command_may_be_sent_again_when_its_time_has_come() -> None:
    player = brought_to(State.TRIAGE)
    refused = player.do(AcceptTicket(), 2, unit="taxi-office", command_id="early")
    assert refusal(refused) is Refusal.ILLEGAL_MOVE
    player.do(DispatchTicket(unit="taxi-office"), 3)
    assert told(player.do(AcceptTicket(), 4, unit="taxi-office", command_id="early"), TicketAccepted)


@pytest.mark.parametrize("data", [sample for sample in SAMPLES if not isinstance(sample, RingBell)], ids=name)
def test_a_command_for_an_unknown_ticket_is_refused(data: AnyCommandData) -> None:
    player = Player()
    facts = player.do(data, 0, unit="brigade")
    assert refusal(facts) is Refusal.UNKNOWN_TICKET
    assert player.ticket is None


def test_a_bell_for_an_unknown_ticket_is_silent() -> None:
    player = Player()
    assert player.ring(0) == ()
    assert player.ticket is None


def test_a_refusal_stands_after_every_other_fact_of_its_command() -> None:
    player = Player()
    player.open()
    facts = player.do(CloseTicket(reason="x"), 20, receipt=10)  # the first warning passes between the deed and now
    assert kinds(facts) == ["LevelReached", "CommandRefused"]


def test_a_refusal_is_outside_the_chain() -> None:
    player = Player()
    player.open()
    (refused,) = player.do(CloseTicket(reason="x"), 1)
    assert (refused.version, refused.previous) == (None, None)
    (accepted, *_) = player.do(AcceptTicket(), 2)
    assert accepted.version == len(player.chain) - 1


def types(commands: frozenset[type[CommandData]]) -> set[str]:
    return {command.__name__ for command in commands}


def test_the_life_of_a_ticket_can_always_go_on() -> None:
    stuck = {state for state in State if not types(LEGAL[state]) - {"AcknowledgeAlert", "DecideOnSite"}}
    assert stuck == set()
