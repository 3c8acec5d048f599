"""Examples of public posts: one post of X with a video."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.social import PostList
from whyviral.social.schemas import FrameOut, MediaOut, MediaTimelineOut, PostOut, VoiceOut

from .constants import ENDED_AT, MEDIA_ID, METRICS, PLATFORM, POST_ID, POST_URL, page_of

_FILES = f"https://media.example.com/x/{POST_ID}"
_FRAME = {"at_s": 1.5, "url": f"{_FILES}/frame-1.jpg"}
_VOICE = {"from_s": 0.3, "to_s": 6.1}
_TIMELINE = {
    "version": 1,
    "cuts_s": [1.5, 4.2],
    "watched_s": 7.5,
    "levels_dbfs": [-38.2, -17.4, -16.9, -20.1, -45.0],
    "level_step_s": 1.5,
    "voices": [_VOICE],
}
_MEDIUM = {
    "id": MEDIA_ID,
    "kind": "video",
    "content_type": "video/mp4",
    "supabase_url": f"{_FILES}/video.mp4",
    "thumbnail_url": f"{_FILES}/thumbnail.jpg",
    "width": 720,
    "height": 1280,
    "duration_s": 7.5,
    "has_speech": True,
    "language": "en",
    "transcript": "I am just setting this up.",
    "transcript_source": "whisper",
    "transcript_truncated": False,
    "frames": [_FRAME],
    "timeline": _TIMELINE,
    "error": None,
}
POST: dict[str, Any] = {
    "id": POST_ID,
    "platform": PLATFORM,
    "url": POST_URL,
    "username": "jack",
    "author": {"username": "jack", "display_name": "Jack", "followers": 500_000, "is_verified": True},
    "content": "just setting up my twttr",
    "language": "en",
    "posted_at": "2026-11-25T09:30:00Z",
    "metrics": METRICS,
    "engagement_score": 60.629921,
    "details": {},
    "transcript": "I am just setting this up.",
    "formatted_transcript": "[0:00] I am just setting this up.",
    "fetched_at": ENDED_AT,
    "is_stand_in": False,
    "media": [_MEDIUM],
    "has_speech": True,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    FrameOut: _FRAME,
    VoiceOut: _VOICE,
    MediaTimelineOut: _TIMELINE,
    MediaOut: _MEDIUM,
    PostOut: POST,
    PostList: page_of(POST),
}
