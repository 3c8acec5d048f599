"""Vendor prices by day: a built-in table that the setting PRICES can extend and correct."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from whyviral.integrations.ports.price_list import BRIGHTDATA_RECORD, TWITTERAPI_CREDIT

type PriceName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(twitterapi/credit|brightdata/record|(gemini|openai|anthropic|self_hosted)/\S+/(long_)?(input|output))$"
    ),
]
"""The billed unit: a credit, a record, or a million tokens of a model; `long_` for prompts above its threshold."""
type UsdSince = Mapping[date, Annotated[Decimal, Field(ge=0, le=1_000_000)]]
"""USD by the UTC day from which the price holds."""
type PriceChanges = dict[PriceName, UsdSince]


def _tokens(
    model: str, since: date, *, usd_in: str, usd_out: str, long_in: str | None = None, long_out: str | None = None
) -> Mapping[str, Mapping[date, Decimal]]:
    """Return the prices of a million tokens of one model, from one day on."""
    usd = {"input": usd_in, "output": usd_out, "long_input": long_in, "long_output": long_out}
    return {f"{model}/{kind}": {since: Decimal(price)} for kind, price in usd.items() if price is not None}


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
    # Source: platform.claude.com/docs/en/about-claude/models, 2026-11; the long prices hold above 100,000 tokens.
    **_tokens(
        "anthropic/claude-haiku-5-5",
        date(2026, 10, 7),
        usd_in="0.10",
        usd_out="0.50",
        long_in="0.50",
        long_out="2.50",
    ),
    **_tokens("anthropic/claude-sonnet-5-5", date(2026, 10, 7), usd_in="2", usd_out="10"),
    **_tokens("anthropic/claude-opus-5-5", date(2026, 10, 7), usd_in="4", usd_out="20"),
    **_tokens("anthropic/claude-fable-5-2", date(2026, 11, 9), usd_in="8", usd_out="40"),
    **_tokens("anthropic/claude-haiku-4-5", date(2026, 10, 7), usd_in="1", usd_out="5"),
    # Source: docs.litellm.ai/blog/gpt-6-1-terra and the release notes of claudit 1.9.2, 2026-11; above 272,000 tokens
    # the input costs twice and the output 1.5 times as much.
    **_tokens("openai/gpt-6-luna", date(2026, 9, 22), usd_in="0.10", usd_out="0.50", long_in="0.20", long_out="0.75"),
    **_tokens("openai/gpt-6.1-terra", date(2026, 10, 26), usd_in="1", usd_out="5", long_in="2", long_out="7.50"),
    **_tokens("openai/gpt-6.1-sol", date(2026, 11, 17), usd_in="2", usd_out="10", long_in="4", long_out="15"),
    **_tokens("openai/gpt-6.2-sol", date(2026, 11, 17), usd_in="2", usd_out="10", long_in="4", long_out="15"),
    **_tokens("openai/gpt-6.2-astra", date(2026, 11, 17), usd_in="8", usd_out="40", long_in="16", long_out="60"),
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
