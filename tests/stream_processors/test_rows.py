"""The table's byte form: what goes in comes out, and the header says what it must without decoding."""

from __future__ import annotations

from schemas.commands import Respondent
from schemas.enums import RespondentType
from stream_processors.rows import encode_row, header_of, ticket_of
from tests.domain.player import Player, complaint


def test_a_row_gives_the_same_ticket_back() -> None:
    player = Player()
    player.do(complaint(respondent=Respondent(type=RespondentType.VEHICLE, id="鲁A12345"), on_site_needed=True))
    assert player.ticket is not None
    row = encode_row(player.ticket, 17)
    assert ticket_of(row) == player.ticket
    assert header_of(row).bell_at == player.ticket.bell_at
    assert header_of(row).offset == 17
    assert not header_of(row).quarantined


def test_a_quarantined_row_rings_no_bell_and_keeps_the_ticket() -> None:
    player = Player()
    player.do(complaint())
    row = encode_row(player.ticket, 17, quarantined=True)
    assert header_of(row).quarantined
    assert header_of(row).bell_at is None
    assert ticket_of(row) == player.ticket


def test_a_row_may_stand_for_a_ticket_that_never_came_to_be() -> None:
    row = encode_row(None, 3, quarantined=True)
    assert ticket_of(row) is None
    assert header_of(row).offset == 3
