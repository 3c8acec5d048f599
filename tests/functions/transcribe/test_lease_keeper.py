"""Several workers with the same media: each medium is processed once, and no worker overwrites a better result."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete

from functions.transcribe.deadline import Deadline, WorkerStopped
from functions.transcribe.decoder.container import UnreadableMedia
from functions.transcribe.job_runner import Job
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.transcribe.conftest import HELLO, WorkerBench
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.core.database import session_scope
from whyviral.social.media.claims import LEASE
from whyviral.social.media.service import record_processed, record_transcript
from whyviral.social.models import PostMedia


def _claimant(job: Job) -> uuid.UUID:
    return RequestJob(**job.model_dump()).lease_owner


def _claim(worker: WorkerBench, medium: PostMedia, lease_owner: uuid.UUID, *, left: timedelta = LEASE) -> None:
    worker.change(medium, claimed_by=lease_owner, claimed_until=worker.pipeline.clock() + left)


def _end(medium: PostMedia) -> tuple[str | None, object, uuid.UUID | None]:
    return medium.transcript, medium.error, medium.claimed_by


def _while_the_first_listens(worker: WorkerBench, first: Job, act: Callable[[], object]) -> Outcome:
    """Start a worker, and call a function while it transcribes its first medium."""
    listens, may_go_on = threading.Event(), threading.Event()

    def during() -> None:
        if not listens.is_set():
            listens.set()
            assert may_go_on.wait(WAIT_S)

    worker.listener.during = during
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(worker.process, first)
        assert listens.wait(WAIT_S)
        try:
            act()
        finally:
            may_go_on.set()
        return outcome.result(WAIT_S)


def _while_another_works(worker: WorkerBench, first: Job, other: Job, until: Callable[[], bool]) -> list[Outcome]:
    """Start a second worker while the first one processes its first medium, then let the first continue."""
    with ThreadPoolExecutor(1) as pool:
        outcomes: list[Future[Outcome]] = []

        def begin() -> None:
            outcomes.append(pool.submit(worker.process, other))
            wait_until(lambda: until() or outcomes[0].done())
            assert until()

        return [_while_the_first_listens(worker, first, begin), outcomes[0].result(WAIT_S)]


def test_a_video_of_two_requests_is_processed_once(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    other = worker.request_too(job)

    outcomes = _while_another_works(worker, job, other, until=lambda: worker.has_started(other))

    assert outcomes == [Outcome.PROCESSED] * 2
    assert worker.decoder.seen == [b"video"]
    assert _end(worker.media()[0]) == ("Hello there.", None, None)


def test_a_worker_processes_unclaimed_media_first(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    other = worker.request_too(job)

    outcomes = _while_another_works(worker, job, other, until=lambda: b"two" in worker.decoder.seen)

    assert outcomes == [Outcome.PROCESSED] * 2
    assert worker.decoder.seen == [b"one", b"two"]
    assert [_end(medium) for medium in worker.media()] == [("Hello there.", None, None)] * 2


def test_a_medium_that_another_worker_still_holds_at_the_deadline_is_left_unchanged(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    stranger = uuid.uuid4()
    _claim(worker, worker.media()[0], stranger)

    assert worker.process(job, deadline=Deadline(0.05)) == Outcome.PROCESSED

    assert _end(worker.media()[0]) == (None, None, stranger)
    assert worker.store.got == []


def test_the_medium_of_a_crashed_worker_is_processed_after_its_claim_expires(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    _claim(worker, worker.media()[0], uuid.uuid4(), left=timedelta(0))

    worker.process(job)

    assert _end(worker.media()[0]) == ("Hello there.", None, None)


def test_a_worker_waits_until_the_claim_of_a_crashed_worker_expires(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    _claim(worker, worker.media()[0], uuid.uuid4())
    threading.Timer(0.1, worker.pipeline.clock.advance, [LEASE.total_seconds()]).start()

    assert worker.process(job) == Outcome.PROCESSED
    assert _end(worker.media()[0]) == ("Hello there.", None, None)


def test_the_next_attempt_does_not_wait_for_the_superseded_one(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    _claim(worker, worker.media()[0], _claimant(job))

    worker.process(worker.retry(job))

    assert _end(worker.media()[0]) == ("Hello there.", None, None)


def test_a_message_delivered_twice_is_processed_once(worker: WorkerBench) -> None:
    job = worker.request(["video"])

    outcome = _while_the_first_listens(worker, job, lambda: worker.process(job, deadline=Deadline(0.05)))

    assert outcome == Outcome.PROCESSED
    assert worker.decoder.seen == [b"video"]


def test_an_attempt_that_is_superseded_while_it_waits_ends(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    _claim(worker, worker.media()[0], uuid.uuid4())
    threading.Timer(0.1, worker.retry, [job]).start()

    assert worker.process(job) == Outcome.SUPERSEDED


def test_a_claim_is_renewed_until_the_work_ends(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    renewed: list[bool] = []

    def wait_for_a_renewal() -> None:
        worker.pipeline.clock.advance(LEASE.total_seconds() - 1)
        renewed.append(wait_until(lambda: worker.media()[0].claimed_until == worker.pipeline.clock() + LEASE))

    worker.listener.during = wait_for_a_renewal
    worker.process(job)

    assert renewed == [True]


def test_a_stopped_worker_releases_its_medium(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    deadline = Deadline(WAIT_S)
    worker.listener.during = deadline.stop

    with pytest.raises(WorkerStopped):
        worker.process(job, deadline=deadline)

    assert _end(worker.media()[0]) == (None, None, None)


def _read_by_somebody_else(worker: WorkerBench) -> None:
    (medium,) = worker.media()
    with session_scope(worker.pipeline.engine) as session:
        record_transcript(session, medium.post_id, medium.id, HELLO)
        record_processed(session, medium.id, now=worker.pipeline.clock())


def _unreadable_after(act: Callable[[], object]) -> Callable[[str], object]:
    def during_get(_path: str) -> None:
        act()

    return during_get


def test_a_failure_never_overwrites_the_result_of_another_worker(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.store.during_get = _unreadable_after(lambda: _read_by_somebody_else(worker))
    worker.decoder.answers[b"video"] = UnreadableMedia("The file cannot be decoded.")

    assert worker.process(job) == Outcome.PROCESSED

    assert _end(worker.media()[0])[:2] == ("Hello there.", None)


def test_a_failure_of_a_worker_whose_claim_was_taken_over_is_not_saved(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    stranger = uuid.uuid4()
    worker.store.during_get = _unreadable_after(lambda: _claim(worker, worker.media()[0], stranger))
    worker.decoder.answers[b"video"] = UnreadableMedia("The file cannot be decoded.")

    assert worker.process(job) == Outcome.PROCESSED

    assert _end(worker.media()[0]) == (None, None, stranger)
    assert worker.media()[0].processed_at is None


def test_a_transcript_is_saved_although_the_claim_was_taken_over(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    stranger = uuid.uuid4()
    worker.listener.during = lambda: _claim(worker, worker.media()[0], stranger)

    worker.process(job)

    assert _end(worker.media()[0]) == ("Hello there.", None, stranger)
    assert worker.media()[0].processed_at == worker.pipeline.clock()


def test_a_medium_deleted_during_its_transcription_fails_no_job(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    gone = worker.media()[0].id

    def forget() -> None:
        with session_scope(worker.pipeline.engine) as session:
            session.execute(delete(PostMedia).where(PostMedia.id == gone))

    worker.listener.during = forget

    assert worker.process(job) == Outcome.PROCESSED
    assert [_end(medium) for medium in worker.media()] == [("Hello there.", None, None)]
