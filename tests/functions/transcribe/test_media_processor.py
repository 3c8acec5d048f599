import errno
import hashlib
from dataclasses import replace

import pytest

from functions.transcribe.deadline import Deadline, OutOfTime, WorkerStopped
from functions.transcribe.decoder.container import HostFailure, UnreadableMedia
from functions.transcribe.decoder.examination import Examined
from functions.transcribe.media_processor import StorageUnavailable
from functions.transcribe.medium_reader import MAX_TRIES, MAX_TRIES_PER_JOB
from tests.fakes.media_store import URL, storage_error
from tests.fixtures.pipeline import check_books, check_history
from tests.fixtures.waits import WAIT_S
from tests.functions.transcribe.conftest import HELLO, VIDEO, WorkerBench, call_of, picture_of, unknown_job
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.transcript import Transcript, TranscriptSource
from whyviral.social.media.service import record_processed
from whyviral.social.models import PostMedia
from whyviral.social.transcripts import as_json


def _said(medium: PostMedia) -> tuple[object, ...]:
    return medium.transcript, medium.has_speech, medium.transcript_truncated, medium.error, medium.processed_at


def _path(medium: PostMedia, content: bytes) -> str:
    return f"x/{medium.post_id}/{hashlib.sha256(picture_of(content)).hexdigest()[:32]}.jpg"


def test_all_results_of_a_video_are_saved(worker: WorkerBench) -> None:
    job = worker.request(["video"])

    assert worker.process(job) == Outcome.PROCESSED

    (medium,) = worker.media()
    paths = [_path(medium, b"frame %d of video" % number) for number in (0, 1)]
    thumbnail = _path(medium, b"thumbnail of video")
    assert medium.frames == [
        {"at_s": 0.5, "path": paths[0], "url": f"{URL}/{paths[0]}"},
        {"at_s": 5.0, "path": paths[1], "url": f"{URL}/{paths[1]}"},
    ]
    assert (medium.thumbnail_path, medium.thumbnail_url) == (thumbnail, f"{URL}/{thumbnail}")
    assert {worker.store.content_types[path] for path in (*paths, thumbnail)} == {"image/jpeg"}
    assert medium.measurements == {
        "duration_s": 10.0,
        "width": 180,
        "height": 320,
        "cut_count": 2,
        "speech_words": 2,
        "speech_wpm": 120.0,
        "speech_share": 0.1,
        "first_word_s": 1.0,
        "timeline": {
            "version": 1,
            "cuts_s": [2.5, 7.5],
            "watched_s": 10.0,
            "levels_dbfs": [-20.0, -12.5],
            "level_step_s": 5.0,
            "voices": [{"from_s": 1.05, "to_s": 1.95}],
        },
    }
    assert (float(medium.duration_s or 0), medium.width, medium.height) == (10.0, 180, 320)
    assert _said(medium) == ("Hello there.", True, False, None, worker.pipeline.clock())
    assert (medium.segments, medium.language, medium.transcript_source) == (as_json(HELLO), "en", "whisper")
    assert worker.post_of(medium).transcript == "Hello there."


def test_the_status_says_that_media_are_being_processed(worker: WorkerBench) -> None:
    job = worker.request(["video"])

    worker.process(job)
    worker.process(job)

    request = worker.pipeline.read(RequestJob(**job.model_dump()))
    assert check_history(request) == [Stage.TRANSCRIBING]
    assert (request.progress, request.status_history[0].message) == (45, "Analysing video and audio.")


def test_the_sound_of_a_page_is_downloaded_from_its_platform(worker: WorkerBench) -> None:
    job = worker.request([""], platform="youtube")
    worker.decoder.answers[b"sound"] = Examined(measurements={"duration_s": 10.0}, has_audio=True)

    worker.process(job)

    (medium,) = worker.media()
    assert worker.store.got == []
    assert (medium.transcript, medium.frames, medium.thumbnail_path) == ("Hello there.", None, None)


def test_music_has_an_empty_transcript(worker: WorkerBench) -> None:
    job = worker.request(["song"])
    worker.listener.says = [Transcript((), TranscriptSource.WHISPER)]

    worker.process(job)

    (medium,) = worker.media()
    assert _said(medium) == ("", False, False, None, worker.pipeline.clock())
    assert medium.segments == []
    assert (medium.measurements or {})["speech_words"] == 0


def test_a_video_without_sound_has_an_empty_transcript(worker: WorkerBench) -> None:
    job = worker.request(["mute"])
    worker.decoder.answers[b"mute"] = VIDEO.model_copy(update={"has_audio": False})

    worker.process(job)

    (medium,) = worker.media()
    assert _said(medium) == ("", False, False, None, worker.pipeline.clock())
    assert "speech_words" not in (medium.measurements or {})


