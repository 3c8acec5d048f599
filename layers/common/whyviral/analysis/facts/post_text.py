"""Counts and quotations of a post's text, in any script, without a model."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from whyviral.analysis.facts.post_links import cut_links
from whyviral.analysis.facts.words import has_countable_words, split_words
from whyviral.social.platforms import Platform

HOOK_CHARACTERS = 120
MAX_TAG_CHARACTERS = 100

_PICTOGRAPH = (
    "(?:[\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
    "\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55]|[\u00a9\u00ae\u2000-\u3300](?=\ufe0f))"
    "\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}"  # a flag is a pair of regional indicators
    "|[0-9#*]\ufe0f?\u20e3"
    f"|{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*"
)
_HASH = re.compile(r"(?<![&#\uff03/])[#\uff03](?![\ufe0f\u20e3])")
_BESIDE_LETTERS = frozenset(
    "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
"""Characters of a hashtag beside letters, marks and digits: joiners, Hebrew quotes, wave dashes.

Source: twitter/twitter-text, rb/lib/twitter-text/regex.rb and conformance/extract.yml, 2026-11.
"""
_PRESENTATION = "\ufe0e\ufe0f"
_BEFORE_MENTION = r"(?:(?<![A-Za-z0-9_+~.-])[Rr][Tt]:?|(?<![A-Za-z0-9_!#$%&*@\uff20]))[@\uff20]"
_AFTER_MENTION = "(?![@\uff20\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253-\u028b\u0300-\u036f\u1e00-\u1eff]|://)"
_X_MENTION = re.compile(f"{_BEFORE_MENTION}([A-Za-z0-9_]{{1,20}}+)(?!/[A-Za-z]){_AFTER_MENTION}")
"""A name followed by a path is an X list, not a mention. Source: twitter/twitter-text, as for `_BESIDE_LETTERS`."""
_YOUTUBE_MENTION = re.compile(r"(?<![\w@\uff20/.+-])[@\uff20]((?>\w(?:[\w.\u00b7-]{0,28}\w)?))(?![@\uff20]|://)")
"""Handles of any script. Source: support.google.com/youtube/answer/11585688, 2026-11."""
_DOTTED_MENTION = re.compile(
    f"{_BEFORE_MENTION}((?>[A-Za-z0-9_](?:[A-Za-z0-9._]{{0,28}}[A-Za-z0-9_])?)){_AFTER_MENTION}"
)
"""Instagram's handles may contain dots."""
_MENTIONS = {Platform.X: _X_MENTION, Platform.YOUTUBE: _YOUTUBE_MENTION}
_QUESTION = re.compile("[?\uff1f\u061f\u2e2e\u055e]")
_EXCLAMATION = re.compile("[!\uff01\u055c]")
_SENTENCE_END = re.compile(
    "(?<=[.!?\u2026\u061f\u06d4\u0964])[\"'\u201d\u2019)\\]]*(?=\\s)|(?<=[\u3002\uff01\uff1f])|\n"
)


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Counts and quotations of one text; quotations are the author's words and stay untrusted."""

    characters: int
    words: int | None
    """None if the text is in a script without spaces, whose words cannot be counted."""
    hook: str
    """The first sentence, shortened; empty if the text is only links."""
    hashtags: Sequence[str]
    """Distinct hashtags with `#`, in their first spelling."""
    mentions: Sequence[str]
    links: int
    questions: int
    exclamations: int
    emojis: int


def read_text(text: str, *, platform: Platform | None = None) -> TextFeatures:
    """Return the counts and quotations of a text; links are counted only as links.

    Args:
        text: the text of a post.
        platform: the platform whose syntax of mentions applies; None means ASCII letters, digits, `_` and inner dots.
    """
    text = unicodedata.normalize("NFC", text)
    prose, links = cut_links(text)
    mention = _MENTIONS.get(platform, _DOTTED_MENTION) if platform else _DOTTED_MENTION
    return TextFeatures(
        characters=count_characters(text),
        words=len(split_words(prose)) if has_countable_words(prose) else None,
        hook=first_sentence(prose),
        hashtags=_unique("#" + tag for tag in _hashtags(prose)),
        mentions=_unique("@" + name for name in mention.findall(prose)),
        links=links,
        questions=len(_QUESTION.findall(prose)),
        exclamations=len(_EXCLAMATION.findall(prose)),
        emojis=len(_EMOJI.findall(prose)),
    )


def count_characters(text: str) -> int:
    """Count visible characters; an emoji sequence or a letter with its marks counts as one."""
    return sum(map(_is_visible, _EMOJI.sub("e", text)))


def first_sentence(text: str) -> str:
    """Return the first sentence on one line, cut between words if it is longer than a hook."""
    start = text.strip()[: 4 * HOOK_CHARACTERS]
    end = _SENTENCE_END.search(start)
    return _shorten(" ".join(start[: end.end() if end else None].split()))


def _shorten(text: str) -> str:
    if len(text) <= HOOK_CHARACTERS:
        return text
    space = text.rfind(" ", 0, HOOK_CHARACTERS + 1)
    if space > 0:
        return text[:space]
    # A text without spaces, as in Japanese, is cut between visible characters and never inside one.
    end = HOOK_CHARACTERS
    for emoji in _EMOJI.finditer(text):
        if emoji.start() < end < emoji.end():
            end = emoji.start()
    while end and not _is_visible(text[end]):
        end -= 1
    return text[: end or HOOK_CHARACTERS]


def _hashtags(text: str) -> Iterator[str]:
    """Yield the hashtags by X's syntax, which suits the other platforms well enough."""
    for match in _HASH.finditer(text):
        before = text[match.start() - 1 : match.start()]
        if before and before not in _PRESENTATION and _is_tag_character(before):
            continue
        tag = "".join(takewhile(_is_tag_character, text[match.end() : match.end() + MAX_TAG_CHARACTERS]))
        is_whole = not text.startswith(("#", "\uff03", "://"), match.end() + len(tag))
        if is_whole and any(unicodedata.category(character)[0] in "LM" for character in tag):
            yield tag


def _unique(tags: Iterable[str]) -> Sequence[str]:
    first_written: dict[str, str] = {}
    for tag in tags:
        first_written.setdefault(tag.casefold(), tag)
    return tuple(first_written.values())


def _is_tag_character(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _BESIDE_LETTERS


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Mn", "Mc", "Me", "Cf"}
