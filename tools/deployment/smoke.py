"""A smoke test of a deployed API: its health, and with an API key the analysis of one photo and one video.

usage: python -m tools.deployment.smoke API_URL

SMOKE_API_KEY is a key or session token of a user of that stage; SMOKE_PHOTO_URL and SMOKE_VIDEO_URL are public posts.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

_ANALYSIS_S = 1800.0
"""An execution lives at most that long."""
_POLL_S = 5.0
_POSTS = ("SMOKE_PHOTO_URL", "SMOKE_VIDEO_URL")


class SmokeTestFailed(Exception):
    """The deployed API does not do what it should; the message says what it did."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long and how to wait for an analysis."""

    max_s: float = _ANALYSIS_S
    poll_s: float = _POLL_S
    sleep: Callable[[float], object] = time.sleep


def smoke(api: httpx.Client, settings: Mapping[str, str], *, waiting: Waiting | None = None) -> list[str]:
    """Test an API and return a line for each thing that was tested or left out.

    Raises:
        SmokeTestFailed: an answer or a result is wrong.
    """
    health = api.get("/health/")
    if health.status_code != httpx.codes.OK:
        raise SmokeTestFailed(f"/health/ answers {health.status_code}: {health.text[:300]}")
    done = [f"/health/ answers {health.json()}"]
    missing = [name for name in ("SMOKE_API_KEY", *_POSTS) if not settings.get(name)]
    if missing:
        return [*done, f"no analysis was tried, because {', '.join(missing)} is not set"]
    api.headers["Authorization"] = f"Bearer {settings['SMOKE_API_KEY']}"
    return done + [_analyse(api, settings[name], waiting or Waiting()) for name in _POSTS]


def _analyse(api: httpx.Client, url: str, waiting: Waiting) -> str:
    accepted = api.post("/api/analysis/analyze/", json={"post_urls": [url]})
    if accepted.status_code != httpx.codes.ACCEPTED:
        raise SmokeTestFailed(f"analyze/ answers {accepted.status_code} for {url}: {accepted.text[:300]}")
    request_id = accepted.json()["requests"][0]["id"]
    for _ in range(int(waiting.max_s / waiting.poll_s)):
        request = api.get(f"/api/analysis/requests/{request_id}/").raise_for_status().json()
        if request["status"] == "COMPLETED" and not request["results"]["partial"]:
            return f"{url} was analysed in {request['duration_seconds']} s for {request['cost_usd']} USD"
        if request["status"] in ("COMPLETED", "FAILED"):
            raise SmokeTestFailed(f"{url} ended {request['status']}: {request['error'] or request['results']}")
        waiting.sleep(waiting.poll_s)
    raise SmokeTestFailed(f"{url} has not ended after {waiting.max_s:g} s; its request is {request_id}")


def main(arguments: list[str]) -> int:
    """Test the API at an address and return the exit status."""
    try:
        with httpx.Client(base_url=arguments[0], timeout=30) as api:
            for line in smoke(api, os.environ):
                print(line)
    except (SmokeTestFailed, httpx.HTTPError) as exc:
        print(f"whyviral: the smoke test failed: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
