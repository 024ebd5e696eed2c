"""Facts: what has happened to a ticket, in the past tense. They are never changed, and every view is a fold of them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, SerializeAsAny, model_validator

from schemas.base import Instant, Model, Name, Text
from schemas.commands import Respondent
from schemas.enums import (
    BreachCause,
    CancelReason,
    Channel,
    DispatchReason,
    Disposition,
    Domain,
    FeedbackMeans,
    Kind,
    Measure,
    ReceivedBy,
    Refusal,
    Role,
    RoundReason,
    Sensitivity,
    Severity,
    Urgency,
    Verdict,
    VisitOutcome,
)
from schemas.envelope import SealedEnvelope
from schemas.policy import Basis, Limit

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
GENESIS = "0" * 64
"""What the first fact of a ticket names as its predecessor."""


class FactData(Model):
    """What all facts' contents share. ``schema_version`` is always written."""

    schema_version: Literal[1] = 1


class TicketOpened(FactData):
    """A ticket exists. ``intake_delay_s`` is record time less received, charged to the channel."""

    type: Literal["TicketOpened"] = "TicketOpened"
    source: Name
    source_number: Name
    public_number: Name
    channel: Channel
    kind: Kind
    domain: Domain
    urgency: Urgency
    sensitivity: Sensitivity
    district: Name | None = None
    category: Name | None = None
    respondent: Respondent | None = None
    on_site_needed: bool | None = None
    contactable: bool
    text: Text
    envelope: SealedEnvelope | None = None
    history: bool
    digest: Hash
    policy_set: Name
    received_at: Instant
    received_by: ReceivedBy
    intake_delay_s: NonNegativeFloat


class TicketSupplemented(FactData):
    """The source pushed the case again with other content."""

    type: Literal["TicketSupplemented"] = "TicketSupplemented"
    digest: Hash
    text: Text
    envelope: SealedEnvelope | None = None


class RoundOpened(FactData):
    """A round of handling begins. Its limits and chains are those of this policy of this immutable set."""

    type: Literal["RoundOpened"] = "RoundOpened"
    round: PositiveInt
    reason: RoundReason
    policy_set: Name
    policy: Name
    note: Text = ""


class TicketDispatched(FactData):
    """A unit holds the ticket."""

    type: Literal["TicketDispatched"] = "TicketDispatched"
    unit: Name
    reason: DispatchReason
    route: Name | None = None
    note: Text = ""


class TicketTriaged(FactData):
    """No route fits; a person at the centre has to dispatch. The clocks run all the same."""

    type: Literal["TicketTriaged"] = "TicketTriaged"


class ClockStarted(FactData):
    """A deadline is set, with the limit's legal basis.

    ``next_at`` is the first instant of its chain. ``late``: the step was found to apply only after the round opened.
    """

    type: Literal["ClockStarted"] = "ClockStarted"
    round: PositiveInt
    clock: Name
    started_at: Instant
    due_at: Instant
    next_at: Instant
    limit: Limit
    provisional: bool = False
    late: bool = False
    basis: Basis


class ClockStopped(FactData):
    """The deed was done. ``verdict`` is met, or breached where the breach had been written before."""

    type: Literal["ClockStopped"] = "ClockStopped"
    round: PositiveInt
    clock: Name
    stopped_at: Instant
    verdict: Literal[Verdict.MET, Verdict.BREACHED]


class ClockBreached(FactData):
    """The deadline passed without the deed. Final. Without a unit the centre, or for late intake the channel, answers.

    ``detection_s`` is how late we noticed, in seconds; it is not lateness of the unit's.
    """

    type: Literal["ClockBreached"] = "ClockBreached"
    round: PositiveInt
    clock: Name
    due_at: Instant
    breached_at: Instant
    unit: Name | None = None
    person: Name | None = None
    cause: BreachCause
    detection_s: NonNegativeFloat


class ClockExcused(FactData):
    """A breach is excused: a message that reached us late proves that the deed was done in time."""

    type: Literal["ClockExcused"] = "ClockExcused"
    round: PositiveInt
    clock: Name
    done_at: Instant


class ClockCancelled(FactData):
    """The clock's step turned out not to apply."""

    type: Literal["ClockCancelled"] = "ClockCancelled"
    round: PositiveInt
    clock: Name
    reason: CancelReason


class LevelReached(FactData):
    """A rung of a clock's chain is reached: a warning, the breach, or an escalation after it."""

    type: Literal["LevelReached"] = "LevelReached"
    round: PositiveInt
    clock: Name
    level: Name
    severity: Severity
    measure: Measure
    notify: tuple[Role, ...]
    due_at: Instant
    reached_at: Instant
    next_at: Instant | None = None
    unit: Name | None = None


class TicketAccepted(FactData):
    """The unit took the ticket; the first to do so is the first handler for life (首办责任制)."""

    type: Literal["TicketAccepted"] = "TicketAccepted"
    unit: Name
    person: Name | None = None
    first_handler: bool


class OnSiteDecided(FactData):
    """It is settled whether the scene must be visited."""

    type: Literal["OnSiteDecided"] = "OnSiteDecided"
    needed: bool
    unit: Name | None = None
    person: Name | None = None


