"""The door: what identifies the citizen goes into the envelope, and the same push is the same command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from producers.door import Case, Complainant, Door, DoorError, unseal
from producers.keys import METADATA, KeyProblemError, KeyStore, MasterKey
from schemas.base import MAX_TEXT
from schemas.codec import decode_command, encode_command
from schemas.commands import (
    AcceptTicket,
    Actor,
    Command,
    DispatchTicket,
    FeedBack,
    OpenTicket,
    RecordVisit,
    Respondent,
    SubmitResult,
)
from schemas.enums import Channel, Disposition, Domain, FeedbackMeans, Kind, RespondentType, VisitOutcome
from schemas.envelope import SealedEnvelope
from schemas.identity import ticket_id

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
WHO = Complainant(name="王芳", phone="14212345678", address="某小区3号楼", id_number="370199199001011234")
CASE = Case(
    source_number="A-1",
    channel=Channel.HOTLINE_12328,
    kind=Kind.COMPLAINT,
    domain=Domain.TAXI,
    text="我是王芳，住某小区3号楼，电话14212345678，乘坐鲁A·3I527被绕路。",
    respondent=Respondent(type=RespondentType.VEHICLE, id="鲁A3I527"),
    complainant=WHO,
)


@pytest.fixture
def keys() -> Iterator[KeyStore]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    yield KeyStore(engine, MasterKey(b"m" * 32))
    engine.dispose()


@pytest.fixture
def door(keys: KeyStore) -> Door:
    return Door("12328", "bureau@1-abc", keys)


def opening(command: Command) -> OpenTicket:
    assert isinstance(command.data, OpenTicket)
    return command.data


def opened(envelope: SealedEnvelope | None, ticket: UUID, keys: KeyStore) -> dict[str, object]:
    assert envelope is not None
    return unseal(envelope, ticket, keys.key_for(ticket))


def test_nothing_of_the_citizen_is_in_the_record(door: Door) -> None:
    record = encode_command(door.open(CASE, NOW)).decode()
    for secret in ("王芳", "14212345678", "某小区", "370199199001011234", "鲁A·3I527"):
        assert secret not in record


def test_the_envelope_holds_identity_and_original_text(door: Door, keys: KeyStore) -> None:
    command = door.open(CASE, NOW)
    assert opened(opening(command).envelope, command.ticket_id, keys) == {
        "identity": {
            "name": "王芳",
            "phone": "14212345678",
            "address": "某小区3号楼",
            "id_number": "370199199001011234",
        },
        "text": CASE.text,
    }


def test_an_envelope_opens_for_its_own_ticket_only(door: Door, keys: KeyStore) -> None:
    command, other = door.open(CASE, NOW), door.open(replace(CASE, source_number="A-2"), NOW)
    envelope = opening(command).envelope
    assert envelope is not None
    with pytest.raises(KeyProblemError, match="does not open"):
        unseal(envelope, other.ticket_id, keys.key_for(command.ticket_id))
    with pytest.raises(KeyProblemError, match="does not open"):
        unseal(envelope, command.ticket_id, keys.key_for(other.ticket_id))


def test_what_the_command_says_of_itself(door: Door) -> None:
    registered = NOW - timedelta(minutes=2)
    command = door.open(replace(CASE, registered_at=registered), NOW)
    assert command.ticket_id == ticket_id("12328", "A-1")
    assert (command.source, command.policy_set) == ("12328", "bureau@1-abc")
    assert (command.occurred_at, command.receipt_at) == (registered, NOW)
    assert opening(command).contactable


@pytest.mark.parametrize(
    ("who", "contactable"),
    [
        (Complainant(), False),
        (Complainant(name="王芳"), False),
        (Complainant(phone="14200000000"), True),
        (Complainant(address="某路1号"), True),
    ],
)
def test_a_citizen_can_be_contacted_by_phone_or_letter(who: Complainant, contactable: bool, door: Door) -> None:  # noqa: FBT001
    assert opening(door.open(replace(CASE, complainant=who), NOW)).contactable is contactable


def test_the_same_push_is_the_same_command_and_a_changed_one_is_not(door: Door) -> None:
    first = door.open(CASE, NOW)
    assert door.open(CASE, NOW + timedelta(hours=1)).id == first.id
    changed = [
        replace(CASE, text="又想起来一件事"),
        replace(CASE, complainant=replace(WHO, phone="14287654321")),
        replace(CASE, respondent=None),
        replace(CASE, registered_at=NOW),
    ]
    ids = {door.open(case, NOW).id for case in changed}
    assert len(ids - {first.id}) == len(changed)


def test_text_longer_than_a_record_takes_is_cut_outside_and_whole_inside(door: Door, keys: KeyStore) -> None:
    long = replace(CASE, text="堵车" * MAX_TEXT)
    command = door.open(long, NOW)
    assert len(opening(command).text) == MAX_TEXT
    assert opened(opening(command).envelope, command.ticket_id, keys)["text"] == long.text


@pytest.mark.parametrize(
    ("case", "field"),
    [
        (replace(CASE, source_number=""), "source_number"),
        (replace(CASE, text="空\x00字符"), "text"),
        (replace(CASE, text="半个\ud83d字"), "text"),
        (replace(CASE, district="历下区" * 100), "district"),
        (replace(CASE, registered_at=NOW.replace(tzinfo=None)), "occurred_at"),
    ],
)
def test_what_does_not_fit_is_named_without_its_content(case: Case, field: str, door: Door) -> None:
    with pytest.raises(DoorError, match=field) as caught:
        door.open(case, NOW)
    assert caught.value.__cause__ is None
    assert "王芳" not in str(caught.value)
    assert "14212345678" not in repr(caught.value)


def test_a_case_shows_neither_text_nor_citizen() -> None:
    assert "王芳" not in repr(CASE)
    assert "14212345678" not in repr(CASE)


@pytest.mark.parametrize(
    "data",
    [
        SubmitResult(disposition=Disposition.SERVICE, text="已联系王芳 14212345678，退款。"),
        FeedBack(means=FeedbackMeans.CALL, text="已告知王芳 14212345678，退款。"),
        RecordVisit(attempt=1, outcome=VisitOutcome.SATISFIED, text="王芳 14212345678，退款。"),
    ],
)
def test_what_handlers_write_is_masked_and_sealed(
    data: SubmitResult | FeedBack | RecordVisit, door: Door, keys: KeyStore
) -> None:
    ticket = ticket_id("12328", "A-1")
    command = door.act(ticket, data, Actor(unit="taxi-office"), receipt_at=NOW, words=["王芳"])
    assert isinstance(command.data, SubmitResult | FeedBack | RecordVisit)
    assert "王芳" not in command.data.text
    assert "14212345678" not in command.data.text
    assert "退款" in command.data.text
    assert opened(command.data.envelope, ticket, keys) == {"text": data.text}


def test_reasons_are_masked_and_nothing_is_sealed_where_nothing_is_said(door: Door) -> None:
    ticket = ticket_id("12328", "A-1")
    dispatch = door.act(ticket, DispatchTicket(unit="brigade", reason="找14212345678"), None, receipt_at=NOW)
    assert dispatch.data == DispatchTicket(unit="brigade", reason="找[手机号]")
    told = FeedBack(means=FeedbackMeans.SMS)
    assert door.act(ticket, told, None, receipt_at=NOW).data == told


def test_a_deed_has_a_fresh_id_unless_it_brings_one(door: Door) -> None:
    ticket = ticket_id("12328", "A-1")
    deeds = [door.act(ticket, AcceptTicket(), Actor(unit="u"), receipt_at=NOW) for _ in range(2)]
    assert deeds[0].id != deeds[1].id
    own = door.act(ticket, AcceptTicket(), Actor(unit="u"), receipt_at=NOW, occurred_at=NOW, command_id="mine")
    assert (own.id, own.occurred_at) == ("mine", NOW)


@given(text=st.text(max_size=60), name=st.text(max_size=10), phone=st.text(max_size=15))
def test_whatever_is_said_comes_out_sealed_or_is_refused(text: str, name: str, phone: str) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    keys = KeyStore(engine, MasterKey(b"m" * 32))
    case = replace(CASE, text=text, complainant=Complainant(name=name, phone=phone))
    try:
        command = Door("12328", "any", keys).open(case, NOW)
        assert decode_command(encode_command(command)) == command
        content = opened(opening(command).envelope, command.ticket_id, keys)
        assert content["text"] == text
    except DoorError:
        assert "\x00" in text
    finally:
        engine.dispose()
