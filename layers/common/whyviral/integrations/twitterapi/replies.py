"""Converts replies of TwitterAPI.io to comments. All of them are untrusted."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from whyviral.integrations.http.vendor_text import visible_text
from whyviral.integrations.ports.post_scraper import ScrapedComment

from .posts import Tweet, read_time, text_of

_MOST = 20
_MAX_TEXT = 2_000
_ADDRESSED_TO = re.compile(r"\A(?:@\w{1,20}(?:\s+|\Z))+")


def read_replies(tweets: Sequence[Any], *, post_id: str) -> list[ScrapedComment]:
    """Return the comments in the order in which they came; pages overlap, and may hold the post itself."""
    comments: dict[str, ScrapedComment] = {}
    for raw in tweets:
        try:
            reply = Tweet.model_validate(raw)
        except ValidationError:
            continue
        # X begins a reply with the handles of the accounts that it answers.
        text = visible_text(_ADDRESSED_TO.sub("", text_of(reply), count=1))[:_MAX_TEXT]
        if reply.id is None or reply.id == post_id or not text:
            continue
        author = reply.author.user_name if reply.author else None
        comment = ScrapedComment(text, author, likes=reply.like_count, posted_at=read_time(reply.created_at))
        comments.setdefault(reply.id, comment)
    return list(comments.values())[:_MOST]
