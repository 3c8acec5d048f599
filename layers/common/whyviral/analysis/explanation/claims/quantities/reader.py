"""Reads the quantities that a text states; `grounding` decides whether evidence supports them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

from .context import (
    CONTEXT_NOUNS,
    bound_before,
    change_after,
    clause_after,
    clause_before,
    compact_rate,
    compared_nouns,
    denominator,
    noun_ahead,
    noun_behind,
    rate_ahead,
    time_unit,
)
from .multiplier_words import multiplier_words
from .numerals import Numeral, numerals
from .quantity import Bound, Form, Quantity, Readings
from .units import RHETORICAL, nouns_in

_PERCENT = LazyPattern(
    r"\s?(?:%|(?:percent|per cent|prozent|pour cent|por ciento|percentage points?)\b)", re.IGNORECASE
)
_TIMES = LazyPattern(
    r"\s?(?:x(?!\w)|\u00d7|-?\s?fold\b|[\s-]times\b|-?mal\b|\sfois\b|\sveces\b|\svezes\b)", re.IGNORECASE
)
_COMPARES = LazyPattern(
    r"\s+(?:as|more|the|its|their|his|her|that|this|what|larger|bigger|higher|greater|over|above|fewer|less|smaller|so|"
    r"wie|mehr|más|plus)\b",
    re.IGNORECASE,
)
_OF_WHOLE = LazyPattern(r"\s+(?:in|out of(?: every)?|of every|of each|in every|of)\s+", re.IGNORECASE)
_PER_NUMBER = LazyPattern(r"(?P<noun>(?:\s+[^\W\d_]+){0,3}?)\s+(?:per|for every|for each|to every)\s+", re.IGNORECASE)
_TO = LazyPattern(r"\s*(?:-|\u2013|\u2014|\bto\b|\bbis\b|\bà\b|\ba\b|\bup to\b)\s*(?:about\s+)?", re.IGNORECASE)
_AND = LazyPattern(r"\s*(?:[^\W\d_]+\s+)?(?:and|und|et|y|e)\s+(?:about\s+)?", re.IGNORECASE)
_BETWEEN = LazyPattern(r"\b(?:between|zwischen|entre|tra|fra)\s+(?:about\s+)?$", re.IGNORECASE)
_EVERY = LazyPattern(r"\b(?:every|alle|toutes les|cada|ogni)\s+(?:about\s+|roughly\s+)?$", re.IGNORECASE)
_NOUNS_OF_ONE = CONTEXT_NOUNS | {"comments", "questions", "words"}
"""Nouns beside which `one` is rather an article than a count: `one comment says`."""
_IDIOMS = LazyPattern(
    r"\b(?:9[- ]to[- ]5|nine[- ]to[- ]five|1-2-3|24/7|10/10|50/50|"
    r"4k(?=\s+(?:look|video|footage|quality|resolution|camera)))\b",
    re.IGNORECASE,
)
_EVERY_TIME = LazyPattern(r"\b(?:every|per)\b", re.IGNORECASE)
_TIME_JOIN = LazyPattern(r"\s*(?:,|and|und|et|y)?\s*")
_ORDINAL = LazyPattern(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
_LIST_MARK = LazyPattern(r"(?:^|\n)\s*$")
_DIMENSION = LazyPattern(r"d\b", re.IGNORECASE)
_TOTAL = LazyPattern(
    r"\b(?:together|in total|combined|altogether|in all|the sum|adds? up|added up|sums? to|summing to|zusammen|"
    r"en total)\b",
    re.IGNORECASE,
)
_WORD = LazyPattern(r"[^\W\d_]+")
_FIRST_WORDS = LazyPattern(r"[\s-]*([^\W\d_]+)(?:[\s-]+([^\W\d_]+))?")
_SMALL = 12
_MAX_TIMES_WORDS = 9
_DENIAL = LazyPattern(r"\b(?:no|without(?: any)?|zero)\s+([^\W\d_]+)\b", re.IGNORECASE)


def read_quantities(text: str) -> list[Quantity]:
    """Return the quantities that a plain text states."""
    text = _IDIOMS.sub(lambda match: " " * len(match[0]), text)
    reader = _Reader(text)
    return [*reader.quantities(), *multiplier_words(text), *_denials(text)]


def _denials(text: str) -> Iterator[Quantity]:
    for match in _DENIAL.finditer(text):
        if nouns := nouns_in([match[1]]):
            yield Quantity(match[0], ((0.0, 1.0),), Form.COUNT, nouns=tuple(nouns), is_denial=True)


class _Reader:
    """Walks through the numbers of one text; a quantity may consist of two of them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._numbers: Sequence[Numeral] = numerals(text)
        self._next = 0

    def quantities(self) -> Iterator[Quantity]:
        while self._next < len(self._numbers):
            number = self._numbers[self._next]
            self._next += 1
            if self._is_no_quantity(number):
                continue
            yield self._share(number) or self._per_number(number) or self._range(number) or self._single(number)

    def _following(self, number: Numeral, joint: LazyPattern) -> Numeral | None:
        """Return the next number if only the joint lies between."""
        if self._next < len(self._numbers):
            following = self._numbers[self._next]
            if joint.fullmatch(self._text, number.end, following.start):
                return following
        return None

    def _is_no_quantity(self, number: Numeral) -> bool:
        behind = self._text[number.end :]
        if _ORDINAL.match(behind) or _DIMENSION.match(behind):
            return True
        value = number.readings[0][0]
        if behind.startswith((".", ")")) and _LIST_MARK.search(self._text[: number.start]):
            return True
        words = _FIRST_WORDS.match(behind)
        following = [word.lower() for word in words.groups() if word] if words else []
        if value <= _SMALL and any(word in RHETORICAL for word in following[:2]) and not nouns_in(following[:1]):
            return True
        if number.is_word and value == 0 and not nouns_in(following):
            return True
        return number.is_word and value == 1 and not self._is_counted_one(number, behind)

    def _is_counted_one(self, number: Numeral, behind: str) -> bool:
        """Whether `one` is a number here and no pronoun."""
        if (
            self._following(number, _OF_WHOLE)
            or self._following(number, _PER_NUMBER)
            or _PERCENT.match(behind)
            or time_unit(self._text, number.end)
        ):
            return True
        clause = clause_after(self._text, number.end)
        noun = noun_behind(clause)
        return noun is not None and noun not in _NOUNS_OF_ONE and not _EVERY_TIME.search(clause)

    def _share(self, number: Numeral) -> Quantity | None:
        """Read `1 in 20`."""
        whole = self._following(number, _OF_WHOLE)
        if whole is None:
            return None
        self._next += 1
        readings = tuple(
            (part / all_, part / all_ * max(0.5 / all_, 0.05) * 2)
            for part, _ in number.readings
            for all_, _ in whole.readings
            if all_
        )
        nouns = nouns_in(_WORD.findall(clause_after(self._text, whole.end))[:4])
        return Quantity(
            self._text[number.start : whole.end],
            readings,
            Form.SHARE,
            nouns=tuple(nouns[:2]),
            bound=bound_before(self._text, number.start),
            parts=(number.readings, whole.readings),
        )

    def _per_number(self, number: Numeral) -> Quantity | None:
        """Read `4.5 likes per 100 views`."""
        whole = self._following(number, _PER_NUMBER)
        if whole is None:
            return None
        noun = noun_behind(self._text[number.end : whole.start])
        other = noun_behind(clause_after(self._text, whole.end))
        if noun is None and other is None:
            return None
        self._next += 1
        readings = tuple(
            (part / all_, step / all_) for part, step in number.readings for all_, _ in whole.readings if all_
        )
        nouns = tuple(each for each in (noun, other) if each)
        return Quantity(
            self._text[number.start : whole.end],
            readings,
            Form.RATE,
            nouns=nouns,
            is_ordered=len(nouns) > 1,
            bound=bound_before(self._text, number.start),
        )

    def _range(self, number: Numeral) -> Quantity | None:
        """Read `between 40,000 and 50,000` and `40-50K`."""
        is_between = _BETWEEN.search(self._text[: number.start]) is not None
        end = self._following(number, _AND if is_between else _TO)
        if end is None or not any(low[0] < high[0] for low, high in _pairs_of_readings(number, end)):
            return None
        self._next += 1
        described = self._described(end, start=number.start)
        factor = described.readings[0][0] / end.readings[0][0] if end.readings[0][0] else 1.0
        scales = {1.0, end.scale} if not number.is_shortened else {1.0}
        ends = [
            ((low * factor * scale, step * factor * scale), (high * factor, other * factor))
            for (low, step), (high, other) in _pairs_of_readings(number, end)
            for scale in scales
            if low * scale < high
        ]
        return replace(
            described, readings=tuple(low for low, _ in ends), upper=tuple(high for _, high in ends), bound=None
        )

    def _single(self, number: Numeral) -> Quantity:
        quantity = self._described(number, start=number.start)
        if quantity.form is not Form.TIME:
            return quantity
        unit = time_unit(self._text, number.end)
        # Of `1 minute 30 seconds` the second part is read here as well.
        while unit and self._next < len(self._numbers):
            following = self._numbers[self._next]
            smaller = time_unit(self._text, following.end)
            if not smaller or smaller[0] >= unit[0] or not _TIME_JOIN.fullmatch(self._text, unit[1], following.start):
                break
            self._next += 1
            value, step = following.readings[0]
            total = quantity.readings[0][0] + value * smaller[0]
            quantity = replace(quantity, readings=((total, step * smaller[0]),))
            unit = smaller
        return quantity

    def _described(self, number: Numeral, *, start: int) -> Quantity:
        """Return the number in its form, with its nouns."""
        text, behind = self._text, clause_after(self._text, number.end)
        written = text[start : number.end]
        bound = bound_before(text, start)
        if percent := _PERCENT.match(text, number.end):
            return self._percent(number, text[percent.end() :], f"{written}{percent[0]}", bound)
        if (times := _TIMES.match(text, number.end)) and (found := self._times(number, times, written, bound)):
            return found
        if rate := compact_rate(text, number.end):
            return Quantity(written, number.readings, Form.RATE, nouns=(rate[0],), bound=bound, per_s=rate[1])
        if unit := time_unit(text, number.end):
            return self._time(number, unit, f"{written}{text[number.end : unit[1]]}", bound)
        ahead = clause_before(text, start)
        if rate_nouns := rate_ahead(ahead):
            return Quantity(written, number.readings, Form.RATE, nouns=rate_nouns, is_ordered=True, bound=bound)
        per = denominator(text[number.end : min(number.end + len(behind), self._next_start())])
        noun = noun_behind(behind[: per.start] if per else behind) or noun_ahead(ahead)
        nouns = tuple(each for each in (noun, per.noun if per else None) if each)
        return Quantity(
            written,
            number.readings,
            Form.RATE if per else Form.COUNT,
            nouns=nouns,
            is_ordered=len(nouns) > 1,
            bound=bound,
            change=None if per else change_after(behind),
            is_total=_TOTAL.search(ahead + behind) is not None,
            is_shortened=number.is_shortened,
            per_s=per.seconds if per else None,
        )

    def _next_start(self) -> int:
        return self._numbers[self._next].start if self._next < len(self._numbers) else len(self._text)

    def _percent(self, number: Numeral, rest: str, written: str, bound: Bound | None) -> Quantity:
        behind = clause_after(rest, 0)
        per = denominator(behind)
        nouns = nouns_in(_WORD.findall(behind)[:6])
        readings: Readings = tuple((value / 100, step / 100) for value, step in number.readings)
        return Quantity(
            written,
            readings,
            Form.PERCENT,
            nouns=tuple(noun for noun in nouns if noun not in CONTEXT_NOUNS)[:2] if per is None else (),
            bound=bound,
            change=change_after(behind),
        )

    def _times(self, number: Numeral, times: re.Match[str], written: str, bound: Bound | None) -> Quantity | None:
        behind = clause_after(self._text, times.end())
        ahead = clause_before(self._text, number.start)
        verbs = nouns_in(_WORD.findall(ahead)[-4:])
        if "times" in times[0].lower() and verbs and not _COMPARES.match(behind):
            return Quantity(
                written, number.readings, Form.COUNT, nouns=(verbs[-1],), bound=bound, is_shortened=number.is_shortened
            )
        nouns = compared_nouns(_WORD.findall(behind)[:_MAX_TIMES_WORDS])
        is_ordered = len(nouns) > 1
        if len(nouns) == 1 and verbs and verbs[-1] != nouns[0] and not re.match(r"\s+as\b", behind):
            nouns, is_ordered = [verbs[-1], nouns[0]], True
        return Quantity(
            f"{written}{times[0]}",
            number.readings,
            Form.TIMES,
            nouns=tuple(nouns[:2]),
            is_ordered=is_ordered,
            bound=bound,
        )

    def _time(self, number: Numeral, unit: tuple[float, int], written: str, bound: Bound | None) -> Quantity:
        is_every = _EVERY.search(self._text[: number.start]) is not None
        behind = clause_after(self._text, unit[1])
        return Quantity(
            written,
            tuple((value * unit[0], step * unit[0]) for value, step in number.readings),
            Form.EVERY if is_every else Form.TIME,
            bound=bound,
            change=change_after(behind),
            is_shortened=unit[0] > 1,
        )


def _pairs_of_readings(one: Numeral, other: Numeral) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield the readings of two numbers in which separators mean the same in both."""
    if len(one.readings) == len(other.readings):
        yield from zip(one.readings, other.readings, strict=True)
    else:
        yield one.readings[0], other.readings[0]
