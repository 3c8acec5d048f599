"""Many concurrent requests: all complete within the connections and memory of a small machine and a vendor's limit."""

import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from local.stack.accounts import business_token
from tests.behaviour.command import running_command, tree_of
from tests.behaviour.system import publish_post_of_x, wait_for_end
from tests.fixtures.proof_scale import scaled
from tests.fixtures.waits import WAIT_S
from whyviral.core.database import build_engine

MOST_CONNECTIONS = 20
MOST_PSS_MB = 1_700
"""The limit for all processes of `make run`: state machine, database, stand-ins, API and workers."""
POSTS_OF_X_A_SECOND = 3
"""TwitterAPI.io's rate limit for a key of its lowest paid tier."""
_REQUESTS_A_USER = 10
_LOOK_S = 0.05
_WEIGH_S = 2.0
_CONNECTIONS = text(
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
)


type Ready = Mapping[str, Any]
"""The fields of the READY line."""


@dataclass(slots=True)
class Watch:
    """The observed maxima."""

    connections: int = 0
    pss_mb: float = 0.0
    looks: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    def look_at_database(self, url: str) -> None:
        engine = build_engine(url)
        with engine.connect() as connection:
            while not self._stopped.wait(_LOOK_S):
                self.connections = max(self.connections, connection.execute(_CONNECTIONS).scalar_one())
                connection.rollback()
                self.looks += 1
        engine.dispose()

    def weigh(self, system: subprocess.Popen[str]) -> None:
        while not self._stopped.wait(_WEIGH_S):
            self.pss_mb = max(self.pss_mb, sum(map(_pss_mb, tree_of(system))))

    def stop(self) -> None:
        self._stopped.set()


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0  # the process has ended


@contextmanager
def watching(system: subprocess.Popen[str], ready: Ready) -> Iterator[Watch]:
    watch = Watch()
    threads = [
        threading.Thread(target=watch.look_at_database, args=(ready["database_url"],)),
        threading.Thread(target=watch.weigh, args=(system,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        for thread in threads:
            thread.join()


def business_users(ready: Ready, count: int) -> list[httpx.Client]:
    """Return clients of the API for `count` users; each user can start 20 analyses an hour."""
    tokens = [
        business_token(ready["stand_ins"], ready["api"], ready["database_url"], f"{uuid.uuid4()}@whyviral.example")
        for _ in range(count)
    ]
    return [
        httpx.Client(base_url=ready["api"], headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S)
        for token in tokens
    ]


def ask(user: httpx.Client, url: str) -> str:
    accepted = user.post("/api/analysis/analyze/", json={"post_urls": [url]})
    assert accepted.status_code == 202, accepted.text
    [request] = accepted.json()["requests"]
    return str(request["id"])


def ends_of(users: Sequence[httpx.Client], asked: Sequence[tuple[int, str]]) -> list[str]:
    """Wait until all requests, given with their user's number, have ended; returns their statuses."""
    ends = [wait_for_end(users[number], request_id) for number, request_id in asked]
    return [f"{request['status']} {request['error'] or ''}".strip() for request in ends]


def analyse_at_once(system: subprocess.Popen[str], ready: Ready, urls: Sequence[str]) -> tuple[list[str], Watch]:
    """Start one analysis of each URL at the same time; returns their ends and the observed maxima."""
    users = business_users(ready, -(-len(urls) // _REQUESTS_A_USER))
    numbers = [index % len(users) for index in range(len(urls))]
    with watching(system, ready) as watch, ThreadPoolExecutor(len(urls)) as callers:
        ids = list(callers.map(lambda number, url: ask(users[number], url), numbers, urls))
        ends = ends_of(users, list(zip(numbers, ids, strict=True)))
    for user in users:
        user.close()
    return ends, watch


@pytest.mark.proof
def test_fifty_requests_at_once_complete_within_twenty_connections(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ids = [str(1_810_000_000_000_000_000 + number) for number in range(scaled(50, at_least=10))]
    settings = {"TWITTERAPI_REQUESTS_PER_SECOND": str(POSTS_OF_X_A_SECOND)}
    with (
        running_command(tmp_path / "data", settings=settings) as (system, ready),
        httpx.Client(base_url=ready["stand_ins"], timeout=WAIT_S) as control,
    ):
        urls = [publish_post_of_x(control, post_id) for post_id in ids]
        limits = {"twitterapi_per_second": POSTS_OF_X_A_SECOND}
        control.post("/__control/limits", json=limits).raise_for_status()

        ends, watch = analyse_at_once(system, ready, urls)

        refused = control.get("/__control/limits").json()["refused"]
    record_property("connections", watch.connections)
    record_property("pss_mb", round(watch.pss_mb))
    print(watch)  # noqa: T201 - seen when it fails
    assert refused["twitterapi"] == 0
    assert ends == ["COMPLETED"] * len(urls)
    assert watch.looks > 0
    assert 0 < watch.connections <= MOST_CONNECTIONS
    assert 0 < watch.pss_mb <= MOST_PSS_MB
