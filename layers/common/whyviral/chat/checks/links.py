"""Links in answers: the post's own address stays, every other link becomes text that no browser follows.

A model may have been talked into writing a link by text that it read. Readers turn Markdown, addresses and names of
hosts into links, so all three are looked for.
"""

import re
from dataclasses import dataclass

from whyviral.social.invalid_urls import InvalidPostUrl
from whyviral.social.post_urls import parse_post_url

REMOVED = "[link removed]"
_DOT = r"[.\u3002\uff0e\uff61]"
_TOP_LEVELS = (
    "com|net|org|io|co|ai|app|dev|info|biz|me|tv|gg|ly|xyz|top|site|online|shop|store|link|live|club|vip|fun|icu|work|"
    "click|zip|mov|page|cloud|web|pro|edu|gov|ru|cn|tk|ml|ga|cf|uk|de|fr|in|us|eu|to|cc|ws|su|ua|pl|nl|br|jp"
)
_LINK = re.compile(
    rf"""
    [a-z][a-z0-9+.\-]{{1,30}}:(?://|\\\\)[^\s<>]*                                     # any scheme with a host
    | (?<![\w/:])(?://|\\\\)(?=[\w.-]+{_DOT})[^\s<>]+                                 # the host alone
    | \b(?:javascript|vbscript|data|mailto|file|blob|tel|sms|intent):[^\s<>]*
    | \bwww{_DOT}[^\s<>]+
    | (?<![\w@/.])(?:[\w-]{{1,63}}{_DOT}){{1,8}}(?:[a-z]{{2,24}}|xn--[\w-]+)(?::\d{{1,5}})?[/?\#][^\s<>]*
    | (?<![\w@/.])(?:\d{{1,3}}{_DOT}){{3}}\d{{1,3}}(?::\d{{1,5}}|/)[^\s<>]*           # an address in numbers
    | (?<![\w@/.])(?:[\w-]{{1,63}}{_DOT}){{1,8}}(?:{_TOP_LEVELS})(?![\w-])
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MARKDOWN = re.compile(
    r"!?\[(?P<text>[^\]\n]{0,300})\]"
    r"\([ \t]*(?P<target><[^>\n]{0,2000}>|[^\s)]{0,2000})(?:[ \t]+[\"'(][^)\n]{0,300})?[ \t]*\)"
)
_HTML = re.compile(r"</?[a-z!][^>\n]{0,2000}>", re.IGNORECASE)
_TRAILING = ".,;:!?)]}>\"'*_`\u2026\u201d\u2019"


@dataclass(slots=True)
class LinkFilter:
    """Removes the links of one answer, except those to its post, and counts them."""

    post_url: str
    """The canonical address of the post."""
    removed: int = 0

    def apply(self, text: str) -> str:
        """Return the text without foreign links and without HTML."""
        text, tags = _HTML.subn("", text)
        self.removed += tags
        text = _MARKDOWN.sub(self._markdown, text)
        return _LINK.sub(lambda match: self._checked(match[0]), text)

    def _markdown(self, match: re.Match[str]) -> str:
        target = match["target"].strip("<>")
        shown = match["text"]
        if self._is_post(target):
            return f"{shown} ({self.post_url})" if shown and not self._is_post(shown) else self.post_url
        self.removed += 1
        return f"{shown} {REMOVED}".strip()

    def _checked(self, link: str) -> str:
        address = link.rstrip(_TRAILING)
        if self._is_post(address):
            return self.post_url + link[len(address) :]
        self.removed += 1
        return REMOVED + link[len(address) :]

    def _is_post(self, address: str) -> bool:
        try:
            return parse_post_url(address).canonical_url == self.post_url
        except InvalidPostUrl:
            return address == self.post_url