def test_a_sound_that_cannot_be_decoded_has_no_transcript(worker: WorkerBench) -> None:
    job = worker.request(["broken"])
    worker.decoder.answers[b"broken"] = VIDEO.model_copy(update={"has_audio": False, "problem": "The sound is broken."})

    worker.process(job)

    (medium,) = worker.media()
    error = {"category": "media_error", "message": "The sound is broken."}
    assert _said(medium) == (None, None, False, error, worker.pipeline.clock())


def test_an_unreadable_file_fails_only_its_own_medium(worker: WorkerBench) -> None:
    job = worker.request(["good", "bad"], ["fine"])
    worker.decoder.answers[b"bad"] = UnreadableMedia("The file cannot be decoded.")

    assert worker.process(job) == Outcome.PROCESSED

    error = {"category": "media_error", "message": "The file cannot be decoded."}
    now = worker.pipeline.clock()
    assert [_said(medium) for medium in worker.media()] == [
        ("Hello there.", True, False, None, now),
        (None, None, False, error, now),
        ("Hello there.", True, False, None, now),
    ]


def test_the_readable_part_of_a_damaged_file_is_saved_with_the_error(worker: WorkerBench) -> None:
    job = worker.request(["damaged"])
    worker.decoder.answers[b"damaged"] = VIDEO.model_copy(update={"problem": "The pictures are damaged."})

    worker.process(job)

    (medium,) = worker.media()
    error = {"category": "media_error", "message": "The pictures are damaged."}
    assert _said(medium) == ("Hello there.", True, False, error, worker.pipeline.clock())


def _youtube_error(*, is_transient: bool) -> ProviderError:
    return ProviderError(
        "YouTube gives no sound.", provider="youtube", category=ErrorCategory.PROVIDER_ERROR, is_transient=is_transient
    )


@pytest.mark.parametrize("is_transient", [True, False])
def test_a_transient_provider_failure_leaves_the_medium_for_another_try(
    is_transient: bool, worker: WorkerBench
) -> None:
    job = worker.request([""], platform="youtube")
    worker.audio_source.error = _youtube_error(is_transient=is_transient)

    assert worker.process(job) == Outcome.PROCESSED

    error = {"category": "provider_error", "message": "YouTube gives no sound."}
    assert _said(worker.media()[0]) == (None, None, False, error, None if is_transient else worker.pipeline.clock())
    worker.audio_source.error = None
    worker.process(job)
    assert (worker.media()[0].transcript, worker.media()[0].error) == (
        ("Hello there.", None) if is_transient else (None, error)
    )


def test_the_task_fails_if_storage_fails_for_every_medium(worker: WorkerBench) -> None:
    job = worker.request(["one"], ["two"])
    worker.store.error = storage_error()

    with pytest.raises(StorageUnavailable):
        worker.process(job)

    assert [medium.processed_at for medium in worker.media()] == [None, None]


def test_a_file_missing_from_storage_is_not_tried_again(worker: WorkerBench) -> None:
    job = worker.request(["one"])
    worker.store.error = storage_error(is_transient=False)

    assert worker.process(job) == Outcome.PROCESSED
    assert worker.media()[0].processed_at == worker.pipeline.clock()


def test_a_file_that_storage_has_lost_is_forgotten_and_read_once_it_is_stored_again(worker: WorkerBench) -> None:
    job = worker.request(["one"])
    path = str(worker.media()[0].storage_path)
    content = worker.store.files.pop(path)

    assert worker.process(job) == Outcome.PROCESSED

    (lost,) = worker.media()
    assert (lost.storage_path, lost.supabase_url, lost.uploaded_to_supabase, lost.processed_at) == (
        *(None, None),
        *(False, None),
    )
    assert (lost.error or {}).get("category") == "provider_error"
    worker.put(worker.store, lost, content)
    worker.process(worker.retry(job))
    (read,) = worker.media()
    assert (read.transcript, read.processed_at) == ("Hello there.", worker.pipeline.clock())


def test_a_retry_that_need_not_hear_again_keeps_the_voices(worker: WorkerBench) -> None:
    job = worker.request(["video"], ["other"])
    worker.store.put_errors = [storage_error()]
    worker.process(job)
    worker.listener.during = pytest.fail  # the transcript is saved
    worker.decoder.answers[b"video"] = replace_timeline(VIDEO, cuts_s=(3.0,))

    worker.process(worker.retry(job))

    timeline = (worker.media()[0].measurements or {})["timeline"]
    assert (timeline["voices"], timeline["cuts_s"]) == ([{"from_s": 1.05, "to_s": 1.95}], [3.0])


