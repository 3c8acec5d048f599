"""The words of a text, and the scripts that write no blanks between them."""

import re
from collections.abc import Iterator

from whyviral.integrations.http.vendor_text import has_words, is_letter_or_digit

_NO_BLANKS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aad\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Tai, Chinese and Japanese. Source: Unicode blocks; UAX #14, complex context."""
_FEW = 0.1


def split_words(text: str) -> list[str]:
    """Return what stands between blanks and has a letter or a digit."""
    return [chunk for chunk in text.split() if has_words(chunk)]


def has_countable_words(text: str) -> bool:
    """Return whether the words of a text can be counted by its blanks.

    Where more than a tenth of the letters are of a script without blanks they cannot: a line of Japanese captions would
    be one word, and Whisper's tokens many.
    """
    letters = sum(map(is_letter_or_digit, text))
    return sum(map(is_letter_or_digit, "".join(_NO_BLANKS.findall(text)))) <= letters * _FEW


def writes_no_blanks(text: str) -> bool:
    """Return whether a piece of text holds a letter of a script without blanks."""
    return _NO_BLANKS.search(text) is not None


def split_pieces(word: str) -> Iterator[str]:
    """Yield the parts of what stands between blanks that can be said one after the other.

    Each letter of a script without blanks is a part, with the marks and signs behind it; any other word stays whole.
    """
    piece = ""
    for character in word:
        is_letter = is_letter_or_digit(character)
        if piece and is_letter and (writes_no_blanks(character) or writes_no_blanks(piece)):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
