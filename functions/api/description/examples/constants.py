"""Values that the examples of several resources share."""

from typing import Any

from whyviral.social.platforms import Platform

USER_ID = "0b4f9f0a-3f6e-4f0e-9d0a-5f1f6d1f4a11"
REQUEST_ID = "7d1c8b9e-52a4-4c63-8f0b-2a9d3c5e6f70"
POST_ID = "e2a6f4d8-1b3c-4d5e-8f90-a1b2c3d4e5f6"
MEDIA_ID = "4c9e2b71-6d8f-4a35-b0c1-d2e3f4a5b6c7"
EMAIL = "ada@example.com"
PLATFORM = Platform.X.value
POST_URL = "https://x.com/i/status/20"
METRICS = {"likes": 90_000, "comments": 2_000, "views": 2_000_000, "shares": 20_000}
RESETS_AT = "2026-11-28T00:00:00Z"
STARTED_AT = "2026-11-27T09:30:00Z"
ENDED_AT = "2026-11-27T09:31:12Z"


def page_of(row: Any) -> dict[str, Any]:
    """Return a page that contains this one row."""
    return {"count": 1, "next": None, "previous": None, "results": [row]}
