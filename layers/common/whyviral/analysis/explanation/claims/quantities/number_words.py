"""Numbers written as English words: `forty-eight thousand`, `half a million`, `two point three`, `a dozen`."""

import re
from collections.abc import Iterator

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

_SMALL = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALES = {
    "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "lakh": 100_000, "crore": 10_000_000,
}  # fmt: skip
_GROUPS = {"dozen": 12, "hundred": 100}
_UNITS = "|".join(sorted((*_SMALL, *_TENS), key=len, reverse=True))
_MULTIPLES = "|".join((*_GROUPS, *_SCALES))
_WORD_NUMBER = LazyPattern(
    rf"\b(?:"
    rf"(?P<half>half|a\s+quarter\s+of)[\s-]+(?:an?[\s-]+)?(?P<half_scale>{_MULTIPLES})"
    rf"|(?P<words>(?:an?[\s-]+(?={_MULTIPLES})|(?={_UNITS}))(?:{_UNITS}|{_MULTIPLES})"
    rf"(?:[\s-]+(?:and[\s-]+(?!a\b))?(?:{_UNITS}|{_MULTIPLES}))*)"
    rf"(?P<point>\s+point(?:\s+(?:{'|'.join(_SMALL)}))+)?"
    rf"(?P<and_half>[\s-]+and[\s-]+a[\s-]+half)?"
    rf"(?:[\s-]+(?P<scale>{_MULTIPLES}))?"
    rf")\b",
    re.IGNORECASE,
)
_TOKEN = LazyPattern(rf"{_UNITS}|{_MULTIPLES}", re.IGNORECASE)


def word_numbers(text: str) -> Iterator[tuple[float, float, int, int]]:
    """Yield value, size of the last written place, start and end of every number in words."""
    for match in _WORD_NUMBER.finditer(text):
        value, step = _value_of(match)
        yield value, step, match.start(), match.end()


def _value_of(match: re.Match[str]) -> tuple[float, float]:
    if match["half"]:
        scale = _scale(match["half_scale"])
        share = 0.5 if match["half"].lower() == "half" else 0.25
        return share * scale, scale / 10
    value, step = _whole(match["words"])
    if match["point"]:
        digits = [_SMALL[word.lower()] for word in match["point"].split()[1:]]
        step = 10.0 ** -len(digits)
        value += sum(digit * 10.0 ** -(place + 1) for place, digit in enumerate(digits))
    if match["and_half"]:
        value, step = value + 0.5, 0.5
    scale = _scale(match["scale"]) if match["scale"] else 1
    return value * scale, step * scale


def _whole(words: str) -> tuple[float, float]:
    """Return the value of words without a fraction, and its last written place."""
    total, current, step = 0, 0, 1
    for token in (token.lower() for token in _TOKEN.findall(words)):
        step = 1
        if token in _SMALL or token in _TENS:
            current += _SMALL.get(token, 0) + _TENS.get(token, 0)
        elif token in _GROUPS:
            current = (current or 1) * _GROUPS[token]
        else:
            total, current, step = total + (current or 1) * _SCALES[token], 0, _SCALES[token]
    return float(total + current), float(step)


def _scale(word: str) -> int:
    return (_SCALES | _GROUPS)[word.lower()]
