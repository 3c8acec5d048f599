"""Geometry of the charts, which the templates draw as SVG: stacked bars, lines and horizontal bars."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH = 640
HEIGHT = 220
LEFT = 58
_RIGHT, _TOP, _BOTTOM = 20, 10, 24
_PLOT_WIDTH = WIDTH - LEFT - _RIGHT
_PLOT_HEIGHT = HEIGHT - _TOP - _BOTTOM
_TICKS = 4
_MAX_DAY_LABELS = 8
_GAP = 0.25
"""The part of a day's width that stays empty between bars."""

type Series = Mapping[str, Sequence[float]]
"""A value for each day, by the name of the series."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of an axis and its position."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of one series."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """The polyline of one series, with its points; a day without a value interrupts nothing."""

    points: str
    dots: Sequence[tuple[float, float, str]]
    """Position and title of each point."""
    series: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template draws."""

    names: Sequence[str]
    bars: Sequence[Bar]
    lines: Sequence[Line]
    value_ticks: Sequence[Tick]
    day_ticks: Sequence[Tick]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bars and not self.lines


def stacked_bars(days: Sequence[date], series: Series, *, unit: str = "") -> Chart:
    """Return a chart with one bar for each day, in which the series stand on each other."""
    totals = [sum(values[number] for values in series.values()) for number in range(len(days))]
    top = _round_up(max(totals, default=0.0))
    width = _PLOT_WIDTH / max(len(days), 1)
    bars: list[Bar] = []
    for number, day in enumerate(days):
        below = 0.0
        for index, (name, values) in enumerate(series.items()):
            value = values[number]
            if value <= 0:
                continue
            height = value / top * _PLOT_HEIGHT
            x = LEFT + (number + _GAP / 2) * width
            title = f"{day}: {name} {_number(value)}{unit}"
            bars.append(Bar(_r(x), _r(_y(below + value, top)), _r(width * (1 - _GAP)), _r(height), index, title))
            below += value
    return Chart(list(series), bars, (), _value_ticks(top, unit), _day_ticks(days))


def lines(days: Sequence[date], series: Mapping[str, Mapping[date, float]], *, unit: str = "") -> Chart:
    """Return a chart with one line for each series, through the days that have a value."""
    top = _round_up(max((value for values in series.values() for value in values.values()), default=0.0))
    width = _PLOT_WIDTH / max(len(days), 1)
    drawn: list[Line] = []
    for index, (name, values) in enumerate(series.items()):
        dots = [
            (_r(LEFT + (number + 0.5) * width), _r(_y(values[day], top)), f"{day}: {name} {_number(values[day])}{unit}")
            for number, day in enumerate(days)
            if day in values
        ]
        if dots:
            drawn.append(Line(" ".join(f"{x},{y}" for x, y, _ in dots), dots, index))
    return Chart(list(series), (), drawn, _value_ticks(top, unit), _day_ticks(days))


def by_day[T](days: Sequence[date], rows: Sequence[tuple[date, T, float]]) -> dict[T, list[float]]:
    """Return the values of each name as a list with one value for each day, 0 where there is none."""
    place = {day: number for number, day in enumerate(days)}
    series: dict[T, list[float]] = {}
    for day, name, value in rows:
        if day in place:
            series.setdefault(name, [0.0] * len(days))[place[day]] += value
    return series


def _y(value: float, top: float) -> float:
    return _TOP + (1 - value / top) * _PLOT_HEIGHT


def _r(value: float) -> float:
    return round(value, 1)


def _round_up(value: float) -> float:
    """Return 1, 2, 4 or 8 times a power of ten, at least as large as the value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _value_ticks(top: float, unit: str) -> list[Tick]:
    values = [top * number / _TICKS for number in range(_TICKS + 1)]
    return [Tick(_r(_y(value, top)), f"{_number(value)}{unit}") for value in values]


def _day_ticks(days: Sequence[date]) -> list[Tick]:
    step = math.ceil(len(days) / _MAX_DAY_LABELS)
    width = _PLOT_WIDTH / max(len(days), 1)
    return [
        Tick(_r(LEFT + (number + 0.5) * width), f"{day.day} {day:%b}")
        for number, day in enumerate(days)
        if (len(days) - 1 - number) % step == 0
    ]


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"  # noqa: PLR2004 - three digits are enough below
