"""A question to a stand-in model, however its vendor writes it, and the answer to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.stand_ins.language_models.described_bounds import with_described_bounds
from local.stand_ins.language_models.pictures import Picture
from local.stand_ins.language_models.prompt_orders import Ending, PromptOrder, read_order
from local.stand_ins.language_models.schema import SchemaFiller
from local.stand_ins.language_models.writer import chat_reply, gather

_CHARACTERS_PER_TOKEN = 4
_THOUGHTS_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a question, and what it costs in tokens."""

    text: str
    input_tokens: int
    output_tokens: int
    """Without thinking."""
    thinking_tokens: int
    is_complete: bool
    """Whether the limit of tokens left room for all of it."""


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """One request for an answer."""

    model: str
    system: str
    turns: Sequence[tuple[str, str]]
    """Role and text, in order."""
    pictures: Sequence[Picture]
    parts: Sequence[str]
    """The kind of each part, in order: `text` or a content type; never its content."""
    schema: Mapping[str, Any] | None
    max_output_tokens: int
    is_streamed: bool

    @property
    def order(self) -> PromptOrder:
        """What the last message orders of the answer."""
        return read_order(self.turns[-1][1])

    def answer(self, *, patch: int) -> Answered:
        """Return the answer; `patch` is the side of the square of a picture that counts as one token.

        Raises:
            UnfillableSchema: the schema cannot be followed.
        """
        user_text = "\n".join(text for role, text in self.turns if role != "assistant")
        pictures = len(self.pictures)
        media = f"{pictures} image{'s' if pictures > 1 else ''}" if pictures else ""
        material = gather(self.system, user_text, media=media)
        if self.schema is None:
            text = self.order.worded(chat_reply(material, self.turns[-1][1]))
        else:
            text = self.order.written(SchemaFiller(with_described_bounds(self.schema), material).answer())
        if self.order.ending in (Ending.REFUSE, Ending.EMPTY):
            text = ""
        thinking = int(count_tokens(text) * _THOUGHTS_SHARE)
        # Thinking counts against the limit, as it does with the real models.
        room = max(0, self.max_output_tokens - thinking) * _CHARACTERS_PER_TOKEN
        written = text[:room]
        asked = self.system + "".join(text for _, text in self.turns) + json.dumps(self.schema or "")
        input_tokens = count_tokens(asked) + sum(picture.tokens(patch) for picture in self.pictures)
        is_complete = len(written) == len(text) and self.order.ending is not Ending.LENGTH
        return Answered(written, input_tokens, count_tokens(written), thinking, is_complete)


def count_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
