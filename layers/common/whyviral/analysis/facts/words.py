"""Words of a text, with support for scripts that write no spaces between words."""

import re
from collections.abc import Iterator

from whyviral.integrations.http.vendor_text import has_words, is_letter_or_digit

_NO_SPACES = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aad\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Tai, Chinese and Japanese. Source: Unicode blocks; UAX #14, complex context."""
_MAX_UNSPACED_SHARE = 0.1


def split_words(text: str) -> list[str]:
    """Return the parts between whitespace that have a letter or a digit."""
    return [chunk for chunk in text.split() if has_words(chunk)]


def has_countable_words(text: str) -> bool:
    """Return whether the words of a text can be counted by its spaces.

    They cannot if more than a tenth of the letters belong to a script without spaces: a line of Japanese captions would
    count as one word, and the same line from Whisper as many.
    """
    letters = sum(map(is_letter_or_digit, text))
    return sum(map(is_letter_or_digit, "".join(_NO_SPACES.findall(text)))) <= letters * _MAX_UNSPACED_SHARE


def has_unspaced_letters(text: str) -> bool:
    """Return whether a text contains a letter of a script without spaces."""
    return _NO_SPACES.search(text) is not None


def split_pieces(word: str) -> Iterator[str]:
    """Yield the parts of a word that are spoken one after the other.

    In a script without spaces each letter is a part, with the marks and punctuation after it. Any other word is one
    part.
    """
    piece = ""
    for character in word:
        is_letter = is_letter_or_digit(character)
        if piece and is_letter and (has_unspaced_letters(character) or has_unspaced_letters(piece)):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
