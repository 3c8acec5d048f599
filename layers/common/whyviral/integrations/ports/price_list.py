"""What vendors charge: the prices a client asks for, and how amounts are rounded."""

from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Protocol

TWITTERAPI_CREDIT = "twitterapi/credit"
BRIGHTDATA_RECORD = "brightdata/record"

_SMALLEST_USD = Decimal("0.000001")
"""The precision of the ledger. Amounts are rounded here, so that a sum of calls is the same in Python and in SQL."""


class PriceList(Protocol):
    """The known prices by day."""

    def find(self, name: str, *, on: date) -> Decimal | None:
        """Return the price in USD on a UTC day, or None if it is not known; never a guess."""
        ...


def as_cost(usd: Decimal | None) -> Decimal | None:
    """Round a cost, if it is known, to what the ledger keeps."""
    return None if usd is None else usd.quantize(_SMALLEST_USD, ROUND_HALF_EVEN)


def as_bound(usd: Decimal | None) -> Decimal | None:
    """Round the most that something can cost, if it is known, to what the ledger keeps, and never below it."""
    return None if usd is None else usd.quantize(_SMALLEST_USD, ROUND_CEILING)
