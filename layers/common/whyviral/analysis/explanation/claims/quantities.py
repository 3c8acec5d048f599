"""The quantities that a text states: numbers with what they count, in which form, and how exactly.

A quantity is only read here; `grounding` decides whether evidence supports it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from .quantities.numerals import Numeral, numerals
from .quantities.units import NOUN_OF, PER_NOUN_OF, RHETORICAL, SECONDS_OF, nouns_in


class Form(StrEnum):
    """How a number relates to what it counts."""

    COUNT = "count"
    PERCENT = "percent"
    TIMES = "times"
    SHARE = "share"
    """A part of a whole: 1 in 20, a third, 9:16."""
    RATE = "rate"
    """A number of one thing per other thing or unit of time."""
    TIME = "time"
    EVERY = "every"
    """The time between two of them: a cut every 4 seconds."""


class Bound(StrEnum):
    """How a word before a number relates it to the true value."""

    ABOVE = "above"
    BELOW = "below"
    ABOUT = "about"


class Change(StrEnum):
    """The direction of a difference: 20 % more, 300 fewer."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a text with its context."""

    readings: tuple[tuple[float, float], ...]
    """Each value that it may mean, with the size of its last written place; seconds where `form` is a time."""
    form: Form
    text: str
    """As it is written, for reasons."""
    start: int
    end: int
    nouns: tuple[str, ...] = ()
    """What it counts; of several, the first is the numerator."""
    bound: Bound | None = None
    change: Change | None = None
    is_total: bool = False
    """A sum of what is cited: `together`, `in total`."""
    is_shortened: bool = False
    is_loose: bool = False
    """A word such as `half` or `doubled`, which nobody means to three digits."""
    per_s: float | None = None
    """The unit of time of a rate, in seconds."""
    per: float = 1.0
    """How many of the denominator: 100 of `per 100 views`."""
    is_range_with: int | None = None
    """The start of the number that begins the range whose end this is."""


_BOUND_WORDS = {
    Bound.ABOVE: "over|above|beyond|exceeding|exceeds|exceeded|more than|greater than|at least|well over|past|upwards of|"
    "no fewer than|über|mehr als|plus de|más de|mais de|más que|oltre|più di",
    Bound.BELOW: "under|below|less than|fewer than|at most|up to|no more than|just under|unter|weniger als|moins de|"
    "menos de|meno di",
    Bound.ABOUT: "about|around|roughly|approximately|approx\\.?|nearly|almost|close to|some|circa|ca\\.?|~|≈|rund|etwa|fast|"
    "knapp|environ|presque|casi|unos|unas|cerca de|quasi|circa",
}
_BOUND = re.compile(
    "|".join(rf"(?P<{bound}>(?<!\w)(?:{words}))" for bound, words in _BOUND_WORDS.items()).join(
        ("(?:", r")\s*(?:the\s+|a\s+|its\s+)?$")
    ),
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"\s?(?:%|percent\b|per cent\b|percentage points?\b|prozent\b|pour cent\b|por ciento\b)", re.IGNORECASE
)
_TIMES = re.compile(r"\s?(?:x(?!\w)|×|-?\s?fold\b|[\s-]times\b)", re.IGNORECASE)
_COMPARES = re.compile(
    r"\s+(?:as|more|the|its|their|his|her|that|this|what|larger|bigger|higher|greater|over|above|fewer|less|smaller)\b",
    re.IGNORECASE,
)
_TIME_UNIT = re.compile(rf"[\s-]?({'|'.join(sorted(SECONDS_OF, key=len, reverse=True))})\b(?!')", re.IGNORECASE)
_PER = re.compile(
    r"\s*(?:(?:per|for every|for each|to every|every|each|pro|par|por|an?|/)\s*(?P<count>[0-9][0-9.,]*\s+)?(?P<unit>[^\W\d_]+))",
    re.IGNORECASE,
)
_STRICT_PER = re.compile(r"(?:per|for every|for each|to every)\b", re.IGNORECASE)
_OF_WHOLE = re.compile(r"\s*(?:in|out of|of every|of each|in every|of)\s+(?:every\s+)?$", re.IGNORECASE)
_TO = re.compile(r"\s*(?:-|\u2013|\u2014|to|and|bis|à|a|y|e)\s*$", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|from|zwischen|entre|von|de)\s+(?:about\s+)?$", re.IGNORECASE)
_EVERY = re.compile(r"\b(?:every|once (?:every|per)|alle|toutes les|cada)\s+(?:about\s+)?$", re.IGNORECASE)
_WORD = re.compile(r"\s*[-(]?\s*([^\W\d_][\w'-]*)")
_STOP = frozenset(
    "while and but from with against for to on at by as than when after before is was were are which that who in "
    "compared versus vs or because so if has had have within during since".split()
)
_BACK_FILLER = frozenset(
    "count counts total totals number numbers is are was were of at reached reach hit hits stand stands stood came come "
    "to exactly just only equals equal about around over nearly almost roughly the a than more less under at least most "
    "up close rate ratio share measured counted sits lies with got gets".split()
)
_MORE = re.compile(
    r"\s*(?:[^\W\d_]+\s+)?(more|additional|extra|above|over|higher|larger|bigger|ahead|increase|growth|mehr|más|plus)\b",
    re.I,
)
_LESS = re.compile(
    r"\s*(?:[^\W\d_]+\s+)?(fewer|less|below|under|lower|smaller|behind|short|decrease|drop|weniger|menos|moins)\b", re.I
)
_TOTAL = re.compile(
    r"\b(?:together|in total|combined|altogether|in all|in sum|the sum|add(?:s|ed)? up|sum(?:s|med)? to|zusammen|en total|au total)\b",
    re.I,
)
_LIST_MARK = re.compile(r"(?:^|\n)\s*$")


def read_quantities(text: str) -> list[Quantity]:
    """Return the quantities that a plain text states, in their order."""
    numbers = numerals(text)
    return [quantity for index in range(len(numbers)) if (quantity := _read(text, numbers, index))]
