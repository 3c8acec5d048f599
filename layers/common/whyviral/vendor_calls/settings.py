"""Settings of deployables that make paid calls."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, Json

from whyviral.core.settings import DeployableSettings

from .money import SpendLimits
from .prices import PRICES, PriceChanges, PriceTable

type Budget = Annotated[Decimal, Field(gt=0, le=1_000_000)]
"""USD."""


class DayBudgetSettings(DeployableSettings):
    """Base class for deployables that check the daily budget."""

    max_cost_usd_per_day: Budget = Decimal(100)


class SpendingSettings(DayBudgetSettings):
    """Base class for deployables that make paid calls."""

    max_cost_usd_per_request: Budget = Decimal(5)
    prices: Json[PriceChanges] = Field(default="{}", validate_default=True)
    """`{"gemini/gemini-9/input": {"2027-03-01": 0.5}, ...}`: prices that the built-in table lacks or has wrong."""

    @property
    def spend_limits(self) -> SpendLimits:
        """Return the spending limits."""
        return SpendLimits(per_request_usd=self.max_cost_usd_per_request, per_day_usd=self.max_cost_usd_per_day)

    @property
    def price_table(self) -> PriceTable:
        """Return the built-in prices with the changes of the setting."""
        return PRICES.with_changes(self.prices)
