"""What invented handlers write into results, feedback and visit notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.enums import Disposition, Kind, VisitOutcome

_ANSWERS: Final = {Disposition.ANSWERED: 80, Disposition.SERVICE: 20}

DISPOSITIONS: Final[Mapping[Kind, Mapping[Disposition, int]]] = {
    Kind.COMPLAINT: {
        Disposition.SERVICE: 55,
        Disposition.MANAGEMENT: 18,
        Disposition.MEDIATION: 12,
        Disposition.ENFORCEMENT: 8,
        Disposition.UNFOUNDED: 7,
    },
    Kind.REPORT: {
        Disposition.ENFORCEMENT: 40,
        Disposition.MANAGEMENT: 30,
        Disposition.UNFOUNDED: 20,
        Disposition.SERVICE: 10,
    },
    Kind.ENQUIRY: _ANSWERS,
    Kind.HELP: {Disposition.SERVICE: 90, Disposition.ANSWERED: 10},
    Kind.LOST_PROPERTY: {Disposition.SERVICE: 70, Disposition.ANSWERED: 30},
    Kind.SUGGESTION: _ANSWERS,
    Kind.PRAISE: _ANSWERS,
}
"""Complaints and reports together come near 721: seven of ten by service, two by management, one by enforcement."""

RESULTS: Final[Mapping[Disposition, tuple[str, ...]]] = {
    Disposition.SERVICE: (
        "已联系当事双方，问题当场解决。",
        "企业已致歉并退还多收费用。",
        "已帮助取得联系，物品已交还。",
    ),
    Disposition.MANAGEMENT: ("已约谈企业负责人，限期整改并提交书面说明。", "已对驾驶员批评教育，纳入服务质量考核。"),
    Disposition.ENFORCEMENT: (
        "现场查实，已立案调查。",
        "经查属实，依法予以处罚。",
        "首次轻微违法，责令改正，不予处罚。",
    ),
    Disposition.MEDIATION: ("经调解，双方达成一致并当场履行。", "双方同意调解方案，企业承担维修费用。"),
    Disposition.ANSWERED: ("已按现行规定答复来电人。", "已转告运营企业研究，并向来电人说明。"),
    Disposition.TRANSFERRED_OUT: ("不属本部门职责，已移交主管部门并告知来电人。",),
    Disposition.UNFOUNDED: ("经调取监控和行车记录，反映情况与事实不符，已解释。",),
}
FEEDBACK: Final = ("已将处理结果告知来电人。", "已说明处理情况，来电人表示理解。", "已告知结果和后续救济途径。")
VISIT_NOTES: Final[Mapping[VisitOutcome, tuple[str, ...]]] = {
    VisitOutcome.SATISFIED: ("满意。", "对处理速度表示感谢。"),
    VisitOutcome.BASICALLY_SATISFIED: ("基本满意，希望以后不再发生。",),
    VisitOutcome.DISSATISFIED: ("认为问题没有解决，要求重新办理。", "对赔偿金额不认可。"),
    VisitOutcome.UNREACHABLE: ("无人接听。", "关机。"),
    VisitOutcome.WAIVED: ("免回访。",),
}
