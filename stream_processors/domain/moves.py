"""The table of legal moves: which command a ticket in which state may take. What is not here is refused."""

from __future__ import annotations

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
    SubmitResult,
)
from schemas.enums import State

LEGAL: dict[State, frozenset[type[CommandData]]] = {
    State.TRIAGE: frozenset({DispatchTicket, DecideOnSite, AcknowledgeAlert}),
    State.DISPATCHED: frozenset({DispatchTicket, AcceptTicket, DecideOnSite, AcknowledgeAlert}),
    State.ACCEPTED: frozenset({DecideOnSite, ArriveOnScene, SubmitResult, FeedBack, AcknowledgeAlert}),
    State.ARRIVED: frozenset({SubmitResult, FeedBack, AcknowledgeAlert}),
    State.RESULT_SUBMITTED: frozenset({FeedBack, AcknowledgeAlert}),
    State.RESOLVED: frozenset({RecordVisit, AcknowledgeAlert}),
    State.VISITING: frozenset({RecordVisit, AcknowledgeAlert}),
    State.SUPERVISED: frozenset({ReopenTicket, CloseTicket, AcknowledgeAlert}),
    State.CLOSED: frozenset({ReopenTicket, AcknowledgeAlert}),
}
"""Besides these, opening again and the bell are answered in every state, and a trusted import may close its own
tickets in any state but closed."""

HOLDER_ONLY: frozenset[type[CommandData]] = frozenset({AcceptTicket, ArriveOnScene, SubmitResult, FeedBack})
"""Only the unit that holds the ticket may do these."""


def is_legal(state: State, data: AnyCommandData, *, history: bool) -> bool:
    """Whether a ticket in this state may take this command."""
    if history and isinstance(data, CloseTicket):
        return state is not State.CLOSED
    return type(data) in LEGAL[state]
