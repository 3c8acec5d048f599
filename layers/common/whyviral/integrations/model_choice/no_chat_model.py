"""The chat model of a system without a model: every question fails with a reason."""

from collections.abc import AsyncIterator
from typing import Self

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.chat_model import ChatEvent, ChatPrompt


class NoChatModel:
    """A `ChatModel` for systems that explain posts from measurements."""

    def stream(self, prompt: ChatPrompt, *, timeout_s: float) -> AsyncIterator[ChatEvent]:  # noqa: ARG002 - of the protocol
        """Return an answer that fails before its first event."""
        return _NoAnswer()


class _NoAnswer:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatEvent:
        raise ProviderError(
            "No model answers questions here: this system explains posts from measurements.",
            provider="measured",
            category=ErrorCategory.UNSUPPORTED,
        )
