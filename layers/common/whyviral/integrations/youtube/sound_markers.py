"""What captions write down although nobody says it: [Music], (applause), notes around a song."""

import re

from whyviral.integrations.http.vendor_text import has_words

_OPEN = r"\[(\uff08\uff3b\u3010\u3014\uff5b{"
_CLOSE = r"\])\uff09\uff3d\u3011\u3015\uff5d}"
_BRACKETS = re.compile(f"[{_OPEN}][^{_OPEN}{_CLOSE}]{{0,100}}[{_CLOSE}]")
_NOTES = re.compile("[\u2669-\u266f\U0001f3b5\U0001f3b6\U0001f3bc]")
_STARS = re.compile(r"[*\uff0a][^*\uff0a]{1,100}[*\uff0a]")
_DEEPEST = 3


def blank_markers(text: str) -> str:
    """Return the text with blanks in place of the markers, as long as before.

    The words of a song stay, without its notes. A word between stars is a marker only where nothing else is said:
    `*music*` is one, the star of "I *love* it" is emphasis.
    """
    for _ in range(_DEEPEST):  # brackets within brackets
        text = _BRACKETS.sub(_blanks, text)
    text = _NOTES.sub(_blanks, text)
    without_stars = _STARS.sub(_blanks, text)
    return text if has_words(without_stars) else without_stars


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])
