"""Settings of deployables that make calls which cost money."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, Json

from whyviral.core.settings import DeployableSettings
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.prices import PRICES, PriceChanges, PriceTable

type Budget = Annotated[Decimal, Field(gt=0, le=1_000_000)]
"""USD."""


class DayBudgetSettings(DeployableSettings):
    """Base of the settings of those who must know what all calls to vendors may cost on one day (UTC)."""

    max_cost_usd_per_day: Budget = Decimal(100)


class SpendingSettings(DayBudgetSettings):
    """Base of the settings of those who make calls that cost money."""

    max_cost_usd_per_request: Budget = Decimal(5)
    prices: Json[PriceChanges] = Field(default="{}", validate_default=True)
    """`{"gemini/gemini-9/input": {"2027-03-01": 0.5}, …}`: prices that are not in our table, or not as they are now."""

    @property
    def spend_limits(self) -> SpendLimits:
        """Return what may be spent."""
        return SpendLimits(per_request_usd=self.max_cost_usd_per_request, per_day_usd=self.max_cost_usd_per_day)

    @property
    def price_table(self) -> PriceTable:
        """Return all prices that are known."""
        return PRICES.with_changes(self.prices)
