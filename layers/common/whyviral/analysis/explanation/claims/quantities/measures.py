"""What cited evidence measures: values with what they count, and what follows from two or more of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import permutations

from whyviral.analysis.facts.fact_sheet import Fact

from .units import SECONDS_OF, nouns_of_name

HOOK_S = 3.0
_RATIO_UNITS = frozenset({"ratio", "width to height", "of 1"})
_COMPARISON_UNITS = ("times the ", "share of ")
_MAX_DERIVED_FROM = 4
"""So that a claim cannot prove any ratio by citing a dozen facts."""
_PLACE_UNIT = "place among "
_OF_POSTS = frozenset({"views", "likes", "posts", "videos", "images", "engagements"})
"""Nouns beside a comparison with the creator's other posts."""


class Kind(Enum):
    """What sort of value a measure is."""

    COUNT = "count"
    RATIO = "ratio"
    TIME = "time"
    """In seconds."""
    RATE = "rate"
    """Per second."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One value that evidence proves."""

    value: float
    kind: Kind
    nouns: frozenset[str] = frozenset()
    """What it counts or relates; empty where any noun may stand beside it."""
    numerator: frozenset[str] = frozenset()
    denominator: frozenset[str] = frozenset()
    is_fact: bool = True
    """Whether it is a measurement, from which others can be derived."""


def measures_of_fact(fact: Fact) -> Iterator[Measure]:
    """Yield the values that a fact proves, with the constants of its definition."""
    if "hook" in fact.name:
        yield Measure(HOOK_S, Kind.TIME, is_fact=False)
    if isinstance(fact.value, tuple):
        yield Measure(float(len(fact.value)), Kind.COUNT, nouns_of_name(fact.name, ""))
        if fact.name == "comment_themes":
            yield from (
                Measure(float(theme.rpartition(": ")[2]), Kind.COUNT, frozenset({"comments"})) for theme in fact.value
            )
    if fact.number is None:
        return
    unit = fact.unit.lower()
    yield _measure(fact, float(fact.number), unit)
    if unit.startswith(_PLACE_UNIT):
        yield Measure(float(unit.split()[2]), Kind.COUNT, _OF_POSTS, is_fact=False)


def _measure(fact: Fact, value: float, unit: str) -> Measure:
    counted, _, per = unit.partition(" per ")
    if unit in SECONDS_OF:
        return Measure(value * SECONDS_OF[unit], Kind.TIME)
    if per and per.split()[0] in SECONDS_OF:
        return Measure(value / SECONDS_OF[per.split()[0]], Kind.RATE, nouns_of_name(counted, ""))
    if unit in _RATIO_UNITS or unit.startswith(_COMPARISON_UNITS):
        above, _, below = fact.name.partition("_per_")
        nouns = (
            _OF_POSTS if unit.startswith(_COMPARISON_UNITS) else nouns_of_name(fact.name, "") if below else frozenset()
        )
        return Measure(
            value, Kind.RATIO, nouns, nouns_of_name(above, "") if below else frozenset(), nouns_of_name(below, "")
        )
    if fact.name == "baseline_n" or unit.startswith(_PLACE_UNIT):
        return Measure(value, Kind.COUNT, frozenset({"posts", "videos", "images"}))
    return Measure(value, Kind.COUNT, nouns_of_name(fact.name, fact.unit))


def _few_facts(measures: Sequence[Measure]) -> list[Measure]:
    """Return the measurements from which others are derived; of many, nearly any number could be derived."""
    facts = [each for each in measures if each.is_fact]
    return facts if len(facts) <= _MAX_DERIVED_FROM else []


def ratios(measures: Sequence[Measure]) -> Iterator[Measure]:
    """Yield the ratios that are measured, and those of every two measured counts or times."""
    yield from (measure for measure in measures if measure.kind is Kind.RATIO)
    for above, below in permutations(_few_facts(measures), 2):
        if above.kind is below.kind and above.kind in (Kind.COUNT, Kind.TIME) and below.value:
            yield Measure(above.value / below.value, Kind.RATIO, above.nouns | below.nouns, above.nouns, below.nouns)


def rates(measures: Sequence[Measure]) -> Iterator[Measure]:
    """Yield the rates by time that are measured, and those of a measured count and time."""
    yield from (measure for measure in measures if measure.kind is Kind.RATE)
    for count, time in permutations(_few_facts(measures), 2):
        if count.kind is Kind.COUNT and time.kind is Kind.TIME and time.value:
            yield Measure(count.value / time.value, Kind.RATE, count.nouns)


def differences(measures: Sequence[Measure], kind: Kind) -> Iterator[Measure]:
    """Yield the differences of every two measures of one kind."""
    known = [measure for measure in _few_facts(measures) if measure.kind is kind]
    for one, other in permutations(known, 2):
        if one.value >= other.value:
            yield Measure(one.value - other.value, kind, one.nouns | other.nouns, one.nouns, other.nouns)


def total(measures: Sequence[Measure], kind: Kind) -> Iterator[Measure]:
    """Yield the sum of all measures of one kind, where there are several."""
    known = [measure for measure in measures if measure.kind is kind and measure.is_fact]
    if len(known) > 1:
        yield Measure(sum(measure.value for measure in known), kind)
