"""ProcessMedia: processes the media of a request one by one and saves each at once, until the deadline."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, lock_current, record_status
from whyviral.analysis.repository import attempt_queries
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.transcript import Transcript
from whyviral.social.media.claims import NotClaimed, claim_medium, may_record, release_claim, renew_claim
from whyviral.social.media.repository import list_unprocessed_media
from whyviral.social.media.service import (
    MediaFindings,
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
from .lease_keeper import RENEWAL_INTERVAL_S, Lease
from .medium_reader import BuildReader, Medium, Reading, medium_of
from .transactions import Transactions

_STORAGE = "supabase"
_POLL_S = 2.0
"""How often media that other workers hold are checked again."""


class StorageUnavailable(Exception):
    """Storage failed for every medium, so the whole task fails. That raises an alarm."""


class _Superseded(Exception):
    """A newer attempt has superseded this one."""


@dataclass(frozen=True, slots=True)
class _Unprocessed:
    """A medium that was not processed when the job started."""

    id: uuid.UUID
    post_id: uuid.UUID
    platform: str
    platform_post_id: str


class MediaProcessor:
    """Processes the media of requests."""

    def __init__(
        self,
        engine: Engine,
        *,
        build_reader: BuildReader,
        clock: Clock,
        logger: Logger,
        transactions: Transactions | None = None,
        renewal_interval_s: float = RENEWAL_INTERVAL_S,
        poll_s: float = _POLL_S,
    ) -> None:
        self._engine = engine
        self._transactions = transactions or Transactions(engine, logger=logger)
        self._build_reader = build_reader
        self._clock = clock
        self._logger = logger
        self._renewal_interval_s = renewal_interval_s
        self._poll_s = poll_s

    def process(self, job: Job, deadline: Deadline) -> Outcome:
        """Process all unprocessed media of a request, and wait for those that another worker is processing.

        Returns:
            `processed`, also if the deadline passed first, or `superseded`.

        Raises:
            StorageUnavailable: storage failed for every medium.
            DatabaseUnavailable: the results could not be saved.
            WorkerStopped: the job was stopped. Its saved results stay.
        """
        request_job = RequestJob(request_id=job.request_id, attempt=job.attempt)
        storage_failures = 0
        try:
            media = self._transactions.run(lambda session: _start(session, request_job))
            for medium in self._claimed_media(request_job, media, deadline):
                reading = self._read(request_job, medium, deadline)
                storage_failures += reading.provider == _STORAGE and not reading.is_final
        except _Superseded:
            return Outcome.SUPERSEDED
        if storage_failures and storage_failures == len(media):
            raise StorageUnavailable
        return Outcome.PROCESSED

    def _claimed_media(self, job: RequestJob, media: Sequence[_Unprocessed], deadline: Deadline) -> Iterator[Medium]:
        """Claim media one by one and yield each. Media that other workers hold are tried again until the deadline."""
        remaining = media
        while remaining:
            busy = []
            for unprocessed in remaining:
                medium = self._claim(job, unprocessed)
                if medium is NotClaimed.BUSY:
                    busy.append(unprocessed)
                elif isinstance(medium, Medium):
                    yield medium
            if len(busy) == len(remaining) and not deadline.wait(self._poll_s):
                self._logger.info("media still held by other workers", extra={"count": len(busy)})
                return
            remaining = busy

    def _claim(self, job: RequestJob, unprocessed: _Unprocessed) -> Medium | NotClaimed:
        earlier_jobs = [RequestJob(request_id=job.request_id, attempt=number) for number in range(1, job.attempt)]

        def claim(session: Session) -> Medium | NotClaimed:
            if lock_current(session, job) is None:
                raise _Superseded
            claimed = claim_medium(
                session,
                unprocessed.id,
                lease_owner=job.lease_owner,
                replaces=[other.lease_owner for other in earlier_jobs],
                now=self._clock(),
            )
            if isinstance(claimed, NotClaimed):
                return claimed
            return medium_of(claimed, platform=unprocessed.platform, platform_post_id=unprocessed.platform_post_id)

        return self._transactions.run(claim)

    def _read(self, job: RequestJob, medium: Medium, deadline: Deadline) -> Reading:
        """Process a medium under a lease, and save the result."""
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
                medium,
                deadline,
                save_transcript=lambda transcript, findings: self._save_transcript(job, medium, transcript, findings),
            )
            spent = calls.drain()
            is_current = self._transactions.run(lambda session: self._save(session, job, medium, reading, spent))
        failure = reading.failure.category if reading.failure else None
        self._logger.info("medium processed", extra={"media_id": str(medium.id), "error": failure})
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

        return Lease(renew, release, logger=self._logger, interval_s=self._renewal_interval_s)

    def _save_transcript(
        self, job: RequestJob, medium: Medium, transcript: Transcript, findings: MediaFindings
    ) -> None:
        """Save the transcript before anything else can fail: it took minutes."""

        def save(session: Session) -> None:
            if self._may_record(session, job, medium, is_success=True):
                record_transcript(session, medium.post_id, medium.id, transcript)
                record_measured(session, medium.id, findings)

        self._transactions.run(save)

    def _save(
        self, session: Session, job: RequestJob, medium: Medium, reading: Reading, calls: Sequence[ExternalCall]
    ) -> bool:
        """Save the result of a medium and return whether this attempt is still the current one.

        The findings of a superseded attempt are saved too: they are valid, and the new attempt need not repeat them.
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


def _start(session: Session, job: RequestJob) -> list[_Unprocessed]:
    """Record the status and return the request's unprocessed media, in the order of its URLs."""
    request = lock_current(session, job)
    if request is None:
        raise _Superseded
    record_status(session, request, Stage.TRANSCRIBING, progress=45, message="Analysing video and audio.")
    posts = {
        post.post_id: post.platform_post_id
        for post in attempt_queries.list_request_posts(session, job.request_id)
        if post.post_id is not None and post.state in (PostState.FETCHED, PostState.COLLECTED)
    }
    order = {post_id: number for number, post_id in enumerate(posts)}
    rows = sorted(list_unprocessed_media(session, posts.keys()), key=lambda row: (order[row.post_id], row.position))
    return [_Unprocessed(row.id, row.post_id, request.platform, posts[row.post_id]) for row in rows]
