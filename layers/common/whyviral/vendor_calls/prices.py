"""What vendors charge, by day: a table that a setting can extend and correct; a price nobody knows is None."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

TWITTERAPI_CREDIT = "twitterapi/credit"
BRIGHTDATA_RECORD = "brightdata/record"

type PriceName = Annotated[
    str, StringConstraints(pattern=r"^(twitterapi/credit|brightdata/record|gemini/[^/\s]+/(input|output))$")
]
"""What is bought: a credit, a record, or a million tokens of a model."""
type UsdSince = Mapping[date, Annotated[Decimal, Field(ge=0, le=1_000_000)]]
"""USD by the day (UTC) since which they are asked."""
type PriceChanges = dict[PriceName, UsdSince]

_SMALLEST = Decimal("0.000001")
"""What the ledger keeps; rounded here, so that a sum of calls is the same in Python and in SQL."""

_BUILT_IN: Mapping[str, Mapping[date, Decimal]] = {
    # Source: twitterapi.io/pricing, 2026-11.
    TWITTERAPI_CREDIT: {date(2025, 1, 1): Decimal("0.00001")},
    # Source: brightdata.com/pricing/web-scraper, pay as you go, 2026-09.
    BRIGHTDATA_RECORD: {date(2026, 9, 1): Decimal("0.0015")},
    # Source: ai.google.dev/gemini-api/docs/pricing, paid tier, 2026-11-23; thinking is output.
    "gemini/gemini-3.5-flash/input": {date(2026, 5, 19): Decimal("1.50")},
    "gemini/gemini-3.5-flash/output": {date(2026, 5, 19): Decimal("9.00")},
    "gemini/gemini-3.5-flash-lite/input": {date(2026, 7, 21): Decimal("0.30")},
    "gemini/gemini-3.5-flash-lite/output": {date(2026, 7, 21): Decimal("2.50")},
    "gemini/gemini-3.8-flash/input": {date(2026, 9, 2): Decimal("0.75"), date(2027, 1, 1): Decimal("1.50")},
    "gemini/gemini-3.8-flash/output": {date(2026, 9, 2): Decimal("3.75"), date(2027, 1, 1): Decimal("7.50")},
}


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices that are known."""

    usd_since: Mapping[str, Mapping[date, Decimal]]

    def find(self, name: str, *, on: date) -> Decimal | None:
        """Return what something costs on a day, or None where nobody knows; never a guess."""
        since = [day for day in self.usd_since.get(name, ()) if day <= on]
        return self.usd_since[name][max(since)] if since else None

    def with_changes(self, changes: Mapping[str, Mapping[date, Decimal]]) -> "PriceTable":
        """Return the table with other prices for what `changes` names, whose days here no longer count."""
        return PriceTable({**self.usd_since, **changes})


PRICES = PriceTable(_BUILT_IN)


def as_cost(usd: Decimal | None) -> Decimal | None:
    """Round a cost, if it is known, to what the ledger keeps."""
    return None if usd is None else usd.quantize(_SMALLEST, ROUND_HALF_EVEN)


def as_bound(usd: Decimal | None) -> Decimal | None:
    """Round the most that something can cost, if it is known, to what the ledger keeps, and never below it."""
    return None if usd is None else usd.quantize(_SMALLEST, ROUND_CEILING)
