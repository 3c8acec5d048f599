"""What can be counted and quoted from the text of a post, in any script, without a model."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

HOOK_CHARACTERS = 120
MAX_TAG_CHARACTERS = 100

_PICTOGRAPH = (
    "(?:[\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
    "\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55]|[\u00a9\u00ae\u2000-\u3300](?=\ufe0f))"
    "\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}"  # a flag is two letters
    "|[0-9#*]\ufe0f?\u20e3"
    f"|{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*"
)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_HASH = re.compile(r"(?<![\w&#/])[#\uff03](?=\w)")
_MENTION = re.compile(r"(?<![\w@/.+-])[@\uff20](\w{1,50}(?:\.\w{1,50}){0,4})")
_QUESTION = re.compile("[?\uff1f\u061f\u2e2e\u055e]")
_EXCLAMATION = re.compile("[!\uff01\u055c]")
_SENTENCE_END = re.compile(
    "(?<=[.!?\u2026\u061f\u06d4\u0964])[\"'\u201d\u2019)\\]]*(?=\\s)|(?<=[\u3002\uff01\uff1f])|\n"
)


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Counts and quotations of one text; quotations are the author's words and stay untrusted."""

    characters: int
    words: int
    hook: str
    """The first sentence, shortened; empty where the text has no words of its own."""
    hashtags: Sequence[str]
    """As first written, with `#`, each once."""
    mentions: Sequence[str]
    links: int
    questions: int
    exclamations: int
    emojis: int


def read_text(text: str) -> TextFeatures:
    """Count and quote what the text holds; links count as links and as nothing else."""
    text = unicodedata.normalize("NFC", text)
    prose, links = _LINK.subn(" ", text)
    return TextFeatures(
        characters=count_characters(text),
        words=sum(any(map(str.isalnum, chunk)) for chunk in prose.split()),
        hook=first_sentence(prose),
        hashtags=_unique("#" + tag for tag in _hashtags(prose)),
        mentions=_unique("@" + name for name in _MENTION.findall(prose)),
        links=links,
        questions=len(_QUESTION.findall(prose)),
        exclamations=len(_EXCLAMATION.findall(prose)),
        emojis=len(_EMOJI.findall(prose)),
    )


def count_characters(text: str) -> int:
    """Count what people see: an emoji sequence, or a letter with its marks, is one character."""
    return sum(map(_is_visible, _EMOJI.sub("e", text)))


def first_sentence(text: str) -> str:
    """Return the first sentence on one line, cut between words where it is longer than a hook."""
    start = text.strip()[: 4 * HOOK_CHARACTERS]
    end = _SENTENCE_END.search(start)
    return _shorten(" ".join(start[: end.end() if end else None].split()))


def _shorten(text: str) -> str:
    if len(text) <= HOOK_CHARACTERS:
        return text
    blank = text.rfind(" ", 0, HOOK_CHARACTERS + 1)
    if blank > 0:
        return text[:blank]
    # One long run, as in Japanese: end between visible characters, never inside one.
    end = HOOK_CHARACTERS
    for emoji in _EMOJI.finditer(text):
        if emoji.start() < end < emoji.end():
            end = emoji.start()
    while end and not _is_visible(text[end]):
        end -= 1
    return text[: end or HOOK_CHARACTERS]


def _hashtags(text: str) -> Iterator[str]:
    for match in _HASH.finditer(text):
        tag = "".join(takewhile(_is_tag_character, text[match.end() : match.end() + MAX_TAG_CHARACTERS]))
        if not tag.isdecimal():  # platforms do not link #1
            yield tag


def _unique(tags: Iterable[str]) -> Sequence[str]:
    first_written: dict[str, str] = {}
    for tag in tags:
        first_written.setdefault(tag.casefold(), tag)
    return tuple(first_written.values())


def _is_tag_character(character: str) -> bool:
    # Marks and the zero-width joiners are part of words in Hindi, Persian and others.
    return character.isalnum() or character in "_\u200c\u200d" or unicodedata.category(character).startswith("M")


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Mn", "Mc", "Me", "Cf"}
