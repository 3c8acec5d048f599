"""A worker that is killed where it hurts: what it had saved stays, and the next attempt does only the rest."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from functions.transcribe.examine import EXAMINED
from functions.transcribe.running import Job
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from tests.fixtures.media_files import SOUND_RATE, speech, write_media
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.task_tokens import WaitingTasks
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.transcribe.conftest import Desk
from tests.functions.transcribe.processes import running_worker
from whyviral.core.calls import CallCollector
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.supabase_storage import SupabaseMediaStore
from whyviral.social.models import PostMedia

_KEY = "sb_secret_stand_in"


def _fetches(desk: Desk, _folder: Path) -> bool:
    return desk.media()[1].claimed_by is not None


def _listens(desk: Desk, folder: Path) -> bool:
    return _fetches(desk, folder) and any(folder.glob(f"medium-*/{EXAMINED}")) and not _has_heard(desk, folder)


def _has_heard(desk: Desk, _folder: Path) -> bool:
    return desk.media()[1].transcript_source is not None


def _is_done(medium: PostMedia) -> tuple[bool, bool, bool]:
    return medium.processed_at is not None, medium.transcript is not None, medium.frames is not None


@pytest.fixture
def variables(
    desk: Desk, stand_ins: StandInsClient, local_endpoints: Endpoints, waiting_tasks: WaitingTasks, tmp_path: Path
) -> dict[str, str]:
    return {
        **waiting_tasks.environment,
        ENDPOINTS_VARIABLE: dump_endpoints(local_endpoints),
        "SUPABASE_DB_URL": desk.pipeline.engine.url.render_as_string(hide_password=False).replace("+pg8000", ""),
        "SUPABASE_URL": f"{stand_ins.base_url}/supabase",
        "SUPABASE_SECRET_KEY": _KEY,
        "TMPDIR": str(tmp_path),
    }


def _store(desk: Desk, stand_ins: StandInsClient, folder: Path) -> Job:
    """Make a request for a post with two videos in storage, whose every access takes a moment."""
    sound = np.concatenate([speech("0930", rate=SOUND_RATE), speech("0870", rate=SOUND_RATE)])
    video = write_media(folder / "video.mp4", scenes=[1.0, 1.0], sound=sound).read_bytes()
    job = desk.request(["one", "two"])
    store = SupabaseMediaStore(f"{stand_ins.base_url}/supabase", _KEY, calls=CallCollector())
    for medium in desk.media():
        desk.put(store, medium, video)
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
def test_the_next_attempt_goes_on_where_a_worker_was_killed(
    desk: Desk,
    stand_ins: StandInsClient,
    waiting_tasks: WaitingTasks,
    variables: dict[str, str],
    tmp_path: Path,
    is_there: Callable[[Desk, Path], bool],
    saved: tuple[bool, bool, bool],
) -> None:
    job = _store(desk, stand_ins, tmp_path)
    execution, token = waiting_tasks.start(), waiting_tasks.take_token()
    with running_worker({**variables, **_work_of(job, token)}, launcher=["local/bootstrap.py"]) as process:
        wait_until(lambda: is_there(desk, tmp_path), every_s=0.01)
        process.send_signal(signal.SIGKILL)
    before = desk.media()
    assert [_is_done(medium) for medium in before] == [(True, True, True), saved]

    with running_worker({**variables, **_work_of(desk.retry(job), token)}, launcher=["local/bootstrap.py"]) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert waiting_tasks.end_of(execution) == ("SUCCEEDED", {"outcome": "processed"}), output
    first, second = desk.media()
    assert (first.updated_at, second.transcript) == (before[0].updated_at, first.transcript)
    assert second.measurements == first.measurements
    assert [_is_done(medium) for medium in (first, second)] == [(True, True, True)] * 2
    assert "amiable" in (second.transcript or "")
