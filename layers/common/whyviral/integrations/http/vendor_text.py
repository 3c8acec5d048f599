"""Text as vendors send it: escaped for HTML, and at times made of characters that show nothing."""

import html
import re
import unicodedata

_ESCAPE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<[0-9]{2,4}:[0-9:.]{5,12}>")
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category that show nothing: Hangul fillers and the blank Braille pattern."""
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"})
_WITHOUT_MEANING = "\ufffd"
"""What `html.unescape` makes of a number that names no character."""


def decode_escapes(text: str) -> str:
    """Return the text with each HTML escape decoded once, so that `&amp;lt;` becomes `&lt;`.

    Only whole escapes are decoded: `&copy=1` is part of an address.
    """
    return _ESCAPE.sub(_decoded, text)


def without_tags(text: str) -> str:
    """Return the text without HTML tags and the time tags of WebVTT; `i <3 you` has none."""
    return _TAG.sub("", text)


def is_invisible(character: str) -> bool:
    """Return whether a character shows nothing by itself: blanks of all widths, format characters, marks, fillers."""
    return character in _FILLERS or unicodedata.category(character) in _INVISIBLE_CATEGORIES


def is_letter_or_digit(character: str) -> bool:
    """Return whether a character is one of those that words are made of."""
    return character.isalnum() and character not in _FILLERS


def has_words(text: str) -> bool:
    """Return whether the text has a letter or a digit."""
    return any(map(is_letter_or_digit, text))


def visible_text(text: str) -> str:
    """Return the text without blanks around it; empty where it shows nothing."""
    return "" if all(map(is_invisible, text)) else text.strip()


def _decoded(match: re.Match[str]) -> str:
    character = html.unescape(match[0])
    is_storable = character != "\x00" and not any("\ud800" <= part <= "\udfff" for part in character)
    return character if is_storable else _WITHOUT_MEANING
