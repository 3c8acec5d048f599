"""Where a link in a text ends, also in scripts that write no blank behind it."""

import re

# Non-ASCII punctuation and symbols, and the scripts whose letters stand beside a link without a blank.
_ENDS = (
    "\u00ab\u00bb\u2010-\u2027\u2030-\u205e\u2e00-\u2e7f\u3000-\u303f\u30fb\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20"
    "\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fff\u3040-\u30fa\u30fc-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff10-\uff3a\uff41-\uff5a\uff66-\uffdc\U00020000-\U0003ffff"
)
_LINK = re.compile(
    f'https?://(?:[^\\s<>"`/{_ENDS}{_LETTERS}]|[A-Za-z0-9.{_LETTERS}-]++(?=[/\\s]|\\Z))[^\\s<>"`{_ENDS}{_LETTERS}]*',
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[.,:;!?'*)\]}]+\Z")
"""Signs that end a link's sentence and not the link."""
_OF_THE_SENTENCE = re.compile(r"[!?)\]}]")


def cut_links(text: str) -> tuple[str, int]:
    """Return the text with a blank in place of each link, and the number of links.

    X ends a link at the same places. Source: twitter/twitter-text, rb/lib/twitter-text/regex.rb, 2026-11.
    """
    return _LINK.subn(lambda match: f" {''.join(_OF_THE_SENTENCE.findall(_behind(match[0])))}", text)


def _behind(link: str) -> str:
    """Return the signs at the end of what looks like a link that belong to the sentence around it."""
    match = _BEHIND.search(link)
    end = match.start() if match else len(link)
    # A closing bracket belongs to the link if it was opened there, as in /wiki/Kite_(bird).
    while link.startswith(")", end) and link.count("(", 0, end) > link.count(")", 0, end):
        end += 1
    return link[end:]
