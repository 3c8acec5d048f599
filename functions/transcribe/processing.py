"""How ProcessMedia works: medium after medium, each saved as soon as it is read, until all are or time is over."""

import uuid

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.booking import record_calls
from whyviral.analysis.ledger import Ledger
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, lock_current, record_status
from whyviral.analysis.repository import PipelineRepository
from whyviral.core.calls import CallCollector
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.money import NOTHING_TO_SPEND
from whyviral.social.media import list_unprocessed_media, record_failed, record_processed, record_transcript

from .deadline import Deadline
from .reading import BuildReader, Medium, Reading
from .running import Job

_STORAGE = "supabase"


class StorageUnavailable(Exception):
    """Not one medium could be had from our storage or put into it: the whole task has failed, and alarms hear of it."""


class MediaProcessor:
    """ProcessMedia with its collaborators."""

    def __init__(self, engine: Engine, *, build_reader: BuildReader, clock: Clock, logger: Logger) -> None:
        self._engine = engine
        self._build_reader = build_reader
        self._clock = clock
        self._logger = logger

    def process(self, wanted: Job, deadline: Deadline) -> Outcome:
        """Read all media of a request that nobody has read yet.

        Returns:
            processed, also when time ended before the work, or superseded.

        Raises:
            StorageUnavailable: nothing could be done because our storage is down.
            WorkerStopped: the job was stopped; what was saved stays.
        """
        job = RequestJob(request_id=wanted.request_id, attempt=wanted.attempt)
        media = self._begin(job)
        if media is None:
            return Outcome.SUPERSEDED
        lost = 0
        for medium in media:
            if not self._is_unread(medium):
                # Another request with the same post was faster.
                continue
            calls = Ledger(
                self._engine,
                job,
                Stage.TRANSCRIBING,
                post_id=medium.post_id,
                limits=NOTHING_TO_SPEND,
                clock=self._clock,
            )
            reading = self._build_reader(calls=calls).read(medium, deadline)
            is_current = self._save(job, medium, reading, calls)
            failure = reading.failure.category if reading.failure else None
            self._logger.info("read medium", extra={"media_id": str(medium.id), "error": failure})
            if not is_current:
                return Outcome.SUPERSEDED
            lost += reading.provider == _STORAGE and not reading.is_final
        if lost and lost == len(media):
            raise StorageUnavailable
        return Outcome.PROCESSED

    def _begin(self, job: RequestJob) -> list[Medium] | None:
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return None
            record_status(session, request, Stage.TRANSCRIBING, progress=45, message="Watching and listening.")
            return _unread(session, job.request_id, request.platform)

    def _is_unread(self, medium: Medium) -> bool:
        with session_scope(self._engine) as session:
            return any(row.id == medium.id for row in list_unprocessed_media(session, [medium.post_id]))

    def _save(self, job: RequestJob, medium: Medium, reading: Reading, calls: CallCollector) -> bool:
        """Save what became of a medium and return whether this attempt is still the current one.

        What an old attempt has found out is true all the same, and spares the new one the work.
        """
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.TRANSCRIBING, post_id=medium.post_id)
            is_current = lock_current(session, job) is not None
            if reading.is_final:
                record_processed(session, medium.id, reading.findings, error=reading.failure, now=self._clock())
            elif reading.failure is not None:
                record_failed(session, medium.id, reading.failure)
            if reading.transcript is not None:
                record_transcript(session, medium.post_id, medium.id, reading.transcript)
            return is_current


def _unread(session: Session, request_id: uuid.UUID, platform: str) -> list[Medium]:
    """Return the media of the request's posts in the order of its URLs."""
    posts = {
        post.post_id: post.platform_post_id
        for post in PipelineRepository(session).list_posts(request_id)
        if post.post_id is not None and post.state in (PostState.FETCHED, PostState.COLLECTED)
    }
    order = {post_id: number for number, post_id in enumerate(posts)}
    rows = sorted(list_unprocessed_media(session, posts.keys()), key=lambda row: (order[row.post_id], row.position))
    return [
        Medium(
            id=row.id,
            post_id=row.post_id,
            platform=platform,
            platform_post_id=posts[row.post_id],
            storage_path=row.storage_path,
        )
        for row in rows
    ]
