"""ProcessMedia: reads one medium after the other and saves each at once, until all are read or time is over."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis import repository as analysis_repository
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, lock_current, record_status
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.transcript import Transcript
from whyviral.social.media.claims import NotClaimed, claim_medium, may_record, release_claim, renew_claim
from whyviral.social.media.service import (
    MediaFindings,
    list_unprocessed_media,
    record_failed,
    record_measured,
    record_processed,
    record_transcript,
)
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import NOTHING_TO_SPEND
from whyviral.vendor_calls.settlement import record_calls

from .deadline import Deadline
from .job_runner import Job
from .lease_keeper import RENEWED_EVERY_S, Lease
from .medium_reader import BuildReader, Medium, Reading, medium_of
from .transactions import Transactions

_STORAGE = "supabase"
_POLL_S = 2.0
"""Seconds between two looks at media that other workers are reading."""


class StorageUnavailable(Exception):
    """Storage failed for every medium: the whole task fails, which raises an alarm."""


class _Superseded(Exception):
    """Another attempt has replaced this one."""


@dataclass(frozen=True, slots=True)
class _Unread:
    """A medium that needed work when the job began."""

    id: uuid.UUID
    post_id: uuid.UUID
    platform: str
    platform_post_id: str


class MediaProcessor:
    """ProcessMedia with its collaborators."""

    def __init__(
        self,
        engine: Engine,
        *,
        build_reader: BuildReader,
        clock: Clock,
        logger: Logger,
        transactions: Transactions | None = None,
        renewed_every_s: float = RENEWED_EVERY_S,
        poll_s: float = _POLL_S,
    ) -> None:
        self._engine = engine
        self._transactions = transactions or Transactions(engine, logger=logger)
        self._build_reader = build_reader
        self._clock = clock
        self._logger = logger
        self._renewed_every_s = renewed_every_s
        self._poll_s = poll_s

    def process(self, wanted: Job, deadline: Deadline) -> Outcome:
        """Read all unread media of a request, and wait for those that another worker is reading.

        Returns:
            processed, also when time ended before the work, or superseded.

        Raises:
            StorageUnavailable: nothing could be done because our storage is down.
            DatabaseUnavailable: nothing could be saved any more.
            WorkerStopped: the job was stopped; what was saved stays.
        """
        job = RequestJob(request_id=wanted.request_id, attempt=wanted.attempt)
        lost = 0
        try:
            media = self._transactions.run(lambda session: _begin(session, job))
            for medium in self._turns(job, media, deadline):
                reading = self._read(job, medium, deadline)
                lost += reading.provider == _STORAGE and not reading.is_final
        except _Superseded:
            return Outcome.SUPERSEDED
        if lost and lost == len(media):
            raise StorageUnavailable
        return Outcome.PROCESSED

    def _turns(self, job: RequestJob, media: Sequence[_Unread], deadline: Deadline) -> Iterator[Medium]:
        """Yield one claimed medium after the other; media that other workers are reading come last, if at all."""
        left = media
        while left:
            busy = []
            for unread in left:
                medium = self._claim(job, unread)
                if medium is NotClaimed.BUSY:
                    busy.append(unread)
                elif isinstance(medium, Medium):
                    yield medium
            if len(busy) == len(left) and not deadline.wait(self._poll_s):
                self._logger.info("media are left to other workers", extra={"count": len(busy)})
                return
            left = busy

    def _claim(self, job: RequestJob, unread: _Unread) -> Medium | NotClaimed:
        older = [RequestJob(request_id=job.request_id, attempt=number) for number in range(1, job.attempt)]

        def claim(session: Session) -> Medium | NotClaimed:
            if lock_current(session, job) is None:
                raise _Superseded
            claimed = claim_medium(
                session,
                unread.id,
                lease_owner=job.lease_owner,
                replaces=[other.lease_owner for other in older],
                now=self._clock(),
            )
            if isinstance(claimed, NotClaimed):
                return claimed
            return medium_of(claimed, platform=unread.platform, platform_post_id=unread.platform_post_id)

        return self._transactions.run(claim)

    def _read(self, job: RequestJob, medium: Medium, deadline: Deadline) -> Reading:
        """Read a medium while it is ours, and save what became of it."""
        calls = Ledger(
            self._engine,
            job,
            Stage.TRANSCRIBING,
            post_id=medium.post_id,
            limits=NOTHING_TO_SPEND,
            clock=self._clock,
        )
        with self._lease(job, medium):
            reading = self._build_reader(calls=calls).read(
                medium, deadline, keep=lambda transcript, findings: self._keep(job, medium, transcript, findings)
            )
            spent = calls.drain()
            is_current = self._transactions.run(lambda session: self._save(session, job, medium, reading, spent))
        failure = reading.failure.category if reading.failure else None
        self._logger.info("read medium", extra={"media_id": str(medium.id), "error": failure})
        if not is_current:
            raise _Superseded
        return reading

    def _lease(self, job: RequestJob, medium: Medium) -> Lease:
        def renew() -> None:
            with session_scope(self._engine) as session:
                renew_claim(session, medium.id, lease_owner=job.lease_owner, now=self._clock())

        def release() -> None:
            with session_scope(self._engine) as session:
                release_claim(session, medium.id, lease_owner=job.lease_owner)

        return Lease(renew, release, logger=self._logger, interval_s=self._renewed_every_s)

    def _keep(self, job: RequestJob, medium: Medium, transcript: Transcript, findings: MediaFindings) -> None:
        """Save the transcript before anything else can fail: it took minutes."""

        def keep(session: Session) -> None:
            if self._may_record(session, job, medium, is_success=True):
                record_transcript(session, medium.post_id, medium.id, transcript)
                record_measured(session, medium.id, findings)

        self._transactions.run(keep)

    def _save(
        self, session: Session, job: RequestJob, medium: Medium, reading: Reading, calls: Sequence[ExternalCall]
    ) -> bool:
        """Save what became of a medium and return whether this attempt is still the current one.

        The findings of an old attempt are saved, too: they are true, and the new one need not repeat the work.
        """
        record_calls(session, job, calls, step=Stage.TRANSCRIBING, post_id=medium.post_id)
        is_current = lock_current(session, job) is not None
        if self._may_record(session, job, medium, is_success=reading.findings is not None):
            if reading.is_final:
                record_processed(session, medium.id, reading.findings, error=reading.failure, now=self._clock())
            elif reading.failure is not None:
                record_failed(session, medium.id, reading.failure)
        return is_current

    def _may_record(self, session: Session, job: RequestJob, medium: Medium, *, is_success: bool) -> bool:
        return may_record(
            session, medium.id, medium.post_id, lease_owner=job.lease_owner, is_success=is_success, now=self._clock()
        )


def _begin(session: Session, job: RequestJob) -> list[_Unread]:
    """Record the status and return the unread media of the request's posts, in the order of its URLs."""
    request = lock_current(session, job)
    if request is None:
        raise _Superseded
    record_status(session, request, Stage.TRANSCRIBING, progress=45, message="Watching and listening.")
    posts = {
        post.post_id: post.platform_post_id
        for post in analysis_repository.list_request_posts(session, job.request_id)
        if post.post_id is not None and post.state in (PostState.FETCHED, PostState.COLLECTED)
    }
    order = {post_id: number for number, post_id in enumerate(posts)}
    rows = sorted(list_unprocessed_media(session, posts.keys()), key=lambda row: (order[row.post_id], row.position))
    return [_Unread(row.id, row.post_id, request.platform, posts[row.post_id]) for row in rows]
