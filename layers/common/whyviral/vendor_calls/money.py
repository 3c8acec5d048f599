"""Amounts as JSON, and how much may be spent."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer

type Usd = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""What vendors cost, in dollars and fractions of cents."""


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """What calls to vendors may cost at most."""

    per_request_usd: Decimal
    """For one analysis request, all its attempts together."""
    per_day_usd: Decimal
    """For all of them on one day (UTC)."""


NOTHING_TO_SPEND = SpendLimits(Decimal(0), Decimal(0))
"""For those who make free calls only: one that might cost something is refused."""
