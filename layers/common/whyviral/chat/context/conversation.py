"""The context of an answer: our rules, the material about the post, the conversation so far, and the question.

The estimate of its tokens never exceeds MAX_PROMPT_TOKENS. The rules, the facts, the verdict and the question are
always in it. The analysis and the post's words have budgets of their own (`subject_data`). What is left goes to earlier
turns, each question with its answer, from the newest back: the first pair that does not fit is left out with all before
it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from whyviral.integrations.ports.chat_model import ChatPrompt, ChatRole, ChatTurn

from .subject_data import SubjectData
from .token_estimate import estimate_tokens

PROMPT_VERSION = "chat.v1"
MAX_PROMPT_TOKENS = 40_000
MAX_OUTPUT_TOKENS = 4_096
MAX_EARLIER_MESSAGES = 200
"""How many earlier messages are read; more never fit."""
_TURN_OVERHEAD_TOKENS = 8
_QUESTION = "# The question"


@dataclass(frozen=True, slots=True)
class EarlierMessage:
    """A message of the conversation before the question."""

    seq: int
    role: ChatRole
    text: str


@dataclass(frozen=True, slots=True)
class Context:
    """A prompt, and what had to be left out of it."""

    prompt: ChatPrompt
    estimated_tokens: int
    turns_left_out: int
    """How many earlier messages the model was not given, of those that were read."""


def build_context(data: SubjectData, earlier: Sequence[EarlierMessage], question: str, *, user_ref: str) -> Context:
    """Return the context of the answer to a question.

    Args:
        data: the material about the post.
        earlier: messages before the question, in any order; questions without an answer are left out.
        question: the question, which is always the last turn.
        user_ref: an opaque name of the user.
    """
    system = rules()
    left = MAX_PROMPT_TOKENS - sum(map(estimate_tokens, (system, data.text, _QUESTION, question)))
    left -= 2 * _TURN_OVERHEAD_TOKENS
    kept: list[ChatTurn] = []
    for asked, answered in _pairs_newest_first(earlier):
        cost = sum(estimate_tokens(turn.text) + _TURN_OVERHEAD_TOKENS for turn in (asked, answered))
        if cost > left:
            break
        left -= cost
        kept = [asked, answered, *kept]
    turns = [*kept, ChatTurn(ChatRole.USER, question)]
    turns[0] = ChatTurn(ChatRole.USER, f"{data.text}\n\n{_QUESTION}\n{turns[0].text}")
    prompt = ChatPrompt(
        system=system,
        turns=turns,
        version=PROMPT_VERSION,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        user_ref=user_ref,
    )
    return Context(prompt, MAX_PROMPT_TOKENS - left, turns_left_out=len(earlier) - len(kept))


@cache
def rules() -> str:
    """Return our instructions, which are the same in every conversation."""
    return (
        resources.files("whyviral.chat.context").joinpath("prompts", f"{PROMPT_VERSION}.md").read_text(encoding="utf-8")
    )


def _pairs_newest_first(earlier: Sequence[EarlierMessage]) -> Iterator[tuple[ChatTurn, ChatTurn]]:
    """Yield each question with the answer that follows it, if that has any text."""
    by_seq = {message.seq: message for message in earlier}
    for seq in sorted(by_seq, reverse=True):
        answer, question = by_seq[seq], by_seq.get(seq - 1)
        if answer.role is ChatRole.ASSISTANT and answer.text and question is not None:
            yield ChatTurn(ChatRole.USER, question.text), ChatTurn(ChatRole.ASSISTANT, answer.text)
