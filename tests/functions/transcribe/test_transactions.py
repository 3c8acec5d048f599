"""Saved results survive an outage of the database, a stop and a kill."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Connection, event, text

from functions.transcribe.deadline import Deadline, WorkerStopped
from functions.transcribe.job_runner import End, JobRunner
from functions.transcribe.media_processor import StorageUnavailable
from functions.transcribe.transactions import DatabaseUnavailable
from tests.fakes.media_store import storage_error
from tests.fakes.task_reporter import FakeTaskReporter
from tests.fixtures.pipeline import check_books
from tests.fixtures.waits import WAIT_S
from tests.functions.transcribe.conftest import WorkerBench, call_of
from whyviral.analysis.pipeline import Outcome, RequestJob


@contextmanager
def _failing_commits(worker: WorkerBench, times: int) -> Iterator[None]:
    """Make the server abort this many transactions at their commit."""
    engine = worker.pipeline.engine
    left = [times]

    def fail(connection: Connection) -> None:
        if left[0] > 0:
            left[0] -= 1
            connection.execute(text("select pg_cancel_backend(pg_backend_pid())"))

    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


def test_a_transcript_survives_three_failed_transactions(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.calls = [call_of("supabase")]
    with ExitStack() as failing:
        worker.listener.during = lambda: failing.enter_context(_failing_commits(worker, 3))

        assert worker.process(job) == Outcome.PROCESSED

    assert [medium.transcript for medium in worker.media()] == ["Hello there."]
    assert worker.media()[0].processed_at == worker.pipeline.clock()
    check_books(worker.pipeline, RequestJob(**job.model_dump()))


def test_a_lasting_outage_of_the_database_fails_the_job(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    reporter = FakeTaskReporter()

    with _failing_commits(worker, 1000):
        end = JobRunner(worker.processor.process, deadline_s=60, logger=worker.logger).run_once(job, reporter)

    assert end is End.FAILED
    assert reporter.ends == [DatabaseUnavailable.__name__]
    assert worker.pauses_s == [1.0, 2.0, 4.0]


def test_a_saved_transcript_is_reused_if_only_the_pictures_are_missing(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    heard: list[object] = []
    worker.listener.during = lambda: heard.append(None)
    worker.store.put_errors = [storage_error()]
    with pytest.raises(StorageUnavailable):
        worker.process(job)
    (before,) = worker.media()
    assert (before.transcript, before.processed_at, before.frames) == ("Hello there.", None, None)

    worker.process(job)

    (after,) = worker.media()
    assert (after.transcript, after.error, len(after.frames or ())) == ("Hello there.", None, 2)
    assert after.measurements == before.measurements
    assert heard == [None]


def test_a_worker_stopped_after_the_transcription_keeps_the_transcript(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    deadline = Deadline(WAIT_S)
    worker.listener.after = deadline.stop

    with pytest.raises(WorkerStopped):
        worker.process(job, deadline=deadline)

    (medium,) = worker.media()
    assert (medium.transcript, medium.processed_at, medium.claimed_by) == ("Hello there.", None, None)


def _of_storage(worker: WorkerBench, act: Callable[[], object]) -> None:
    worker.store.during_get = lambda _path: act()


def _of_the_platform(worker: WorkerBench, act: Callable[[], object]) -> None:
    worker.audio_source.during = act


@pytest.mark.parametrize(("content", "during"), [("video", _of_storage), ("", _of_the_platform)])
def test_a_download_is_aborted_when_the_worker_is_stopped(
    worker: WorkerBench, content: str, during: Callable[[WorkerBench, Callable[[], object]], None]
) -> None:
    job = worker.request([content], platform="youtube")
    deadline = Deadline(WAIT_S)
    during(worker, deadline.stop)

    with pytest.raises(WorkerStopped):
        worker.process(job, deadline=deadline)

    (medium,) = worker.media()
    assert (medium.error, medium.claimed_by, worker.decoder.seen) == (None, None, [])


def test_a_download_aborted_at_the_deadline_is_not_blamed_on_the_file(
    worker: WorkerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = worker.request(["video"])
    deadline = Deadline(WAIT_S)
    worker.store.during_get = lambda _path: monkeypatch.setattr(deadline, "_end_mono_s", 0.0)  # the deadline passes

    worker.process(job, deadline=deadline)

    (medium,) = worker.media()
    assert medium.error == {"category": "timeout", "message": "Time ran out before this file was processed. Try again."}
    assert medium.processed_at is None
