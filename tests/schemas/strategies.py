"""Hypothesis strategies for every command that other systems may send."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from schemas.commands import (
    AcceptTicket,
    AcknowledgeAlert,
    Actor,
    AnyCommandData,
    ArriveOnScene,
    CloseTicket,
    Command,
    DecideOnSite,
    DispatchTicket,
    FeedBack,
    OpenTicket,
    RecordVisit,
    ReopenTicket,
    Respondent,
    RingBell,
    SubmitResult,
)
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

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
NAMES = st.text(LETTERS, min_size=1, max_size=200)
TEXTS = st.text(LETTERS, max_size=300)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
COUNTS = st.integers(1, 2**31)
ENVELOPES = st.builds(
    SealedEnvelope,
    key_id=st.uuids(),
    nonce=st.from_regex(r"[A-Za-z0-9+/]{16}", fullmatch=True),
    ciphertext=st.from_regex(r"[A-Za-z0-9+/]{24,80}={0,2}", fullmatch=True),
)
MAYBE_ENVELOPE = st.none() | ENVELOPES

OPENINGS = st.builds(
    OpenTicket,
    source_number=NAMES,
    channel=st.sampled_from(Channel),
    kind=st.sampled_from(Kind),
    domain=st.sampled_from(Domain),
    urgency=st.sampled_from(Urgency),
    sensitivity=st.sampled_from(Sensitivity),
    district=st.none() | NAMES,
    category=st.none() | NAMES,
    respondent=st.none() | st.builds(Respondent, type=st.sampled_from(RespondentType), id=NAMES),
    on_site_needed=st.none() | st.booleans(),
    contactable=st.booleans(),
    text=TEXTS,
    envelope=MAYBE_ENVELOPE,
    history=st.booleans(),
)
DATA: st.SearchStrategy[AnyCommandData] = st.one_of(
    OPENINGS,
    st.builds(DispatchTicket, unit=NAMES, reason=TEXTS),
    st.builds(AcceptTicket),
    st.builds(DecideOnSite, needed=st.booleans()),
    st.builds(
        ArriveOnScene,
        latitude=st.none() | st.floats(-90, 90),
        longitude=st.none() | st.floats(-180, 180),
    ),
    st.builds(SubmitResult, disposition=st.sampled_from(Disposition), text=TEXTS, envelope=MAYBE_ENVELOPE),
    st.builds(
        FeedBack, means=st.sampled_from(FeedbackMeans), reached=st.booleans(), text=TEXTS, envelope=MAYBE_ENVELOPE
    ),
    st.builds(
        RecordVisit,
        attempt=COUNTS,
        outcome=st.sampled_from(VisitOutcome),
        solved=st.none() | st.booleans(),
        text=TEXTS,
        envelope=MAYBE_ENVELOPE,
    ),
    st.builds(AcknowledgeAlert, round=COUNTS, clock=NAMES, level=NAMES),
    st.builds(ReopenTicket, reason=TEXTS),
    st.builds(CloseTicket, reason=TEXTS),
    st.builds(RingBell),
)
COMMANDS = st.builds(
    Command,
    id=NAMES,
    source=NAMES,
    ticket_id=st.uuids(),
    policy_set=NAMES,
    occurred_at=st.none() | INSTANTS,
    receipt_at=st.none() | INSTANTS,
    actor=st.none() | st.builds(Actor, unit=NAMES, person=st.none() | NAMES),
    data=DATA,
)
