"""The whole system on one machine: time until it is ready, duration of an analysis, memory when idle."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.measurement import Measurement

_ROOT = Path(__file__).parents[1]
_POSTS = 20
_READY_FIRST_S, _READY_AGAIN_S, _PSS_MB = 90, 15, 1000


def measure() -> list[Measurement]:
    """Start the system twice and measure starts, analyses and memory."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        with running(Path(folder)):
            first_s = time.monotonic() - started
        started = time.monotonic()
        with running(Path(folder)) as (process, ready):
            again_s = time.monotonic() - started
            cold_s = _analyse(ready, ["https://x.com/jack/status/20"])
            warm_s = _analyse(ready, ["https://x.com/jack/status/20"])
            many_s = _analyse(ready, [_publish(ready, number) for number in range(_POSTS)])
            time.sleep(20)  # idle workers end after 10 s without a call
            pss_mb = sum(each.memory_full_info().pss for each in _tree(process)) / 1e6
    return [
        Measurement("ready, with a new database", first_s, "s", at_most=_READY_FIRST_S),
        Measurement("ready, the second time", again_s, "s", at_most=_READY_AGAIN_S),
        Measurement("one post, workers cold", cold_s, "s"),
        Measurement("one post, workers warm", warm_s, "s"),
        Measurement(f"{_POSTS} posts in one request", many_s, "s"),
        Measurement("memory of the idle system (PSS)", pss_mb, "MB", at_most=_PSS_MB),
    ]


@contextmanager
def running(data: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the system inside the block on a free port; yields its process and what its ready line says."""
    command = [sys.executable, "-m", "local", "run", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = next(line for line in process.stdout or () if line.startswith("READY "))
            yield process, json.loads(line.removeprefix("READY "))
        finally:
            process.terminate()


def _tree(process: subprocess.Popen[str]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def _publish(ready: dict[str, Any], number: int) -> str:
    post_id = str(9_100_000_000_000_000_000 + number)
    post = {
        "platform": "x",
        "id": post_id,
        "username": "invented",
        "text": f"Invented post number {number}.",
        "metrics": {"likes": 10, "comments": 2, "views": 1000, "shares": 1},
        "posted_at": "2026-11-01T12:00:00Z",
        "media": [],
    }
    httpx.post(f"{ready['stand_ins']}/__control/posts", json=post).raise_for_status()
    return f"https://x.com/invented/status/{post_id}"


def _analyse(ready: dict[str, Any], urls: list[str]) -> float:
    """Return the seconds from the call to the saved result, as recorded in the request."""
    with httpx.Client(base_url=ready["api"], headers={"Authorization": f"Bearer {ready['token']}"}, timeout=30) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": urls}).raise_for_status().json()
        request = accepted["requests"][0]
        while request["status"] in ("PENDING", "PROCESSING"):
            time.sleep(0.05)
            request = api.get(f"/api/analysis/requests/{request['id']}/").raise_for_status().json()
    if request["status"] != "COMPLETED":
        raise RuntimeError(f"the analysis failed: {request['error']}")
    return float(request["duration_seconds"])
