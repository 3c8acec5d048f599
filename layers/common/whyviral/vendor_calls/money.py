"""Amounts of money as JSON, and spending limits."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer

type Usd = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""An amount in US dollars, with fractions of a cent; a number in JSON."""


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """The upper bounds for the cost of vendor calls."""

    per_request_usd: Decimal
    """For one analysis request over all its attempts."""
    per_day_usd: Decimal
    """For all work of one UTC day."""


NOTHING_TO_SPEND = SpendLimits(Decimal(0), Decimal(0))
"""For callers of free endpoints only: any call that could cost something is refused."""
