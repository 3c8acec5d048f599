"""Chat with any vendor's model: one stream, with another key, model or try while no text has arrived."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.integrations.errors import CallThrottled, ConnectionDropped, NotConnected, ProviderError
from whyviral.integrations.http.api_keys import hash_of_key
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_stream
from whyviral.integrations.http.event_stream import EventReader, EventTooLarge
from whyviral.integrations.http.streamed import (
    StreamBroken,
    StreamedAnswer,
    StreamLimits,
    json_request,
    opened_stream,
    stream_client,
)
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.chat_model import ChatDelta, ChatEnd, ChatEvent, ChatPrompt, Finish
from whyviral.integrations.ports.price_list import PriceList

from .dialect import AnswerState, Dialect, WireRequest
from .documents import parse_document, parse_object
from .errors import (
    SERVICE,
    Fallback,
    ModelError,
    cut_answer,
    empty_answer,
    error_of_refused_call,
    unreadable_answer,
)
from .key_ring import KeyRing
from .prices import Usage, cost_usd, most_usd
from .question import Question, question_of_chat

_MAX_BYTES = 8 * 1024 * 1024
_MAX_PAUSE_S = 2.0
"""Before the same model is asked again: the person who asked is waiting, so a longer wait is an error instead."""
_MIN_TRY_S = 2.0
"""With less time left, no other try is started."""


@dataclass(slots=True)
class _Plan:
    """A question, with everything about it that may change between tries."""

    question: Question
    model: str
    spare_model: str | None
    ends_at_mono_s: float
    is_streamed: bool = True
    was_repeated: bool = False


class StreamedChatModel:
    """A `ChatModel` over HTTP.

    An instance remembers for its lifetime which keys failed. Build one for each message, so that a key that was
    repaired is used again.
    """

    def __init__(
        self,
        dialect: Dialect,
        keys: KeyRing,
        *,
        model: str,
        fallback_model: str | None,
        calls: CallRecorder,
        clock: Clock,
        prices: PriceList,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Build the model; it opens no connection before the first question.

        Args:
            dialect: the vendor's API.
            keys: the vendor's keys.
            model: asked first.
            fallback_model: asked once when `model` is overloaded or retired.
            calls: records every exchange.
            clock: returns the current time.
            prices: the prices of models.
            jitter: chooses the pause between two tries from a range of seconds.
        """
        self._dialect = dialect
        self._keys = keys
        self._model = model
        self._fallback_model = fallback_model
        self._calls = calls
        self._clock = clock
        self._prices = prices
        self._jitter = jitter

    async def stream(self, prompt: ChatPrompt, *, timeout_s: float) -> AsyncGenerator[ChatEvent]:
        """Yield the pieces of the answer, and then its end; see `ChatModel`."""
        ends_at_mono_s = time.monotonic() + timeout_s
        plan = _Plan(question_of_chat(prompt), self._model, self._fallback_model, ends_at_mono_s)
        async with stream_client(self._dialect.provider) as client:
            while True:
                has_text = False
                try:
                    key = await self._pick_key(plan)
                    async with aclosing(self._exchange(client, plan, key)) as events:
                        async for event in events:
                            has_text = True
                            yield event
                except (ModelError, CallThrottled, ConnectionDropped, StreamBroken) as exc:
                    pause_s = None if has_text else self._prepare_next_try(plan, key, exc)
                    if pause_s is None:
                        raise
                else:
                    return
                await asyncio.sleep(pause_s)

    async def _pick_key(self, plan: _Plan) -> str:
        """Return a key, after a wait where the first cooldown ends in a moment."""
        try:
            return self._keys.pick(now=self._clock())
        except ProviderError as exc:
            pause_s = exc.retry_after_s
            if plan.was_repeated or pause_s is None or not _has_time_for(plan, pause_s):
                raise
        plan.was_repeated = True
        await asyncio.sleep(pause_s)
        return self._keys.pick(now=self._clock())

    def _prepare_next_try(self, plan: _Plan, key: str, exc: ProviderError) -> float | None:
        """Apply the fallback of an error, and return the pause before the next try; None: there is none."""
        error = error_of_refused_call(exc, now=self._clock()) if isinstance(exc, CallThrottled) else exc
        fallback = error.fallback if isinstance(error, ModelError) else Fallback.OTHER_MODEL
        pause_s = 0.0
        match fallback:
            case Fallback.NEXT_KEY if isinstance(error, ModelError):
                self._keys.cool_down(key, until=error.key_cooldown_until)
            case Fallback.OTHER_MODEL if plan.spare_model:
                plan.model, plan.spare_model = plan.spare_model, None
            case Fallback.WITHOUT_STREAM if plan.is_streamed:
                plan.is_streamed = False
            case Fallback.OTHER_MODEL | Fallback.ASK_AGAIN if not plan.was_repeated and _may_pass(error):
                plan.was_repeated = True
                pause_s = error.retry_after_s or self._jitter(0.0, _MAX_PAUSE_S / 2)
            case _:
                return None
        return pause_s if _has_time_for(plan, pause_s) else None

    async def _exchange(self, client: httpx.AsyncClient, plan: _Plan, key: str) -> AsyncGenerator[ChatEvent]:
        dialect, model = self._dialect, plan.model
        timeout_s = plan.ends_at_mono_s - time.monotonic()
        wire = dialect.request(plan.question, model=model, key=key, timeout_s=timeout_s, is_streamed=plan.is_streamed)
        async with recorded_stream(
            self._calls,
            provider=dialect.provider,
            operation=dialect.operation,
            clock=self._clock,
            # Quotas are by account and model.
            key_hash=hash_of_key(key, scope=model),
            most_usd=self._most_usd(plan),
            model=model,
        ) as call:
            answer = _Answer(model)
            try:
                async with aclosing(self._deltas(client, wire, plan, call, answer)) as deltas:
                    async for text in deltas:
                        answer.has_text = True
                        yield ChatDelta(text)
                if answer.state.finish is None:  # a stream may end cleanly, with the status of a success, too early
                    raise cut_answer(dialect.provider)
                call.cost_usd = self._cost_usd(model, answer.state.usage)
                if not answer.has_text and answer.state.finish is not Finish.REFUSED:
                    raise empty_answer(dialect.provider)
            finally:
                call.model = answer.state.model or model
                call.input_tokens, call.output_tokens = (
                    answer.state.usage.input_tokens,
                    answer.state.usage.output_tokens,
                )
        # The call is recorded before the consumer sees the end, and settles its cost.
        yield ChatEnd(
            finish=answer.state.finish or Finish.OTHER,
            provider=dialect.provider,
            model=call.model,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost_usd=call.cost_usd,
            is_stand_in=endpoints.current().is_stand_in(dialect.provider),
        )

    async def _deltas(
        self, client: httpx.AsyncClient, wire: WireRequest, plan: _Plan, call: CallOutcome, answer: "_Answer"
    ) -> AsyncGenerator[str]:
        """Yield the pieces of text, none of them empty."""
        limits = StreamLimits(self._dialect.provider, SERVICE, plan.ends_at_mono_s, _MAX_BYTES)
        request = json_request(client, wire.url, wire.body, wire.headers)
        # From here on the call may be billed, until the answer says otherwise.
        call.cost_usd = self._cost_usd(plan.model, Usage())
        try:
            async with opened_stream(client, request, limits=limits) as received:
                call.status = received.status
                if received.status != HTTPStatus.OK:
                    call.cost_usd = Decimal(0)
                    document = parse_document(await received.read())
                    raise self._dialect.error_of_status(received.status, received.headers, document, now=self._clock())
                if plan.is_streamed:
                    async with aclosing(self._streamed_texts(received, answer)) as texts:
                        async for text in texts:
                            yield text
                    return
                document = parse_object(await received.read(), provider=self._dialect.provider)
                text, answer.state = self._dialect.read_answer(document)
                if text:
                    yield text
        except NotConnected:
            call.cost_usd = Decimal(0)
            raise

    async def _streamed_texts(self, received: StreamedAnswer, answer: "_Answer") -> AsyncGenerator[str]:
        reader, events = self._dialect.open_reader(), EventReader()
        answer.state = reader.state
        try:
            async with aclosing(received.chunks()) as chunks:
                async for chunk in chunks:
                    for event in events.feed(chunk):
                        if text := reader.read(event):
                            yield text
                        if answer.state.is_complete:
                            return
        except EventTooLarge as exc:
            raise unreadable_answer(self._dialect.provider) from exc

    def _most_usd(self, plan: _Plan) -> Decimal | None:
        question = plan.question
        return most_usd(
            self._prices,
            self._dialect.provider,
            plan.model,
            on=self._clock().date(),
            input_tokens=self._dialect.tokens.most_input(question.texts, question.media),
            output_tokens=question.max_output_tokens,
        )

    def _cost_usd(self, model: str, usage: Usage) -> Decimal | None:
        """Return the price by the requested model, which is the billed one even if the answer names another."""
        return cost_usd(self._prices, self._dialect.provider, model, on=self._clock().date(), usage=usage)


class _Answer:
    """One exchange's answer so far."""

    def __init__(self, model: str) -> None:
        self.state = AnswerState(model=model)
        self.has_text = False


def _has_time_for(plan: _Plan, pause_s: float) -> bool:
    """Whether a pause is short enough, and leaves time for another try."""
    left_s = plan.ends_at_mono_s - time.monotonic()
    return pause_s <= _MAX_PAUSE_S and left_s - pause_s >= _MIN_TRY_S


def _may_pass(error: ProviderError) -> bool:
    return error.is_transient or (isinstance(error, ModelError) and error.fallback is Fallback.ASK_AGAIN)
