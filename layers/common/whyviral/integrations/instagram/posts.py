"""Converts records of Bright Data's posts and reels datasets to posts. All of them are untrusted.

Any field may be null or missing; it is then absent from our post, and never a reason to reject the record.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.media_urls import allowed_media_url
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel, count_of_text
from whyviral.integrations.http.vendor_text import visible_text
from whyviral.integrations.ports.post_scraper import (
    MediaKind,
    ScrapedAuthor,
    ScrapedComment,
    ScrapedMedia,
    ScrapedPost,
    ScrapeFailure,
)

EMPTY_POST = "This post has no text, photo or video that can be fetched."

_MEDIA_DOMAINS = ("cdninstagram.com", "fbcdn.net")
_MAX_MEDIA = 20
"""The most media of a carousel. Source: help.instagram.com, "Share multiple photos or videos", 2026-11."""
_MAX_TEXT = 30_000
_MAX_COMMENTS = 50
_MAX_TITLE = 300
_MAX_RAW = 256 * 1024
_MAX_PLACEHOLDER = 10
_MIN_LIKES_PER_VIEW = 1 / 500
_PROFILE = re.compile(r"https://www\.instagram\.com/([A-Za-z0-9._]{1,30})/?")
_VIDEO_TYPES = frozenset({"video", "reel"})


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


type LooseCount = Annotated[Count, BeforeValidator(count_of_text)]
"""A count that may come as text."""
type Seconds = Annotated[float, Field(ge=0, lt=10**7, allow_inf_nan=False)]
"""A number or numeric text; up to four months, as no column holds more."""
type Handle = Annotated[str, Field(pattern=r"^[A-Za-z0-9._]{1,30}$")]


class Item(VendorModel):
    """One photo or video of a post, in its place."""

    index: Lenient[LooseCount] = None
    type: Lenient[str] = None
    url: Lenient[str] = None


class Comment(VendorModel):
    """One comment, in the words of either dataset."""

    comments: Lenient[str] = None
    comment: Lenient[str] = None
    user_commenting: Lenient[Handle] = None
    likes: Lenient[LooseCount] = None
    date_of_comment: Lenient[str] = None


class Audio(VendorModel):
    """The sound of a reel."""

    original_audio_title: Lenient[str] = None


class Record(VendorModel):
    """The fields of a record that we use, from both datasets."""

    user_posted: Lenient[Handle] = None
    profile_url: Lenient[str] = None
    user_profile_url: Lenient[str] = None
    followers: Lenient[LooseCount] = None
    is_verified: Lenient[bool] = None
    description: Lenient[str] = None
    date_posted: Lenient[str] = None
    likes: Lenient[LooseCount] = None
    num_comments: Lenient[LooseCount] = None
    video_play_count: Lenient[LooseCount] = None
    views: Lenient[LooseCount] = None
    video_view_count: Lenient[LooseCount] = None
    content_type: Lenient[str] = None
    product_type: Lenient[str] = None
    post_content: Lenient[list[Lenient[Item]]] = None
    photos: Lenient[list[Lenient[str]]] = None
    images: Lenient[list[Lenient[Item]]] = None
    videos: Lenient[list[Lenient[str]]] = None
    videos_duration: Annotated[Lenient[list[Lenient[Seconds]]], BeforeValidator(_as_list)] = None
    video_url: Lenient[str] = None
    length: Lenient[Seconds] = None
    thumbnail: Lenient[str] = None
    latest_comments: Lenient[list[Lenient[Comment]]] = None
    top_comments: Lenient[list[Lenient[Comment]]] = None
    audio: Lenient[Audio] = None
    is_paid_partnership: Lenient[bool] = None

    @property
    def items(self) -> list[Item]:
        """The media of a carousel in their order, or the one medium of another post."""
        items = [item for item in self.post_content or () if item]
        return sorted(items, key=lambda item: len(items) if item.index is None else item.index)

    @property
    def is_video(self) -> bool:
        """Whether the post is one video and nothing else."""
        if len(self.items) > 1:
            return False
        kinds = {(self.content_type or "").lower(), *((item.type or "").lower() for item in self.items)}
        return bool(kinds & _VIDEO_TYPES) or self.product_type == "clips" or self.video_url is not None

    @property
    def durations_s(self) -> Sequence[float | None]:
        """The length of each video."""
        return [self.length] if self.length is not None else self.videos_duration or []


def lacks_its_video(raw: Mapping[str, Any]) -> bool:
    """Return whether the record is of a video and has no URL of it."""
    record = Record.model_validate(raw)
    return record.is_video and all(medium.kind is not MediaKind.VIDEO for medium in _media(record))


def read_record(raw: Mapping[str, Any], *, post_id: str) -> ScrapedPost | ScrapeFailure:
    """Return the post in `raw`, or the reason why there is none."""
    record = Record.model_validate(raw)
    media = list(_media(record))
    text = visible_text((record.description or "")[:_MAX_TEXT])
    if not text and all(medium.kind is MediaKind.THUMBNAIL for medium in media):
        return ScrapeFailure(post_id, ErrorCategory.UNSUPPORTED, EMPTY_POST)
    return ScrapedPost(
        platform_post_id=post_id,
        url=f"https://www.instagram.com/p/{post_id}/",
        author=ScrapedAuthor(
            username=record.user_posted or _profile_name(record),
            followers=record.followers,
            is_verified=record.is_verified,
        ),
        text=text,
        posted_at=_moment(record.date_posted),
        metrics=_metrics(record),
        media=media,
        comments=list(_comments(record)),
        details=_details(record),
        raw={"record": raw if len(json.dumps(raw)) <= _MAX_RAW else None},
    )


def _profile_name(record: Record) -> str:
    """Return the name in the URL of the profile; empty if there is none."""
    profile = _PROFILE.fullmatch(record.profile_url or record.user_profile_url or "")
    return profile[1] if profile else ""


def _metrics(record: Record) -> dict[str, int]:
    views = record.video_play_count or record.views or record.video_view_count or None  # zero stands for "unknown"
    likes = record.likes or None  # a hidden count may come as zero
    if likes and views and likes <= _MAX_PLACEHOLDER and likes < views * _MIN_LIKES_PER_VIEW:
        likes = None  # or as a small placeholder: a reel with 1,890 plays had 3
    counts = {"likes": likes, "comments": record.num_comments, "views": views}
    return {name: count for name, count in counts.items() if count is not None}


def _media(record: Record) -> Iterator[ScrapedMedia]:
    """Yield the media to fetch: a carousel's items in order, or one photo, or one video with its poster."""
    if len(record.items) > 1:
        yield from _carousel(record)
    elif record.is_video:
        urls = (record.video_url, *(record.videos or ()), *(item.url for item in record.items))
        for video in _all_allowed(urls)[:1]:
            yield ScrapedMedia(MediaKind.VIDEO, video, next(iter(record.durations_s), None))
        if (poster := _allowed(record.thumbnail)) is not None:
            yield ScrapedMedia(MediaKind.THUMBNAIL, poster)
    else:
        yield from _loose_media(record)


