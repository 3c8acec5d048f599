"""Several workers at the same media: one reads each, and none makes worse what another has found out."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete

from functions.transcribe.container import UnreadableMedia
from functions.transcribe.deadline import Deadline, WorkerStopped
from functions.transcribe.running import Job
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.transcribe.conftest import HELLO, Desk
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.core.database import session_scope
from whyviral.social.media import record_processed, record_transcript
from whyviral.social.media_claims import LEASE
from whyviral.social.models import PostMedia


def _claimant(job: Job) -> uuid.UUID:
    return RequestJob(**job.model_dump()).claimant


def _claim(desk: Desk, medium: PostMedia, claimant: uuid.UUID, *, left: timedelta = LEASE) -> None:
    desk.change(medium, claimed_by=claimant, claimed_until=desk.pipeline.clock() + left)


def _end(medium: PostMedia) -> tuple[str | None, object, uuid.UUID | None]:
    return medium.transcript, medium.error, medium.claimed_by


def _while_the_first_listens(desk: Desk, first: Job, act: Callable[[], object]) -> Outcome:
    """Let a worker begin, and do something in the middle of the first medium that it listens to."""
    listens, may_go_on = threading.Event(), threading.Event()

    def during() -> None:
        if not listens.is_set():
            listens.set()
            assert may_go_on.wait(WAIT_S)

    desk.listener.during = during
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(desk.process, first)
        assert listens.wait(WAIT_S)
        try:
            act()
        finally:
            may_go_on.set()
        return outcome.result(WAIT_S)


def _while_another_works(desk: Desk, first: Job, other: Job, until: Callable[[], bool]) -> list[Outcome]:
    """Let a second worker begin in the middle of the first one's first medium, and the first go on then."""
    with ThreadPoolExecutor(1) as pool:
        outcomes: list[Future[Outcome]] = []

        def begin() -> None:
            outcomes.append(pool.submit(desk.process, other))
            wait_until(lambda: until() or outcomes[0].done())
            assert until()

        return [_while_the_first_listens(desk, first, begin), outcomes[0].result(WAIT_S)]


def test_two_requests_with_the_same_video_have_it_read_once(desk: Desk) -> None:
    job = desk.request(["video"])
    other = desk.request_too(job)

    outcomes = _while_another_works(desk, job, other, until=lambda: desk.has_begun(other))

    assert outcomes == [Outcome.PROCESSED] * 2
    assert desk.decoder.seen == [b"video"]
    assert _end(desk.media()[0]) == ("Hello there.", None, None)


def test_a_worker_reads_first_what_no_other_reads(desk: Desk) -> None:
    job = desk.request(["one", "two"])
    other = desk.request_too(job)

    outcomes = _while_another_works(desk, job, other, until=lambda: b"two" in desk.decoder.seen)

    assert outcomes == [Outcome.PROCESSED] * 2
    assert desk.decoder.seen == [b"one", b"two"]
    assert [_end(medium) for medium in desk.media()] == [("Hello there.", None, None)] * 2


def test_what_another_worker_still_reads_at_the_end_is_left_to_it_without_a_word(desk: Desk) -> None:
    job = desk.request(["video"])
    stranger = uuid.uuid4()
    _claim(desk, desk.media()[0], stranger)

    assert desk.process(job, deadline=Deadline(0.05)) == Outcome.PROCESSED

    assert _end(desk.media()[0]) == (None, None, stranger)
    assert desk.store.got == []


def test_the_medium_of_a_worker_that_died_is_read_when_its_claim_has_ended(desk: Desk) -> None:
    job = desk.request(["video"])
    _claim(desk, desk.media()[0], uuid.uuid4(), left=timedelta(0))

    desk.process(job)

    assert _end(desk.media()[0]) == ("Hello there.", None, None)


def test_a_worker_waits_until_the_claim_of_a_dead_one_ends(desk: Desk) -> None:
    job = desk.request(["video"])
    _claim(desk, desk.media()[0], uuid.uuid4())
    threading.Timer(0.1, desk.pipeline.clock.advance, [LEASE.total_seconds()]).start()

    assert desk.process(job) == Outcome.PROCESSED
    assert _end(desk.media()[0]) == ("Hello there.", None, None)


