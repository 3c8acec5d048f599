"""Vendor prices by day: a built-in table that the setting PRICES can extend and correct."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from whyviral.integrations.ports.price_list import BRIGHTDATA_RECORD, TWITTERAPI_CREDIT

type PriceName = Annotated[
    str, StringConstraints(pattern=r"^(twitterapi/credit|brightdata/record|gemini/[^/\s]+/(input|output))$")
]
"""The billed unit: a credit, a record, or a million tokens of a model."""
type UsdSince = Mapping[date, Annotated[Decimal, Field(ge=0, le=1_000_000)]]
"""USD by the UTC day from which the price holds."""
type PriceChanges = dict[PriceName, UsdSince]

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
    """All known prices."""

    usd_since: Mapping[str, Mapping[date, Decimal]]

    def find(self, name: str, *, on: date) -> Decimal | None:
        """Return the price in USD on a UTC day, or None if it is unknown; prices are never estimated."""
        since = [day for day in self.usd_since.get(name, ()) if day <= on]
        return self.usd_since[name][max(since)] if since else None

    def with_changes(self, changes: Mapping[str, Mapping[date, Decimal]]) -> "PriceTable":
        """Return the table with the prices in `changes`, each of which replaces all days of its name."""
        return PriceTable({**self.usd_since, **changes})


PRICES = PriceTable(_BUILT_IN)
