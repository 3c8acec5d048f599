"""Numbers hidden in words: `doubled`, `half of the viewers`, `two thirds`, `tens of thousands`."""

import re
from collections.abc import Iterator

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

from .context import bound_before, clause_after, clause_before, compared_nouns
from .quantity import Bound, Form, Quantity

_TIMES = {
    "double": 2.0, "doubled": 2.0, "doubles": 2.0, "doubling": 2.0, "twice": 2.0, "twofold": 2.0,
    "triple": 3.0, "tripled": 3.0, "triples": 3.0, "tripling": 3.0, "thrice": 3.0, "threefold": 3.0, "treble": 3.0,
    "quadruple": 4.0, "quadrupled": 4.0, "fourfold": 4.0, "quintupled": 5.0, "fivefold": 5.0, "sixfold": 6.0,
    "sevenfold": 7.0, "eightfold": 8.0, "ninefold": 9.0, "tenfold": 10.0, "hundredfold": 100.0, "halved": 0.5,
    "doppelt": 2.0, "verdoppelt": 2.0, "dreifach": 3.0, "verdreifacht": 3.0, "doble": 2.0, "duplicó": 2.0,
    "triplicó": 3.0, "doublé": 2.0, "triplé": 3.0, "dobro": 2.0, "triplo": 3.0, "doppio": 2.0,
}  # fmt: skip
_TIMES_WORD = LazyPattern(rf"(?<!\w)({'|'.join(sorted(_TIMES, key=len, reverse=True))})(?!\w)(?!-)", re.IGNORECASE)
_ALSO_ADJECTIVES = frozenset({"double", "twice", "thrice", "triple", "treble", "quadruple", "twofold", "threefold"})
_COMPARES = LazyPattern(r"\s+(?:as|the|its|their|his|her|what|that|more|increase|rise|growth|jump)\b", re.IGNORECASE)
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "seventh": 7, "eighth": 8, "tenth": 10, "tenths": 10, "twentieth": 20,
    "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "nine": 9}
_FRACTION = LazyPattern(
    rf"\b(?:(?P<count>{'|'.join(_COUNTS)})[\s-]+)?(?P<part>{'|'.join(sorted(_PARTS, key=len, reverse=True))})\b"
    r"(?=\s+(?:of|as|the|its|their)\b)(?!\s+(?:of\s+)?an?\b)",
    re.IGNORECASE,
)
_MAGNITUDES = {
    "dozens": (24, 100), "hundreds": (100, 1e3), "thousands": (1e3, 1e5), "tens of thousands": (1e4, 1e5),
    "hundreds of thousands": (1e5, 1e6), "millions": (1e6, 1e9), "tens of millions": (1e7, 1e8),
    "hundreds of millions": (1e8, 1e9), "billions": (1e9, 1e12),
}  # fmt: skip
_MAGNITUDE = LazyPattern(rf"\b({'|'.join(sorted(_MAGNITUDES, key=len, reverse=True))})\b", re.IGNORECASE)
_DIGIT_BEFORE = LazyPattern(r"[0-9]\s*$")
_WORD = LazyPattern(r"[^\W\d_]+")
_TIMES_TOLERANCE = 0.15
_FRACTION_TOLERANCE = 0.1


def multiplier_words(text: str) -> Iterator[Quantity]:
    """Yield the quantities that a plain text states in such words."""
    yield from _times(text)
    yield from _fractions(text)
    yield from _magnitudes(text)


def _times(text: str) -> Iterator[Quantity]:
    for match in _TIMES_WORD.finditer(text):
        if match[1].lower() in _ALSO_ADJECTIVES and not _COMPARES.match(text, match.end()):
            continue  # `double tap`, `a twofold message`
        value = _TIMES[match[1].lower()]
        behind = compared_nouns(_WORD.findall(clause_after(text, match.end()))[:8])
        ahead = compared_nouns(_WORD.findall(clause_before(text, match.start()))[-5:])
        is_ordered = len(behind) > 1
        if len(behind) == 1 and ahead and ahead[-1] != behind[0] and not re.match(r"\s+as\b", text[match.end() :]):
            behind, is_ordered = [ahead[-1], behind[0]], True
        bound = bound_before(text, match.start()) or (Bound.ABOVE if _is_more_than(text, match.start()) else None)
        yield Quantity(
            match[0],
            ((value, 2 * _TIMES_TOLERANCE * value),),
            Form.TIMES,
            nouns=tuple(behind[:2]),
            is_ordered=is_ordered,
            bound=bound,
            is_loose=True,
        )


def _is_more_than(text: str, start: int) -> bool:
    return text[:start].lower().rstrip().endswith("more than")


def _fractions(text: str) -> Iterator[Quantity]:
    for match in _FRACTION.finditer(text):
        value = _COUNTS[(match["count"] or "a").lower()] / _PARTS[match["part"].lower()]
        if match["count"] is None and match["part"].lower() != "half":
            continue  # `the third of` is an ordinal
        is_times = text[match.end() :].lower().lstrip().startswith("as")
        nouns = compared_nouns(_WORD.findall(clause_after(text, match.end()))[:8])
        yield Quantity(
            match[0],
            ((value, 2 * _FRACTION_TOLERANCE * value),),
            Form.TIMES if is_times else Form.SHARE,
            nouns=tuple(nouns[:2]),
            is_ordered=is_times and len(nouns) > 1,
            bound=bound_before(text, match.start()),
            is_loose=True,
        )


def _magnitudes(text: str) -> Iterator[Quantity]:
    for match in _MAGNITUDE.finditer(text):
        if _DIGIT_BEFORE.search(text[: match.start()]):
            continue  # `2 millions` is read as a number
        lowest, highest = _MAGNITUDES[match[1].lower()]
        nouns = compared_nouns(_WORD.findall(clause_after(text, match.end()))[:3])
        yield Quantity(
            match[0],
            ((float(lowest), 0.0),),
            Form.COUNT,
            upper=((float(highest), 0.0),),
            nouns=tuple(nouns[:1]),
        )
