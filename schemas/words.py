"""The words people read: code to Chinese and English, for refusals, states and every vocabulary shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ValidationError

from schemas import enums, facts
from schemas.enums import Refusal

Language = Literal["zh", "en"]

_REFUSALS: dict[Refusal, tuple[str, str]] = {
    Refusal.UNKNOWN_TICKET: (
        "没有这个工单，请核对编号，或先登记",
        "no such ticket; check the number, or open it first",
    ),
    Refusal.ALREADY_OPEN: ("工单已登记，内容相同，无需重复推送", "already open with the same content"),
    Refusal.ILLEGAL_MOVE: ("工单当前状态不允许此操作", "not allowed in the ticket's present state"),
    Refusal.NOT_THE_HOLDER: ("只有当前承办单位可以操作", "only the unit that holds the ticket may do this"),
    Refusal.UNKNOWN_UNIT: ("没有这个单位，请核对单位编码", "no such unit; check its code"),
    Refusal.RESPONDENT_UNIT: ("被反映单位应当回避，请派给其他单位", "the unit complained about must not handle it"),
    Refusal.NO_SUCH_LEVEL: ("本轮没有发生过这一级提醒", "this level has not been reached in the current round"),
    Refusal.ALREADY_ACKNOWLEDGED: ("这一级提醒已经确认过", "this level is acknowledged already"),
    Refusal.VISIT_OUT_OF_ORDER: (
        "回访次数不连续，下一次应为",
        "visit attempts are numbered without a gap; the next one is",
    ),
    Refusal.ON_SITE_ALREADY_DECIDED: ("是否到场已经确定", "whether the scene must be visited is settled already"),
    Refusal.SCENE_NOT_VISITED: (
        "需要到场的工单，请先到场或改为无需到场",
        "the scene must be visited first, or decided not to need it",
    ),
    Refusal.ALREADY_INFORMED: ("本轮已向来电人反馈", "the citizen is informed already in this round"),
    Refusal.NOT_HISTORY: (
        "历史导入只接受可信来源自带时间的数据",
        "history is taken only from a trusted source that gives its own times",
    ),
}

_TABLE: tuple[tuple[StrEnum, str, str], ...] = (
    (enums.Channel.HOTLINE_12328, "12328 热线", "12328 hotline"),
    (enums.Channel.HOTLINE_12345, "12345 热线", "12345 hotline"),
    (enums.Channel.PHONE, "电话", "phone"),
    (enums.Channel.LETTER, "来信", "letter"),
    (enums.Channel.VISIT, "来访", "visit"),
    (enums.Channel.WEB, "网络", "web"),
    (enums.Channel.MINISTRY_ORDER, "部级转办", "ministry order"),
    (enums.Channel.REFERRAL, "移送线索", "referral"),
    (enums.Channel.PUBLIC_OPINION, "敏感舆情", "public opinion"),
    (enums.Kind.COMPLAINT, "投诉", "complaint"),
    (enums.Kind.REPORT, "举报", "report"),
    (enums.Kind.ENQUIRY, "咨询", "enquiry"),
    (enums.Kind.SUGGESTION, "意见建议", "suggestion"),
    (enums.Kind.HELP, "求助", "help"),
    (enums.Kind.LOST_PROPERTY, "失物求助", "lost property"),
    (enums.Kind.PRAISE, "表扬", "praise"),
    (enums.Domain.TAXI, "巡游出租", "taxi"),
    (enums.Domain.RIDE_HAILING, "网约车", "ride-hailing"),
    (enums.Domain.BUS, "公交", "bus"),
    (enums.Domain.PASSENGER, "道路客运", "passenger"),
    (enums.Domain.FREIGHT, "道路货运", "freight"),
    (enums.Domain.DRIVING_SCHOOL, "驾培驾考", "driving school"),
    (enums.Domain.VEHICLE_REPAIR, "机动车维修", "vehicle repair"),
    (enums.Domain.ETC, "ETC 收费", "ETC"),
    (enums.Domain.HIGHWAY, "公路", "highway"),
    (enums.Domain.WATERWAY, "水路", "waterway"),
    (enums.Domain.RAIL_TRANSIT, "轨道交通", "rail transit"),
    (enums.Domain.ILLEGAL_OPERATION, "非法营运", "illegal operation"),
    (enums.Domain.ENFORCEMENT_CONDUCT, "执法行为", "enforcement conduct"),
    (enums.Domain.OTHER, "其他", "other"),
    (enums.Urgency.NORMAL, "一般", "normal"),
    (enums.Urgency.URGENT, "紧急", "urgent"),
    (enums.Urgency.EMERGENCY, "特急", "emergency"),
    (enums.State.TRIAGE, "待分拣", "triage"),
    (enums.State.DISPATCHED, "已派单", "dispatched"),
    (enums.State.ACCEPTED, "已受理", "accepted"),
    (enums.State.ARRIVED, "已到场", "arrived"),
    (enums.State.RESULT_SUBMITTED, "已提交结果", "result submitted"),
    (enums.State.RESOLVED, "已办结", "resolved"),
    (enums.State.VISITING, "回访中", "visiting"),
    (enums.State.SUPERVISED, "督办中", "supervised"),
    (enums.State.CLOSED, "已归档", "closed"),
    (enums.Disposition.SERVICE, "服务化解", "service"),
    (enums.Disposition.MANAGEMENT, "管理规范", "management"),
    (enums.Disposition.ENFORCEMENT, "执法查处", "enforcement"),
    (enums.Disposition.MEDIATION, "调解", "mediation"),
    (enums.Disposition.ANSWERED, "答复", "answered"),
    (enums.Disposition.TRANSFERRED_OUT, "转出", "transferred out"),
    (enums.Disposition.UNFOUNDED, "不属实", "unfounded"),
    (enums.VisitOutcome.SATISFIED, "满意", "satisfied"),
    (enums.VisitOutcome.BASICALLY_SATISFIED, "基本满意", "basically satisfied"),
    (enums.VisitOutcome.DISSATISFIED, "不满意", "dissatisfied"),
    (enums.VisitOutcome.UNREACHABLE, "联系不上", "unreachable"),
    (enums.VisitOutcome.WAIVED, "免回访", "waived"),
    (enums.Verdict.RUNNING, "计时中", "running"),
    (enums.Verdict.MET, "按时", "met"),
    (enums.Verdict.BREACHED, "超时", "breached"),
    (enums.Verdict.EXCUSED, "超时免责", "excused"),
    (enums.Verdict.CANCELLED, "不适用", "cancelled"),
    (enums.Severity.YELLOW, "黄", "yellow"),
    (enums.Severity.ORANGE, "橙", "orange"),
    (enums.Severity.RED, "红", "red"),
    (enums.Severity.RED_2, "红二级", "red-2"),
    (enums.Role.HANDLER, "承办人", "handler"),
    (enums.Role.UNIT, "承办单位", "unit"),
    (enums.Role.UNIT_LEADER, "单位负责人", "unit leader"),
    (enums.Role.BRIGADE_LEADER, "支队负责人", "brigade leader"),
    (enums.Role.BUREAU_LEADER, "局领导", "bureau leader"),
    (enums.Role.CENTRE, "指挥中心", "centre"),
    (enums.Measure.REMIND, "提醒", "remind"),
    (enums.Measure.URGE, "催办", "urge"),
    (enums.Measure.SUPERVISE, "督办", "supervise"),
    (enums.FeedbackMeans.CALL, "电话", "call"),
    (enums.FeedbackMeans.SMS, "短信", "SMS"),
    (enums.FeedbackMeans.PLATFORM, "平台回复", "platform reply"),
    (enums.FeedbackMeans.LETTER, "信函", "letter"),
    (enums.FeedbackMeans.NOTICE, "公告", "published notice"),
    (enums.FeedbackMeans.CENTRE_REPORT, "报指挥中心", "report to the centre"),
    (enums.Sensitivity.NONE, "不敏感", "none"),
    (enums.Sensitivity.SENSITIVE, "敏感", "sensitive"),
    (enums.Sensitivity.STABILITY, "涉稳", "stability"),
    (enums.RespondentType.DRIVER, "驾驶员", "driver"),
    (enums.RespondentType.VEHICLE, "车辆", "vehicle"),
    (enums.RespondentType.COMPANY, "企业", "company"),
    (enums.RespondentType.LINE, "线路", "line"),
    (enums.RespondentType.UNIT, "单位", "unit"),
    (enums.RespondentType.OFFICER, "执法人员", "officer"),
    (enums.ReceivedBy.SOURCE, "来源登记时间", "the source's time"),
    (enums.ReceivedBy.RECEIPT, "接收时间", "the receipt stamp"),
    (enums.ReceivedBy.RECORD, "写入日志时间", "the record's time"),
    (enums.RoundReason.OPENED, "首次办理", "opened"),
    (enums.RoundReason.DISSATISFIED, "不满意重办", "dissatisfied"),
    (enums.RoundReason.SUPERVISOR, "督办重办", "by a supervisor"),
    (enums.DispatchReason.ROUTE, "按规则派单", "by route"),
    (enums.DispatchReason.BY_HAND, "人工派单", "by hand"),
    (enums.DispatchReason.REOPENED, "重办派回", "reopened"),
    (enums.CancelReason.ON_SITE_NOT_NEEDED, "无需到场", "no visit to the scene needed"),
    (enums.CancelReason.TICKET_CLOSED, "工单已归档", "ticket closed"),
    (enums.CancelReason.NEW_ROUND, "进入新一轮", "new round"),
    (enums.BasisType.REGULATION, "法规规章", "regulation"),
    (enums.BasisType.PUBLISHED_PRACTICE, "公开做法", "published practice"),
    (enums.BasisType.PRODUCT_DEFAULT, "系统默认", "product default"),
    (enums.BreachCause.HANDLING, "办理超时", "handling"),
    (enums.BreachCause.LATE_INTAKE, "来件迟到", "late intake"),
)
_WORDS = {(type(code), code): (chinese, english) for code, chinese, english in _TABLE}

_CLOCKS = {
    "accept": ("受理", "accept"),
    "arrive": ("到场", "arrive"),
    "feedback": ("反馈", "feedback"),
    "reply": ("答复", "reply"),
    "visit": ("回访", "visit"),
    "close": ("办结", "close"),
}


_FACTS: dict[type[facts.FactData], tuple[str, str]] = {
    facts.TicketOpened: ("登记", "opened"),
    facts.TicketSupplemented: ("补充", "supplemented"),
    facts.RoundOpened: ("开始办理", "round opened"),
    facts.TicketDispatched: ("派单", "dispatched"),
    facts.TicketTriaged: ("无匹配规则，待人工分拣", "no route fits; waits in triage"),
    facts.ClockStarted: ("开始计时", "clock started"),
    facts.ClockStopped: ("停止计时", "clock stopped"),
    facts.ClockBreached: ("超时", "breached"),
    facts.ClockExcused: ("超时免责", "breach excused"),
    facts.ClockCancelled: ("取消计时", "clock cancelled"),
    facts.LevelReached: ("触发提醒", "level reached"),
    facts.TicketAccepted: ("受理", "accepted"),
    facts.OnSiteDecided: ("确定是否到场", "visit to the scene decided"),
    facts.HandlerArrived: ("到场", "arrived"),
    facts.ResultSubmitted: ("提交结果", "result submitted"),
    facts.FeedbackTried: ("反馈未接通", "feedback tried"),
    facts.CitizenInformed: ("反馈", "citizen informed"),
    facts.TicketResolved: ("办结", "resolved"),
    facts.VisitTried: ("回访未接通", "visit tried"),
    facts.VisitCompleted: ("回访", "visited"),
    facts.TicketSupervised: ("转入督办", "under supervision"),
    facts.TicketClosed: ("归档", "closed"),
    facts.AlertAcknowledged: ("确认提醒", "alert acknowledged"),
    facts.CommandRefused: ("被拒", "refused"),
}

_TOLD = {
    "cause", "disposition", "explanation", "level", "means", "note", "outcome", "part_of_day", "person", "reason",
    "round", "severity", "text", "unit", "verdict",
}  # fmt: skip

_OF_A_CLOCK = (
    facts.ClockStarted,
    facts.ClockStopped,
    facts.ClockBreached,
    facts.ClockExcused,
    facts.ClockCancelled,
    facts.LevelReached,
    facts.AlertAcknowledged,
)


_PROBLEMS = {
    "missing": "缺少此项，请补上",
    "extra_forbidden": "不认识此项，请删除或核对名称",
    "string_type": "应为文字，请加引号",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "string_pattern_mismatch": "含有不允许的字符",
    "string_unicode": "含有无法识别的字符，请核对编码",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "enum": "只能是 {expected}",
    "literal_error": "只能是 {expected}",
    "union_tag_not_found": "缺少类型，请填写 {discriminator}",
    "union_tag_invalid": "类型 {discriminator} 只能是 {expected_tags}",
    "dict_type": "应为“名称: 值”的形式",
    "model_type": "应为“名称: 值”的形式",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "set_type": "应为列表",
    "frozen_set_type": "应为列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "datetime_type": "应为日期和时间",
    "datetime_parsing": "应为日期和时间，例如 2026-01-31T09:00:00+08:00",
    "datetime_from_date_parsing": "应为日期和时间，例如 2026-01-31T09:00:00+08:00",
    "timezone_aware": "时间应带时区，例如 2026-01-31T09:00:00+08:00",
    "date_type": "应为日期",
    "date_parsing": "应为日期，例如 2026-01-31",
    "date_from_datetime_parsing": "应为日期，例如 2026-01-31",
    "time_type": "应为时刻，例如 09:00",
    "time_parsing": "应为时刻，例如 09:00",
    "uuid_type": "应为 UUID",
    "uuid_parsing": "应为 UUID",
    "path_type": "应为文件路径",
}
"""What pydantic finds, in Chinese, by its name for it; it says the same in English itself."""

_FILE_PROBLEMS: dict[type[Exception], str] = {
    FileExistsError: "已有同名文件，请换一个路径",
    FileNotFoundError: "文件不存在，请核对路径",
    IsADirectoryError: "这是文件夹，请给出文件",
    NotADirectoryError: "路径中有一段不是文件夹，请核对路径",
    PermissionError: "没有权限，请检查文件的权限",
}


def word(code: StrEnum, language: Language = "zh") -> str:
    """The word for a code of one of the vocabularies; the code itself where there is no word."""
    words = _WORDS.get((type(code), code))
    return words[_column(language)] if words else str(code)


def clock_word(clock: str, language: Language = "zh") -> str:
    """The word for a clock; a clock that an operator named anew keeps that name."""
    return _CLOCKS[clock][_column(language)] if clock in _CLOCKS else clock


def fact_word(
    fact: facts.AnyFactData, language: Language = "zh", units: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A fact in a line, for a ticket's story; codes in words, units by the names given, identity never."""
    name = _FACTS[type(fact)][_column(language)]
    if isinstance(fact, _OF_A_CLOCK):
        name = f"{clock_word(fact.clock, language)} {name}"
    told = [(field, value) for field, value in fact if field in _TOLD and value not in {None, ""}]
    return " ".join([name, *(_shown(field, value, language, units) for field, value in told)])


