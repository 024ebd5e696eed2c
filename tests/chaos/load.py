"""A steady publisher in a thread of its own: many tickets at once, some silent, some words said twice."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from producers.publisher import Publisher, PublishError
from schemas.commands import (
    AcceptTicket,
    Actor,
    AnyCommandData,
    Command,
    FeedBack,
    OpenTicket,
    RecordVisit,
    SubmitResult,
)
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, VisitOutcome
from schemas.identity import ticket_id

UNIT = "brigade-lixia"
MOST_PRESSED = 15_000
"""Commands that one wait for a backlog may publish; a worker that keeps up with more is not going to fall behind."""
_OPEN_AT_ONCE = 600
_STEADY_CHUNK, _STEADY_PAUSE_S = 40, 0.2
_PRESSED_CHUNK = 500

_Name = tuple[UUID, str, str]
"""What makes a command itself: ticket, source and id."""


@dataclass
class Ticket:
    """A ticket of the load and how many of its words have been said."""

    number: str
    words: tuple[AnyCommandData, ...]
    said: int = 0

    @property
    def id(self) -> UUID:
        """The ticket's id."""
        return ticket_id("12328", self.number)

    def next(self, policy_set: str, data: AnyCommandData) -> Command:
        """The next command of this ticket, under an id that stays the same when it is sent again."""
        self.said += 1
        opens = isinstance(data, OpenTicket)
        return Command(
            id=f"{self.number}/{self.said}",
            source="12328" if opens else "handlers",
            ticket_id=self.id,
            policy_set=policy_set,
            actor=None if opens else Actor(unit=UNIT),
            data=data,
        )


def _opening(number: str) -> OpenTicket:
    return OpenTicket(
        source_number=number,
        channel=Channel.HOTLINE_12328,
        kind=Kind.COMPLAINT,
        domain=Domain.TAXI,
        district="历下区",
        text="出租车拒载，司机态度恶劣",
    )


_RESULT = SubmitResult(disposition=Disposition.ENFORCEMENT, text="已查处")
_CALL = FeedBack(means=FeedbackMeans.CALL)
_VISIT = RecordVisit(attempt=1, outcome=VisitOutcome.SATISFIED, solved=True)
_AGAIN = RecordVisit(attempt=1, outcome=VisitOutcome.DISSATISFIED)
_LIFE = (AcceptTicket(), _RESULT, _CALL)
_LIVES: tuple[tuple[AnyCommandData, ...], ...] = (
    (*_LIFE, _VISIT),
    (*_LIFE, _AGAIN, *_LIFE, _VISIT),  # a second round
    (),  # silent: only bells move it
    (_VISIT, *_LIFE, _VISIT),  # the first is refused
)


@dataclass
class Load:
    """Publishes until told to stop: steadily, or while pressed as fast as it can."""

    bootstrap: str
    policy_set: str
    seed: int
    acknowledged: list[_Name] = field(default_factory=list)
    retried: int = 0
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._tickets: list[Ticket] = []
        self._open: list[Ticket] = []
        self._recent: deque[Command] = deque(maxlen=2000)
        self._pressed = threading.Event()
        self._stop = threading.Event()
        self._idle = threading.Event()  # set while the steady flow rests
        self._quiet = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Begin the steady flow."""
        self._thread.start()

    def press(self) -> None:
        """As fast as the broker takes them, so that a backlog grows."""
        self._pressed.set()

    def ease(self) -> None:
        """Back to the steady flow."""
        self._pressed.clear()

    def stop(self) -> None:
        """End the flow; what was acknowledged stays on record.

        Raises:
            RuntimeError: the publisher had failed, or does not end.
        """
        self._stop.set()
        self._thread.join(150)
        if self.failure is not None or self._thread.is_alive():
            raise RuntimeError(f"the publisher failed: {self.failure}")

    def more_for_the_same_tickets(self, count: int) -> int:
        """After the end of the flow: a further word for tickets of the whole run, and old commands once more."""
        some = self._random.sample(self._tickets, min(count, len(self._tickets)))
        commands = [self._word(ticket) for ticket in some]
        commands += self._random.sample(list(self._recent), min(200, len(self._recent)))
        with Publisher(self.bootstrap) as publisher:
            self._publish(publisher, commands)
        return len(commands)

    def _run(self) -> None:
        try:
            with Publisher(self.bootstrap, timeout_s=30) as publisher:
                while not self._stop.is_set():
                    pressed = self._pressed.is_set()
                    self._publish(publisher, list(self._some(_PRESSED_CHUNK if pressed else _STEADY_CHUNK)))
                    if not pressed:
                        self._stop.wait(_STEADY_PAUSE_S)
        except BaseException as error:  # noqa: BLE001 (reported by stop)
            self.failure = error

    def _publish(self, publisher: Publisher, commands: list[Command]) -> None:
        for _ in range(5):
            try:
                publisher.publish(commands)
            except PublishError:
                self.retried += 1
                continue
            self.acknowledged += [(command.ticket_id, command.source, command.id) for command in commands]
            self._recent.extend(commands)
            return
        raise RuntimeError("five times in vain")

    def _some(self, count: int) -> Iterator[Command]:
        for _ in range(count):
            if self._recent and self._random.random() < 0.04:
                yield self._random.choice(self._recent)  # said once more
                continue
            if len(self._open) < _OPEN_AT_ONCE:
                yield self._new()
                continue
            place = self._random.randrange(len(self._open))
            ticket = self._open[place]
            yield self._word(ticket)
            if ticket.said >= 1 + len(ticket.words):
                self._open[place] = self._open[-1]
                self._open.pop()

    def _new(self) -> Command:
        number = f"CHAOS-{self.seed}-{len(self._tickets):07}"
        words = self._random.choices(_LIVES, weights=(6, 2, 1, 1))[0]
        ticket = Ticket(number, words)
        self._tickets.append(ticket)
        if words:
            self._open.append(ticket)
        return ticket.next(self.policy_set, _opening(number))

    def _word(self, ticket: Ticket) -> Command:
        said = ticket.said - 1
        data: AnyCommandData = ticket.words[said] if said < len(ticket.words) else AcceptTicket()
        return ticket.next(self.policy_set, data)
