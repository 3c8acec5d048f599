"""Converts the metadata of yt-dlp to a post. All of it is untrusted."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.language_tags import find_language_tag, language_distance
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel
from whyviral.integrations.http.vendor_text import visible_text
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedAuthor, ScrapedComment, ScrapedMedia, ScrapedPost
from whyviral.integrations.ports.transcript import Transcript

from . import errors as failures
from .captions import Track, choose_track
from .ids import watch_url

MAX_DURATION_S = 4 * 3600
_LONGEST_SHORT_S = 180
"""Source: support.google.com/youtube/answer/15424877, "up to three minutes"."""
_MAX_TEXT = 30_000
_MAX_NAME = 200
_MAX_RAW = 256 * 1024
_MAX_TAGS = 100
_MAX_PARTS = 200
_LIVE = {"is_live": failures.LIVE_NOW, "post_live": failures.LIVE_NOW, "is_upcoming": failures.UPCOMING}
_UNMARKED = -1
_DESCRIPTION = "-desc"
_TRACKS = {"subtitles", "automatic_captions", "formats"}
"""Not stored: their URLs are signed, expire within hours and name the address that extracted them."""

type Seconds = Annotated[float, Field(ge=0, le=10**7, allow_inf_nan=False)]
type Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
type Handle = Annotated[str, Field(pattern=r"^@\S{1,100}$")]
type ChannelId = Annotated[str, Field(pattern=r"^UC[A-Za-z0-9_-]{22}$")]
type Tracks = dict[str, Any]


class File(VendorModel):
    """One encoding of a video."""

    width: Lenient[Count] = None
    height: Lenient[Count] = None
    language: Lenient[str] = None
    language_preference: Lenient[int] = None
    """10 of the original sound, 5 of the default one, -1 of a dub or where YouTube names none, -10 of a description.

    Source: yt-dlp 2026.10.26, extractor/youtube/_video.py.
    """


class Part(VendorModel):
    """A part of a video: a chapter, or how often it was replayed."""

    start_time: Seconds
    end_time: Lenient[Seconds] = None
    title: Lenient[str] = None
    value: Lenient[Share] = None


class Video(VendorModel):
    """The fields of a video that we use, in yt-dlp's words."""

    title: Lenient[str] = None
    description: Lenient[str] = None
    channel: Lenient[str] = None
    channel_id: Lenient[ChannelId] = None
    uploader_id: Lenient[Handle] = None
    channel_follower_count: Lenient[Count] = None
    channel_is_verified: Lenient[bool] = None
    view_count: Lenient[Count] = None
    like_count: Lenient[Count] = None
    comment_count: Lenient[Count] = None
    duration: Lenient[Seconds] = None
    timestamp: Lenient[Count] = None
    upload_date: Lenient[str] = None
    tags: Lenient[list[Lenient[str]]] = None
    categories: Lenient[list[Lenient[str]]] = None
    track: Lenient[str] = None
    thumbnail: Lenient[str] = None
    live_status: Lenient[str] = None
    media_type: Lenient[str] = None
    language: Lenient[str] = None
    heatmap: Lenient[list[Lenient[Part]]] = None
    chapters: Lenient[list[Lenient[Part]]] = None
    formats: Lenient[list[Lenient[File]]] = None
    subtitles: Lenient[Tracks] = None
    automatic_captions: Lenient[Tracks] = None

    @property
    def speech_language(self) -> str | None:
        """The language of the original sound; None if it is unknown or cannot be distinguished from dubs."""
        ranked: dict[int, list[str]] = {}
        for file in self.formats or ():
            if file and (language := find_language_tag((file.language or "").removesuffix(_DESCRIPTION))):
                preference = _UNMARKED if file.language_preference is None else file.language_preference
                ranked.setdefault(preference, []).append(language)
        best = max(ranked, default=_UNMARKED)
        claimed = find_language_tag(self.language)
        if claimed and best <= _UNMARKED:
            return claimed
        languages = ranked.get(best, [])
        is_one = all(language_distance(languages[0], other) is not None for other in languages)
        return languages[0] if languages and is_one else None

    @property
    def is_portrait(self) -> bool | None:
        """Whether it is higher than wide; None if its size is unknown."""
        sizes = [(file.width, file.height) for file in self.formats or () if file and file.width and file.height]
        width, height = max(sizes, default=(0, 0))
        return height > width if width and height else None

    def find_refusal(self) -> ProviderError | None:
        """Return why it cannot be analysed, or None."""
        if message := _LIVE.get(self.live_status or ""):
            return failures.unsupported(message)
        if self.duration is not None and self.duration > MAX_DURATION_S:
            return failures.unsupported(failures.TOO_LONG)
        return None

    def captions_track(self) -> Track | None:
        """Return the track with the spoken words."""
        return choose_track(self.subtitles or {}, self.automatic_captions or {}, speech_language=self.speech_language)


