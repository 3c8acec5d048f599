"""A worker that dies in the middle of its work: what its request comes to."""

import time

import psutil

from tests.end_to_end.conftest import System

_PATIENCE_S = 30.0
_SOON_S = 60.0
"""The heartbeat that would be missed otherwise takes two minutes."""


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
    killed_at = time.monotonic()
    request = system.wait_for(accepted["requests"][0]["id"])
    took_s = time.monotonic() - killed_at

    assert took_s < _SOON_S
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