def replace_timeline(examined: Examined, *, cuts_s: tuple[float, ...]) -> Examined:
    return examined.model_copy(update={"timeline": examined.timeline.model_copy(update={"cuts_s": cuts_s})})


def test_every_medium_is_saved_before_the_next_one_starts(worker: WorkerBench) -> None:
    job = worker.request(["one", "two", "three"])
    deadline = Deadline(WAIT_S)
    heard: list[object] = []

    def stop_in_the_second() -> None:
        heard.append(None)
        if len(heard) == 2:
            deadline.stop()

    worker.listener.during = stop_in_the_second
    with pytest.raises(WorkerStopped):
        worker.process(job, deadline=deadline)
    assert [medium.processed_at is not None for medium in worker.media()] == [True, False, False]
    assert worker.media()[1].error is None

    assert worker.process(job) == Outcome.PROCESSED

    assert worker.decoder.seen == [b"one", b"two", b"two", b"three"]
    assert [medium.transcript for medium in worker.media()] == ["Hello there."] * 3


def test_at_the_deadline_the_transcript_so_far_is_saved_and_other_media_are_left(
    worker: WorkerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = worker.request(["one", "two"])
    deadline = Deadline(WAIT_S)
    worker.listener.during = lambda: monkeypatch.setattr(deadline, "_end_mono_s", 0.0)  # the deadline passes

    assert worker.process(job, deadline=deadline) == Outcome.PROCESSED

    first, second = worker.media()
    assert _said(first) == ("Hello there.", True, True, None, worker.pipeline.clock())
    assert "speech_words" not in (first.measurements or {})
    late = {"category": "timeout", "message": "Time ran out before this file was processed. Try again."}
    assert _said(second) == (None, None, False, late, None)
    assert worker.store.got == [first.storage_path]


def test_a_medium_not_decoded_by_the_deadline_is_left_for_another_try(worker: WorkerBench) -> None:
    job = worker.request(["one"])
    worker.decoder.answers[b"one"] = OutOfTime()

    worker.process(job)

    late = {"category": "timeout", "message": "Time ran out before this file was processed. Try again."}
    assert _said(worker.media()[0]) == (None, None, False, late, None)


def test_a_medium_without_any_words_by_the_deadline_is_left_for_another_try(worker: WorkerBench) -> None:
    job = worker.request(["one"])
    worker.listener.says = [Transcript((), TranscriptSource.WHISPER, is_truncated=True)]

    worker.process(job)

    (medium,) = worker.media()
    assert (medium.transcript, medium.has_speech, medium.processed_at) == (None, None, None)
    assert medium.error is not None
    assert medium.error["category"] == "timeout"


def test_the_transcript_of_a_too_long_sound_is_marked_as_truncated(worker: WorkerBench) -> None:
    job = worker.request(["long"])
    worker.decoder.answers[b"long"] = VIDEO.model_copy(update={"is_audio_truncated": True})

    worker.process(job)

    assert worker.media()[0].transcript_truncated


def test_a_medium_that_another_request_has_processed_is_not_processed_again(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    other = worker.media()[1].id

    def read_by_another_request() -> None:
        with session_scope(worker.pipeline.engine) as session:
            record_processed(session, other, now=worker.pipeline.clock())

    worker.listener.during = read_by_another_request

    assert worker.process(job) == Outcome.PROCESSED
    assert worker.decoder.seen == [b"one"]


@pytest.mark.parametrize("is_transient", [True, False])
def test_the_transcript_is_kept_if_the_pictures_cannot_be_stored(is_transient: bool, worker: WorkerBench) -> None:
    job = worker.request(["one"], ["two"])
    worker.store.put_errors = [storage_error(is_transient=is_transient)]

    assert worker.process(job) == Outcome.PROCESSED

    first, second = worker.media()
    error = {"category": "provider_error", "message": "The storage of media is out of order."}
    now = worker.pipeline.clock()
    assert _said(first) == ("Hello there.", True, False, error, None if is_transient else now)
    assert _said(second) == ("Hello there.", True, False, None, now)
    assert first.frames is None
    assert worker.post_of(first).transcript == "Hello there."


def test_a_superseded_attempt_starts_no_work(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.pipeline.supersede(RequestJob(**job.model_dump()))

    assert worker.process(job) == Outcome.SUPERSEDED
    assert worker.process(unknown_job()) == Outcome.SUPERSEDED
    assert worker.store.got == []


def test_an_attempt_superseded_during_its_work_leaves_the_rest_to_the_new_one(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    worker.calls = [call_of("supabase")]
    worker.listener.during = lambda: worker.pipeline.supersede(RequestJob(**job.model_dump()))

    assert worker.process(job) == Outcome.SUPERSEDED

    # Findings are valid for any attempt.
    assert [medium.transcript for medium in worker.media()] == ["Hello there.", None]
    check_books(worker.pipeline, RequestJob(**job.model_dump()))


def test_media_of_failed_posts_are_not_processed(worker: WorkerBench) -> None:
    job = worker.request(["video"], state=PostState.FAILED)

    assert worker.process(job) == Outcome.PROCESSED
    assert worker.store.got == []


def test_the_vendor_calls_of_every_medium_are_logged(worker: WorkerBench) -> None:
    job = worker.request(["one", "two"])
    worker.calls = [replace(call_of("supabase"), duration_ms=number) for number in (3, 4)]

    worker.process(job)

    pipeline_job = RequestJob(**job.model_dump())
    check_books(worker.pipeline, pipeline_job)
    assert sorted(call.duration_ms or 0 for call in worker.pipeline.calls(pipeline_job)) == [3, 3, 4, 4]


_FAILED = {"category": "internal", "message": "Our server failed while it processed this file. Try again."}
_GIVEN_UP = {"category": "media_error", "message": "The file could not be decoded after several attempts."}


@pytest.mark.parametrize("failure", [HostFailure(), OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken")])
def test_a_medium_is_processed_after_one_failure_of_the_machine(failure: Exception, worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.decoder.failures = [failure]

    worker.process(job)

    assert _said(worker.media()[0]) == ("Hello there.", True, False, None, worker.pipeline.clock())


def test_a_failure_of_the_machine_is_not_blamed_on_the_file(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.decoder.failures = [HostFailure()] * MAX_TRIES_PER_JOB

    worker.process(job)

    assert _said(worker.media()[0]) == (None, None, False, _FAILED | {"tries": MAX_TRIES_PER_JOB}, None)

    worker.process(job)

    assert _said(worker.media()[0]) == ("Hello there.", True, False, None, worker.pipeline.clock())


def test_a_file_that_crashes_every_decoder_is_given_up(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.decoder.answers[b"video"] = HostFailure()

    for _ in range(MAX_TRIES):
        worker.process(job)

    assert _said(worker.media()[0]) == (None, None, False, _GIVEN_UP, worker.pipeline.clock())
    assert len(worker.decoder.seen) == MAX_TRIES


def test_an_os_error_that_is_not_the_disks_is_raised(worker: WorkerBench) -> None:
    job = worker.request(["video"])
    worker.decoder.failures = [OSError(errno.EPERM, "a mistake of ours")]

    with pytest.raises(OSError, match="a mistake of ours"):
        worker.process(job)


def test_voices_without_words_are_not_silence(worker: WorkerBench) -> None:
    job = worker.request(["song"])
    worker.listener.says = [Transcript((), TranscriptSource.WHISPER, is_truncated=True)]
    worker.listener.unclear = ((1.0, 5.0),)

    worker.process(job)

    (medium,) = worker.media()
    error = {"category": "media_error", "message": "Voices were detected, but no words could be recognised."}
    assert _said(medium) == (None, None, False, error, worker.pipeline.clock())
    assert not (medium.measurements or {}).keys() & {"speech_words", "speech_share"}


@pytest.mark.parametrize("problem", ["The file is incomplete; its end is missing.", None])
def test_a_partly_decoded_sound_without_words_is_not_silence(problem: str | None, worker: WorkerBench) -> None:
    job = worker.request(["cut"])
    worker.decoder.answers[b"cut"] = VIDEO.model_copy(update={"is_audio_truncated": True, "problem": problem})
    worker.listener.says = [Transcript((), TranscriptSource.WHISPER)]

    worker.process(job)

    (medium,) = worker.media()
    message = problem or "Only part of the sound could be decoded, and it contains no speech."
    assert _said(medium) == (None, None, False, {"category": "media_error", "message": message}, medium.processed_at)
    assert medium.processed_at == worker.pipeline.clock()


def test_a_partly_decoded_sound_is_marked_and_gives_no_facts_about_the_whole(worker: WorkerBench) -> None:
    job = worker.request(["cut"])
    problem = "The file is incomplete; its end is missing."
    worker.decoder.answers[b"cut"] = VIDEO.model_copy(update={"is_audio_truncated": True, "problem": problem})

    worker.process(job)

    (medium,) = worker.media()
    error = {"category": "media_error", "message": problem}
    assert _said(medium) == ("Hello there.", True, True, error, worker.pipeline.clock())
    assert not (medium.measurements or {}).keys() & {"speech_words", "speech_share"}
