"""The door: what a command passes on its way in, where identity is sealed, text masked and the hour stamped."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar, assert_never
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from producers.keys import NONCE_BYTES, KeyProblemError, KeySource, TicketKey
from producers.masking import mask
from schemas.base import MAX_TEXT, Model
from schemas.commands import (
    Actor,
    AnyCommandData,
    CloseTicket,
    Command,
    DispatchTicket,
    FeedBack,
    OpenTicket,
    RecordVisit,
    ReopenTicket,
    Respondent,
    SubmitResult,
)
from schemas.enums import Channel, Domain, Kind, Sensitivity, Urgency
from schemas.envelope import SealedEnvelope
from schemas.identity import ticket_id
from schemas.words import SaidError, problem_lines

_ID_LETTERS: Final = 32
_CUT: Final = "…"
_M = TypeVar("_M", bound=Model)


class DoorError(SaidError):
    """What was handed in cannot become a command. The message names the field, never its content."""


@dataclass(frozen=True, slots=True)
class Complainant:
    """Who complains; all of it goes into the envelope and nothing of it anywhere else."""

    name: str | None = None
    phone: str | None = None
    address: str | None = None
    id_number: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What a citizen said, in the clear, as the source hands it in; shown nowhere (its repr hides text and identity).

    ``registered_at``: when the source registered it, UTC-aware; it counts if the source is trusted for time.
    """

    source_number: str
    channel: Channel
    kind: Kind
    domain: Domain
    text: str = field(repr=False)
    urgency: Urgency = Urgency.NORMAL
    sensitivity: Sensitivity = Sensitivity.NONE
    district: str | None = None
    category: str | None = None
    respondent: Respondent | None = None
    on_site_needed: bool | None = None
    complainant: Complainant = field(default=Complainant(), repr=False)
    registered_at: datetime | None = None

    @property
    def contactable(self) -> bool:
        """Whether the citizen can be called or written to."""
        return bool(self.complainant.phone or self.complainant.address)


class Door:
    """One source's way in.

    Args:
        source: the system that speaks, as the policy set's sources name it.
        policy_set: the name of the rules to stamp on every command.
        keys: where tickets' keys come from.
    """

    def __init__(self, source: str, policy_set: str, keys: KeySource) -> None:
        self._source = source
        self._policy_set = policy_set
        self._keys = keys

    def open(self, case: Case, receipt_at: datetime) -> Command:
        """The command that opens the case's ticket, identity and original text sealed, the rest masked.

        Its id is derived from the whole content under the ticket's key: the same push again is the same command, a
        changed one is another, and nobody can try out phone numbers against it.

        Raises:
            DoorError: something does not fit, named without its content.
            KeyProblemError: the ticket's key cannot be had.
        """
        ticket = ticket_id(self._source, case.source_number)
        key = self._keys.key_for(ticket)
        who = case.complainant
        mark = _content_mark(case, key)
        data = _checked(
            OpenTicket,
            {
                **{name: getattr(case, name) for name in _CARRIED_OVER},
                "text": _masked(case.text, [part for part in astuple(who) if part]),
                "envelope": seal({"identity": asdict(who), "text": case.text}, ticket, key),
                "content_mark": mark,
            },
        )
        return self._command(
            id=f"open-{mark}",
            ticket_id=ticket,
            occurred_at=case.registered_at,
            receipt_at=receipt_at,
            data=data,
        )

    def act(  # noqa: PLR0913 (who, what, when: each is asked for by name)
        self,
        ticket: UUID,
        data: AnyCommandData,
        actor: Actor | None,
        *,
        receipt_at: datetime,
        occurred_at: datetime | None = None,
        command_id: str | None = None,
        words: Iterable[str] = (),
    ) -> Command:
        """A command on a ticket that exists, its free text masked and the original of it sealed.

        Args:
            ticket: whose turn it is.
            data: what is to be done, its text in the clear.
            actor: who does it; needed where only the holder may.
            receipt_at: when the door took it, UTC-aware.
            occurred_at: when it was done, by the source's own word.
            command_id: the source's own id for it; the same id twice has one effect. A fresh one by default.
            words: masked in the text as well, such as the complainant's name.

        Raises:
            DoorError: something does not fit.
            KeyProblemError: the ticket's key cannot be had.
        """
        return self._command(
            id=command_id or str(uuid4()),
            ticket_id=ticket,
            occurred_at=occurred_at,
            receipt_at=receipt_at,
            actor=actor,
            data=self._closed(data, ticket, words),
        )

    def _closed(self, data: AnyCommandData, ticket: UUID, words: Iterable[str]) -> AnyCommandData:
        match data:
            case SubmitResult() | FeedBack() | RecordVisit() if data.text:
                envelope = seal({"text": data.text}, ticket, self._keys.key_for(ticket))
                return data.model_copy(update={"text": _masked(data.text, words), "envelope": envelope})
            case DispatchTicket() | ReopenTicket() | CloseTicket():
                return data.model_copy(update={"reason": _masked(data.reason, words)})
            case _:
                return data

    def _command(self, **content: Any) -> Command:
        return _checked(Command, {"source": self._source, "policy_set": self._policy_set, **content})


