"""Finds links in a text, also in scripts that write no space after a link."""

import re

# Non-ASCII punctuation and symbols, and the scripts whose letters follow a link without a space.
_ENDS = (
    "\u00ab\u00bb\u2010-\u2027\u2030-\u205e\u2e00-\u2e7f\u3000-\u303f\u30fb\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20"
    "\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fff\u3040-\u30fa\u30fc-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff10-\uff3a\uff41-\uff5a\uff66-\uffdc\U00020000-\U0003ffff"
)
# Ignoring case everywhere would make Python fold every letter of the scripts, which takes most of the import.
_LINK = re.compile(
    f'(?i:https?)://(?:[^\\s<>"`/{_ENDS}{_LETTERS}]|(?:(?i:[a-z0-9.-])|[{_LETTERS}])++(?=[/\\s]|\\Z))'
    f'[^\\s<>"`{_ENDS}{_LETTERS}]*'
)
_TRAILING = re.compile(r"[.,:;!?'*)\]}]+\Z")
"""Punctuation at the end of a link that belongs to the sentence around it."""
_SENTENCE_PUNCTUATION = re.compile(r"[!?)\]}]")


def cut_links(text: str) -> tuple[str, int]:
    """Return the text with a space in place of each link, and the number of links.

    Links end where X ends them. Source: twitter/twitter-text, rb/lib/twitter-text/regex.rb, 2026-11.
    """
    return _LINK.subn(lambda match: f" {''.join(_SENTENCE_PUNCTUATION.findall(_trailing_punctuation(match[0])))}", text)


def _trailing_punctuation(link: str) -> str:
    """Return the punctuation at the end of a matched link that belongs to the sentence around it."""
    match = _TRAILING.search(link)
    end = match.start() if match else len(link)
    # A closing bracket belongs to the link if it was opened there, as in /wiki/Kite_(bird).
    while link.startswith(")", end) and link.count("(", 0, end) > link.count(")", 0, end):
        end += 1
    return link[end:]
