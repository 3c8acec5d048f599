"""The activity `viewed`: a user has read a request that contains the post."""

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, Text, func, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest
from whyviral.social.models import PostActivity, UserPostActivity

VIEW_INTERVAL = timedelta(hours=1)
"""A view within this time of the last one is not recorded, because frontends poll a running request."""


def is_view_due() -> ColumnElement[bool]:
    """Return whether a request of the enclosing query contains a post without a recent view of the request's user."""
    recent_view = select(UserPostActivity.id).where(
        UserPostActivity.user_id == PostAnalysisRequest.user_id,
        UserPostActivity.post_id == AnalysisRequestPost.post_id,
        UserPostActivity.activity == PostActivity.VIEWED,
        UserPostActivity.updated_at > func.now() - VIEW_INTERVAL,
    )
    return (
        select(AnalysisRequestPost.id)
        .where(
            AnalysisRequestPost.request_id == PostAnalysisRequest.id,
            AnalysisRequestPost.post_id.is_not(None),
            ~recent_view.correlate(PostAnalysisRequest, AnalysisRequestPost).exists(),
        )
        .correlate(PostAnalysisRequest)
        .exists()
    )


def record_views(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> None:
    """Record that the user has viewed the posts of a request, in one statement."""
    viewed = (
        select(literal(user_id), AnalysisRequestPost.post_id, literal(PostActivity.VIEWED, Text))
        .where(AnalysisRequestPost.request_id == request_id, AnalysisRequestPost.post_id.is_not(None))
        .order_by(AnalysisRequestPost.post_id)  # one order, so that two parallel reads do not deadlock
    )
    session.execute(
        upsert(UserPostActivity)
        .from_select(["user_id", "post_id", "activity"], viewed)
        .on_conflict_do_update(
            index_elements=[UserPostActivity.user_id, UserPostActivity.post_id, UserPostActivity.activity],
            set_={"updated_at": func.now()},
        )
    )