def test_the_next_attempt_does_not_wait_for_the_one_it_has_replaced(desk: Desk) -> None:
    job = desk.request(["video"])
    _claim(desk, desk.media()[0], _claimant(job))

    desk.process(desk.retry(job))

    assert _end(desk.media()[0]) == ("Hello there.", None, None)


def test_a_message_that_comes_twice_is_worked_on_once(desk: Desk) -> None:
    job = desk.request(["video"])

    outcome = _while_the_first_listens(desk, job, lambda: desk.process(job, deadline=Deadline(0.05)))

    assert outcome == Outcome.PROCESSED
    assert desk.decoder.seen == [b"video"]


def test_an_attempt_that_is_replaced_while_it_waits_ends(desk: Desk) -> None:
    job = desk.request(["video"])
    _claim(desk, desk.media()[0], uuid.uuid4())
    threading.Timer(0.1, desk.retry, [job]).start()

    assert desk.process(job) == Outcome.SUPERSEDED


def test_a_claim_is_renewed_as_long_as_the_work_goes_on(desk: Desk) -> None:
    job = desk.request(["video"])
    renewed: list[bool] = []

    def wait_for_a_renewal() -> None:
        desk.pipeline.clock.advance(LEASE.total_seconds() - 1)
        renewed.append(wait_until(lambda: desk.media()[0].claimed_until == desk.pipeline.clock() + LEASE))

    desk.listener.during = wait_for_a_renewal
    desk.process(job)

    assert renewed == [True]


def test_a_worker_that_is_stopped_gives_its_medium_back(desk: Desk) -> None:
    job = desk.request(["video"])
    deadline = Deadline(WAIT_S)
    desk.listener.during = deadline.stop

    with pytest.raises(WorkerStopped):
        desk.process(job, deadline=deadline)

    assert _end(desk.media()[0]) == (None, None, None)


def _read_by_somebody_else(desk: Desk) -> None:
    (medium,) = desk.media()
    with session_scope(desk.pipeline.engine) as session:
        record_transcript(session, medium.post_id, medium.id, HELLO)
        record_processed(session, medium.id, now=desk.pipeline.clock())


def _unreadable_after(act: Callable[[], object]) -> Callable[[str], object]:
    def during_get(_path: str) -> None:
        act()

    return during_get


def test_a_failure_never_overwrites_what_somebody_else_has_found_out(desk: Desk) -> None:
    job = desk.request(["video"])
    desk.store.during_get = _unreadable_after(lambda: _read_by_somebody_else(desk))
    desk.decoder.answers[b"video"] = UnreadableMedia("The file cannot be decoded.")

    assert desk.process(job) == Outcome.PROCESSED

    assert _end(desk.media()[0])[:2] == ("Hello there.", None)


def test_a_failure_of_a_worker_whose_claim_was_taken_over_is_not_saved(desk: Desk) -> None:
    job = desk.request(["video"])
    stranger = uuid.uuid4()
    desk.store.during_get = _unreadable_after(lambda: _claim(desk, desk.media()[0], stranger))
    desk.decoder.answers[b"video"] = UnreadableMedia("The file cannot be decoded.")

    assert desk.process(job) == Outcome.PROCESSED

    assert _end(desk.media()[0]) == (None, None, stranger)
    assert desk.media()[0].processed_at is None


def test_what_a_worker_has_heard_is_saved_although_its_claim_was_taken_over(desk: Desk) -> None:
    job = desk.request(["video"])
    stranger = uuid.uuid4()
    desk.listener.during = lambda: _claim(desk, desk.media()[0], stranger)

    desk.process(job)

    assert _end(desk.media()[0]) == ("Hello there.", None, stranger)
    assert desk.media()[0].processed_at == desk.pipeline.clock()


def test_a_medium_that_is_gone_when_it_was_heard_ends_nothing(desk: Desk) -> None:
    job = desk.request(["one", "two"])
    gone = desk.media()[0].id

    def forget() -> None:
        with session_scope(desk.pipeline.engine) as session:
            session.execute(delete(PostMedia).where(PostMedia.id == gone))

    desk.listener.during = forget

    assert desk.process(job) == Outcome.PROCESSED
    assert [_end(medium) for medium in desk.media()] == [("Hello there.", None, None)]
