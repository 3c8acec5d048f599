"""Rules of post media: results about a file are kept as long as the platform shows the same file.

Posts are shared by all requests, so results are saved no matter which request or attempt produced them. If a medium has
been replaced before its result arrives, nothing is saved.
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
_TEMPORARY = frozenset(category for category in ErrorCategory if category.may_pass)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in our storage."""

    path: str
    url: str


@dataclass(frozen=True, slots=True)
class MediaFailure:
    """The failure of one medium; the message is for the user."""

    category: ErrorCategory
    message: str
    is_link_dead: bool = False
    """The link has expired, so the next request for the post fetches the post again."""
    tries: int = 0
    """How often our worker has failed at the medium; 0 if the cause is not ours."""

    def as_json(self) -> dict[str, Any]:
        """Return the failure in the format of `post_media.error`."""
        error: dict[str, Any] = {"category": self.category, "message": self.message}
        error |= {TRIES: self.tries} if self.tries else {}
        return error | {DEAD_LINK: True} if self.is_link_dead else error


_LOST = MediaFailure(ErrorCategory.PROVIDER_ERROR, "Our media storage has lost this file; try again.")


@dataclass(frozen=True, slots=True)
class MediaFindings:
    """The worker's results for a medium; None means unknown."""

    measurements: Mapping[str, Any] | None = None
    """Measurements of picture and sound: docs/metrics.md."""
    frames: Sequence[Mapping[str, Any]] | None = None
    """Key frames as `[{at_s, path, url}]`, ordered by time."""
    thumbnail: StoredFile | None = None
    """A small JPEG of the medium."""
    duration_s: float | None = None
    """None keeps the duration that the platform reported."""
    size: tuple[int, int] | None = None
    """Width and height."""


def replace_media(
    session: Session, scraped_by_post: Sequence[tuple[Post, ScrapedPost]], *, distrusted: Collection[uuid.UUID] = ()
) -> None:
    """Replace the media of posts with the scraped ones; the number of statements does not grow with the posts.

    A row is kept, with its stored file and its results, if position, kind and URL are the same. The URL's query is
    ignored, because signatures change.

    Args:
        session: the transaction; the posts are locked.
        scraped_by_post: posts, each with its scraped version.
        distrusted: ids of posts whose media are all replaced, because they came from another source before.
    """
    scraped = {
        (post.id, position): medium for post, new in scraped_by_post for position, medium in enumerate(new.media)
    }
    known = repository.list_media(session, [post.id for post, _ in scraped_by_post])
    replaced = [
        row.id
        for row in known
        if row.post_id in distrusted or not _is_same_file(row, scraped.get((row.post_id, row.position)))
    ]
    repository.delete_media(session, replaced)
    if scraped:
        repository.put_media(session, [(post_id, position, medium) for (post_id, position), medium in scraped.items()])
    _update_transcripts(session, [post for post, _ in scraped_by_post])


def may_get_more(medium: PostMedia) -> bool:
    """Return whether another attempt may get the missing file of a medium, or the worker's missing results."""
    if medium.processed_at is not None:
        return False
    if medium.storage_path is None and not medium.is_page:
        error = medium.error
        return error is None or bool(error.get(DEAD_LINK)) or error["category"] in _TEMPORARY
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
    """Record the stored file of a medium and clear an earlier error.

    If another attempt has stored a file already, that file stays: it may have been processed.

    Args:
        session: the transaction.
        media_id: the medium.
        file: its copy in storage.
        content_type: the content type detected from the bytes.
        size_bytes: the size of the file.
        size: width and height, if they were easily read.
        thumbnail: a small picture of the medium; a photo is its own thumbnail.
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
    """Record why a medium could not be stored, unless it has got another URL or a stored file in the meantime."""
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
    """Record why a medium could not be processed; it stays unprocessed, so that it is tried again."""
    repository.update_medium(session, media_id, {"error": failure.as_json()})


def record_transcript(session: Session, post_id: uuid.UUID, media_id: uuid.UUID, transcript: Transcript) -> None:
    """Save the transcript of a medium and update that of its post; an empty transcript means no speech."""
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
    """Save measurements of a medium before the worker has finished with it."""
    repository.update_medium(session, media_id, _measured(findings))


def record_processed(
    session: Session,
    media_id: uuid.UUID,
    findings: MediaFindings | None = None,
    *,
    error: MediaFailure | None = None,
    now: datetime,
) -> None:
    """Save the worker's results for a medium and mark it as processed, successfully or not.

    Args:
        session: the transaction.
        media_id: the medium.
        findings: the results, which may be partial beside an error.
        error: the failure, if there was one.
        now: when the worker finished.
    """
    values: dict[str, Any] = {"processed_at": now, "error": error and error.as_json()}
    if findings is not None:  # without findings, earlier results stay
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
    """Set each post's transcript to those of its media in order; None while no medium has been transcribed."""
    media = repository.list_media(session, [post.id for post in posts])
    for post in posts:
        transcribed = [medium for medium in media if medium.post_id == post.id and medium.transcript is not None]
        spoken = [medium for medium in transcribed if medium.transcript]
        post.transcript = _BETWEEN_MEDIA.join(medium.transcript or "" for medium in spoken) if transcribed else None
        post.formatted_transcript = (
            _BETWEEN_MEDIA.join(with_times(from_json(medium.segments or [])) for medium in spoken)
            if transcribed
            else None
        )
