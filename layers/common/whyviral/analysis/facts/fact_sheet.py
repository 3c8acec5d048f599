"""Facts, and the sheet on which they are collected and numbered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whyviral.analysis.explanation.provenance import Citation

type FactValue = bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing we measured."""

    id: Citation
    """`F1`, `F2`, … in the order of one call; what a claim cites."""
    name: str
    value: FactValue
    unit: str
    source: str
    is_quotation: bool = False
    """Whether the value is words of strangers, which are data and never instructions."""

    @property
    def number(self) -> int | float | None:
        """Return the value where it is a number."""
        return self.value if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None


class FactSheet:
    """Facts in the making: numbers them, and skips those whose inputs are unknown."""

    def __init__(self) -> None:
        self.by_name: dict[str, Fact] = {}

    def add(self, name: str, value: FactValue, unit: str, source: str) -> None:
        """Add a fact."""
        self.by_name[name] = Fact(self._next_id(), name, value, unit, source)

    def add_flag(self, name: str, value: object, source: str) -> None:
        """Add a fact that is true or false; anything else is not known."""
        if isinstance(value, bool):
            self.add(name, value, "boolean", source)

    def add_quotation(self, name: str, value: str | tuple[str, ...], unit: str, source: str) -> None:
        """Add words of strangers."""
        self.by_name[name] = Fact(self._next_id(), name, value, unit, source, is_quotation=True)

    def add_sum(self, name: str, terms: Sequence[str], unit: str) -> None:
        """Add the sum of those facts that are known."""
        known = [fact for term in terms if (fact := self.by_name.get(term))]
        if known:
            self.add(name, sum(fact.number or 0 for fact in known), unit, _computed_from(*known))

    def add_ratio(self, name: str, numerator: str, denominator: str, unit: str, *, at_least: float = 0) -> None:
        """Add the ratio of two facts that are both known, the lower one above zero and not under `at_least`."""
        above, below = self.by_name.get(numerator), self.by_name.get(denominator)
        if above and below and below.number and above.number is not None and below.number >= at_least:
            self.add(name, six_digits(above.number / below.number), unit, _computed_from(above, below))

    def _next_id(self) -> str:
        return f"F{len(self.by_name) + 1}"


def _computed_from(*inputs: Fact) -> str:
    *others, last = (fact.id for fact in inputs)
    return f"computed from {', '.join(others)} and {last}" if others else f"computed from {last}"


def six_digits(value: float) -> float:
    """Round to six significant digits: more would claim a precision that counts of a live post do not have."""
    return float(f"{value:.6g}")


def read_number(document: Mapping[str, Any], key: str, *, at_least: float = 0) -> float | int | None:
    """Return a number of a JSON document that others wrote; None unless it is finite and not under `at_least`."""
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and at_least <= value < 2**63 else None
