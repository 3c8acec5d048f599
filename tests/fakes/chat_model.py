"""A chat model that plays a script, and logs and bills its calls as a real one does."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, CallRecorder, ExternalCall
from whyviral.integrations.ports.chat_model import ChatDelta, ChatEnd, ChatEvent, ChatPrompt, Finish

MOST_USD = Decimal("0.05")
COST_USD = Decimal("0.002")


class Gate:
    """A place in a script where the model waits until a test opens it."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.reached = threading.Event()

    def open(self) -> None:
        self._opened.set()

    async def wait(self) -> None:
        self.reached.set()
        while not self._opened.is_set():  # noqa: ASYNC110 - a waiting thread could not be cancelled
            await asyncio.sleep(0.005)


type Step = str | Gate | ProviderError | Finish | BaseException


@dataclass(slots=True)
class ChatScript:
    """What the models of a test say, shared by all of them."""

    steps: Sequence[Step] = ("It ", "was ", "shared ", "[F1].", Finish.STOP)
    prompts: list[ChatPrompt] = field(default_factory=list)
    pause_s: float = 0.0
    """Between two pieces."""

    def build(self, calls: CallRecorder) -> "FakeChatModel":
        return FakeChatModel(self, calls)


@dataclass(slots=True)
class FakeChatModel:
    """Implements `ChatModel`."""

    script: ChatScript
    calls: CallRecorder

    async def stream(self, prompt: ChatPrompt, *, timeout_s: float) -> AsyncGenerator[ChatEvent]:  # noqa: ARG002
        self.script.prompts.append(prompt)
        intent = CallIntent("gemini", "POST stream", datetime.now(UTC), most_usd=MOST_USD, model="fake")
        await asyncio.to_thread(self.calls.begin, intent)
        cost_usd: Decimal | None = None
        category = None
        started_mono_s = time.monotonic()
        try:
            for step in self.script.steps:
                if isinstance(step, Gate):
                    await step.wait()
                elif isinstance(step, ProviderError):
                    category = step.category
                    raise step
                elif isinstance(step, BaseException):
                    raise step
                elif isinstance(step, Finish):
                    cost_usd = COST_USD
                    break
                else:
                    await asyncio.sleep(self.script.pause_s)
                    yield ChatDelta(step)
        finally:
            call = ExternalCall(
                intent.provider,
                intent.operation,
                intent.started_at,
                duration_ms=round((time.monotonic() - started_mono_s) * 1000),
                status=200,
                error_category=category,
                cost_usd=cost_usd,
                model="fake",
                input_tokens=100,
                output_tokens=20,
                id=intent.id,
            )
            await asyncio.shield(asyncio.to_thread(self.calls.record, call))
        finish = next((step for step in self.script.steps if isinstance(step, Finish)), None)
        if finish is not None:
            yield ChatEnd(
                finish,
                provider="gemini",
                model="fake",
                input_tokens=100,
                output_tokens=20,
                cost_usd=cost_usd,
                is_stand_in=False,
            )
