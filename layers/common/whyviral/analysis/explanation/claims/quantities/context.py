"""The words around a number: bounds, units, denominators, and the nouns that say what it counts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

from .quantity import Bound, Change
from .units import NOUN_OF, PER_NOUN_OF, SECONDS_OF, nouns_in

_BOUND_WORDS = {
    Bound.ABOVE: (
        "over|above|beyond|exceeding|exceeds|exceeded|more than|greater than|at least|well over|past|upwards of|"
        "no fewer than|über|mehr als|plus de|más de|mais de|oltre|più di|>"
    ),
    Bound.BELOW: (
        "under|below|less than|fewer than|at most|(?<!add )(?<!adds )(?<!added )up to|no more than|just under|"
        "unter|weniger als|moins de|menos de|meno di|<"
    ),
    Bound.ABOUT: (
        "about|around|roughly|approximately|approx\\.?|nearly|almost|close to|some|circa|ca\\.?|~|≈|rund|etwa|fast|"
        "knapp|environ|presque|casi|unos|unas|cerca de|quasi"
    ),
}
_BOUND = LazyPattern(
    rf"(?:{'|'.join(rf'(?P<{bound}>(?<!\w)(?:{words}))' for bound, words in _BOUND_WORDS.items())})"
    r"\s*(?:the\s+|a\s+|its\s+)?$",
    re.IGNORECASE,
)
_MAX_BOUND_CHARACTERS = 24
_WORD = LazyPattern(r"[\s(-]*([^\W\d_][\w'-]*)")
_LAST_WORD = LazyPattern(r"([^\W\d_][\w'-]*)[\s:=(~≈-]*$")
_STOPS = frozenset(
    re.findall(
        r"\S+",
        "while and but from with against for to on at by as than when after before is was were are which that who in "
        "compared versus vs or because so if within during since per every each this these those there it its they he "
        "she we you i total",
    )
)
_FILLERS = frozenset(
    re.findall(
        r"\S+",
        "count counts total totals number numbers is are was were of at reached reach hit hits stand stands stood "
        "came come to exactly just only equals equal about around over nearly almost roughly the a than more less "
        "under at least most up close rate ratio measured counted sits lies got gets well past above below fewer",
    )
)
CONTEXT_NOUNS = frozenset({"posts", "videos", "images"})
"""Nouns that often only name the post itself: `of viewers of this video`."""
_MAX_NOUN_WORDS = 3
_MAX_FILLERS = 5
_CLAUSE_END = LazyPattern(r"[.,;:!?()\n\u2026\u3002\uff01\uff1f]")
_TIME_UNIT = LazyPattern(rf"[\s-]?({'|'.join(sorted(SECONDS_OF, key=len, reverse=True))})(?![\w'])", re.IGNORECASE)
_PER = LazyPattern(r"(?:\bper|\bfor every|\bfor each|\bto every|\bpro|\bpar|\bpor)\s+([^\W\d_]+)", re.IGNORECASE)
_PER_TIME = LazyPattern(r"(?:\ban?|\beach|\bevery)\s+([^\W\d_]+)", re.IGNORECASE)
_RATE_AHEAD = LazyPattern(
    r"([^\W\d_]+) per ([^\W\d_]+)(?:\s+(?:rate|ratio))?\s*(?:is|are|was|were|of|at|stands at|reached|:|=)?"
    r"\s*(?:about|nearly|over|around|roughly)?\s*$",
    re.IGNORECASE,
)
_COMPACT_RATES = {"fps": ("frames", 1.0), "wpm": ("words", 60.0)}
_COMPACT_RATE = LazyPattern(r"\s?(fps|wpm)\b", re.IGNORECASE)
_CHANGES = (
    (Change.MORE, "more|additional|extra|above|over|higher|larger|bigger|ahead|increase|growth|mehr|más"),
    (Change.LESS, "fewer|less|below|under|lower|smaller|behind|short|decrease|drop|weniger|menos"),
)
_CHANGE = LazyPattern(
    rf"\s*(?:[^\W\d_]+\s+)?(?:{'|'.join(rf'(?P<{change}>{words})' for change, words in _CHANGES)})\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Denominator:
    """What a rate is counted per."""

    noun: str | None
    seconds: float | None
    start: int
    """Where its words begin in the text behind the number."""


def bound_before(text: str, start: int) -> Bound | None:
    """Return the bound that ends right before a number."""
    match = _BOUND.search(text, max(0, start - _MAX_BOUND_CHARACTERS), start)
    return next((bound for bound in Bound if match and match[bound]), None)


def change_after(behind: str) -> Change | None:
    """Return the direction of the difference that a number states."""
    match = _CHANGE.match(behind)
    return next((change for change in Change if match and match[change]), None)


def time_unit(text: str, end: int) -> tuple[float, int] | None:
    """Return the length in seconds of the unit of time behind a number, and where it ends."""
    match = _TIME_UNIT.match(text, end)
    return (SECONDS_OF[match[1].lower()], match.end()) if match else None


def clause_after(text: str, end: int) -> str:
    """Return the words behind a number up to the end of its clause."""
    stop = _CLAUSE_END.search(text, end)
    return text[end : stop.start() if stop else len(text)]


def clause_before(text: str, start: int) -> str:
    """Return the words before a number from the start of its clause."""
    ends = [match.end() for match in _CLAUSE_END.finditer(text, 0, start)]
    return text[ends[-1] if ends else 0 : start]


def compact_rate(text: str, end: int) -> tuple[str, float, int] | None:
    """Return noun, seconds and end of a rate written as one word, such as `30 fps`."""
    match = _COMPACT_RATE.match(text, end)
    return (*_COMPACT_RATES[match[1].lower()], match.end()) if match else None


def denominator(behind: str) -> Denominator | None:
    """Return the first denominator behind a number, such as that of `views per 100 followers`."""
    for pattern, is_time_only in ((_PER, False), (_PER_TIME, True)):
        for match in pattern.finditer(behind):
            word = match[1].lower()
            if word in SECONDS_OF and not word.endswith("s"):
                return Denominator(None, SECONDS_OF[word], match.start())
            if not is_time_only and word in PER_NOUN_OF:
                return Denominator(PER_NOUN_OF[word], None, match.start())
    return None


def compared_nouns(words: Iterable[str]) -> list[str]:
    """Return the nouns that a multiple or a share compares; those of the post itself only where there is no other."""
    nouns = nouns_in(words)
    return [noun for noun in nouns if noun not in CONTEXT_NOUNS] or nouns


def rate_ahead(ahead: str) -> tuple[str, str] | None:
    """Return the nouns of a rate that is named before its number: `its likes per view are`."""
    match = _RATE_AHEAD.search(ahead)
    above, below = (PER_NOUN_OF.get(word.lower()) for word in match.groups()) if match else (None, None)
    return (above, below) if above and below else None


def noun_behind(behind: str) -> str | None:
    """Return what a number counts by the words behind it: `total views`, `of its followers` is none."""
    position = 0
    for _ in range(_MAX_NOUN_WORDS):
        match = _WORD.match(behind, position)
        if match is None:
            return None
        word = match[1].lower()
        if noun := PER_NOUN_OF.get(word) or PER_NOUN_OF.get(word.split("-")[-1]):
            return noun
        if word in _STOPS:
            return None
        position = match.end()
    return None


def noun_ahead(ahead: str) -> str | None:
    """Return what a number counts by the words before it: `its views reached`."""
    for _ in range(_MAX_FILLERS + 1):
        match = _LAST_WORD.search(ahead)
        if match is None:
            return None
        word = match[1].lower()
        if noun := NOUN_OF.get(word):
            return noun
        if word not in _FILLERS:
            return None
        ahead = ahead[: match.start()]
    return None
