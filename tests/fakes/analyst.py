"""A fake model whose answers and failures a test sets."""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.gemini.media import GEMINI_MEDIA
from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply, MediaSupport
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.vendor_calls.calls import CallCollector

USD_AN_ANSWER = Decimal("0.001234")
MOST_USD_AN_ANSWER = Decimal("0.02")
VALID_ANSWER: Mapping[str, Any] = {
    "virality_reasoning": "It reached far beyond its followers [F1].",
    "quick_takeaways": ["Be first [inference].", "Be short [inference].", "Be yourself [inference]."],
    "creator_context": "A founder with a large following [inference].",
    "content_observation": {
        "hook": "It greets [inference].",
        "tone": "It is plain [inference].",
        "format": "A single sentence [inference].",
        "audience": "It speaks to everybody [inference].",
    },
    "replicable_elements": ["Brevity [inference]."],
    "viral_formula": "A first time, said plainly [inference].",
    "improvements": ["Say what it is for [inference]."],
    "suggestions_for_future_posts": [
        "Show the next step [inference].",
        "Answer a question [inference].",
        "Tell how it began [inference].",
        "Invite a first user [inference].",
    ],
}
"""As the model writes it and as it is saved, because every claim passes the check and is rendered in the same way."""


def model_error(category: ErrorCategory = ErrorCategory.RATE_LIMIT, **fields: Any) -> ProviderError:
    """Return an error of the model's client; transient by default."""
    plain: dict[str, Any] = {
        "provider": "gemini",
        "category": category,
        "is_transient": True,
        "status": 429,
        "request_id": "g-1",
    }
    return ProviderError("The model that explains posts asks us to slow down.", **plain | fields)


class FakeModel:
    """Answers with the next of `answers`, or with `VALID_ANSWER` when there is none."""

    def __init__(self, clock: Clock) -> None:
        self.answers: deque[Mapping[str, Any] | ProviderError] = deque()
        self.during: Callable[[], object] = lambda: None
        """Runs in the middle of every call."""
        self.refuses: Callable[[AnalystPrompt], ProviderError | None] = lambda _prompt: None
        """Returns the error for a prompt that is refused before it is answered."""
        self.paid_in_vain: list[ExternalCall] = []
        """Calls without a usable answer that the client makes before each answered call."""
        self.prompts: list[AnalystPrompt] = []
        self.allowed: list[CallIntent] = []
        """Every call that the ledger allowed."""
        self.made: list[ExternalCall] = []
        self.timeouts_s: list[float] = []
        self.cost_usd: Decimal | None = USD_AN_ANSWER
        self.most_usd: Decimal | None = MOST_USD_AN_ANSWER
        self.is_stand_in = False
        self.takes = GEMINI_MEDIA
        self._clock = clock
        self._collectors: dict[int, CallCollector] = {}
        self._lock = threading.Lock()

    def build(self, *, calls: CallCollector, timeout_s: float) -> "FakeAnalyst":
        self._collectors[id(calls)] = calls
        return FakeAnalyst(self, calls, timeout_s)

    @property
    def unwritten(self) -> list[ExternalCall]:
        """Return the calls still in their collectors, which are those of killed functions."""
        return [call for calls in self._collectors.values() for call in calls.calls]

    def reply(self, prompt: AnalystPrompt, calls: CallCollector) -> AnalystReply:
        intent = CallIntent(
            provider="gemini",
            operation="POST /v1/models/{model}:generateContent",
            started_at=self._clock(),
            most_usd=self.most_usd,
            model="gemini-3.8-flash",
        )
        calls.begin(intent)
        self.allowed.append(intent)
        with self._lock:
            self.prompts.append(prompt)
            answer = self.refuses(prompt) or (self.answers.popleft() if self.answers else VALID_ANSWER)
        self.during()
        error = answer if isinstance(answer, ProviderError) else None
        call = ExternalCall(
            id=intent.id,
            provider=intent.provider,
            operation=intent.operation,
            started_at=intent.started_at,
            duration_ms=345,
            status=error.status if error else 200,
            error_category=error.category if error else None,
            cost_usd=Decimal(0) if error else self.cost_usd,
            model="gemini-3.8-flash",
            input_tokens=None if error else 900,
            output_tokens=None if error else 300,
        )
        for made in (*(replace(each, id=uuid.uuid4()) for each in self.paid_in_vain), call):
            calls.record(made)
            self.made.append(made)
        if isinstance(answer, ProviderError):
            raise answer
        return AnalystReply(
            answer=answer,
            provider="gemini",
            model="gemini-3.8-flash",
            input_tokens=900,
            output_tokens=300,
            cost_usd=self.cost_usd,
            is_stand_in=self.is_stand_in,
        )


class FakeAnalyst:
    """An `Analyst` that calls a `FakeModel`."""

    def __init__(self, model: FakeModel, calls: CallCollector, timeout_s: float) -> None:
        self._model = model
        self._calls = calls
        self._timeout_s = timeout_s

    @property
    def takes(self) -> MediaSupport:
        return self._model.takes

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:  # noqa: ARG002 - of the protocol
        self._model.timeouts_s.append(self._timeout_s)
        return self._model.reply(prompt, self._calls)
