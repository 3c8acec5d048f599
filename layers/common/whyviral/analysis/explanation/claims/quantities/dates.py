"""Dates and times of day in a text, in the ways of several languages, and whether a known moment matches them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from whyviral.analysis.explanation.claims.lazy_pattern import LazyPattern

from .context import bound_before
from .quantity import Bound

_MONTHS = (
    "january jan januar janvier enero janeiro gennaio",
    "february feb februar février febrero fevereiro febbraio",
    "march mar märz mars marzo março",
    "april apr avril abril aprile",
    "may mai mayo maio maggio",
    "june jun juni juin junio junho giugno",
    "july jul juli juillet julio julho luglio",
    "august aug août agosto",
    "september sep sept septembre septiembre setembro settembre",
    "october oct oktober octobre octubre outubro ottobre",
    "november nov novembre noviembre novembro",
    "december dec dezember décembre diciembre dezembro dicembre",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WEEKDAYS = (
    "monday montag lundi lunes segunda-feira lunedì",
    "tuesday dienstag mardi martes terça-feira martedì",
    "wednesday mittwoch mercredi miércoles quarta-feira mercoledì",
    "thursday donnerstag jeudi jueves quinta-feira giovedì",
    "friday freitag vendredi viernes sexta-feira venerdì",
    "saturday samstag sonnabend samedi sábado sabato",
    "sunday sonntag dimanche domingo domenica",
)
_WEEKDAY_OF = {name: number for number, names in enumerate(_WEEKDAYS) for name in names.split()}
_WEEKEND = frozenset({5, 6})
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th|er|\.|º)?"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_OF = r"(?:\s+(?:of|de|del|di)\s+|\s+|[-/.])"
_FORMS = tuple(
    LazyPattern(form, re.IGNORECASE)
    for form in (
        r"(?<![\w-])(?P<year>(?:19|20)[0-9]{2})[-/.](?P<month_number>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})"
        r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})\S*)?(?![\w-])",
        r"(?P<year>(?:19|20)[0-9]{2})年(?:(?P<month_number>[0-9]{1,2})月)?(?:(?P<day>[0-9]{1,2})日)?",
        r"(?P<month_number>[0-9]{1,2})月(?P<day>[0-9]{1,2})日",
        rf"(?<!\w){_DAY}{_OF}{_MONTH}(?:(?:,?\s+(?:(?:of|de|del)\s+)?|[-/.]){_YEAR})?(?!\w)",
        rf"(?<!\w){_MONTH}\s+(?:the\s+)?{_DAY}(?!\w)(?!\s*(?:%|[.,][0-9]))(?:,?\s+{_YEAR})?(?!\w)",
        rf"(?<!\w){_MONTH},?\s+(?:(?:of|de|del)\s+)?{_YEAR}(?!\w)",
        r"(?<![\w.,/-])(?P<first>[0-9]{1,2})[-/.](?P<second>[0-9]{1,2})[-/.](?P<year>(?:19|20)[0-9]{2})(?![\w-])",
    )
)
_BARE_MONTH = LazyPattern(
    r"\b(?:in|of|since|during|until|till|from|by|early|late|mid|last|this|im|en|em|since)[\s-]+(?:early |late |mid-?)?"
    rf"(?P<name>{_MONTH})(?!\w)",
    re.IGNORECASE,
)
_BARE_YEAR = LazyPattern(
    r"\b(?:in|of|since|during|until|till|from|by|year|im jahr|en|em|nel|before|after|back in)\s+"
    rf"(?P<name>{_YEAR})(?![\w%]|[.,][0-9])"
    r"(?!\s+(?:views|likes|followers|comments|shares|times|words|characters))",
    re.IGNORECASE,
)
_WEEKDAY = LazyPattern(rf"(?<!\w)(?P<weekday>{'|'.join(_WEEKDAY_OF)})s?(?!\w)", re.IGNORECASE)
_WEEK_PART = LazyPattern(r"\b(?:on|at|during|over)\s+(?:a|the)\s+(?P<part>weekend|weekday)s?\b", re.IGNORECASE)
_CLOCK = LazyPattern(
    r"(?<![\w:.,])(?P<hour>[0-9]{1,2})(?:[:h](?P<minute>[0-9]{2}))(?::[0-9]{2})?(?P<half>\s?[ap]\.?m\b\.?)?(?![\w:])",
    re.IGNORECASE,
)
_HOUR = LazyPattern(
    r"(?<![\w:.,])(?P<hour>[0-9]{1,2})\s?(?:(?P<half>[ap]\.?m\b\.?)|uhr\b|o'clock\b|(?:00\s)?(?=utc\b))", re.IGNORECASE
)
_NAMED_HOUR = LazyPattern(r"\b(?:(?P<noon>noon|midday)|(?P<midnight>midnight))\b", re.IGNORECASE)
_ABOUT_MINUTES = 60


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date or a time of day as far as a text names it; of an ambiguous date several readings."""

    text: str
    start: int
    end: int
    days: tuple[tuple[int | None, int | None, int | None], ...] = ()
    """Readings as year, month, day; each part may be missing."""
    weekdays: frozenset[int] = frozenset()
    """From 0, which is Monday; empty where none is named."""
    minute_of_day: int | None = None
    is_whole_hour: bool = False
    """`8 pm` holds for the whole hour."""
    is_clock: bool = False
    """Written as 3:05, which may be a time in a video or a ratio instead."""
    is_about: bool = False

    def matches(self, moment: datetime) -> bool:
        """Whether the moment fits every part that is named."""
        if self.days and not any(
            year in (None, moment.year) and month in (None, moment.month) and day in (None, moment.day)
            for year, month, day in self.days
        ):
            return False
        if self.weekdays and moment.weekday() not in self.weekdays:
            return False
        return self.minute_of_day is None or self.matches_minute(moment.hour * 60 + moment.minute)

    def matches_minute(self, minute: int) -> bool:
        """Whether a minute of the day fits the time that is named."""
        stated = self.minute_of_day or 0
        if self.is_about:
            return abs(stated - minute) <= _ABOUT_MINUTES
        return stated // 60 == minute // 60 if self.is_whole_hour else stated == minute


