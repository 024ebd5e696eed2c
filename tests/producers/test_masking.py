"""Masking: no number that leads to a person survives, however it is written; what leads to nobody stays."""

from __future__ import annotations

import re
import unicodedata
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.cases import invent_case
from producers.masking import WORD, mask

SEPARATORS = ["", " ", "-", "·", "  ", " - ", "\u200b", "，"]
WRITINGS = [
    "0123456789",
    "０１２３４５６７８９",
    "〇一二三四五六七八九",
]
words = st.text(alphabet=st.characters(categories=["Lo"], exclude_characters="〇零一二三四五六七八九幺两"), max_size=12)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=count, max_size=count)


mobiles = st.builds("1{}{}".format, st.sampled_from("3456789"), digits(9))
identity_numbers = st.builds("{}{}".format, digits(17), st.sampled_from("0123456789Xx"))
old_identity_numbers = digits(15)
landlines = st.builds("0{}{}{}".format, digits(3), st.sampled_from("2345678"), digits(7))
plates = st.builds(
    "{}{}{}{}".format,
    st.sampled_from("京鲁沪粤苏"),
    st.sampled_from("ABCDEF"),
    st.sampled_from(["", "D", "F"]),
    st.text(alphabet="ABCDEFGHJK0123456789", min_size=4, max_size=4).map(lambda text: text + "7"),
)


def plain(text: str) -> str:
    """Digits of every writing as ASCII, everything else as it is, so that survivors are found by other means."""
    chinese = {"〇": "0", "零": "0"} | {letter: str(number) for number, letter in enumerate("一二三四五六七八九", 1)}
    return "".join(chinese.get(letter, unicodedata.normalize("NFKC", letter)) for letter in text)


@given(before=words, number=mobiles | identity_numbers | old_identity_numbers | landlines, after=words,
       separator=st.sampled_from(SEPARATORS), writing=st.sampled_from(WRITINGS))  # fmt: skip
def test_no_number_of_a_person_survives(before: str, number: str, after: str, separator: str, writing: str) -> None:
    grouped = separator.join([number[:3], number[3:7], number[7:]])
    written = "".join(writing[int(letter)] if letter.isdigit() else letter for letter in grouped)
    left = plain(mask(f"{before}{written}{after}"))
    assert not re.search(r"\d{4}", re.sub(r"\D", "", left)), left


@given(before=words, plate=plates, after=words, dot=st.sampled_from(["", "·", " ", "-"]))
def test_no_plate_survives(before: str, plate: str, after: str, dot: str) -> None:
    left = mask(f"{before}{plate[:2]}{dot}{plate[2:]}{after}")
    assert plate[2:6] not in left
    assert "[车牌]" in left


@given(text=words, name=st.text(alphabet="王李张芳伟秀英建国", min_size=2, max_size=3), after=words)
@example(text="王", name="王王", after="王")
def test_no_given_word_survives(text: str, name: str, after: str) -> None:
    assert name not in mask(f"{text}{name}{after}{name}", [name])


@given(st.text(max_size=300))
def test_any_text_can_be_masked_and_masking_again_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@given(st.integers())
def test_an_invented_case_leaves_no_trace_of_its_complainant(number: int) -> None:
    case = invent_case(str(number), Random(number))
    who = case.complainant
    left = mask(case.text, [part for part in (who.name, who.phone, who.address) if part])
    assert not any(part in left for part in (who.name, who.phone, who.address, who.id_number) if part)
    assert "鲁A" not in left


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("电话13812345678。", "电话[手机号]。"),
        ("+86 138-1234-5678", "[手机号]"),
        ("身份证37010219900101123X", "身份证[身份证号]"),
        ("座机0531-82345678转801", "座机[电话]转801"),
        ("（0531）8234567", "[电话]"),
        ("打 8234 5678 找我", "打 [电话] 找我"),
        ("鲁A·D12345", "[车牌]"),
        ("鲁A1234学", "[车牌]"),
        ("卡号 6222 0000 1111 2222 333", "卡号 [号码]"),
        ("写信到 wang.fang@example.com.cn！", "写信到 [邮箱]！"),
    ],
)
def test_each_kind_has_its_sign(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "2018年10月21日 08:30:15 上车，2024-12-31 18:05 下车",
        "20241231 那天，K52路、119路，行驶15.6公里用时35分钟，收费2500元",
        "12328 和 12345 都打过",
        "五一路三十四号",
    ],
)
def test_times_lines_and_sums_stay(text: str) -> None:
    assert mask(text) == text


def test_words_are_masked_in_any_writing_but_single_letters_are_not() -> None:
    assert mask("Wang 与ＷＡＮＧ，王", ["wang", "王", " "]) == f"{WORD} 与{WORD}，王"


def test_a_long_text_takes_no_time() -> None:
    for text in ("a" * 200_000, "1-" * 100_000, "鲁A" * 100_000, "1 3" * 70_000):
        mask(text)
