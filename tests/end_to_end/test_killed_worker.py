"""A worker that dies in the middle of its work: what its request comes to."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import template
from tests.end_to_end.conftest import System, run_system

_PATIENCE_S = 30.0
_HEARTBEAT_S = "5"
"""In place of two minutes. A worker beats every 20 s: this one never comes to its second beat."""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    on_one_machine = template._ON_ONE_MACHINE | {"TranscribeHeartbeat": _HEARTBEAT_S}
    monkeypatch.setattr(template, "_ON_ONE_MACHINE", on_one_machine)  # nobody but a test wants another one
    with run_system(tmp_path) as system:
        yield system


def _kill_worker(system: System) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for process in system.processes():
            try:
                if "functions.transcribe.worker" in process.cmdline():
                    process.kill()
                    return
            except psutil.Error:
                continue  # it has ended meanwhile
        time.sleep(0.01)
    raise AssertionError("no worker was started")


def test_a_killed_worker_costs_the_transcript_and_not_the_analysis(system: System) -> None:
    url = "https://x.com/invented_reader/status/9000000000000000003"
    accepted = system.api.post("/api/analysis/analyze/", json={"post_urls": [url]}).raise_for_status().json()

    _kill_worker(system)
    request = system.wait_for(accepted["requests"][0]["id"])

    steps = [(step["stage"], step["message"]) for step in request["status_history"]]
    [post] = system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    assert (request["status"], request["error"], request["posts_processed"]) == ("COMPLETED", None, 1)
    assert (
        "transcribing",
        "Not every video could be watched and listened to; what was missed is left out of the explanation.",
    ) in steps
    assert (post["transcript"], post["has_speech"]) == (None, None)
    [video] = [medium for medium in post["media"] if medium["kind"] == "video"]
    assert (video["frames"], video["transcript_source"]) == (None, None)
    assert video["supabase_url"] is not None
