"""Checks an answer while it is streamed: citations, numbers, links, secrets and our own instructions.

Text is released as soon as it can be judged: up to the last whole word outside of an open bracket. What was released is
final, so that a streamed answer equals the saved one.
"""

import re
import unicodedata
from typing import Any

from whyviral.chat.context.subject_data import SubjectData
from whyviral.core.redaction import HIDDEN, redacted

from .cited_statements import CitedStatements
from .instruction_guard import InstructionGuard
from .links import LinkFilter

_OPENING = "[\uff3b\u3010\u3014\u3016\u27e6(\uff08{\uff5b<\uff1c\u3008\u27e8\u300a\u00ab\u2039\u300c\u300e"
_CLOSING = "]\uff3d\u3011\u3015\u3017\u27e7)\uff09}\uff5d>\uff1e\u3009\u27e9\u300b\u00bb\u203a\u300d\u300f"
_MAX_BRACKET_CHARACTERS = 250
"""A longer bracket is no citation and no text of a link."""
_MAX_WORD_CHARACTERS = 2_000
_LINK_MARKS = re.compile(r"[:./\\\u3002\uff0e\uff61@%]")
_ASCII_END = re.compile(r"[!-~]*\Z")
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MAX_CLAUSE_CHARACTERS = 400


class AnswerFilter:
    """The checks of one answer."""

    def __init__(self, data: SubjectData, *, post_url: str, instructions: str) -> None:
        self._statements = CitedStatements(data.sources, is_viral=data.is_viral)
        self._links = LinkFilter(post_url)
        self._guard = InstructionGuard(instructions)
        self._undecided = ""
        self._clause = ""
        """The end of the checked text since its last bracket, which a citation may prove."""
        self._secrets = 0

    def feed(self, text: str) -> str:
        """Return the text that can be shown after this piece of the model's answer; may be empty."""
        self._undecided += _without_controls(text)
        end = _decided_end(self._undecided)
        decided, self._undecided = self._undecided[:end], self._undecided[end:]
        return self._guard.feed(self._checked(decided)) if decided else ""

    def close(self) -> str:
        """Return the rest of the answer, once the model has ended it."""
        decided, self._undecided = self._undecided, ""
        return self._guard.feed(self._checked(decided)) + self._guard.close()

    def counts(self) -> dict[str, Any]:
        """Return how much was replaced or removed, by kind."""
        return {
            "unknown_citations": self._statements.unknown,
            "unproven_statements": self._statements.unproven,
            "links_removed": self._links.removed,
            "secrets_removed": self._secrets,
            "instructions_removed": self._guard.removed,
        }

    def _checked(self, text: str) -> str:
        text = self._links.apply(self._statements.with_known_citations(text))
        hidden = redacted(text)
        self._secrets += hidden.count(HIDDEN) - text.count(HIDDEN)
        with_clause = self._statements.with_proven_citations(self._clause + hidden)
        checked = with_clause[len(self._clause) :]  # the clause holds no citation, so it is unchanged
        self._clause = with_clause.rpartition("]")[2][-_MAX_CLAUSE_CHARACTERS:]
        return checked


def _without_controls(text: str) -> str:
    """Return the text without characters on which a terminal, a page or a database may act."""
    return "".join(character for character in text.replace("\r\n", "\n") if _is_harmless(character))


def _is_harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _BIDI_CONTROLS


def _decided_end(text: str) -> int:
    """Return where the undecided rest of a text starts: at an open bracket, or at a word that may go on."""
    end = _word_end(text)
    opened = _open_bracket(text[:end])
    return end if opened is None else opened


def _word_end(text: str) -> int:
    blank = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
    word = text[blank:]
    if len(word) > _MAX_WORD_CHARACTERS:
        return len(text)
    if _LINK_MARKS.search(word) or not word:
        return blank
    # Other scripts write without blanks; a link or a citation starts with ASCII letters.
    ascii_end = _ASCII_END.search(word)
    return blank + (ascii_end.start() if ascii_end else len(word))


def _open_bracket(text: str) -> int | None:
    """Return where the first bracket that is still open starts; None if there is none near the end."""
    start = max(0, len(text) - _MAX_BRACKET_CHARACTERS, text.rfind("\n") + 1)
    opened: list[int] = []
    for position in range(start, len(text)):
        if text[position] in _OPENING:
            opened.append(position)
        elif text[position] in _CLOSING and opened:
            opened.pop()
    return opened[0] if opened else None
