"""Explanations by Gemini: several keys, two models, one deadline."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.errors import CallThrottled, NotConnected
from whyviral.integrations.http.api_keys import hash_of_key
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.language_models.errors import Fallback, ModelError, error_of_refused_call
from whyviral.integrations.language_models.key_ring import KeyRing
from whyviral.integrations.language_models.prices import Usage, cost_usd, most_usd
from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply, MediaSupport
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.price_list import PriceList

from .answers import GeminiAnswer
from .errors import PROVIDER, error_of_status, unreadable_reply
from .media import GEMINI_MEDIA, GEMINI_TOKENS
from .plain_schema import plain_schema

_ROOM_TOKENS = 8192
"""Thinking counts against it. Source: ai.google.dev, "Thinking"."""


@dataclass(slots=True)
class _Question:
    """A prompt, with everything about it that may change between tries."""

    prompt: AnalystPrompt
    schema: Mapping[str, Any]
    model: str
    spare_model: str | None
    ends_at: float
    """On the monotonic clock."""
    max_output_tokens: int = _ROOM_TOKENS
    was_repeated: bool = False


class GeminiAnalyst:
    """Asks Gemini, and switches to the next key, the other model or a plainer schema when a try fails.

    An instance remembers for its lifetime which keys failed. Build one for each unit of work, so that a key that was
    repaired is used again.
    """

    def __init__(
        self,
        api_keys: Sequence[str],
        *,
        model: str,
        fallback_model: str | None,
        calls: CallRecorder,
        timeout_s: float,
        clock: Clock = utc_now,
        prices: PriceList,
    ) -> None:
        """Build the analyst; the first question loads the SDK.

        Args:
            api_keys: in the order in which they are tried; each belongs to a project of its own, as quotas do.
            model: asked first.
            fallback_model: asked once when `model` is overloaded or retired.
            calls: records every exchange.
            timeout_s: for all tries of one `answer()` together.
            clock: returns the current time.
            prices: the prices of models.
        """
        self._keys = KeyRing(api_keys, provider=PROVIDER, setting="GEMINI_API_KEY")
        self._model = model
        self._fallback_model = fallback_model
        self._calls = calls
        self._timeout_s = timeout_s
        self._clock = clock
        self._prices = prices
        self._is_stand_in = endpoints.current().is_stand_in(PROVIDER)

    @property
    def takes(self) -> MediaSupport:
        """Return the media that the model can be shown."""
        return GEMINI_MEDIA

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        """Ask until there is an answer, no fallback is left, or the time is over.

        Raises:
            ProviderError: no usable answer; `category` is rate_limit, auth, timeout, provider_error or ai_error.
        """
        question = _Question(
            prompt=prompt,
            schema=shape.model_json_schema(),
            model=self._model,
            spare_model=self._fallback_model,
            ends_at=time.monotonic() + self._timeout_s,
        )
        while True:
            key = self._keys.pick(now=self._clock())
            try:
                return self._exchange(question, key)
            except (ModelError, CallThrottled) as exc:
                error = error_of_refused_call(exc, now=self._clock()) if isinstance(exc, CallThrottled) else exc
                if not self._can_go_on(question, key, error):
                    raise

    def _can_go_on(self, question: _Question, key: str, error: ModelError) -> bool:
        """Apply the fallback of the error; each happens once, except for the change of keys."""
        match error.fallback:
            case Fallback.NEXT_KEY:
                self._keys.cool_down(key, until=error.key_cooldown_until)
            case Fallback.OTHER_MODEL if question.spare_model:
                question.model, question.spare_model = question.spare_model, None
            case Fallback.ASK_AGAIN if not question.was_repeated:
                question.was_repeated = True
                question.max_output_tokens *= 2
            case Fallback.PLAIN_SCHEMA if (plain := plain_schema(question.schema)) != question.schema:
                question.schema = plain
            case _:
                return False
        return time.monotonic() < question.ends_at

    def _exchange(self, question: _Question, key: str) -> AnalystReply:
        with recorded_call(
            self._calls,
            provider=PROVIDER,
            operation="POST /v1/models/{model}:generateContent",
            clock=self._clock,
            # Quotas are by project and model. Source: ai.google.dev/gemini-api/docs/rate-limits, 2026-11.
            key_hash=hash_of_key(key, scope=question.model),
            most_usd=self._most_usd(question),
            model=question.model,
        ) as call:
            answer = self._ask(question, key, call)
            usage = answer.usage_metadata
            call.model = answer.model_version or question.model
            call.input_tokens = usage.input_tokens if usage else None
            call.output_tokens = usage.output_tokens if usage else None
            call.cost_usd = self._cost_usd(question.model, call)
            return AnalystReply(
                answer=answer.as_object(),
                provider=PROVIDER,
                model=call.model,
                input_tokens=call.input_tokens or 0,
                output_tokens=call.output_tokens or 0,
                cost_usd=call.cost_usd,
                is_stand_in=self._is_stand_in,
            )

    def _ask(self, question: _Question, key: str, call: CallOutcome) -> GeminiAnswer:
        from .sdk import generate  # noqa: PLC0415 - functions that never ask must not load the SDK

        call.cost_usd = None  # from here on the call may be billed, until a reply says otherwise
        try:
            reply = generate(
                question.prompt,
                schema=question.schema,
                model=question.model,
                key=key,
                max_output_tokens=question.max_output_tokens,
                timeout_s=question.ends_at - time.monotonic(),
            )
        except NotConnected:
            call.cost_usd = Decimal(0)
            raise
        call.status = reply.status
        if reply.status != HTTPStatus.OK:
            call.cost_usd = Decimal(0)
            raise error_of_status(reply.status, reply.error, now=self._clock())
        try:
            document = parse_untrusted_json(reply.body or "")
        except NotJson as exc:
            raise unreadable_reply() from exc
        if not isinstance(document, dict):
            raise unreadable_reply()
        return GeminiAnswer.model_validate(document)

    def _most_usd(self, question: _Question) -> Decimal | None:
        prompt = question.prompt
        return most_usd(
            self._prices,
            PROVIDER,
            question.model,
            on=self._clock().date(),
            input_tokens=GEMINI_TOKENS.most_input(
                [prompt.system, prompt.user, json.dumps(question.schema)], prompt.media
            ),
            output_tokens=question.max_output_tokens,
        )

    def _cost_usd(self, model: str, call: CallOutcome) -> Decimal | None:
        """Return the price by the requested model, which is the billed one even if the reply names another."""
        usage = Usage(call.input_tokens, call.output_tokens)
        return cost_usd(self._prices, PROVIDER, model, on=self._clock().date(), usage=usage)
