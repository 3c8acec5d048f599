"""Examples of suggestions: the first one is followed up, and its new post is analysed."""

from collections.abc import Mapping
from typing import Any

from whyviral.analysis.suggestions import schemas

from .constants import ENDED_AT

_NEW_URL = "https://x.com/i/status/29"
_RESULT = {
    "request_id": "9e4c1b2a-3d5f-4a6b-8c7d-0e1f2a3b4c5d",
    "post_id": "7b6a5948-3726-4150-9e8d-7c6b5a493827",
    "measured_at": ENDED_AT,
    "is_viral": True,
    "score": 1.0,
    "score_change": 0.0,
    "outlier_ratio": 9.4,
    "outlier_ratio_change": 1.8,
}
_FOLLOW_UP = {"url": _NEW_URL, "done_at": ENDED_AT, "result": _RESULT}
SUGGESTION: dict[str, Any] = {
    "id": "5a4b3c2d-1e0f-4a9b-8c7d-6e5f4a3b2c1d",
    "position": 1,
    "text": "Show the second step.",
    "follow_up": _FOLLOW_UP,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.FollowUpBody: {"url": "https://x.com/jack/status/29"},
    schemas.FollowUpResultOut: _RESULT,
    schemas.FollowUpOut: _FOLLOW_UP,
    schemas.SuggestionOut: SUGGESTION,
}
