"""Replies to a tweet as TwitterAPI.io tells them, made into comments. Everything in them is untrusted."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from whyviral.integrations.ports.post_scraper import ScrapedComment

from .posts import Tweet, read_time

_MOST = 20
_MAX_TEXT = 2_000
_ADDRESSED_TO = re.compile(r"\A(?:@\w{1,20}\s+)+")


def read_replies(tweets: Sequence[Any], *, post_id: str) -> list[ScrapedComment]:
    """Return the comments in the order in which they came; pages overlap, and may hold the post itself."""
    comments: dict[str, ScrapedComment] = {}
    for raw in tweets:
        try:
            reply = Tweet.model_validate(raw)
        except ValidationError:
            continue
        # X begins a reply with the names of those it answers.
        text = _ADDRESSED_TO.sub("", (reply.text or "")[:_MAX_TEXT], count=1).strip()
        if reply.id is None or reply.id == post_id or not text:
            continue
        author = reply.author.user_name if reply.author else None
        comment = ScrapedComment(text, author, likes=reply.like_count, posted_at=read_time(reply.created_at))
        comments.setdefault(reply.id, comment)
    return list(comments.values())[:_MOST]
