"""The choice of media that the model is shown, and the reasons why others are not.

The order of reading follows importance: one picture of every medium, then whole short videos, then more key frames,
spread evenly over their video. Key frames accompany a whole video because an answer can cite them as moments.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from whyviral.analysis.explanation.provenance import ShownAs
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.analyst import MediaSupport, VideoUrl
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.models import Post, PostMedia

MAX_FRAMES_PER_VIDEO = 8
MAX_IMAGE_BYTES = 4 * 1024 * 1024
MAX_VIDEO_BYTES = 8 * 1024 * 1024
MAX_WHOLE_VIDEO_S = 180.0
"""For a longer video, key frames and transcript say nearly as much for fewer tokens."""
MAX_WATCHED_S = 300.0
"""Of a video on YouTube; about 67 tokens a second at half a frame. Source: ai.google.dev, "Video understanding"."""
CLOSELY_WATCHED_S = 60.0
"""Videos up to this long are watched at one frame a second, longer ones at half of that."""

_YOUTUBE_PAGE = re.compile(r"https://www\.youtube\.com/watch\?v=[A-Za-z0-9_-]{11}")
_JPEG = "image/jpeg"
_VIDEOS = {"video/mp4": "video/mp4", "video/quicktime": "video/mov", "video/webm": "video/webm"}
"""The content types of videos: in storage, and as models name them. Source: ai.google.dev, "Video understanding"."""


class Reason(StrEnum):
    """Why a medium, or a part of it, is not shown."""

    NOT_STORED = "it could not be stored"
    NOT_READ = "it could not be read from storage"
    TYPE = "the model does not read its type"
    NO_VIDEO = "the model takes no video; its key frames and its transcript stand for it"
    TOO_LARGE = "it is too large to send"
    TOO_LONG = "it is too long to send, or its length is not known"
    DAMAGED = "it is damaged and could not be decoded"
    NO_ROOM = "there was no room left in the question"
    NO_TIME = "there was no time left to read it"
    STAND_IN = "it exists on this machine only, where the model cannot watch it"
    REFUSED = "the model refused to take it"


class Rank(IntEnum):
    """Which parts are read first when room or time is tight."""

    FIRST_SIGHT = 0
    WHOLE = 1
    MORE = 2


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A medium, or a moment of one, as it may be shown."""

    kind: ShownAs
    medium_id: uuid.UUID
    label: str
    """In our words, such as `video 1, frame at 2.5 s`."""
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in storage."""

    path: str
    content_type: str
    """As the model knows it."""
    max_bytes: int
    known_bytes: int | None = None
    duration_s: float | None = None
    """Of a video."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exhibit, and where its bytes are."""

    exhibit: Exhibit
    source: StoredFile | VideoUrl
    order: tuple[int, int] = (Rank.FIRST_SIGHT, 0)
    """The reading order: by rank, then by place in an even spread."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An exhibit that is not shown."""

    exhibit: Exhibit
    reason: Reason


@dataclass(slots=True)
class Choice:
    """The media of a post that may be shown, in its order, and those that cannot."""

    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def choose_media(post: Post, *, takes: MediaSupport, can_watch: bool) -> Choice:
    """Return the media of a post that could be shown.

    Args:
        post: the post, with its media.
        takes: the media that the model can be shown.
        can_watch: whether the model can fetch the post's video by its URL: a stand-in's video is on no real server.
    """
    choice = Choice()
    for label, medium in named_media(post.media):
        if medium.is_page:
            _choose_page(choice, label, medium, takes=takes, can_watch=can_watch)
        elif medium.kind == MediaKind.VIDEO:
            _choose_video(choice, label, medium, takes)
        else:
            _choose_picture(choice, label, medium, takes)
    return choice


def named_media(media: Sequence[PostMedia]) -> Iterator[tuple[str, PostMedia]]:
    """Yield the media with their names in a prompt: `photo 1`, `photo 2`, `video 1`, `cover 1`."""
    nouns = {MediaKind.IMAGE: "photo", MediaKind.VIDEO: "video", MediaKind.THUMBNAIL: "cover"}
    seen = dict.fromkeys(MediaKind, 0)
    for medium in media:
        kind = MediaKind(medium.kind)
        seen[kind] += 1
        yield f"{nouns[kind]} {seen[kind]}", medium


