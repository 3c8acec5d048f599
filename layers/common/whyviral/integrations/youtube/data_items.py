"""Items of YouTube's Data API in the field names of yt-dlp, so that one parser reads both."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel, count_of_text
from whyviral.integrations.http.vendor_text import decode_escapes, visible_text, without_tags
from whyviral.integrations.ports.post_scraper import ScrapedComment

from . import errors as failures

_MAX_COMMENT = 10_000
_MAX_NAME = 200
_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,6})S)?)?")
_LIVE = {"live": "is_live", "upcoming": "is_upcoming"}
_PICTURES = ("maxres", "standard", "high", "medium", "default")
_AGE_RESTRICTED = "ytAgeRestricted"
_CATEGORIES = {
    "1": "Film & Animation",
    "2": "Autos & Vehicles",
    "10": "Music",
    "15": "Pets & Animals",
    "17": "Sports",
    "19": "Travel & Events",
    "20": "Gaming",
    "22": "People & Blogs",
    "23": "Comedy",
    "24": "Entertainment",
    "25": "News & Politics",
    "26": "Howto & Style",
    "27": "Education",
    "28": "Science & Technology",
    "29": "Nonprofits & Activism",
}
"""The categories of videos. Source: developers.google.com/youtube/v3/docs/videoCategories/list, 2026-11."""


type Digits = Annotated[Count, BeforeValidator(count_of_text)]
"""A count, which the API writes as a string."""


class ApiModel(VendorModel):
    """A document whose fields are written like `channelTitle`."""

    model_config = ConfigDict(alias_generator=to_camel)


class Picture(ApiModel):
    """A thumbnail."""

    url: Lenient[str] = None


class Snippet(ApiModel):
    """Title, channel, tags and dates of a video or a channel."""

    published_at: Lenient[str] = None
    channel_id: Lenient[str] = None
    title: Lenient[str] = None
    description: Lenient[str] = None
    thumbnails: Lenient[dict[str, Lenient[Picture]]] = None
    channel_title: Lenient[str] = None
    tags: Lenient[list[Lenient[str]]] = None
    category_id: Lenient[str] = None
    live_broadcast_content: Lenient[str] = None
    default_audio_language: Lenient[str] = None
    custom_url: Lenient[str] = None


class Statistics(ApiModel):
    """The counts; hidden ones are absent."""

    view_count: Lenient[Digits] = None
    like_count: Lenient[Digits] = None
    comment_count: Lenient[Digits] = None
    subscriber_count: Lenient[Digits] = None
    hidden_subscriber_count: Lenient[bool] = None


class Rating(ApiModel):
    """Who may watch."""

    yt_rating: Lenient[str] = None


class ContentDetails(ApiModel):
    """Length and rating of a video."""

    duration: Lenient[str] = None
    content_rating: Lenient[Rating] = None


class Item(ApiModel):
    """A video or a channel."""

    snippet: Lenient[Snippet] = None
    statistics: Lenient[Statistics] = None
    content_details: Lenient[ContentDetails] = None


class Comment(ApiModel):
    """A comment."""

    text_original: Lenient[str] = None
    text_display: Lenient[str] = None
    author_display_name: Lenient[str] = None
    like_count: Lenient[Count] = None
    published_at: Lenient[str] = None


class TopLevelComment(ApiModel):
    """Where the API puts a comment."""

    snippet: Lenient[Comment] = None


class Thread(ApiModel):
    """Where the API puts a comment and its replies."""

    top_level_comment: Lenient[TopLevelComment] = None


class ThreadItem(ApiModel):
    """An item of `commentThreads.list`."""

    snippet: Lenient[Thread] = None


def read_item(raw: Mapping[str, Any]) -> dict[str, Any] | ProviderError:
    """Return the metadata in an item, or the refusal of its video; unknown fields are absent."""
    item = Item.model_validate(raw)
    snippet, statistics = item.snippet or Snippet(), item.statistics or Statistics()
    content = item.content_details or ContentDetails()
    if (content.content_rating or Rating()).yt_rating == _AGE_RESTRICTED:
        return failures.unsupported(failures.AGE_RESTRICTED)
    posted_at = read_moment(snippet.published_at)
    category = _CATEGORIES.get(snippet.category_id or "")
    info = {
        "title": snippet.title,
        "description": snippet.description,
        "channel": snippet.channel_title,
        "channel_id": snippet.channel_id,
        "view_count": statistics.view_count,
        "like_count": statistics.like_count,
        "comment_count": statistics.comment_count,
        "duration": _seconds(content.duration),
        "timestamp": int(posted_at.timestamp()) if posted_at else None,
        "tags": snippet.tags,
        "categories": [category] if category else None,
        "thumbnail": _picture(snippet.thumbnails or {}),
        "live_status": _LIVE.get(snippet.live_broadcast_content or ""),
        "language": snippet.default_audio_language,
    }
    return {name: value for name, value in info.items() if value is not None}


def read_channel(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a video's channel."""
    item = Item.model_validate(raw)
    snippet, statistics = item.snippet or Snippet(), item.statistics or Statistics()
    info = {
        "uploader_id": snippet.custom_url,
        "channel_follower_count": None if statistics.hidden_subscriber_count else statistics.subscriber_count,
    }
    return {name: value for name, value in info.items() if value is not None}


def read_comments(items: Sequence[Mapping[str, Any]]) -> list[ScrapedComment]:
    """Return the first comment of each thread."""
    threads = [ThreadItem.model_validate(item).snippet for item in items]
    comments = [thread.top_level_comment.snippet for thread in threads if thread and thread.top_level_comment]
    return [
        ScrapedComment(
            text=text[:_MAX_COMMENT],
            author=(comment.author_display_name or "").removeprefix("@")[:_MAX_NAME] or None,
            likes=comment.like_count,
            posted_at=read_moment(comment.published_at),
        )
        for comment in comments
        if comment and (text := visible_text(_comment_text(comment)))
    ]


def _comment_text(comment: Comment) -> str:
    """Return the text as its author wrote it; `textDisplay` is HTML."""
    return comment.text_original or decode_escapes(without_tags(comment.text_display or ""))


def _picture(thumbnails: Mapping[str, Picture | None]) -> str | None:
    urls = (picture.url for name in _PICTURES if (picture := thumbnails.get(name)))
    return next((url for url in urls if url), None)


def _seconds(duration: str | None) -> int | None:
    """Return the seconds in a duration such as `PT1H2M3S`; None for a broadcast, which has `P0D`."""
    match = _DURATION.fullmatch(duration or "")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or None


def read_moment(text: str | None) -> datetime | None:
    """Return the time in an ISO 8601 text, or None."""
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
