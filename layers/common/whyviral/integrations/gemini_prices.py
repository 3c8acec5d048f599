"""What Gemini charges, by model and date. Source: ai.google.dev/gemini-api/docs/pricing, 2026-11-23."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_MILLION = 1_000_000
_SMALLEST = Decimal("0.000001")
"""What the ledger keeps; rounded here, so that a sum of calls is the same in Python and in SQL."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens, paid tier, from a day (UTC) on."""

    since: date
    input_usd: Decimal
    output_usd: Decimal
    """Thinking included."""


_PRICES: Mapping[str, Sequence[Price]] = {
    "gemini-3.5-flash": (Price(date(2026, 5, 19), Decimal("1.50"), Decimal("9.00")),),
    "gemini-3.5-flash-lite": (Price(date(2026, 7, 21), Decimal("0.30"), Decimal("2.50")),),
    "gemini-3.8-flash": (
        Price(date(2026, 9, 2), Decimal("0.75"), Decimal("3.75")),
        Price(date(2027, 1, 1), Decimal("1.50"), Decimal("7.50")),
    ),
}


def cost_usd(model: str, *, on: date, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return the price of a call, or None for a model, or a day, of which we know none.

    Tokens that Gemini had cached are charged like the others here: their lower price is not known, and a ledger that
    says too much is better than one that says too little.
    """
    price = next((price for price in reversed(_PRICES.get(model, ())) if price.since <= on), None)
    if price is None:
        return None
    cost = (price.input_usd * input_tokens + price.output_usd * output_tokens) / _MILLION
    return cost.quantize(_SMALLEST)