def _carousel(record: Record) -> Iterator[ScrapedMedia]:
    durations_s = iter(record.durations_s)
    for item in record.items[:_MAX_MEDIA]:
        is_video = (item.type or "").lower() == "video"
        duration_s = next(durations_s, None) if is_video else None
        if (url := _allowed(item.url)) is not None:
            yield ScrapedMedia(MediaKind.VIDEO if is_video else MediaKind.IMAGE, url, duration_s)


def _loose_media(record: Record) -> Iterator[ScrapedMedia]:
    """Yield photos and videos of a record without their order."""
    places = (
        record.photos or (),
        [image.url for image in record.images or () if image],
        [item.url for item in record.items],
        () if record.videos else (record.thumbnail,),
    )
    # The first field that has any: each field signs the same photo again.
    photos = next((urls for urls in map(_all_allowed, places) if urls), [])
    durations_s = iter(record.durations_s)
    videos = [(url, next(durations_s, None)) for url in map(_allowed, record.videos or ())]
    media = [ScrapedMedia(MediaKind.IMAGE, url) for url in photos]
    media += [ScrapedMedia(MediaKind.VIDEO, url, duration_s) for url, duration_s in videos if url]
    yield from media[:_MAX_MEDIA]


def _all_allowed(urls: Iterable[str | None]) -> list[str]:
    return [url for url in map(_allowed, urls) if url]


def _allowed(url: str | None) -> str | None:
    return allowed_media_url(url, domains=_MEDIA_DOMAINS)


def _comments(record: Record) -> Iterator[ScrapedComment]:
    comments = [comment for comment in record.top_comments or record.latest_comments or () if comment]
    for comment in comments[:_MAX_COMMENTS]:
        text = visible_text((comment.comment or comment.comments or "")[:_MAX_TEXT])
        if text:
            yield ScrapedComment(
                text=text,
                author=comment.user_commenting,
                likes=comment.likes,
                posted_at=_moment(comment.date_of_comment),
            )


def _details(record: Record) -> dict[str, Any]:
    sound = ((record.audio and record.audio.original_audio_title) or "")[:_MAX_TITLE].strip()
    details = {"sound": sound or None, "is_paid_partnership": record.is_paid_partnership}
    return {name: value for name, value in details.items() if value is not None}


def _moment(text: str | None) -> datetime | None:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
