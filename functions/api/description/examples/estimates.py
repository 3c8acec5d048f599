"""Examples of estimates: one post of X, and one link that is no post."""

from collections.abc import Mapping
from typing import Any

from whyviral.analysis.estimate import schemas

from .constants import PLATFORM, RESETS_AT

_BAD_URL = {
    "url": "https://x.com/jack",
    "reason": "not_a_post",
    "message": "This link is a profile, list or search, not one post: open the post itself and copy its link.",
}
_COSTS = {"usual_usd": 0.03915, "max_usd": 5.0}
_PLATFORM = {
    "platform": PLATFORM,
    "is_active": True,
    "analyses_needed": 1,
    "analyses_left": 9,
    "handles_needed": 0,
    "handles_left": 1,
    **_COSTS,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.BadUrlOut: _BAD_URL,
    schemas.PlatformEstimateOut: _PLATFORM,
    schemas.EstimateOut: {
        "is_allowed": False,
        "refusals": ["invalid_post_urls"],
        "plan": "free",
        "urls_needed": 1,
        "max_urls": 5,
        "resets_at": RESETS_AT,
        "platforms": [_PLATFORM],
        "bad_urls": [_BAD_URL],
        **_COSTS,
    },
}
