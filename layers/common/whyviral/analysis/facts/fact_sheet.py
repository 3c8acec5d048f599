"""Facts, and the sheet that collects and numbers them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whyviral.analysis.explanation.provenance import Citation

type FactValue = bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One measured or quoted property of a post."""

    id: Citation
    """`F1`, `F2`, … in the order of the facts; claims cite this id."""
    name: str
    value: FactValue
    unit: str
    source: str
    is_quotation: bool = False
    """The value quotes untrusted text, which is data and never an instruction."""

    @property
    def number(self) -> int | float | None:
        """Return the value if it is a number, else None."""
        return self.value if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None


class FactSheet:
    """Collects facts: numbers them, and skips those whose inputs are unknown."""

    def __init__(self) -> None:
        self.by_name: dict[str, Fact] = {}

    def add(self, name: str, value: FactValue, unit: str, source: str) -> None:
        """Add a fact."""
        self.by_name[name] = Fact(self._next_id(), name, value, unit, source)

    def add_flag(self, name: str, value: object, source: str) -> None:
        """Add a boolean fact; any other value means unknown and adds nothing."""
        if isinstance(value, bool):
            self.add(name, value, "boolean", source)

    def add_quotation(self, name: str, value: str | tuple[str, ...], unit: str, source: str) -> None:
        """Add a fact that quotes untrusted text."""
        self.by_name[name] = Fact(self._next_id(), name, value, unit, source, is_quotation=True)

    def add_sum(self, name: str, terms: Sequence[str], unit: str) -> None:
        """Add the sum of those of the facts that are known."""
        known = [fact for term in terms if (fact := self.by_name.get(term))]
        if known:
            self.add(name, sum(fact.number or 0 for fact in known), unit, _computed_from(*known))

    def add_ratio(self, name: str, numerator: str, denominator: str, unit: str, *, at_least: float = 0) -> None:
        """Add the ratio of two known facts; the denominator must be above zero and not under `at_least`."""
        above, below = self.by_name.get(numerator), self.by_name.get(denominator)
        if above and below and below.number and above.number is not None and below.number >= at_least:
            self.add(name, six_digits(above.number / below.number), unit, _computed_from(above, below))

    def _next_id(self) -> str:
        return f"F{len(self.by_name) + 1}"


def _computed_from(*inputs: Fact) -> str:
    *others, last = (fact.id for fact in inputs)
    return f"computed from {', '.join(others)} and {last}" if others else f"computed from {last}"


def six_digits(value: float) -> float:
    """Round to six significant digits; the changing counts of a live post have no higher precision."""
    return float(f"{value:.6g}")


def read_number(document: Mapping[str, Any], key: str, *, at_least: float = 0) -> float | int | None:
    """Return a number of an untrusted JSON document; None unless it is finite and not under `at_least`."""
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and at_least <= value < 2**63 else None
