"""The cost of a question to Gemini, and its upper bound."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from whyviral.integrations.ports.analyst import AnalystPrompt, InlineMedia, MediaPart
from whyviral.integrations.ports.price_list import PriceList, as_bound, as_cost

_MILLION = 1_000_000
_CONTEXT_TOKENS = 1_048_576
"""No model of the family reads more. Source: ai.google.dev, "Models", 2026-11."""
_FRAMING_TOKENS = 1_024
"""For turns, roles and the borders of parts."""
_TOKENS_A_PICTURE = 2_240
"""At the highest resolution. Source: ai.google.dev, "Media resolution", 2026-11."""
_TOKENS_A_FRAME = 300
"""At the highest resolution, with its timestamp.
Source: ai.google.dev, "Media resolution" and "Video understanding", 2026-11."""
_TOKENS_A_SECOND_OF_SOUND = 40
"""32, with a margin. Source: ai.google.dev, "Understand and count tokens", 2026-11."""


def cost_usd(prices: PriceList, model: str, *, on: date, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return the price of a call, or None for a model, or a day, of which we know none.

    Cached tokens are charged like the others, because their lower price is not known: a ledger that overstates is
    better than one that understates.
    """
    return as_cost(_usd(prices, model, on=on, input_tokens=input_tokens, output_tokens=output_tokens))


def most_usd(
    prices: PriceList,
    model: str,
    prompt: AnalystPrompt,
    *,
    on: date,
    schema: Mapping[str, Any],
    max_output_tokens: int,
) -> Decimal | None:
    """Return the most that a question can cost, or None as above; thinking counts against `max_output_tokens`."""
    tokens = _most_input_tokens([prompt.system, prompt.user, json.dumps(schema)], prompt.media)
    return as_bound(_usd(prices, model, on=on, input_tokens=tokens, output_tokens=max_output_tokens))


def _usd(prices: PriceList, model: str, *, on: date, input_tokens: int, output_tokens: int) -> Decimal | None:
    input_usd = prices.find(f"gemini/{model}/input", on=on)
    output_usd = prices.find(f"gemini/{model}/output", on=on)
    if input_usd is None or output_usd is None:
        return None
    return (input_usd * input_tokens + output_usd * output_tokens) / _MILLION


def _most_input_tokens(texts: Iterable[str], media: Sequence[MediaPart]) -> int:
    # A token has at least one byte. Source: the byte fallback of SentencePiece for text outside its vocabulary.
    text_tokens = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    tokens = _FRAMING_TOKENS + text_tokens + sum(map(_most_tokens, media))
    return min(tokens, _CONTEXT_TOKENS)


def _most_tokens(part: MediaPart) -> int:
    if not isinstance(part, InlineMedia):
        return _tokens_of_video(part.end_s - part.start_s, part.frames_per_second)
    if part.content_type.startswith("image/"):
        return _TOKENS_A_PICTURE
    # The length of such a video is known to the model only.
    return _CONTEXT_TOKENS if part.duration_s is None else _tokens_of_video(part.duration_s, 1.0)


def _tokens_of_video(seconds: float, frames_per_second: float) -> int:
    frames = math.ceil(seconds * frames_per_second) + 1
    return frames * _TOKENS_A_FRAME + (math.ceil(seconds) + 1) * _TOKENS_A_SECOND_OF_SOUND
