"""Facts about the comments on a post: counts of their forms, and the words that several of them share.

The counts need no language: they look at marks, names, emojis and repetition, and interpret nothing.
"""

from collections import Counter
from collections.abc import Iterator

from whyviral.integrations.http.vendor_text import is_letter_or_digit

from .fact_sheet import FactSheet
from .post_links import cut_links
from .post_text import TextFeatures, read_text
from .snapshot import PostSnapshot
from .words import has_countable_words, split_words

MIN_SHARED = 3
"""A word is a theme if this many comments contain it."""
MAX_THEMES = 5
_MIN_LETTERS = 4
"""Shorter words are mostly grammar in the languages that write spaces."""
_MAX_LETTERS = 40


def add_comments(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the counts of the known comments, and their most frequent shared words with the number of comments."""
    texts = [text for comment in post.comments if isinstance(text := comment.get("text"), str)]
    if not post.comments:
        return
    source = f"{post.platform} comments"
    facts.add("known_comments", len(post.comments), "comments", source)
    read = [read_text(text, platform=post.platform) for text in texts]
    facts.add("comments_with_questions", sum(text.questions > 0 for text in read), "comments", source)
    facts.add("comments_with_exclamations", sum(text.exclamations > 0 for text in read), "comments", source)
    facts.add("comments_with_mentions", sum(bool(text.mentions) for text in read), "comments", source)
    facts.add("comments_of_emojis_only", sum(map(_is_emojis_only, read)), "comments", source)
    shared = Counter(word for text in texts for word in set(_words(text)))
    # The most frequent first; equally frequent words in a fixed order.
    ranked = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
    themes = [f"{word}: {count}" for word, count in ranked if count >= MIN_SHARED][:MAX_THEMES]
    if themes:
        facts.add_quotation("comment_themes", tuple(themes), "words with their number of comments", source)


def _is_emojis_only(text: TextFeatures) -> bool:
    return text.emojis > 0 and text.words == 0 and not text.links and not text.mentions


def _words(text: str) -> Iterator[str]:
    """Yield the words in lower case, without punctuation around them; none of a script without spaces."""
    prose, _ = cut_links(text)
    if not has_countable_words(prose):
        return
    for chunk in split_words(prose):
        word = "".join(letter for letter in chunk.casefold() if is_letter_or_digit(letter) or letter in "'\u2019-")
        word = word.strip("'\u2019-")
        if not chunk.startswith("@") and _MIN_LETTERS <= len(word) <= _MAX_LETTERS and not word.isdigit():
            yield word
