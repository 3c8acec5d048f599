"""The creator and the kind of a stored post, under which its baseline is kept."""

from typing import Any

from whyviral.integrations.ports.creator_posts import Creator, PostKind
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.models import Post
from whyviral.social.platforms import Platform

from .comparison import ComparedPost

LONGEST_SHORT_S = 180
"""Source: support.google.com/youtube/answer/15424877, "up to three minutes"."""


def key_of(creator: Creator) -> str:
    """Return the key of a creator's baselines: the platform's id, else the handle, which some accounts change."""
    return creator.id or f"@{(creator.handle or '').lower()}"


def creator_of(post: Post) -> Creator | None:
    """Return the creator of a fetched post; None if the platform did not name one.

    Instagram's profiles are listed by their handle, so the handle is the key there.
    """
    match post.platform:
        case Platform.YOUTUBE:
            channel = _at(post.raw, "video", "channel_id")
            return Creator(id=channel, handle=post.username) if isinstance(channel, str) else None
        case Platform.X:
            author = _at(post.raw, "tweet", "retweeted_tweet", "author") or _at(post.raw, "tweet", "author")
            account = _at(author, "id")
            is_id = isinstance(account, str) and account.isascii() and account.isdigit()
            return Creator(id=account if is_id else None, handle=post.username) if post.username else None
        case _:
            return Creator(handle=post.username) if post.username else None


def kind_of(post: Post) -> PostKind | None:
    """Return the kind of a fetched post with its media loaded; None if it is unknown, or not comparable as a reply."""
    match post.platform:
        case Platform.YOUTUBE:
            return _kind_of_video(post)
        case Platform.X:
            return None if "replied_to" in post.details else PostKind.POST
        case _:
            shown = [medium.kind for medium in post.media if medium.kind != MediaKind.THUMBNAIL]
            return PostKind.REEL if shown == [MediaKind.VIDEO] else PostKind.PHOTO


def compared_post_of(post: Post) -> ComparedPost | None:
    """Return a fetched post in the form in which it is compared; None if its kind is not."""
    kind = kind_of(post)
    if kind is None:
        return None
    views, likes = post.metrics.get("views"), post.metrics.get("likes")
    return ComparedPost(
        post_id=post.platform_post_id,
        kind=kind,
        posted_at=post.posted_at,
        # As for the facts: zero views beside an engagement are unknown.
        views=None if views == 0 and any(post.metrics.values()) else views,
        likes=likes,
        is_paid_partnership=post.details.get("is_paid_partnership") is True,
    )


def _kind_of_video(post: Post) -> PostKind | None:
    if post.details.get("is_short") is True:
        return PostKind.SHORT
    if _at(post.raw, "video", "live_status") == "was_live":
        return PostKind.LIVE
    lengths = [medium.duration_s for medium in post.media if medium.kind == MediaKind.VIDEO and medium.duration_s]
    is_long = bool(lengths) and lengths[0] > LONGEST_SHORT_S
    # Of a brief video nothing but the flag says whether it is a Short.
    return PostKind.LONG if is_long or post.details.get("is_short") is False else None


def _at(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document
