"""The sealed envelope: identity and original text, readable only with the ticket's own key."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from schemas.base import Model

Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=400_000)]


class SealedEnvelope(Model):
    """Ciphertext under the ticket's key; the ticket id is authenticated with it.

    ``key_id`` names a row of the table ``ticket_keys``; without that row nobody can read the envelope again.
    """

    key_id: UUID
    algorithm: Literal["AES-256-GCM"] = "AES-256-GCM"
    nonce: Base64
    ciphertext: Base64
