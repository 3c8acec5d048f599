"""CollectMedia: copies every file of a post that is not stored yet from its platform to storage.

Posts and their media are shared by requests, so files that a superseded attempt stored are kept. A file that cannot be
stored gets an error. Only the current attempt updates the state of the request.
"""

import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import BinaryIO, Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import MediaStore, path_of
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media import repository as media_repository
from whyviral.social.media import service as social_media
from whyviral.social.media.download import Downloaded, MediaRefused
from whyviral.social.media.service import MediaFailure, StoredFile
from whyviral.social.models import Post, PostMedia
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import NOTHING_TO_SPEND
from whyviral.vendor_calls.settlement import record_calls

from .models import AnalysisRequestPost, PostState, Stage
from .pipeline import CollectResult, Outcome, PostJob, fail_post, lock_current, record_status
from .repository import attempt_queries

# The function's timeout is 60 s (template.yaml). A file in progress at the timeout would be lost without an error, so
# the last download starts with time to spare, and a slow one is aborted early enough to record the error.
START_UNTIL_S = 45.0
_DOWNLOAD_UNTIL_S = 49.0
_STORE_UNTIL_S = 56.0

_NO_TIME = MediaFailure(ErrorCategory.TIMEOUT, "There was no time left to fetch this file; try again.")
_NO_ROOM = MediaFailure(ErrorCategory.INTERNAL, "We had no room to fetch this file; try again later.")
_NOTHING_LEFT = "This post has no text, and none of its media could be fetched."


class BuildStore(Protocol):
    """A factory of stores that report their calls to a collector and need at most `timeout_s` for a file."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> MediaStore:
        """Build a store."""
        ...


class Download(Protocol):
    """A function that downloads one medium, such as `Downloader.download`."""

    def __call__(
        self,
        url: str,
        into: BinaryIO,
        *,
        platform: Platform,
        kind: MediaKind,
        is_stand_in: bool,
        now: datetime,
        ends_at: float,
    ) -> Downloaded:
        """Write the file into `into`, or raise `MediaRefused`."""
        ...


class Monotonic(Protocol):
    """A monotonic clock."""

    def __call__(self) -> float:
        """Return the clock's time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class _UnstoredMedium:
    """A medium without a stored file, as it was when the run started."""

    id: uuid.UUID
    kind: MediaKind
    url: str
    post_id: uuid.UUID
    platform: Platform
    is_stand_in: bool


