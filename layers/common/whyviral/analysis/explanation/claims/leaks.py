"""What a claim must never hold: links, secrets, markup, our own instructions, and another verdict than ours."""

import re
from collections.abc import Iterator
from functools import lru_cache

from whyviral.core.redaction import HIDDEN, redacted

from .lazy_pattern import LazyPattern

_LINK = LazyPattern(
    r"(?:h(?:tt|xx)ps?|ftp|javascript|data)\s?:|\bwww\."
    r"|(?<![\w.@])[a-z0-9-]{2,63}(?:\.[a-z0-9-]{1,63}){0,4}\.[a-z]{2,24}(?![\w.-])"
    r"|\]\s?\([^)]*\)",
    re.IGNORECASE,
)
_WHOLE_LINK = LazyPattern(rf"\S*(?:{_LINK.pattern})\S*", re.IGNORECASE)
_MARKUP = LazyPattern(r"</?[a-z!][^>\n]{0,200}>|\{\{|\}\}", re.IGNORECASE)
_UNREADABLE = LazyPattern(r"[A-Za-z0-9+/=_-]{48,}")
"""Longer than any word, and long enough to hold a key or encoded text."""
_ECHO_WORDS = 8
"""As many consecutive words of our instructions are a copy of them and no accident."""
_WORD = LazyPattern(r"\w+")
_SETS_VERDICT = LazyPattern(r"\bis_?viral\s*(?:=|:|is|to)\s*(?P<value>true|false|yes|no|1|0)\b", re.IGNORECASE)
_SUBJECT = r"(?:post|video|reel|short|clip|tweet|it|this)"
_VIRAL = LazyPattern(
    rf"\b{_SUBJECT}\s+(?:truly\s+|really\s+|clearly\s+)?(?:"
    r"(?P<denied>(?:is|was)(?:\s+not|n't|\s+never)\s+(?:yet\s+)?viral|did(?:\s+not|n't)\s+go\s+viral|never\s+went\s+viral|"
    r"failed\s+to\s+go\s+viral)|(?P<asserted>(?:is|was|went)\s+(?:truly\s+|really\s+|clearly\s+)?viral))\b",
    re.IGNORECASE,
)


def find_leaks(text: str, instructions: str) -> Iterator[str]:
    """Yield the reasons why the text must not be shown or kept at all.

    Args:
        text: one claim.
        instructions: the part of the prompt that is ours.
    """
    if _LINK.search(text):
        yield "it holds a link"
    if redacted(text) != text:
        yield "it holds something that looks like a key or an e-mail address"
    if _UNREADABLE.search(text):
        yield "it holds a long text of encoded characters"
    if _MARKUP.search(text):
        yield "it holds markup"
    if not _shingles_of_instructions(instructions).isdisjoint(_shingles(text)):
        yield "it repeats our instructions"


def without_leaks(text: str) -> str:
    """Return a stranger's words without links, keys and e-mail addresses, to show beside the claim that cites them."""
    return _UNREADABLE.sub(HIDDEN, redacted(_WHOLE_LINK.sub("[link]", text)))


def contradicts_verdict(text: str, *, is_viral: bool) -> bool:
    """Whether the text says the opposite of the verdict."""
    for match in _SETS_VERDICT.finditer(text):
        if (match["value"].lower() in ("true", "yes", "1")) is not is_viral:
            return True
    return any(bool(match["asserted"]) is not is_viral for match in _VIRAL.finditer(text))


@lru_cache(maxsize=4)
def _shingles_of_instructions(text: str) -> frozenset[tuple[str, ...]]:
    return _shingles(text)


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    return frozenset(tuple(words[start : start + _ECHO_WORDS]) for start in range(len(words) - _ECHO_WORDS + 1))
