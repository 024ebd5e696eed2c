"""The words people read: complete in both languages, and none by accident."""

import re
from enum import StrEnum

import pytest

from schemas import enums
from schemas.enums import Refusal, State
from schemas.words import Language, clock_word, explain, word
from tests.domain.player import BUREAU

SHOWN: tuple[type[StrEnum], ...] = (
    enums.BreachCause,
    enums.Channel,
    enums.Disposition,
    enums.Domain,
    enums.FeedbackMeans,
    enums.Kind,
    enums.Measure,
    enums.Role,
    enums.Sensitivity,
    enums.Severity,
    enums.State,
    enums.Urgency,
    enums.Verdict,
    enums.VisitOutcome,
    enums.RespondentType,
    enums.ReceivedBy,
    enums.RoundReason,
    enums.DispatchReason,
    enums.CancelReason,
    enums.BasisType,
)
INTERNAL: tuple[type[StrEnum], ...] = (enums.Milestone, enums.Refusal)
"""Milestones stand only in policy files; refusals have explanations."""

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_vocabulary_is_either_shown_or_internal() -> None:
    vocabularies = {item for item in vars(enums).values() if isinstance(item, type) and issubclass(item, StrEnum)}
    assert vocabularies - {StrEnum} == {*SHOWN, *INTERNAL}


@pytest.mark.parametrize("vocabulary", SHOWN, ids=lambda vocabulary: vocabulary.__name__)
def test_every_code_that_people_see_has_words_in_both_languages(vocabulary: type[StrEnum]) -> None:
    for code in vocabulary:
        assert CHINESE.search(word(code, "zh")), f"{vocabulary.__name__}.{code.name} has no Chinese word"
        assert not CHINESE.search(word(code, "en"))


@pytest.mark.parametrize("vocabulary", SHOWN, ids=lambda vocabulary: vocabulary.__name__)
def test_no_two_codes_of_a_vocabulary_read_the_same(vocabulary: type[StrEnum]) -> None:
    for language in ("zh", "en"):
        assert len({word(code, language) for code in vocabulary}) == len(vocabulary)


def test_equal_codes_of_different_vocabularies_keep_their_own_words() -> None:
    assert word(enums.Channel.PHONE) == "电话"
    assert word(enums.Channel.VISIT) == "来访"
    assert word(enums.Channel.LETTER) == "来信"
    assert word(enums.FeedbackMeans.LETTER) == "信函"


@pytest.mark.parametrize("reason", Refusal)
def test_every_refusal_is_explained(reason: Refusal) -> None:
    assert CHINESE.search(explain(reason))
    assert not CHINESE.search(explain(reason, language="en"))
    assert len({explain(other) for other in Refusal}) == len(Refusal)


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "工单当前状态不允许此操作（已归档）"), ("en", "not allowed in the ticket's present state (closed)")],
)
def test_a_refused_move_names_the_state_in_words(language: Language, words: str) -> None:
    assert explain(Refusal.ILLEGAL_MOVE, State.CLOSED, language) == words


def test_a_refusal_names_what_it_is_about() -> None:
    assert explain(Refusal.UNKNOWN_UNIT, "brigade-9") == "没有这个单位，请核对单位编码（brigade-9）"


def test_the_clocks_of_the_shipped_rules_have_words_and_others_keep_their_names() -> None:
    clocks = {clock.clock for policy in BUREAU.policies for clock in policy.clocks}
    assert all(CHINESE.search(clock_word(clock)) and clock_word(clock, "en") == clock for clock in clocks)
    assert clock_word("移交") == "移交"
