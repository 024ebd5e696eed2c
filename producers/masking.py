"""Masks what identifies a person in free text: numbers, plates, mail addresses, and any words given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

_CHINESE_DIGITS: Final = dict(zip("〇零一二三四五六七八九幺两", "0012345678912", strict=True))
_GAP: Final = r"[\s\-‐-―.·•,，、_/()\u200b-\u200d\ufeff]{0,3}"  # what people put between the digits of one number
_NO_DATE: Final = r"(?!20\d{2}[ \-]?[01]\d[0-3]\d(?!\d))"  # 20241231 is a day, not somebody's telephone
_LETTERS: Final = 8_000  # as many as people use
_SHORTEST_WORD: Final = 2  # a single letter stands in too many other words

WORD: Final = "[已隐去]"
"""Stands for a word that was to be masked."""


def _spaced(*parts: str) -> str:
    return _GAP.join(parts)


def _digits(count: int) -> list[str]:
    return [r"\d"] * count


_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PATTERNS: Final = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("[邮箱]", r"[a-z0-9._%+\-]{1,64}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63})+"),
        ("[身份证号]", _spaced(*_digits(17), r"[\dx]")),
        ("[身份证号]", r"(?<!\d)" + _spaced(*_digits(15)) + r"(?!\d)"),
        ("[手机号]", rf"(?:(?:\+|00)86{_GAP})?" + _spaced("1", "[3-9]", *_digits(9))),
        ("[号码]", r"\d{9,}|\d{4}(?:[ \-]\d{4}){2,}(?:[ \-]\d{1,3})?"),  # bank cards, licences, order numbers
        (
            "[电话]",
            r"(?<!\d)\(?" + _spaced("0", *_digits(2), rf"(?:\d{_GAP})?[2-8]", *_digits(6)) + rf"(?:{_GAP}\d)?(?!\d)",
        ),
        ("[电话]", rf"(?<!\d){_NO_DATE}[2-8]\d{{2,3}}[ \-]?\d{{4}}(?!\d)"),
        ("[车牌]", rf"[{_PROVINCES}]{_GAP}[a-z]{_GAP}(?=[a-z]{{0,5}}\d)[a-z0-9]{{4}}[a-z0-9学警港澳挂试超][a-z0-9]?"),
    )
)


def mask(text: str, words: Iterable[str] = ()) -> str:
    """The text without mobile, landline, identity-card and other long numbers, plates and mail addresses.

    Digits count in whatever writing (full width, Chinese) and with whatever people put between them. What a mask
    replaces is gone: nothing of it is left to guess from.

    Args:
        text: as the citizen or the handler put it.
        words: masked too wherever they stand, such as the complainant's name and address; of two letters or more.
    """
    plain = _plain(text)
    masked: list[str] = []
    end = 0
    for start, stop, sign in _joined(_places(plain, words)):
        masked += [text[end:start], sign]
        end = stop
    return "".join([*masked, text[end:]])


def _plain(text: str) -> str:
    """The text letter for letter in one writing, so that places in it are places in the original."""
    return "".join(map(_plain_letter, text))


@lru_cache(maxsize=_LETTERS)
def _plain_letter(letter: str) -> str:
    if letter in _CHINESE_DIGITS:
        return _CHINESE_DIGITS[letter]
    digit = unicodedata.digit(letter, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", letter).lower()
    return folded if len(folded) == 1 else letter


def _places(plain: str, words: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    for sign, pattern in _PATTERNS:
        for found in pattern.finditer(plain):
            yield found.start(), found.end(), sign
    for word in words:
        wanted = _plain(word.strip())
        if len(wanted) >= _SHORTEST_WORD:
            start = plain.find(wanted)
            while start >= 0:
                yield start, start + len(wanted), WORD
                start = plain.find(wanted, start + 1)


def _joined(places: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Places that touch the same letters become one, under the sign of the longest."""
    joined: list[tuple[int, int, str]] = []
    for start, stop, sign in sorted(places, key=lambda place: (place[0], -place[1])):
        if joined and start < joined[-1][1]:
            first, last, before = joined.pop()
            joined.append((first, max(last, stop), before))
        else:
            joined.append((start, stop, sign))
    return joined
