"""Markers of sounds that captions contain beside speech: [Music], (applause), musical notes."""

import re

from whyviral.integrations.http.vendor_text import has_words

_OPEN = r"\[(\uff08\uff3b\u3010\u3014\uff5b{"
_CLOSE = r"\])\uff09\uff3d\u3011\u3015\uff5d}"
_BRACKETS = re.compile(f"[{_OPEN}][^{_OPEN}{_CLOSE}]{{0,100}}[{_CLOSE}]")
_NOTES = re.compile("[\u2669-\u266f\U0001f3b5\U0001f3b6\U0001f3bc]")
_STARS = re.compile(r"[*\uff0a][^*\uff0a]{1,100}[*\uff0a]")
_MAX_DEPTH = 3


def blank_markers(text: str) -> str:
    """Replace the markers in a text by spaces, so that the text keeps its length.

    The words of a song stay, without its notes. A word between stars is a marker only if the text has no other words:
    `*music*` is a marker, while the stars in "I *love* it" are emphasis.
    """
    for _ in range(_MAX_DEPTH):  # brackets within brackets
        text = _BRACKETS.sub(_blanks, text)
    text = _NOTES.sub(_blanks, text)
    without_stars = _STARS.sub(_blanks, text)
    return text if has_words(without_stars) else without_stars


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])
