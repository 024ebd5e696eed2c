"""Invented complaints of a prefecture's 12328: what people say, about whom, through which channel.

Nobody in them exists. The telephone numbers lie in ranges not given to phones (142, 143), the identity numbers in a
county that is none, the plates hold a letter that plates never hold (I), and the companies are called examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final, TypeVar

from producers.door import Case, Complainant
from schemas.commands import Respondent
from schemas.enums import Channel, Domain, Kind, RespondentType, Sensitivity, Urgency

_T = TypeVar("_T")

DISTRICTS: Final = {"历下区": 20, "市中区": 18, "槐荫区": 14, "天桥区": 14, "历城区": 20, "长清区": 6, "章丘区": 8}
KINDS: Final = {
    Kind.COMPLAINT: 50,
    Kind.REPORT: 15,
    Kind.ENQUIRY: 15,
    Kind.LOST_PROPERTY: 8,
    Kind.HELP: 6,
    Kind.SUGGESTION: 4,
    Kind.PRAISE: 2,
}
CHANNELS: Final = {
    Channel.HOTLINE_12328: 62,
    Channel.HOTLINE_12345: 16,
    Channel.WEB: 8,
    Channel.PHONE: 5,
    Channel.MINISTRY_ORDER: 4,
    Channel.PUBLIC_OPINION: 2,
    Channel.LETTER: 1,
    Channel.VISIT: 1,
    Channel.REFERRAL: 1,
}
DOMAINS: Final[Mapping[Kind, Mapping[Domain, int]]] = {
    Kind.COMPLAINT: {
        Domain.TAXI: 26,
        Domain.RIDE_HAILING: 18,
        Domain.BUS: 16,
        Domain.DRIVING_SCHOOL: 9,
        Domain.ETC: 7,
        Domain.PASSENGER: 5,
        Domain.VEHICLE_REPAIR: 5,
        Domain.FREIGHT: 4,
        Domain.HIGHWAY: 4,
        Domain.RAIL_TRANSIT: 3,
        Domain.WATERWAY: 1,
        Domain.ENFORCEMENT_CONDUCT: 1,
        Domain.OTHER: 1,
    },
    Kind.REPORT: {Domain.ILLEGAL_OPERATION: 60, Domain.FREIGHT: 15, Domain.RIDE_HAILING: 15, Domain.TAXI: 10},
    Kind.ENQUIRY: {Domain.ETC: 25, Domain.BUS: 25, Domain.DRIVING_SCHOOL: 20, Domain.PASSENGER: 20, Domain.OTHER: 10},
    Kind.HELP: {Domain.HIGHWAY: 40, Domain.BUS: 30, Domain.ETC: 30},
    Kind.LOST_PROPERTY: {Domain.TAXI: 50, Domain.BUS: 25, Domain.RIDE_HAILING: 15, Domain.RAIL_TRANSIT: 10},
    Kind.SUGGESTION: {Domain.BUS: 50, Domain.RAIL_TRANSIT: 15, Domain.HIGHWAY: 15, Domain.OTHER: 20},
    Kind.PRAISE: {Domain.BUS: 50, Domain.TAXI: 40, Domain.RAIL_TRANSIT: 10},
}
_TEXTS: Final[Mapping[tuple[Kind, Domain], tuple[str, ...]]] = {
    (Kind.COMPLAINT, Domain.TAXI): (
        "{when}在{place}乘坐出租车（车牌{plate}），司机故意绕路，平时{money}元的路程多收了一倍，要求退还多收车费。",
        "{when}在{place}打车，{plate}司机听说路近就拒载，态度很差，希望严肃处理。",
        "出租车{plate}不打表，从{place}上车一口价{money}元，也不给发票，请核查。",
        "{when}乘坐{plate}，司机边开车边刷视频，非常危险，请管管。",
    ),
    (Kind.COMPLAINT, Domain.RIDE_HAILING): (
        "{when}网约车{plate}把我放在{place}就走了，离目的地还有一公里，平台仍收{money}元。",
        "网约车实际来的车是{plate}，与平台登记的车不一致，请核实车辆有没有许可。",
        "{when}在{place}叫网约车，{plate}司机取消订单还打电话骂人，要求道歉。",
    ),
    (Kind.COMPLAINT, Domain.BUS): (
        "{when}在{place}等{line}公交车等了四十分钟，来了两辆都不停站，请解释。",
        "{line}司机急刹车，车上老人差点摔倒，说了还不听。",
        "{line}末班车提前发车，{when}在{place}没赶上，希望按时刻表运行。",
    ),
    (Kind.COMPLAINT, Domain.DRIVING_SCHOOL): (
        "在{company}驾校报名一年多，一直约不上科目二，要求退还学费{money}元。",
        "{company}驾校教练另外索要{money}元加练费，不给就不安排考试。",
    ),
    (Kind.COMPLAINT, Domain.ETC): (
        "{when}从{place}收费站下高速，ETC 重复扣费{money}元，打银行电话说找高速，请帮忙退费。",
        "ETC 设备没坏却每次都抬不起杆，{company}网点不给换。",
    ),
    (Kind.COMPLAINT, Domain.PASSENGER): ("{when}在{place}坐长途客车（{plate}），中途加座还倒客，要求退票{money}元。",),
    (Kind.COMPLAINT, Domain.VEHICLE_REPAIR): (
        "{company}汽修厂给我换了副厂件，按原厂价收了{money}元，要求赔偿。",
        "在{company}修车后同一毛病第三天又犯，返修还要再收{money}元。",
    ),
    (Kind.COMPLAINT, Domain.FREIGHT): ("货车{plate}把货拉到{place}后加价{money}元才肯卸货，请处理。",),
    (Kind.COMPLAINT, Domain.HIGHWAY): ("{place}附近路面坑洼多日没人修，{when}把轮胎硌爆了，要求赔偿{money}元。",),
    (Kind.COMPLAINT, Domain.RAIL_TRANSIT): ("{when}地铁{line}{place}站闸机多扣了{money}元，工作人员说查不到。",),
    (Kind.COMPLAINT, Domain.WATERWAY): ("{place}游船超载，没有救生衣，{when}我们一家坐得提心吊胆。",),
    (Kind.COMPLAINT, Domain.ENFORCEMENT_CONDUCT): (
        "{when}在{place}检查我的车，执法人员没有出示证件，说话难听，请调查。",
    ),
    (Kind.COMPLAINT, Domain.OTHER): ("{place}共享单车堆满人行道，老人推轮椅过不去，不知道该找谁管。",),
    (Kind.REPORT, Domain.ILLEGAL_OPERATION): (
        "{place}每天{when}都有黑车拉客，其中一辆是{plate}，请去现场查处。",
        "举报私家车{plate}长期在{place}非法营运，一人收{money}元。",
        "{place}出口有十几辆摩的揽客，阻塞交通，{when}最多。",
    ),
    (Kind.REPORT, Domain.FREIGHT): ("举报货车{plate}每晚经过{place}，超载而且抛洒渣土。",),
    (Kind.REPORT, Domain.RIDE_HAILING): ("举报{plate}没有网约车证仍在{place}接单，{when}我就坐到了。",),
    (Kind.REPORT, Domain.TAXI): ("举报出租车{plate}是套牌车，{when}停在{place}，计价器跳得特别快。",),
    (Kind.ENQUIRY, Domain.ETC): ("请问 ETC 怎么注销，原来办卡的{company}网点已经撤了。", "货车办 ETC 要带哪些材料？"),
    (Kind.ENQUIRY, Domain.BUS): ("请问{line}现在首末班车几点，经过{place}吗？", "老年卡在哪里年审，周末办不办？"),
    (Kind.ENQUIRY, Domain.DRIVING_SCHOOL): ("想咨询换驾校学时能不能转，{company}驾校说不行。",),
    (Kind.ENQUIRY, Domain.PASSENGER): ("请问从{place}到机场的大巴还开不开，票价是不是{money}元？",),
    (Kind.ENQUIRY, Domain.OTHER): ("从业资格证到期了，请问在哪里办继续教育？",),
    (Kind.HELP, Domain.HIGHWAY): ("车在{place}附近爆胎，后面车很多，请帮忙联系救援。",),
    (Kind.HELP, Domain.BUS): ("老人在{place}坐{line}坐过了站，手机没电，请帮忙找一下。",),
    (Kind.HELP, Domain.ETC): ("{place}收费站出口抬不起杆，后面排了很长的队，请联系站里。",),
    (Kind.LOST_PROPERTY, Domain.TAXI): ("{when}从{place}下车，把{item}忘在出租车上，车牌好像是{plate}，请帮忙联系。",),
    (Kind.LOST_PROPERTY, Domain.BUS): ("{when}把{item}落在{line}公交车上，在{place}下的车。",),
    (Kind.LOST_PROPERTY, Domain.RIDE_HAILING): ("{item}落在网约车{plate}后座，平台联系不上司机。",),
    (Kind.LOST_PROPERTY, Domain.RAIL_TRANSIT): ("{when}在地铁{line}上丢了{item}，在{place}站下的车。",),
    (Kind.SUGGESTION, Domain.BUS): ("建议{line}高峰期加密班次，{place}站天天挤不上去。",),
    (Kind.SUGGESTION, Domain.RAIL_TRANSIT): ("建议地铁{line}{place}站增加一部直梯。",),
    (Kind.SUGGESTION, Domain.HIGHWAY): ("建议{place}路口增设指路牌，外地车总走错。",),
    (Kind.SUGGESTION, Domain.OTHER): ("建议在{place}划定共享单车停放区。",),
    (Kind.PRAISE, Domain.BUS): ("表扬{line}司机，{when}在{place}扶盲人上车，还帮忙找座。",),
    (Kind.PRAISE, Domain.TAXI): ("出租车{plate}司机捡到我的{item}主动送回，非常感谢。",),
    (Kind.PRAISE, Domain.RAIL_TRANSIT): ("感谢地铁{line}{place}站工作人员帮我找到{item}。",),
}
_PLACES: Final = (
    "火车站",
    "长途汽车总站",
    "泉城广场",
    "大明湖南门",
    "西客站",
    "机场北门",
    "省立医院",
    "大学城",
    "批发市场",
)
_WHEN: Final = ("今天早上七点半", "今天上午十点左右", "昨晚九点多", "中午十二点前后", "下午五点半", "周六傍晚")
_ITEMS: Final = ("一个黑色双肩包", "手机", "一串钥匙", "装有证件的钱包", "孩子的书包", "笔记本电脑")
_COMPANIES: Final = ("示例一号", "示例二号", "示例三号", "示例四号", "示例五号", "示例六号")
_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗"
_GIVEN_NAMES: Final = (
    "芳",
    "伟",
    "秀英",
    "建国",
    "晓明",
    "海燕",
    "志强",
    "玉兰",
    "俊杰",
    "欣怡",
    "文博",
    "桂花",
    "子涵",
)
_SIGNATURES: Final = ("来电人{name}，电话{phone}，请回电。", "联系人{name} {phone}。", "我叫{name}，手机{phone}。")
_BY_LINE: Final = frozenset({Domain.BUS, Domain.RAIL_TRANSIT})
_BY_COMPANY: Final = frozenset({Domain.DRIVING_SCHOOL, Domain.VEHICLE_REPAIR, Domain.ETC})
_GRIEVANCES: Final = frozenset({Kind.COMPLAINT, Kind.REPORT})
_UNTARGETED: Final = frozenset({Kind.ENQUIRY, Kind.HELP, Kind.SUGGESTION})
_SCENE_SHARE: Final = 0.33
_SCENE_OPEN_SHARE: Final = 0.1
_SIGNED_SHARE: Final = 0.3
_REACHABLE_SHARE: Final = 0.97


def invent_case(source_number: str, chance: Random) -> Case:
    """A case of a prefecture's ordinary day; the same for the same state of ``chance``."""
    kind = weighted(KINDS, chance)
    domain = weighted(DOMAINS[kind], chance)
    channel = weighted(CHANNELS, chance)
    if channel is Channel.PUBLIC_OPINION and kind not in _GRIEVANCES:
        channel = Channel.WEB
    who = Complainant() if channel is Channel.PUBLIC_OPINION else _complainant(chance)
    slots = _slots(domain, chance) | {"name": who.name or "", "phone": who.phone or ""}
    text = chance.choice(_TEXTS[kind, domain])
    if who.phone and chance.random() < _SIGNED_SHARE:
        text += chance.choice(_SIGNATURES)
    return Case(
        source_number=source_number,
        channel=channel,
        kind=kind,
        domain=domain,
        text=text.format(**slots),
        urgency=weighted({Urgency.NORMAL: 90, Urgency.URGENT: 9, Urgency.EMERGENCY: 1}, chance),
        sensitivity=_sensitivity(channel, chance),
        district=weighted(DISTRICTS, chance),
        respondent=_respondent(domain, slots, mentioned="{plate}" in text) if kind not in _UNTARGETED else None,
        on_site_needed=_on_site(kind, chance),
        complainant=who,
    )