class MediaCollector:
    """CollectMedia with its collaborators."""

    def __init__(
        self,
        engine: Engine,
        *,
        download: Download,
        build_store: BuildStore,
        clock: Clock,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._engine = engine
        self._download = download
        self._build_store = build_store
        self._clock = clock
        self._monotonic = monotonic

    def collect(self, job: PostJob) -> CollectResult:
        """Store the missing media of a post.

        Returns:
            superseded; failed, if the post has neither text nor media; or collected, with `needs_worker`.
        """
        started_mono_s = self._monotonic()
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return CollectResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
            record_status(session, request, Stage.COLLECTING_MEDIA, progress=40, message="Collecting the posts' media.")
            row, post = _load(session, job)
            if row.state == PostState.FAILED:
                return CollectResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)
            unstored = _list_unstored_media(post)
        for medium in unstored:
            self._collect_one(job, medium, started_mono_s=started_mono_s)
        with session_scope(self._engine) as session:
            return self._conclude(session, job)

    def _collect_one(self, job: PostJob, medium: _UnstoredMedium, *, started_mono_s: float) -> None:
        """Store one medium and record its calls, and its file or its error; the row is locked only while written."""
        if self._monotonic() - started_mono_s > START_UNTIL_S:
            with session_scope(self._engine) as session:
                social_media.record_unstored(session, medium.id, _NO_TIME, source_url=medium.url)
            return
        calls = Ledger(
            self._engine,
            job,
            Stage.COLLECTING_MEDIA,
            post_id=medium.post_id,
            limits=NOTHING_TO_SPEND,
            clock=self._clock,
        )
        try:
            stored = self._store(medium, calls, started_mono_s=started_mono_s)
        except MediaRefused as exc:
            stored = exc.failure
        except ProviderError as exc:
            stored = MediaFailure(exc.category, exc.message)
        except OSError:  # a disk error: network errors are converted to the errors above
            stored = _NO_ROOM
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.COLLECTING_MEDIA, post_id=medium.post_id)
            if isinstance(stored, MediaFailure):
                social_media.record_unstored(session, medium.id, stored, source_url=medium.url)
            else:
                _record_stored(session, medium, *stored)

    def _store(
        self, medium: _UnstoredMedium, calls: CallCollector, *, started_mono_s: float
    ) -> tuple[StoredFile, Downloaded] | MediaFailure:
        with tempfile.TemporaryFile() as file:
            found = self._download(
                medium.url,
                file,
                platform=medium.platform,
                kind=medium.kind,
                is_stand_in=medium.is_stand_in,
                now=self._clock(),
                ends_at=started_mono_s + _DOWNLOAD_UNTIL_S,
            )
            path = path_of(medium.platform, medium.post_id, sha256=found.sha256, suffix=found.type.suffix)
            store = self._build_store(calls=calls, timeout_s=started_mono_s + _STORE_UNTIL_S - self._monotonic())
            url = store.put(path, file, content_type=found.type.content_type)
        return StoredFile(path, url), found

    def _conclude(self, session: Session, job: PostJob) -> CollectResult:
        if lock_current(session, job) is None:
            return CollectResult(request_post_id=job.request_post_id, outcome=Outcome.SUPERSEDED)
        row, post = _load(session, job)
        if row.state == PostState.FAILED:
            return CollectResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)
        if not _is_usable(post):
            message = next((medium.error["message"] for medium in post.media if medium.error), _NOTHING_LEFT)
            fail_post(row, stage=Stage.COLLECTING_MEDIA, category=ErrorCategory.MEDIA_ERROR, message=message)
            return CollectResult(request_post_id=job.request_post_id, outcome=Outcome.FAILED)
        if row.state == PostState.FETCHED:
            row.state = PostState.COLLECTED
        unprocessed = media_repository.list_unprocessed_media(session, [post.id])
        return CollectResult(
            request_post_id=job.request_post_id,
            outcome=Outcome.COLLECTED,
            needs_worker=bool(unprocessed),
            video_s=_total_s(unprocessed),
        )


def _total_s(media: Sequence[PostMedia]) -> int | None:
    """Return how long the media are together in whole seconds; None for no media, and if one's length is unknown."""
    durations_s = [medium.duration_s for medium in media if medium.duration_s is not None]
    return ceil(sum(durations_s)) if media and len(durations_s) == len(media) else None


def _load(session: Session, job: PostJob) -> tuple[AnalysisRequestPost, Post]:
    row = attempt_queries.find_request_post(session, job.request_id, job.request_post_id)
    if row is None or row.post is None:
        raise LookupError("CollectMedia was called for a post that was never fetched")
    return row, row.post


def _list_unstored_media(post: Post) -> Sequence[_UnstoredMedium]:
    return [
        _UnstoredMedium(
            medium.id, MediaKind(medium.kind), medium.source_url, post.id, Platform(post.platform), post.is_stand_in
        )
        for medium in post.media
        if not medium.is_page and medium.storage_path is None
    ]


def _record_stored(session: Session, medium: _UnstoredMedium, file: StoredFile, found: Downloaded) -> None:
    social_media.record_stored(
        session,
        medium.id,
        file,
        content_type=found.type.content_type,
        size_bytes=found.size_bytes,
        size=found.size,
        thumbnail=file if medium.kind is MediaKind.IMAGE else None,
    )


def _is_usable(post: Post) -> bool:
    """Return whether the post has anything to explain: text, or a picture or video that is not just a thumbnail."""
    return bool((post.content or "").strip()) or any(_is_visible(medium) for medium in post.media)


def _is_visible(medium: PostMedia) -> bool:
    return medium.kind != MediaKind.THUMBNAIL and (medium.is_page or medium.storage_path is not None)
