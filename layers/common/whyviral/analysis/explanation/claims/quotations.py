# ruff: noqa: RUF001 - the look-alikes are the point
"""Quoted phrases, hashtags and mentions of a text, and whether the words of the post contain them."""

import re
import unicodedata
from collections.abc import Iterable

from .lazy_pattern import LazyPattern

_PAIRS = (
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("«", "»"),
    ("‹", "›"),
    ("「", "」"),
    ("『", "』"),
    ('"', '"'),
    ("`", "`"),
    ("‚", "‘"),
)
_QUOTED = LazyPattern(
    "|".join(
        rf"{re.escape(opening)}([^{re.escape(opening + closing)}\n]{{1,1000}}){re.escape(closing)}"
        for opening, closing in _PAIRS
    )
    # Single marks are also apostrophes, so they must stand at the edges of words.
    + r"|(?<![\w'’])['‘]([^'’‘\n]{1,1000}(?:['’](?=\w)[^'’‘\n]{1,1000})*)['’](?!\w)"
)
_TAG = LazyPattern(r"(?<![\w&/])[#＃@＠]\w[\w.]{0,100}")
_ELLIPSIS = LazyPattern(r"\s*(?:\[?(?:…|\.{3,})\]?)\s*")
_DASHES = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "＃": "#", "＠": "@"})
_EDGES = " \t.,;:!?-'\"()[]…"


def split_quotations(text: str) -> tuple[list[str], str]:
    """Return the quoted phrases of a text, and the text with blanks in their place."""
    phrases = [next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)]
    return phrases, _QUOTED.sub(lambda match: " " * len(match[0]), text)


def split_tags(text: str) -> tuple[list[str], str]:
    """Return the hashtags and mentions of a text, and the text with blanks in their place."""
    return [match[0].rstrip(".") for match in _TAG.finditer(text)], _TAG.sub(lambda match: " " * len(match[0]), text)


def is_quoted_exactly(phrase: str, sources: Iterable[str]) -> bool:
    """Whether one of the sources contains the phrase word by word; an ellipsis may stand for words left out."""
    parts = [part for each in _ELLIPSIS.split(phrase) if (part := _comparable(each).strip(_EDGES))]
    return bool(parts) and any(_contains(_comparable(source), parts) for source in sources)


def _comparable(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text.translate(_DASHES)).casefold().translate(_DASHES).split())


def _contains(source: str, parts: list[str]) -> bool:
    position = 0
    for part in parts:
        match = re.compile(_whole_words(part)).search(source, position)
        if match is None:
            return False
        position = match.end()
    return True


def _whole_words(part: str) -> str:
    """Return the pattern of a phrase that begins and ends where words do, in scripts that separate words."""
    start = r"(?<![^\W_])" if part[0].isascii() and part[0].isalnum() else ""
    end = r"(?![^\W_])" if part[-1].isascii() and part[-1].isalnum() else ""
    return f"{start}{re.escape(part)}{end}"
