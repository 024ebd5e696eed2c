"""A player of ticket lives: it keeps the ticket, a log with offsets and a time in minutes, and applies ``decide``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from schemas.commands import (
    AcceptTicket,
    Actor,
    AnyCommandData,
    ArriveOnScene,
    Command,
    DispatchTicket,
    FeedBack,
    OpenTicket,
    RecordVisit,
    RingBell,
    SubmitResult,
)
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, Refusal, State, VisitOutcome
from schemas.facts import CommandRefused, Fact, FactData
from schemas.identity import ticket_id
from schemas.policy import PolicySet
from schemas.topics import key_of, partition_of
from stream_processors.domain.decide import decide
from stream_processors.domain.evolve import fold
from stream_processors.domain.moves import HOLDER_ONLY
from stream_processors.domain.story import Place
from stream_processors.domain.ticket import Ticket
from stream_processors.policy_files import load_policy_set

CONFIG = Path(__file__).parents[2] / "deploy" / "config"
BUREAU = load_policy_set(CONFIG / "bureau.yaml")
START = datetime(2024, 12, 31, 1, 0, tzinfo=UTC)
"""Tuesday, nine o'clock in the morning in Jinan."""

MICROSECOND = timedelta(microseconds=1)
CENTRE = "centre"
HANDLERS = "handlers"
HOTLINE = "12328"
TICKET = ticket_id(HOTLINE, "12328-20241231-000147")
Minutes = float | timedelta
"""Minutes after ``START``, or the exact length."""

Data = TypeVar("Data", bound=FactData)


def instant(at: Minutes) -> datetime:
    """The moment so long after ``START``."""
    return START + (at if isinstance(at, timedelta) else timedelta(minutes=at))


def complaint(**changes: Any) -> OpenTicket:
    """A complaint about a taxi in a district with a brigade of its own; 3012 applies."""
    content: dict[str, Any] = {
        "source_number": "12328-20241231-000147",
        "channel": Channel.HOTLINE_12328,
        "kind": Kind.COMPLAINT,
        "domain": Domain.TAXI,
        "district": "历下区",
        "text": "出租车拒载，司机态度恶劣",
    }
    return OpenTicket.model_validate(content | changes)


def changed(rules: PolicySet, **changes: Any) -> PolicySet:
    """The same set with other top-level entries, as the next version."""
    return PolicySet.model_validate(rules.model_dump() | {"version": rules.version + 1} | changes)


def with_clock(policy: str, clock: str, rules: PolicySet = BUREAU, **changes: Any) -> PolicySet:
    """The same set, as the next version, with a clock of a policy changed, or added in the likeness of its first."""
    policies = [item.model_dump() for item in rules.policies]
    chosen = next(item for item in policies if item["policy"] == policy)
    clocks = {item["clock"]: item for item in chosen["clocks"]}
    clocks[clock] = clocks.get(clock, chosen["clocks"][0]) | {"clock": clock} | changes
    chosen["clocks"] = tuple(clocks.values())
    return changed(rules, policies=policies)


@dataclass(frozen=True)
class Entry:
    """A record of the log."""

    command: Command
    recorded_at: datetime
    place: Place