def _choose_picture(choice: Choice, label: str, medium: PostMedia, takes: MediaSupport) -> None:
    kind = ShownAs.IMAGE if medium.kind == MediaKind.IMAGE else ShownAs.THUMBNAIL
    exhibit = Exhibit(kind, medium.id, label)
    is_readable = medium.content_type in takes.picture_types
    if medium.storage_path and is_readable and (medium.bytes or 0) <= MAX_IMAGE_BYTES:
        file = StoredFile(medium.storage_path, medium.content_type or _JPEG, MAX_IMAGE_BYTES, medium.bytes)
        choice.candidates.append(Candidate(exhibit, file))
    elif medium.thumbnail_path and medium.thumbnail_path != medium.storage_path:
        choice.candidates.append(Candidate(exhibit, _jpeg(medium.thumbnail_path)))
    else:
        too_bad = Reason.TOO_LARGE if is_readable else Reason.TYPE
        choice.left_out.append(LeftOut(exhibit, too_bad if medium.storage_path else Reason.NOT_STORED))


def _choose_video(choice: Choice, label: str, medium: PostMedia, takes: MediaSupport) -> None:
    frames = (medium.frames or [])[:MAX_FRAMES_PER_VIDEO]
    if medium.thumbnail_path and not frames:
        cover = Exhibit(ShownAs.THUMBNAIL, medium.id, f"{label}, its cover")
        choice.candidates.append(Candidate(cover, _jpeg(medium.thumbnail_path)))
    for number, frame in enumerate(frames):
        at_s = round(float(frame["at_s"]), 2)
        exhibit = Exhibit(ShownAs.FRAME, medium.id, f"{label}, frame at {at_s} s", at_s)
        order = (Rank.MORE if number else Rank.FIRST_SIGHT, _spread(number))
        choice.candidates.append(Candidate(exhibit, _jpeg(frame["path"]), order))
    whole = Exhibit(ShownAs.VIDEO, medium.id, f"{label}, whole, with its sound")
    source = _whole_video(medium, takes)
    if isinstance(source, Reason):
        choice.left_out.append(LeftOut(whole, source))
    else:
        choice.candidates.append(Candidate(whole, source, (Rank.WHOLE, 0)))


def _whole_video(medium: PostMedia, takes: MediaSupport) -> StoredFile | Reason:
    """Return the file of a video that can be shown as a whole, or the reason why it cannot."""
    if medium.storage_path is None:
        return Reason.NOT_STORED
    reason = _reason_against_video(medium, takes)
    if reason is not None:
        return reason
    content_type, length_s = _VIDEOS[medium.content_type or ""], float(medium.duration_s or 0)
    return StoredFile(medium.storage_path, content_type, MAX_VIDEO_BYTES, medium.bytes, length_s)


def _reason_against_video(medium: PostMedia, takes: MediaSupport) -> Reason | None:
    if not takes.video_types:
        return Reason.NO_VIDEO
    if _VIDEOS.get(medium.content_type or "") not in takes.video_types:
        return Reason.TYPE
    if (medium.bytes or 0) > MAX_VIDEO_BYTES:
        return Reason.TOO_LARGE
    if medium.duration_s is None and (medium.error or {}).get("category") == ErrorCategory.MEDIA_ERROR:
        return Reason.DAMAGED
    is_too_long = medium.duration_s is None or medium.duration_s > MAX_WHOLE_VIDEO_S
    return Reason.TOO_LONG if is_too_long else None


def _choose_page(choice: Choice, label: str, medium: PostMedia, *, takes: MediaSupport, can_watch: bool) -> None:
    end_s = min(float(medium.duration_s or MAX_WATCHED_S), MAX_WATCHED_S)
    exhibit = Exhibit(ShownAs.VIDEO, medium.id, f"{label} on YouTube, its first {end_s:g} s, with its sound")
    if not takes.takes_video_urls:
        choice.left_out.append(LeftOut(exhibit, Reason.NO_VIDEO))
    elif not can_watch:
        choice.left_out.append(LeftOut(exhibit, Reason.STAND_IN))
    elif not _YOUTUBE_PAGE.fullmatch(medium.source_url) or end_s <= 0:
        choice.left_out.append(LeftOut(exhibit, Reason.TYPE))
    else:
        frames_per_second = 1.0 if end_s <= CLOSELY_WATCHED_S else 0.5
        url = VideoUrl(medium.source_url, start_s=0, end_s=end_s, frames_per_second=frames_per_second)
        choice.candidates.append(Candidate(exhibit, url, (Rank.WHOLE, 0)))


def _jpeg(path: str) -> StoredFile:
    return StoredFile(path, _JPEG, MAX_IMAGE_BYTES)


def _spread(number: int) -> int:
    """Return the reading order of a frame, its bits reversed, so that the first few are always spread evenly."""
    return int(f"{number:03b}"[::-1], base=2)
