"""Numbers beside a citation: a number that is not the value of the fact it cites is the model's own inference.

Only the plainest case is judged: a number directly before `[F1]` (or directly after, as in `[F1]: 300`) whose clause
holds no number that the fact's value could be written as. Rounding, shortening (48.1K), percentages, shares (1 in 20),
units of time and the separators of any locale are accepted; what cannot be decided is left alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from whyviral.analysis.facts.fact_sheet import Fact

from .citations import INFERENCE

_GROUP = re.compile(r"\[[FTM][0-9]+\](?:\s?(?:\[[FTM][0-9]+\]|\[inference\]))*")
_IDS = re.compile(r"\[([FTM][0-9]+)\]")
_CLAUSE_START = re.compile(r"[.!?;\u2026\u3002\uff01\uff1f](?=\s|$)|\n|\]")
_BLANK = "\u0020\u00a0\u2009\u202f"
_SCALES = {
    "k": 1e3, "thousand": 1e3, "tsd": 1e3, "mille": 1e3, "mil": 1e3,
    "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "millionen": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9,
}  # fmt: skip
_SECONDS = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0,
            "day": 86_400.0, "week": 604_800.0}  # fmt: skip
_ABOVE = "over|above|beyond|exceeding|more than|greater than|at least|well over|past"
_BELOW = "under|below|less than|fewer than|at most|up to|nearly|almost"
_ABOUT = r"about|around|roughly|approximately|approx\.?|close to|some|circa|ca\.?"
_NUMBER = re.compile(
    rf"(?:(?P<above>(?:\b(?:{_ABOVE})\s(?:the\s|an?\s)?|>\s?))|(?P<below>(?:\b(?:{_BELOW})\s(?:the\s|an?\s)?|<\s?))"
    rf"|(?P<about>(?:\b(?:{_ABOUT})\s|[~\u2248]\s?)))?"
    r"(?<![\w#@$\u20ac\u00a3.,:/+-])[+\u2212-]?"
    rf"(?P<digits>[0-9]+(?:[.,'\u2019{_BLANK}][0-9]{{3}}(?![0-9]))*(?:[.,][0-9]+)?)"
    rf"(?:[{_BLANK}]?(?P<scale>{'|'.join(sorted(_SCALES, key=len, reverse=True))})\b)?"
    rf"(?P<percent>[{_BLANK}]?(?:%|percent\b|per cent\b))?"
    r"(?:[xX\u00d7](?![\w]))?(?![\w:/])",
    re.IGNORECASE,
)
_TIME_WORD = re.compile(rf"[{_BLANK}-]?(second|sec|s|minute|min|hour|h|day|week)s?\b", re.IGNORECASE)
_WORDS_BETWEEN = re.compile(r"\s*(?:[^\W\d_][\w'\u2019/-]*\s*){0,3},?\s*")
"""A unit, such as `total views`, between the number and the citation."""
_AFTER = re.compile(r"\s*[:=(]\s*|\s+")
_BOUNDS: tuple[Literal["above", "below", "about"], ...] = ("above", "below", "about")
_EXACT_BELOW = 100
_ROUNDING = 0.02
"""Of a round number without a word such as `about`."""
_LOOSE_ROUNDING = 0.1
"""After such a word."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is written."""

    values: tuple[tuple[float, float], ...]
    """Each value that it may mean, with the size of its last written digit."""
    bound: Literal["above", "below", "about"] | None
    """How a word before it relates it to the true value."""
    is_shortened: bool
    is_percent: bool
    seconds_per_unit: float | None
    start: int
    end: int


def without_false_numbers(text: str, facts: Mapping[str, Fact]) -> tuple[str, int]:
    """Return the text with `[inference]` for citations beside a number that they contradict, and how many there were.

    Args:
        text: prose with one id per bracket.
        facts: the facts by id.
    """
    pieces: list[str] = []
    end, contradicted = 0, 0
    for group in _GROUP.finditer(text):
        pieces.append(text[end : group.start()])
        is_false = _is_contradicted(text, group, facts)
        contradicted += is_false
        pieces.append(INFERENCE if is_false else group[0])
        end = group.end()
    return "".join(pieces) + text[end:], contradicted


