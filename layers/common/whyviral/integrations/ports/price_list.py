"""The port for vendor prices, and the rounding of amounts."""

from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Protocol

TWITTERAPI_CREDIT = "twitterapi/credit"
BRIGHTDATA_RECORD = "brightdata/record"

_SMALLEST_USD = Decimal("0.000001")
"""The precision of the ledger. Amounts are rounded before they are used, so that sums in Python and in SQL agree."""


class PriceList(Protocol):
    """The known prices by day."""

    def find(self, name: str, *, on: date) -> Decimal | None:
        """Return the price in USD on a UTC day, or None if it is unknown; prices are never estimated."""
        ...


def as_cost(usd: Decimal | None) -> Decimal | None:
    """Round a cost to the precision of the ledger; None stays None."""
    return None if usd is None else usd.quantize(_SMALLEST_USD, ROUND_HALF_EVEN)


def as_bound(usd: Decimal | None) -> Decimal | None:
    """Round an upper bound up to the precision of the ledger; None stays None."""
    return None if usd is None else usd.quantize(_SMALLEST_USD, ROUND_CEILING)