_CARRIED_OVER: Final = tuple(sorted(set(OpenTicket.model_fields) & set(dir(Case)) - {"text"}))


def seal(content: Mapping[str, Any], ticket: UUID, key: TicketKey) -> SealedEnvelope:
    """The content as JSON under AES-256-GCM, the ticket's id authenticated with it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = AESGCM(key.secret).encrypt(nonce, json.dumps(content).encode(), str(ticket).encode())
    return _checked(
        SealedEnvelope,
        {"key_id": key.key_id, "nonce": _base64(nonce), "ciphertext": _base64(ciphertext)},
    )


def unseal(envelope: SealedEnvelope, ticket: UUID, key: TicketKey) -> dict[str, Any]:
    """What was sealed: ``text``, and for an opening ``identity`` with name, phone, address and id_number.

    Raises:
        KeyProblemError: not this ticket's envelope, not its key, or tampered with.
    """
    nonce, ciphertext = base64.b64decode(envelope.nonce), base64.b64decode(envelope.ciphertext)
    try:
        plain = AESGCM(key.secret).decrypt(nonce, ciphertext, str(ticket).encode())
    except InvalidTag as error:
        raise KeyProblemError(
            f"工单 {ticket} 的密封内容不能用密钥 {key.key_id} 打开，请核对工单，或从备份恢复",
            f"the envelope of ticket {ticket} does not open with key {key.key_id}",
        ) from error
    content: dict[str, Any] = json.loads(plain)
    return content


def _content_mark(case: Case, key: TicketKey) -> str:
    content = {name: getattr(case, name) for name in Case.__dataclass_fields__}
    digest = hmac.new(key.secret, json.dumps(content, default=_json_value).encode(), hashlib.sha256).hexdigest()
    return digest[:_ID_LETTERS]


def _json_value(value: Respondent | Complainant | datetime) -> Any:
    match value:
        case Respondent():
            return [value.type, value.id]
        case Complainant():
            return astuple(value)
        case datetime():
            return value.isoformat()
        case _:
            assert_never(value)


def _masked(text: str, words: Iterable[str]) -> str:
    masked = mask(text, words)
    return masked if len(masked) <= MAX_TEXT else masked[: MAX_TEXT - len(_CUT)] + _CUT  # the whole is in the envelope


def _checked(model: type[_M], content: Mapping[str, Any]) -> _M:
    """Build a message; what is wrong with it is told without the input, which may name the complainant."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        name = model.__name__
        raise DoorError(
            "；".join(problem_lines(error, name, "zh")), "; ".join(problem_lines(error, name, "en"))
        ) from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
