"""Ids and addresses of YouTube videos."""

import re

_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def is_video_id(text: str) -> bool:
    """Whether this can be the id of a video."""
    return _VIDEO_ID.fullmatch(text) is not None


def watch_url(video_id: str) -> str:
    """Return the canonical address of a video, the only one that is ever given to yt-dlp."""
    return f"https://www.youtube.com/watch?v={video_id}"
