"""The cost of a question to a model, and its upper bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from whyviral.integrations.ports.price_list import PriceList, as_bound, as_cost

FREE_PROVIDERS = frozenset({"self_hosted"})
"""Providers whose models cost nothing where no price is set: a server of one's own bills no tokens."""

_MILLION = 1_000_000
_CACHE_WRITE_FACTOR = Decimal("1.25")
"""Of the input price. Source: developers.openai.com/api/docs/guides/prompt-caching, 2026-11."""
_LONG_PROMPT_TOKENS: Mapping[str, int] = {
    # Source: platform.claude.com/docs/en/about-claude/pricing, 2026-11.
    "anthropic/claude-haiku-5-5": 100_000,
    # Source: docs.litellm.ai/blog/gpt-6-1-terra, 2026-11.
    "openai/gpt-6-luna": 272_000,
    "openai/gpt-6.1-terra": 272_000,
    "openai/gpt-6.1-sol": 272_000,
    "openai/gpt-6.2-sol": 272_000,
    "openai/gpt-6.2-astra": 272_000,
}
"""A prompt of more tokens is billed, as a whole and with its answer, by the prices `long_input` and `long_output`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The billed tokens of one exchange; None: unknown."""

    input_tokens: int | None = None
    """The whole prompt, cached parts included."""
    output_tokens: int | None = None
    """Answer and thinking together."""
    cache_write_tokens: int = 0
    """The part of the input that the vendor cached, at a higher price."""


def cost_usd(prices: PriceList, provider: str, model: str, *, on: date, usage: Usage) -> Decimal | None:
    """Return the price of a call; None for unknown tokens of a model that costs something, and for an unknown price.

    Tokens that were read from a cache are charged like the others: a ledger that overstates is better than one that
    understates.
    """
    name = f"{provider}/{model}"
    if usage.input_tokens is None or usage.output_tokens is None:
        is_free = _usd(prices, name, on=on, input_tokens=Decimal(1), output_tokens=1, is_long=False) == 0
        return Decimal(0) if is_free else None
    writes = usage.cache_write_tokens * (_CACHE_WRITE_FACTOR - 1)
    is_long = usage.input_tokens > _LONG_PROMPT_TOKENS.get(name, usage.input_tokens)
    return as_cost(
        _usd(
            prices,
            name,
            on=on,
            input_tokens=usage.input_tokens + writes,
            output_tokens=usage.output_tokens,
            is_long=is_long,
        )
    )


def most_usd(
    prices: PriceList, provider: str, model: str, *, on: date, input_tokens: int, output_tokens: int
) -> Decimal | None:
    """Return the most that a question can cost, or None as above; thinking counts as output.

    Args:
        prices: the known prices.
        provider: the vendor.
        model: its id.
        on: the UTC day of the call.
        input_tokens: the most that the prompt can have.
        output_tokens: the most that the model may write and think.
    """
    name = f"{provider}/{model}"
    is_long = input_tokens > _LONG_PROMPT_TOKENS.get(name, input_tokens)
    written = input_tokens * _CACHE_WRITE_FACTOR if provider == "openai" else Decimal(input_tokens)
    return as_bound(_usd(prices, name, on=on, input_tokens=written, output_tokens=output_tokens, is_long=is_long))


def _usd(
    prices: PriceList, name: str, *, on: date, input_tokens: Decimal, output_tokens: int, is_long: bool
) -> Decimal | None:
    prefix = "long_" if is_long else ""
    input_usd = prices.find(f"{name}/{prefix}input", on=on)
    output_usd = prices.find(f"{name}/{prefix}output", on=on)
    if input_usd is None or output_usd is None:
        return Decimal(0) if name.partition("/")[0] in FREE_PROVIDERS else None
    return (input_usd * input_tokens + output_usd * output_tokens) / _MILLION
