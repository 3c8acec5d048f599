"""What took minutes to find out outlives a database that is away, a stop and a kill."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Connection, event, text

from functions.transcribe.deadline import Deadline, WorkerStopped
from functions.transcribe.processing import StorageUnavailable
from functions.transcribe.running import End, JobRunner
from functions.transcribe.saving import DatabaseUnavailable
from tests.fakes.media_store import storage_error
from tests.fakes.task_reporter import FakeTaskReporter
from tests.fixtures.pipeline import check_books
from tests.fixtures.waits import WAIT_S
from tests.functions.transcribe.conftest import Desk, call_of
from whyviral.analysis.pipeline import Outcome, RequestJob


@contextmanager
def _failing_commits(desk: Desk, times: int) -> Iterator[None]:
    """Let the server break off so many transactions when they want to commit."""
    engine = desk.pipeline.engine
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


def test_a_transcript_survives_a_database_that_fails_three_times(desk: Desk) -> None:
    job = desk.request(["video"])
    desk.calls = [call_of("supabase")]
    with ExitStack() as failing:
        desk.listener.during = lambda: failing.enter_context(_failing_commits(desk, 3))

        assert desk.process(job) == Outcome.PROCESSED

    assert [medium.transcript for medium in desk.media()] == ["Hello there."]
    assert desk.media()[0].processed_at == desk.pipeline.clock()
    check_books(desk.pipeline, RequestJob(**job.model_dump()))


def test_a_database_that_stays_away_is_a_failure_that_is_told(desk: Desk) -> None:
    job = desk.request(["one", "two"])
    reporter = FakeTaskReporter()

    with _failing_commits(desk, 1000):
        end = JobRunner(desk.processor.process, deadline_s=60, logger=desk.logger).run_once(job, reporter)

    assert end is End.FAILED
    assert reporter.ends == [DatabaseUnavailable.__name__]
    assert desk.pauses_s == [1.0, 2.0, 4.0]


def test_what_was_heard_is_not_listened_to_again_when_only_the_pictures_are_missing(desk: Desk) -> None:
    job = desk.request(["video"])
    heard: list[object] = []
    desk.listener.during = lambda: heard.append(None)
    desk.store.put_errors = [storage_error()]
    with pytest.raises(StorageUnavailable):
        desk.process(job)
    (before,) = desk.media()
    assert (before.transcript, before.processed_at, before.frames) == ("Hello there.", None, None)

    desk.process(job)

    (after,) = desk.media()
    assert (after.transcript, after.error, len(after.frames or ())) == ("Hello there.", None, 2)
    assert after.measurements == before.measurements
    assert heard == [None]


def test_a_worker_that_is_stopped_when_it_has_heard_everything_keeps_it(desk: Desk) -> None:
    job = desk.request(["video"])
    deadline = Deadline(WAIT_S)
    desk.listener.after = deadline.stop

    with pytest.raises(WorkerStopped):
        desk.process(job, deadline=deadline)

    (medium,) = desk.media()
    assert (medium.transcript, medium.processed_at, medium.claimed_by) == ("Hello there.", None, None)


def _of_storage(desk: Desk, act: Callable[[], object]) -> None:
    desk.store.during_get = lambda _path: act()


def _of_the_platform(desk: Desk, act: Callable[[], object]) -> None:
    desk.audio_source.during = act


@pytest.mark.parametrize(("content", "during"), [("video", _of_storage), ("", _of_the_platform)])
def test_a_download_ends_when_the_worker_is_stopped(
    desk: Desk, content: str, during: Callable[[Desk, Callable[[], object]], None]
) -> None:
    job = desk.request([content], platform="youtube")
    deadline = Deadline(WAIT_S)
    during(desk, deadline.stop)

    with pytest.raises(WorkerStopped):
        desk.process(job, deadline=deadline)

    (medium,) = desk.media()
    assert (medium.error, medium.claimed_by, desk.decoder.seen) == (None, None, [])


def test_a_download_that_the_deadline_ends_is_no_fault_of_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.request(["video"])
    deadline = Deadline(WAIT_S)
    desk.store.during_get = lambda _path: monkeypatch.setattr(deadline, "_ends_at", 0.0)  # minutes in a moment

    desk.process(job, deadline=deadline)

    (medium,) = desk.media()
    assert medium.error == {"category": "timeout", "message": "There was no time left to look at this; try again."}
    assert medium.processed_at is None
