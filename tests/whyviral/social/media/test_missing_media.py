"""Which media may be completed by another attempt."""

from datetime import UTC, datetime
from typing import Any

import pytest

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media.service import MediaFailure, may_get_more
from whyviral.social.models import PostMedia

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PASSING = {"rate_limit", "auth", "timeout", "provider_error", "internal"}


def medium(kind: MediaKind = MediaKind.IMAGE, **columns: Any) -> PostMedia:
    return PostMedia(**{"kind": kind, "is_page": False} | columns)


@pytest.mark.parametrize("category", list(ErrorCategory))
def test_an_unstored_file_can_be_retried_if_its_error_is_temporary(category: ErrorCategory) -> None:
    assert may_get_more(medium(error=MediaFailure(category, "No.").as_json())) == (category in PASSING)


def test_an_unstored_file_with_an_expired_link_can_be_retried() -> None:
    dead = MediaFailure(ErrorCategory.MEDIA_ERROR, "It has expired.", is_link_dead=True)

    assert may_get_more(medium(error=dead.as_json()))


VIDEO = {"kind": MediaKind.VIDEO}


@pytest.mark.parametrize(
    ("columns", "may"),
    [
        ({}, True),
        ({"storage_path": "x/1.jpg"}, False),
        (VIDEO | {"storage_path": "x/1.mp4"}, True),
        (VIDEO | {"storage_path": "x/1.mp4", "error": {"category": "timeout", "message": "No time."}}, True),
        (VIDEO | {"storage_path": "x/1.mp4", "processed_at": NOW}, False),
        (VIDEO | {"is_page": True}, True),
        (VIDEO | {"is_page": True, "transcript_source": "captions"}, False),
        (VIDEO | {"is_page": True, "processed_at": NOW}, False),
    ],
)
def test_a_medium_can_be_completed_until_it_is_stored_and_processed(columns: dict[str, Any], may: bool) -> None:
    assert may_get_more(medium(**columns)) == may
