"""Rules of the media of posts: what is known about a file is kept as long as the platform shows the same file.

Posts are shared by all requests, so none of this asks for whom it is done: what an old attempt has found out is as true
as what a new one finds. A medium that is gone when its news arrive has been replaced meanwhile, and nothing is saved.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.media_store import find_post_id
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia, ScrapedPost
from whyviral.integrations.ports.transcript import Transcript
from whyviral.social.models import DEAD_LINK, Post, PostMedia
from whyviral.social.transcripts import as_json, from_json, with_times

from . import repository

TRIES = "tries"
"""The key of `post_media.error` with `MediaFailure.tries`."""
_BETWEEN_MEDIA = "\n\n"
_PASSING = frozenset(category for category in ErrorCategory if category.may_pass)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in our storage."""

    path: str
    url: str


@dataclass(frozen=True, slots=True)
class MediaFailure:
    """What went wrong with one medium; the message is for the user."""

    category: ErrorCategory
    message: str
    is_link_dead: bool = False
    """Whether only another link can help: the next request for the post fetches it again."""
    tries: int = 0
    """How often our own machine has failed at it, 0 where something else is wrong."""

    def as_json(self) -> dict[str, Any]:
        """Return it as `post_media.error` holds it."""
        told: dict[str, Any] = {"category": self.category, "message": self.message}
        told |= {TRIES: self.tries} if self.tries else {}
        return told | {DEAD_LINK: True} if self.is_link_dead else told


_LOST = MediaFailure(ErrorCategory.PROVIDER_ERROR, "Our media storage has lost this file; try again.")


@dataclass(frozen=True, slots=True)
class MediaFindings:
    """What the worker finds out about a medium; None: not found out."""

    measurements: Mapping[str, Any] | None = None
    """Of picture and sound: docs/metrics.md."""
    frames: Sequence[Mapping[str, Any]] | None = None
    """`[{at_s, path, url}]`, in the order of time."""
    thumbnail: StoredFile | None = None
    """A small JPEG of it."""
    duration_s: float | None = None
    """None leaves what the platform said."""
    size: tuple[int, int] | None = None
    """Width and height."""


def replace_media(
    session: Session, scraped_by_post: Sequence[tuple[Post, ScrapedPost]], *, distrusted: Collection[uuid.UUID] = ()
) -> None:
    """Make the media of these posts those that were scraped now, in as many statements for one post as for many.

    A row at the same position, of the same kind and with the same URL but for its query (signatures change) stays and
    keeps what we know of it, the file in storage first of all.

    Args:
        session: the transaction; the posts are locked.
        scraped_by_post: posts and what the platform says of them now.
        distrusted: ids of posts of which nothing is kept, since another source spoke of them before.
    """
    scraped = {
        (post.id, position): medium for post, told in scraped_by_post for position, medium in enumerate(told.media)
    }
    known = repository.list_media(session, [post.id for post, _ in scraped_by_post])
    gone = [
        row.id
        for row in known
        if row.post_id in distrusted or not _is_same_file(row, scraped.get((row.post_id, row.position)))
    ]
    repository.delete_media(session, gone)
    if scraped:
        repository.put_media(session, [(post_id, position, medium) for (post_id, position), medium in scraped.items()])
    _update_transcripts(session, [post for post, _ in scraped_by_post])


def list_unprocessed_media(session: Session, post_ids: Collection[uuid.UUID]) -> list[PostMedia]:
    """Return the videos that the worker still has to read: stored ones, and pages whose captions we do not have."""
    return repository.list_unprocessed(session, post_ids)


def may_get_more(medium: PostMedia) -> bool:
    """Whether another try may get of a medium what is missing: its file, or what only the worker finds out."""
    if medium.processed_at is not None:
        return False
    if medium.storage_path is None and not medium.is_page:
        error = medium.error
        return error is None or bool(error.get(DEAD_LINK)) or error["category"] in _PASSING
    return medium.kind == MediaKind.VIDEO and not (medium.is_page and medium.transcript_source)


def record_stored(
    session: Session,
    media_id: uuid.UUID,
    file: StoredFile,
    *,
    content_type: str,
    size_bytes: int,
    size: tuple[int, int] | None = None,
    thumbnail: StoredFile | None = None,
) -> None:
    """Save where the bytes of a medium are, and forget what kept them from being stored before.

    Where somebody was faster, theirs stay: they may have been read already.

    Args:
        session: the transaction.
        media_id: the medium.
        file: its copy in storage.
        content_type: what the bytes were found to be.
        size_bytes: how many they are.
        size: width and height, where they were easily read.
        thumbnail: a small picture of it; a photo is its own.
    """
    values = {
        "storage_path": file.path,
        "supabase_url": file.url,
        "uploaded_to_supabase": True,
        "content_type": content_type,
        "bytes": size_bytes,
        "error": None,
    }
    repository.store_medium(session, media_id, values | _size(size) | _thumbnail(thumbnail))


