"""Facts for tests, made by the real core: a teller says commands, and ``decide`` answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, select

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
    Respondent,
    RingBell,
    SubmitResult,
)
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, RespondentType, VisitOutcome
from schemas.facts import Fact
from schemas.identity import ticket_id
from schemas.policy import PolicySet
from schemas.topics import key_of, partition_of
from sinks.rows import LoggedFact
from sinks.tables import metadata
from stream_processors.domain.decide import decide
from stream_processors.domain.story import Place
from stream_processors.domain.ticket import Ticket
from stream_processors.policy_files import load_policy_set

START = datetime(2026, 3, 2, 1, 0, 0, 123_456, tzinfo=UTC)  # a Monday morning in Jinan
SOURCE = "12328"
UNIT = "brigade-lixia"
_HANDLER = Actor(unit=UNIT, person="handler-7")


@cache
def bureau() -> PolicySet:
    return load_policy_set(Path(__file__).parents[2] / "deploy" / "config" / "bureau.yaml")


@dataclass
class Teller:
    """One ticket of a source, told command by command; ``facts`` and ``ticket`` are what came of it."""

    number: str
    start: datetime = START
    facts: list[Fact] = field(default_factory=list)
    ticket: Ticket | None = None
    said: int = 0

    @property
    def id(self) -> UUID:
        return ticket_id(SOURCE, self.number)

    def say(
        self, data: AnyCommandData, minute: float, actor: Actor | None = None, done: float | None = None
    ) -> list[Fact]:
        """Say a command so many minutes after the start; ``done``: when the deed was done, by a trusted source."""
        self.said += 1
        now = self.start + timedelta(minutes=minute)
        command = Command(
            id=f"{self.number}-{self.said}",
            source=SOURCE,
            ticket_id=self.id,
            policy_set=bureau().name,
            occurred_at=None if done is None else self.start + timedelta(minutes=done),
            actor=actor,
            data=data,
        )
        place = Place(partition_of(key_of(self.id)), self.id.int % 2**50 * 1_000 + self.said)
        decision = decide(self.ticket, command, now, place, {bureau().name: bureau()})
        self.ticket = decision.ticket
        self.facts += decision.facts
        return list(decision.facts)

    def open(self, minute: float = 0, **changes: object) -> list[Fact]:
        complaint = {
            "source_number": self.number,
            "channel": Channel.HOTLINE_12328,
            "kind": Kind.COMPLAINT,
            "domain": Domain.TAXI,
            "district": "历下区",
            "respondent": Respondent(type=RespondentType.VEHICLE, id="鲁A·T1234"),
            "on_site_needed": True,
            "text": "出租车拒载，请处理 🚕",
        }
        return self.say(OpenTicket.model_validate(complaint | changes), minute)

    def accept(self, minute: float, done: float | None = None) -> list[Fact]:
        return self.say(AcceptTicket(), minute, _HANDLER, done)

    def arrive(self, minute: float) -> list[Fact]:
        return self.say(ArriveOnScene(latitude=36.67, longitude=117.05), minute, _HANDLER)

    def submit(self, minute: float) -> list[Fact]:
        return self.say(SubmitResult(disposition=Disposition.MANAGEMENT, text="已约谈驾驶员"), minute, _HANDLER)

    def inform(self, minute: float) -> list[Fact]:
        return self.say(FeedBack(means=FeedbackMeans.CALL, text="已电话告知"), minute, _HANDLER)

    def miss(self, minute: float) -> list[Fact]:
        return self.say(FeedBack(means=FeedbackMeans.CALL, reached=False), minute, _HANDLER)

    def visit(self, minute: float, attempt: int, outcome: VisitOutcome) -> list[Fact]:
        solved = None if outcome is VisitOutcome.UNREACHABLE else outcome is not VisitOutcome.DISSATISFIED
        return self.say(RecordVisit(attempt=attempt, outcome=outcome, solved=solved, text="回访"), minute)

    def ring(self, minute: float) -> list[Fact]:
        return self.say(RingBell(), minute)


def opened(number: str, start: datetime = START) -> Teller:
    teller = Teller(number, start)
    teller.open()
    return teller


def full_life(number: str = "A-1", start: datetime = START) -> Teller:
    """Accepted late, arrived, informed, visited twice, dissatisfied; a second round in time, satisfied."""
    teller = opened(number, start)
    teller.accept(40)
    teller.arrive(50)
    teller.say(DispatchTicket(unit="nobody"), 55)  # refused
    teller.submit(70)
    teller.miss(80)
    teller.inform(90)
    teller.visit(100, 1, VisitOutcome.UNREACHABLE)
    teller.visit(400, 2, VisitOutcome.DISSATISFIED)
    teller.accept(405)
    teller.arrive(410)
    teller.submit(420)
    teller.inform(430)
    teller.visit(500, 1, VisitOutcome.SATISFIED)
    return teller


def neglected(number: str = "B-1", start: datetime = START) -> Teller:
    """Never accepted: every level of every clock is reached."""
    teller = opened(number, start)
    teller.ring(31)
    teller.open(35, text="补充：车牌更正")
    teller.ring(300)
    return teller


def crowd(count: int, seed: int = 1) -> list[Fact]:
    """Many tickets' facts as on the log: command after command of different tickets, each ticket's in order."""
    dice = random.Random(seed)
    kinds = (full_life, neglected, opened)
    lives = [
        _by_command(kinds[number % 3](f"C-{number}", START + timedelta(seconds=dice.randrange(86_400))).facts)
        for number in range(count)
    ]
    order = [life for life, commands in enumerate(lives) for _ in commands]
    dice.shuffle(order)
    left = [iter(commands) for commands in lives]
    return [fact for life in order for fact in next(left[life])]


def _by_command(facts: list[Fact]) -> list[list[Fact]]:
    return [list(group) for _, group in groupby(facts, key=lambda fact: fact.offset)]


def logged(facts: list[Fact]) -> list[LoggedFact]:
    return [LoggedFact.of(fact) for fact in facts]


def everything(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in the order of the primary keys."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }
