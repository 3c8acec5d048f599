"""Display names of requests, made from the authors and texts of their posts."""

from collections.abc import Sequence

from whyviral.analysis.facts.post_text import first_sentence
from whyviral.social.models import Post

MAX_CHARACTERS = 80
_MAX_NAMES = 2


def name_of(posts: Sequence[Post]) -> str | None:
    """Return the authors of the posts, with the first sentence of a single post; None while no author is known.

    Args:
        posts: the fetched posts, in the order of the request.
    """
    authors = list(dict.fromkeys(f"@{post.username}" for post in posts if post.username))
    if not authors:
        return None
    if len(posts) == 1:
        words = first_sentence(posts[0].details.get("title") or posts[0].content or "")
        return _shorten(f"{authors[0]}: {words}" if words else authors[0])
    if len(authors) == 1:
        return f"{authors[0]}: {len(posts)} posts"
    named, rest = authors[:_MAX_NAMES], len(authors) - _MAX_NAMES
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")


def _shorten(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[: MAX_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip() + "…"
