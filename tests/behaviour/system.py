"""The whole system for tests: its API, its control server, and the calls to its stand-ins."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from local.aws.sandbox import InvocationHook, no_hook
from local.aws.template import Template
from local.stack import system as local_stack
from local.stack.accounts import create_token
from local.stack.system import Stack
from tests.fixtures.waits import WAIT_S, wait_until


def publish_post_of_x(control: httpx.Client, post_id: str, text: str = "An invented post.", **fields: Any) -> str:
    """Publish a post of X at the stand-in and return its URL."""
    post = {
        "platform": "x",
        "id": post_id,
        "username": "invented",
        "text": text,
        "metrics": {"likes": 10, "comments": 2, "views": 1000, "shares": 1},
        "posted_at": "2026-11-01T12:00:00Z",
        "media": [],
    } | fields
    control.post("/__control/posts", json=post).raise_for_status()
    return f"https://x.com/invented/status/{post_id}"


def wait_for_end(api: httpx.Client, request_id: str) -> dict[str, Any]:
    """Wait until a request has ended, and return it."""

    def ended() -> dict[str, Any] | None:
        request: dict[str, Any] = api.get(f"/api/analysis/requests/{request_id}/").raise_for_status().json()
        return request if request["status"] in ("COMPLETED", "FAILED") else None

    request = wait_until(ended, every_s=0.1)
    assert request is not None
    return request


@dataclass(frozen=True, slots=True)
class System:
    """A running system and a user of it."""

    stack: Stack
    api: httpx.Client
    control: httpx.Client
    logs: Path
    """The folder with the logs of all processes."""

    def user(self, email: str) -> httpx.Client:
        """Return a client of the API for another user."""
        token, _ = create_token(self.stack.ready.stand_ins, email)
        return httpx.Client(base_url=self.stack.ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S)

    def calls(self, vendor: str) -> list[dict[str, Any]]:
        """Return the calls to a vendor's stand-in since the last reset."""
        calls: list[dict[str, Any]] = self.control.get(f"/__control/calls?vendor={vendor}").json()["calls"]
        return calls

    def publish(self, post_id: str, text: str = "An invented post.", **fields: Any) -> str:
        """Publish a post of X and return its URL."""
        return publish_post_of_x(self.control, post_id, text, **fields)

    def analyse(self, *urls: str) -> dict[str, Any]:
        """Analyse posts of one platform and return the request when it has ended."""
        accepted = self.api.post("/api/analysis/analyze/", json={"post_urls": urls})
        assert accepted.status_code == 202, accepted.text
        [request] = accepted.json()["requests"]
        return self.wait_for(request["id"])

    def wait_for(self, request_id: str) -> dict[str, Any]:
        """Wait until a request has ended, and return it."""
        return wait_for_end(self.api, request_id)

    def processes(self) -> list[psutil.Process]:
        """Return every process of the system, starting with this one, which runs the state machine."""
        me = psutil.Process()
        return [me, *me.children(recursive=True)]


@contextmanager
def run_system(
    data: Path,
    *,
    settings: Mapping[str, str] | None = None,
    template: Template | None = None,
    invocation_hook: InvocationHook = no_hook,
) -> Iterator[System]:
    """Run a system with stand-ins inside the block; the arguments are those of `local.stack.system.running`.

    Creators are not compared unless a setting says so, because most tests count the calls to vendors. The real client
    asks the stand-in of Gemini.
    """
    user_settings = {"BASELINE_MODE": "off", "AI_PROVIDER": "gemini"} | dict(settings or {})
    with local_stack.running(
        data, port=None, user_settings=user_settings, template=template, invocation_hook=invocation_hook
    ) as stack:
        headers = {"Authorization": f"Bearer {stack.ready.token}"}
        with (
            httpx.Client(base_url=stack.ready.api, headers=headers, timeout=WAIT_S) as api,
            httpx.Client(base_url=stack.ready.stand_ins, timeout=WAIT_S) as control,
        ):
            yield System(stack=stack, api=api, control=control, logs=data / "logs")
