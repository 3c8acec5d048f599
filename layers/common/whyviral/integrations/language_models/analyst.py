"""Explanations by any vendor's model over HTTP: one JSON object, with another try when one fails."""

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel

from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.integrations.errors import CallThrottled, NotConnected
from whyviral.integrations.http.api_keys import hash_of_key
from whyviral.integrations.http.bounded import HttpAnswer, post_json, shared_client
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_call
from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply, MediaSupport
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.chat_model import Finish
from whyviral.integrations.ports.price_list import PriceList

from .dialect import AnswerState, Dialect, WireRequest
from .documents import parse_document, parse_object
from .errors import (
    SERVICE,
    Fallback,
    ModelError,
    cut_by_limit,
    empty_answer,
    error_of_refused_call,
    refused_answer,
)
from .key_ring import KeyRing
from .prices import Usage, cost_usd, most_usd
from .question import Question, question_of_analysis
from .strict_schema import strict_schema
from .written_json import find_object

_ROOM_TOKENS = 8192
"""Thinking counts against it, with every vendor."""
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class _Plan:
    """A prompt, with everything about it that may change between tries."""

    prompt: AnalystPrompt
    schema: dict[str, Any]
    model: str
    ends_at_mono_s: float
    max_output_tokens: int = _ROOM_TOKENS
    was_repeated: bool = False

    @property
    def question(self) -> Question:
        """Return the question of the next try."""
        return question_of_analysis(self.prompt, schema=self.schema, max_output_tokens=self.max_output_tokens)


class HttpAnalyst:
    """An `Analyst` over HTTP; failures that pass are left to the caller, who waits without holding a function."""

    def __init__(
        self,
        dialect: Dialect,
        keys: KeyRing,
        *,
        model: str,
        calls: CallRecorder,
        timeout_s: float,
        clock: Clock,
        prices: PriceList,
    ) -> None:
        """Build the analyst.

        Args:
            dialect: the vendor's API.
            keys: the vendor's keys.
            model: its id.
            calls: records every exchange.
            timeout_s: for all tries of one `answer()` together.
            clock: returns the current time.
            prices: the prices of models.
        """
        self._dialect = dialect
        self._keys = keys
        self._model = model
        self._calls = calls
        self._timeout_s = timeout_s
        self._clock = clock
        self._prices = prices

    @property
    def takes(self) -> MediaSupport:
        """Return the media that the model can be shown."""
        return self._dialect.takes

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        """Ask until there is an answer, no fallback is left, or the time is over.

        Raises:
            ProviderError: no usable answer; see `Analyst`.
        """
        ends_at_mono_s = time.monotonic() + self._timeout_s
        plan = _Plan(prompt, strict_schema(shape), self._model, ends_at_mono_s)
        while True:
            key = self._keys.pick(now=self._clock())
            try:
                return self._exchange(plan, key)
            except (ModelError, CallThrottled) as exc:
                error = error_of_refused_call(exc, now=self._clock()) if isinstance(exc, CallThrottled) else exc
                if not self._can_go_on(plan, key, error):
                    raise

    def _can_go_on(self, plan: _Plan, key: str, error: ModelError) -> bool:
        """Apply the fallback of the error; each happens once, except for the change of keys."""
        match error.fallback:
            case Fallback.NEXT_KEY:
                self._keys.cool_down(key, until=error.key_cooldown_until)
            case Fallback.ASK_AGAIN if not plan.was_repeated:
                plan.was_repeated = True
                plan.max_output_tokens *= 2
            case _:
                return False
        return time.monotonic() < plan.ends_at_mono_s

    def _exchange(self, plan: _Plan, key: str) -> AnalystReply:
        dialect, question = self._dialect, plan.question
        left_s = plan.ends_at_mono_s - time.monotonic()
        wire = dialect.request(question, model=plan.model, key=key, timeout_s=left_s, is_streamed=False)
        with recorded_call(
            self._calls,
            provider=dialect.provider,
            operation=dialect.operation,
            clock=self._clock,
            # Quotas are by account and model.
            key_hash=hash_of_key(key, scope=plan.model),
            most_usd=self._most_usd(plan.model, question),
            model=plan.model,
        ) as call:
            text, state = self._ask(plan, wire, call)
            call.model = state.model or plan.model
            call.input_tokens, call.output_tokens = state.usage.input_tokens, state.usage.output_tokens
            call.cost_usd = self._cost_usd(plan.model, state.usage)
            return AnalystReply(
                answer=self._object_in(text, state),
                provider=dialect.provider,
                model=call.model,
                input_tokens=call.input_tokens or 0,
                output_tokens=call.output_tokens or 0,
                cost_usd=call.cost_usd,
                is_stand_in=endpoints.current().is_stand_in(dialect.provider),
            )

    def _ask(self, plan: _Plan, wire: WireRequest, call: CallOutcome) -> tuple[str, AnswerState]:
        # From here on the call may be billed, until an answer says otherwise.
        call.cost_usd = self._cost_usd(plan.model, Usage())
        try:
            answer = self._post(plan, wire)
        except NotConnected:
            call.cost_usd = Decimal(0)
            raise
        call.status = answer.status
        if answer.status != HTTPStatus.OK:
            call.cost_usd = Decimal(0)
            document = parse_document(answer.body)
            raise self._dialect.error_of_status(answer.status, answer.headers, document, now=self._clock())
        return self._dialect.read_answer(parse_object(answer.body, provider=self._dialect.provider))

    def _post(self, plan: _Plan, wire: WireRequest) -> HttpAnswer:
        provider = self._dialect.provider
        return post_json(
            shared_client(provider),
            httpx.URL(wire.url),
            wire.body,
            provider=provider,
            service=SERVICE,
            headers=wire.headers,
            total_s=max(0.001, plan.ends_at_mono_s - time.monotonic()),
            max_bytes=_MAX_BYTES,
        )

    def _object_in(self, text: str, state: AnswerState) -> Any:
        provider = self._dialect.provider
        if state.finish is Finish.REFUSED:
            raise refused_answer(provider)
        if state.finish is Finish.LENGTH:
            raise cut_by_limit(provider)
        answer = find_object(text) if state.finish is Finish.STOP else None
        if answer is None:
            raise empty_answer(provider)
        return answer

    def _cost_usd(self, model: str, usage: Usage) -> Decimal | None:
        """Return the price by the requested model, which is the billed one even if the answer names another."""
        return cost_usd(self._prices, self._dialect.provider, model, on=self._clock().date(), usage=usage)

    def _most_usd(self, model: str, question: Question) -> Decimal | None:
        texts = [*question.texts, json.dumps(question.schema)]
        return most_usd(
            self._prices,
            self._dialect.provider,
            model,
            on=self._clock().date(),
            input_tokens=self._dialect.tokens.most_input(texts, question.media),
            output_tokens=question.max_output_tokens,
        )
