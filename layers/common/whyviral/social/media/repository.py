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
_AS_STORED = {"populate_existing": True}  # statements below write past the rows that a session may hold already


def list_media(session: Session, post_ids: Collection[uuid.UUID]) -> list[PostMedia]:
    """Return the media of these posts, in their order."""
    return list(
        session.scalars(
            select(PostMedia).where(PostMedia.post_id.in_(post_ids)).order_by(PostMedia.post_id, PostMedia.position),
            execution_options=_AS_STORED,
        )
    )


def list_unprocessed(session: Session, post_ids: Collection[uuid.UUID]) -> list[PostMedia]:
    """Return the videos of these posts that the worker can read and has not been done with."""
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
    """Claim, in one statement, a medium that needs work and that nobody reads; `replaces` do not count."""
    free = or_(PostMedia.claimed_until.is_(None), PostMedia.claimed_until <= now, PostMedia.claimed_by.in_(replaces))
    claimed = (
        update(PostMedia)
        .where(PostMedia.id == media_id, _is_unprocessed(), free)
        .values(claimed_by=lease_owner, claimed_until=until, updated_at=func.now())
        .returning(PostMedia)
    )
    return session.scalar(claimed, execution_options=_AS_STORED)


def is_unprocessed(session: Session, media_id: uuid.UUID) -> bool:
    """Return whether it is there and needs work."""
    found = select(PostMedia.id).where(PostMedia.id == media_id, _is_unprocessed())
    return session.scalar(found) is not None


def set_claim(session: Session, media_id: uuid.UUID, *, lease_owner: uuid.UUID, until: datetime | None) -> None:
    """Prolong a claim of this lease_owner, or end it without `until`."""
    session.execute(
        update(PostMedia)
        .where(PostMedia.id == media_id, PostMedia.claimed_by == lease_owner)
        .values(claimed_by=None if until is None else lease_owner, claimed_until=until, updated_at=func.now())
    )


def lock_medium(session: Session, media_id: uuid.UUID) -> PostMedia | None:
    """Return a medium, locked; whoever locks its post as well has done that before."""
    return session.scalar(
        select(PostMedia).where(PostMedia.id == media_id).with_for_update(key_share=True),
        execution_options=_AS_STORED,
    )


def lock_post(session: Session, post_id: uuid.UUID) -> Post | None:
    """Return the post, locked against others who compute something from all its media."""
    return session.scalar(
        select(Post).where(Post.id == post_id).with_for_update(key_share=True), execution_options=_AS_STORED
    )


def delete_media(session: Session, media_ids: Collection[uuid.UUID]) -> None:
    """Forget these media; their files stay in storage, where other posts' rows never point."""
    session.execute(delete(PostMedia).where(PostMedia.id.in_(media_ids)))


def put_media(session: Session, media: Sequence[tuple[uuid.UUID, int, ScrapedMedia]]) -> None:
    """Add media to posts, each at its position; a row that is there already keeps what we have found out about it.

    One statement, whatever their number: a driver without pipelining makes a round trip of every other form.
    """
    statement = upsert(PostMedia).values([_row(*each) for each in media])
    new = statement.excluded
    is_told = new.transcript_source.is_not(None)
    renewed = {
        "source_url": new.source_url,
        "is_page": new.is_page,
        "duration_s": func.coalesce(PostMedia.duration_s, new.duration_s),
        "error": case((PostMedia.error.has_key(DEAD_LINK), null()), else_=PostMedia.error),
        "updated_at": func.now(),
    } | {name: case((is_told, new[name]), else_=getattr(PostMedia, name)) for name in _FROM_TRANSCRIPT}
    session.execute(
        statement.on_conflict_do_update(index_elements=[PostMedia.post_id, PostMedia.position], set_=renewed)
    )


def update_unstored_medium(
    session: Session, media_id: uuid.UUID, values: Mapping[str, Any], *, source_url: str
) -> None:
    """Overwrite some columns of a medium that still has this URL, and no file in storage."""
    is_unstored = PostMedia.storage_path.is_(None) & (PostMedia.source_url == source_url)
    session.execute(
        update(PostMedia).where(PostMedia.id == media_id, is_unstored).values(dict(values) | {"updated_at": func.now()})
    )


def store_medium(session: Session, media_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Overwrite some columns of a medium that has no file in storage yet."""
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
    """Overwrite some columns of a medium."""
    session.execute(update(PostMedia).where(PostMedia.id == media_id).values(dict(values) | {"updated_at": func.now()}))


def _is_unprocessed() -> ColumnElement[bool]:
    """Whether a medium is a video that the worker can read and has not been done with."""
    is_untold_page = PostMedia.is_page & PostMedia.transcript_source.is_(None)
    return and_(
        PostMedia.kind == MediaKind.VIDEO,
        PostMedia.processed_at.is_(None),
        or_(PostMedia.storage_path.is_not(None), is_untold_page),
    )


def _row(post_id: uuid.UUID, position: int, medium: ScrapedMedia) -> dict[str, Any]:
    told = medium.transcript
    return {
        "post_id": post_id,
        "position": position,
        "kind": medium.kind,
        "source_url": medium.source_url,
        "is_page": medium.is_page,
        "duration_s": medium.duration_s,
        "segments": None if told is None else as_json(told),
        "transcript": told and told.text,
        "transcript_source": told and told.source,
        "transcript_truncated": told is not None and told.is_truncated,
        "language": told and told.language,
        "has_speech": None if told is None else bool(told.text),
    }