class HandlerArrived(FactData):
    """A handler is on the scene."""

    type: Literal["HandlerArrived"] = "HandlerArrived"
    unit: Name
    person: Name | None = None
    latitude: float | None = None
    longitude: float | None = None


class ResultSubmitted(FactData):
    """The result is on record; the citizen does not know it by that."""

    type: Literal["ResultSubmitted"] = "ResultSubmitted"
    unit: Name
    person: Name | None = None
    disposition: Disposition
    text: Text
    envelope: SealedEnvelope | None = None


class FeedbackTried(FactData):
    """A call that did not reach the citizen; no clock stops."""

    type: Literal["FeedbackTried"] = "FeedbackTried"
    unit: Name
    person: Name | None = None
    means: FeedbackMeans
    text: Text = ""
    envelope: SealedEnvelope | None = None


class CitizenInformed(FactData):
    """The citizen knows the result."""

    type: Literal["CitizenInformed"] = "CitizenInformed"
    unit: Name
    person: Name | None = None
    means: FeedbackMeans
    text: Text = ""
    envelope: SealedEnvelope | None = None


class TicketResolved(FactData):
    """Result submitted and citizen informed; the return visit is due."""

    type: Literal["TicketResolved"] = "TicketResolved"
    round: PositiveInt


class VisitTried(FactData):
    """An attempt that did not reach the citizen."""

    type: Literal["VisitTried"] = "VisitTried"
    round: PositiveInt
    attempt: PositiveInt
    part_of_day: Name
    text: Text = ""
    envelope: SealedEnvelope | None = None


class VisitCompleted(FactData):
    """The round's one return visit has its outcome. Effective: it reached the citizen and got an answer."""

    type: Literal["VisitCompleted"] = "VisitCompleted"
    round: PositiveInt
    attempt: NonNegativeInt
    outcome: VisitOutcome
    effective: bool
    solved: bool | None = None
    text: Text = ""
    envelope: SealedEnvelope | None = None


class TicketSupervised(FactData):
    """Dissatisfied once more than the policy reopens; a supervisor has to decide."""

    type: Literal["TicketSupervised"] = "TicketSupervised"
    round: PositiveInt


class TicketClosed(FactData):
    """Struck off the ledger (销号). ``outcome`` is the last visit's, where there was one."""

    type: Literal["TicketClosed"] = "TicketClosed"
    round: PositiveInt
    outcome: VisitOutcome | None = None
    note: Text = ""


class AlertAcknowledged(FactData):
    """Somebody has seen this level."""

    type: Literal["AlertAcknowledged"] = "AlertAcknowledged"
    round: PositiveInt
    clock: Name
    level: Name
    unit: Name | None = None
    person: Name | None = None


class CommandRefused(FactData):
    """The command had no effect, for this reason. Outside the ticket's chain; the ticket is unharmed."""

    type: Literal["CommandRefused"] = "CommandRefused"
    reason: Refusal
    explanation: Text


AnyFactData = Annotated[
    TicketOpened
    | TicketSupplemented
    | RoundOpened
    | TicketDispatched
    | TicketTriaged
    | ClockStarted
    | ClockStopped
    | ClockBreached
    | ClockExcused
    | ClockCancelled
    | LevelReached
    | TicketAccepted
    | OnSiteDecided
    | HandlerArrived
    | ResultSubmitted
    | FeedbackTried
    | CitizenInformed
    | TicketResolved
    | VisitTried
    | VisitCompleted
    | TicketSupervised
    | TicketClosed
    | AlertAcknowledged
    | CommandRefused,
    Field(discriminator="type"),
]


class Cause(Model):
    """The command behind a fact."""

    source: Name
    id: Name
    type: Name


class Fact(Model):
    """A fact and its place in the ticket's chain.

    Args:
        id: ``uuid5`` of ticket and version; of the record's place for a refusal.
        version: counts the ticket's facts from 1 without a gap; None for a refusal.
        at: when it happened, as far as it counts.
        recorded_at: the ticket's own time when it was decided; never runs backwards within a ticket.
        cause: the command that was decided.
        partition: of ``hotline.tickets``, where that command stands.
        offset: in that partition.
        previous: SHA-256 of the ticket's previous fact as encoded; None for a refusal.
    """

    id: UUID
    ticket_id: UUID
    version: PositiveInt | None = None
    at: Instant
    recorded_at: Instant
    cause: Cause
    partition: NonNegativeInt
    offset: NonNegativeInt
    previous: Hash | None = None
    data: SerializeAsAny[AnyFactData]  # as what it is: looking the union over again would double the cost

    @model_validator(mode="after")
    def _chained(self) -> Self:
        if isinstance(self.data, CommandRefused) != (self.version is None):
            raise ValueError("every fact but a refusal has a version")
        if (self.previous is None) != (self.version is None):
            raise ValueError("every fact with a version names its predecessor")
        return self

    @cached_property
    def encoded(self) -> bytes:
        """The one byte form of this fact, on the log and under the hash."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @property
    def digest(self) -> str:
        """SHA-256 of the encoded form, in hexadecimal; the next fact names it."""
        return hashlib.sha256(self.encoded).hexdigest()
