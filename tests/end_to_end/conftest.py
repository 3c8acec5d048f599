"""The whole system, started once for all tests of this folder."""

import dataclasses
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from local import stack as local_stack
from local.accounts import business_token, create_token
from local.sandbox import Witness, unseen
from local.stack import Stack
from local.template import Template

_END_S = 60
pytest.register_assert_rewrite("tests.end_to_end.cases", "tests.end_to_end.schedules")


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


@dataclass(frozen=True, slots=True)
class System:
    """A running system and a user of it."""

    stack: Stack
    api: httpx.Client
    control: httpx.Client
    logs: Path
    """Where every process of the system writes its log."""

    def user(self, email: str) -> httpx.Client:
        """Return the API as another user sees it."""
        token, _ = create_token(self.stack.ready.stand_ins, email)
        return httpx.Client(base_url=self.stack.ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def calls(self, vendor: str) -> list[dict[str, Any]]:
        """Return what a stand-in was asked since the last reset."""
        calls: list[dict[str, Any]] = self.control.get(f"/__control/calls?vendor={vendor}").json()["calls"]
        return calls

    def publish(self, post_id: str, text: str = "An invented post.", **fields: Any) -> str:
        """Publish a post of X and return its URL."""
        return publish_post_of_x(self.control, post_id, text, **fields)

    def analyse(self, *urls: str) -> dict[str, Any]:
        """Analyse posts of one platform and return the request at its end."""
        accepted = self.api.post("/api/analysis/analyze/", json={"post_urls": urls})
        assert accepted.status_code == 202, accepted.text
        [request] = accepted.json()["requests"]
        return self.wait_for(request["id"])

    def wait_for(self, request_id: str) -> dict[str, Any]:
        """Return a request at its end."""
        deadline = time.monotonic() + _END_S
        while time.monotonic() < deadline:
            request: dict[str, Any] = self.api.get(f"/api/analysis/requests/{request_id}/").raise_for_status().json()
            if request["status"] in ("COMPLETED", "FAILED"):
                return request
            time.sleep(0.05)
        raise AssertionError(f"request {request_id} has no end: {request}")

    def processes(self) -> list[psutil.Process]:
        """Return every process of the system; this one, which holds the state machine, is the first."""
        me = psutil.Process()
        return [me, *me.children(recursive=True)]


@contextmanager
def run_system(
    data: Path,
    *,
    settings: Mapping[str, str] | None = None,
    template: Template | None = None,
    witness: Witness = unseen,
) -> Iterator[System]:
    """Run a system of stand-ins inside the block; settings, template and witness are as `local.stack.running` says."""
    with local_stack.running(
        data, port=None, user_settings=settings or {}, template=template, witness=witness
    ) as stack:
        headers = {"Authorization": f"Bearer {stack.ready.token}"}
        with (
            httpx.Client(base_url=stack.ready.api, headers=headers, timeout=30) as api,
            httpx.Client(base_url=stack.ready.stand_ins, timeout=30) as control,
        ):
            yield System(stack=stack, api=api, control=control, logs=data / "logs")


@pytest.fixture(scope="module")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with run_system(tmp_path_factory.mktemp("stack")) as system:
        yield system


@pytest.fixture
def system(running_system: System) -> Iterator[System]:
    """The system with a Business user of the test's own: together, tests ask for more than 20 analyses an hour."""
    running_system.control.post("/__control/reset").raise_for_status()
    ready = running_system.stack.ready
    email = f"{uuid.uuid4()}@whyviral.example"
    token = business_token(ready.stand_ins, ready.api, ready.database_url, email)
    with httpx.Client(base_url=ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=30) as api:
        yield dataclasses.replace(running_system, api=api)
