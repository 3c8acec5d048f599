"""Keeps our instructions out of answers: a run of their words, word for word, is removed while it is streamed.

A model that obeys its reader may repeat them. A run of words is held back from its third word on, until it differs from
the instructions or is long enough to be a quotation of them. A translated or encoded repetition is not recognised.
"""

import re
from collections import defaultdict

REMOVED = "[removed]"
_HELD_FROM = 3
_QUOTED_FROM = 10
"""As many words in the same order are no accident."""
_TOKEN = re.compile(r"\S+\s*|\s+")
_WORD = re.compile(r"[^\W_]+")
_CITATION = re.compile(r"\[(?:inference|[FTM][0-9]+)\]", re.IGNORECASE)
"""Not counted as words, because the check of citations replaces them."""


class InstructionGuard:
    """Removes quotations of instructions from one answer."""

    def __init__(self, instructions: str) -> None:
        """Guard these instructions.

        Args:
            instructions: the text of which no run of ten words may appear in the answer.
        """
        self._positions: dict[str, list[int]] = defaultdict(list)
        for position, word in enumerate(_words(instructions)):
            self._positions[word].append(position)
        self._runs: dict[int, int] = {}
        """The length of the run that ends at each position of the instructions."""
        self._held = ""
        self._is_quoting = False
        self.removed = 0
        """How many quotations were removed."""

    def feed(self, text: str) -> str:
        """Return the text that may be shown by now; the text given ends between two words."""
        return "".join(self._next(token) for token in _TOKEN.findall(text))

    def close(self) -> str:
        """Return what was still held back, once the answer has ended."""
        held, self._held = self._held, ""
        return "" if self._is_quoting else held

    def _next(self, token: str) -> str:
        length = self._run_after(token)
        if length >= _QUOTED_FROM:
            self._held = ""
            if self._is_quoting:
                return ""
            self._is_quoting = True
            self.removed += 1
            return f"{REMOVED} "
        if self._is_quoting and length < _HELD_FROM:
            self._is_quoting = False
        if length >= _HELD_FROM:
            self._held += token
            return ""
        released, self._held = self._held + token, ""
        return released

    def _run_after(self, token: str) -> int:
        for word in _words(token):
            self._runs = {position: self._runs.get(position - 1, 0) + 1 for position in self._positions.get(word, ())}
        return max(self._runs.values(), default=0)


def _words(text: str) -> list[str]:
    return _WORD.findall(_CITATION.sub(" ", text).lower())