def weighted(shares: Mapping[_T, float], chance: Random) -> _T:
    """One of the keys, each as likely as its share."""
    return chance.choices(list(shares), list(shares.values()))[0]


def _slots(domain: Domain, chance: Random) -> dict[str, str]:
    line = (
        f"{chance.randint(1, 4)}号线"
        if domain is Domain.RAIL_TRANSIT
        else f"{chance.choice('KBT')}{chance.randint(1, 199)}路"
    )
    return {
        "plate": _plate(chance),
        "line": line,
        "company": chance.choice(_COMPANIES),
        "place": chance.choice(_PLACES),
        "when": chance.choice(_WHEN),
        "item": chance.choice(_ITEMS),
        "money": str(chance.randint(2, 60) * 5),
    }


def _plate(chance: Random) -> str:
    energy = chance.choice(("", "", "D", "F"))  # new-energy plates are a letter longer
    return f"鲁A·{energy}{chance.randint(0, 9)}I{chance.randint(0, 999):03}"


def _complainant(chance: Random) -> Complainant:
    name = chance.choice(_SURNAMES) + chance.choice(_GIVEN_NAMES)
    if chance.random() > _REACHABLE_SHARE:
        return Complainant(name=name)
    born = f"{chance.randint(1950, 2005)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    return Complainant(
        name=name,
        phone=f"14{chance.choice('23')}{chance.randint(0, 99_999_999):08}",
        address=f"某小区{chance.randint(1, 30)}号楼{chance.randint(101, 2602)}室" if chance.random() < 1 / 3 else None,
        id_number=f"370199{born}{chance.randint(0, 9999):04}" if chance.random() < 1 / 8 else None,
    )


def _sensitivity(channel: Channel, chance: Random) -> Sensitivity:
    if channel is Channel.PUBLIC_OPINION:
        return weighted({Sensitivity.SENSITIVE: 9, Sensitivity.STABILITY: 1}, chance)
    return weighted({Sensitivity.NONE: 97, Sensitivity.SENSITIVE: 3}, chance)


def _respondent(domain: Domain, slots: Mapping[str, str], *, mentioned: bool) -> Respondent | None:
    if mentioned:
        return Respondent(type=RespondentType.VEHICLE, id=slots["plate"].replace("·", ""))
    if domain in _BY_LINE:
        return Respondent(type=RespondentType.LINE, id=slots["line"])
    if domain in _BY_COMPANY:
        return Respondent(type=RespondentType.COMPANY, id=slots["company"])
    return None


def _on_site(kind: Kind, chance: Random) -> bool | None:
    """A third of complaints and reports need a visit to the scene; of some it is not known yet."""
    if kind not in _GRIEVANCES:
        return False
    dice = chance.random()
    return None if dice > 1 - _SCENE_OPEN_SHARE else dice < _SCENE_SHARE
