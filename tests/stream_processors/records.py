"""Records of ``hotline.tickets`` for tests of what judges them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.codec import encode_command
from schemas.commands import AcceptTicket, Actor, Command, OpenTicket, RingBell
from schemas.enums import Channel, Domain, Kind
from schemas.identity import ticket_id
from schemas.topics import PARTITIONS, key_of, partition_of
from stream_processors.judge import Record
from tests.domain.player import BUREAU

START = datetime(2024, 12, 31, 1, 0, tzinfo=UTC)
UNIT = "brigade-lixia"


def opening(number: str, **changes: object) -> Command:
    """A complaint that routes to ``UNIT``."""
    content = {
        "source_number": number,
        "channel": Channel.HOTLINE_12328,
        "kind": Kind.COMPLAINT,
        "domain": Domain.TAXI,
        "district": "历下区",
        "text": "出租车拒载",
    }
    return command(number, f"open-{number}", OpenTicket.model_validate(content | changes))


def accept(number: str) -> Command:
    """Its acceptance."""
    return command(number, f"accept-{number}", AcceptTicket(), Actor(unit=UNIT))


def bell(number: str) -> Command:
    """A ring for it."""
    return command(number, "1", RingBell())


def command(number: str, name: str, data: OpenTicket | AcceptTicket | RingBell, actor: Actor | None = None) -> Command:
    """A command on the ticket of this source number."""
    return Command(id=name, source="12328", ticket_id=number_id(number), policy_set=BUREAU.name, actor=actor, data=data)


def number_id(number: str) -> UUID:
    """The ticket of a source number."""
    return ticket_id("12328", number)


def partition_for(number: str) -> int:
    """Where it belongs."""
    return partition_of(key_of(number_id(number)), PARTITIONS)


def record(given: Command, offset: int, minutes: float = 0) -> Record:
    """The command as it stands on the log."""
    key = key_of(given.ticket_id)
    at = START + timedelta(minutes=minutes)
    return Record(partition_of(key, PARTITIONS), offset, at, key, encode_command(given))
