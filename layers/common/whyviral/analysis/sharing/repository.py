"""The queries of share links and of what a shared report shows."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, defer, selectinload

from whyviral.accounts.models import User
from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest
from whyviral.social.models import Post, PostMedia

from .models import ShareLink


def save_link(session: Session, request_id: uuid.UUID, token_sha256: str) -> None:
    """Save the link of a request in place of an earlier one."""
    session.execute(
        upsert(ShareLink)
        .values(request_id=request_id, token_sha256=token_sha256)
        .on_conflict_do_update(
            index_elements=[ShareLink.request_id],
            set_={"token_sha256": token_sha256, "updated_at": func.now()},
        )
    )


def delete_link(session: Session, request_id: uuid.UUID) -> bool:
    """Delete the link of a request; return whether there was one."""
    deleted = session.execute(delete(ShareLink).where(ShareLink.request_id == request_id).returning(ShareLink.id))
    return deleted.first() is not None


def find_shared(session: Session, token_sha256: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the owner and the request of a link, unless the user or the request was deleted."""
    found = session.execute(
        select(PostAnalysisRequest.user_id, PostAnalysisRequest.id)
        .join(ShareLink, ShareLink.request_id == PostAnalysisRequest.id)
        .join(User, User.id == PostAnalysisRequest.user_id)
        .where(
            ShareLink.token_sha256 == token_sha256,
            PostAnalysisRequest.deleted_at.is_(None),
            User.deleted_at.is_(None),
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def list_posts(session: Session, request_id: uuid.UUID) -> Sequence[Post]:
    """Return the fetched posts of a request with their media, without the columns that only the pipeline reads."""
    return session.scalars(
        select(Post)
        .join(AnalysisRequestPost, AnalysisRequestPost.post_id == Post.id)
        .where(AnalysisRequestPost.request_id == request_id, Post.fetched_at.is_not(None))
        .order_by(AnalysisRequestPost.position)
        .options(
            defer(Post.raw, raiseload=True),
            selectinload(Post.media).defer(PostMedia.segments, raiseload=True),
        )
    ).all()
