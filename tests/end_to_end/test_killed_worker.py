"""Deaths in the middle of the work: the worker's, and a sample of those of test_kill_anywhere.py."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import psutil
import pytest

from tests.end_to_end.cases import ONCE, PARTIAL, Played, end_of, play_all, somebody, undisturbed, wait_for
from tests.end_to_end.matrix import CASES
from tests.end_to_end.posts import publish, told_of
from tests.end_to_end.troubles import World

_PATIENCE_S = 30.0
_HEARTBEAT_S = 5
_SAMPLE = (
    "FetchPosts of X: killed before its answer",
    "FetchPosts of X: our exception while it saves",
    "AnalysePosts: killed as it arrived",
    "AnalysePosts: disconnect",
    "FinishRequest: killed after its commit",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(heartbeat_s=_HEARTBEAT_S).running(tmp_path_factory.mktemp("stack")) as world:
        yield world


@pytest.fixture(scope="module")
def untroubled(world: World) -> Any:
    return undisturbed(world, "x")


@pytest.fixture(scope="module")
def played(world: World, untroubled: Any) -> Mapping[str, Future[Played]]:
    assert untroubled
    return play_all(world, [CASES[name] for name in _SAMPLE], at_once=len(_SAMPLE))


@pytest.mark.parametrize("name", _SAMPLE)
def test_a_request_whose_function_dies_ends_as_if_it_had_not(
    name: str, played: Mapping[str, Future[Played]], untroubled: Any
) -> None:
    case, found = CASES[name], played[name].result()

    assert (found.ends, found.calls) == (case.ends, {**ONCE[found.platform], **case.calls})
    assert found.told == untroubled


def _kill_worker(world: World) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for process in world.system.processes():
            try:
                if "functions.transcribe.worker" in process.cmdline():
                    process.kill()
                    return
            except psutil.Error:
                continue  # it has ended meanwhile
        time.sleep(0.01)
    raise AssertionError("no worker was started")


def test_a_killed_worker_costs_the_transcript_and_not_the_analysis(world: World) -> None:
    twin = publish(world.system, "x-video")

    with somebody(world) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]}).raise_for_status().json()
        _kill_worker(world)
        request = wait_for(api, accepted["requests"][0]["id"])
        [post] = told_of(api, twin, request)["posts"]

    steps = [(step["stage"], step["message"]) for step in request["status_history"]]
    assert (end_of(request), request["error"], request["posts_processed"]) == (PARTIAL, None, 1)
    assert (
        "transcribing",
        "Not every video could be watched and listened to; what was missed is left out of the explanation.",
    ) in steps
    assert (post["transcript"], post["has_speech"]) == (None, None)
    [video] = [medium for medium in post["media"] if medium["kind"] == "video"]
    assert (video["frames"], video["transcript_source"]) == (None, None)
    assert video["supabase_url"] is not None
