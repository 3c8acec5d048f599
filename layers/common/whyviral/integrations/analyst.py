"""What an analyst is, whichever model does the work."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class AnalystPrompt:
    """What the model is told: our instructions, apart from the untrusted data they are about."""

    system: str
    user: str
    version: str


@dataclass(frozen=True, slots=True)
class AnalystReply:
    """One answer that parsed as JSON; not yet validated."""

    answer: Mapping[str, Any]
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    """Answer and thinking together, as they are billed."""
    cost_usd: Decimal | None
    """None when the price of the model is not known."""
    is_stand_in: bool


class Analyst(Protocol):
    """Answers a prompt with one JSON object of the given shape."""

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        """Ask once.

        Args:
            prompt: instructions and data.
            shape: the model of the answer, sent as the response schema; the caller validates the answer with it.

        Raises:
            ProviderError: no usable answer; `category` is rate_limit, auth, timeout, provider_error or ai_error.
        """
        ...
