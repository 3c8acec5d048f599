"""What an analysis may cost in US dollars, from the prices of the vendors and the limits of the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from whyviral.integrations.language_models.prices import most_usd
from whyviral.integrations.ports.price_list import BRIGHTDATA_RECORD, TWITTERAPI_CREDIT, PriceList, as_bound
from whyviral.social.platforms import Platform

_UNITS_OF_A_POST: Mapping[Platform, tuple[str, int] | None] = {
    # The post and 20 replies at 15 credits each, and two pages of 20 posts of its creator.
    Platform.X: (TWITTERAPI_CREDIT, 15 * (1 + 20 + 40)),
    # The post, and the profile with the creator's latest posts.
    Platform.INSTAGRAM: (BRIGHTDATA_RECORD, 2),
    Platform.YOUTUBE: None,
}
"""What the usual calls for one post and its creator's list are billed for: docs/costs.md."""
_INPUT_TOKENS = 20_000
_OUTPUT_TOKENS = 4_000
"""A usual question with pictures and transcript, and its answer with thinking."""


@dataclass(frozen=True, slots=True)
class CostTable:
    """The prices that apply to an analysis, and the limit of what one request may cost."""

    prices: PriceList
    provider: str
    """The provider of the model that explains posts."""
    model: str | None
    """None: no model explains posts."""
    max_usd_per_request: Decimal

    def usual_usd(self, platform: Platform, posts: int, *, on: date) -> Decimal | None:
        """Return the cost of posts when each call is made once; None if a price is unknown."""
        units = _UNITS_OF_A_POST[platform]
        read_usd = Decimal(0) if units is None else self._price(*units, on=on)
        answer_usd = self._answer_usd(on)
        return None if read_usd is None or answer_usd is None else as_bound((read_usd + answer_usd) * posts)

    def _price(self, name: str, number: int, *, on: date) -> Decimal | None:
        unit_usd = self.prices.find(name, on=on)
        return None if unit_usd is None else unit_usd * number

    def _answer_usd(self, on: date) -> Decimal | None:
        if self.model is None:
            return Decimal(0)
        tokens = {"input_tokens": _INPUT_TOKENS, "output_tokens": _OUTPUT_TOKENS}
        return most_usd(self.prices, self.provider, self.model, on=on, **tokens)