def read_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer that we use, made safe to keep.

    Raises:
        ProviderError: the answer cannot be stored, such as one nested too deep.
    """
    known = {name: info[name] for name in Video.model_fields if info.get(name) is not None}
    try:
        safe: dict[str, Any] = parse_untrusted_json(json.dumps(known))
    except NotJson:
        raise failures.unreadable() from None
    return safe


def read_video(
    info: Mapping[str, Any],
    *,
    video_id: str,
    path_word: str | None = None,
    transcript: Transcript | None = None,
    comments: Sequence[ScrapedComment] = (),
    sources: Sequence[str] = (),
) -> ScrapedPost:
    """Return the post.

    Args:
        info: the result of `read_info`, merged with other sources in the same fields.
        video_id: the requested id.
        path_word: the word before the id in the pasted URL.
        transcript: its captions.
        comments: the most relevant first.
        sources: the names of the sources in `info`.
    """
    video = Video.model_validate(info)
    return ScrapedPost(
        platform_post_id=video_id,
        url=watch_url(video_id),
        author=_author(video),
        text="\n\n".join(filter(None, (_cut(video.title), _cut(video.description))))[:_MAX_TEXT],
        posted_at=_posted_at(video),
        metrics=_metrics(video),
        language=transcript.language if transcript and transcript.language else video.speech_language,
        media=_media(video, video_id, transcript),
        comments=comments,
        details=_details(video, path_word),
        raw={"sources": list(sources), "video": _kept(info)},
    )


def _kept(info: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the part of the answer that is stored; None above the size limit."""
    kept = {name: info[name] for name in info if name not in _TRACKS}
    return kept if len(json.dumps(kept)) <= _MAX_RAW else None


def _author(video: Video) -> ScrapedAuthor:
    name = _cut(video.channel, _MAX_NAME)
    return ScrapedAuthor(
        username=(video.uploader_id or "").removeprefix("@") or name or video.channel_id or "unknown",
        display_name=name or None,
        followers=video.channel_follower_count,
        is_verified=video.channel_is_verified,
    )


def _metrics(video: Video) -> dict[str, int]:
    counts = {"likes": video.like_count, "comments": video.comment_count, "views": video.view_count}
    return {name: count for name, count in counts.items() if count is not None}


def _posted_at(video: Video) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        if video.timestamp is not None:
            return datetime.fromtimestamp(video.timestamp, UTC)
        return datetime.strptime(video.upload_date or "", "%Y%m%d").replace(tzinfo=UTC)
    return None


def _media(video: Video, video_id: str, transcript: Transcript | None) -> list[ScrapedMedia]:
    page = ScrapedMedia(
        MediaKind.VIDEO, watch_url(video_id), duration_s=video.duration, is_page=True, transcript=transcript
    )
    return [page, ScrapedMedia(MediaKind.THUMBNAIL, _thumbnail(video.thumbnail, video_id))]


def _thumbnail(url: str | None, video_id: str) -> str:
    """Return the picture of a video; the one of middle size is always there, better ones may be missing."""
    if url and re.fullmatch(rf"https://i\.ytimg\.com/vi/{re.escape(video_id)}/[a-z0-9]{{1,20}}\.jpg", url):
        return url
    return f"https://i.ytimg.com/vi/{video_id}/hqdefault.jpg"


def _details(video: Video, path_word: str | None) -> dict[str, Any]:
    details: dict[str, Any] = {
        "title": _cut(video.title, _MAX_NAME) or None,
        "tags": [_cut(tag, _MAX_NAME) for tag in (video.tags or ())[:_MAX_TAGS] if tag] or None,
        "category": _cut(next(filter(None, video.categories or ()), None), _MAX_NAME) or None,
        "is_short": _is_short(video, path_word),
        "sound": _cut(video.track, _MAX_NAME) or None,
        "most_replayed": [
            {"start_s": part.start_time, "end_s": part.end_time, "value": part.value}
            for part in (video.heatmap or ())[:_MAX_PARTS]
            if part and part.end_time is not None and part.value is not None
        ]
        or None,
        "chapters": _chapters(video) or None,
    }
    return {name: value for name, value in details.items() if value is not None}


def _chapters(video: Video) -> list[dict[str, Any]]:
    """Return the chapters; each ends where the next one starts."""
    chapters = [part for part in (video.chapters or ())[:_MAX_PARTS] if part and part.title]
    ends = [chapter.start_time for chapter in chapters[1:]] + [video.duration]
    return [
        {"start_s": chapter.start_time, "end_s": end_s, "title": _cut(chapter.title, _MAX_NAME)}
        for chapter, end_s in zip(chapters, ends, strict=False)
        if end_s is not None and end_s >= chapter.start_time
    ]


def _is_short(video: Video, path_word: str | None) -> bool | None:
    """Whether it is a Short; None if nothing indicates it.

    YouTube's own flag only means that it is eligible, and any video opens under `/shorts/`.
    """
    if video.media_type is None and path_word != "shorts":
        return None
    says_so = video.media_type == "short" or path_word == "shorts"
    is_brief = video.duration is not None and video.duration <= _LONGEST_SHORT_S
    return says_so and is_brief and video.is_portrait is not False


def _cut(text: str | None, limit: int = _MAX_TEXT) -> str:
    return visible_text((text or "")[:limit])
