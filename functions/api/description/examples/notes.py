"""Examples of notes: Ada's note about her analysis."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.notes import NoteList
from whyviral.notes import schemas

from .analyses import POST_ANALYSIS_ID
from .constants import ENDED_AT, PLATFORM, POST_ID, POST_URL, REQUEST_ID, page_of

_TEXT = {"title": "For our launch", "content": "Say what is new in the first sentence."}
_POST = {"id": POST_ID, "platform": PLATFORM, "url": POST_URL, "username": "jack"}
_SUMMARY = {
    "id": "5d6e7f80-91a2-43b4-85c6-d7e8f9a0b1c2",
    "post_analysis_id": POST_ANALYSIS_ID,
    "analysis_request_id": REQUEST_ID,
    "post": _POST,
    "title": _TEXT["title"],
    "excerpt": _TEXT["content"],
    "created_at": ENDED_AT,
    "updated_at": ENDED_AT,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.NoteBody: {"post_analysis_id": POST_ANALYSIS_ID, **_TEXT, "updated_at": ENDED_AT},
    schemas.NotedPostOut: _POST,
    schemas.NoteSummary: _SUMMARY,
    schemas.NoteOut: {**_SUMMARY, "content": _TEXT["content"]},
    NoteList: page_of(_SUMMARY),
}