@dataclass
class Player:
    """One ticket, the facts so far, and the log that led to them."""

    rules: PolicySet = BUREAU
    ticket: Ticket | None = None
    facts: list[Fact] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    known: dict[str, PolicySet] = field(default_factory=dict)
    id: UUID = TICKET

    def do(
        self,
        data: AnyCommandData,
        at: Minutes = 0,
        *,
        unit: str | None = None,
        source: str | None = None,
        command_id: str | None = None,
        occurred: Minutes | None = None,
        receipt: Minutes | None = None,
    ) -> tuple[Fact, ...]:
        """Put the command on the log at that time and decide it; the holder acts unless another unit is given."""
        acting = unit or (self.ticket.unit if self.ticket and type(data) in HOLDER_ONLY else None)
        command = Command(
            id=command_id or f"c-{len(self.log)}",
            source=source or _usual_source(data),
            ticket_id=self.id,
            policy_set=self.rules.name,
            occurred_at=None if occurred is None else instant(occurred),
            receipt_at=None if receipt is None else instant(receipt),
            actor=Actor(unit=acting, person=f"{acting}-7") if acting else None,
            data=data,
        )
        return self.record(command, instant(at))

    def record(self, command: Command, recorded_at: datetime) -> tuple[Fact, ...]:
        """Put a command on the log as it is, and decide it."""
        self.known[self.rules.name] = self.rules
        entry = Entry(command, recorded_at, Place(partition_of(key_of(self.id)), 100 + 3 * len(self.log)))
        self.log.append(entry)
        decision = decide(self.ticket, command, recorded_at, entry.place, self.known)
        self.ticket = decision.ticket
        self.facts.extend(decision.facts)
        return decision.facts

    def open(self, at: Minutes = 0, **changes: Any) -> tuple[Fact, ...]:
        """A complaint comes in from the trusted hotline, received now."""
        return self.do(complaint(**changes), at)

    def ring(self, at: Minutes) -> tuple[Fact, ...]:
        """The timer rings."""
        return self.do(RingBell(), at)

    def inform(self, at: Minutes) -> tuple[Fact, ...]:
        """The citizen is reached by a call."""
        return self.do(FeedBack(means=FeedbackMeans.CALL), at)

    def submit(self, at: Minutes) -> tuple[Fact, ...]:
        """The holder submits a result."""
        return self.do(SubmitResult(disposition=Disposition.SERVICE, text="已责令司机道歉并退还车费"), at)

    def visit(self, outcome: VisitOutcome, at: Minutes, attempt: int = 1) -> tuple[Fact, ...]:
        """An attempt of the return visit."""
        return self.do(RecordVisit(attempt=attempt, outcome=outcome), at)

    def resolve(self, at: Minutes) -> tuple[Fact, ...]:
        """The holder accepts, goes to the scene where that is needed, submits and informs, all at once."""
        facts = self.do(AcceptTicket(), at)
        if self.live.on_site_needed:
            facts += self.do(ArriveOnScene(), at)
        return facts + self.submit(at) + self.inform(at)

    def bring_to(self, state: State) -> None:
        """Lead a fresh complaint to this state within its first minutes."""
        self.open(0, domain=Domain.OTHER if state is State.TRIAGE else Domain.TAXI)
        for step, reached in _WAY:
            if self.live.state is state:
                break
            if self.live.state is reached:
                self.do(step, 1 + len(self.log))
        if state in {State.VISITING, State.CLOSED, State.SUPERVISED}:
            self._visited_until(state)
        assert self.live.state is state

    def _visited_until(self, state: State) -> None:
        ends = {
            State.VISITING: VisitOutcome.UNREACHABLE,
            State.CLOSED: VisitOutcome.SATISFIED,
            State.SUPERVISED: VisitOutcome.DISSATISFIED,
        }
        self.visit(ends[state], 1 + len(self.log))
        while self.live.state is State.DISPATCHED:
            self.resolve(1 + len(self.log))
            self.visit(ends[state], 1 + len(self.log))

    @property
    def live(self) -> Ticket:
        """The ticket, which must exist."""
        assert self.ticket is not None
        return self.ticket

    @property
    def chain(self) -> list[Fact]:
        """The facts without the refusals."""
        return [fact for fact in self.facts if fact.version is not None]

    def told(self, kind: type[Data], **having: Any) -> list[Data]:
        """The contents of all facts of a kind so far, those with these values."""
        return told(self.facts, kind, **having)

    def refolded(self) -> Ticket | None:
        """The ticket folded anew from all its facts."""
        return fold(self.facts)

    def replayed(self, known: Mapping[str, PolicySet] | None = None) -> list[Fact]:
        """The facts decided anew from the log alone."""
        ticket, facts = None, list[Fact]()
        for entry in self.log:
            decision = decide(ticket, entry.command, entry.recorded_at, entry.place, known or self.known)
            ticket = decision.ticket
            facts.extend(decision.facts)
        return facts


_WAY: tuple[tuple[AnyCommandData, State], ...] = (
    (DispatchTicket(unit="taxi-office"), State.TRIAGE),
    (AcceptTicket(), State.DISPATCHED),
    (ArriveOnScene(), State.ACCEPTED),
    (SubmitResult(disposition=Disposition.SERVICE, text="已处理"), State.ARRIVED),
    (FeedBack(means=FeedbackMeans.CALL), State.RESULT_SUBMITTED),
)


def told(facts: list[Fact] | tuple[Fact, ...], kind: type[Data], **having: Any) -> list[Data]:
    """The contents of the facts of a kind, those with these values."""
    return [
        fact.data
        for fact in facts
        if isinstance(fact.data, kind) and all(getattr(fact.data, name) == value for name, value in having.items())
    ]


def refusal(facts: tuple[Fact, ...]) -> Refusal | None:
    """Why the command was refused; None if it was not."""
    return next((fact.data.reason for fact in facts if isinstance(fact.data, CommandRefused)), None)


def kinds(facts: list[Fact] | tuple[Fact, ...]) -> list[str]:
    """The types of the facts, in order."""
    return [fact.data.type for fact in facts]


def _usual_source(data: AnyCommandData) -> str:
    match data:
        case OpenTicket():
            return HOTLINE
        case DispatchTicket() | RecordVisit() | RingBell():
            return CENTRE
        case _:
            return HANDLERS
