"""Records of YouTube videos in Bright Data's videos dataset. Source: docs.brightdata.com, 2026-11."""

from datetime import timedelta
from typing import Any

from local.stand_ins.media.headers import duration_ms
from local.stand_ins.scenario.posts import Post


def video_record(post: Post, *, url: str, links_live: timedelta) -> dict[str, Any]:  # noqa: ARG001 - has no such links
    """Return the record; its title is the first line of the post's text."""
    title, _, description = post.text.partition("\n")
    length_ms = duration_ms(post.media[0].content) if post.media else None
    record = {
        "url": f"https://www.youtube.com/watch?v={post.id}",
        "video_id": post.id,
        "shortcode": post.id,
        "title": title,
        "description": description.strip(),
        "youtuber": post.username,
        "youtuber_id": None,
        "handle_name": post.username,
        "channel_url": None,
        "subscribers": None,
        "verified": None,
        "video_length": None if length_ms is None else length_ms // 1000,
        "likes": post.metrics.likes,
        "views": post.metrics.views,
        "num_comments": post.metrics.comments,
        "date_posted": post.posted_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "preview_image": f"https://i.ytimg.com/vi/{post.id}/maxresdefault.jpg",
        "video_url": f"https://www.youtube.com/watch?v={post.id}",
        "tags": None,
        "transcript": None,
        "quality": None,
        "is_sponsored": False,
        "is_age_restricted": False,
        "input": {"url": url},
        "_stand_in": {"is_stand_in": True, "approximate": post.approximate, "note": post.note},
    }
    return record | post.raw
