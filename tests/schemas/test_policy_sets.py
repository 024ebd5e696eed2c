"""Policy sets: equal content has one name, and every mistake is found when the set is read, with its place."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.base import canonical_json
from schemas.enums import Channel, Domain, Kind
from schemas.policy import Limit, PolicySet, Source
from tests.domain.player import BUREAU

Content = dict[str, Any]
CLOCK: Content = {
    "clock": "accept",
    "starts": "received",
    "stops": "accepted",
    "limit": {"minutes": 30},
    "calendar": "always",
    "chain": "short",
    "basis": {"type": "product_default"},
}
BREACH: Content = {"level": "breach", "severity": "orange", "notify": ["unit_leader"]}
WARN: Content = {"level": "warn-50", "percent": 50, "severity": "yellow", "notify": ["unit"]}
LATER: Content = {"level": "later", "after": {"minutes": 15}, "severity": "red", "notify": ["bureau_leader"]}
GOOD: Content = {
    "set": "small",
    "version": 1,
    "zone": "Asia/Shanghai",
    "calendars": {
        "always": {"type": "always"},
        "days": {"type": "calendar_days", "zone": "Asia/Shanghai"},
        "working": {"type": "working_days", "zone": "Asia/Shanghai"},
    },
    "chains": {"short": [WARN, BREACH, LATER]},
    "units": [{"unit": "bureau", "name": "局"}, {"unit": "brigade", "name": "支队", "parent": "bureau"}],
    "routes": [{"route": "taxi", "unit": "brigade", "domains": ["taxi"]}],
    "policies": [{"policy": "p", "applies_to": [{}], "clocks": [CLOCK]}],
}


def read(content: Content) -> PolicySet:
    return PolicySet.model_validate(content)


def clock(**changes: Any) -> Content:
    """The good set with other fields in its one clock."""
    return {**GOOD, "policies": [{**GOOD["policies"][0], "clocks": [CLOCK | changes]}]}


def chain(*levels: Content) -> Content:
    return {**GOOD, "chains": {"short": list(levels)}}


def applying(*rules: Content) -> Content:
    return {**GOOD, "policies": [{**GOOD["policies"][0], "applies_to": list(rules)}]}


def doubled(entry: str) -> Content:
    return {**GOOD, entry: [*GOOD[entry], GOOD[entry][0]]}


MISTAKES: dict[str, tuple[Content, str]] = {
    "nothing for praise": (
        applying({"kinds": [kind for kind in Kind if kind is not Kind.PRAISE]}),
        "no policy for kind praise, channel hotline_12328, domain taxi",
    ),
    "nothing for a channel and a domain": (
        applying(
            {"channels": [channel for channel in Channel if channel is not Channel.WEB]},
            {"domains": [domain for domain in Domain if domain is not Domain.ETC]},
        ),
        "no policy for kind complaint, channel web, domain etc",
    ),
    "only urgent tickets": (applying({"urgencies": ["urgent", "emergency"]}), "no policy for kind complaint"),
    "only sensitive tickets": (applying({"sensitivities": ["sensitive"]}), "no policy for kind complaint"),
    "no policies": ({**GOOD, "policies": []}, "no policy for kind complaint"),
    "duplicate policy": (doubled("policies"), "policy named twice: p"),
    "duplicate unit": (doubled("units"), "unit named twice: bureau"),
    "duplicate route": (doubled("routes"), "route named twice: taxi"),
    "duplicate clock": (
        {**GOOD, "policies": [{**GOOD["policies"][0], "clocks": [CLOCK, CLOCK]}]},
        "policy p: clock named twice: accept",
    ),
    "unknown calendar": (
        clock(calendar="moon"),
        "policy p, clock accept: unknown calendar 'moon'; known: always, days",
    ),
    "unknown chain": (clock(chain="long"), "policy p, clock accept: unknown chain 'long'; known: short"),
    "unknown unit of a route": (
        {**GOOD, "routes": [{"route": "taxi", "unit": "circus"}]},
        "route taxi: unknown unit 'circus'; known: bureau, brigade",
    ),
    "unknown parent": (
        {**GOOD, "units": [{"unit": "brigade", "name": "支队", "parent": "circus"}]},
        "unit brigade: unknown parent 'circus'",
    ),
    "two breach levels": (chain(WARN, BREACH, BREACH | {"level": "again"}), "chain short: exactly one level without"),
    "no breach level": (chain(WARN, LATER), "chain short: exactly one level without"),
    "no level": (chain(), "chain short: exactly one level without"),
    "level named twice": (chain(WARN, BREACH, LATER | {"level": "breach"}), "chain short: level named twice: breach"),
    "a warning after the breach": (chain(BREACH, WARN), "chain short: levels must rise"),
    "falling percentages": (
        chain(WARN, WARN | {"level": "warn-20", "percent": 20}, BREACH),
        "chain short: levels must rise",
    ),
    "equal percentages": (chain(WARN, WARN | {"level": "other"}, BREACH), "chain short: levels must rise"),
    "falling times": (
        chain(BREACH, LATER, LATER | {"level": "sooner", "after": {"seconds": 1}}),
        "chain short: levels must rise",
    ),
    "percent and after": (chain(WARN | {"after": {"minutes": 1}}, BREACH), "level warn-50: give percent or after"),
    "a share of everything": (chain(WARN | {"percent": 100}, BREACH), "chains.short.0.percent"),
    "an escalation in working days": (
        chain(BREACH, LATER | {"after": {"working_days": 1}}),
        "level later: after takes seconds, minutes or hours",
    ),
    "two units in a limit": (clock(limit={"minutes": 30, "hours": 1}), "policies.0.clocks.0.limit"),
    "no unit in a limit": (clock(limit={}), "give exactly one of seconds, minutes, hours"),
    "a limit of nothing": (clock(limit={"minutes": 0}), "policies.0.clocks.0.limit.minutes"),
    "an endless limit": (clock(limit={"hours": float("inf")}), "policies.0.clocks.0.limit.hours"),
    "no limit": (clock(limit=None), "clock accept: no limit given"),
    "working days around the clock": (
        clock(limit={"working_days": 2}),
        "policy p, clock accept: working_days needs a calendar of type working_days",
    ),
    "working days in calendar days": (
        clock(limit={"working_days": 2}, calendar="days"),
        "policy p, clock accept: working_days needs a calendar of type working_days",
    ),
    "calendar days around the clock": (
        clock(limit={"calendar_days": 2}),
        "policy p, clock accept: calendar_days needs a calendar with a time zone",
    ),
    "working days for one category": (
        clock(limit_by_category={"拒载": {"working_days": 2}}),
        "policy p, clock accept: working_days needs a calendar of type working_days",
    ),
    "unknown zone": ({**GOOD, "zone": "Asia/Jinan"}, "unknown time zone 'Asia/Jinan'"),
    "a zone that is a folder": ({**GOOD, "zone": "Asia"}, "unknown time zone 'Asia'"),
    "a zone of a calendar": (
        {**GOOD, "calendars": GOOD["calendars"] | {"days": {"type": "calendar_days", "zone": "Mars/Phobos"}}},
        "unknown time zone 'Mars/Phobos'",
    ),
    "a week without days": (
        {**GOOD, "calendars": GOOD["calendars"] | {"working": GOOD["calendars"]["working"] | {"weekdays": []}}},
        "a working week needs at least one day",
    ),
    "an eighth weekday": (
        {**GOOD, "calendars": GOOD["calendars"] | {"working": GOOD["calendars"]["working"] | {"weekdays": [8]}}},
        "calendars.working.working_days.weekdays",
    ),
    "a time of day": ({**GOOD, "parts_of_day": [{"name": "x", "starts": "24:00"}]}, "parts_of_day.0.starts"),
    "a day without parts": ({**GOOD, "parts_of_day": []}, "parts_of_day"),
    "an escalation beyond all time": (chain(BREACH, LATER | {"after": {"hours": 1e300}}), "chains.short.1"),
    "a limit of more than ten years": (clock(limit={"hours": 87_840.5}), "policies.0.clocks.0.limit.hours"),
    "a misspelt key": (clock(limits={"minutes": 30}), "policies.0.clocks.0.limits"),
    "an unknown role": (chain(BREACH | {"notify": ["mayor"]}), "chains.short.0.notify.0"),
    "version zero": ({**GOOD, "version": 0}, "version"),
}


@pytest.mark.parametrize(("content", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_with_its_place(content: Content, words: str) -> None:
    assert read(GOOD).set == "small"
    with pytest.raises(ValidationError) as caught:
        read(content)
    assert words in str(caught.value)


def test_a_limit_of_ten_years_is_taken() -> None:
    rules = read(clock(limit={"working_days": 3_660}, calendar="working"))
    assert rules.policies[0].clocks[0].limit == Limit(working_days=3_660)


def test_parts_of_a_policy_may_cover_all_tickets_together() -> None:
    rules = read(applying({"kinds": ["praise"]}, {"kinds": [kind for kind in Kind if kind is not Kind.PRAISE]}))
    assert len(rules.policies[0].applies_to) == 2


def shuffled(value: Any, order: random.Random) -> Any:
    """The same content with every mapping in another order."""
    if isinstance(value, dict):
        keys = order.sample(sorted(value), len(value))
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
def test_the_order_of_a_file_does_not_change_the_name(order: random.Random) -> None:
    assert read(shuffled(GOOD, order)).name == read(GOOD).name


@given(st.permutations([kind.value for kind in Kind]), st.permutations(range(1, 6)))
@settings(max_examples=30)
def test_the_order_within_an_unordered_list_does_not_change_the_name(kinds: list[str], days: list[int]) -> None:
    def content(kinds: list[str], days: list[int]) -> Content:
        working = GOOD["calendars"]["working"] | {"weekdays": days}
        return {
            **GOOD,
            "calendars": GOOD["calendars"] | {"working": working},
            "policies": [{**GOOD["policies"][0], "applies_to": [{"kinds": kinds}]}],
        }

    assert read(content(kinds, days)).name == read(content(sorted(kinds), sorted(days))).name


def test_a_default_that_is_written_out_does_not_change_the_name() -> None:
    written = {**GOOD, "ahead_s": 60, "title": "", "policies": [{**GOOD["policies"][0], "visit": {"tries": 3}}]}
    assert read(written).name == read(GOOD).name


def other(path: str, value: Any) -> Callable[[Content], None]:
    """A change at a dotted path."""

    def change(content: Content) -> None:
        *way, last = path.split(".")
        place: Any = content
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        other("policies.0.clocks.0.limit", {"minutes": 31}),
        other("policies.0.clocks.0.limit", {"hours": 0.5}),
        other("policies.0.clocks.0.basis", {"type": "regulation", "date": "2024-12-31"}),
        other("policies.0.visit", {"reopenings": 3}),
        other("chains.short.0.percent", 51),
        other("chains.short.2.measure", "urge"),
        other("calendars.working.weekdays", [1, 2, 3, 4, 5, 6]),
        other("units.1.name", "执法支队"),
        other("routes.0.domains", ["taxi", "bus"]),
        other("sources", {"12328": {"trusted_time": True}}),
        other("zone", "Asia/Urumqi"),
        other("ahead_s", 59),
        other("version", 2),
        other("set", "other"),
    ],
)
def test_any_change_gives_another_name(change: Callable[[Content], None]) -> None:
    content = copy.deepcopy(GOOD)
    change(content)
    assert read(content).name != read(GOOD).name


def test_the_order_of_routes_and_policies_counts() -> None:
    second = {"route": "bus", "unit": "bureau"}
    there, back = [GOOD["routes"][0], second], [second, GOOD["routes"][0]]
    assert read({**GOOD, "routes": there}).name != read({**GOOD, "routes": back}).name


def test_a_name_tells_set_version_and_content() -> None:
    assert read(GOOD).name == "small@1-eef786d3d403"


def test_a_set_survives_its_way_through_json() -> None:
    assert PolicySet.model_validate_json(BUREAU.model_dump_json(exclude_none=True)).name == BUREAU.name
    assert PolicySet.model_validate_json(BUREAU.canonical()).name == BUREAU.name


def test_an_unknown_source_is_not_trusted() -> None:
    assert read(GOOD).source("nobody") == Source(trusted_time=False, max_age_s=60.0, history=False)


@given(st.dictionaries(st.text(max_size=5), st.frozensets(st.integers()) | st.lists(st.integers())))
def test_canonical_json_knows_no_order_but_that_of_lists(content: dict[str, Any]) -> None:
    backwards = dict(reversed(content.items()))
    assert canonical_json(content) == canonical_json(backwards)


def test_canonical_json_is_sorted_and_without_white_space() -> None:
    assert canonical_json({"b": {2, 1}, "a": ["中", None]}) == '{"a":["中",null],"b":[1,2]}'.encode()
