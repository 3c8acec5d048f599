"""A question to a model, in the same form for every vendor and for both ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whyviral.integrations.ports.analyst import AnalystPrompt, MediaPart
from whyviral.integrations.ports.chat_model import ChatPrompt, ChatRole, ChatTurn


@dataclass(frozen=True, slots=True)
class Question:
    """The instructions, the turns of a conversation and the media before them."""

    system: str
    turns: Sequence[ChatTurn]
    media: Sequence[MediaPart]
    max_output_tokens: int
    schema: Mapping[str, Any] | None = None
    """Of the answer, which is then one JSON object; None: the answer is free text."""
    user_ref: str | None = None

    @property
    def texts(self) -> Sequence[str]:
        """Return all text that the model reads, without the schema."""
        return [self.system, *(turn.text for turn in self.turns)]


def question_of_chat(prompt: ChatPrompt) -> Question:
    """Return the question that continues a conversation."""
    return Question(
        prompt.system, prompt.turns, prompt.media, prompt.max_output_tokens, user_ref=prompt.user_ref or None
    )


def question_of_analysis(prompt: AnalystPrompt, *, schema: Mapping[str, Any], max_output_tokens: int) -> Question:
    """Return the question for one JSON object."""
    turn = ChatTurn(ChatRole.USER, prompt.user)
    return Question(prompt.system, [turn], prompt.media, max_output_tokens, schema=schema)
