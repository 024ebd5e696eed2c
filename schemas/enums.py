"""The closed vocabularies of the domain; each value is the code that stands in messages and tables."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    HOTLINE_12328 = "hotline_12328"
    HOTLINE_12345 = "hotline_12345"
    PHONE = "phone"
    LETTER = "letter"
    VISIT = "visit"
    WEB = "web"
    MINISTRY_ORDER = "ministry_order"
    REFERRAL = "referral"
    PUBLIC_OPINION = "public_opinion"


class Kind(StrEnum):
    COMPLAINT = "complaint"
    REPORT = "report"
    ENQUIRY = "enquiry"
    SUGGESTION = "suggestion"
    HELP = "help"
    LOST_PROPERTY = "lost_property"
    PRAISE = "praise"


class Domain(StrEnum):
    TAXI = "taxi"
    RIDE_HAILING = "ride_hailing"
    BUS = "bus"
    PASSENGER = "passenger"
    FREIGHT = "freight"
    DRIVING_SCHOOL = "driving_school"
    VEHICLE_REPAIR = "vehicle_repair"
    ETC = "etc"
    HIGHWAY = "highway"
    WATERWAY = "waterway"
    RAIL_TRANSIT = "rail_transit"
    ILLEGAL_OPERATION = "illegal_operation"
    ENFORCEMENT_CONDUCT = "enforcement_conduct"
    OTHER = "other"


class Urgency(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"
    EMERGENCY = "emergency"


class Sensitivity(StrEnum):
    NONE = "none"
    SENSITIVE = "sensitive"
    STABILITY = "stability"


class RespondentType(StrEnum):
    DRIVER = "driver"
    VEHICLE = "vehicle"
    COMPANY = "company"
    LINE = "line"
    UNIT = "unit"
    OFFICER = "officer"


class Disposition(StrEnum):
    SERVICE = "service"
    MANAGEMENT = "management"
    ENFORCEMENT = "enforcement"
    MEDIATION = "mediation"
    ANSWERED = "answered"
    TRANSFERRED_OUT = "transferred_out"
    UNFOUNDED = "unfounded"


class FeedbackMeans(StrEnum):
    """How the citizen is informed. A call must reach the citizen; the others count when sent."""

    CALL = "call"
    SMS = "sms"
    PLATFORM = "platform"
    LETTER = "letter"
    NOTICE = "notice"
    CENTRE_REPORT = "centre_report"


class VisitOutcome(StrEnum):
    SATISFIED = "satisfied"
    BASICALLY_SATISFIED = "basically_satisfied"
    DISSATISFIED = "dissatisfied"
    UNREACHABLE = "unreachable"
    WAIVED = "waived"


class State(StrEnum):
    """Where a ticket stands in its life. ``supervised``: dissatisfied beyond the reopening limit."""

    TRIAGE = "triage"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    RESULT_SUBMITTED = "result_submitted"
    RESOLVED = "resolved"
    VISITING = "visiting"
    SUPERVISED = "supervised"
    CLOSED = "closed"


class Milestone(StrEnum):
    """What starts and stops clocks: a point in a ticket's life, never an edit."""

    RECEIVED = "received"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    INFORMED = "informed"
    RESOLVED = "resolved"
    VISITED = "visited"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What became of a clock. ``breached`` is final; ``excused`` follows it by a second fact."""

    RUNNING = "running"
    MET = "met"
    BREACHED = "breached"
    EXCUSED = "excused"
    CANCELLED = "cancelled"


class BreachCause(StrEnum):
    """Whose lateness a breach is: the handling unit's, or the channel's that delivered it past due."""

    HANDLING = "handling"
    LATE_INTAKE = "late_intake"


class Severity(StrEnum):
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    RED_2 = "red_2"


class Role(StrEnum):
    """Whom a level concerns; who that is tonight is found out when the alert is sent."""

    HANDLER = "handler"
    UNIT = "unit"
    UNIT_LEADER = "unit_leader"
    BRIGADE_LEADER = "brigade_leader"
    BUREAU_LEADER = "bureau_leader"
    CENTRE = "centre"


class Measure(StrEnum):
    """What a level asks of the person concerned (提醒, 催办, 督办)."""

    REMIND = "remind"
    URGE = "urge"
    SUPERVISE = "supervise"


class ReceivedBy(StrEnum):
    """Whose instant counts as the moment of receipt."""

    SOURCE = "source"
    RECEIPT = "receipt"
    RECORD = "record"


class RoundReason(StrEnum):
    OPENED = "opened"
    DISSATISFIED = "dissatisfied"
    SUPERVISOR = "supervisor"


class DispatchReason(StrEnum):
    ROUTE = "route"
    BY_HAND = "by_hand"
    REOPENED = "reopened"


class CancelReason(StrEnum):
    ON_SITE_NOT_NEEDED = "on_site_not_needed"
    TICKET_CLOSED = "ticket_closed"
    NEW_ROUND = "new_round"


class BasisType(StrEnum):
    REGULATION = "regulation"
    PUBLISHED_PRACTICE = "published_practice"
    PRODUCT_DEFAULT = "product_default"


class Refusal(StrEnum):
    """Why a command had no effect; the words are in ``schemas.words``."""

    UNKNOWN_TICKET = "unknown_ticket"
    ALREADY_OPEN = "already_open"
    ILLEGAL_MOVE = "illegal_move"
    NOT_THE_HOLDER = "not_the_holder"
    UNKNOWN_UNIT = "unknown_unit"
    RESPONDENT_UNIT = "respondent_unit"
    NO_SUCH_LEVEL = "no_such_level"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    VISIT_OUT_OF_ORDER = "visit_out_of_order"
    ON_SITE_ALREADY_DECIDED = "on_site_already_decided"
    SCENE_NOT_VISITED = "scene_not_visited"
    ALREADY_INFORMED = "already_informed"
    NOT_HISTORY = "not_history"
