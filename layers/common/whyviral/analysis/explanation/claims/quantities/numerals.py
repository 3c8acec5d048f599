"""The numbers of a text, in digits of any script or in English words, with every value that each may mean."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

from .number_words import word_numbers

_SCALES = {
    scale: factor
    for factor, scales in (
        (1e2, "hundred"),
        (12.0, "dozen"),
        (1e3, "k thousand tsd tausend mille mil mila 千 천"),
        (1e4, "万 萬 만"),
        (1e5, "lakh lakhs"),
        (1e6, "m mn mio million millions millionen millones milhões milioni milione millón milhão"),
        (1e7, "crore crores"),
        (1e8, "億 亿 억"),
        (1e9, "b bn billion billions mrd milliarde milliarden milliard milliards"),
    )
    for scale in scales.split()
}
_BLANK = " "
_SCALE_WORDS = "|".join(sorted((re.escape(scale) for scale in _SCALES), key=len, reverse=True))
_DIGITS = LazyPattern(
    r"(?<![\w#@.,:/])(?:(?<![\w)])[+-])?"
    rf"(?P<digits>(?:[0-9]{{1,3}}(?:[.,'{_BLANK}](?:[0-9]{{3}}(?![0-9])|[0-9]{{2}}(?=,[0-9])))+|[0-9]+)(?:[.,][0-9]+)?)"
    r"(?:e(?P<exponent>[+-]?[0-9]{1,2})(?!\w|\.[0-9]))?"
    rf"(?:[{_BLANK}-]?(?P<scale>{_SCALE_WORDS})(?![^\W\d_])\.?)?"
    r"(?![\w/]*[/][0-9])",
    re.IGNORECASE,
)
_SEPARATORS = LazyPattern(rf"[.,'{_BLANK}]")
_ARABIC = str.maketrans({"\u066b": ".", "\u066c": ",", "\u2212": "-", "\u2019": "'", "\u2032": "'"})


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it is written."""

    readings: tuple[tuple[float, float], ...]
    """Each value that it may mean, with the size of its last written place."""
    start: int
    end: int
    scale: float = 1.0
    """1,000 of 48K: lower places are rounded or cut off."""
    is_word: bool = False

    @property
    def is_shortened(self) -> bool:
        """Whether it is written with a scale."""
        return self.scale > 1


def plain(text: str) -> str:
    """Return the text with compatibility forms, digits of all scripts and separators as plain characters."""
    text = "".join(map(_fraction_or_self, text))
    text = unicodedata.normalize("NFKC", text).translate(_ARABIC)
    return "".join(str(unicodedata.digit(each)) if each.isdigit() else each for each in text)


def _fraction_or_self(character: str) -> str:
    if unicodedata.category(character) == "No" and "VULGAR FRACTION" in unicodedata.name(character, ""):
        return f"{unicodedata.numeric(character):.3g}".removeprefix("0")
    return character


def numerals(text: str) -> list[Numeral]:
    """Return the numbers of a plain text in their order.

    Args:
        text: as `plain` returns it.
    """
    found = [*_in_digits(text), *_in_words(text)]
    found.sort(key=lambda each: (each.start, -each.end))
    kept: list[Numeral] = []
    for numeral in found:
        if not kept or numeral.start >= kept[-1].end:
            kept.append(numeral)
    return kept


def _in_digits(text: str) -> Iterator[Numeral]:
    for match in _DIGITS.finditer(text):
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        factor = scale * 10.0 ** int(match["exponent"] or 0)
        values = tuple((value * factor, step * factor) for value, step in _readings(match["digits"]))
        yield Numeral(values, match.start(), match.end(), scale=scale)


def _in_words(text: str) -> Iterator[Numeral]:
    for value, step, start, end in word_numbers(text):
        yield Numeral(((value, step),), start, end, scale=step if step > 1 else 1.0, is_word=True)


def _readings(digits: str) -> Iterator[tuple[float, float]]:
    """Yield what digits mean where separators group thousands, and where the last one is a decimal point."""
    parts, separators = _SEPARATORS.split(digits), _SEPARATORS.findall(digits)
    if _is_grouped(parts[1:]) and len(set(separators)) <= 1:
        yield float("".join(parts)), 1.0
    if separators and separators[-1] in ".," and separators.count(separators[-1]) == 1:
        yield float(f"{''.join(parts[:-1])}.{parts[-1]}"), 10.0 ** -len(parts[-1])


def _is_grouped(groups: list[str]) -> bool:
    """Whether groups of digits follow the western or the Indian way to write thousands."""
    return all(len(group) in (2, 3) for group in groups) and (not groups or len(groups[-1]) == 3)  # noqa: PLR2004
