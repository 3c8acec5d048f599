"""A worker is killed at critical points: its saved results stay, and the next attempt does only the rest."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from functions.transcribe.decoder.examination import EXAMINED
from functions.transcribe.job_runner import Job
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from tests.fixtures.media_files import SOUND_RATE, speech, write_media
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.task_tokens import WaitingTasks
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.transcribe.conftest import WorkerBench
from tests.functions.transcribe.processes import running_worker
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.social.models import PostMedia
from whyviral.vendor_calls.calls import CallCollector

_KEY = "sb_secret_stand_in"


def _fetches(worker: WorkerBench, _folder: Path) -> bool:
    return worker.media()[1].claimed_by is not None


def _listens(worker: WorkerBench, folder: Path) -> bool:
    return _fetches(worker, folder) and any(folder.glob(f"medium-*/{EXAMINED}")) and not _has_heard(worker, folder)


def _has_heard(worker: WorkerBench, _folder: Path) -> bool:
    return worker.media()[1].transcript_source is not None


def _is_done(medium: PostMedia) -> tuple[bool, bool, bool]:
    return medium.processed_at is not None, medium.transcript is not None, medium.frames is not None


@pytest.fixture
def variables(
    worker: WorkerBench,
    stand_ins: StandInsClient,
    local_endpoints: Endpoints,
    waiting_tasks: WaitingTasks,
    tmp_path: Path,
) -> dict[str, str]:
    return {
        **waiting_tasks.environment,
        ENDPOINTS_VARIABLE: dump_endpoints(local_endpoints),
        "SUPABASE_DB_URL": worker.pipeline.engine.url.render_as_string(hide_password=False).replace("+whyviral", ""),
        "SUPABASE_URL": f"{stand_ins.base_url}/supabase",
        "SUPABASE_SECRET_KEY": _KEY,
        "TMPDIR": str(tmp_path),
    }


def _store(worker: WorkerBench, stand_ins: StandInsClient, folder: Path) -> Job:
    """Create a request for a post with two videos in storage. Each access to storage is delayed."""
    sound = np.concatenate([speech("0930", rate=SOUND_RATE), speech("0870", rate=SOUND_RATE)])
    video = write_media(folder / "video.mp4", scenes=[1.0, 1.0], sound=sound).read_bytes()
    job = worker.request(["one", "two"])
    store = SupabaseMediaStore(f"{stand_ins.base_url}/supabase", _KEY, calls=CallCollector())
    for medium in worker.media():
        worker.put(store, medium, video)
    stand_ins.fault("supabase", "slow", delay_s=0.15)
    return job


def _work_of(job: Job, token: str) -> dict[str, str]:
    return {"TASK_TOKEN": token, "REQUEST_ID": str(job.request_id), "ATTEMPT": str(job.attempt)}


@pytest.mark.proof
@pytest.mark.parametrize(
    ("is_there", "saved"),
    [
        pytest.param(_fetches, (False, False, False), id="before Whisper"),
        pytest.param(_listens, (False, False, False), id="during Whisper"),
        pytest.param(_has_heard, (False, True, False), id="after Whisper"),
    ],
)
def test_the_next_attempt_continues_where_a_worker_was_killed(
    worker: WorkerBench,
    stand_ins: StandInsClient,
    waiting_tasks: WaitingTasks,
    variables: dict[str, str],
    tmp_path: Path,
    is_there: Callable[[WorkerBench, Path], bool],
    saved: tuple[bool, bool, bool],
) -> None:
    job = _store(worker, stand_ins, tmp_path)
    execution, token = waiting_tasks.start(), waiting_tasks.take_token()
    with running_worker({**variables, **_work_of(job, token)}, launcher=["local/bootstrap.py"]) as process:
        wait_until(lambda: is_there(worker, tmp_path), every_s=0.01)
        process.send_signal(signal.SIGKILL)
    before = worker.media()
    assert [_is_done(medium) for medium in before] == [(True, True, True), saved]

    with running_worker(
        {**variables, **_work_of(worker.retry(job), token)}, launcher=["local/bootstrap.py"]
    ) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert waiting_tasks.end_of(execution) == ("SUCCEEDED", {"outcome": "processed"}), output
    first, second = worker.media()
    assert (first.updated_at, second.transcript) == (before[0].updated_at, first.transcript)
    assert second.measurements == first.measurements
    assert [_is_done(medium) for medium in (first, second)] == [(True, True, True)] * 2
    assert "amiable" in (second.transcript or "")
