"""Commands: what somebody wants to happen to a ticket, in the imperative. One topic carries them all."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, PositiveInt, SerializeAsAny

from schemas.base import Instant, Model, Name, Text
from schemas.enums import (
    Channel,
    Disposition,
    Domain,
    FeedbackMeans,
    Kind,
    RespondentType,
    Sensitivity,
    Urgency,
    VisitOutcome,
)
from schemas.envelope import SealedEnvelope


class Actor(Model):
    """Who acts: a unit of the policy set's unit tree and, where known, a person of it."""

    unit: Name
    person: Name | None = None


class Respondent(Model):
    """Who or what is complained about: a plate, a licence or a line number; never a personal name."""

    type: RespondentType
    id: Name


class CommandData(Model):
    """What all commands' contents share. ``schema_version`` is always written."""

    schema_version: Literal[1] = 1


class OpenTicket(CommandData):
    """A citizen's complaint enters. Identity and original text are in the envelope only.

    ``content_mark`` is a keyed hash of the whole clear content: by it a push that changes only what is sealed shows as
    changed. ``history`` marks a trusted import: such a ticket lives by its own times, never by the record's.
    """

    type: Literal["OpenTicket"] = "OpenTicket"
    source_number: Name
    channel: Channel
    kind: Kind
    domain: Domain
    urgency: Urgency = Urgency.NORMAL
    sensitivity: Sensitivity = Sensitivity.NONE
    district: Name | None = None
    category: Name | None = None
    respondent: Respondent | None = None
    on_site_needed: bool | None = None
    contactable: bool = True
    text: Text
    envelope: SealedEnvelope | None = None
    content_mark: Name | None = None
    history: bool = False


class DispatchTicket(CommandData):
    """The centre gives the ticket to a unit, out of triage or to correct an earlier dispatch."""

    type: Literal["DispatchTicket"] = "DispatchTicket"
    unit: Name
    reason: Text = ""


class AcceptTicket(CommandData):
    """The unit that holds the ticket takes it."""

    type: Literal["AcceptTicket"] = "AcceptTicket"


class DecideOnSite(CommandData):
    """Somebody decides whether the scene must be visited; decided late, the arrive clock starts then."""

    type: Literal["DecideOnSite"] = "DecideOnSite"
    needed: bool


class ArriveOnScene(CommandData):
    """A handler is on the scene. Position in degrees (WGS 84), where the device gave one."""

    type: Literal["ArriveOnScene"] = "ArriveOnScene"
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)


class SubmitResult(CommandData):
    """The handler records what was found and done. It stops no clock of the citizen's."""

    type: Literal["SubmitResult"] = "SubmitResult"
    disposition: Disposition
    text: Text
    envelope: SealedEnvelope | None = None


class FeedBack(CommandData):
    """The citizen is informed. A call that did not reach the citizen is recorded and stops nothing."""

    type: Literal["FeedBack"] = "FeedBack"
    means: FeedbackMeans
    reached: bool = True
    text: Text = ""
    envelope: SealedEnvelope | None = None


class RecordVisit(CommandData):
    """One attempt of the return visit. ``attempt`` counts from 1 within the round."""

    type: Literal["RecordVisit"] = "RecordVisit"
    attempt: PositiveInt
    outcome: VisitOutcome
    solved: bool | None = None
    text: Text = ""
    envelope: SealedEnvelope | None = None


class AcknowledgeAlert(CommandData):
    """A supervisor has seen a level of a clock; repeats stop, the next level does not."""

    type: Literal["AcknowledgeAlert"] = "AcknowledgeAlert"
    round: PositiveInt
    clock: Name
    level: Name


class ReopenTicket(CommandData):
    """A supervisor opens a new round by hand."""

    type: Literal["ReopenTicket"] = "ReopenTicket"
    reason: Text


class CloseTicket(CommandData):
    """A supervisor ends a supervised ticket, or an import of history brings the source's own closing."""

    type: Literal["CloseTicket"] = "CloseTicket"
    reason: Text


class RingBell(CommandData):
    """Some deadline of the ticket has passed, says the timer; the ticket settles up to now."""

    type: Literal["RingBell"] = "RingBell"


AnyCommandData = Annotated[
    OpenTicket
    | DispatchTicket
    | AcceptTicket
    | DecideOnSite
    | ArriveOnScene
    | SubmitResult
    | FeedBack
    | RecordVisit
    | AcknowledgeAlert
    | ReopenTicket
    | CloseTicket
    | RingBell,
    Field(discriminator="type"),
]


class Command(Model):
    """A command and its circumstances; (source, id) names it as in CloudEvents.

    Args:
        id: unique within the source; the same pair twice has one effect.
        source: the system that speaks; the policy set says how far its times are trusted.
        ticket_id: ``uuid5`` of source and source number (``schemas.identity``); the record's key.
        policy_set: the immutable name of the rules under which this command is decided.
        occurred_at: when the deed was done, by the source's own word.
        receipt_at: when our door took the command, stamped before any spooling.
        actor: who acts; required wherever a unit must be the ticket's holder.
    """

    id: Name
    source: Name
    ticket_id: UUID
    policy_set: Name
    occurred_at: Instant | None = None
    receipt_at: Instant | None = None
    actor: Actor | None = None
    data: SerializeAsAny[AnyCommandData]
