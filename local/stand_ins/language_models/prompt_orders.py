"""Orders to a stand-in model that stand in the prompt itself, such as `stand-in:tokens=200` or `stand-in:cut`.

They are written in the last message, and need no state: calls that run at the same time do not disturb each other.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ORDER = re.compile(r"\bstand-in:([a-z_0-9]{1,30})(?:=([0-9]{1,6}))?")
_WORD = re.compile(r"\S+\s*")
_PIECE_CHARACTERS = 40
_MOST_TOKENS, _MOST_PAUSE_MS = 20_000, 60_000
_PROSE = "Here is the analysis that you asked for:\n\n```json\n{}\n```\nTell me if you need more."


class Ending(StrEnum):
    """How an answer ends."""

    COMPLETE = "complete"
    LENGTH = "length"
    """It reaches the limit of output tokens."""
    REFUSE = "refuse"
    """It is refused before any text."""
    REFUSE_MIDWAY = "refuse_midway"
    EMPTY = "empty"
    """It is complete and has no text."""
    ERROR = "error"
    """The vendor's own error event follows half of the text."""
    ERROR_FIRST = "error_first"
    """The vendor's own error event is the first of the stream."""
    CUT = "cut"
    """The connection ends after half of the text."""
    CUT_FIRST = "cut_first"
    """The connection ends before any text."""
    END_EARLY = "end_early"
    """The stream ends cleanly after half of the text, without its last event."""
    SILENCE = "silence"
    """Nothing follows half of the text."""
    GARBAGE = "garbage"
    """A line that is no event of the vendor follows half of the text."""


@dataclass(frozen=True, slots=True)
class PromptOrder:
    """What a prompt orders of its answer."""

    ending: Ending = Ending.COMPLETE
    tokens: int | None = None
    """The number of words to stream, one in each event; None: the usual answer."""
    pause_ms: int = 0
    """Between two events with text."""
    has_separators: bool = False
    """Whether U+2028 stands in the text, unescaped."""
    is_split: bool = False
    """Whether the bytes are sent in small pieces, which cut lines and characters."""
    form: str = "plain"
    """Of a JSON answer: plain, prose (in a fence, between sentences) or truncated."""

    def worded(self, text: str) -> str:
        """Return the text of an answer: the usual one, or as many words as are ordered."""
        if self.tokens is None:
            return f"\u2028{text}" if self.has_separators else text
        separator = " \u2028" if self.has_separators else " "
        return "".join(f"word{number}{separator}" for number in range(self.tokens))

    def pieces_of(self, text: str) -> list[str]:
        """Return the text of each event: one word, or a fixed number of characters of the usual answer."""
        if self.tokens is not None:
            return _WORD.findall(text) or [""]
        return [text[start : start + _PIECE_CHARACTERS] for start in range(0, max(1, len(text)), _PIECE_CHARACTERS)]

    def written(self, answer: Any) -> str:
        """Return a JSON answer in the ordered form."""
        text = json.dumps(answer, ensure_ascii=False)
        match self.form:
            case "prose":
                return _PROSE.replace("{}", text)
            case "truncated":
                return text[: len(text) // 2]
        return text


def read_order(text: str) -> PromptOrder:
    """Return the order in a message; the usual answer where there is none."""
    found = dict(_ORDER.findall(text))
    endings = [Ending(name) for name in found if name in Ending]
    forms = [form for form in ("prose", "truncated") if form in found]
    return PromptOrder(
        ending=endings[0] if endings else Ending.COMPLETE,
        tokens=min(int(found["tokens"] or 1), _MOST_TOKENS) if "tokens" in found else None,
        pause_ms=min(int(found.get("pause_ms") or 0), _MOST_PAUSE_MS),
        has_separators="u2028" in found,
        is_split="split" in found,
        form=forms[0] if forms else "plain",
    )
