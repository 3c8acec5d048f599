"""Cleaning of vendors' text, which may contain HTML escapes, tags and invisible characters."""

import html
import re
import unicodedata

_ESCAPE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<[0-9]{2,4}:[0-9:.]{5,12}>")
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Invisible characters that Unicode classifies as letters or symbols: Hangul fillers and the blank Braille pattern."""
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"})
_REPLACEMENT_CHARACTER = "\ufffd"
"""The result of `html.unescape` for a number that is no character."""


def decode_escapes(text: str) -> str:
    """Return the text with each HTML escape decoded once, so that `&amp;lt;` becomes `&lt;`.

    Only whole escapes are decoded: `&copy=1` is part of an address.
    """
    return _ESCAPE.sub(_decoded, text)


def without_tags(text: str) -> str:
    """Return the text without HTML tags and WebVTT time tags; `i <3 you` is unchanged."""
    return _TAG.sub("", text)


def is_invisible(character: str) -> bool:
    """Whether a character is invisible by itself: a blank of any width, a format character, a mark or a filler."""
    return character in _FILLERS or unicodedata.category(character) in _INVISIBLE_CATEGORIES


def is_letter_or_digit(character: str) -> bool:
    """Whether a character is a visible letter or a digit."""
    return character.isalnum() and character not in _FILLERS


def has_words(text: str) -> bool:
    """Whether the text contains a letter or a digit."""
    return any(map(is_letter_or_digit, text))


def visible_text(text: str) -> str:
    """Return the text without surrounding blanks; empty if all its characters are invisible."""
    return "" if all(map(is_invisible, text)) else text.strip()


def _decoded(match: re.Match[str]) -> str:
    character = html.unescape(match[0])
    is_storable = character != "\x00" and not any("\ud800" <= part <= "\udfff" for part in character)
    return character if is_storable else _REPLACEMENT_CHARACTER
