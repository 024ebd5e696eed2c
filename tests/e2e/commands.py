"""Commands as the gateway would publish them, with receipt stamps at chosen instants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from uuid import UUID

from producers.publisher import Publisher
from schemas.commands import Actor, AnyCommandData, Command, OpenTicket
from schemas.enums import Channel, Domain, Kind
from schemas.identity import ticket_id

UNIT = "brigade-lixia"
_numbers = count(1)


@dataclass
class Case:
    """One ticket of a test; ``send`` publishes and waits for the broker's acknowledgement."""

    publisher: Publisher
    policy_set: str
    number: str = field(default_factory=lambda: f"E2E-{next(_numbers):06}")

    @property
    def id(self) -> UUID:
        """The ticket's id."""
        return ticket_id("12328", self.number)

    def open(self, received: datetime | None = None, **changes: object) -> None:
        """Push it, received at the given instant by the hotline's own word."""
        content = {
            "source_number": self.number,
            "channel": Channel.HOTLINE_12328,
            "kind": Kind.COMPLAINT,
            "domain": Domain.TAXI,
            "district": "历下区",
            "text": "出租车拒载，司机态度恶劣",
        }
        self.send(OpenTicket.model_validate(content | changes), occurred=received, source="12328")

    def send(
        self,
        data: AnyCommandData,
        *,
        receipt: datetime | None = None,
        occurred: datetime | None = None,
        unit: str | None = UNIT,
        source: str = "handlers",
        command_id: str | None = None,
    ) -> None:
        """Publish one command."""
        command = Command(
            id=command_id or f"{self.number}/{next(_numbers)}",
            source=source,
            ticket_id=self.id,
            policy_set=self.policy_set,
            occurred_at=occurred,
            receipt_at=receipt,
            actor=Actor(unit=unit) if unit else None,
            data=data,
        )
        self.publisher.publish_one(command)