def round_word(number: int, language: Language = "zh") -> str:
    """Which round."""
    return f"第{number}轮" if language == "zh" else f"round {number}"


def _shown(field: str, value: object, language: Language, units: Mapping[str, str]) -> str:
    match field, value:
        case "round", int(number):
            return round_word(number, language)
        case "unit", str(unit):
            return units.get(unit, unit)
        case _, StrEnum() as code:
            return word(code, language)
        case _:
            return str(value)


def explain(reason: Refusal, detail: str = "", language: Language = "zh") -> str:
    """A refusal in words, with what to do next; ``detail`` is the state, unit or number it is about."""
    words = _REFUSALS[reason][_column(language)]
    if not detail:
        return words
    shown = word(enums.State(detail), language) if reason is Refusal.ILLEGAL_MOVE else detail
    return f"{words}（{shown}）" if language == "zh" else f"{words} ({shown})"


class SaidError(Exception):
    """An error that people read: why something cannot be done and what to do next, in both languages."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese

    def words(self, language: Language = "zh") -> str:
        """What to show."""
        return self.chinese if language == "zh" else str(self)


def problem_words(kind: str, message: str, context: Mapping[str, Any], language: Language = "zh") -> str:
    """What pydantic found: its own message, or the Chinese for it; the message again where there is no Chinese.

    Args:
        kind: pydantic's name for it, such as ``missing``.
        message: what pydantic says.
        context: the limits or words that were expected.
        language: the reader's.
    """
    if language == "en":
        return message
    if kind not in _PROBLEMS:
        return message.removeprefix("Value error, ")
    expected = {name: str(value).replace(" or ", "、").replace(", ", "、") for name, value in context.items()}
    try:
        return _PROBLEMS[kind].format_map(expected)
    except KeyError:
        return message


def problem_lines(
    error: ValidationError, whole: str, language: Language = "zh", name: Callable[[str], str] = str
) -> list[str]:
    """Everything that pydantic found, with its place but never with the input.

    Args:
        error: what it found.
        whole: the place of a problem that no field has alone.
        language: the reader's.
        name: what the reader calls a place.
    """
    colon = "：" if language == "zh" else ": "
    return [
        f"{name('.'.join(map(str, item['loc'])) or whole)}{colon}"
        + problem_words(item["type"], item["msg"], item.get("ctx", {}), language)
        for item in error.errors(include_url=False, include_input=False)
    ]


def file_problem(path: Path | str, error: Exception) -> tuple[str, str]:
    """Why a file cannot be read or written, in both languages, for an operating system's error, YAML's or a codec's."""
    mark = getattr(error, "problem_mark", None)
    match error:
        case OSError():
            english = str(error.strerror or error)
            chinese = _FILE_PROBLEMS.get(type(error), f"文件不能读写（{english}），请检查磁盘和路径")
        case UnicodeDecodeError():
            english, chinese = str(error), "文件不是 UTF-8 编码，请另存为 UTF-8"
        case _ if mark is not None:
            english = str(error)
            chinese = f"第 {mark.line + 1} 行第 {mark.column + 1} 列附近不是有效的 YAML，请检查缩进、冒号和括号"
        case _:
            english, chinese = str(error), f"文件内容有误（{error}），请改正"
    return f"{path}：{chinese}", f"{path}: {english}"


def _column(language: Language) -> int:
    return 0 if language == "zh" else 1