def _is_contradicted(text: str, group: re.Match[str], facts: Mapping[str, Fact]) -> bool:
    cited = [facts.get(id_) for id_ in _IDS.findall(group[0])]
    known = [fact for fact in cited if fact is not None and fact.number is not None]
    if len(known) < len(cited):
        return False  # a span, a medium or a fact in words may hold any number
    starts = [match.end() for match in _CLAUSE_START.finditer(text, 0, group.start())]
    clause_start = starts[-1] if starts else 0
    numbers = list(_numbers(text, clause_start, group.start()))
    is_beside = bool(numbers) and _WORDS_BETWEEN.fullmatch(text, numbers[-1].end, group.start()) is not None
    if is_beside and numbers[-1].seconds_per_unit and not any(map(_is_time, known)):
        return False  # a span of time in which something else was counted
    if not is_beside:
        after = _number_after(text, group, has_clause=bool(text[clause_start : group.start()].strip(" (")))
        if after is None:
            return False
        numbers.append(after)
    return not any(_may_mean(numbers, fact) for fact in known)


def _is_time(fact: Fact) -> bool:
    return fact.unit.lower().removesuffix("s") in _SECONDS


def _number_after(text: str, group: re.Match[str], *, has_clause: bool) -> _Number | None:
    gap = _AFTER.match(text, group.end())
    if gap is None or (has_clause and not gap[0].strip()):
        return None
    number = next(_numbers(text, gap.end(), min(len(text), gap.end() + 40)), None)
    return number if number is not None and number.start == gap.end() else None


def _numbers(text: str, start: int, end: int) -> Iterator[_Number]:
    for match in _NUMBER.finditer(text, start, end):
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        time_word = _TIME_WORD.match(text, match.end())
        yield _Number(
            values=tuple((value * scale, step * scale) for value, step in _readings(match["digits"])),
            bound=next((bound for bound in _BOUNDS if match[bound]), None),
            is_shortened=match["scale"] is not None,
            is_percent=match["percent"] is not None,
            seconds_per_unit=_SECONDS[time_word[1].lower()] if time_word else None,
            start=match.start(),
            end=match.end(),
        )


def _readings(digits: str) -> Iterator[tuple[float, float]]:
    """Yield what digits mean where separators group thousands, and where the last one is a decimal point."""
    parts = re.split(rf"[.,'\u2019{_BLANK}]", digits)
    separators = re.findall(rf"[.,'\u2019{_BLANK}]", digits)
    if all(len(part) == 3 for part in parts[1:]) and len(set(separators)) <= 1:  # noqa: PLR2004 - thousands
        yield float("".join(parts)), 1.0
    if separators and separators[-1] in ".," and separators.count(separators[-1]) == 1:
        yield float(f"{''.join(parts[:-1])}.{parts[-1]}"), 10.0 ** -len(parts[-1])


def _may_mean(numbers: list[_Number], fact: Fact) -> bool:
    """Whether one number, or the ratio of two, could be the fact's value."""
    value = abs(float(fact.number or 0))
    if any(_is_value(number, value, fact.unit) for number in numbers):
        return True
    return any(
        below and abs(above / below - value) <= _ROUNDING * value
        for one, other in permutations(numbers, 2)
        for above, _ in one.values
        for below, _ in other.values
    )


def _is_value(number: _Number, value: float, unit: str) -> bool:
    targets = [value * 100, value] if number.is_percent else [value, value * 100]
    targets = targets if number.is_percent or unit == "ratio" else [value]
    unit_s = _SECONDS.get(unit.lower().removesuffix("s"))
    if number.seconds_per_unit and unit_s:
        targets.append(value * unit_s / number.seconds_per_unit)
    # A bound holds for any small number: only the likelier reading counts, in which separators group thousands.
    values = number.values[:1] if number.bound in ("above", "below") else number.values
    return any(_is_rounded(number, stated, step, target) for stated, step in values for target in targets)


def _is_rounded(number: _Number, stated: float, step: float, value: float) -> bool:
    if abs(stated - value) <= step / 2 or (number.is_shortened and 0 <= value - stated < step):
        return True
    match number.bound:
        case "above":
            return stated <= value
        case "below":
            return stated >= value
        case "about":
            return abs(stated - value) <= _LOOSE_ROUNDING * value
    if number.is_shortened or stated < _EXACT_BELOW or stated != int(stated):
        return False
    whole = str(int(stated))
    unit: float = 10.0 ** (len(whole) - len(whole.rstrip("0")))
    return unit > 1 and abs(stated - value) <= min(unit / 2, _ROUNDING * value)
