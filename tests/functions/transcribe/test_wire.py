"""The worker with its real collaborators: storage over HTTP, FFmpeg in its own process, Whisper, Postgres."""

import base64
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from aws_lambda_powertools import Logger

from functions.transcribe.deadline import Deadline
from functions.transcribe.media_processor import MediaProcessor
from functions.transcribe.settings import WorkerSettings
from functions.transcribe.wiring import build_processor
from tests.fixtures.media_files import SOUND_RATE, silence, speech, write_media
from tests.fixtures.pipeline import Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.fixtures.youtube import add_video
from tests.functions.transcribe.conftest import WorkerBench
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.vendor_calls.calls import CallCollector

_KEY = "sb_secret_stand_in"


@pytest.fixture
def processor(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MediaProcessor]:
    url = pipeline.engine.url.render_as_string(hide_password=False).replace("+whyviral", "")
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    monkeypatch.setenv("SUPABASE_URL", f"{stand_ins.base_url}/supabase")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", _KEY)
    processor = build_processor(WorkerSettings.load(), logger=Logger(service="test", level="CRITICAL"))
    yield processor
    processor._engine.dispose()


def test_a_stored_video_is_fetched_decoded_and_transcribed_and_its_pictures_are_stored(
    worker: WorkerBench, processor: MediaProcessor, stand_ins: StandInsClient, tmp_path: Path
) -> None:
    sound = np.concatenate([silence(1), speech("0930", rate=SOUND_RATE)])
    video = write_media(tmp_path / "video.mp4", scenes=[2.0, 2.0], sound=sound)
    job = worker.request(["video"])
    store = SupabaseMediaStore(f"{stand_ins.base_url}/supabase", _KEY, calls=CallCollector())
    worker.put(store, worker.media()[0], video.read_bytes())

    assert processor.process(job, Deadline(WAIT_S)) == Outcome.PROCESSED

    (medium,) = worker.media()
    assert medium.error is None
    assert "made amiable" in (medium.transcript or "")
    assert (medium.has_speech, medium.language, medium.transcript_truncated) == (True, "en", False)
    measured = medium.measurements or {}
    assert (measured["cut_count"], measured["first_cut_s"], measured["speech_words"]) == (1, 2.0, 8)
    assert medium.frames is not None
    for url in (medium.thumbnail_url, *(frame["url"] for frame in medium.frames)):
        with urllib.request.urlopen(url or "") as picture:  # noqa: S310 - of the stand-in
            assert picture.read(3) == b"\xff\xd8\xff"
    check_books(worker.pipeline, RequestJob(**job.model_dump()))
    calls = worker.pipeline.calls(RequestJob(**job.model_dump()))
    assert len([call for call in calls if call.provider == "supabase"]) == 1 + 1 + len(medium.frames)


def test_the_sound_of_a_page_is_downloaded_and_transcribed(
    worker: WorkerBench, processor: MediaProcessor, stand_ins: StandInsClient, tmp_path: Path
) -> None:
    video = write_media(tmp_path / "video.mp4", scenes=[1.0], sound=speech("0930", rate=SOUND_RATE))
    job = worker.request([""], platform="youtube")
    post = worker.post_of(worker.media()[0])
    file = {"kind": "video", "filename": "video.mp4", "file_base64": base64.b64encode(video.read_bytes()).decode()}
    add_video(stand_ins, post.platform_post_id, media=[file])

    assert processor.process(job, Deadline(WAIT_S)) == Outcome.PROCESSED

    (medium,) = worker.media()
    assert medium.error is None
    assert "made amiable" in (medium.transcript or "")
    assert {call.provider for call in worker.pipeline.calls(RequestJob(**job.model_dump()))} == {"youtube"}
