"""The media of a tweet that are worth fetching, chosen from what its author attached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from whyviral.integrations.http.media_urls import allowed_media_url
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia

_MIDDLE_BITRATE = 950_000
"""Enough detail for a model; the audio is the same in every variant. Source: variants seen on X, 2026-10."""
_MAX_MEDIA = 10

type Duration = Annotated[int, Field(strict=True, ge=0, lt=10**10)]
"""Milliseconds, up to four months: no video is longer, and no column holds more."""


class Variant(VendorModel):
    """One encoding of a video."""

    content_type: Lenient[str] = None
    bitrate: Lenient[Count] = None
    url: Lenient[str] = None


class VideoInfo(VendorModel):
    """The encodings of a video and its length."""

    duration_millis: Lenient[Duration] = None
    variants: Lenient[list[Lenient[Variant]]] = None


class Availability(VendorModel):
    """Whether X shows a medium."""

    status: Lenient[str] = None


class Medium(VendorModel):
    """One attached medium, as X describes it."""

    media_key: Lenient[str] = None
    type: Lenient[str] = None
    media_url_https: Lenient[str] = None
    url: Lenient[str] = None
    """The short link that stands for it in the text."""
    video_info: Lenient[VideoInfo] = None
    ext_media_availability: Lenient[Availability] = None


@dataclass(frozen=True, slots=True)
class SkippedMedium:
    """A medium that cannot be fetched, and why: withheld, no_mp4, bad_url or unknown_type."""

    media_key: str | None
    reason: str


def choose_media(media: Sequence[Medium]) -> Iterator[ScrapedMedia | SkippedMedium]:
    """Yield what to fetch of each medium: a photo, or a video with its poster frame."""
    for medium in media[:_MAX_MEDIA]:
        poster = _allowed(medium.media_url_https)
        if medium.ext_media_availability and medium.ext_media_availability.status not in (None, "Available"):
            yield SkippedMedium(medium.media_key, "withheld")
        elif medium.type == "photo":
            yield ScrapedMedia(MediaKind.IMAGE, poster) if poster else SkippedMedium(medium.media_key, "bad_url")
        elif medium.type in ("video", "animated_gif"):
            yield _video(medium)
            if poster:
                yield ScrapedMedia(MediaKind.THUMBNAIL, poster)
        else:
            yield SkippedMedium(medium.media_key, "unknown_type")


def _video(medium: Medium) -> ScrapedMedia | SkippedMedium:
    info = medium.video_info or VideoInfo()
    variants = [variant for variant in info.variants or () if variant and variant.content_type == "video/mp4"]
    if not variants:
        return SkippedMedium(medium.media_key, "no_mp4")  # a stream in pieces only: live replays and broadcasts
    by_bitrate = {variant.bitrate or 0: url for variant in variants if (url := _allowed(variant.url))}
    if not by_bitrate:
        return SkippedMedium(medium.media_key, "bad_url")
    bitrate = max((rate for rate in by_bitrate if rate <= _MIDDLE_BITRATE), default=min(by_bitrate))
    duration_s = info.duration_millis / 1000 if info.duration_millis is not None else None
    return ScrapedMedia(MediaKind.VIDEO, by_bitrate[bitrate], duration_s)


def _allowed(url: str | None) -> str | None:
    return allowed_media_url(url, domains=("twimg.com",))