def read_dates(text: str) -> list[WrittenDate]:
    """Return the dates and times of day of a plain text; none of them overlaps another."""
    kept: list[WrittenDate] = []
    for date in (*_days(text), *_bare(text), *_week(text), *_times(text)):
        if all(date.end <= other.start or date.start >= other.end for other in kept):
            kept.append(date)
    return kept


def _days(text: str) -> Iterator[WrittenDate]:
    for form in _FORMS:
        for match in form.finditer(text):
            parts = match.groupdict()
            minute = int(parts["hour"]) * 60 + int(parts["minute"]) if parts.get("hour") else None
            if readings := tuple(_readings(parts)):
                yield WrittenDate(match[0], match.start(), match.end(), readings, minute_of_day=minute)


def _readings(parts: dict[str, str | None]) -> Iterator[tuple[int | None, int | None, int | None]]:
    year = int(parts["year"] or 0) or None if parts.get("year") else None
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second"] or 0)
        yield from ((year, month, day) for month, day in {(second, first), (first, second)} if month <= len(_MONTHS))
        return
    month_name, month_number = parts.get("month"), parts.get("month_number")
    month = _MONTH_OF[month_name.lower()] if month_name else int(month_number) if month_number else None
    yield year, month, int(parts["day"] or 0) if parts.get("day") else None


def _bare(text: str) -> Iterator[WrittenDate]:
    for match in _BARE_MONTH.finditer(text):
        if match["name"][0].isupper():
            yield WrittenDate(
                match["name"], match.start("name"), match.end(), ((None, _MONTH_OF[match["month"].lower()], None),)
            )
    for match in _BARE_YEAR.finditer(text):
        yield WrittenDate(match["name"], match.start("name"), match.end(), ((int(match["year"]), None, None),))


def _week(text: str) -> Iterator[WrittenDate]:
    for match in _WEEKDAY.finditer(text):
        weekday = _WEEKDAY_OF[match["weekday"].lower()]
        yield WrittenDate(match[0], match.start(), match.end(), weekdays=frozenset({weekday}))
    for match in _WEEK_PART.finditer(text):
        days = _WEEKEND if match["part"].lower() == "weekend" else frozenset(range(5))
        yield WrittenDate(match["part"], match.start("part"), match.end(), weekdays=days)


def _times(text: str) -> Iterator[WrittenDate]:
    for match in _CLOCK.finditer(text):
        if int(match["minute"]) < 60:  # noqa: PLR2004 - else it is a ratio
            yield _time(text, match, minute=int(match["minute"]), is_clock=not match["half"])
    for match in _HOUR.finditer(text):
        yield _time(text, match, minute=0, is_whole_hour=True)
    for match in _NAMED_HOUR.finditer(text):
        yield WrittenDate(
            match[0], match.start(), match.end(), minute_of_day=720 if match["noon"] else 0, is_whole_hour=True
        )


def _time(
    text: str, match: re.Match[str], *, minute: int, is_clock: bool = False, is_whole_hour: bool = False
) -> WrittenDate:
    hour, half = int(match["hour"]), (match["half"] or "").strip().lower()
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    is_about = bound_before(text, match.start()) is Bound.ABOUT
    return WrittenDate(
        match[0],
        match.start(),
        match.end(),
        minute_of_day=hour * 60 + minute,
        is_whole_hour=is_whole_hour,
        is_clock=is_clock,
        is_about=is_about,
    )


def without_spans(text: str, dates: Sequence[WrittenDate]) -> str:
    """Return the text with blanks in place of the dates."""
    for date in dates:
        text = text[: date.start] + " " * (date.end - date.start) + text[date.end :]
    return text
