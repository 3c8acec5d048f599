"""Decides whether a quantity of a text follows from the measures of the cited evidence."""

from collections.abc import Iterator, Sequence

from .measures import Kind, Measure, differences, rates, ratios, total
from .quantity import Bound, Change, Form, Quantity, Readings

_EPSILON = 1e-6
"""Of floating-point arithmetic, far below any written digit."""
_EXACT_BELOW = 100
_ROUNDING = 0.02
"""Of a round number without a word such as `about`."""
_ABOUT = 0.1
"""After such a word."""
_MAX_SHORTENING = 0.125
"""Of a number with a scale: `2M` is no shorter form of 2.9 million."""
_MAX_RELATIVE_STEP = 0.5


def is_grounded(quantity: Quantity, measures: Sequence[Measure]) -> bool:
    """Whether the cited evidence supports the quantity."""
    if quantity.is_denial:
        counts = [each.value for each in measures if each.kind is Kind.COUNT and set(quantity.nouns) & each.nouns]
        return not counts or 0.0 in counts
    return (
        any(_holds(quantity, value) for value in _candidates(quantity, measures))
        or _has_both_ends(quantity, measures)
        or _has_both_parts(quantity, measures)
    )


def _has_both_parts(quantity: Quantity, measures: Sequence[Measure]) -> bool:
    """Whether part and whole are measured, as in `number 4 of 13` and `8 of the 20 comments`."""
    counts = {each.value for each in measures if each.kind is Kind.COUNT}
    return bool(quantity.parts) and all(any(value in counts for value, _ in part) for part in quantity.parts)


def _has_both_ends(quantity: Quantity, measures: Sequence[Measure]) -> bool:
    """Whether both ends of a range are measured, as in `from 0.5 to 3.2 seconds`."""
    if quantity.upper is None or quantity.upper[0][1] == 0:
        return False
    values = list(_candidates(quantity, measures))
    return all(
        any(_fits(stated, step, value, quantity) for value in values for stated, step in readings)
        for readings in (quantity.readings, quantity.upper)
    )


def _candidates(quantity: Quantity, measures: Sequence[Measure]) -> Iterator[float]:
    """Yield the values that the quantity may state, in its unit."""
    match quantity.form:
        case Form.COUNT:
            yield from _counts(quantity, measures)
        case Form.TIME:
            times = differences(measures, Kind.TIME) if quantity.change else _of_kind(measures, Kind.TIME)
            yield from (each.value for each in times)
        case Form.EVERY:
            yield from (1 / each.value for each in rates(measures) if each.value)
        case Form.RATE if quantity.per_s is not None:
            yield from (each.value * quantity.per_s for each in rates(measures) if _is_about(quantity, each))
        case Form.PERCENT if quantity.change:
            for each in ratios(measures):
                if _is_about(quantity, each):
                    yield each.value - 1 if quantity.change is Change.MORE else 1 - each.value
        case _:
            yield from (each.value for each in ratios(measures) if _is_about(quantity, each))


def _counts(quantity: Quantity, measures: Sequence[Measure]) -> Iterator[float]:
    if quantity.is_total:
        yield from (each.value for each in total(measures, Kind.COUNT))
    if quantity.change:
        yield from (each.value for each in differences(measures, Kind.COUNT) if _is_about(quantity, each))
    for each in measures:
        if each.kind is Kind.COUNT and _is_about(quantity, each):
            yield abs(each.value)
        elif not quantity.nouns and each.is_fact:
            yield from _plain_values(each)


def _plain_values(measure: Measure) -> Iterator[float]:
    """Yield the values of a measure that stand without a unit, as in `a ratio of 0.045`."""
    match measure.kind:
        case Kind.RATIO:
            yield measure.value
        case Kind.TIME:
            yield from (measure.value, measure.value / 3600)
        case Kind.RATE:
            yield from (measure.value * 60, measure.value * 3600)


def _of_kind(measures: Sequence[Measure], kind: Kind) -> Iterator[Measure]:
    return (measure for measure in measures if measure.kind is kind)


def _is_about(quantity: Quantity, measure: Measure) -> bool:
    """Whether the nouns beside the number are those of the measure."""
    if not quantity.nouns:
        return True
    if not measure.nouns:
        return measure.kind is not Kind.COUNT
    if not set(quantity.nouns) <= measure.nouns:
        return False
    if quantity.is_ordered and measure.numerator and measure.denominator:
        first, second = quantity.nouns
        return first in measure.numerator and second in measure.denominator
    if quantity.form in (Form.PERCENT, Form.SHARE) and measure.denominator:
        return quantity.nouns[0] in measure.denominator
    return True


def _holds(quantity: Quantity, value: float) -> bool:
    if quantity.upper is not None:
        return any(
            low - step / 2 <= value <= high + other / 2
            for (low, step), (high, other) in zip(quantity.readings, quantity.upper, strict=True)
        )
    # A bound holds for any small number: only the likelier reading counts, in which separators group thousands.
    readings: Readings = quantity.readings[:1] if quantity.bound in (Bound.ABOVE, Bound.BELOW) else quantity.readings
    return any(_fits(stated, step, value, quantity) for stated, step in readings)


def _fits(stated: float, step: float, value: float, quantity: Quantity) -> bool:
    """Whether a value, rounded as the number is written, is the stated number."""
    match quantity.bound:
        case Bound.ABOVE:
            return stated <= value * (1 + _EPSILON)
        case Bound.BELOW:
            return stated >= value * (1 - _EPSILON)
        case Bound.ABOUT if abs(stated - value) <= _ABOUT * value:
            return True
    return _is_written_as(stated, step, value, quantity) or (
        not quantity.is_shortened and _is_round_number_of(stated, value)
    )


def _is_written_as(stated: float, step: float, value: float, quantity: Quantity) -> bool:
    """Whether a value, rounded to the last written place, is the stated number; a short form may also be cut off."""
    distance = abs(stated - value)
    is_rounded = distance <= step / 2 * (1 + _EPSILON)
    if quantity.is_shortened:
        return (is_rounded or 0 <= value - stated < step) and distance <= _MAX_SHORTENING * value
    return is_rounded and (quantity.is_loose or distance <= _MAX_RELATIVE_STEP * max(value, step / 2))


def _is_round_number_of(stated: float, value: float) -> bool:
    """Whether a number that ends in zeros stands for a value near it."""
    if stated < _EXACT_BELOW or stated != int(stated):
        return False
    whole = str(int(stated))
    unit: float = 10.0 ** (len(whole) - len(whole.rstrip("0")))
    return unit > 1 and abs(stated - value) <= min(unit / 2, _ROUNDING * value)