def record_unstored(session: Session, media_id: uuid.UUID, failure: MediaFailure, *, source_url: str) -> None:
    """Save why a medium could not be stored from this URL, unless it has another by now, or somebody has stored it."""
    repository.update_unstored_medium(session, media_id, {"error": failure.as_json()}, source_url=source_url)


def forget_stored_file(session: Session, path: str) -> None:
    """Forget a file that our storage has lost: the next attempt fetches it from its platform, or makes it again.

    Args:
        session: the transaction.
        path: of `path_of`; the path of a file that belongs to no post changes nothing.
    """
    post_id = find_post_id(path)
    if post_id is not None:
        repository.forget_stored_file(session, post_id, path, error=_LOST.as_json())


def record_failed(session: Session, media_id: uuid.UUID, failure: MediaFailure) -> None:
    """Save why a medium could not be read; it is left to be tried again."""
    repository.update_medium(session, media_id, {"error": failure.as_json()})


def record_transcript(session: Session, post_id: uuid.UUID, media_id: uuid.UUID, transcript: Transcript) -> None:
    """Save what is said in a medium, and in all media of its post; without segments it is known to have no speech."""
    post = repository.lock_post(session, post_id)
    if post is None:
        return
    repository.update_medium(
        session,
        media_id,
        {
            "segments": as_json(transcript),
            "transcript": transcript.text,
            "transcript_source": transcript.source,
            "transcript_truncated": transcript.is_truncated,
            "language": transcript.language,
            "has_speech": bool(transcript.text),
        },
    )
    _update_transcripts(session, [post])
    session.flush()


def record_measured(session: Session, media_id: uuid.UUID, findings: MediaFindings) -> None:
    """Save what was measured of a medium before the worker is done with it."""
    repository.update_medium(session, media_id, _measured(findings))


def record_processed(
    session: Session,
    media_id: uuid.UUID,
    findings: MediaFindings | None = None,
    *,
    error: MediaFailure | None = None,
    now: datetime,
) -> None:
    """Save what the worker found out about a medium, with or without success; it is then done with it.

    Args:
        session: the transaction.
        media_id: the medium.
        findings: what there is of them, also beside an error.
        error: what went wrong, where something did.
        now: when the worker was done.
    """
    values: dict[str, Any] = {"processed_at": now, "error": error and error.as_json()}
    if findings is not None:  # else what was found out before stays
        values["frames"] = None if findings.frames is None else [dict(frame) for frame in findings.frames]
        values |= _measured(findings) | _thumbnail(findings.thumbnail)
    repository.update_medium(session, media_id, values)


def _measured(findings: MediaFindings) -> dict[str, Any]:
    measured = {"measurements": findings.measurements and dict(findings.measurements)}
    duration = {} if findings.duration_s is None else {"duration_s": findings.duration_s}
    return measured | duration | _size(findings.size)


def _size(size: tuple[int, int] | None) -> dict[str, Any]:
    return {} if size is None else {"width": size[0], "height": size[1]}


def _thumbnail(thumbnail: StoredFile | None) -> dict[str, Any]:
    return {} if thumbnail is None else {"thumbnail_path": thumbnail.path, "thumbnail_url": thumbnail.url}


def _is_same_file(row: PostMedia, scraped: ScrapedMedia | None) -> bool:
    return (
        scraped is not None
        and row.kind == MediaKind(scraped.kind)
        and _without_query(row.source_url) == _without_query(scraped.source_url)
    )


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _update_transcripts(session: Session, posts: Sequence[Post]) -> None:
    """Write down for each post what is said in all its media, in their order; None while nobody has listened."""
    media = repository.list_media(session, [post.id for post in posts])
    for post in posts:
        told = [medium for medium in media if medium.post_id == post.id and medium.transcript is not None]
        spoken = [medium for medium in told if medium.transcript]
        post.transcript = _BETWEEN_MEDIA.join(medium.transcript or "" for medium in spoken) if told else None
        post.formatted_transcript = (
            _BETWEEN_MEDIA.join(with_times(from_json(medium.segments or [])) for medium in spoken) if told else None
        )
