"""Every query of the media of posts."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia
from whyviral.social.models import DEAD_LINK, Post, PostMedia
from whyviral.social.transcripts import as_json

_FROM_TRANSCRIPT = ("segments", "transcript", "transcript_source", "transcript_truncated", "language", "has_speech")
_AS_STORED = {"populate_existing": True}  # bulk statements below bypass rows that the session has loaded


def list_media(session: Session, post_ids: Collection[uuid.UUID]) -> list[PostMedia]:
    """Return the media of these posts, ordered by post and position."""
    return list(
        session.scalars(
            select(PostMedia).where(PostMedia.post_id.in_(post_ids)).order_by(PostMedia.post_id, PostMedia.position),
            execution_options=_AS_STORED,
        )
    )


def list_unprocessed_media(session: Session, post_ids: Collection[uuid.UUID]) -> list[PostMedia]:
    """Return the videos that the worker still has to process: stored ones, and pages without captions."""
    return list(
        session.scalars(
            select(PostMedia)
            .where(PostMedia.post_id.in_(post_ids), _is_unprocessed())
            .order_by(PostMedia.post_id, PostMedia.position),
            execution_options=_AS_STORED,
        )
    )


def claim_medium(
    session: Session,
    media_id: uuid.UUID,
    *,
    lease_owner: uuid.UUID,
    replaces: Collection[uuid.UUID],
    now: datetime,
    until: datetime,
) -> PostMedia | None:
    """Claim, in one statement, a medium that needs work and has no other owner; owners in `replaces` are ignored."""
    free = or_(PostMedia.claimed_until.is_(None), PostMedia.claimed_until <= now, PostMedia.claimed_by.in_(replaces))
    claimed = (
        update(PostMedia)
        .where(PostMedia.id == media_id, _is_unprocessed(), free)
        .values(claimed_by=lease_owner, claimed_until=until, updated_at=func.now())
        .returning(PostMedia)
    )
    return session.scalar(claimed, execution_options=_AS_STORED)


def is_unprocessed(session: Session, media_id: uuid.UUID) -> bool:
    """Return whether the medium exists and needs work."""
    found = select(PostMedia.id).where(PostMedia.id == media_id, _is_unprocessed())
    return session.scalar(found) is not None


def set_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, until: datetime | None) -> None:
    """Extend a claim of this lease owner, or release it if `until` is None."""
    session.execute(
        update(PostMedia)
        .where(PostMedia.id == media_id, PostMedia.claimed_by == lease_owner)
        .values(claimed_by=None if until is None else lease_owner, claimed_until=until, updated_at=func.now())
    )


def lock_medium(session: Session, media_id: uuid.UUID) -> PostMedia | None:
    """Lock and return a medium. Lock order: a transaction that also locks the post must lock the post first."""
    return session.scalar(
        select(PostMedia).where(PostMedia.id == media_id).with_for_update(key_share=True),
        execution_options=_AS_STORED,
    )


def lock_post(session: Session, post_id: uuid.UUID) -> Post | None:
    """Lock and return a post, so that only one transaction at a time recomputes values from all its media."""
    return session.scalar(
        select(Post).where(Post.id == post_id).with_for_update(key_share=True), execution_options=_AS_STORED
    )


def delete_media(session: Session, media_ids: Collection[uuid.UUID]) -> None:
    """Delete these media; their files stay in storage, where no other post refers to them."""
    session.execute(delete(PostMedia).where(PostMedia.id.in_(media_ids)))


def put_media(session: Session, media: Sequence[tuple[uuid.UUID, int, ScrapedMedia]]) -> None:
    """Insert or update media, each at its position in its post; an existing row keeps its measured values.

    One statement for any number of media, because the driver has no pipelining and each statement is a round trip.
    """
    statement = upsert(PostMedia).values([_row(*each) for each in media])
    new = statement.excluded
    has_captions = new.transcript_source.is_not(None)
    updates = {
        "source_url": new.source_url,
        "is_page": new.is_page,
        "duration_s": func.coalesce(PostMedia.duration_s, new.duration_s),
        "error": case((PostMedia.error.has_key(DEAD_LINK), null()), else_=PostMedia.error),
        "updated_at": func.now(),
    } | {name: case((has_captions, new[name]), else_=getattr(PostMedia, name)) for name in _FROM_TRANSCRIPT}
    session.execute(
        statement.on_conflict_do_update(index_elements=[PostMedia.post_id, PostMedia.position], set_=updates)
    )


def update_unstored_medium(
    session: Session, media_id: uuid.UUID, values: Mapping[str, Any], *, source_url: str
) -> None:
    """Update columns of a medium, if it still has this URL and no file in storage."""
    is_unstored = PostMedia.storage_path.is_(None) & (PostMedia.source_url == source_url)
    session.execute(
        update(PostMedia).where(PostMedia.id == media_id, is_unstored).values(dict(values) | {"updated_at": func.now()})
    )


def store_medium(session: Session, media_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Update columns of a medium, if it has no file in storage yet."""
    session.execute(
        update(PostMedia)
        .where(PostMedia.id == media_id, PostMedia.storage_path.is_(None))
        .values(dict(values) | {"updated_at": func.now()})
    )


def forget_stored_file(session: Session, post_id: uuid.UUID, path: str, *, error: Mapping[str, Any]) -> None:
    """Remove a path from a post's media, so that its file is stored, or made by the worker, once more."""
    of_post = update(PostMedia).where(PostMedia.post_id == post_id)
    again: dict[str, Any] = {"processed_at": None, "error": dict(error), "updated_at": func.now()}
    thumbnail: dict[str, Any] = {"thumbnail_path": None, "thumbnail_url": None}
    original = {"storage_path": None, "supabase_url": None, "uploaded_to_supabase": False}
    session.execute(of_post.where(PostMedia.frames.contains([{"path": path}])).values(again | {"frames": None}))
    session.execute(of_post.where(PostMedia.thumbnail_path == path).values(again | thumbnail))
    session.execute(of_post.where(PostMedia.storage_path == path).values(again | original))


def update_medium(session: Session, media_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Update columns of a medium."""
    session.execute(update(PostMedia).where(PostMedia.id == media_id).values(dict(values) | {"updated_at": func.now()}))


def _is_unprocessed() -> ColumnElement[bool]:
    """A medium needs the worker if it is an unprocessed video with a stored file, or a page without captions."""
    is_page_without_captions = PostMedia.is_page & PostMedia.transcript_source.is_(None)
    return and_(
        PostMedia.kind == MediaKind.VIDEO,
        PostMedia.processed_at.is_(None),
        or_(PostMedia.storage_path.is_not(None), is_page_without_captions),
    )


def _row(post_id: uuid.UUID, position: int, medium: ScrapedMedia) -> dict[str, Any]:
    transcript = medium.transcript
    return {
        "post_id": post_id,
        "position": position,
        "kind": medium.kind,
        "source_url": medium.source_url,
        "is_page": medium.is_page,
        "duration_s": medium.duration_s,
        "segments": None if transcript is None else as_json(transcript),
        "transcript": transcript and transcript.text,
        "transcript_source": transcript and transcript.source,
        "transcript_truncated": transcript is not None and transcript.is_truncated,
        "language": transcript and transcript.language,
        "has_speech": None if transcript is None else bool(transcript.text),
    }
