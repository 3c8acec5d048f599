"""What a list of requests calls a request, made of the posts it is about."""

from collections.abc import Sequence

from whyviral.analysis.facts.post_text import first_sentence
from whyviral.social.models import Post

MAX_CHARACTERS = 80
_MOST_NAMES = 2


def name_of(posts: Sequence[Post]) -> str | None:
    """Return whose posts they are, and of a single one how it begins; None while none of them is known.

    Args:
        posts: fetched ones, in the order of the request.
    """
    authors = list(dict.fromkeys(f"@{post.username}" for post in posts if post.username))
    if not authors:
        return None
    if len(posts) == 1:
        words = first_sentence(posts[0].details.get("title") or posts[0].content or "")
        return _shorten(f"{authors[0]}: {words}" if words else authors[0])
    if len(authors) == 1:
        return f"{authors[0]}: {len(posts)} posts"
    named, rest = authors[:_MOST_NAMES], len(authors) - _MOST_NAMES
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")


def _shorten(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[: MAX_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip() + "…"
