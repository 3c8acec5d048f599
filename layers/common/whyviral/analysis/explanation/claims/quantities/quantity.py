"""A quantity: a number that a text states, with what it counts, in which form, and how exactly."""

from dataclasses import dataclass
from enum import StrEnum

type Readings = tuple[tuple[float, float], ...]
"""Each value that a written number may mean, with the size of its last written place."""


class Form(StrEnum):
    """How a number relates to what it counts."""

    COUNT = "count"
    PERCENT = "percent"
    TIMES = "times"
    SHARE = "share"
    """A part of a whole: 1 in 20, a third, 9:16."""
    RATE = "rate"
    """A number of one thing per other thing, or per unit of time."""
    TIME = "time"
    EVERY = "every"
    """The time between two things: a cut every 4 seconds."""


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

    text: str
    """As it is written, for reasons."""
    readings: Readings
    """In seconds where `form` is a time; of a range the lower end."""
    form: Form
    upper: Readings | None = None
    """The upper end of a range, as many readings as the lower end has."""
    nouns: tuple[str, ...] = ()
    """What it counts; of two, the numerator and then the denominator where `is_ordered`."""
    is_ordered: bool = False
    bound: Bound | None = None
    change: Change | None = None
    is_total: bool = False
    """The sum of all that is cited: `together`, `in total`."""
    is_shortened: bool = False
    """Written with a scale, such as 48K, so that lower places are rounded or cut off."""
    is_loose: bool = False
    """A word such as `half` or `doubled`, which is never meant to three digits."""
    per_s: float | None = None
    """The unit of time of a rate, in seconds."""
    parts: tuple[Readings, ...] = ()
    """Part and whole of `4 of 13`, which may each be measured for themselves."""
    is_denial: bool = False
    """`no hashtags`: it is false only where a count is cited that says otherwise."""
