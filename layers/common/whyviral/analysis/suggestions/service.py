"""Rules of suggestions: a user marks one as done with the URL of their new post, and can undo that."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError
from whyviral.social.post_urls import InvalidPostUrl, PostUrl, parse_post_url

from . import repository
from .results import suggestion_out
from .schemas import SuggestionOut


class SuggestionNotFound(AppError):
    """There is no such suggestion, or it belongs to another user."""

    status_code = 404
    code = "suggestion_not_found"

    def __init__(self, suggestion_id: uuid.UUID) -> None:
        super().__init__(
            f"There is no suggestion {suggestion_id}. Take an id from `suggestions` of an analysis of your request."
        )


class InvalidFollowUpUrl(AppError):
    """The URL names no post, so the suggestion was not marked; `details` has the reason."""

    status_code = 422
    code = "invalid_follow_up_url"

    def __init__(self, url: str, error: InvalidPostUrl) -> None:
        super().__init__(error.message, details=[{"url": url, "reason": error.reason, "message": error.message}])


class FollowUpIsOriginal(AppError):
    """The URL names the analysed post itself, which cannot follow up its own suggestion."""

    status_code = 422
    code = "follow_up_is_original"

    def __init__(self) -> None:
        super().__init__(
            "This is the post that the suggestion was made for. Paste the URL of the new post that you made from it."
        )


def mark_done(
    session: Session, user_id: uuid.UUID, suggestion_id: uuid.UUID, url: str, *, now: datetime
) -> SuggestionOut:
    """Mark a suggestion as done with a new post, and return it. Another URL replaces the one before.

    Raises:
        InvalidFollowUpUrl: the URL names no post.
        SuggestionNotFound: the suggestion does not exist or is not the user's.
        FollowUpIsOriginal: the URL names the post that the suggestion was made for.
    """
    new = _parse(url)
    found = repository.lock_suggestion(session, user_id, suggestion_id)
    if found is None:
        raise SuggestionNotFound(suggestion_id)
    suggestion, original = found
    if (original.platform, original.platform_post_id) == (new.platform, new.post_id):
        raise FollowUpIsOriginal
    if suggestion.new_url != new.canonical_url:
        suggestion.done_at = now
        suggestion.new_url = new.canonical_url
        suggestion.new_platform = new.platform
        suggestion.new_platform_post_id = new.post_id
        session.flush()
    row, metadata_used = repository.get_with_result(session, suggestion_id)
    return suggestion_out(row, metadata_used)


def undo(session: Session, user_id: uuid.UUID, suggestion_id: uuid.UUID) -> None:
    """Remove the mark of a suggestion; has no effect if it is not marked.

    Raises:
        SuggestionNotFound: the suggestion does not exist or is not the user's.
    """
    found = repository.lock_suggestion(session, user_id, suggestion_id)
    if found is None:
        raise SuggestionNotFound(suggestion_id)
    suggestion, _ = found
    suggestion.done_at = suggestion.new_url = suggestion.new_platform = suggestion.new_platform_post_id = None


def _parse(url: str) -> PostUrl:
    try:
        return parse_post_url(url)
    except InvalidPostUrl as exc:
        raise InvalidFollowUpUrl(url, exc) from exc
